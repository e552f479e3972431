/* core_rows.h - what a store would hold of a core: the rows of its last commit. */
#pragma once

#include "broker/core/core_state.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS_STAGES = 6, ROWS_EDGES = 16, ROWS_ATTEMPTS = 256 };

struct kept_run {
    struct run_row row;
    struct stage_shape shapes[ROWS_STAGES];
    struct stage_row stages[ROWS_STAGES]; /* retries are owned */
    struct core_edge edges[ROWS_EDGES];
    size_t edge_count;
};

struct rows {
    struct kept_run *runs; /* by number - 1 */
    size_t run_count;
    struct attempt_row attempts[ROWS_ATTEMPTS];
    size_t attempt_count;
    uint64_t run_next, token_next;
};

static inline void rows_fini(struct rows *rows)
{
    for (size_t i = 0; i < rows->run_count; i++)
        for (size_t s = 0; s < ROWS_STAGES; s++)
            free(rows->runs[i].stages[s].retries);
    free(rows->runs);
}

/* Room for the next run; its shapes and edges are the plan's. */
static inline struct kept_run *rows_add_run(struct rows *rows)
{
    rows->runs = reallocarray(rows->runs, rows->run_count + 1, sizeof *rows->runs);
    assert_non_null(rows->runs);
    rows->runs[rows->run_count] = (struct kept_run){ 0 };
    return &rows->runs[rows->run_count++];
}

static inline struct attempt_row *rows_attempt(struct rows *rows, uint64_t token)
{
    for (size_t i = 0; i < rows->attempt_count; i++)
        if (rows->attempts[i].token == token)
            return &rows->attempts[i];
    return NULL;
}

static inline void rows_keep_stage(struct rows *rows, const struct core *core,
                                   const struct change *change)
{
    struct stage_row *kept = &rows->runs[change->run - 1].stages[change->stage];
    const struct stage_row *row = core_stage(core, change->run, change->stage);
    size_t size = row->retry_count * sizeof *row->retries;

    free(kept->retries);
    *kept = *row;
    kept->retries = malloc(size ? size : 1);
    assert_non_null(kept->retries);
    if (size > 0)
        memcpy(kept->retries, row->retries, size);
}

/* What the change means for the store. */
static inline void rows_apply(struct rows *rows, const struct core *core,
                              const struct change *change)
{
    struct attempt_row row;

    if (change->kind == CHANGE_ASSIGN) {
        for (uint64_t i = 0; i < change->count; i++) {
            row = (struct attempt_row){ .token = change->token + i,
                                        .run = change->run,
                                        .stage = change->stage,
                                        .index = change->index + i,
                                        .node = change->node,
                                        .number = change->number };
            core_attempt(core, row.token, &row);
            assert_in_range(rows->attempt_count, 0, ROWS_ATTEMPTS - 1);
            row.is_stopping = false; /* it is not stored again when it is stopped */
            row.has_started = false;
            rows->attempts[rows->attempt_count++] = row;
        }
    } else if (change->kind == CHANGE_BEGUN) {
        rows_attempt(rows, change->token)->has_started = true;
    } else if (change->kind == CHANGE_ENDED || change->kind == CHANGE_LOST) {
        struct attempt_row *gone = rows_attempt(rows, change->token);

        assert_non_null(gone);
        *gone = rows->attempts[--rows->attempt_count];
    } else if (change->kind == CHANGE_RUN_ROW) {
        rows->runs[change->run - 1].row = *core_run(core, change->run);
    } else if (change->kind == CHANGE_STAGE_ROW) {
        rows_keep_stage(rows, core, change);
    }
    rows->run_next = core_run_next(core);
    rows->token_next = core_token_next(core);
}

static inline struct core *rows_restore(const struct rows *rows, uint64_t timeout_us,
                                        int64_t now_us)
{
    struct core *core =
        core_create(&(struct core_options){ .node_timeout_us = timeout_us,
                                            .stages_max = 10000,
                                            .retry_first_us = timeout_us / 10,
                                            .retry_max_us = timeout_us });

    assert_non_null(core);
    core_restore_counters(core, rows->run_next, rows->token_next);
    for (uint64_t run = 1; run < rows->run_next; run++) {
        const struct kept_run *kept = &rows->runs[run - 1];

        if (!run_state_is_final(kept->row.state))
            assert_int_equal(core_restore_run(core, &kept->row, kept->shapes,
                                              kept->stages, kept->edges,
                                              kept->edge_count),
                             RC_OK);
    }
    for (size_t i = 0; i < rows->attempt_count; i++)
        assert_int_equal(core_restore_attempt(core, &rows->attempts[i]), RC_OK);
    assert_int_equal(core_restored(core, now_us), RC_OK);
    core_check(core);
    return core;
}

static inline void assert_stage_equal(const struct core *core_a, const struct stage *a,
                                      const struct core *core_b, const struct stage *b)
{
    const struct stage_row *x = &a->row, *y = &b->row;

    assert_int_equal(x->state, y->state);
    assert_int_equal(x->pending, y->pending);
    if (x->pending == PENDING_END)
        assert_int_equal(x->outcome, y->outcome);
    assert_int_equal(x->reason, y->reason);
    assert_int_equal(x->reason_stage, y->reason_stage);
    if (x->state == STAGE_WAITING)
        assert_int_equal(x->waits, y->waits);
    assert_int_equal(x->is_resolved, y->is_resolved);
    assert_int_equal(x->is_met, y->is_met);
    assert_int_equal(x->tasks, y->tasks);
    assert_int_equal(x->next, y->next);
    assert_int_equal(x->running, y->running);
    assert_int_equal(x->complete, y->complete);
    assert_int_equal(x->failed, y->failed);
    assert_int_equal(x->stopped, y->stopped);
    assert_int_equal(x->started_us, y->started_us);
    assert_int_equal(x->ended_us, y->ended_us);
    assert_int_equal(x->retry_count, y->retry_count);
    for (uint32_t i = 0; i < x->retry_count; i++) {
        assert_int_equal(x->retries[i].index, y->retries[i].index);
        assert_int_equal(x->retries[i].attempts, y->retries[i].attempts);
        assert_int_equal(x->retries[i].failures, y->retries[i].failures);
        assert_int_equal(x->retries[i].losses, y->retries[i].losses);
        assert_int_equal(x->retries[i].not_before_us, y->retries[i].not_before_us);
    }
    assert_int_equal(a->lane != NULL, b->lane != NULL);
    assert_int_equal(stage_available(core_a, a), stage_available(core_b, b));
}

static inline void assert_run_equal(const struct core *core_a, const struct run *a,
                                    const struct core *core_b, const struct run *b)
{
    assert_non_null(b);
    assert_int_equal(a->row.state, b->row.state);
    assert_int_equal(a->row.outcome, b->row.outcome);
    assert_int_equal(a->row.reason, b->row.reason);
    assert_int_equal(a->row.reason_stage, b->row.reason_stage);
    assert_int_equal(a->row.stages, b->row.stages);
    assert_int_equal(a->row.open, b->row.open);
    assert_int_equal(a->row.has_failed, b->row.has_failed);
    assert_int_equal(a->row.created_us, b->row.created_us);
    assert_int_equal(a->live, b->live);
    for (uint32_t s = 0; s < a->row.stages; s++)
        assert_stage_equal(core_a, &a->stages[s], core_b, &b->stages[s]);
}

/* Everything but nodes, who say again what they are, and the order of the ready line. */
static inline void assert_core_equal(const struct core *a, const struct core *b)
{
    assert_int_equal(a->run_next, b->run_next);
    assert_int_equal(a->token_next, b->token_next);
    assert_int_equal(a->run_count, b->run_count);
    assert_int_equal(a->stage_count, b->stage_count);
    assert_int_equal(a->attempt_count, b->attempt_count);
    for (uint32_t i = 0; i < a->run_count; i++)
        assert_run_equal(a, a->runs[i], b, core_find_run(b, a->runs[i]->row.run));
    for (uint32_t i = 0; i < a->attempt_capacity; i++) {
        const struct attempt_row *x = &a->attempts[i].row;
        struct attempt_row y;

        if (x->token == 0)
            continue;
        assert_true(core_attempt(b, x->token, &y));
        assert_int_equal(x->run, y.run);
        assert_int_equal(x->index, y.index);
        assert_int_equal(x->stage, y.stage);
        assert_int_equal(x->node, y.node);
        assert_int_equal(x->number, y.number);
        assert_int_equal(x->failures, y.failures);
        assert_int_equal(x->losses, y.losses);
        assert_int_equal(x->has_started, y.has_started);
        assert_int_equal(x->is_stopping, y.is_stopping);
        assert_int_equal(x->gpus, y.gpus);
    }
}
