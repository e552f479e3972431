/* verb_outputs.c - `sluice outputs RUN[/STAGE[/N]]`: lists or downloads what tasks made.
 */
#include "client/cli/download.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/reference.h"
#include "client/cli/versions/removed.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS_MAX = 10000000 };

struct output {
    const char *stage; /* borrowed from the view */
    uint64_t task;
    size_t order; /* among the outputs of its task */
    const struct plan_source *source;
    const char *path; /* below the folder that is downloaded into */
};

struct outputs {
    struct output *items;
    size_t count, capacity;
    struct removed removed;
};

static bool add_output(struct outputs *outputs, const char *stage, uint64_t task,
                       size_t order, const struct plan_source *source)
{
    if (outputs->count == outputs->capacity) {
        size_t capacity = outputs->capacity ? 2 * outputs->capacity : 64;
        struct output *items = reallocarray(outputs->items, capacity, sizeof *items);

        if (!items)
            return false;
        outputs->items = items;
        outputs->capacity = capacity;
    }
    outputs->items[outputs->count++] = (struct output){ .stage = stage,
                                                        .task = task,
                                                        .order = order,
                                                        .source = source,
                                                        .path = source->name };
    return true;
}

struct collecting {
    struct cli *cli;
    const char *stage;
    struct outputs *outputs;
};

static int add_outputs(void *context, uint64_t task, const struct task_result *result)
{
    struct collecting *self = context;

    for (size_t i = 0; result && i < result->output_count; i++)
        if (self->outputs->count >= OUTPUTS_MAX
            || !add_output(self->outputs, self->stage, task, i, &result->outputs[i]))
            return cli_fail(self->cli, EXIT_FAILED,
                            "more outputs than fit in memory; name one task");
    return EXIT_GO_ON;
}

static int by_path(const void *a, const void *b)
{
    const struct output *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    if (order == 0)
        order = (x->task > y->task) - (x->task < y->task);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void sort(struct outputs *outputs)
{
    if (outputs->count)
        qsort(outputs->items, outputs->count, sizeof *outputs->items, by_path);
}

/* A task may write a name again once its file was taken. The last file keeps the name,
 * earlier ones get numbers, as `cp --backup=numbered` gives them. */
static bool number_earlier(struct outputs *outputs, struct arena *arena)
{
    size_t number = 1;

    sort(outputs);
    for (size_t i = 1; i < outputs->count; i++) {
        struct output *earlier = &outputs->items[i - 1], *later = &outputs->items[i];

        if (earlier->task != later->task
            || strcmp(earlier->source->name, later->source->name) != 0) {
            number = 1;
            continue;
        }
        earlier->path = arena_printf(arena, "%s.~%zu~", earlier->source->name, number++);
        if (!earlier->path)
            return false;
    }
    sort(outputs);
    return true;
}

/* Whether two outputs cannot lie in one folder: the same name, or one the folder that the
 * other needs. Sorted, such a pair has only names of that folder between. */
static bool collide(const struct outputs *outputs)
{
    for (size_t i = 1; i < outputs->count; i++) {
        const char *before = outputs->items[i - 1].path, *here = outputs->items[i].path;
        size_t size = strlen(before);

        if (strncmp(before, here, size) == 0 && (!here[size] || here[size] == '/'))
            return true;
    }
    return false;
}

static int place(struct cli *cli, struct outputs *outputs, struct arena *arena)
{
    if (!number_earlier(outputs, arena))
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    if (outputs->count == 0 || !collide(outputs))
        return EXIT_GO_ON;
    for (size_t i = 0; i < outputs->count; i++) {
        struct output *output = &outputs->items[i];

        output->path = arena_printf(arena, "%" PRIu64 "/%s", output->task, output->path);
        if (!output->path)
            return cli_fail(cli, EXIT_FAILED, "out of memory");
    }
    sort(outputs);
    return EXIT_GO_ON;
}

/* The stage's name as that of a folder. */
static const char *folder_of(struct arena *arena, const char *stage)
{
    char *name = arena_printf(arena, "%s%s", stage[0] == '.' ? "_" : "", stage);

    for (char *at = name; at && *at; at++)
        if (*at == '/')
            *at = '_';
    return name;
}

/* Adds what the tasks of a stage made; below a folder for it, if it is one of several. */
static int collect_stage(struct cli *cli, const struct target *target,
                         const struct sluice_stage *stage, bool has_folder,
                         struct arena *arena, struct outputs *outputs)
{
    struct collecting self = { cli, stage->name, outputs };
    size_t before = outputs->count;
    uint64_t first = target->has_task ? target->task : 0;
    uint64_t last = target->has_task ? target->task + 1 : stage->tasks;
    const char *folder = has_folder ? folder_of(arena, stage->name) : NULL;
    int end = load_results(cli, target->run, stage->name, first, last, arena, add_outputs,
                           &self);

    if (end != EXIT_GO_ON || outputs->count == before)
        return end;

    struct outputs own = { .items = outputs->items + before,
                           .count = outputs->count - before };

    end = place(cli, &own, arena);
    for (size_t i = 0; end == EXIT_GO_ON && has_folder && i < own.count; i++) {
        own.items[i].path =
            folder ? arena_printf(arena, "%s/%s", folder, own.items[i].path) : NULL;
        if (!own.items[i].path)
            end = cli_fail(cli, EXIT_FAILED, "out of memory");
    }
    return end;
}

static int collect(struct cli *cli, const struct target *target, struct arena *arena,
                   struct outputs *outputs)
{
    const struct sluice_view *view = target->view;
    int end = EXIT_GO_ON;

    if (target->stage)
        return collect_stage(cli, target, target->stage, false, arena, outputs);
    for (size_t i = 0; end == EXIT_GO_ON && i < view->stage_count; i++)
        end = collect_stage(cli, target, &view->stages[i], view->stage_count > 1, arena,
                            outputs);
    return end;
}

static void ask_removed(struct cli *cli, struct outputs *outputs, struct arena *arena)
{
    const char **digests = arena_array(arena, outputs->count, sizeof *digests);

    for (size_t i = 0; digests && i < outputs->count; i++)
        digests[i] = outputs->items[i].source->digest;
    if (digests)
        outputs->removed = removed_ask(cli, arena, digests, outputs->count);
}

static void print_json(const struct outputs *outputs, const char *folder)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '[');
    for (size_t i = 0; i < outputs->count; i++) {
        const struct output *output = &outputs->items[i];

        json_open(&json, NULL, '{');
        json_text(&json, "stage", output->stage);
        json_uint(&json, "task", output->task);
        json_text(&json, "name", output->source->name);
        json_uint(&json, "size", output->source->size);
        json_text(&json, "digest", output->source->digest);
        json_text(&json, "md5", output->source->md5);
        json_text(&json, "sha1", output->source->sha1);
        json_value(&json, "metadata", &output->source->metadata);
        if (output->source->location)
            json_text(&json, "location", output->source->location);
        if (output->source->node)
            json_text(&json, "node", output->source->node);
        if (folder)
            json_text(&json, "path", output->path);
        removed_json(&json, &outputs->removed, output->source->digest);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_print(&json, stdout);
}

/* has_stages: with the stage of each. */
static void print_table(const struct outputs *outputs, bool has_stages)
{
    static const char *const names[] = { "STAGE", "TASK", "SIZE", "NAME", "DIGEST" };
    struct term term = term_of(stdout);
    size_t left = has_stages ? 0 : 1;
    scoped_table table = { .column_count = COUNT_OF(names) - left };

    table.right[1 - left] = table.right[2 - left] = true;
    table_heading(&table, names + left);
    for (size_t i = 0; i < outputs->count; i++) {
        const struct output *output = &outputs->items[i];
        const struct removed_file *gone =
            removed_find(&outputs->removed, output->source->digest);

        if (has_stages)
            table_cell(&table, STYLE_PLAIN, "%s", output->stage);
        table_cell(&table, STYLE_PLAIN, "%" PRIu64, output->task);
        table_cell(&table, STYLE_PLAIN, "%s", human_size(output->source->size).text);
        table_cell(&table, STYLE_STRONG, "%s", output->source->name);
        table_cell(&table, STYLE_WAITING, "%s%s%s",
                   output->source->digest ? output->source->digest : "", gone ? "  " : "",
                   removed_text(gone).text);
    }
    table_print(&table, &term, stdout);
}

static int download_all(struct cli *cli, const struct outputs *outputs,
                        const char *folder, bool overwrite)
{
    struct download *download = NULL;
    int end = download_open(cli, folder, overwrite, &download);

    for (size_t i = 0; i < outputs->count && end == EXIT_GO_ON; i++) {
        const struct output *output = &outputs->items[i];

        end = download_file(download, output->path, output->source->digest);
        if (end != EXIT_GO_ON && end != EXIT_FAILED && output->source->node)
            fprintf(
                stderr,
                "%s stayed on node %s when its task had ended: start that node again, "
                "or run the stage again\n",
                output->path, output->source->node);
        if (end == EXIT_GO_ON && !cli->json)
            printf("%s/%s\n", folder, output->path);
    }
    download_close(download);
    return end;
}

int verb_outputs(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct outputs outputs = { 0 };
    const char *folder = NULL;
    bool overwrite = false;
    const struct option options[] = {
        { "directory", 'd', OPTION_TEXT, &folder },
        { "overwrite", 0, OPTION_FLAG, &overwrite },
    };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, 1);

    if (end == EXIT_GO_ON)
        end = target_open(&cli, cli.words[0], TARGET_RUN_OR_STAGE, &target);
    if (end == EXIT_GO_ON)
        end = arena ? collect(&cli, &target, arena, &outputs)
                    : cli_fail(&cli, EXIT_FAILED, "out of memory");
    if (end == EXIT_GO_ON && !folder)
        ask_removed(&cli, &outputs, arena);
    if (end == EXIT_GO_ON && folder)
        end = download_all(&cli, &outputs, folder, overwrite);
    if (end == EXIT_GO_ON) {
        end = EXIT_DONE;
        if (cli.json)
            print_json(&outputs, folder);
        else if (!outputs.count)
            puts("no outputs");
        else if (!folder)
            print_table(&outputs, !target.stage && target.view->stage_count > 1);
    }
    free(outputs.items);
    return end;
}
