/* broker_side.c - the shell around the broker's core: what broker/turn.c, apply.c,
 * questions.c and restore.c do, with rows in memory, and crashes between any two steps.
 */
#include "tests/sim/memory.h"
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static void apply_run_new(struct sim *sim, const struct change *change)
{
    struct broker *broker = &sim->broker;
    struct put *put = rows_put(sim, PUT_RUN);

    put->run = broker->submitted = change->run;
    put->plan = broker->submitting;
    memcpy(put->submission, broker->submission, 16);
    broker->numbers.run_next = change->run + 1;
    log_tell(sim, TOPIC_RUN, change, RUN_STARTED);
}

static uint32_t plan_of(const struct sim *sim, uint64_t run)
{
    const struct rows *rows = &sim->rows;

    if (rows->runs[run].row.run == run)
        return rows->runs[run].plan;
    for (size_t i = 0; i < rows->put_count; i++)
        if (rows->puts[i].kind == PUT_RUN && rows->puts[i].run == run)
            return rows->puts[i].plan;
    unreachable_because("every run has a plan");
}

const struct sim_stage *stage_of_change(const struct sim *sim,
                                        const struct change *change)
{
    return &sim->plans[plan_of(sim, change->run)].stage[change->stage];
}

static void apply_assign(struct sim *sim, const struct change *change)
{
    struct change one = *change;
    bool is_span = change->number == 1
                   && (change->gpus == 0 || sim->mutation == MUTATION_SPAN_WITH_DEVICES)
                   && stage_of_change(sim, change)->shape.demand.is_empty;

    sim->broker.numbers.token_next = core_token_next(sim->broker.core);
    if (is_span)
        span_assigned(sim, change);
    for (uint64_t i = 0; !is_span && i < change->count; i++, one.index++, one.token++) {
        struct put *put = rows_put(sim, PUT_ATTEMPT);

        if (!core_attempt(sim->broker.core, one.token, &put->attempt))
            sim_fail(sim, "attempt %lu was assigned and is not there",
                     (unsigned long)one.token);
        put->run = one.run;
        put->stage = one.stage;
        put->index = one.index;
    }
    log_tell(sim, TOPIC_ATTEMPT, change, 0);
}

static void apply_begun(struct sim *sim, const struct change *change)
{
    struct put *put = rows_put(sim, PUT_ATTEMPT);

    if (!core_attempt(sim->broker.core, change->token, &put->attempt))
        sim_fail(sim, "attempt %lu began and is not there", (unsigned long)change->token);
    put->run = change->run;
    put->stage = change->stage;
    put->index = change->index;
    span_leave(sim, change);
    log_tell(sim, TOPIC_TASK, change, -1);
}

static void apply_end(struct sim *sim, const struct change *change, enum put_kind kind)
{
    struct put *put = rows_put(sim, kind);

    put->run = change->run;
    put->stage = change->stage;
    put->index = change->index;
    put->token = change->token;
    put->number = change->number;
    put->node = change->node;
    put->status = change->status;
    put->will_retry = change->will_retry;
    put->claims = sim->broker.claims;
    put->is_by_join = sim->broker.input == INPUT_JOIN || sim->broker.input == INPUT_LEAVE;
    span_leave(sim, change);
    log_tell(sim, TOPIC_TASK, change, change->will_retry ? -1 : (int)change->status);
    if (kind == PUT_ENDED)
        reuse_made(sim, change, stage_of_change(sim, change)->work);
}

void broker_ended(struct sim *sim, const struct change *change)
{
    apply_end(sim, change, PUT_ENDED);
}

static void apply_run_row(struct sim *sim, const struct change *change)
{
    struct put *put = rows_put(sim, PUT_RUN_ROW);

    put->run = change->run;
    put->run_row = *core_run(sim->broker.core, change->run);
}

static void apply_stage_row(struct sim *sim, const struct change *change)
{
    const struct stage_row *row =
        core_stage(sim->broker.core, change->run, change->stage);
    struct put *put;

    if (sim->mutation == MUTATION_PLAIN_ROW_FORGOTTEN
        && stage_of_change(sim, change)->shape.demand.is_plain)
        return;
    put = rows_put(sim, PUT_STAGE_ROW);
    put->run = change->run;
    put->stage = change->stage;
    put->stage_row = *row;
    put->stage_row.retries = NULL;
    put->stage_row.satisfied = NULL;
    put->stage_row.satisfied_count = 0;
    if (row->retry_count == 0)
        return;
    put->stage_row.retries = calloc(row->retry_count, sizeof *row->retries);
    must(put->stage_row.retries != NULL);
    memcpy(put->stage_row.retries, row->retries, row->retry_count * sizeof *row->retries);
}

/* Weights as good as random, also of nodes that are not there: only a preference. */
static size_t near_of(const struct change *change, struct core_near near[CORE_NEAR_MAX])
{
    uint64_t seed = change->run * 31 + change->stage * 17;
    size_t count = seed % (CORE_NEAR_MAX + 1);

    for (size_t i = 0; i < count; i++)
        near[i] = (struct core_near){ (uint32_t)((seed + i) % 11), seed * (i + 1) % 5 };
    return count;
}

static void answer(struct sim *sim, const struct change *change)
{
    struct broker *broker = &sim->broker;
    const struct sim_stage *stage = stage_of_change(sim, change);
    struct core_range ranges[SIM_TASKS];
    struct core_near near[CORE_NEAR_MAX];
    struct core_input input = { .now_us = broker->now_us,
                                .run = change->run,
                                .stage = change->stage };

    if (change->kind == CHANGE_EVALUATE) {
        input.kind = INPUT_VERDICT;
        input.then = stage->then[change->when];
    } else if (stage->is_unresolvable) {
        input.kind = INPUT_UNRESOLVED;
    } else {
        input.kind = INPUT_RESOLVED;
        input.near = near;
        input.near_count = near_of(change, near);
        input.tasks = stage->tasks;
        if (stage->counts >= 0)
            input.tasks =
                core_stage(broker->core, change->run, (uint32_t)stage->counts)->complete;
        if (stage->work > 0)
            reuse_answer(sim, stage->work, &input, ranges);
    }
    core_step(broker->core, &input, &broker->changes);
}

static void apply_stage(struct sim *sim, const struct change *change)
{
    if (sim->mutation != MUTATION_SKIPPED_STAGE_UNTOLD || change->state != STAGE_SKIPPED)
        log_tell(sim, TOPIC_STAGE, change, (int)change->state);
    if (stage_state_is_final((enum stage_state)change->state))
        reuse_ended(sim, change->run, change->stage);
}

/* A broken core keeps what it has of a run. */
static void forget_run(const struct sim *sim)
{
    if (sim->mutation == MUTATION_RUN_NOT_FREED)
        must(counted_calloc(1, 4096) != NULL);
}

static void apply_change(struct sim *sim, const struct change *change)
{
    switch (change->kind) {
    case CHANGE_REFUSED:
        sim->broker.refused = change->rc;
        break;
    case CHANGE_RUN_NEW:
        apply_run_new(sim, change);
        break;
    case CHANGE_RUN:
        log_tell(sim, TOPIC_RUN, change, (int)change->state);
        break;
    case CHANGE_STAGE:
        apply_stage(sim, change);
        break;
    case CHANGE_RESOLVE:
    case CHANGE_EVALUATE:
        answer(sim, change);
        break;
    case CHANGE_REUSED:
        log_tell(sim, TOPIC_TASK, change, RESULT_COMPLETE);
        break;
    case CHANGE_ASSIGN:
        apply_assign(sim, change);
        break;
    case CHANGE_BEGUN:
        apply_begun(sim, change);
        break;
    case CHANGE_ENDED:
        broker_ended(sim, change);
        break;
    case CHANGE_BLOCK:
        block_ended(sim, change);
        break;
    case CHANGE_LOST:
        apply_end(sim, change, PUT_LOST);
        break;
    case CHANGE_NODE:
        log_tell(sim, TOPIC_NODE, change, (int)change->state);
        break;
    case CHANGE_RUN_ROW:
        apply_run_row(sim, change);
        break;
    case CHANGE_STAGE_ROW:
        apply_stage_row(sim, change);
        break;
    case CHANGE_TAKEN:
    case CHANGE_STOP:
    case CHANGE_DROP:
        break;
    case CHANGE_RUN_GONE:
        forget_run(sim);
        break;
    case CHANGE_KIND_COUNT:
        unreachable_because("the core makes no such change");
    }
    broker_mail_change(sim, change);
}

static void apply_changes(struct sim *sim)
{
    struct broker *broker = &sim->broker;

    while (broker->applied < broker->changes.count) {
        struct change change = broker->changes.items[broker->applied++];

        apply_change(sim, &change);
    }
}

void broker_step(struct sim *sim, const struct core_input *input)
{
    struct core_input stamped = *input;

    stamped.now_us = sim->broker.now_us;
    sim->broker.refused = RC_OK;
    sim->broker.input = input->kind;
    core_step(sim->broker.core, &stamped, &sim->broker.changes);
    apply_changes(sim);
    core_check(sim->broker.core);
}

static void wake_at(struct sim *sim, int64_t at_us)
{
    if (sim->broker.wake_us <= at_us && sim->broker.wake_us > sim->now_us)
        return;
    sim->broker.wake_us = at_us;
    sim_push(sim, at_us, EVENT_WAKE, PARTY_BROKER)->life = sim->broker.life;
}

void broker_receive(struct sim *sim, struct letter *letter)
{
    struct broker *broker = &sim->broker;

    if (broker->inbox_count == broker->inbox_capacity) {
        broker->inbox_capacity = broker->inbox_capacity ? broker->inbox_capacity * 2 : 16;
        broker->inbox =
            reallocarray(broker->inbox, broker->inbox_capacity, sizeof(struct letter *));
        must(broker->inbox != NULL);
    }
    broker->inbox[broker->inbox_count++] = letter;
    wake_at(sim, sim->now_us + 1 + (int64_t)below(sim, 5000));
}

static void inbox_forget(struct broker *broker, size_t count)
{
    for (size_t i = 0; i < count; i++)
        letter_destroy(broker->inbox[i]);
    broker->inbox_count -= count;
    if (broker->inbox_count > 0)
        memmove(broker->inbox, broker->inbox + count,
                broker->inbox_count * sizeof(struct letter *));
}

/* The core from the rows; every node has to join again. */
static void rebuild(struct sim *sim)
{
    struct broker *broker = &sim->broker;

    broker->steady_us = sim->now_us;
    core_destroy(broker->core);
    twins_destroy(broker->twins);
    broker->core = NULL;
    broker->twins = NULL;
    model_no_memory(sim);
    broker->most = (struct population){ 0 };
    broker->changes.count = broker->applied = 0;
    broker->numbers = sim->rows.numbers;
    broker->core = rows_restore(sim, broker->now_us);
    core_check(broker->core);
    reuse_rebuild(sim);
    for (int i = 0; i < SIM_NODES; i++) {
        broker->peers[i].has_joined = false;
        session_begin(&broker->peers[i].session, sim->rows.sessions[i]);
        memset(broker->peers[i].has_class, 0, sizeof broker->peers[i].has_class);
    }
}

void broker_start(struct sim *sim)
{
    struct broker *broker = &sim->broker;

    sim_say(sim, "broker starts");
    broker->is_up = true;
    broker->life++;
    broker->wake_us = INT64_MAX;
    broker->now_us = clock_of(sim, broker->clock_us);
    rebuild(sim);
    for (int i = 0; i < SIM_SUBSCRIBERS; i++)
        subscriber_misses(&sim->subscribers[i]);
    wake_at(sim, sim->now_us + 1);
}

void broker_crash(struct sim *sim)
{
    struct broker *broker = &sim->broker;

    sim_say(sim, "broker crashes");
    broker->is_up = false;
    broker->life++;
    rows_abort(sim);
    broker_mail_forget(sim);
    inbox_forget(broker, broker->inbox_count);
    broker_outbox_send(sim, 0);
    core_destroy(broker->core);
    broker->core = NULL;
    sim_push(sim, sim->now_us + 1000 + (int64_t)below(sim, 15 * SECOND), EVENT_UP,
             PARTY_BROKER);
}

static void undo(struct sim *sim)
{
    sim_say(sim, "broker: the commit failed");
    if (sim->mutation == MUTATION_UNDO_FORGOTTEN) {
        rows_abort(sim);
        sim->broker.changes.count = sim->broker.applied = 0;
        broker_outbox_fail(sim);
        broker_mail_forget(sim);
        return;
    }
    rows_abort(sim);
    broker_mail_forget(sim);
    broker_outbox_fail(sim);
    broker_outbox_send(sim, SIZE_MAX);
    rebuild(sim);
    if (sim->mutation == MUTATION_EVENT_SKIPPED)
        sim->broker.numbers.event_next++;
}

static bool commits(struct sim *sim)
{
    struct broker *broker = &sim->broker;

    if (broker->is_failing)
        return false;
    core_flush(broker->core, &broker->changes);
    apply_changes(sim);
    if (sim->mutation == MUTATION_MAIL_BEFORE_COMMIT)
        broker_mail_flush(sim), broker_outbox_send(sim, SIZE_MAX);
    broker_mail_flush(sim);
    return !broker->is_failing
           && (broker->full_until_us <= sim->now_us || sim->rows.put_count == 0);
}

/* True when the broker is still there after it. */
static bool finish_turn(struct sim *sim)
{
    struct broker *broker = &sim->broker;
    unsigned crash = sim->is_calm ? 0 : sim->features.turn_crash;

    if (sim->mutation == MUTATION_ACK_BEFORE_COMMIT)
        broker_outbox_send(sim, SIZE_MAX);
    if (!commits(sim)) {
        undo(sim);
        return true;
    }
    if (chance(sim, crash)) {
        broker_crash(sim); /* nothing was committed, nothing was said */
        return false;
    }
    rows_commit(sim);
    core_forget(broker->core, &broker->changes);
    apply_changes(sim);
    broker->changes.count = broker->applied = 0;
    core_check(broker->core);
    rows_compare(sim);
    model_memory(sim);
    if (chance(sim, crash)) {
        /* Committed, and some of it said. */
        broker_outbox_send(sim, below(sim, broker->outbox_count + 1));
        broker_crash(sim);
        return false;
    }
    broker_outbox_send(sim, SIZE_MAX);
    return true;
}

void broker_wake(struct sim *sim)
{
    struct broker *broker = &sim->broker;
    int64_t now = clock_of(sim, broker->clock_us);
    size_t count = broker->inbox_count, handled = 0;

    if (broker->wake_us > sim->now_us)
        return; /* an earlier timer that was put off */
    broker->wake_us = INT64_MAX;
    broker->now_us = now > broker->now_us ? now : broker->now_us;
    broker->is_failing = false;
    broker->puts_left =
        broker->full_until_us > sim->now_us && chance(sim, 500) ? 1 + below(sim, 10) : 0;
    if (count > 0)
        count = 1 + below(sim, count);
    while (handled < count && !broker->is_failing)
        broker_handle(sim, broker->inbox[handled++]);
    inbox_forget(broker, handled);
    if (!broker->is_failing)
        reuse_ask_again(sim);
    if (!broker->is_failing)
        broker_step(sim, &(struct core_input){ .kind = INPUT_TICK });
    if (!broker->is_failing)
        log_trim(sim);
    broker->puts_left = 0;
    if (!finish_turn(sim))
        return;
    model_deaf(sim);
    if (broker->inbox_count > 0)
        wake_at(sim, sim->now_us + 1);
    if (broker->asks_again) /* a commit failed: what was asked then is asked again */
        wake_at(sim, sim->now_us + SECOND / 2);

    int64_t until = core_deadline_us(broker->core);

    if (until != INT64_MAX)
        wake_at(sim, until > broker->now_us ? sim->now_us + (until - broker->now_us)
                                            : sim->now_us + SECOND / 2);
}

void broker_fini(struct broker *broker)
{
    core_destroy(broker->core);
    twins_destroy(broker->twins);
    changes_fini(&broker->changes);
    inbox_forget(broker, broker->inbox_count);
    free(broker->inbox);
    for (size_t i = 0; i < broker->outbox_count; i++)
        buf_fini(&broker->outbox[i].body);
    free(broker->outbox);
}
