/* reuse_side.c - which tasks need not run: what broker/reuse.c does. Stages of the same
 * work are equal, task by task. */
#include "tests/sim/sim.h"

#include <stdlib.h>

static uint64_t key_of(unsigned work, uint64_t index)
{
    return work * 1000 + index + 1;
}

/* Whether the work's task has been done, in what is committed and in this turn. */
static bool is_made(const struct sim *sim, unsigned work, uint64_t index)
{
    const struct rows *rows = &sim->rows;

    if (rows->made[work][index])
        return true;
    for (size_t i = 0; i < rows->put_count; i++)
        if (rows->puts[i].kind == PUT_MADE && rows->puts[i].work == work
            && rows->puts[i].index == index)
            return true;
    return false;
}

static size_t keys_of(unsigned work, uint64_t tasks, unsigned reused,
                      uint64_t keys[SIM_TASKS])
{
    size_t count = 0;

    for (uint64_t i = 0; i < tasks; i++)
        if (!(reused >> i & 1))
            keys[count++] = key_of(work, i);
    return count;
}

size_t reuse_ranges(unsigned reused, struct core_range ranges[SIM_TASKS])
{
    size_t count = 0;

    for (unsigned i = 0; i < SIM_TASKS; i++) {
        if (!(reused >> i & 1))
            continue;
        if (count > 0 && ranges[count - 1].first + ranges[count - 1].count == i
            && i % 3 > 0) /* touching ranges are allowed, too */
            ranges[count - 1].count++;
        else
            ranges[count++] = (struct core_range){ i, 1 };
    }
    return count;
}

void reuse_answer(struct sim *sim, unsigned work, struct core_input *input,
                  struct core_range ranges[SIM_TASKS])
{
    struct broker *broker = &sim->broker;
    struct twin self = { input->run, input->stage }, leader;
    uint64_t keys[SIM_TASKS];
    unsigned reused = 0;

    if (core_stage(broker->core, input->run, input->stage)->state != STAGE_RESOLVING)
        return;
    for (uint64_t i = 0; i < input->tasks; i++)
        reused |= (unsigned)is_made(sim, work, i) << i;

    size_t count = keys_of(work, input->tasks, reused, keys);

    if (sim->mutation != MUTATION_TWIN_IGNORED
        && twins_find(broker->twins, self, keys, count, &leader)) {
        input->kind = INPUT_TWIN;
        twins_wait(broker->twins, self, leader);
        return;
    }
    twins_lead(broker->twins, self, keys, count);
    input->reused = ranges;
    input->reused_count = reuse_ranges(reused, ranges);
    if (reused == 0)
        return;

    struct put *put = rows_put(sim, PUT_REUSED);

    put->run = input->run;
    put->stage = input->stage;
    put->work = work;
    put->reused = reused;
}

void reuse_made(struct sim *sim, const struct change *change, unsigned work)
{
    struct put *put;

    if (work == 0 || change->status != RESULT_COMPLETE)
        return;
    put = rows_put(sim, PUT_MADE);
    put->work = work;
    put->run = change->run;
    put->stage = change->stage;
    put->index = change->index;
}

void reuse_ended(struct sim *sim, uint64_t run, uint32_t stage)
{
    struct broker *broker = &sim->broker;
    struct twin *waiters;
    size_t count = twins_end(broker->twins, (struct twin){ run, stage }, &waiters);

    for (size_t i = 0; i < count; i++)
        core_step(broker->core,
                  &(struct core_input){ .kind = INPUT_AGAIN,
                                        .now_us = broker->now_us,
                                        .run = waiters[i].run,
                                        .stage = waiters[i].stage },
                  &broker->changes);
    free(waiters);
}

void reuse_rebuild(struct sim *sim)
{
    struct broker *broker = &sim->broker;

    twins_destroy(broker->twins);
    broker->twins = twins_create();
    must(broker->twins != NULL);
    broker->asks_again = true;
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        for (uint32_t i = 0;
             core_run(broker->core, run) && i < sim->rows.runs[run].row.stages; i++) {
            const struct stage_row *row = core_stage(broker->core, run, i);
            unsigned work = stage_of(sim, run, i)->work;
            uint64_t keys[SIM_TASKS];

            if (work > 0 && row->is_resolved && !stage_state_is_final(row->state)
                && sim->mutation != MUTATION_LEADERS_FORGOTTEN)
                twins_lead(
                    broker->twins, (struct twin){ run, i }, keys,
                    keys_of(work, row->tasks, sim->rows.runs[run].reused[i], keys));
        }
}

/* Those that came to wait since then know whom they wait for. */
static bool is_lost(const struct sim *sim, uint64_t run, uint32_t stage)
{
    struct twin leader;

    return core_stage(sim->broker.core, run, stage)->pending == PENDING_TWIN
           && !twins_leader(sim->broker.twins, (struct twin){ run, stage }, &leader);
}

void reuse_ask_again(struct sim *sim)
{
    struct core *core = sim->broker.core;

    if (!sim->broker.asks_again)
        return;
    sim->broker.asks_again = false;
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        for (uint32_t i = 0; core_run(core, run) && i < core_run(core, run)->stages; i++)
            if (is_lost(sim, run, i))
                broker_step(sim, &(struct core_input){
                                     .kind = INPUT_AGAIN, .run = run, .stage = i });
}
