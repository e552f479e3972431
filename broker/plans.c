/* plans.c - decoded plans of active runs, and what else is read of a run while it goes
 * on.
 *
 * A decoded stage takes more memory than all that the core knows of it. So a plan is kept
 * while something happens in its run, and read again when something does after a pause.
 */
#include "broker/broker_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLAN_ARENA_MAX = 1 << 30,
    PLANS_SMALL_MAX = 10000, /* plans that are kept although they are small */
    PLAN_SMALL = 4096,       /* bytes; such a plan is quickly read again */
    REST_US = 1000000,   /* a larger one stays for so long after it was used, and for */
    REST_BYTES_A_US = 4, /* a microsecond more for so many bytes: about a hundred times
                            as long as it takes to read it again */
};

static void plan_free(struct run_plan *plan)
{
    arena_destroy(plan->arena);
    *plan = (struct run_plan){ 0 };
}

void plans_fini(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->plan_count; i++)
        plan_free(&broker->plans[i]);
    free(broker->plans);
    broker->plans = NULL;
    broker->plan_count = broker->plan_capacity = 0;
    table_clear(&broker->plan_slots);
    free(broker->visited);
    broker->visited = NULL;
    broker->plans_due_us = INT64_MAX;
    broker->visited_count = broker->visited_capacity = 0;
    memset(broker->asked_runs, 0, sizeof broker->asked_runs);
}

static int64_t rests_at_us(const struct run_plan *plan)
{
    size_t size = arena_used(plan->arena);

    return size > PLAN_SMALL ? plan->used_us + REST_US + (int64_t)(size / REST_BYTES_A_US)
                             : INT64_MAX;
}

static void note_due(struct broker *broker, const struct run_plan *plan)
{
    int64_t due_us = rests_at_us(plan);

    if (due_us < broker->plans_due_us)
        broker->plans_due_us = due_us;
}

/* Notes that the end of the turn decides whether the plan stays. */
static enum rc visit(struct broker *broker, uint64_t run)
{
    if (broker->visited_count == broker->visited_capacity) {
        size_t capacity = broker->visited_capacity ? broker->visited_capacity * 2 : 16;
        uint64_t *visited = reallocarray(broker->visited, capacity, sizeof *visited);

        if (!visited)
            return RC_NO_MEMORY;
        broker->visited = visited;
        broker->visited_capacity = capacity;
    }
    broker->visited[broker->visited_count++] = run;
    return RC_OK;
}

enum rc plan_keep(struct broker *broker, uint64_t run, struct run_plan *plan)
{
    uint32_t slot = broker->plan_count;

    if (visit(broker, run) != RC_OK || table_reserve(&broker->plan_slots) != RC_OK)
        return RC_NO_MEMORY;
    if (slot == broker->plan_capacity) {
        uint32_t capacity = slot ? slot * 2 : 16;
        struct run_plan *plans = reallocarray(broker->plans, capacity, sizeof *plans);

        if (!plans)
            return RC_NO_MEMORY;
        broker->plans = plans;
        broker->plan_capacity = capacity;
    }
    broker->plans[slot] = *plan;
    broker->plans[slot].run = run;
    broker->plans[slot].used_us = broker->now_us;
    note_due(broker, &broker->plans[slot]);
    broker->plan_count++;
    *plan = (struct run_plan){ 0 };
    table_put(&broker->plan_slots, run, slot);
    return RC_OK;
}

void plan_drop(struct broker *broker, uint64_t run)
{
    uint32_t slot;

    if (!table_find(&broker->plan_slots, run, &slot))
        return;

    struct run_plan *last = &broker->plans[--broker->plan_count]; /* takes its slot */

    plan_free(&broker->plans[slot]);
    table_remove(&broker->plan_slots, run);
    if (slot == broker->plan_count)
        return;
    broker->plans[slot] = *last;
    table_set(&broker->plan_slots, last->run, slot);
}

enum rc stage_unmask(struct broker *broker, uint64_t run, uint32_t number,
                     struct arena *arena, struct plan_stage *stage, struct err *err)
{
    struct plan_secrets secrets;
    enum rc rc;

    if (!plan_stage_is_masked(stage))
        return RC_OK;
    rc = store_secrets(broker->store, run, number, arena, &secrets, err);
    if (rc == RC_OK)
        plan_stage_unmask(stage, &secrets);
    return rc;
}

/* Reads a plan back from the store. */
static enum rc plan_load(struct broker *broker, uint64_t run, struct run_plan *plan,
                         struct err *err)
{
    scoped_buf bytes = { 0 };
    scoped(arena) arena = arena_create(PLAN_ARENA_MAX);
    enum rc rc;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "plan of run %lu", (unsigned long)run);
    buf_init(&bytes, PLAN_ARENA_MAX);
    rc = store_run(broker->store, run, arena, &plan->head, err);
    if (rc == RC_OK)
        rc = store_plan(broker->store, run, &bytes, err);
    if (rc == RC_OK)
        rc = plan_decode(arena, bytes.data, bytes.size, &plan->plan, err);
    for (size_t i = 0; rc == RC_OK && i < plan->plan->stage_count; i++)
        rc = stage_unmask(broker, run, (uint32_t)i, arena, &plan->plan->stages[i], err);
    if (rc == RC_OK)
        plan->arena = steal(&arena);
    return rc;
}

/* The runs that came first are served first: theirs stay, and later ones are read again
 * when it is their turn. */
static bool is_kept(const struct broker *broker, uint64_t run)
{
    uint32_t slot;

    return core_run(broker->core, run)
           && (broker->plan_count <= PLANS_SMALL_MAX
               || (table_find(&broker->plan_slots, run, &slot)
                   && arena_used(broker->plans[slot].arena) > PLAN_SMALL));
}

/* Plans are used in nearly every turn, so only a time before which none of them has been
 * at rest for long is kept. */
static void plans_rest(struct broker *broker)
{
    if (broker->now_us < broker->plans_due_us)
        return;
    broker->plans_due_us = INT64_MAX;
    for (uint32_t i = broker->plan_count; i-- > 0;)
        if (rests_at_us(&broker->plans[i]) <= broker->now_us)
            plan_drop(broker, broker->plans[i].run);
        else
            note_due(broker, &broker->plans[i]);
}

/* Who asks about a run that has ended asks about one stage after the other, or about the
 * same stage of two runs: their plans stay until they are at rest, or that of another
 * such run comes. */
static void leave(struct broker *broker, uint64_t run)
{
    uint64_t *asked = broker->asked_runs;
    uint32_t slot;
    bool is_large = table_find(&broker->plan_slots, run, &slot)
                    && arena_used(broker->plans[slot].arena) > PLAN_SMALL;

    if (!is_large || core_run(broker->core, run)) {
        plan_drop(broker, run);
        return;
    }
    for (size_t i = 0; i < ASKED_RUNS; i++)
        if (asked[i] == run)
            return;
    plan_drop(broker, asked[ASKED_RUNS - 1]);
    memmove(asked + 1, asked, (ASKED_RUNS - 1) * sizeof *asked);
    asked[0] = run;
}

void plans_leave(struct broker *broker)
{
    for (size_t i = 0; i < broker->visited_count; i++)
        if (!is_kept(broker, broker->visited[i]))
            leave(broker, broker->visited[i]);
    broker->visited_count = 0;
    plans_rest(broker);
}

struct run_plan *plan_of(struct broker *broker, uint64_t run)
{
    uint32_t slot;
    struct run_plan plan = { 0 };
    struct err err;

    if (table_find(&broker->plan_slots, run, &slot)) {
        broker->plans[slot].used_us = broker->now_us;
        return &broker->plans[slot];
    }
    if (run == 0 || plan_load(broker, run, &plan, &err) != RC_OK)
        return NULL;
    if (plan_keep(broker, run, &plan) != RC_OK) {
        plan_free(&plan);
        return NULL;
    }
    must(table_find(&broker->plan_slots, run, &slot));
    return &broker->plans[slot];
}

static int32_t priority_of(const struct plan *plan)
{
    if (!(plan->priority > PLAN_PRIORITY_MIN))
        return plan->priority <= PLAN_PRIORITY_MIN ? PLAN_PRIORITY_MIN : 0;
    return plan->priority > PLAN_PRIORITY_MAX ? PLAN_PRIORITY_MAX
                                              : (int32_t)plan->priority;
}

static enum rc demand_of(struct broker *broker, const struct plan_stage *stage,
                         struct demand *demand)
{
    *demand = (struct demand){ .cpu_milli = plan_amount(stage->cpu_min, PLAN_CPU_UNIT,
                                                        PLAN_CPU_STEP),
                               .memory_mb = plan_amount(stage->memory_min_mb, 1, 1),
                               .gpus = plan_amount(stage->gpus, 1, 1),
                               .is_empty = plan_stage_is_empty(stage) };
    return stage->environment && stage->environment[0]
               ? labels_number(&broker->labels, stage->environment, &demand->label)
               : RC_OK;
}

/* Of what was hashed before and the text, NULL being an empty one. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    return (hash << 7 | hash >> 57) ^ bytes_hash(text, text ? strlen(text) : 0);
}

/* A stage of the same name that does the same is expected to take as long again. */
static uint32_t pace_of(const struct plan *plan, const struct plan_stage *stage)
{
    uint64_t hash = hash_text(0, plan->project);

    hash = hash_text(hash_text(hash, stage->name), stage->step);
    for (size_t i = 0; i < stage->command_count; i++)
        hash = hash_text(hash, stage->commands[i]);
    return 1 + (uint32_t)(hash >> 32) % (CORE_PACES - 1);
}

const char *stage_name(struct broker *broker, uint64_t run, uint32_t stage)
{
    struct run_plan *plan = plan_of(broker, run);

    return plan && stage < plan->plan->stage_count ? plan->plan->stages[stage].name : "?";
}

enum rc plan_shapes(struct broker *broker, const struct plan *plan, struct arena *arena,
                    struct stage_shape **shapes, struct core_edge **edges)
{
    struct stage_shape *made = arena_array(arena, plan->stage_count, sizeof *made);
    struct core_edge *linked = arena_array(arena, plan->edge_count, sizeof *linked);
    bool *plain = arena_array(arena, plan->stage_count, sizeof *plain);

    if (!made || !linked || !plain)
        return RC_NO_MEMORY;
    plan_plain_stages(plan, plain);
    for (size_t i = 0; i < plan->stage_count; i++) {
        const struct plan_stage *stage = &plan->stages[i];

        made[i] = (struct stage_shape){ .is_task = stage->kind == STAGE_TASK,
                                        .on_error = stage->on_error,
                                        .on_child_error = stage->on_child_error,
                                        .queued_max = stage->queued_max,
                                        .priority = priority_of(plan),
                                        .pace = pace_of(plan, stage) };
        if (demand_of(broker, stage, &made[i].demand) != RC_OK)
            return RC_NO_MEMORY;
        made[i].demand.is_plain = plain[i];
        for (size_t a = 0; a < stage->action_count; a++)
            made[i].actions |= stage->actions[a].when;
    }
    for (size_t i = 0; i < plan->edge_count; i++)
        linked[i] = (struct core_edge){ plan->edges[i].source, plan->edges[i].target };
    *shapes = made;
    *edges = linked;
    return RC_OK;
}

enum rc resolved_of(struct broker *broker, uint64_t run, uint32_t stage,
                    struct buf *bytes, struct err *err)
{
    enum rc rc = store_resolved(broker->store, run, stage, bytes, err);
    struct run_plan *plan = rc == RC_NOT_FOUND ? plan_of(broker, run) : NULL;

    if (!plan || !plan_stage_is_plain(plan->plan, stage)
        || !stage_row_of(broker, run, stage, broker->scratch).is_resolved)
        return rc;
    plan_stage_encode(bytes, &plan->plan->stages[stage]);
    return buf_ok(bytes) ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for a stage");
}

struct stage_row stage_row_of(struct broker *broker, uint64_t run, uint32_t stage,
                              struct arena *arena)
{
    const struct stage_row *live = core_stage(broker->core, run, stage);
    struct stage_row row = { 0 };
    struct err err;

    if (live)
        return *live;
    if (store_stage(broker->store, run, stage, arena, &row, &err) != RC_OK)
        row = (struct stage_row){ 0 };
    return row;
}

uint64_t stage_stopped(const struct stage_row *row)
{
    if (!row->is_resolved || !stage_state_is_final(row->state))
        return row->stopped;
    must(row->tasks >= row->complete + row->failed);
    return row->tasks - row->complete - row->failed;
}

void run_totals(struct broker *broker, uint64_t run, uint32_t stages, struct arena *arena,
                struct run_totals *totals, uint64_t *running)
{
    *totals = (struct run_totals){ 0 };
    *running = 0;
    for (uint32_t i = 0; i < stages; i++) {
        struct stage_row row = stage_row_of(broker, run, i, arena);

        totals->tasks += row.tasks;
        totals->complete += row.complete;
        totals->failed += row.failed;
        totals->stopped += stage_stopped(&row);
        totals->reused += row.reused;
        *running += row.running;
    }
}
