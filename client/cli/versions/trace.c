/* trace.c - the walk: what each node was made of, or what was made of it. */
#include "client/cli/versions/trace.h"

#include "client/cli/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    ASK_MAX = 1000,     /* digests in one request */
    FILES_MAX = 100000, /* of one stage that are looked at */
    KEY_SIZE = 512
};

struct item { /* a file at a stage, and the stage at its other end */
    const char *input, *name, *digest, *uri;
    uint64_t size;
    struct sluice_lineage_entry *ends; /* in the arena of the walk's step */
    size_t end_count;
    bool is_copied; /* the stage made the same bytes: its own file is not meant */
};

struct step { /* one stage that is looked at */
    struct trace *trace;
    size_t node;
    struct arena *arena;
    struct item *items;
    size_t count, capacity;
};

static const char *kept(struct trace *trace, const char *text)
{
    const char *copy = text ? arena_text(trace->arena, text) : "";

    if (!copy)
        trace->is_cut = true;
    return copy ? copy : "";
}

/* ---- Runs and stages ---- */

static int view_of(struct trace *trace, uint64_t run, const struct sluice_view **view)
{
    struct sluice_view *read;

    for (size_t i = trace->view_count; i > 0; i--)
        if (trace->views[i - 1]->run.number == run) {
            *view = trace->views[i - 1];
            return EXIT_GO_ON;
        }
    if (trace->view_count == trace->view_capacity) {
        size_t capacity = trace->view_capacity ? trace->view_capacity * 2 : 16;
        struct sluice_view **larger =
            reallocarray(trace->views, capacity, sizeof(struct sluice_view *));

        if (!larger)
            return cli_fail(trace->cli, EXIT_FAILED, "out of memory");
        trace->views = larger;
        trace->view_capacity = capacity;
    }
    if (sluice_view(trace->cli->sluice, run, &read, &trace->cli->error))
        return cli_fail_last(trace->cli);
    trace->views[trace->view_count++] = read;
    *view = read;
    return EXIT_GO_ON;
}

static void describe_run(struct trace *trace, struct trace_node *node,
                         const struct sluice_view *view)
{
    node->run = view->run.number;
    node->title = kept(trace, view->run.title);
    node->commit = kept(trace, view->run.commit);
    node->is_dirty = view->run.is_dirty;
}

/* *at gets the stage's node, -1 if there is no room for it. */
static int stage_node(struct trace *trace, uint64_t run, uint32_t number, unsigned depth,
                      int64_t *at)
{
    const struct sluice_view *view = NULL;
    char key[KEY_SIZE];
    bool is_new;
    int end = view_of(trace, run, &view);

    if (end != EXIT_GO_ON)
        return end;
    snprintf(key, sizeof key, "%" PRIu64 "/%" PRIu32, run, number);
    *at = trace_node(trace, TRACE_STAGE, depth, key, &is_new);
    if (*at < 0 || !is_new || number >= view->stage_count)
        return EXIT_GO_ON;

    struct trace_node *node = &trace->nodes[*at];
    const struct sluice_stage *stage = &view->stages[number];

    describe_run(trace, node, view);
    node->number = number;
    node->stage = kept(trace, stage->name);
    node->tasks = stage->tasks;
    if (stage->reused > 0 && stage->reused == stage->tasks)
        node->reused = kept(trace, stage->origin);
    return EXIT_GO_ON;
}

static int link_stage(struct trace *trace, size_t from, uint64_t run, uint32_t number,
                      uint64_t first, uint64_t count)
{
    int64_t at;
    int end = stage_node(trace, run, number, trace->nodes[from].depth + 1, &at);

    if (end != EXIT_GO_ON || at < 0)
        return end;
    if (count == 0)
        count = trace->nodes[at].tasks;
    if (count > 0)
        trace_add_tasks(trace, (size_t)at, first, count);
    trace_link(trace, from, (size_t)at);
    return EXIT_GO_ON;
}

/* The stage whose results a reused one has. */
static int link_origin(struct trace *trace, size_t from, const char *reference)
{
    const struct sluice_view *view = NULL;
    char *slash, *text = arena_text(trace->arena, reference);
    uint64_t run = strtoull(reference, NULL, 10);
    int end = view_of(trace, run, &view);

    if (end != EXIT_GO_ON || !text || !(slash = strchr(text, '/')))
        return end;

    char *name = slash + 1, *last = strrchr(name, '/');

    if (last)
        *last = '\0';
    for (uint32_t i = 0; i < view->stage_count; i++)
        if (strcmp(view->stages[i].name, name) == 0)
            return link_stage(trace, from, run, i, 0, 0);
    return EXIT_GO_ON;
}

/* ---- The files of one stage ---- */

static void add_item(struct step *step, const struct item *item)
{
    if (step->count == FILES_MAX) {
        step->trace->is_cut = true;
        return;
    }
    if (step->count == step->capacity) {
        size_t capacity = step->capacity ? step->capacity * 2 : 64;
        struct item *larger = arena_array(step->arena, capacity, sizeof *larger);

        if (!larger) {
            step->trace->is_cut = true;
            return;
        }
        if (step->count > 0)
            memcpy(larger, step->items, step->count * sizeof *larger);
        step->items = larger;
        step->capacity = capacity;
    }
    step->items[step->count++] = *item;
}

static void add_source(struct step *step, const char *input,
                       const struct plan_source *source)
{
    add_item(step, &(struct item){ .input = input,
                                   .name = source->name  ? source->name
                                           : source->uri ? source->uri
                                                         : "",
                                   .digest = source->digest ? source->digest : "",
                                   .uri = source->uri ? source->uri : "",
                                   .size = source->digest ? source->size : 0 });
}

/* Inputs that the stage's tasks share, and those that the first of them fetched. */
static int read_inputs(struct step *step)
{
    struct trace *trace = step->trace;
    const struct trace_node *node = &trace->nodes[step->node];
    struct plan_stage *stage;
    struct task_result *result = NULL;
    bool is_fetched = false;
    int end = load_stage(trace->cli, node->run, node->stage, step->arena, &stage);

    for (size_t i = 0; end == EXIT_GO_ON && i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++) {
            const struct plan_source *source = &stage->inputs[i].sources[k];

            if (source->digest)
                add_source(step, stage->inputs[i].name, source);
            is_fetched |= !source->digest;
        }
    if (end == EXIT_GO_ON && is_fetched)
        end = load_result(trace->cli, node->run, node->stage,
                          node->range_count > 0 ? node->ranges[0].first : 0, 0,
                          step->arena, &result);
    for (size_t i = 0; end == EXIT_GO_ON && result && i < result->input_count; i++)
        add_source(step, "", &result->inputs[i]);
    return end;
}

static int read_outputs(struct step *step)
{
    struct trace *trace = step->trace;
    const struct trace_node *node = &trace->nodes[step->node];
    uint64_t next = 0;

    do {
        struct sluice_makes *makes;

        if (sluice_made(trace->cli->sluice, node->run, node->stage, next, 0, &makes,
                        &trace->cli->error))
            return cli_fail_last(trace->cli);
        next = makes->next;
        for (size_t i = 0; i < makes->count; i++)
            add_item(step, &(struct item){
                               .input = "",
                               .name = arena_text(step->arena, makes->files[i].name),
                               .digest = arena_text(step->arena, makes->files[i].digest),
                               .uri = "",
                               .size = makes->files[i].size });
        sluice_makes_free(makes);
    } while (next > 0 && step->count < FILES_MAX);
    return EXIT_GO_ON;
}

static bool copy_ends(struct step *step, struct item *item,
                      const struct sluice_lineage *file)
{
    bool is_down = step->trace->is_down;
    const struct sluice_lineage_entry *ends = is_down ? file->users : file->makers;

    item->end_count = is_down ? file->user_count : file->maker_count;
    item->ends = arena_array(step->arena, item->end_count, sizeof *item->ends);
    if (item->ends && item->end_count > 0)
        memcpy(item->ends, ends, item->end_count * sizeof *item->ends);
    step->trace->is_cut |= file->more;
    return item->ends != NULL;
}

/* A stage that copied a file did not make it before it used it. */
static void drop_own(struct step *step, struct item *item)
{
    const struct trace_node *node = &step->trace->nodes[step->node];
    size_t kept_count = 0;

    for (size_t i = 0; i < item->end_count; i++)
        if (item->ends[i].run != node->run || item->ends[i].stage != node->number)
            item->ends[kept_count++] = item->ends[i];
    item->is_copied |= kept_count < item->end_count;
    item->end_count = kept_count;
}

/* Where the stage itself is all that made the file in its run, an earlier run did. */
static int look_earlier(struct step *step, struct item *item)
{
    struct trace *trace = step->trace;
    uint64_t run = trace->nodes[step->node].run;
    struct sluice_lineages *found;
    bool is_good;

    drop_own(step, item);
    if (!item->is_copied || item->end_count > 0 || run <= 1)
        return EXIT_GO_ON;
    if (sluice_lineage(trace->cli->sluice, &item->digest, 1, run - 1, 0, &found,
                       &trace->cli->error))
        return cli_fail_last(trace->cli);
    is_good = copy_ends(step, item, &found->files[0]);
    sluice_lineages_free(found);
    if (!is_good)
        return cli_fail(trace->cli, EXIT_FAILED, "out of memory");
    drop_own(step, item);
    return EXIT_GO_ON;
}

/* Who is at the other end of each file. */
static int read_ends(struct step *step)
{
    struct trace *trace = step->trace;
    uint64_t run = trace->is_down ? 0 : trace->nodes[step->node].run;
    const char *digests[ASK_MAX];

    for (size_t from = 0; from < step->count; from += ASK_MAX) {
        size_t count = step->count - from < ASK_MAX ? step->count - from : ASK_MAX;
        struct sluice_lineages *found;
        bool is_good = true;

        for (size_t i = 0; i < count; i++) {
            digests[i] = step->items[from + i].digest;
            is_good &= digests[i] != NULL && step->items[from + i].name != NULL;
        }
        if (!is_good)
            return cli_fail(trace->cli, EXIT_FAILED, "out of memory");
        if (sluice_lineage(trace->cli->sluice, digests, count, run, 0, &found,
                           &trace->cli->error))
            return cli_fail_last(trace->cli);
        for (size_t i = 0; i < count; i++)
            is_good &= copy_ends(step, &step->items[from + i], &found->files[i]);
        sluice_lineages_free(found);
        if (!is_good)
            return cli_fail(trace->cli, EXIT_FAILED, "out of memory");
    }
    return EXIT_GO_ON;
}

static int look_all_earlier(struct step *step)
{
    int end = EXIT_GO_ON;

    for (size_t i = 0; i < step->count && end == EXIT_GO_ON; i++)
        end = look_earlier(step, &step->items[i]);
    return end;
}

/* ---- Files become nodes ---- */

static int compare_items(const void *one, const void *other)
{
    const struct item *a = one, *b = other;
    int order = strcmp(a->input, b->input);

    if (order == 0)
        order = (a->end_count > b->end_count) - (a->end_count < b->end_count);
    for (size_t i = 0; order == 0 && i < a->end_count; i++) {
        order = (a->ends[i].run > b->ends[i].run) - (a->ends[i].run < b->ends[i].run);
        if (order == 0)
            order = (a->ends[i].stage > b->ends[i].stage)
                    - (a->ends[i].stage < b->ends[i].stage);
    }
    return order;
}

static int compare_names(const void *one, const void *other)
{
    int order = compare_items(one, other);

    return order ? order
                 : strcmp(((const struct item *)one)->name,
                          ((const struct item *)other)->name);
}

/* Files of one node, which are count items from item on. */
static int put_files(struct step *step, const struct item *item, size_t count)
{
    struct trace *trace = step->trace;
    char key[KEY_SIZE];
    bool is_new;
    int64_t at;
    int end = EXIT_GO_ON;

    if (count == 1 && item->is_copied)
        snprintf(key, sizeof key, "%zu copied %s", step->node, item->digest);
    else if (count == 1)
        snprintf(key, sizeof key, "%s", item->digest);
    else
        snprintf(key, sizeof key, "%zu files %zu", step->node,
                 (size_t)(item - step->items));
    at = trace_node(trace, TRACE_FILES, trace->nodes[step->node].depth, key, &is_new);
    if (at < 0)
        return EXIT_GO_ON;
    trace_link(trace, step->node, (size_t)at);
    if (!is_new)
        return EXIT_GO_ON;

    struct trace_node *node = &trace->nodes[at];

    node->name = kept(trace, item[0].name);
    node->last = kept(trace, item[count - 1].name);
    node->digest = count == 1 ? kept(trace, item->digest) : "";
    node->uri = kept(trace, item->uri);
    node->is_first = item->end_count == 0 && !trace->is_down;
    node->files = count;
    for (size_t i = 0; i < count; i++)
        node->bytes += item[i].size;
    for (size_t i = 0; end == EXIT_GO_ON && i < count; i++)
        for (size_t k = 0; end == EXIT_GO_ON && k < item[i].end_count; k++)
            end =
                link_stage(trace, (size_t)at, item[i].ends[k].run, item[i].ends[k].stage,
                           item[i].ends[k].index, item[i].ends[k].count);
    return end;
}

static int fold(struct step *step)
{
    int end = EXIT_GO_ON;

    if (step->count > 1)
        qsort(step->items, step->count, sizeof *step->items, compare_names);
    for (size_t i = 0, next; end == EXIT_GO_ON && i < step->count; i = next) {
        next = i + 1;
        while (next < step->count
               && compare_items(&step->items[i], &step->items[next]) == 0)
            next++;
        if (next - i > TRACE_FOLD)
            end = put_files(step, &step->items[i], next - i);
        else
            for (size_t k = i; end == EXIT_GO_ON && k < next; k++)
                end = put_files(step, &step->items[k], 1);
    }
    return end;
}

/* The plan of the run, which is asked for once as long as the stages are of one run. */
static int learn_plan(struct trace *trace, uint64_t run)
{
    void *bytes;
    size_t size;
    struct err err;

    if (trace->plan && trace->plan_run == run)
        return EXIT_GO_ON;
    trace->plan = NULL;
    arena_destroy(trace->plan_arena);
    trace->plan_arena = arena_create(LOAD_ARENA_MAX);
    if (!trace->plan_arena)
        return cli_fail(trace->cli, EXIT_FAILED, "out of memory");
    if (sluice_plan(trace->cli->sluice, run, &bytes, &size, &trace->cli->error))
        return cli_fail_last(trace->cli);

    enum rc rc = plan_decode(trace->plan_arena, bytes, size, &trace->plan, &err);

    free(bytes);
    trace->plan_run = run;
    return rc == RC_OK ? EXIT_GO_ON : cli_fail_err(trace->cli, EXIT_FAILED, &err);
}

/* Stages from which values came that were no files, or to which they went. */
static int link_values(struct step *step)
{
    struct trace *trace = step->trace;
    uint32_t number = trace->nodes[step->node].number;
    uint64_t run = trace->nodes[step->node].run;
    int end = learn_plan(trace, run);

    for (size_t i = 0; end == EXIT_GO_ON && i < trace->plan->edge_count; i++) {
        const struct plan_edge *edge = &trace->plan->edges[i];
        uint32_t self = trace->is_down ? edge->source : edge->target;
        uint32_t other = trace->is_down ? edge->target : edge->source;

        if (self == number && edge->target_type == EDGE_PARAMETER)
            end = link_stage(trace, step->node, run, other, 0, 0);
    }
    return end;
}

static int open_stage(struct trace *trace, size_t at)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct step step = { .trace = trace, .node = at, .arena = arena };
    int end;

    if (!arena)
        return cli_fail(trace->cli, EXIT_FAILED, "out of memory");
    if (*trace->nodes[at].reused)
        return link_origin(trace, at, trace->nodes[at].reused);
    end = trace->is_down ? read_outputs(&step) : read_inputs(&step);
    if (end == EXIT_GO_ON)
        end = read_ends(&step);
    if (end == EXIT_GO_ON && !trace->is_down)
        end = look_all_earlier(&step);
    if (end == EXIT_GO_ON)
        end = fold(&step);
    return end == EXIT_GO_ON ? link_values(&step) : end;
}

/* ---- What was asked for ---- */

int trace_file(struct trace *trace, const char *digest, const char *name)
{
    struct sluice_lineages *found;
    struct sluice_lineage *file;
    bool is_new;
    int end = EXIT_GO_ON;

    if (sluice_lineage(trace->cli->sluice, &digest, 1, 0, 0, &found, &trace->cli->error))
        return cli_fail_last(trace->cli);
    file = &found->files[0];
    trace_node(trace, TRACE_FILES, 0, file->digest, &is_new);

    struct trace_node *node = &trace->nodes[0];
    const struct sluice_lineage_entry *ends = trace->is_down ? file->users : file->makers;
    size_t count = trace->is_down ? file->user_count : file->maker_count;

    node->files = 1;
    node->name = kept(trace, name);
    node->digest = kept(trace, file->digest);
    node->is_first = file->maker_count == 0;
    trace->is_cut |= file->more;
    if (file->maker_count + file->user_count == 0)
        end = cli_fail(trace->cli, EXIT_WRONG,
                       "%s is not known: no task made it or used it", file->digest);
    for (size_t i = 0; end == EXIT_GO_ON && i < count; i++)
        end = link_stage(trace, 0, ends[i].run, ends[i].stage, ends[i].index,
                         ends[i].count);
    sluice_lineages_free(found);
    return end;
}

static int trace_stages(struct trace *trace, const struct sluice_view *view)
{
    char key[KEY_SIZE];
    bool is_new;
    int end = EXIT_GO_ON;

    snprintf(key, sizeof key, "%" PRIu64, view->run.number);
    trace_node(trace, TRACE_RUN, 0, key, &is_new);
    describe_run(trace, &trace->nodes[0], view);
    for (size_t i = 0; end == EXIT_GO_ON && i < view->stage_count; i++) {
        size_t at = trace->is_down ? i : view->stage_count - 1 - i;

        if (view->stages[at].is_resolved)
            end = link_stage(trace, 0, view->run.number, (uint32_t)at, 0, 0);
    }
    return end;
}

int trace_run(struct trace *trace, uint64_t run, const char *stage, bool has_task,
              uint64_t task)
{
    const struct sluice_view *view = NULL;
    int64_t node;
    int end = view_of(trace, run, &view);

    if (end != EXIT_GO_ON || !stage)
        return end == EXIT_GO_ON ? trace_stages(trace, view) : end;
    for (uint32_t i = 0; i < view->stage_count; i++) {
        if (strcmp(view->stages[i].name, stage) != 0)
            continue;
        end = stage_node(trace, run, i, 0, &node);
        if (end == EXIT_GO_ON && trace->nodes[0].tasks > 0)
            trace_add_tasks(trace, 0, has_task ? task : 0,
                            has_task ? 1 : trace->nodes[0].tasks);
        return end;
    }
    return cli_fail(trace->cli, EXIT_WRONG, "run %" PRIu64 " has no stage %s", run,
                    stage);
}

int trace_walk(struct trace *trace)
{
    int end = EXIT_GO_ON;

    for (size_t at = 0; end == EXIT_GO_ON && at < trace->node_count; at++) {
        if (trace->nodes[at].kind != TRACE_STAGE)
            continue;
        if (trace->nodes[at].depth >= trace->depth_max)
            trace->is_cut = true;
        else
            end = open_stage(trace, at);
    }
    return end;
}
