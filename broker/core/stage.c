/* stage.c - the life of a stage: waiting, resolved, queued, started, ended, and what its
 * end means for the stages behind it.
 *
 * An end goes in two moves: stage_settle sees that no task is left and works out the
 * outcome; if the stage has actions for it, the shell is asked first (CHANGE_EVALUATE).
 * Then stage_finish takes the outcome and releases or skips what waits. */
#include "broker/core/core_state.h"

void stage_set(struct core *core, struct stage *stage, enum stage_state state,
               struct changes *changes)
{
    struct change *change;

    must(!stage_state_is_final(stage->row.state));
    stage->row.state = state;
    if (state == STAGE_STARTED && stage->row.started_us == 0)
        stage->row.started_us = core->now_us;
    if (stage_state_is_final(state)) {
        must(stage->run->row.open > 0);
        stage->run->row.open--;
        stage->row.ended_us = core->now_us;
        stage->row.pending = PENDING_NONE;
        run_touch(core, stage->run);
    }
    stage_touch(core, stage);
    ready_update(core, stage);
    change = change_add(changes, CHANGE_STAGE);
    change->run = stage->run->row.run;
    change->stage = stage->index;
    change->state = state;
    change->follows = stage->shape.demand.is_plain && state == STAGE_QUEUED;
    change->reason = stage->row.reason;
}

static void ask(struct stage *stage, enum change_kind kind, unsigned when,
                struct changes *changes)
{
    struct change *change = change_add(changes, kind);

    change->run = stage->run->row.run;
    change->stage = stage->index;
    change->when = when;
}

static void stage_queue(struct core *core, struct stage *stage, struct changes *changes)
{
    stage->row.pending = PENDING_NONE;
    stage_set(core, stage, STAGE_QUEUED, changes);
    stage_settle(core, stage, changes);
}

void stage_plain(struct stage *stage)
{
    stage->row.is_resolved = true;
    stage->row.tasks = 1;
}

void stage_begin(struct core *core, struct stage *stage, struct changes *changes)
{
    must(stage->row.state == STAGE_WAITING);
    must(stage->row.waits == 0);
    if (stage->shape.demand.is_plain) {
        stage_plain(stage);
        stage_queue(core, stage, changes);
        return;
    }
    stage->row.state = STAGE_RESOLVING;
    stage_touch(core, stage);
    ask(stage, CHANGE_RESOLVE, 0, changes);
}

/* Whether what is behind the stage may go on. */
static bool lets_through(const struct stage *stage, enum stage_state outcome)
{
    return outcome == STAGE_COMPLETE || outcome == STAGE_STOPPED
           || (outcome == STAGE_ERROR && stage->shape.on_error == ON_ERROR_CONTINUE);
}

/* Skips every stage that waits, directly or not, for first. */
static void skip_behind(struct core *core, struct stage *first, struct changes *changes)
{
    struct run *run = first->run;
    uint32_t todo = 0;

    run->work[todo++] = first->index;
    while (todo > 0) {
        struct stage *stage = &run->stages[run->work[--todo]];

        for (uint32_t i = 0; i < stage->target_count; i++) {
            struct stage *target = &run->stages[stage->targets[i]];

            if (target->row.state != STAGE_WAITING)
                continue;
            target->row.reason = REASON_UPSTREAM;
            target->row.reason_stage = first->index;
            stage_set(core, target, STAGE_SKIPPED, changes);
            run->work[todo++] = target->index;
        }
    }
}

static void release_behind(struct core *core, struct stage *stage,
                           struct changes *changes)
{
    struct run *run = stage->run;

    for (uint32_t i = 0; i < stage->target_count; i++) {
        struct stage *target = &run->stages[stage->targets[i]];

        must(target->row.waits > 0);
        target->row.waits--;
        if (target->row.waits == 0 && target->row.state == STAGE_WAITING)
            stage_begin(core, target, changes);
    }
}

static void stage_finish(struct core *core, struct stage *stage, enum stage_state outcome,
                         struct changes *changes)
{
    struct run *run = stage->run;

    must(stage->row.running == 0);
    stage_set(core, stage, outcome, changes);
    if (run->row.state == RUN_STARTED) {
        if (lets_through(stage, outcome)) {
            release_behind(core, stage, changes);
        } else if (stage->shape.on_error == ON_ERROR_STOP_NEXT) {
            if (!run->row.has_failed) {
                run->row.reason = stage->row.reason;
                run->row.reason_stage = stage->index;
            }
            run->row.has_failed = true;
            run_touch(core, run);
            skip_behind(core, stage, changes);
        } else {
            run_end(core, run, RUN_ERROR, stage->row.reason, stage->index, changes);
        }
    }
    run_settle(core, run, changes);
}

static enum stage_state outcome_of(const struct stage *stage)
{
    bool forgives =
        stage->shape.on_child_error == CHILD_ERROR_CONTINUE_AND_COMPLETE
        || (stage->shape.is_task && stage->shape.on_error == ON_ERROR_CONTINUE);

    if (stage->run->row.state != RUN_STARTED)
        return STAGE_STOPPED;
    if (stage->row.reason == REASON_UNFIT || (stage->row.failed > 0 && !forgives))
        return STAGE_ERROR;
    return stage->row.is_met || stage->row.stopped > 0 ? STAGE_STOPPED : STAGE_COMPLETE;
}

void stage_settle(struct core *core, struct stage *stage, struct changes *changes)
{
    struct stage_row *row = &stage->row;
    bool is_over = row->complete + row->failed + row->stopped == row->tasks;
    bool goes_on = row->state == STAGE_QUEUED || row->state == STAGE_STARTED;

    if (row->pending != PENDING_NONE || row->running > 0)
        return;
    if (row->state != STAGE_STOPPING && !(goes_on && is_over))
        return;

    enum stage_state outcome = outcome_of(stage);
    unsigned when = outcome == STAGE_ERROR ? WHEN_ERROR : WHEN_COMPLETE;

    if (row->failed > 0 && outcome == STAGE_ERROR && row->reason == REASON_NONE)
        row->reason = REASON_TASK_FAILED;
    if (row->is_met && row->reason == REASON_NONE)
        row->reason = REASON_CONDITION;
    if (row->reason == REASON_POISON && outcome != STAGE_ERROR)
        row->reason = REASON_NONE;
    row->reason_stage =
        row->reason == REASON_TASK_FAILED ? stage->index : row->reason_stage;
    if (stage->run->row.state == RUN_STARTED && (stage->shape.actions & when)) {
        row->pending = PENDING_END;
        row->outcome = outcome;
        stage_touch(core, stage);
        ready_update(core, stage);
        ask(stage, CHANGE_EVALUATE, when, changes);
        return;
    }
    stage_finish(core, stage, outcome, changes);
}

/* The stage that an answer of the shell or a person is about, if it is in the state for
 * it. */
static struct stage *stage_in(struct core *core, const struct core_input *input,
                              enum stage_state state)
{
    struct run *run = core_find_run(core, input->run);

    if (!run || input->stage >= run->row.stages)
        return NULL;
    return run->stages[input->stage].row.state == state ? &run->stages[input->stage]
                                                        : NULL;
}

void stage_resolved(struct core *core, const struct core_input *input,
                    struct changes *changes)
{
    struct stage *stage = stage_in(core, input, STAGE_RESOLVING);

    if (!stage)
        return; /* the run ended while the question was open */
    stage->row.is_resolved = true;
    stage->row.tasks = input->tasks;
    satisfied_take(stage, input, changes);
    near_take(stage, input);
    if (stage->shape.actions & WHEN_STARTING) {
        stage->row.pending = PENDING_START;
        ask(stage, CHANGE_EVALUATE, WHEN_STARTING, changes);
        return;
    }
    stage_queue(core, stage, changes);
}

void stage_unresolved(struct core *core, const struct core_input *input,
                      struct changes *changes)
{
    struct stage *stage = stage_in(core, input, STAGE_RESOLVING);

    if (!stage)
        return;
    stage->row.reason = REASON_UNRESOLVED;
    stage->row.reason_stage = stage->index;
    stage_finish(core, stage, STAGE_ERROR, changes);
}

static void go_on(struct core *core, struct stage *stage, struct changes *changes)
{
    if (stage->row.pending == PENDING_START)
        stage_queue(core, stage, changes);
    else
        stage_finish(core, stage, stage->row.outcome, changes);
}

void stage_verdict(struct core *core, const struct core_input *input,
                   struct changes *changes)
{
    struct run *run = core_find_run(core, input->run);

    if (!run || input->stage >= run->row.stages)
        return;

    struct stage *stage = &run->stages[input->stage];
    unsigned ends = (1u << THEN_STOP) | (1u << THEN_ERROR);

    if (stage->row.pending == PENDING_NONE || stage->row.pending == PENDING_TWIN
        || stage->row.state == STAGE_APPROVAL)
        return; /* the run ended while the question was open, or it was answered */
    must(run->row.state == RUN_STARTED);
    if (input->then & ends) {
        enum run_state outcome =
            input->then & (1u << THEN_ERROR) ? RUN_ERROR : RUN_STOPPED;

        run_end(core, run, outcome, REASON_ACTION, stage->index, changes);
        return;
    }
    if (input->then & (1u << THEN_APPROVAL)) {
        stage_set(core, stage, STAGE_APPROVAL, changes);
        return;
    }
    go_on(core, stage, changes);
}

void stage_approve(struct core *core, const struct core_input *input,
                   struct changes *changes)
{
    struct stage *stage = stage_in(core, input, STAGE_APPROVAL);

    if (!stage) {
        refuse(changes, core_find_run(core, input->run) ? RC_CONFLICT : RC_NOT_FOUND);
        return;
    }
    if (input->yes)
        go_on(core, stage, changes);
    else
        run_end(core, stage->run, RUN_STOPPED, REASON_REJECTED, stage->index, changes);
}

/* No further task starts; running ones are told to stop. */
void stage_stop(struct core *core, struct stage *stage, struct changes *changes)
{
    if (stage_state_is_final(stage->row.state) || stage->row.state == STAGE_STOPPING)
        return;
    stage->row.pending = PENDING_NONE;
    stage->row.retry_count = 0;
    if (stage->row.running > 0) {
        stage_set(core, stage, STAGE_STOPPING, changes);
        attempts_stop(core, stage, changes);
        return;
    }
    stage->row.state = STAGE_STOPPING;
    stage_touch(core, stage);
    ready_update(core, stage);
    stage_settle(core, stage, changes);
}

/* No node could ever run its tasks: it fails before any is handed out. */
void stage_unfit(struct core *core, struct stage *stage, struct changes *changes)
{
    must(stage->lane != NULL);
    stage->row.reason = REASON_UNFIT;
    stage->row.reason_stage = stage->index;
    if (stage->row.running == 0) {
        stage->row.retry_count = 0;
        stage_finish(core, stage, STAGE_ERROR, changes);
        return;
    }
    /* Nodes that could have become smaller; what runs there is told to stop. */
    stage_stop(core, stage, changes);
}
