/* model.c - what must hold, known only from what was committed, said, and really run. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static unsigned long ul(uint64_t number)
{
    return (unsigned long)number;
}

static struct known_attempt *attempt_of(struct sim *sim, uint64_t token)
{
    struct model *model = &sim->model;

    if (token >= model->attempt_count) {
        size_t count = (size_t)token + 64;

        model->attempts = reallocarray(model->attempts, count, sizeof *model->attempts);
        must(model->attempts != NULL);
        memset(&model->attempts[model->attempt_count], 0,
               (count - model->attempt_count) * sizeof *model->attempts);
        model->attempt_count = count;
    }
    return &model->attempts[token];
}

static struct known_task *task_of(struct sim *sim, const struct known_attempt *attempt)
{
    return &sim->model.tasks[attempt->run][attempt->stage][attempt->index];
}

/* Promise 3: all that a stage waits for is final in the committed rows. */
static void check_upstream(struct sim *sim, uint64_t run, uint32_t stage)
{
    const struct stored_run *stored = &sim->rows.runs[run];
    const struct sim_plan *plan = &sim->plans[stored->plan];

    for (size_t i = 0; i < plan->edge_count; i++)
        if (plan->edges[i].target == stage
            && !stage_state_is_final(stored->stages[plan->edges[i].source].state))
            sim_fail(sim, "a task of run %lu stage %u starts before stage %u has ended",
                     ul(run), stage, plan->edges[i].source);
}

/* What the stage's work has given before is not made again, and nothing is made twice at
 * once. */
static void check_work(struct sim *sim, const struct known_attempt *attempt)
{
    unsigned work = stage_of(sim, attempt->run, attempt->stage)->work;

    if (work == 0)
        return;
    if (sim->model.made[work][attempt->index])
        sim_fail(sim, "run %lu stage %u task %lu makes what is there", ul(attempt->run),
                 attempt->stage, ul(attempt->index));
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        for (uint32_t i = 0; i < sim->rows.runs[run].row.stages; i++)
            if ((run != attempt->run || i != attempt->stage)
                && stage_of(sim, run, i)->work == work
                && sim->model.tasks[run][i][attempt->index].live != 0)
                sim_fail(sim, "runs %lu and %lu do the same work at once", ul(run),
                         ul(attempt->run));
}

static void commit_reused(struct sim *sim, const struct put *put)
{
    for (uint64_t i = 0; i < SIM_TASKS; i++) {
        struct known_task *task = &sim->model.tasks[put->run][put->stage][i];

        if (!(put->reused >> i & 1))
            continue;
        if (!sim->model.made[put->work][i])
            sim_fail(sim, "run %lu stage %u task %lu uses a result that is not there",
                     ul(put->run), put->stage, ul(i));
        if (task->live != 0 || ++task->finals > 1)
            sim_fail(sim, "run %lu stage %u task %lu has two results", ul(put->run),
                     put->stage, ul(i));
        sim->model.reuses++;
    }
}

static void commit_attempt(struct sim *sim, const struct attempt_row *row)
{
    struct known_attempt *attempt = attempt_of(sim, row->token);

    if (attempt->life != LIFE_NONE) {
        if (attempt->life != LIFE_LIVE)
            sim_fail(sim, "attempt %lu lives again", ul(row->token));
        attempt->has_begun = row->has_started;
        return;
    }
    *attempt = (struct known_attempt){ .run = row->run,
                                       .index = row->index,
                                       .stage = row->stage,
                                       .node = row->node,
                                       .number = row->number,
                                       .life = LIFE_LIVE,
                                       .at_us = sim->now_us,
                                       .gpus = row->gpus };

    struct known_task *task = task_of(sim, attempt);

    if (task->finals > 0)
        sim_fail(sim, "a finished task is handed out again as attempt %lu",
                 ul(row->token));
    if (task->live != 0)
        sim_fail(sim, "one task has two live attempts, %lu and %lu", ul(task->live),
                 ul(row->token));
    if (row->number != task->losses + task->failures + 1)
        sim_fail(sim, "attempt %lu has number %u after %u others", ul(row->token),
                 row->number, task->losses + task->failures);
    task->live = row->token;
    check_work(sim, attempt);
}

static void commit_new(struct sim *sim, const struct attempt_row *row)
{
    bool is_new = attempt_of(sim, row->token)->life == LIFE_NONE;

    commit_attempt(sim, row);
    if (!is_new)
        return;
    if (row->gpus != 0 && sim->model.offers[row->node].empty_max > 0
        && stage_of(sim, row->run, row->stage)->shape.demand.is_empty)
        sim_fail(sim, "attempt %lu is empty and got devices", ul(row->token));
    model_resources(sim, row->token, &sim->model.offers[row->node], false);
}

static void commit_span(struct sim *sim, const struct put *put)
{
    for (uint64_t i = 0; i < put->count; i++)
        commit_attempt(sim, &(struct attempt_row){ .token = put->token + i,
                                                   .run = put->run,
                                                   .index = put->index + i,
                                                   .stage = put->stage,
                                                   .node = put->node,
                                                   .number = 1 });
    model_resources(sim, put->token, &sim->model.offers[put->node], false);
}

static struct known_task *commit_gone(struct sim *sim, const struct put *put,
                                      enum life life)
{
    struct known_attempt *attempt = attempt_of(sim, put->token);
    struct known_task *task = task_of(sim, attempt);

    if (attempt->life != LIFE_LIVE)
        sim_fail(sim, "the end of attempt %lu, which does not live, is committed",
                 ul(put->token));
    must(task->live == put->token);
    if (attempt->run != put->run || attempt->stage != put->stage
        || attempt->index != put->index || attempt->number != put->number)
        sim_fail(sim, "the end of attempt %lu is that of another task", ul(put->token));
    attempt->life = life;
    task->live = 0;
    if (!put->will_retry && ++task->finals > 1)
        sim_fail(sim, "run %lu stage %u task %lu has two results", ul(put->run),
                 put->stage, ul(put->index));
    return task;
}

static void commit_ended(struct sim *sim, const struct put *put)
{
    const struct known_attempt *attempt = attempt_of(sim, put->token);
    struct known_task *task = commit_gone(sim, put, LIFE_ENDED);

    if (put->claims != put->token)
        sim_fail(sim, "the result of attempt %lu counts for attempt %lu", ul(put->claims),
                 ul(put->token));
    if (!(attempt->truth & (1u << put->status)))
        sim_fail(sim, "attempt %lu has a result that its node never came to",
                 ul(put->token));
    if (put->status == RESULT_ERROR || put->status == RESULT_CRASHED)
        task->failures++;
    if (put->will_retry && task->failures >= CORE_TRIES_MAX)
        sim_fail(sim, "run %lu stage %u task %lu is tried too often", ul(put->run),
                 put->stage, ul(put->index));
}

static void commit_block(struct sim *sim, const struct put *put)
{
    struct task_block block;
    struct block_walk walk;
    struct reader reader;

    reader_init(&reader, put->body.data, put->body.size);
    block_read(&reader, &block);
    if (!reader_at_end(&reader) || block.token != put->token || block.count != put->count)
        sim_fail(sim, "the block of attempt %lu does not decode", ul(put->token));
    block_walk_begin(&walk, &block);
    for (uint64_t i = 0; i < put->count; i++) {
        struct put one = *put;
        int64_t started_us, ended_us;

        block_next(&walk, &started_us, &ended_us);
        one.index += i;
        one.token += i;
        one.status = RESULT_COMPLETE;
        one.claims = block_claim(started_us);
        commit_ended(sim, &one);
    }
    sim->model.blocks++;
    sim->model.empties += put->count;
}

static void commit_lost(struct sim *sim, const struct put *put)
{
    struct known_attempt *attempt = attempt_of(sim, put->token);
    struct known_task *task =
        commit_gone(sim, put, put->is_by_join ? LIFE_LOST_BY_JOIN : LIFE_LOST_BY_TIME);

    task->losses++;
    if (put->is_by_join && (attempt->is_executing || attempt->is_kept))
        sim_fail(sim, "attempt %lu is given up while its node, which is there, %s",
                 ul(put->token), attempt->is_kept ? "has its result" : "runs it");
    task->begun_losses += attempt->has_begun;
    if (put->status == RESULT_CRASHED && task->begun_losses < CORE_LOSSES_MAX)
        sim_fail(sim, "run %lu stage %u task %lu is blamed for the loss of %u nodes",
                 ul(put->run), put->stage, ul(put->index), task->begun_losses);
    if (put->will_retry && task->begun_losses >= CORE_LOSSES_MAX)
        sim_fail(sim, "run %lu stage %u task %lu lost more nodes than it may",
                 ul(put->run), put->stage, ul(put->index));
}

static void commit_event(struct sim *sim, const struct put *put)
{
    struct model *model = &sim->model;

    model_event(sim, put);
    if (put->topic == TOPIC_RUN)
        model->told_run[put->run] = put->state;
    else if (put->topic == TOPIC_STAGE)
        model->told_stage[put->run][put->stage] = put->state;
    else if (put->topic == TOPIC_NODE)
        model->told_node[put->node] = put->state;
    for (uint64_t i = 0; put->topic == TOPIC_TASK && i < put->count; i++)
        model->tasks[put->run][put->stage][put->index + i].told = put->state + 2;
}

static void commit_offer(struct sim *sim, const struct put *put)
{
    struct offer *offer = &sim->model.offers[put->node];

    if (put->kind == PUT_NODE)
        *offer = put->offer;
    else
        offer->cpu_milli = put->offer.cpu_milli;
}

void model_commit(struct sim *sim, const struct put *put)
{
    const struct stored_run *stored = &sim->rows.runs[put->run];

    switch (put->kind) {
    case PUT_RUN:
        if (put->run != 0 && stored->row.run == put->run)
            sim_fail(sim, "run %lu is made again", ul(put->run));
        break;
    case PUT_RUN_ROW:
        if (run_state_is_final(stored->row.state)
            && stored->row.state != put->run_row.state)
            sim_fail(sim, "run %lu changes after its end", ul(put->run));
        break;
    case PUT_STAGE_ROW:
        if (stage_state_is_final(stored->stages[put->stage].state)
            && stored->stages[put->stage].state != put->stage_row.state)
            sim_fail(sim, "run %lu stage %u changes after its end", ul(put->run),
                     put->stage);
        if (put->stage_row.reason == REASON_UNFIT
            && stored->stages[put->stage].reason != REASON_UNFIT)
            model_unfit(sim, put->run, put->stage);
        break;
    case PUT_ATTEMPT:
        model_rows(sim, put);
        commit_new(sim, &put->attempt);
        break;
    case PUT_ENDED:
        model_rows(sim, put);
        commit_ended(sim, put);
        break;
    case PUT_LOST:
        model_rows(sim, put);
        commit_lost(sim, put);
        break;
    case PUT_SPAN:
        model_rows(sim, put);
        commit_span(sim, put);
        break;
    case PUT_BLOCK:
        model_rows(sim, put);
        commit_block(sim, put);
        break;
    case PUT_EVENT:
        commit_event(sim, put);
        break;
    case PUT_MADE:
        sim->model.made[put->work][put->index] = true;
        break;
    case PUT_REUSED:
        commit_reused(sim, put);
        break;
    case PUT_NODE:
    case PUT_OFFER:
        commit_offer(sim, put);
        break;
    case PUT_SPAN_TAKE:
    case PUT_TRIM:
        break;
    }
}

/* Stages do not announce that they begin to wait or to be resolved. */
static bool is_silent(enum stage_state state)
{
    return state == STAGE_WAITING || state == STAGE_RESOLVING;
}

static void check_stage(struct sim *sim, uint64_t run, uint32_t stage)
{
    const struct stage_row *row = &sim->rows.runs[run].stages[stage];
    const struct sim_stage *shape = stage_of(sim, run, stage);
    const struct known_task *tasks = sim->model.tasks[run][stage];
    uint64_t finals = 0, told = 0, live = 0;

    for (uint32_t i = 0; i < SIM_TASKS; i++) {
        finals += tasks[i].finals;
        told += tasks[i].told >= 2;
        live += tasks[i].live != 0;
    }
    if (finals != row->complete + row->failed + row->stopped)
        sim_fail(sim, "run %lu stage %u counts %lu ended tasks, there are %lu", ul(run),
                 stage, ul(row->complete + row->failed + row->stopped), ul(finals));
    if (told != finals)
        sim_fail(sim, "run %lu stage %u: %lu ends of tasks were announced, of %lu",
                 ul(run), stage, ul(told), ul(finals));
    if (live != row->running)
        sim_fail(sim, "run %lu stage %u runs %lu tasks, it counts %lu", ul(run), stage,
                 ul(live), ul(row->running));
    if (!is_silent(row->state) && sim->model.told_stage[run][stage] != (int)row->state)
        sim_fail(sim, "run %lu stage %u: the last event says %s, the row %s", ul(run),
                 stage,
                 stage_state_name((enum stage_state)sim->model.told_stage[run][stage]),
                 stage_state_name(row->state));
    if (shape->shape.queued_max > 0 && live > shape->shape.queued_max)
        sim_fail(sim, "run %lu stage %u has %lu tasks at once, more than %lu", ul(run),
                 stage, ul(live), ul(shape->shape.queued_max));
    if (live > 0)
        check_upstream(sim, run, stage);
    if (row->state == STAGE_COMPLETE && row->complete > row->reused
        && row->started_us == 0)
        sim_fail(sim, "run %lu stage %u has results and never started", ul(run), stage);
    if (row->state == STAGE_RESOLVING)
        sim_fail(sim, "run %lu stage %u: a question outlives its commit", ul(run), stage);
}

void model_committed(struct sim *sim)
{
    sim->model.commits++;
    for (uint64_t run = 1; run <= SIM_RUNS; run++) {
        const struct run_row *row = &sim->rows.runs[run].row;

        if (row->run != run)
            continue;
        if (sim->model.told_run[run] != (int)row->state)
            sim_fail(sim, "run %lu: the last event says %s, the row %s", ul(run),
                     run_state_name((enum run_state)sim->model.told_run[run]),
                     run_state_name(row->state));
        for (uint32_t i = 0; i < row->stages; i++)
            check_stage(sim, run, i);
    }
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A node that cannot have heard of an attempt does not keep it, however much it speaks.
 */
void model_deaf(struct sim *sim)
{
    int64_t longest = 3 * (int64_t)NODE_TIMEOUT_MS * 1000;

    for (size_t i = 1; i < sim->model.attempt_count; i++) {
        const struct known_attempt *attempt = &sim->model.attempts[i];
        const struct node *node = &sim->nodes[attempt->node];

        if (attempt->life == LIFE_LIVE && node->deaf_until_us > sim->now_us
            && node->deaf_since_us <= attempt->at_us
            && later(attempt->at_us, sim->broker.steady_us) + longest < sim->now_us)
            sim_fail(sim, "%s is deaf and keeps attempt %zu", party_name(node->party), i);
    }
}

void model_submitted(struct sim *sim, uint32_t plan, uint64_t run)
{
    if (run == 0 || run > SIM_RUNS || sim->rows.runs[run].row.run != run
        || sim->rows.runs[run].plan != plan)
        sim_fail(sim, "run %lu was acknowledged and is not there", ul(run));
    if (sim->model.acked[plan] != 0 && sim->model.acked[plan] != run)
        sim_fail(sim, "a submission got run %lu and, repeated, run %lu",
                 ul(sim->model.acked[plan]), ul(run));
    sim->model.acked[plan] = run;
}

static void told_run(struct sim *sim, const struct outgoing *message)
{
    struct reader reader;
    uint64_t run;

    reader_init(&reader, message->body.data, message->body.size);
    reader_map(&reader);
    reader_skip(&reader);
    run = reader_uint(&reader);
    if (run == 0 || run > SIM_RUNS || sim->rows.runs[run].row.run != run)
        sim_fail(sim, "run %lu is acknowledged before it is committed", ul(run));
}

/* Commit, then speak: whatever is said must be in the committed rows. */
void model_told(struct sim *sim, const struct outgoing *message)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct assignment *items;
    uint64_t *tokens;
    size_t count;
    struct err err;

    must(arena != NULL);
    if (message->type == MESSAGE_OK && message->to < PARTY_SUBSCRIBER)
        told_run(sim, message);
    if (message->type == MESSAGE_TAKEN
        && tokens_decode(message->body.data, message->body.size, arena, &tokens, &count,
                         &err)
               == RC_OK)
        for (size_t i = 0; i < count; i++)
            if (tokens[i] < sim->model.attempt_count
                && sim->model.attempts[tokens[i]].life == LIFE_LIVE
                && sim->model.attempts[tokens[i]].node
                       == (uint32_t)(message->to - PARTY_NODE))
                sim_fail(sim, "the result of attempt %lu is taken before it is committed",
                         ul(tokens[i]));
    if (message->type == MESSAGE_ASSIGN
        && assignments_decode(message->body.data, message->body.size, arena, &items,
                              &count, &err)
               == RC_OK)
        for (size_t i = 0; i < count; i++)
            if (attempt_of(sim, items[i].token)->life != LIFE_LIVE)
                sim_fail(sim, "attempt %lu is handed out before it is committed",
                         ul(items[i].token));
}

/* Promise 2: no other attempt of the task really runs, unless a node was lost. */
static void check_alone(struct sim *sim, const struct known_attempt *attempt)
{
    for (size_t i = 1; i < sim->model.attempt_count; i++) {
        const struct known_attempt *other = &sim->model.attempts[i];

        if (other == attempt || !other->is_executing || other->run != attempt->run
            || other->stage != attempt->stage || other->index != attempt->index)
            continue;
        if (other->life != LIFE_LOST_BY_TIME && attempt->life != LIFE_LOST_BY_TIME)
            sim_fail(sim, "run %lu stage %u task %lu runs twice at once",
                     ul(attempt->run), attempt->stage, ul(attempt->index));
    }
}

void model_begins(struct sim *sim, uint64_t token, uint32_t node)
{
    struct known_attempt *attempt = attempt_of(sim, token);

    if (attempt->life == LIFE_NONE || attempt->node != node)
        sim_fail(sim, "attempt %lu runs and was never handed out", ul(token));
    if (attempt->was_executed)
        sim_fail(sim, "attempt %lu is run a second time", ul(token));
    if (attempt->life == LIFE_ENDED || attempt->life == LIFE_LOST_BY_JOIN)
        sim_fail(sim, "attempt %lu runs after its end was committed", ul(token));
    check_upstream(sim, attempt->run, attempt->stage);
    check_alone(sim, attempt);
    attempt->is_executing = attempt->was_executed = true;
    sim->model.executions++;
    sim->model.re_executions += attempt->number > 1;
    model_resources(sim, token, &sim->nodes[node].offer, true);
}

void model_ends(struct sim *sim, uint64_t token)
{
    attempt_of(sim, token)->is_executing = false;
}

void model_result(struct sim *sim, uint64_t token, enum result_status status)
{
    attempt_of(sim, token)->truth |= 1u << status;
}

void model_kept(struct sim *sim, uint64_t token, bool is_kept)
{
    attempt_of(sim, token)->is_kept = is_kept;
}

void model_taken(struct sim *sim, uint64_t token, uint32_t node)
{
    const struct known_attempt *attempt = attempt_of(sim, token);

    if (attempt->life == LIFE_LIVE && attempt->node == node)
        sim_fail(sim, "the result of attempt %lu is taken and was never committed",
                 ul(token));
}

bool model_is_done(const struct sim *sim)
{
    if (!sim->is_calm || !sim->broker.is_up || sim->plan_next <= sim->plan_count
        || rows_live(&sim->rows) > 0 || !model_all_heard(sim))
        return false;
    for (uint32_t i = 1; i <= sim->plan_count; i++)
        if (sim->model.acked[i] == 0)
            return false;
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        if (sim->rows.runs[run].row.run == run
            && !run_state_is_final(sim->rows.runs[run].row.state))
            return false;
    for (int i = 0; i < sim->node_count; i++) {
        const struct node *node = &sim->nodes[i];

        if (!node->has_agent || !node->is_joined || agent_count(node->core) > 0
            || node->process_count > 0 || node->folder_count > 0 || node->block_count > 0)
            return false;
    }
    return true;
}

static void say_what_is_left(struct sim *sim)
{
    for (uint64_t run = 1; run <= SIM_RUNS; run++) {
        const struct stored_run *stored = &sim->rows.runs[run];

        if (stored->row.run != run || run_state_is_final(stored->row.state))
            continue;
        sim_say(sim, "run %lu is %s", ul(run), run_state_name(stored->row.state));
        for (uint32_t i = 0; i < stored->row.stages; i++)
            sim_say(sim, "  stage %u is %s: %lu tasks, %lu running, %lu handed out", i,
                    stage_state_name(stored->stages[i].state),
                    ul(stored->stages[i].tasks), ul(stored->stages[i].running),
                    ul(stored->stages[i].next));
    }
    for (size_t i = 0; i < sim->rows.attempt_count; i++)
        sim_say(sim, "attempt %lu of run %lu stage %u is at %s",
                ul(sim->rows.attempts[i].token), ul(sim->rows.attempts[i].run),
                sim->rows.attempts[i].stage,
                party_name(PARTY_NODE + (int)sim->rows.attempts[i].node));
    for (int i = 0; i < sim->node_count; i++) {
        const struct node *node = &sim->nodes[i];

        if (node->has_agent)
            sim_say(sim, "%s: joined %d, %u attempts, %zu processes, %zu folders",
                    party_name(PARTY_NODE + i), node->is_joined, agent_count(node->core),
                    node->process_count, node->folder_count);
    }
    for (int i = 0; i < SIM_SUBSCRIBERS; i++)
        sim_say(sim, "%s has heard %lu of %lu events", party_name(PARTY_SUBSCRIBER + i),
                ul(sim->subscribers[i].picture.last), ul(sim->model.events));
}

void model_finish(struct sim *sim)
{
    if (!model_is_done(sim)) {
        say_what_is_left(sim);
        sim_fail(sim, "%.0f s after the faults ended, the work is not done",
                 (double)(sim->now_us - sim->calm_us) / SECOND);
    }
    if (core_active(sim->broker.core) != 0)
        sim_fail(sim, "the core holds %u runs, and none is left",
                 core_active(sim->broker.core));
    for (uint32_t i = 1; i <= sim->plan_count; i++)
        model_submitted(sim, i, sim->model.acked[i]);
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        for (uint32_t i = 0; i < sim->rows.runs[run].row.stages; i++)
            check_stage(sim, run, i);
}
