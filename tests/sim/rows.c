/* rows.c - what the broker stores: what is committed, and the writes of this turn. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

struct put *rows_put(struct sim *sim, enum put_kind kind)
{
    struct rows *rows = &sim->rows;

    if (rows->put_count == rows->put_capacity) {
        rows->put_capacity = rows->put_capacity ? rows->put_capacity * 2 : 64;
        rows->puts = reallocarray(rows->puts, rows->put_capacity, sizeof *rows->puts);
        must(rows->puts != NULL);
    }

    struct put *put = &rows->puts[rows->put_count++];

    *put = (struct put){ .kind = kind };
    if (sim->broker.puts_left > 0 && --sim->broker.puts_left == 0)
        sim->broker.is_failing = true;
    return put;
}

static void attempt_put(struct rows *rows, const struct attempt_row *row)
{
    for (size_t i = 0; i < rows->attempt_count; i++)
        if (rows->attempts[i].token == row->token) {
            rows->attempts[i] = *row;
            return;
        }
    if (rows->attempt_count == rows->attempt_capacity) {
        rows->attempt_capacity = rows->attempt_capacity ? rows->attempt_capacity * 2 : 32;
        rows->attempts =
            reallocarray(rows->attempts, rows->attempt_capacity, sizeof *row);
        must(rows->attempts != NULL);
    }
    rows->attempts[rows->attempt_count++] = *row;
}

static void attempt_remove(struct rows *rows, uint64_t token)
{
    for (size_t i = 0; i < rows->attempt_count; i++)
        if (rows->attempts[i].token == token) {
            memmove(&rows->attempts[i], &rows->attempts[i + 1],
                    (--rows->attempt_count - i) * sizeof *rows->attempts);
            return;
        }
}

static bool gets_row(const struct rows *rows, uint64_t run, uint32_t stage)
{
    for (size_t i = 0; i < rows->put_count; i++)
        if (rows->puts[i].kind == PUT_STAGE_ROW && rows->puts[i].run == run
            && rows->puts[i].stage == stage)
            return true;
    return false;
}

/* What the attempt of a plain stage says of it while it has no row of its own. */
static void derive(struct sim *sim, const struct put *put)
{
    struct stored_run *run = &sim->rows.runs[put->run];
    struct stage_row *row = &run->stages[put->stage];
    bool has_ended = put->kind == PUT_BLOCK;

    if (!sim->plans[run->plan].stage[put->stage].shape.demand.is_plain || row->has_row
        || gets_row(&sim->rows, put->run, put->stage)
        || (has_ended && sim->mutation == MUTATION_PLAIN_END_FORGOTTEN))
        return;
    *row = (struct stage_row){ .state = has_ended ? STAGE_COMPLETE : STAGE_QUEUED,
                               .is_resolved = true,
                               .tasks = 1,
                               .next = 1,
                               .running = !has_ended,
                               .complete = has_ended,
                               .started_us = has_ended ? put->at_us : 0,
                               .ended_us = has_ended ? put->at_us : 0 };
    must(stage_row_follows(row));
}

static void apply(struct sim *sim, struct put *put)
{
    struct rows *rows = &sim->rows;
    struct stored_run *run = &rows->runs[put->run];

    switch (put->kind) {
    case PUT_RUN:
        run->plan = put->plan;
        memcpy(run->submission, put->submission, sizeof run->submission);
        run->row.run = put->run;
        break;
    case PUT_RUN_ROW:
        run->row = put->run_row;
        break;
    case PUT_STAGE_ROW:
        free(run->stages[put->stage].retries);
        run->stages[put->stage] = put->stage_row;
        put->stage_row.retries = NULL;
        break;
    case PUT_ATTEMPT:
        attempt_put(rows, &put->attempt);
        break;
    case PUT_ENDED:
    case PUT_LOST:
        attempt_remove(rows, put->token);
        break;
    case PUT_NODE:
        rows->sessions[put->node] = put->token;
        break;
    case PUT_MADE:
        rows->made[put->work][put->index] = true;
        break;
    case PUT_REUSED:
        run->reused[put->stage] = put->reused;
        break;
    case PUT_EVENT:
        log_append(rows, put);
        break;
    case PUT_TRIM:
        log_remove(rows, put->number);
        break;
    case PUT_SPAN:
        span_put(rows, put);
        derive(sim, put);
        break;
    case PUT_SPAN_TAKE:
        span_take(rows, put);
        break;
    case PUT_BLOCK:
        derive(sim, put);
        buf_fini(&put->body);
        break;
    case PUT_OFFER:
        break;
    }
}

void rows_commit(struct sim *sim)
{
    struct rows *rows = &sim->rows;

    for (size_t i = 0; i < rows->put_count; i++) {
        model_commit(sim, &rows->puts[i]);
        if (sim->mutation != MUTATION_SPAN_NOT_STORED || rows->puts[i].kind != PUT_SPAN)
            apply(sim, &rows->puts[i]);
    }
    rows->put_count = 0;
    rows->numbers = sim->broker.numbers;
    model_committed(sim);
}

void rows_abort(struct sim *sim)
{
    for (size_t i = 0; i < sim->rows.put_count; i++) {
        free(sim->rows.puts[i].stage_row.retries);
        buf_fini(&sim->rows.puts[i].body);
    }
    sim->rows.put_count = 0;
}

uint64_t rows_by_submission(const struct sim *sim, const uint8_t submission[16])
{
    const struct rows *rows = &sim->rows;

    if (sim->mutation == MUTATION_SUBMISSION_FORGOTTEN)
        return 0;
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        if (rows->runs[run].row.run == run
            && memcmp(rows->runs[run].submission, submission, 16) == 0)
            return run;
    for (size_t i = 0; i < rows->put_count; i++)
        if (rows->puts[i].kind == PUT_RUN
            && memcmp(rows->puts[i].submission, submission, 16) == 0)
            return rows->puts[i].run;
    return 0;
}

static void restore_run(struct sim *sim, struct core *core, struct stored_run *run)
{
    struct sim_plan *plan = &sim->plans[run->plan];
    struct stage_shape shapes[SIM_STAGES];
    struct stage_row stages[SIM_STAGES];
    struct core_range ranges[SIM_STAGES][SIM_TASKS];

    for (uint32_t i = 0; i < plan->stages; i++) {
        shapes[i] = plan->stage[i].shape;
        stages[i] = run->stages[i];
        stages[i].satisfied = ranges[i];
        stages[i].satisfied_count = reuse_ranges(run->reused[i], ranges[i]);
        if (sim->mutation == MUTATION_QUEUED_MAX_IGNORED)
            shapes[i].queued_max = 0;
        if (sim->mutation == MUTATION_RETRY_FORGOTTEN)
            stages[i].retry_count = 0;
    }
    if (core_restore_run(core, &run->row, shapes, stages, plan->edges, plan->edge_count)
        != RC_OK)
        sim_fail(sim, "the stored rows of run %lu contradict each other",
                 (unsigned long)run->row.run);
}

struct restoration {
    struct sim *sim;
    struct core *core;
};

static void restore_attempt(void *context, const struct attempt_row *row)
{
    const struct restoration *restoration = context;

    if (core_restore_attempt(restoration->core, row) != RC_OK)
        sim_fail(restoration->sim, "the stored row of attempt %lu contradicts its run",
                 (unsigned long)row->token);
}

struct core *rows_restore(struct sim *sim, int64_t now_us)
{
    struct core_options options = { .node_timeout_us = NODE_TIMEOUT_MS * 1000,
                                    .stages_max = SIM_STAGES * SIM_RUNS / 4,
                                    .retry_first_us = sim->retry_first_us,
                                    .retry_max_us = sim->retry_max_us };
    struct core *core = core_create(&options);
    struct rows *rows = &sim->rows;
    struct restoration restoration = { sim, core };

    must(core != NULL);
    core_restore_counters(core, rows->numbers.run_next, rows->numbers.token_next);
    for (uint64_t i = 1; i <= SIM_RUNS; i++)
        if (rows->runs[i].row.run == i && !run_state_is_final(rows->runs[i].row.state))
            restore_run(sim, core, &rows->runs[i]);
    for (size_t i = 0; i < rows->attempt_count; i++)
        restore_attempt(&restoration, &rows->attempts[i]);
    spans_walk(rows, restore_attempt, &restoration);
    for (uint32_t i = 0; i < SIM_NODES; i++)
        if (rows->sessions[i] > 0)
            core_restore_node(core, i);
    if (core_restored(core, now_us) != RC_OK)
        sim_fail(sim, "the stored stages and attempts contradict each other");
    return core;
}

static void differ(struct sim *sim, uint64_t run, uint32_t stage, const char *what)
{
    sim_fail(sim, "run %lu stage %u: a restored core has another %s than the live one",
             (unsigned long)run, stage, what);
}

/* In whatever order, and due whenever: a restart limits how long a retry waits, for
 * clocks that were set back. */
static bool has_retry(const struct stage_row *row, const struct retry *retry)
{
    for (uint32_t i = 0; i < row->retry_count; i++)
        if (row->retries[i].index == retry->index
            && row->retries[i].attempts == retry->attempts
            && row->retries[i].failures == retry->failures
            && row->retries[i].losses == retry->losses)
            return true;
    return false;
}

static void compare_stage(struct sim *sim, uint64_t run, uint32_t stage,
                          const struct stage_row *a, const struct stage_row *b)
{
    if (a->state != b->state || a->outcome != b->outcome || a->pending != b->pending)
        differ(sim, run, stage, "state");
    if (a->reason != b->reason || a->reason_stage != b->reason_stage)
        differ(sim, run, stage, "reason");
    if ((a->state == STAGE_WAITING && a->waits != b->waits) || a->tasks != b->tasks
        || a->next != b->next || a->running != b->running)
        differ(sim, run, stage, "number of tasks");
    if (a->complete != b->complete || a->failed != b->failed || a->stopped != b->stopped)
        differ(sim, run, stage, "number of ended tasks");
    if (a->reused != b->reused || a->ahead != b->ahead)
        differ(sim, run, stage, "number of reused tasks");
    if (a->is_met != b->is_met || a->is_resolved != b->is_resolved
        || a->has_row != b->has_row || a->started_us != b->started_us
        || a->ended_us != b->ended_us)
        differ(sim, run, stage, "mark");
    if (a->retry_count != b->retry_count)
        differ(sim, run, stage, "number of retries");
    for (uint32_t i = 0; i < a->retry_count; i++)
        if (!has_retry(b, &a->retries[i]))
            differ(sim, run, stage, "retry");
}

static void compare_run(struct sim *sim, const struct core *restored, uint64_t run)
{
    const struct run_row *a = core_run(sim->broker.core, run);
    const struct run_row *b = core_run(restored, run);

    if (!a && !b)
        return;
    if (!a || !b)
        differ(sim, run, 0, "life");
    if (a->state != b->state || a->outcome != b->outcome || a->reason != b->reason
        || a->reason_stage != b->reason_stage || a->open != b->open
        || a->has_failed != b->has_failed || a->created_us != b->created_us)
        differ(sim, run, 0, "run row");
    for (uint32_t i = 0; i < a->stages; i++)
        compare_stage(sim, run, i, core_stage(sim->broker.core, run, i),
                      core_stage(restored, run, i));
}

struct comparison {
    struct sim *sim;
    const struct core *restored;
    size_t count;
};

static void compare_attempt(void *context, const struct attempt_row *row)
{
    struct comparison *comparison = context;
    struct attempt_row other;

    comparison->count++;
    if (!core_attempt(comparison->restored, row->token, &other) || other.node != row->node
        || other.number != row->number || other.index != row->index
        || other.failures != row->failures || other.losses != row->losses
        || other.has_started != row->has_started || other.is_stopping != row->is_stopping
        || other.gpus != row->gpus)
        sim_fail(comparison->sim, "a restored core differs in attempt %lu",
                 (unsigned long)row->token);
}

/* The core that a restart would make of the committed rows must equal the one that lives.
 */
void rows_compare(struct sim *sim)
{
    struct core *restored = rows_restore(sim, sim->broker.now_us);
    struct comparison comparison = { .sim = sim, .restored = restored };

    core_check(restored);
    if (core_active(restored) != core_active(sim->broker.core)
        || core_run_next(restored) != core_run_next(sim->broker.core)
        || core_token_next(restored) != core_token_next(sim->broker.core))
        sim_fail(sim, "a restored core counts otherwise than the live one");
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        compare_run(sim, restored, run);
    core_attempts(sim->broker.core, compare_attempt, &comparison);
    if (comparison.count != rows_live(&sim->rows))
        sim_fail(sim, "the live core has %zu attempts, the store %zu", comparison.count,
                 rows_live(&sim->rows));
    core_destroy(restored);
}

void rows_fini(struct rows *rows)
{
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        for (uint32_t i = 0; i < SIM_STAGES; i++)
            free(rows->runs[run].stages[i].retries);
    for (size_t i = 0; i < rows->put_count; i++) {
        free(rows->puts[i].stage_row.retries);
        buf_fini(&rows->puts[i].body);
    }
    log_remove(rows, rows->event_count);
    free(rows->events);
    free(rows->attempts);
    free(rows->spans);
    free(rows->puts);
}
