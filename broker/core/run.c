/* run.c - the life of a run: submitted, going on, ending, finished. */
#include "broker/core/core_state.h"

#include <stdlib.h>
#include <string.h>

struct run *core_find_run(const struct core *core, uint64_t number)
{
    uint32_t slot;

    return table_find(&core->run_slots, number, &slot) ? core->runs[slot] : NULL;
}

static void stage_fini(struct stage *stage)
{
    free(stage->row.retries);
    free(stage->row.satisfied);
    free(stage->near);
}

void run_destroy(struct run *run)
{
    if (!run)
        return;
    for (uint32_t i = 0; run->stages && i < run->row.stages; i++)
        stage_fini(&run->stages[i]);
    free(run->stages);
    lanes_fini(run);
    free(run->targets);
    free(run->work);
    free(run);
}

/* Groups the edges by source: run->targets holds, stage after stage, whom each one
 * releases. */
static void link_targets(struct run *run, const struct core_edge *edges,
                         size_t edge_count)
{
    uint32_t at = 0;

    for (size_t i = 0; i < edge_count; i++) {
        must(edges[i].source < run->row.stages && edges[i].target < run->row.stages);
        must(edges[i].source != edges[i].target);
        run->stages[edges[i].source].target_count++;
    }
    for (uint32_t i = 0; i < run->row.stages; i++) {
        run->stages[i].targets = run->targets + at;
        at += run->stages[i].target_count;
        run->work[i] = 0;
    }
    for (size_t i = 0; i < edge_count; i++) {
        struct stage *source = &run->stages[edges[i].source];
        uint32_t place = (uint32_t)(source->targets - run->targets);

        run->targets[place + run->work[edges[i].source]++] = edges[i].target;
        run->stages[edges[i].target].row.waits++;
    }
}

struct run *run_build(const struct core *core, const struct stage_shape *shapes,
                      size_t count, const struct core_edge *edges, size_t edge_count)
{
    scoped(run) run = calloc(1, sizeof *run);

    if (!run || count > CORE_STAGES_MAX
        || core->stage_count + count > core->options.stages_max)
        return NULL;
    run->stages = calloc(count ? count : 1, sizeof *run->stages);
    run->targets = calloc(edge_count ? edge_count : 1, sizeof *run->targets);
    run->work = calloc(count ? count : 1, sizeof *run->work);
    if (!run->stages || !run->targets || !run->work)
        return NULL;
    run->row.stages = run->row.open = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        run->stages[i].run = run;
        run->stages[i].index = i;
        run->stages[i].shape = shapes[i];
    }
    link_targets(run, edges, edge_count);
    return stages_rank(core, run) ? steal(&run) : NULL;
}

void run_add(struct core *core, struct run *run)
{
    must(run->row.run != 0);
    if (core->run_count == core->run_capacity)
        core->runs = grown(core->runs, &core->run_capacity, sizeof(struct run *));
    run->slot = core->run_count;
    core->runs[core->run_count++] = run;
    table_put(&core->run_slots, run->row.run, run->slot);
    core->stage_count += run->row.stages;
}

void run_remove(struct core *core, struct run *run)
{
    must(run->live == 0);
    must(core->runs[run->slot] == run);

    struct run *last = core->runs[--core->run_count]; /* takes its slot */

    for (uint32_t i = 0; i < run->row.stages; i++)
        must(!run->stages[i].lane && run->stages[i].sleep_place == 0);
    last->slot = run->slot;
    core->runs[last->slot] = last;
    table_set(&core->run_slots, last->row.run, last->slot);
    table_remove(&core->run_slots, run->row.run);
    lanes_leave(core, run);
    core->stage_count -= run->row.stages;
    run_destroy(run);
}

void run_submit(struct core *core, const struct core_input *input,
                struct changes *changes)
{
    struct run *run = run_build(core, input->shapes, input->shape_count, input->edges,
                                input->edge_count);

    if (!run) {
        refuse(changes, RC_FULL);
        return;
    }
    run->row.run = core->run_next++;
    run->row.state = RUN_STARTED;
    run->row.created_us = core->now_us;
    run_add(core, run);
    run_touch(core, run);
    change_add(changes, CHANGE_RUN_NEW)->run = run->row.run;
    for (uint32_t i = 0; i < run->row.stages; i++)
        if (run->stages[i].row.waits == 0 && run->stages[i].row.state == STAGE_WAITING)
            stage_begin(core, &run->stages[i], changes);
    run_settle(core, run, changes);
    must(core->run_count > 0);
}

void run_cancel(struct core *core, const struct core_input *input,
                struct changes *changes)
{
    struct run *run = core_find_run(core, input->run);

    if (!run) {
        refuse(changes, RC_NOT_FOUND);
        return;
    }
    if (run_state_is_final(run->row.state)) {
        refuse(changes, RC_CONFLICT);
        return;
    }
    /* A run that is stopping ends anyway, and keeps the outcome that it has earned. */
    run_end(core, run, RUN_STOPPED, REASON_CANCELLED, 0, changes);
}

static void run_announce(const struct run *run, struct changes *changes)
{
    struct change *change = change_add(changes, CHANGE_RUN);

    change->run = run->row.run;
    change->state = run->row.state;
    change->reason = run->row.reason;
}

/* What an open stage of a run that ends does. One that is over and waits only for the
 * word of a person keeps its outcome: that much did happen. */
static void stage_end(struct core *core, struct stage *stage, enum reason reason,
                      uint32_t reason_stage, struct changes *changes)
{
    struct stage_row *row = &stage->row;
    bool is_fresh = row->state == STAGE_WAITING
                    || (row->state == STAGE_RESOLVING && row->pending == PENDING_NONE);

    if (row->pending == PENDING_END) {
        stage_set(core, stage, row->outcome, changes);
        return;
    }
    if (row->reason == REASON_NONE) {
        row->reason = reason == REASON_TASK_FAILED || reason == REASON_UNRESOLVED
                              || reason == REASON_UNFIT || reason == REASON_POISON
                          ? REASON_UPSTREAM
                          : reason;
        row->reason_stage = reason_stage;
        stage_touch(core, stage); /* one that is stopping already keeps its state */
    }
    if (is_fresh)
        stage_set(core, stage, STAGE_SKIPPED, changes);
    else
        stage_stop(core, stage, changes);
}

void run_end(struct core *core, struct run *run, enum run_state outcome,
             enum reason reason, uint32_t stage, struct changes *changes)
{
    must(run_state_is_final(outcome));
    if (run->row.state != RUN_STARTED)
        return;
    run->row.state = RUN_STOPPING;
    run->row.outcome = outcome;
    run->row.reason = reason;
    run->row.reason_stage = stage;
    run_touch(core, run);
    if (run->live > 0)
        run_announce(run, changes);
    for (uint32_t i = 0; i < run->row.stages; i++) {
        struct stage *open = &run->stages[i];

        if (!stage_state_is_final(open->row.state))
            stage_end(core, open, reason, stage, changes);
    }
    run_settle(core, run, changes);
}

/* Takes the final state once every stage has. */
void run_settle(struct core *core, struct run *run, struct changes *changes)
{
    if (run->row.open > 0 || run->live > 0 || run_state_is_final(run->row.state))
        return;
    if (run->row.state == RUN_STOPPING)
        run->row.state = run->row.outcome;
    else
        run->row.state = run->row.has_failed ? RUN_ERROR : RUN_COMPLETE;
    run->row.ended_us = core->now_us;
    run_touch(core, run);
    run_announce(run, changes);
    must(run_state_is_final(run->row.state));
}
