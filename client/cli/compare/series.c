/* series.c - see series.h. */
#include "client/cli/compare/series.h"

#include <inttypes.h>
#include <string.h>

enum { PIECE_BYTES = 256 << 10, SERIES_BYTES_MAX = 256 << 20 };

int series_read(struct cli *cli, uint64_t run, const char *stage, uint64_t task,
                struct buf *series)
{
    size_t got;

    buf_init(series, SERIES_BYTES_MAX);
    do {
        void *room = buf_room(series, PIECE_BYTES);
        uint64_t total;
        bool is_final;
        uint32_t attempt;

        if (!room)
            return cli_fail(cli, EXIT_FAILED,
                            "the metadata of task %" PRIu64 " has more than %d MiB", task,
                            SERIES_BYTES_MAX >> 20);
        if (sluice_stream_read(cli->sluice, run, stage, task, SLUICE_METADATA,
                               series->size, room, PIECE_BYTES, &got, &total, &is_final,
                               &attempt, &cli->error))
            return cli_fail_last(cli);
        buf_grew(series, got);
    } while (got > 0);
    return EXIT_GO_ON;
}

bool series_next(const struct buf *series, size_t *at, struct arena *arena,
                 struct value *entry)
{
    while (*at < series->size) {
        const char *line = (const char *)series->data + *at;
        const char *end = memchr(line, '\n', series->size - *at);
        size_t size = end ? (size_t)(end - line) : series->size - *at;

        *at += size + 1;
        if (end && value_from_json(arena, line, size, entry, NULL) == RC_OK
            && entry->kind == VALUE_MAP)
            return true;
    }
    return false;
}

struct folding {
    struct arena *arena;
    struct value_entry *entries;
    size_t count, capacity;
};

static bool fold(struct folding *self, const struct value_entry *new)
{
    size_t k = 0;

    while (k < self->count && strcmp(self->entries[k].key, new->key) != 0)
        k++;
    if (k == self->capacity) {
        size_t capacity = 2 * self->capacity + 16;
        struct value_entry *grown = arena_array(self->arena, capacity, sizeof *grown);

        if (!grown)
            return false;
        if (k)
            memcpy(grown, self->entries, k * sizeof *grown);
        self->entries = grown;
        self->capacity = capacity;
    }
    self->entries[k] = *new;
    self->count += k == self->count;
    return true;
}

int series_latest(struct cli *cli, uint64_t run, const char *stage, uint64_t task,
                  struct arena *arena, struct value *latest)
{
    struct folding self = { .arena = arena };
    scoped_buf series = { 0 };
    struct value entry;
    size_t at = 0;
    int end = series_read(cli, run, stage, task, &series);

    if (end != EXIT_GO_ON)
        return end;
    while (series_next(&series, &at, arena, &entry))
        for (size_t i = 0; i < entry.map.count; i++)
            if (!fold(&self, &entry.map.entries[i]))
                return cli_fail(cli, EXIT_FAILED, "out of memory");
    *latest = (struct value){ .kind = VALUE_MAP, .map = { self.entries, self.count } };
    return EXIT_GO_ON;
}
