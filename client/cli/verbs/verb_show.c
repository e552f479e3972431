/* verb_show.c - `sluice show RUN[/STAGE[/N]]`: a run, a stage or a task in full. */
#include "client/cli/change.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/reference.h"
#include "client/cli/versions/removed.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/plan/task.h"

#include <inttypes.h>
#include <string.h>

enum { TASKS_SHOWN_MAX = 1000, TASKS_PAGE = 10000, FIELD_COLUMNS = 12 };

static struct human took(int64_t start_us, int64_t end_us)
{
    if (!start_us)
        return (struct human){ "" };
    return human_duration((end_us ? end_us : now_us()) - start_us);
}

/* "name         value", the value cleaned of what a terminal would obey. */
static void field(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void field(const char *name, const char *format, ...)
{
    scoped_buf value = { 0 };
    char text[4096];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    text_fit(&value, text, sizeof text);
    printf("%-*s %s\n", FIELD_COLUMNS, name, buf_string(&value));
}

static void field_state(const char *state, const char *reason)
{
    struct term term = term_of(stdout);
    enum style style = style_of_state(state);
    scoped_buf clean = { 0 };

    text_fit(&clean, reason, SIZE_MAX);
    printf("%-*s %s%s%s%s%s\n", FIELD_COLUMNS, "state", style_on(&term, style), state,
           style_off(&term, style), *reason ? ": " : "", buf_string(&clean));
}

static void print_stages(const struct sluice_view *view)
{
    static const char *const names[] = {
        "STAGE", "STATE", "DONE", "FAILED", "TOOK", "WHY"
    };
    struct term term = term_of(stdout);
    scoped_table table = { .column_count = COUNT_OF(names) };

    table_heading(&table, names);
    for (size_t i = 0; i < view->stage_count; i++) {
        const struct sluice_stage *stage = &view->stages[i];
        scoped_buf reused = { 0 };

        table_cell(&table, STYLE_STRONG, "%s", stage->name);
        table_cell(&table, style_of_state(stage->state), "%s", stage->state);
        table_cell(&table, STYLE_PLAIN, "%" PRIu64 "/%" PRIu64, stage->complete,
                   stage->tasks);
        table_cell(&table, stage->failed ? STYLE_BAD : STYLE_WAITING, "%" PRIu64,
                   stage->failed);
        table_cell(&table, STYLE_PLAIN, "%s",
                   took(stage->started_us, stage->ended_us).text);
        if (!*stage->reason)
            stage_reused(&reused, stage);
        table_cell(&table, STYLE_PLAIN, "%s",
                   *stage->reason ? stage->reason : buf_string(&reused));
    }
    table_print(&table, &term, stdout);
}

static int show_run(struct cli *cli, const struct target *target)
{
    const struct sluice_run *run = &target->view->run;

    if (cli->json) {
        scoped_json json = { 0 };

        json_open(&json, NULL, '{');
        json_view_fields(&json, target->view);
        json_close(&json, '}');
        json_print(&json, stdout);
        return EXIT_DONE;
    }
    field("run", "%" PRIu64 "  %s", run->number, run->title);
    field("id", "%s", run->id);
    field_state(run->state, run->reason);
    field("started", "%s", human_time(run->created_us).text);
    field("took", "%s", took(run->created_us, run->ended_us).text);
    if (target->view->priority)
        field("priority", "%" PRId64, target->view->priority);
    if (*run->commit)
        field("commit", "%s%s", run->commit,
              run->is_dirty ? ", with changes that are not committed" : "");
    field("code", "%s", run->tree);
    for (size_t i = 0; i < run->tag_count; i++)
        field(i ? "" : "tags", "%s", run->tags[i]);
    for (size_t i = 0; i < target->view->note_count; i++)
        field("note", "%s", target->view->notes[i]);
    putchar('\n');
    print_stages(target->view);
    return EXIT_DONE;
}

/* "C=1 gamma=0.01" of a task, of the sweep's columns only. */
static void sweep_text(struct buf *text, const struct plan_stage *stage,
                       const struct value *values)
{
    for (size_t i = 0; i < stage->column_count; i++) {
        uint32_t parameter = stage->columns[i].parameter;

        if (values[parameter].kind == VALUE_ABSENT)
            continue;
        buf_printf(text, "%s%s=", text->size ? " " : "",
                   stage->parameters[parameter].name);
        value_to_text(text, &values[parameter]);
    }
}

static void add_task_row(struct table *table, const struct sluice_task *task,
                         const struct plan_stage *plan)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    scoped_buf parameters = { 0 }, why = { 0 };
    struct value *values;

    if (arena && plan_task_parameters(plan, task->index, arena, &values, NULL) == RC_OK)
        sweep_text(&parameters, plan, values);
    if (*task->cause && strcmp(task->state, "complete") != 0)
        load_reason(&why, task, NULL);
    if (*task->origin)
        buf_printf(&why, "reused from %s", task->origin);
    table_cell(table, STYLE_STRONG, "%" PRIu64, task->index);
    table_cell(table, style_of_state(task->state), "%s", task->state);
    table_cell(table, STYLE_PLAIN, "%s", buf_string(&parameters));
    table_cell(table, STYLE_PLAIN, "%s", took(task->started_us, task->ended_us).text);
    table_cell(table, STYLE_PLAIN, "%" PRIu32, task->attempts);
    table_cell(table, STYLE_PLAIN, "%s", task->node);
    table_cell(table, STYLE_PLAIN, "%s", buf_string(&why));
}

static void print_tasks(const struct sluice_tasks *tasks, const struct plan_stage *plan)
{
    static const char *const names[] = { "TASK",     "STATE", "PARAMETERS", "TOOK",
                                         "ATTEMPTS", "NODE",  "WHY" };
    struct term term = term_of(stdout);
    scoped_table table = { .column_count = COUNT_OF(names), .right = { true } };

    table_heading(&table, names);
    for (size_t i = 0; i < tasks->count; i++)
        add_task_row(&table, &tasks->tasks[i], plan);
    table_print(&table, &term, stdout);
    if (tasks->total > tasks->count)
        printf("... and %" PRIu64 " more; --json gives all\n",
               tasks->total - tasks->count);
}

static int show_stage_json(struct cli *cli, const struct target *target)
{
    struct sluice_tasks *tasks;
    uint64_t next = 0, total;
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_uint(&json, "run", target->run);
    json_stage(&json, "stage", target->stage);
    json_open(&json, "tasks", '[');
    do {
        int end = target_tasks(cli, target, next, TASKS_PAGE, &tasks);

        if (end != EXIT_GO_ON)
            return end;
        for (size_t i = 0; i < tasks->count; i++)
            json_task(&json, NULL, &tasks->tasks[i]);
        next += tasks->count;
        total = tasks->count ? tasks->total : next;
        sluice_tasks_free(tasks);
    } while (next < total);
    json_close(&json, ']');
    json_close(&json, '}');
    if (!buf_ok(&json.buf))
        return cli_fail(cli, EXIT_FAILED, "out of memory for %" PRIu64 " tasks", total);
    json_print(&json, stdout);
    return EXIT_DONE;
}

static int show_stage(struct cli *cli, const struct target *target,
                      const struct plan_stage *plan)
{
    const struct sluice_stage *stage = target->stage;
    struct sluice_tasks *tasks;

    if (cli->json)
        return show_stage_json(cli, target);
    field("stage", "%s of run %" PRIu64, stage->name, target->run);
    field("step", "%s", stage->step);
    field_state(stage->state, stage->reason);
    if (plan->image)
        field("image", "%s", plan->image);
    field("started", "%s", human_time(stage->started_us).text);
    field("took", "%s", took(stage->started_us, stage->ended_us).text);
    if (!stage->is_resolved) {
        field("tasks", "not known before the stages that it waits for have finished");
        return EXIT_DONE;
    }

    int end = target_tasks(cli, target, 0, TASKS_SHOWN_MAX, &tasks);

    if (end != EXIT_GO_ON)
        return end;
    putchar('\n');
    print_tasks(tasks, plan);
    sluice_tasks_free(tasks);
    return EXIT_DONE;
}

static void json_inputs(struct json *json, const struct plan_stage *plan)
{
    json_open(json, "inputs", '[');
    for (size_t i = 0; i < plan->input_count; i++)
        for (size_t k = 0; k < plan->inputs[i].source_count; k++) {
            const struct plan_source *source = &plan->inputs[i].sources[k];

            json_open(json, NULL, '{');
            json_text(json, "input", plan->inputs[i].name);
            json_text(json, "name", source->name);
            json_text(json, "uri", source->uri);
            json_text(json, "digest", source->digest);
            json_text(json, "datum", source->datum);
            json_close(json, '}');
        }
    json_close(json, ']');
}

/* All that is known about one task; every pointer but task and plan may be NULL. */
struct detail {
    const struct sluice_task *task;
    const struct plan_stage *plan;
    const struct task_result *result;
    struct removed removed;
    struct value parameters;
    const char *const *commands;
    size_t command_count;
};

static size_t count_removed(const struct detail *detail)
{
    const struct task_result *result = detail->result;
    size_t count = 0;

    for (size_t i = 0; i < result->output_count; i++)
        count += removed_find(&detail->removed, result->outputs[i].digest) != NULL;
    return count;
}

static void detail_json(const struct target *target, const struct detail *detail)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_uint(&json, "run", target->run);
    json_text(&json, "stage", target->stage->name);
    json_task(&json, "task", detail->task);
    json_text(&json, "message", detail->result ? detail->result->message : NULL);
    json_open(&json, "commands", '[');
    for (size_t i = 0; i < detail->command_count; i++)
        json_text(&json, NULL, detail->commands[i]);
    json_close(&json, ']');
    json_text(&json, "image", detail->plan->image);
    json_value(&json, "parameters", &detail->parameters);
    json_inputs(&json, detail->plan);
    if (detail->result) {
        json_usage(&json, &detail->result->usage);
        json_value(&json, "metadata", &detail->result->metadata);
        json_uint(&json, "outputs", detail->result->output_count);
        json_uint(&json, "outputs_removed", count_removed(detail));
    }
    json_close(&json, '}');
    json_print(&json, stdout);
}

static void print_map(const char *name, const struct value *map)
{
    for (size_t i = 0; map->kind == VALUE_MAP && i < map->map.count; i++) {
        scoped_buf text = { 0 };

        value_to_text(&text, &map->map.entries[i].value);
        field(i ? "" : name, "%s = %s", map->map.entries[i].key, buf_string(&text));
    }
}

static void print_result(const struct task_result *result, const struct removed *removed)
{
    const struct usage *usage = &result->usage;

    field("cpu time", "%s user, %s system", human_duration((int64_t)usage->user_us).text,
          human_duration((int64_t)usage->system_us).text);
    field("peak memory", "%s", human_size(usage->memory_peak_bytes).text);
    field("block I/O", "%s read, %s written", human_size(usage->read_bytes).text,
          human_size(usage->written_bytes).text);
    for (size_t i = 0; i < result->output_count; i++) {
        const struct plan_source *output = &result->outputs[i];
        const struct removed_file *gone = removed_find(removed, output->digest);

        field(i ? "" : "outputs", "%s (%s)%s%s", output->name,
              human_size(output->size).text, gone ? " " : "", removed_text(gone).text);
    }
    print_map("metadata", &result->metadata);
}

static void detail_print(const struct target *target, const struct detail *detail)
{
    const struct sluice_task *task = detail->task;
    const struct plan_stage *plan = detail->plan;
    scoped_buf why = { 0 };

    if (*task->cause && strcmp(task->state, "complete") != 0)
        load_reason(&why, task, detail->result);
    field("task", "%" PRIu64 "/%s/%" PRIu64, target->run, target->stage->name,
          task->index);
    field_state(task->state, buf_string(&why));
    for (size_t i = 0; i < detail->command_count; i++)
        field(i ? "" : "command", "%s", detail->commands[i]);
    if (plan->image)
        field("image", "%s", plan->image);
    print_map("parameters", &detail->parameters);
    for (size_t i = 0; i < plan->input_count; i++)
        for (size_t k = 0; k < plan->inputs[i].source_count; k++)
            field(i || k ? "" : "inputs", "%s: %s", plan->inputs[i].name,
                  plan->inputs[i].sources[k].name ? plan->inputs[i].sources[k].name
                                                  : plan->inputs[i].sources[k].uri);
    field("attempts", "%" PRIu32, task->attempts);
    if (*task->origin)
        field("reused from", "%s", task->origin);
    if (*task->node)
        field("node", "%s", task->node);
    field("started", "%s", human_time(task->started_us).text);
    field("took", "%s", took(task->started_us, task->ended_us).text);
    if (detail->result)
        print_result(detail->result, &detail->removed);
}

static void ask_removed(struct cli *cli, struct arena *arena, struct detail *detail)
{
    size_t count = detail->result ? detail->result->output_count : 0;
    const char **digests = arena_array(arena, count, sizeof *digests);

    for (size_t i = 0; digests && i < count; i++)
        digests[i] = detail->result->outputs[i].digest;
    if (digests)
        detail->removed = removed_ask(cli, arena, digests, count);
}

static int show_task(struct cli *cli, const struct target *target,
                     const struct plan_stage *plan, struct arena *arena)
{
    struct detail detail = { .plan = plan, .parameters = { .kind = VALUE_ABSENT } };
    struct task_result *result;
    struct sluice_tasks *tasks;
    int end = target_tasks(cli, target, 0, 1, &tasks);

    if (end != EXIT_GO_ON)
        return end;
    end = load_result(cli, target->run, target->stage->name, target->task, 0, arena,
                      &result);
    if (end == EXIT_GO_ON && tasks->count == 0)
        end = cli_fail(cli, EXIT_WRONG, "task %" PRIu64 " is not settled yet",
                       target->task);
    if (end == EXIT_GO_ON) {
        detail.task = &tasks->tasks[0];
        detail.result = result;
        ask_removed(cli, arena, &detail);
        if (target->stage->is_resolved
            && plan_task_parameter_map(plan, target->task, arena, &detail.parameters,
                                       NULL)
                   == RC_OK
            && plan_task_commands(plan, target->task, arena, &detail.commands, NULL)
                   == RC_OK)
            detail.command_count = plan->command_count;
        if (cli->json)
            detail_json(target, &detail);
        else
            detail_print(target, &detail);
        end = EXIT_DONE;
    }
    sluice_tasks_free(tasks);
    return end;
}

int verb_show(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    struct plan_stage *plan;
    int end = cli_begin(&cli, argc, argv, NULL, 0, 1, 1);

    if (end == EXIT_GO_ON)
        end = target_open(&cli, cli.words[0], TARGET_RUN_OR_STAGE, &target);
    if (end != EXIT_GO_ON)
        return end;
    if (!target.stage)
        return show_run(&cli, &target);

    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);

    if (!arena)
        return cli_fail(&cli, EXIT_FAILED, "out of memory");
    end = load_stage(&cli, target.run, target.stage->name, arena, &plan);
    if (end != EXIT_GO_ON)
        return end;
    return target.has_task ? show_task(&cli, &target, plan, arena)
                           : show_stage(&cli, &target, plan);
}
