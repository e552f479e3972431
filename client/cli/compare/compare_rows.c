/* compare_rows.c - see compare_rows.h. Tasks and results come in pages: a sweep costs a
 * few requests, not one for each of its tasks. */
#include "client/cli/compare/compare_rows.h"

#include "client/cli/load.h"
#include "client/cli/reference.h"
#include "client/cli/compare/run_range.h"
#include "client/cli/compare/series.h"
#include "codecs/plan/task.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS_PAGE = 10000, RUNS_PAGE = 1000, LIVE_MAX = 100 };

struct gathering {
    struct cli *cli;
    const struct compare_filter *filter;
    struct comparison *into;
    unsigned live; /* tasks whose series was read, since they go on */
};

static int too_many(const struct cli *cli)
{
    return cli_fail(cli, EXIT_FAILED,
                    "more rows, columns or text than fit in memory: name fewer runs, or "
                    "one stage");
}

/* What is added to a row of one task. */
struct adding {
    struct gathering *self;
    struct comparison_row *row;
    const char *prefix; /* before names, or NULL */
    uint64_t run;
    const struct sluice_stage *stage;
    const struct plan_stage *resolved;
    bool goes_on;
};

/* Parameters, and metrics of the result or of what a running task has printed so far. */
static int add_values(void *context, uint64_t task, const struct task_result *result)
{
    const struct adding *adding = context;
    struct gathering *self = adding->self;
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct value parameters, metrics = { .kind = VALUE_ABSENT };
    struct err err;
    int end = EXIT_GO_ON;

    if (!arena)
        return cli_fail(self->cli, EXIT_FAILED, "out of memory");
    if (plan_task_parameter_map(adding->resolved, task, arena, &parameters, &err)
        != RC_OK)
        return cli_fail_err(self->cli, EXIT_FAILED, &err);
    if (result)
        metrics = result->metadata;
    else if (adding->goes_on && self->live++ < LIVE_MAX)
        end = series_latest(self->cli, adding->run, adding->stage->name, task, arena,
                            &metrics);
    if (end != EXIT_GO_ON)
        return end;
    if (!comparison_cells(self->into, adding->row, adding->prefix, false, &parameters)
        || !comparison_cells(self->into, adding->row, adding->prefix, true, &metrics))
        return too_many(self->cli);
    return EXIT_GO_ON;
}

static int add_run(struct gathering *self, const struct sluice_view *view)
{
    const struct sluice_run *run = &view->run;
    struct arena *arena = self->into->arena;
    struct comparison_row row = { .run = run->number,
                                  .title = arena_text(arena, run->title),
                                  .state = arena_text(arena, run->state),
                                  .started_us = run->created_us,
                                  .ended_us = run->ended_us };
    struct adding adding = { .self = self, .run = run->number };
    int end = EXIT_GO_ON;

    adding.row = row.title && row.state ? comparison_row(self->into, &row) : NULL;
    if (!adding.row)
        return too_many(self->cli);
    for (size_t i = 0; i < view->stage_count && end == EXIT_GO_ON; i++) {
        const struct sluice_stage *stage = &view->stages[i];
        scoped(arena) own = arena_create(LOAD_ARENA_MAX);
        struct plan_stage *resolved;

        if (stage->tasks != 1)
            continue;
        end = own ? load_stage(self->cli, run->number, stage->name, own, &resolved)
                  : cli_fail(self->cli, EXIT_FAILED, "out of memory");
        if (end != EXIT_GO_ON)
            return end;
        adding.stage = stage;
        adding.resolved = resolved;
        adding.prefix = view->stage_count > 1 ? stage->name : NULL;
        adding.goes_on = stage->running > 0;
        end = load_results(self->cli, run->number, stage->name, 0, 1, NULL, add_values,
                           &adding);
    }
    comparison_row_end(adding.row);
    return end;
}

struct paging {
    struct adding adding;
    struct comparison_row row; /* what the tasks have in common */
    const struct sluice_tasks *tasks;
    uint64_t first;
};

static int add_task(void *context, uint64_t task, const struct task_result *result)
{
    struct paging *paging = context;
    struct gathering *self = paging->adding.self;
    const struct sluice_task *here = &paging->tasks->tasks[task - paging->first];
    struct comparison_row row = paging->row;
    int end;

    row.task = task;
    row.state = arena_text(self->into->arena, here->state);
    row.started_us = here->started_us;
    row.ended_us = here->ended_us;
    paging->adding.row = row.state ? comparison_row(self->into, &row) : NULL;
    if (!paging->adding.row)
        return too_many(self->cli);
    paging->adding.goes_on = strcmp(here->state, "started") == 0;
    end = add_values(&paging->adding, task, result);
    comparison_row_end(paging->adding.row);
    return end;
}

static int add_pages(struct paging *paging, const struct target *target)
{
    struct cli *cli = paging->adding.self->cli;
    uint64_t next = target->has_task ? target->task : 0;
    uint64_t last = target->has_task ? target->task + 1 : target->stage->tasks;
    int end = EXIT_GO_ON;

    while (next < last && end == EXIT_GO_ON) {
        struct sluice_tasks *tasks;

        end = target_tasks(cli, target, next, TASKS_PAGE, &tasks);
        if (end != EXIT_GO_ON)
            return end;
        paging->tasks = tasks;
        paging->first = next;
        last = tasks->count > 0 ? last : next;
        if (tasks->count > 0)
            end = load_results(cli, target->run, target->stage->name, next,
                               next + tasks->count, NULL, add_task, paging);
        next += tasks->count;
        sluice_tasks_free(tasks);
    }
    return end;
}

static int add_tasks(struct gathering *self, const struct target *target)
{
    scoped(arena) own = arena_create(LOAD_ARENA_MAX);
    struct arena *arena = self->into->arena;
    struct plan_stage *resolved;
    struct paging paging = { .row = { .run = target->run,
                                      .has_task = true,
                                      .title = arena_text(arena, target->view->run.title),
                                      .stage = arena_text(arena, target->stage->name) } };

    if (!target->stage->is_resolved)
        return EXIT_GO_ON; /* it has no tasks yet */

    int end =
        own ? load_stage(self->cli, target->run, target->stage->name, own, &resolved)
            : cli_fail(self->cli, EXIT_FAILED, "out of memory");

    if (end != EXIT_GO_ON)
        return end;
    if (!paging.row.title || !paging.row.stage)
        return too_many(self->cli);
    paging.adding = (struct adding){
        .self = self, .run = target->run, .stage = target->stage, .resolved = resolved
    };
    return add_pages(&paging, target);
}

/* Adds the run, or of it the stage that rest names; *is_meant tells whether the filters
 * let it pass. */
static int visit_run(struct gathering *self, uint64_t run, const char *rest,
                     bool *is_meant)
{
    const struct compare_filter *filter = self->filter;
    scoped_target target = { 0 };
    int end = target_of_run(self->cli, run, rest, &target);
    const struct sluice_view *view = target.view;

    *is_meant = false;
    if (end != EXIT_GO_ON)
        return end;
    if (filter->pipeline
        && (!view->run.is_pipeline || strcmp(view->run.title, filter->pipeline) != 0))
        return EXIT_GO_ON;
    if (!filter->step) {
        *is_meant = true;
        return target.stage ? add_tasks(self, &target) : add_run(self, view);
    }
    for (size_t i = 0; i < view->stage_count && end == EXIT_GO_ON; i++) {
        struct target one = target;

        if (strcmp(view->stages[i].step, filter->step) != 0
            || (target.stage && target.stage != &view->stages[i]))
            continue;
        one.stage = &view->stages[i];
        *is_meant = true;
        end = add_tasks(self, &one);
    }
    return end;
}

static int visit_all(struct gathering *self)
{
    uint64_t before = 0, meant = 0;
    int end = EXIT_GO_ON;
    bool is_over = false;

    while (!is_over && end == EXIT_GO_ON) {
        struct sluice_runs *runs;

        if (sluice_runs(self->cli->sluice, before, RUNS_PAGE, &runs, &self->cli->error))
            return cli_fail_last(self->cli);
        is_over = runs->count == 0;
        for (size_t i = 0; i < runs->count && end == EXIT_GO_ON && !is_over; i++) {
            bool is_meant;

            before = runs->runs[i].number;
            end = visit_run(self, before, NULL, &is_meant);
            meant += is_meant;
            is_over = before == 1 || (self->filter->last && meant >= self->filter->last);
        }
        sluice_runs_free(runs);
    }
    return end;
}

struct named {
    uint64_t run;
    const char *rest; /* of the word, behind the slash, or NULL */
};

struct names {
    struct named *items;
    size_t count, capacity;
};

static bool add_name(struct names *names, uint64_t run, const char *rest)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 64;
        struct named *items = names->count < COMPARISON_ROWS_MAX
                                  ? reallocarray(names->items, capacity, sizeof *items)
                                  : NULL;

        if (!items)
            return false;
        names->items = items;
        names->capacity = capacity;
    }
    names->items[names->count++] = (struct named){ run, rest };
    return true;
}

static int read_word(struct gathering *self, const char *word, struct names *names)
{
    struct cli *cli = self->cli;
    struct run_range range;
    struct reference reference;
    struct sluice_info info;
    struct err err = { .rc = RC_OK };
    const char *slash = strchr(word, '/');

    if (!run_range_read(word, &range, &err)) {
        if (!reference_split(word, &reference))
            return cli_fail(cli, EXIT_WRONG,
                            "\"%s\" is not of the form RUN, RUN/STAGE[/N], 12-20 or "
                            "12..20",
                            word);
        if (sluice_find(cli->sluice, reference.run, &range.first, &cli->error))
            return cli_fail_last(cli);
        range.last = range.first;
    }
    if (err.rc != RC_OK)
        return cli_fail_err(cli, EXIT_WRONG, &err);
    if (sluice_status(cli->sluice, &info, &cli->error))
        return cli_fail_last(cli);
    if (range.first > info.runs)
        return cli_fail(cli, EXIT_WRONG,
                        "there is no run %" PRIu64 "; the last is %" PRIu64, range.first,
                        info.runs);
    for (uint64_t run = range.first; run <= range.last && run <= info.runs; run++)
        if (!add_name(names, run, slash ? slash + 1 : NULL))
            return too_many(cli);
    return EXIT_GO_ON;
}

static int newest_first(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    return (x->run < y->run) - (x->run > y->run);
}

static int visit_words(struct gathering *self)
{
    struct names names = { 0 };
    uint64_t meant = 0, last = self->filter->last;
    int end = EXIT_GO_ON;

    for (size_t i = 0; i < self->cli->word_count && end == EXIT_GO_ON; i++)
        end = read_word(self, self->cli->words[i], &names);
    if (last > 0 && names.count > 0)
        qsort(names.items, names.count, sizeof *names.items, newest_first);
    for (size_t i = 0; i < names.count && end == EXIT_GO_ON && (!last || meant < last);
         i++) {
        bool is_meant;

        end = visit_run(self, names.items[i].run, names.items[i].rest, &is_meant);
        meant += is_meant;
    }
    free(names.items);
    return end;
}

int compare_gather(struct cli *cli, const struct compare_filter *filter,
                   struct comparison *into)
{
    struct gathering self = { .cli = cli, .filter = filter, .into = into };
    int end = cli_connect(cli, CONNECT_STORE);

    if (end != EXIT_GO_ON)
        return end;
    return cli->word_count > 0 ? visit_words(&self) : visit_all(&self);
}
