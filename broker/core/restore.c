/* restore.c - the machine from its rows, and the check of its invariants. */
#include "broker/core/core_state.h"

#include <string.h>

void core_restore_counters(struct core *core, uint64_t run_next, uint64_t token_next)
{
    must(run_next > 0 && token_next > 0);
    core->run_next = run_next;
    core->token_next = token_next;
}

static bool row_is_sane(const struct stage_row *row)
{
    return (unsigned)row->state < STAGE_STATE_COUNT
           && (unsigned)row->pending < PENDING_COUNT && row->next <= row->tasks
           && row->complete + row->failed + row->stopped <= row->tasks;
}

enum rc core_restore_run(struct core *core, const struct run_row *row,
                         const struct stage_shape *shapes, const struct stage_row *stages,
                         const struct core_edge *edges, size_t edge_count)
{
    uint32_t open = 0;

    if (row->run == 0 || row->run >= core->run_next || run_find(core, row->run)
        || run_state_is_final(row->state))
        return RC_CORRUPT;
    for (uint32_t i = 0; i < row->stages; i++) {
        if (!row_is_sane(&stages[i]))
            return RC_CORRUPT;
        open += !stage_state_is_final(stages[i].state);
    }
    if (open != row->open)
        return RC_CORRUPT;

    struct run *run = run_build(core, shapes, row->stages, edges, edge_count);

    if (!run)
        return RC_NO_MEMORY;
    run->row = *row;
    for (uint32_t i = 0; i < row->stages; i++) {
        struct stage *stage = &run->stages[i];
        uint32_t count = stages[i].retry_count;

        stage->row = stages[i];
        stage->row.running = 0;
        stage->row.retries = NULL;
        stage->row.retry_count = 0;
        while (stage->retry_capacity < count)
            stage->row.retries =
                grown(stage->row.retries, &stage->retry_capacity, sizeof(struct retry));
        if (count > 0)
            memcpy(stage->row.retries, stages[i].retries, count * sizeof(struct retry));
        stage->row.retry_count = count;
    }
    run_add(core, run);
    return RC_OK;
}

enum rc core_restore_attempt(struct core *core, const struct attempt_row *row)
{
    struct run *run = run_find(core, row->run);

    if (!run || row->stage >= run->row.stages || row->token == 0
        || row->token >= core->token_next || attempt_find(core, row->token)
        || row->index >= run->stages[row->stage].row.next)
        return RC_CORRUPT;
    attempt_add(core, row, run);
    return RC_OK;
}

void core_restored(struct core *core, int64_t now_us, struct changes *changes)
{
    core->now_us = now_us;
    for (uint32_t i = 0; i < core->node_capacity; i++)
        core->nodes[i].seen_us = now_us;
    for (uint32_t i = 0; i < core->run_capacity; i++) {
        struct run *run = core->runs[i];

        for (uint32_t s = 0; run && s < run->row.stages; s++) {
            ready_update(core, &run->stages[s]);
            stage_settle(core, &run->stages[s], changes);
        }
        if (run)
            run_settle(core, run, changes);
    }
}

static void check_stage(const struct core *core, const struct stage *stage)
{
    const struct stage_row *row = &stage->row;
    uint64_t handed_out = row->running + row->complete + row->failed + row->stopped;

    must(row->next <= row->tasks);
    must(stage->is_ready == (stage_available(stage) > 0));
    must(handed_out <= row->next);
    if (row->state == STAGE_QUEUED || row->state == STAGE_STARTED)
        must(handed_out + row->retry_count == row->next);
    if (stage_state_is_final(row->state))
        must(row->running == 0 && row->pending == PENDING_NONE);
    if (row->state == STAGE_WAITING)
        must(row->waits > 0 && row->next == 0);
    if (stage->shape.queued_max > 0)
        must(row->running <= stage->shape.queued_max);
    for (uint32_t i = 0; i < row->retry_count; i++)
        must(row->retries[i].index < row->next);
    must(core->run_count > 0);
}

static void check_attempts(const struct core *core)
{
    uint32_t seen = 0, busy = 0;

    for (uint32_t i = 0; i < core->attempt_capacity; i++) {
        const struct attempt *attempt = &core->attempts[i];

        if (attempt->row.token == 0)
            continue;
        seen++;
        must(attempt_find(core, attempt->row.token) == attempt);
        must(attempt->row.token < core->token_next);
        must(run_find(core, attempt->row.run) == attempt->owner);
        must(attempt->row.index < attempt->owner->stages[attempt->row.stage].row.next);
    }
    for (uint32_t i = 0; i < core->node_capacity; i++) {
        busy += core->nodes[i].busy;
        if (core->nodes[i].state == NODE_AWAY)
            continue;
        must(core->nodes[i].is_known);
    }
    must(seen == core->attempt_count);
    must(busy == core->attempt_count);
}

void core_check(const struct core *core)
{
    uint32_t runs = 0;

    for (uint32_t i = 0; i < core->run_capacity; i++) {
        const struct run *run = core->runs[i];
        uint64_t running = 0;
        uint32_t open = 0;

        if (!run)
            continue;
        runs++;
        for (uint32_t s = 0; s < run->row.stages; s++) {
            check_stage(core, &run->stages[s]);
            running += run->stages[s].row.running;
            open += !stage_state_is_final(run->stages[s].row.state);
        }
        must(running == run->live);
        must(open == run->row.open);
        if (run_state_is_final(run->row.state))
            must(open == 0 && run->live == 0);
        if (open == 0)
            must(run_state_is_final(run->row.state));
    }
    must(runs == core->run_count);
    check_attempts(core);
}
