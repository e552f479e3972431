/* verb_metadata.c - `sluice metadata [--series] RUN/STAGE[/N]`. */
#include "client/cli/human.h"
#include "client/cli/json_out.h"
#include "client/cli/load.h"
#include "client/cli/reference.h"
#include "client/cli/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 256 << 10, SERIES_BYTES_MAX = 256 << 20, LINE_COLUMNS = 100000 };

/* The whole metadata stream of the last attempt, as far as it is there. */
static int read_series(struct cli *cli, const struct target *target, uint64_t task,
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
        if (sluice_stream_read(cli->sluice, target->run, target->stage->name, task,
                               SLUICE_METADATA, series->size, room, PIECE_BYTES, &got,
                               &total, &is_final, &attempt, &cli->error))
            return cli_fail_last(cli);
        buf_grew(series, got);
    } while (got > 0);
    return EXIT_GO_ON;
}

/* The next line of the series as a value; false at the end. Lines that are no JSON object
 * are passed over. */
static bool next_entry(const struct buf *series, size_t *at, struct arena *arena,
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

static int print_series(struct cli *cli, const struct target *target, uint64_t task)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    scoped_buf series = { 0 };
    struct value entry;
    size_t at = 0;
    int end = read_series(cli, target, task, &series);

    if (end != EXIT_GO_ON || !arena)
        return end;
    while (next_entry(&series, &at, arena, &entry)) {
        scoped_json json = { 0 };

        json_open(&json, NULL, '{');
        json_uint(&json, "task", task);
        json_value(&json, "metadata", &entry);
        json_close(&json, '}');
        if (!cli->json) {
            buf_clear(&json.buf);
            value_to_json(&json.buf, &entry);
        }
        json_print(&json, stdout);
    }
    return EXIT_GO_ON;
}

static void print_map(uint64_t task, bool is_sweep, const struct value *map)
{
    for (size_t i = 0; map->kind == VALUE_MAP && i < map->map.count; i++) {
        scoped_buf text = { 0 }, line = { 0 };

        buf_printf(&text, "%s = ", map->map.entries[i].key);
        value_to_text(&text, &map->map.entries[i].value);
        text_fit(&line, buf_string(&text), LINE_COLUMNS);
        if (is_sweep)
            printf("%" PRIu64 "  ", task);
        puts(buf_string(&line));
    }
}

/* The latest value of each key of what a running task has printed so far. */
static int fold_series(struct cli *cli, const struct target *target, uint64_t task,
                       struct arena *arena, struct value *latest)
{
    scoped_buf series = { 0 };
    struct value entry;
    size_t at = 0, capacity = 0;
    struct value_entry *entries = NULL;
    int end = read_series(cli, target, task, &series);

    *latest = (struct value){ .kind = VALUE_MAP };
    while (end == EXIT_GO_ON && next_entry(&series, &at, arena, &entry))
        for (size_t i = 0; i < entry.map.count; i++) {
            const struct value_entry *new = &entry.map.entries[i];
            size_t k = 0;

            while (k < latest->map.count && strcmp(entries[k].key, new->key) != 0)
                k++;
            if (k == capacity) {
                struct value_entry *grown =
                    arena_array(arena, capacity = 2 * capacity + 16, sizeof *grown);

                if (!grown)
                    return cli_fail(cli, EXIT_FAILED, "out of memory");
                if (k)
                    memcpy(grown, entries, k * sizeof *grown);
                entries = grown;
            }
            entries[k] = *new;
            if (k == latest->map.count)
                latest->map.count++;
            latest->map.entries = entries;
        }
    return end;
}

static int print_latest(struct cli *cli, const struct target *target, uint64_t task,
                        struct json *json)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct task_result *result;
    struct value map;
    int end;

    if (!arena)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    end = load_result(cli, target->run, target->stage->name, task, 0, arena, &result);
    if (end == EXIT_GO_ON && result)
        map = result->metadata;
    else if (end == EXIT_GO_ON)
        end = fold_series(cli, target, task, arena, &map);
    if (end != EXIT_GO_ON)
        return end;
    if (cli->json) {
        json_open(json, NULL, '{');
        json_uint(json, "task", task);
        json_value(json, "metadata", &map);
        json_close(json, '}');
    } else {
        print_map(task, target->stage->tasks > 1 && !target->has_task, &map);
    }
    return EXIT_GO_ON;
}

static int print_all(struct cli *cli, const struct target *target, bool is_series)
{
    uint64_t first = target->has_task ? target->task : 0;
    uint64_t last = target->has_task ? target->task + 1 : target->stage->tasks;
    scoped_json json = { 0 };
    int end = EXIT_GO_ON;

    if (!is_series)
        json_open(&json, NULL, '[');
    for (uint64_t task = first; task < last && end == EXIT_GO_ON; task++)
        end = is_series ? print_series(cli, target, task)
                        : print_latest(cli, target, task, &json);
    if (end != EXIT_GO_ON)
        return end;
    if (!is_series)
        json_close(&json, ']');
    if (cli->json && !is_series)
        json_print(&json, stdout);
    return EXIT_DONE;
}

int verb_metadata(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    bool is_series = false;
    const struct option options[] = { { "series", 0, OPTION_FLAG, &is_series } };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, 1);

    if (end == EXIT_GO_ON)
        end = target_open(&cli, cli.words[0], TARGET_STAGE, &target);
    return end == EXIT_GO_ON ? print_all(&cli, &target, is_series) : end;
}
