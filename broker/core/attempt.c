/* attempt.c - the tries of tasks on nodes: begun, ended, lost. */
#include "broker/core/core_state.h"

/* That of the token, or of a batch with it. */
static struct attempt *entry_of(const struct core *core, uint64_t token)
{
    uint32_t slot;

    return table_find(&core->attempt_slots, token, &slot) ? &core->attempts[slot]
                                                          : batch_find(core, token);
}

bool attempt_row_find(const struct core *core, uint64_t token, struct attempt_row *row)
{
    const struct attempt *entry = entry_of(core, token);

    if (!entry)
        return false;
    *row = entry->row;
    row->index += token - entry->row.token;
    row->token = token;
    return true;
}

struct attempt *attempt_find(struct core *core, uint64_t token)
{
    struct attempt *entry = entry_of(core, token);
    uint32_t slot;

    if (!entry || entry->count == 1)
        return entry;
    batch_part(core, entry);
    must(table_find(&core->attempt_slots, token, &slot));
    return &core->attempts[slot];
}

static uint32_t slot_take(struct core *core)
{
    if (core->attempt_free == UINT32_MAX) {
        uint32_t old = core->attempt_capacity;

        core->attempts =
            grown(core->attempts, &core->attempt_capacity, sizeof *core->attempts);
        for (uint32_t i = core->attempt_capacity; i-- > old;) {
            core->attempts[i] = (struct attempt){ .next = core->attempt_free };
            core->attempt_free = i;
        }
    }

    uint32_t slot = core->attempt_free;

    core->attempt_free = core->attempts[slot].next;
    return slot;
}

/* Puts it last in the ring of its stage. */
static void ring_join(struct core *core, struct stage *stage, uint32_t slot)
{
    struct attempt *attempt = &core->attempts[slot];

    attempt->next = attempt->prev = slot;
    if (stage->live_first == 0) {
        stage->live_first = slot + 1;
        return;
    }
    attempt->next = stage->live_first - 1;
    attempt->prev = core->attempts[attempt->next].prev;
    core->attempts[attempt->next].prev = slot;
    core->attempts[attempt->prev].next = slot;
}

static void ring_leave(struct core *core, struct stage *stage, uint32_t slot)
{
    struct attempt *attempt = &core->attempts[slot];

    must(stage->live_first > 0);
    core->attempts[attempt->next].prev = attempt->prev;
    core->attempts[attempt->prev].next = attempt->next;
    if (stage->live_first == slot + 1)
        stage->live_first = attempt->next == slot ? 0 : attempt->next + 1;
}

uint32_t attempt_enter(struct core *core, const struct attempt_row *row, struct run *run,
                       uint64_t count)
{
    uint32_t slot = slot_take(core);

    must(row->token != 0 && count > 0);
    must(row->stage < run->row.stages);
    core->attempts[slot] = (struct attempt){ .row = *row, .owner = run, .count = count };
    ring_join(core, &run->stages[row->stage], slot);
    if (count == 1)
        table_put(&core->attempt_slots, row->token, slot);
    else
        batch_note(core, slot);
    return slot;
}

static void count_in(struct core *core, const struct attempt_row *row, struct run *run,
                     uint64_t count)
{
    struct node *node = node_at(core, row->node);

    core->attempt_count += (uint32_t)count;
    run->live += (uint32_t)count;
    run->stages[row->stage].row.running += count;
    node->busy += (uint32_t)count;
    node_take(node, &run->stages[row->stage].shape.demand, row->gpus, count);
}

void attempts_add(struct core *core, const struct attempt_row *row, struct run *run,
                  uint64_t count)
{
    attempt_enter(core, row, run, count);
    count_in(core, row, run, count);
}

void attempt_return(struct core *core, const struct attempt_row *row, struct run *run)
{
    if (!batch_extend(core, core->returned, row, run))
        core->returned = attempt_enter(core, row, run, 1);
    count_in(core, row, run, 1);
}

static void entry_leave(struct core *core, struct stage *stage, struct attempt *attempt)
{
    uint32_t slot = (uint32_t)(attempt - core->attempts);

    if (attempt->count == 1)
        table_remove(&core->attempt_slots, attempt->row.token);
    else
        batch_forget(core, attempt->row.token);
    ring_leave(core, stage, slot);
    *attempt = (struct attempt){ .next = core->attempt_free };
    core->attempt_free = slot;
}

/* The first ones of the entry, or all of it. */
static void attempts_remove(struct core *core, struct attempt *attempt, uint64_t count)
{
    struct stage *stage = &attempt->owner->stages[attempt->row.stage];
    struct node *node = node_at(core, attempt->row.node);

    must(stage->row.running >= count && node->busy >= count);
    must(count > 0 && count <= attempt->count);
    stage->row.running -= count;
    node->busy -= (uint32_t)count;
    node_give(node, &stage->shape.demand, attempt->row.gpus, count);
    attempt->owner->live -= (uint32_t)count;
    core->attempt_count -= (uint32_t)count;
    stage_touch(core, stage);
    if (count == attempt->count)
        entry_leave(core, stage, attempt);
    else
        batch_trim(core, attempt, count);
}

uint64_t stage_available(const struct core *core, const struct stage *stage)
{
    const struct stage_row *row = &stage->row;
    uint64_t left = row->tasks - row->next - row->ahead + retry_is_due(core, stage);

    if ((row->state != STAGE_QUEUED && row->state != STAGE_STARTED)
        || row->pending != PENDING_NONE)
        return 0;
    if (stage->shape.queued_max > 0) {
        uint64_t room = stage->shape.queued_max > row->running
                            ? stage->shape.queued_max - row->running
                            : 0;

        return left < room ? left : room;
    }
    return left;
}

/* Fills a change with what the attempt is. */
struct change *change_of(struct changes *changes, enum change_kind kind,
                         const struct attempt_row *row)
{
    struct change *change = change_add(changes, kind);

    change->run = row->run;
    change->stage = row->stage;
    change->index = row->index;
    change->count = 1;
    change->token = row->token;
    change->node = row->node;
    change->number = row->number;
    return change;
}

void attempt_started(struct core *core, const struct core_input *input,
                     struct changes *changes)
{
    struct attempt *attempt = attempt_find(core, input->token);

    if (!attempt || attempt->row.node != input->node || attempt->row.has_started)
        return;
    attempt->row.has_started = true;
    attempt->since_us = core->now_us;

    struct stage *stage = &attempt->owner->stages[attempt->row.stage];

    stage->row.has_row = true;
    if (stage->row.state == STAGE_QUEUED)
        stage_set(core, stage, STAGE_STARTED, changes);
    change_of(changes, CHANGE_BEGUN, &attempt->row);
}

/* Whether a task that failed is tried again: only where its stage says so, and then
 * whatever it failed of, a time limit too. Being stopped is no failure. */
static bool tries_again(const struct stage *stage, const struct attempt_row *row)
{
    return stage->shape.on_error == ON_ERROR_RETRY && row->failures + 1 < CORE_TRIES_MAX
           && (stage->row.state == STAGE_QUEUED || stage->row.state == STAGE_STARTED);
}

static void count_failure(struct core *core, struct stage *stage, struct changes *changes)
{
    stage->row.failed++;
    if (stage->shape.is_task
        && stage->shape.on_child_error == CHILD_ERROR_STOP_ALL_AND_ERROR)
        stage_stop(core, stage, changes);
}

static void count_stopped(struct core *core, struct stage *stage, enum cause cause,
                          struct changes *changes)
{
    stage->row.stopped++;
    if (cause != CAUSE_STOP_CONDITION)
        return;
    stage->row.is_met = true;
    if (stage->shape.is_task)
        stage_stop(core, stage, changes);
}

/* Whether the attempt follows those of the block that begins with first: of the same
 * stage, in a row, with the same number. */
static bool is_next(const struct attempt *attempt, const struct attempt_row *first,
                    const struct run *run, uint64_t count)
{
    return attempt && attempt->row.node == first->node && attempt->owner == run
           && attempt->row.stage == first->stage
           && attempt->row.index == first->index + count
           && attempt->row.number == first->number;
}

/* The attempts from this token on that end together, at most max; 0: the first is none of
 * the node's. Only what begins in the middle of a batch parts it. */
static uint64_t block_end(struct core *core, uint32_t node, uint64_t token, uint64_t max,
                          struct changes *changes)
{
    struct attempt *attempt = entry_of(core, token);

    if (!attempt || attempt->row.node != node)
        return 0;
    if (attempt->row.token != token)
        attempt = attempt_find(core, token);

    struct attempt_row row = attempt->row;
    struct run *run = attempt->owner;
    struct stage *stage = &run->stages[row.stage];
    struct change *ended = change_of(changes, CHANGE_BLOCK, &row);
    uint64_t count = 0;

    ended->follows = stage->shape.demand.is_plain && !stage->row.has_row
                     && stage->row.state == STAGE_QUEUED;

    do {
        uint64_t part = max - count < attempt->count ? max - count : attempt->count;

        attempts_remove(core, attempt, part);
        count += part;
        attempt = count < max ? entry_of(core, token + count) : NULL;
    } while (is_next(attempt, &row, run, count));
    ended->count = count;
    if (stage->row.state == STAGE_QUEUED)
        stage_set(core, stage, STAGE_STARTED, changes);
    stage->row.complete += count;
    ready_update(core, stage);
    stage_settle(core, stage, changes);
    run_settle(core, run, changes);
    return count;
}

void attempts_block(struct core *core, const struct core_input *input,
                    struct changes *changes)
{
    struct change *taken = change_add(changes, CHANGE_TAKEN);

    taken->node = input->node;
    taken->token = input->token;
    for (uint64_t i = 0; i < input->tasks;) {
        uint64_t count =
            block_end(core, input->node, input->token + i, input->tasks - i, changes);

        i += count > 0 ? count : 1; /* which is late */
    }
}

/* A lost node says nothing about the task, so the first loss is made good at once. One
 * that goes on losing nodes is what kills them; but it must have begun on them. */
void attempt_lost(struct core *core, struct attempt *attempt, struct changes *changes)
{
    struct attempt_row row = attempt->row;
    struct run *run = attempt->owner;
    struct stage *stage = &run->stages[row.stage];
    bool goes_on = stage->row.state == STAGE_QUEUED || stage->row.state == STAGE_STARTED;
    uint8_t losses = (uint8_t)(row.losses + (row.has_started ? 1 : 0));
    struct change *lost = change_of(changes, CHANGE_LOST, &row);

    stage->row.has_row = true;
    lost->will_retry = goes_on && losses < CORE_LOSSES_MAX;
    if (lost->will_retry) {
        retry_add(stage, &(struct retry){ .index = row.index,
                                          .attempts = row.number,
                                          .failures = row.failures,
                                          .losses = losses,
                                          .not_before_us =
                                              retry_time(core, row.token, row.losses) });
    } else {
        lost->status = goes_on ? RESULT_CRASHED : RESULT_STOPPED;
        lost->cause = CAUSE_LOST;
    }
    bool will_retry = lost->will_retry;

    attempts_remove(core, attempt, 1);
    if (!will_retry && goes_on) {
        stage->row.reason = stage->row.reason ? stage->row.reason : REASON_POISON;
        stage->row.reason_stage = stage->index;
        count_failure(core, stage, changes);
    } else if (!will_retry) {
        stage->row.stopped++;
    }
    ready_update(core, stage);
    stage_settle(core, stage, changes);
    run_settle(core, run, changes);
}

/* For how early the next are handed out. Forgotten by a restart, and soon known again. */
static void time_count(const struct core *core, struct stage *stage,
                       const struct attempt *attempt, const struct core_input *input)
{
    int64_t took_us =
        input->took_us > 0 ? input->took_us : core->now_us - attempt->since_us;

    if (input->took_us <= 0 && attempt->since_us == 0)
        return;
    took_us = took_us > 0 ? took_us : 0;
    if (stage->timed < CORE_EARLY_AFTER)
        stage->timed++;
    stage->mean_us += (took_us - stage->mean_us) / (int64_t)stage->timed;
}

void attempt_finished(struct core *core, const struct core_input *input,
                      struct changes *changes)
{
    struct attempt *attempt = attempt_find(core, input->token);
    struct change *taken = change_add(changes, CHANGE_TAKEN);

    taken->node = input->node;
    taken->token = input->token;
    taken->is_late = !attempt || attempt->row.node != input->node;
    if (taken->is_late)
        return;
    if (input->yes) {
        attempt_lost(core, attempt, changes);
        return;
    }

    struct attempt_row row = attempt->row;
    struct run *run = attempt->owner;
    struct stage *stage = &run->stages[row.stage];
    bool has_failed = input->status == RESULT_ERROR || input->status == RESULT_CRASHED;
    bool will_retry = has_failed && tries_again(stage, &row);
    struct change *ended = change_of(changes, CHANGE_ENDED, &row);

    stage->row.has_row = true;
    ended->status = input->status;
    ended->cause = input->cause;
    ended->will_retry = will_retry;
    time_count(core, stage, attempt, input);
    if (input->status == RESULT_COMPLETE)
        pace_note(core, stage);
    attempts_remove(core, attempt, 1);
    if (stage->row.state == STAGE_QUEUED)
        stage_set(core, stage, STAGE_STARTED, changes);
    if (will_retry)
        retry_add(stage, &(struct retry){ .index = row.index,
                                          .attempts = row.number,
                                          .failures = (uint8_t)(row.failures + 1),
                                          .losses = row.losses,
                                          .not_before_us = retry_time(
                                              core, row.token, row.failures + 1u) });
    else if (has_failed)
        count_failure(core, stage, changes);
    else if (input->status == RESULT_STOPPED)
        count_stopped(core, stage, input->cause, changes);
    else
        stage->row.complete++;
    ready_update(core, stage);
    stage_settle(core, stage, changes);
    run_settle(core, run, changes);
}

void attempts_stop(struct core *core, const struct stage *stage, struct changes *changes)
{
    uint32_t slot = stage->live_first - 1;

    for (uint64_t left = stage->row.running; left > 0;) {
        struct attempt *attempt = &core->attempts[slot];

        must(attempt->owner == stage->run && attempt->row.stage == stage->index);
        core->stop_steps++;
        left -= attempt->count;
        slot = attempt->next;
        if (attempt->row.is_stopping)
            continue;
        attempt->row.is_stopping = true;
        for (uint64_t i = 0; i < attempt->count; i++) {
            struct change *change = change_of(changes, CHANGE_STOP, &attempt->row);

            change->token += i;
            change->index += i;
        }
    }
}
