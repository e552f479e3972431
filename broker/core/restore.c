/* restore.c - the machine from its rows, and the check of its invariants. */
#include "broker/core/core_state.h"

void core_restore_counters(struct core *core, uint64_t run_next, uint64_t token_next)
{
    must(run_next > 0 && token_next > 0);
    core->run_next = run_next;
    core->token_next = token_next;
}

uint64_t core_run_take(struct core *core)
{
    must(core->run_next > 0 && core->run_next < UINT64_MAX);
    return core->run_next++;
}

/* The moments between two commits leave nothing behind: no stage is being resolved, and a
 * verdict is open only while a person is asked. */
static bool row_is_sane(const struct stage_row *row, const struct run_row *run)
{
    bool waits_for_approval = row->state == STAGE_APPROVAL;
    bool waits_for_twin = row->pending == PENDING_TWIN;

    if ((unsigned)row->state >= STAGE_STATE_COUNT || row->state == STAGE_RESOLVING
        || (unsigned)row->pending >= PENDING_COUNT || row->next > row->tasks
        || row->ahead > row->tasks - row->next
        || (row->pending != PENDING_NONE && !waits_for_twin) != waits_for_approval)
        return false;
    if (row->pending == PENDING_END && !stage_state_is_final(row->outcome))
        return false;
    if (run->state == RUN_STOPPING && row->state != STAGE_STOPPING
        && !stage_state_is_final(row->state))
        return false;

    uint64_t handled = row->next + row->ahead;

    if (row->complete > handled || row->failed > handled || row->stopped > handled
        || row->complete + row->failed + row->stopped > handled
        || row->reused > row->complete)
        return false;
    for (uint32_t i = 0; i < row->retry_count; i++)
        if (row->retries[i].index >= row->next)
            return false;
    return true;
}

static bool rows_are_sane(const struct run_row *row, const struct stage_row *stages)
{
    uint32_t open = 0;

    if (row->run == 0 || row->state >= RUN_COMPLETE
        || (row->state == RUN_STOPPING && !run_state_is_final(row->outcome)))
        return false;
    for (uint32_t i = 0; i < row->stages; i++) {
        if (!row_is_sane(&stages[i], row))
            return false;
        open += !stage_state_is_final(stages[i].state);
    }
    return open == row->open && open > 0;
}

/* What a stage waits for follows from the others. */
static void count_waits(struct run *run)
{
    for (uint32_t s = 0; s < run->row.stages; s++)
        run->stages[s].row.waits = 0;
    for (uint32_t s = 0; s < run->row.stages; s++)
        for (uint32_t i = 0; i < run->stages[s].target_count; i++)
            run->stages[run->stages[s].targets[i]].row.waits +=
                !stage_state_is_final(run->stages[s].row.state);
}

/* A plain stage has no row for being queued: it is once it waits for nothing. */
static void plain_queue(struct run *run)
{
    for (uint32_t s = 0; run->row.state == RUN_STARTED && s < run->row.stages; s++) {
        struct stage *stage = &run->stages[s];

        if (!stage->shape.demand.is_plain || stage->row.state != STAGE_WAITING
            || stage->row.waits > 0 || stage->row.has_row)
            continue;
        stage_plain(stage);
        stage->row.state = STAGE_QUEUED;
    }
}

/* A stage waits for others, for a twin, or not at all. */
static bool waits_are_sane(const struct run *run)
{
    for (uint32_t s = 0; s < run->row.stages; s++) {
        const struct stage_row *row = &run->stages[s].row;
        bool has_twin = row->pending == PENDING_TWIN;
        bool waits = (row->waits > 0 || has_twin) && !stage_state_is_final(row->state);

        if ((row->state == STAGE_WAITING) != waits || (has_twin && row->waits > 0))
            return false;
    }
    return true;
}

static bool stage_restore(struct stage *stage, const struct stage_row *row)
{
    stage->row = *row;
    stage->row.running = 0; /* the attempts come one by one */
    stage->row.retries = NULL;
    stage->row.retry_count = 0;
    for (uint32_t i = 0; i < row->retry_count; i++)
        retry_add(stage, &row->retries[i]);
    return satisfied_restore(stage, row);
}

enum rc core_restore_run(struct core *core, const struct run_row *row,
                         const struct stage_shape *shapes, const struct stage_row *stages,
                         const struct core_edge *edges, size_t edge_count)
{
    if (row->run >= core->run_next || core_find_run(core, row->run)
        || !rows_are_sane(row, stages))
        return RC_CORRUPT;

    scoped(run) run = run_build(core, shapes, row->stages, edges, edge_count);

    if (!run)
        return RC_NO_MEMORY;
    run->row = *row;
    for (uint32_t i = 0; i < row->stages; i++)
        if (!stage_restore(&run->stages[i], &stages[i]))
            return RC_CORRUPT;
    count_waits(run);
    plain_queue(run);
    if (!waits_are_sane(run))
        return RC_CORRUPT;
    run_add(core, steal(&run));
    return RC_OK;
}

enum rc core_restore_attempt(struct core *core, const struct attempt_row *row)
{
    struct run *run = core_find_run(core, row->run);
    struct attempt_row live;

    if (!run || row->stage >= run->row.stages || row->token == 0
        || row->token >= core->token_next || attempt_row_find(core, row->token, &live)
        || row->node >= CORE_NODES_MAX)
        return RC_CORRUPT;

    const struct stage_row *stage = &run->stages[row->stage].row;

    if (row->index >= stage->next || stage->pending != PENDING_NONE
        || stage_state_is_final(stage->state))
        return RC_CORRUPT;
    live = *row;
    live.is_stopping = stage->state == STAGE_STOPPING;
    attempt_return(core, &live, run);
    return RC_OK;
}

/* Whether every task that was handed out is in one place, and the stage has something
 * that will move it on. */
static bool stage_is_whole(const struct stage *stage)
{
    const struct stage_row *row = &stage->row;
    uint64_t ended = row->complete + row->failed + row->stopped;

    if (row->state == STAGE_QUEUED || row->state == STAGE_STARTED)
        return ended + row->running + row->retry_count == row->next + row->ahead
               && ended < row->tasks;
    if (row->state == STAGE_STOPPING)
        return ended + row->running <= row->next + row->ahead && row->running > 0;
    return true;
}

enum rc core_restored(struct core *core, int64_t now_us)
{
    core->now_us = core->woken_us = now_us;
    for (uint32_t i = 0; i < core->node_capacity; i++) {
        core->nodes[i].seen_us = now_us;
        core->nodes[i].is_expected = core->nodes[i].is_known;
    }
    nodes_watch(core);
    for (uint32_t i = 0; i < core->run_count; i++) {
        struct run *run = core->runs[i];

        for (uint32_t s = 0; s < run->row.stages; s++) {
            if (!stage_is_whole(&run->stages[s]))
                return RC_CORRUPT;
            retries_limit(core, &run->stages[s]);
            ready_update(core, &run->stages[s]);
        }
    }
    return RC_OK;
}

void core_restore_node(struct core *core, uint32_t node)
{
    must(node < CORE_NODES_MAX);
    (void)node_at(core, node);
}

/* A stage that waits does so for stages that have not finished; one that is open in a run
 * that goes on and waits for nothing has something to do. */
static void check_waits(const struct run *run)
{
    for (uint32_t s = 0; s < run->row.stages; s++)
        run->work[s] = 0;
    for (uint32_t s = 0; s < run->row.stages; s++)
        for (uint32_t i = 0; i < run->stages[s].target_count; i++)
            run->work[run->stages[s].targets[i]] +=
                !stage_state_is_final(run->stages[s].row.state);
    for (uint32_t s = 0; s < run->row.stages; s++)
        if (run->stages[s].row.state == STAGE_WAITING)
            must(run->work[s] == run->stages[s].row.waits
                 && (run->work[s] == 0) == (run->stages[s].row.pending == PENDING_TWIN));
}

static void check_moves(const struct stage *stage)
{
    const struct stage_row *row = &stage->row;
    uint64_t ended = row->complete + row->failed + row->stopped;

    switch (row->state) {
    case STAGE_WAITING:
        must(row->pending == (row->waits > 0 ? PENDING_NONE : PENDING_TWIN));
        must(row->next == 0 && !row->is_resolved);
        break;
    case STAGE_RESOLVING:
        must(row->waits == 0 && row->next + row->ahead == row->complete);
        must(row->pending == PENDING_NONE || row->pending == PENDING_START);
        break;
    case STAGE_APPROVAL:
        must(row->pending != PENDING_NONE && row->running == 0);
        break;
    case STAGE_QUEUED:
    case STAGE_STARTED:
        must(ended + row->running + row->retry_count == row->next + row->ahead);
        must(row->pending == PENDING_END || ended < row->tasks);
        break;
    case STAGE_STOPPING:
        must(row->running > 0 || row->pending == PENDING_END);
        must(row->retry_count == 0);
        break;
    case STAGE_COMPLETE:
    case STAGE_ERROR:
    case STAGE_STOPPED:
    case STAGE_SKIPPED:
        must(row->running == 0 && row->pending == PENDING_NONE);
        must(row->retry_count == 0 && row->ended_us > 0);
        break;
    case STAGE_STATE_COUNT:
        unreachable_because("no stage is in such a state");
    }
}

/* The ring has each live attempt of the stage, and is joined both ways. */
static void check_ring(const struct core *core, const struct stage *stage)
{
    uint32_t slot = stage->live_first - 1;

    must((stage->live_first > 0) == (stage->row.running > 0));
    for (uint64_t left = stage->row.running; left > 0;) {
        const struct attempt *attempt = &core->attempts[slot];

        must(attempt->row.token != 0);
        must(attempt->owner == stage->run && attempt->row.stage == stage->index);
        must(core->attempts[attempt->next].prev == slot);
        must(attempt->count > 0 && attempt->count <= left);
        left -= attempt->count;
        must((attempt->next == stage->live_first - 1) == (left == 0));
        slot = attempt->next;
    }
}

static void check_sleep(const struct core *core, const struct stage *stage)
{
    bool goes_on = stage->row.state == STAGE_QUEUED || stage->row.state == STAGE_STARTED;

    must((stage->sleep_place > 0)
         == (goes_on && stage->row.retry_count > 0 && !retry_is_due(core, stage)));
    if (stage->sleep_place > 0) {
        must(stage->sleep_place <= core->sleeper_count);
        must(core->sleepers[stage->sleep_place - 1] == stage);
    }
}

static void check_stage(const struct core *core, const struct stage *stage)
{
    const struct stage_row *row = &stage->row;

    must(row->next + row->ahead <= row->tasks && row->reused <= row->complete);
    must(satisfied_until(stage) > row->next || row->next == row->tasks);
    must((stage->lane != NULL) == (stage_available(core, stage) > 0));
    for (uint32_t i = 1; i < row->retry_count; i++)
        must(row->retries[(i - 1) / 2].not_before_us <= row->retries[i].not_before_us);
    check_sleep(core, stage);
    check_ring(core, stage);
    must(row->running + row->complete + row->failed + row->stopped
         <= row->next + row->ahead);
    check_moves(stage);
    if (row->pending == PENDING_END)
        must(stage_state_is_final(row->outcome) && row->running == 0);
    if (stage->run->row.state == RUN_STOPPING && !stage_state_is_final(row->state))
        must(row->state == STAGE_STOPPING && row->running > 0);
    if (stage->shape.queued_max > 0)
        must(row->running <= stage->shape.queued_max);
    for (uint32_t i = 0; i < row->retry_count; i++)
        must(row->retries[i].index < row->next);
}

/* The stage of the heap after this one, parents before children; NULL: it was the last.
 */
static const struct stage *heap_next(const struct stage *at)
{
    if (at->lane_child)
        return at->lane_child;
    while (at && !at->lane_next) {
        while (at->lane_prev && at->lane_prev->lane_child != at)
            at = at->lane_prev;
        at = at->lane_prev;
    }
    return at ? at->lane_next : NULL;
}

/* Of plain stages. */
static uint64_t check_list(const struct lane *lane)
{
    const struct stage *last = NULL;
    uint64_t count = 0;

    for (const struct stage *at = lane->first; at; at = at->lane_next) {
        must(at->lane == lane && at->lane_prev == last && at->run == lane->run);
        last = at;
        count++;
    }
    must(count > 0 && lane->last == last);
    return count;
}

static uint64_t check_lane(const struct lane *lane)
{
    uint64_t count = 0;

    if (lane->queue->demand.is_plain)
        return check_list(lane);

    must(lane->first != NULL && !lane->first->lane_prev && !lane->first->lane_next);
    for (const struct stage *at = lane->first; at; at = heap_next(at)) {
        must(at->lane == lane && at->run == lane->run);
        for (const struct stage *child = at->lane_child; child;
             child = child->lane_next) {
            must(line_goes_before(at, child));
            must((child == at->lane_child ? at : child->lane_prev) == child->lane_prev);
            must(child->lane_prev == at || child->lane_prev->lane_next == child);
        }
        count++;
    }
    return count;
}

static uint64_t check_queue(const struct queue *queue)
{
    uint64_t stages = 0, lanes = 0;

    for (const struct lane *lane = queue->first; lane; lane = lane->next) {
        must(lane->queue == queue);
        stages += check_lane(lane);
        lanes++;
    }
    must(lanes == queue->lane_count && lanes > 0);
    must(!queue->held || queue->held->held_for == queue);
    return stages;
}

static void check_ready(const struct core *core)
{
    uint64_t in_line = 0, ready = 0;
    uint32_t lanes = 0;

    for (const struct queue *queue = core->queue_first; queue; queue = queue->next) {
        in_line += check_queue(queue);
        lanes += queue->lane_count;
    }
    for (uint32_t i = 0; i < core->run_count; i++)
        for (uint32_t s = 0; s < core->runs[i]->row.stages; s++)
            ready += core->runs[i]->stages[s].lane != NULL;
    must(in_line == ready && lanes == core->lane_count);
}

/* What is free of a node and what its attempts hold is what it offers; no device is held
 * twice. */
static void check_resources(const struct core *core, uint32_t number)
{
    const struct node *node = &core->nodes[number];
    int64_t cpu = node->cpu_free, memory = node->memory_free, empty = node->empty_free;
    uint64_t gpus = node->gpus_free;

    if (!node->has_offered)
        return;
    for (uint32_t i = 0; i < core->attempt_capacity; i++) {
        const struct attempt *attempt = &core->attempts[i];

        if (attempt->row.token == 0 || attempt->row.node != number)
            continue;

        const struct demand *demand =
            &attempt->owner->stages[attempt->row.stage].shape.demand;

        if (demand->is_empty && node->offer.empty_max > 0) {
            empty += (int64_t)attempt->count;
            continue;
        }
        must(attempt->count == 1 || demand->is_empty);
        cpu += (int64_t)attempt->count
               * (demand->cpu_milli ? demand->cpu_milli : CORE_CPU_DEFAULT);
        memory += (int64_t)attempt->count * demand->memory_mb;
        must((gpus & attempt->row.gpus) == 0);
        gpus |= attempt->row.gpus;
    }
    must(cpu == node->offer.cpu_milli && memory == node->offer.memory_mb);
    must(empty == node->offer.empty_max);
    must((node->offer.gpus & ~gpus) == 0);
    must(!node->held_for || node->held_for->held == node);
}

static void check_attempts(const struct core *core)
{
    uint32_t seen = 0, busy = 0;
    struct attempt_row row;

    for (uint32_t i = 0; i < core->attempt_capacity; i++) {
        const struct attempt *attempt = &core->attempts[i];

        if (attempt->row.token == 0)
            continue;
        seen += (uint32_t)attempt->count;
        must(attempt_row_find(core, attempt->row.token + attempt->count - 1, &row)
             && row.index == attempt->row.index + attempt->count - 1);
        must(row.token < core->token_next);
        must(core_find_run(core, attempt->row.run) == attempt->owner);
        must(row.index < attempt->owner->stages[attempt->row.stage].row.next);
        must(attempt->row.is_stopping
             == (attempt->owner->stages[attempt->row.stage].row.state == STAGE_STOPPING));
    }
    for (uint32_t i = 0; i < core->node_capacity; i++) {
        busy += core->nodes[i].busy;
        check_resources(core, i);
        if (core->nodes[i].state == NODE_AWAY)
            continue;
        must(core->nodes[i].is_known);
    }
    must(seen == core->attempt_count);
    must(busy == core->attempt_count);
}

void core_check(const struct core *core)
{
    for (uint32_t i = 0; i < core->run_count; i++) {
        const struct run *run = core->runs[i];
        uint64_t running = 0;
        uint32_t open = 0;

        must(core_find_run(core, run->row.run) == run && run->slot == i);
        for (uint32_t s = 0; s < run->row.stages; s++) {
            check_stage(core, &run->stages[s]);
            running += run->stages[s].row.running;
            open += !stage_state_is_final(run->stages[s].row.state);
        }
        check_waits(run);
        must(running == run->live);
        must(open == run->row.open);
        if (run_state_is_final(run->row.state))
            must(open == 0 && run->live == 0);
        if (open == 0)
            must(run_state_is_final(run->row.state));
    }
    check_attempts(core);
    batches_check(core);
    check_ready(core);
    nodes_check(core);
}
