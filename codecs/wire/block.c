/* block.c - see block.h. */
#include "codecs/wire/block.h"

#include <string.h>

static unsigned char *put_number(unsigned char *to, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *to++ = (unsigned char)(number | 0x80);
    *to++ = (unsigned char)number;
    return to;
}

void block_add(struct buf *times, int64_t *last, int64_t started_us, int64_t ended_us)
{
    unsigned char bytes[2 * BLOCK_TIME_BYTES_MAX];
    int64_t started = started_us > *last ? started_us : *last;
    int64_t ended = ended_us > started ? ended_us : started;
    unsigned char *end = put_number(put_number(bytes, (uint64_t)(started - *last)),
                                    (uint64_t)(ended - started));

    buf_add(times, bytes, (size_t)(end - bytes));
    *last = ended;
}

/* The next number, or NULL if there is none: the bytes end, or it is above an int64. */
static const unsigned char *get_number(const unsigned char *at, const unsigned char *end,
                                       uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; at < end && shift < 63; shift += 7) {
        *number |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80))
            return at;
    }
    return NULL;
}

static const unsigned char *end_of(const struct task_block *block)
{
    return (const unsigned char *)block->times.data + block->times.size;
}

bool block_is_whole(const struct task_block *block)
{
    const unsigned char *at = (const unsigned char *)block->times.data;
    int64_t last = block->started_us;

    if (block->count == 0 || block->count > BLOCK_TASKS_MAX || block->token == 0
        || block->token > UINT64_MAX - block->count || last < 0)
        return false;
    for (uint64_t left = 2 * block->count; left > 0; left--) {
        uint64_t number;

        at = get_number(at, end_of(block), &number);
        if (!at || number > (uint64_t)(INT64_MAX - last))
            return false;
        last += (int64_t)number;
    }
    return at == end_of(block);
}

void block_walk_begin(struct block_walk *walk, const struct task_block *block)
{
    *walk = (struct block_walk){ .block = block, .last = block->started_us };
}

static int64_t walk_number(struct block_walk *walk)
{
    const unsigned char *begin = (const unsigned char *)walk->block->times.data;
    uint64_t number = 0;
    const unsigned char *at = get_number(begin + walk->at, end_of(walk->block), &number);

    must(at != NULL);
    walk->at = (size_t)(at - begin);
    return (int64_t)number;
}

void block_next(struct block_walk *walk, int64_t *started_us, int64_t *ended_us)
{
    must(walk->next < walk->block->count);
    walk->next++;
    *started_us = walk->last + walk_number(walk);
    *ended_us = walk->last = *started_us + walk_number(walk);
}

void block_times(const struct task_block *block, uint64_t i, int64_t *started_us,
                 int64_t *ended_us)
{
    struct block_walk walk;

    block_walk_begin(&walk, block);
    while (walk.next <= i)
        block_next(&walk, started_us, ended_us);
}

struct task_block block_part(struct block_walk *walk, uint64_t first, uint64_t count,
                             struct buf *times)
{
    const struct task_block *block = walk->block;
    struct task_block part = { .token = block->token + first, .count = count };
    int64_t started, ended, last = 0;

    must(count > 0 && first < block->count && count <= block->count - first);
    if (walk->next > first)
        block_walk_begin(walk, block);
    while (walk->next < first + count) {
        block_next(walk, &started, &ended);
        if (walk->next <= first)
            continue;
        if (walk->next == first + 1)
            part.started_us = last = started;
        block_add(times, &last, started, ended);
    }
    part.times = (struct bytes){ (const char *)times->data, times->size };
    return part;
}

void block_encode(struct buf *buf, const struct task_block *block)
{
    pack_list(buf, 4);
    pack_uint(buf, block->token);
    pack_uint(buf, block->count);
    pack_int(buf, block->started_us);
    pack_bytes(buf, block->times.data, block->times.size);
}

void block_read(struct reader *reader, struct task_block *block)
{
    size_t size = reader_list(reader);

    *block = (struct task_block){ .token = reader_uint(reader),
                                  .count = reader_uint(reader),
                                  .started_us = reader_int(reader),
                                  .times = reader_bytes(reader) };
    for (; size > 4 && reader_ok(reader); size--)
        reader_skip(reader);
    if (reader_ok(reader) && !block_is_whole(block))
        reader_fail(reader);
}

void blocks_encode(struct buf *buf, const struct task_block *blocks, size_t count)
{
    pack_map(buf, 1);
    pack_text(buf, "blocks");
    pack_list(buf, count);
    for (size_t i = 0; i < count; i++)
        block_encode(buf, &blocks[i]);
}

enum rc blocks_decode(const void *bytes, size_t size, struct arena *arena,
                      struct task_block **blocks, size_t *count, struct err *err)
{
    struct reader reader;
    struct task_block *read = NULL;
    size_t rows = 0;
    uint64_t tasks = 0;

    reader_init(&reader, bytes, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        if (!bytes_are(reader_string(&reader), "blocks") || read) {
            reader_skip(&reader);
            continue;
        }
        rows = reader_list(&reader);
        read = arena_array(arena, rows, sizeof *read);
        if (!read)
            return err_set(err, RC_NO_MEMORY, "no memory for blocks");
        for (size_t i = 0; i < rows && reader_ok(&reader); i++) {
            block_read(&reader, &read[i]);
            tasks += reader_ok(&reader) ? read[i].count : 0;
            if (tasks > BLOCKS_TASKS_MAX)
                reader_fail(&reader);
        }
    }
    if (!read || !reader_at_end(&reader))
        return err_set(err, RC_PROTOCOL, "blocks: byte %zu does not decode", reader.at);
    *blocks = read;
    *count = rows;
    return RC_OK;
}
