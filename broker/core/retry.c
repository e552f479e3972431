/* retry.c - tasks that wait to be tried again: when, and which stages to wake for them.
 *
 * A stage's retries are a heap, the earliest first, of those due at the same time the one
 * with the lowest index. A retry is due when its time has come as of the last tick
 * (core->woken_us), so that between two ticks nothing becomes ready by itself.
 *
 * Sleepers are a heap, too: every stage that goes on and whose first retry is not due. */
#include "broker/core/core_state.h"

static bool is_earlier(const struct retry *a, const struct retry *b)
{
    return a->not_before_us != b->not_before_us ? a->not_before_us < b->not_before_us
                                                : a->index < b->index;
}

void retry_add(struct stage *stage, const struct retry *retry)
{
    struct stage_row *row = &stage->row;
    uint32_t at = row->retry_count;

    if (row->retry_count == stage->retry_capacity)
        row->retries = grown(row->retries, &stage->retry_capacity, sizeof *retry);
    for (; at > 0 && is_earlier(retry, &row->retries[(at - 1) / 2]); at = (at - 1) / 2)
        row->retries[at] = row->retries[(at - 1) / 2];
    row->retries[at] = *retry;
    row->retry_count++;
}

void retry_remove_first(struct stage *stage)
{
    struct stage_row *row = &stage->row;
    uint32_t at = 0, child;

    must(row->retry_count > 0);

    struct retry last = row->retries[--row->retry_count];

    for (; (child = 2 * at + 1) < row->retry_count; at = child) {
        if (child + 1 < row->retry_count
            && is_earlier(&row->retries[child + 1], &row->retries[child]))
            child++;
        if (!is_earlier(&row->retries[child], &last))
            break;
        row->retries[at] = row->retries[child];
    }
    row->retries[at] = last;
}

bool retry_is_due(const struct core *core, const struct stage *stage)
{
    return stage->row.retry_count > 0
           && stage->row.retries[0].not_before_us <= core->woken_us;
}

/* Tasks that failed together do not come back together: the token decides on up to a
 * quarter of the wait. */
int64_t retry_time(const struct core *core, uint64_t token, uint32_t failures)
{
    uint64_t wait = core->options.retry_first_us, max = core->options.retry_max_us;

    if (failures == 0 || wait == 0)
        return core->now_us;
    for (; failures > 1 && wait < max; failures--)
        wait *= 2;
    wait = wait < max ? wait : max;
    wait -= (token * 0x9e3779b97f4a7c15u >> 32) % (wait / 4 + 1);
    return core->now_us + (int64_t)wait;
}

/* After a restart with a clock that stands earlier nothing waits longer than it may. */
void retries_limit(const struct core *core, struct stage *stage)
{
    uint32_t count = stage->row.retry_count;
    int64_t latest = core->now_us + (int64_t)core->options.retry_max_us;

    stage->row.retry_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct retry retry = stage->row.retries[i];

        if (retry.not_before_us > latest)
            retry.not_before_us = latest;
        retry_add(stage, &retry);
    }
}

static int64_t due_us(const struct stage *stage)
{
    return stage->row.retries[0].not_before_us;
}

static void sleeper_put(struct core *core, uint32_t at, struct stage *stage)
{
    core->sleepers[at] = stage;
    stage->sleep_place = at + 1;
}

/* Moves the stage at a place to where its time belongs. */
static void sleeper_settle(struct core *core, uint32_t at)
{
    struct stage *stage = core->sleepers[at];
    uint32_t child;

    for (; at > 0 && due_us(stage) < due_us(core->sleepers[(at - 1) / 2]);
         at = (at - 1) / 2)
        sleeper_put(core, at, core->sleepers[(at - 1) / 2]);
    for (; (child = 2 * at + 1) < core->sleeper_count; at = child) {
        if (child + 1 < core->sleeper_count
            && due_us(core->sleepers[child + 1]) < due_us(core->sleepers[child]))
            child++;
        if (due_us(core->sleepers[child]) >= due_us(stage))
            break;
        sleeper_put(core, at, core->sleepers[child]);
    }
    sleeper_put(core, at, stage);
}

static void sleeper_remove(struct core *core, struct stage *stage)
{
    uint32_t at = stage->sleep_place - 1;
    struct stage *last = core->sleepers[--core->sleeper_count];

    stage->sleep_place = 0;
    if (last == stage)
        return;
    sleeper_put(core, at, last);
    sleeper_settle(core, at);
}

void sleep_update(struct core *core, struct stage *stage)
{
    bool goes_on = stage->row.state == STAGE_QUEUED || stage->row.state == STAGE_STARTED;
    bool sleeps = goes_on && stage->row.retry_count > 0 && !retry_is_due(core, stage);

    if (stage->sleep_place > 0 && !sleeps) {
        sleeper_remove(core, stage);
    } else if (sleeps && stage->sleep_place == 0) {
        if (core->sleeper_count == core->sleeper_capacity)
            core->sleepers =
                grown(core->sleepers, &core->sleeper_capacity, sizeof(struct stage *));
        sleeper_put(core, core->sleeper_count++, stage);
    }
    if (sleeps)
        sleeper_settle(core, stage->sleep_place - 1);
}

void sleepers_wake(struct core *core)
{
    core->woken_us = core->now_us;
    while (core->sleeper_count > 0 && due_us(core->sleepers[0]) <= core->woken_us)
        ready_update(core, core->sleepers[0]);
}

int64_t sleepers_deadline_us(const struct core *core)
{
    return core->sleeper_count > 0 ? due_us(core->sleepers[0]) : INT64_MAX;
}
