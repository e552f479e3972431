/* verb_record.c - `sluice record RUN[/STAGE[/N]]`: what results were made of. */
#include "client/cli/load.h"
#include "client/cli/versions/record.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>

enum { TASKS_PAGE = 1000 };

/* Is called for each task of the target. */
typedef int visit_task(void *context, const struct sluice_stage *stage,
                       const struct sluice_task *task);

static int each_of_stage(struct cli *cli, const struct target *target, visit_task *visit,
                         void *context)
{
    uint64_t next = 0, total = 1;

    while (next < total) {
        struct sluice_tasks *tasks;
        int end = target_tasks(cli, target, next, TASKS_PAGE, &tasks);

        for (size_t i = 0; end == EXIT_GO_ON && i < tasks->count; i++)
            end = visit(context, target->stage, &tasks->tasks[i]);
        if (end != EXIT_GO_ON)
            return end;
        next += tasks->count;
        total = tasks->count && !target->has_task ? tasks->total : next;
        sluice_tasks_free(tasks);
    }
    return EXIT_GO_ON;
}

static int each(struct cli *cli, const struct target *target, visit_task *visit,
                void *context)
{
    int end = EXIT_GO_ON;

    if (target->stage)
        return each_of_stage(cli, target, visit, context);
    for (size_t i = 0; end == EXIT_GO_ON && i < target->view->stage_count; i++) {
        struct target one = *target;

        one.stage = &target->view->stages[i];
        if (one.stage->is_resolved)
            end = each_of_stage(cli, &one, visit, context);
    }
    return end;
}

struct records {
    struct recorder recorder;
    struct json json;
};

static int add_record(void *context, const struct sluice_stage *stage,
                      const struct sluice_task *task)
{
    struct records *records = context;

    return recorder_write(&records->recorder, stage, task, &records->json);
}

static int print_records(struct cli *cli, const struct target *target, bool as_json)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct records records = { .json = { .needs_comma = false } };
    struct value list;
    struct err err;
    int end = arena ? recorder_begin(&records.recorder, cli, target, arena)
                    : cli_fail(cli, EXIT_FAILED, "out of memory");

    if (end == EXIT_GO_ON) {
        json_open(&records.json, NULL, '[');
        end = each(cli, target, add_record, &records);
        json_close(&records.json, ']');
    }
    if (end == EXIT_GO_ON && !buf_ok(&records.json.buf))
        end = cli_fail(cli, EXIT_FAILED,
                       "the records are too large; name one stage or task");
    if (end == EXIT_GO_ON && as_json)
        json_print(&records.json, stdout);
    else if (end == EXIT_GO_ON
             && value_from_json(arena, (char *)records.json.buf.data,
                                records.json.buf.size, &list, &err)
                    != RC_OK)
        end = cli_fail_err(cli, EXIT_FAILED, &err);
    else if (end == EXIT_GO_ON)
        for (size_t i = 0; i < list.list.count; i++)
            record_print(&list.list.items[i], 0, stdout);
    json_fini(&records.json);
    return end == EXIT_GO_ON ? EXIT_DONE : end;
}

struct listing {
    struct cli *cli;
    struct table table;
};

static int add_row(void *context, const struct sluice_stage *stage,
                   const struct sluice_task *task)
{
    struct listing *listing = context;
    struct table *table = &listing->table;
    char hash[72] = "";
    int end =
        task->version ? version_hash_text(listing->cli, task->version, hash) : EXIT_GO_ON;

    if (end != EXIT_GO_ON)
        return end;
    if (task->version)
        table_cell(table, STYLE_PLAIN, "%" PRIu64, task->version);
    else
        table_cell(table, STYLE_PLAIN, "-");
    table_cell(table, STYLE_STRONG, "%s/%" PRIu64, stage->name, task->index);
    table_cell(table, style_of_state(task->state), "%s", task->state);
    table_cell(table, STYLE_PLAIN, "%s", task->node);
    table_cell(table, STYLE_WAITING, "%s%s", *task->origin ? "reused from " : hash,
               task->origin);
    return EXIT_GO_ON;
}

static int print_list(struct cli *cli, const struct target *target)
{
    static const char *const names[] = { "VERSION", "TASK", "STATE", "NODE", "HASH" };
    struct listing listing = {
        .cli = cli, .table = { .column_count = COUNT_OF(names), .right = { true } }
    };
    struct term term = term_of(stdout);
    int end;

    table_heading(&listing.table, names);
    end = each(cli, target, add_row, &listing);
    if (end == EXIT_GO_ON)
        table_print(&listing.table, &term, stdout);
    table_fini(&listing.table);
    return end == EXIT_GO_ON ? EXIT_DONE : end;
}

int verb_record(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    int end = cli_begin(&cli, argc, argv, NULL, 0, 1, 1);

    if (end == EXIT_GO_ON)
        end = target_open(&cli, cli.words[0], TARGET_RUN_OR_STAGE, &target);
    if (end != EXIT_GO_ON)
        return end;
    if (!cli.json && !target.has_task
        && (target.stage ? target.stage->tasks : target.view->run.tasks) != 1)
        return print_list(&cli, &target);
    return print_records(&cli, &target, cli.json);
}
