/* fuzz_block.c - blocks that decode are whole, can be walked and parted, and encode to
 * bytes that decode to the same. */
#include "codecs/wire/block.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct task_block *block)
{
    scoped_buf times = { 0 };
    struct block_walk walk;
    int64_t last = block->started_us, started, ended;

    must(block_is_whole(block));
    block_walk_begin(&walk, block);
    while (walk.next < block->count) {
        block_next(&walk, &started, &ended);
        must(started >= last && ended >= started);
        last = ended;
    }

    struct task_block part =
        block_part(&walk, block->count / 2, block->count - block->count / 2, &times);

    must(block_is_whole(&part));
    block_times(&part, part.count - 1, &started, &ended);
    must(ended == last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(64 << 20);
    scoped_buf first = { 0 }, second = { 0 };
    struct task_block *blocks, *again;
    size_t count, same;

    if (!arena || blocks_decode(data, size, arena, &blocks, &count, NULL) != RC_OK)
        return 0;
    for (size_t i = 0; i < count; i++)
        look_at(&blocks[i]);
    blocks_encode(&first, blocks, count);
    if (blocks_decode(first.data, first.size, arena, &again, &same, NULL) != RC_OK)
        return 0; /* the arena's limit */
    blocks_encode(&second, again, same);
    must(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    return 0;
}
