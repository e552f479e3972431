/* verb_metadata.c - `sluice metadata [--series] RUN/STAGE[/N]`. */
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/reference.h"
#include "client/cli/compare/series.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>

enum { LINE_COLUMNS = 100000 };

struct printing {
    struct cli *cli;
    const struct target *target;
    struct json json;
};

static int print_series(struct cli *cli, const struct target *target, uint64_t task)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    scoped_buf series = { 0 };
    struct value entry;
    size_t at = 0;
    int end = series_read(cli, target->run, target->stage->name, task, &series);

    if (end != EXIT_GO_ON || !arena)
        return end;
    while (series_next(&series, &at, arena, &entry)) {
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

/* A task without a result has what it printed so far. */
static int print_latest(void *context, uint64_t task, const struct task_result *result)
{
    struct printing *self = context;
    const struct target *target = self->target;
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct value map;
    int end = arena ? EXIT_GO_ON : cli_fail(self->cli, EXIT_FAILED, "out of memory");

    if (end == EXIT_GO_ON && result)
        map = result->metadata;
    else if (end == EXIT_GO_ON)
        end =
            series_latest(self->cli, target->run, target->stage->name, task, arena, &map);
    if (end != EXIT_GO_ON)
        return end;
    if (self->cli->json) {
        json_open(&self->json, NULL, '{');
        json_uint(&self->json, "task", task);
        json_value(&self->json, "metadata", &map);
        json_close(&self->json, '}');
    } else {
        print_map(task, target->stage->tasks > 1 && !target->has_task, &map);
    }
    return EXIT_GO_ON;
}

static int print_all(struct cli *cli, const struct target *target, bool is_series)
{
    struct printing self = { .cli = cli, .target = target };
    uint64_t first = target->has_task ? target->task : 0;
    uint64_t last = target->has_task ? target->task + 1 : target->stage->tasks;
    int end = EXIT_GO_ON;

    for (uint64_t task = first; is_series && task < last && end == EXIT_GO_ON; task++)
        end = print_series(cli, target, task);
    if (!is_series) {
        json_open(&self.json, NULL, '[');
        end = load_results(cli, target->run, target->stage->name, first, last, NULL,
                           print_latest, &self);
        json_close(&self.json, ']');
        if (cli->json && end == EXIT_GO_ON)
            json_print(&self.json, stdout);
    }
    json_fini(&self.json);
    return end == EXIT_GO_ON ? EXIT_DONE : end;
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
