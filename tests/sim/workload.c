/* workload.c - what a seed's runs are made of, and what becomes of each attempt. */
#include "tests/sim/sim.h"

const struct sim_stage *stage_of(const struct sim *sim, uint64_t run, uint32_t stage)
{
    must(run > 0 && run <= SIM_RUNS && stage < SIM_STAGES);
    must(sim->rows.runs[run].row.run == run);
    return &sim->plans[sim->rows.runs[run].plan].stage[stage];
}

static unsigned verdict(struct sim *sim)
{
    switch (below(sim, 8)) {
    case 0:
        return 1u << THEN_STOP;
    case 1:
        return 1u << THEN_ERROR;
    case 2:
    case 3:
        return 1u << THEN_APPROVAL;
    default:
        return 1u << THEN_NOOP;
    }
}

/* Many tasks that take so little that some are handed out before there is room. */
static void make_short(struct sim *sim, struct sim_stage *stage)
{
    stage->is_short = stage->shape.is_task && !stage->is_endless && chance(sim, 250);
    if (!stage->is_short)
        return;
    stage->length_us = SECOND / 100;
    stage->tasks = SIM_TASKS;
    stage->shape.demand.memory_mb = 0;
    stage->shape.demand.gpus = 0;
}

/* One empty task, about which the core has nothing to ask. */
static void make_plain(struct sim_stage *stage)
{
    struct stage_shape *shape = &stage->shape;

    shape->demand.is_plain = true;
    shape->demand.gpus = 0;
    shape->is_task = false;
    shape->actions = 0;
    shape->queued_max = 0;
    stage->tasks = 1;
    stage->counts = -1;
    stage->is_unresolvable = false;
    stage->work = 0;
}

static void make_stage(struct sim *sim, struct sim_plan *plan, uint32_t number)
{
    struct sim_stage *stage = &plan->stage[number];
    struct stage_shape *shape = &stage->shape;

    shape->is_task = chance(sim, 600);
    shape->on_error = (enum on_error)below(sim, 4);
    shape->on_child_error = (enum on_child_error)below(sim, 4);
    shape->priority = (int32_t)below(sim, 3) - 1;
    shape->demand.cpu_milli = (uint32_t)below(sim, 3) * 500;
    shape->demand.memory_mb = chance(sim, 300) ? 1500 : 0;
    shape->demand.gpus = chance(sim, 100) ? 1 : 0;
    shape->queued_max = shape->is_task && chance(sim, 300) ? 1 + below(sim, 3) : 0;
    if (chance(sim, 250))
        shape->actions = (unsigned)below(sim, 8);
    for (unsigned when = WHEN_STARTING; when <= WHEN_ERROR; when <<= 1)
        stage->then[when] = verdict(sim);
    stage->tasks = shape->is_task ? below(sim, SIM_TASKS + 1) : 1;
    stage->counts =
        number > 0 && shape->is_task && chance(sim, 200) ? (int)below(sim, number) : -1;
    stage->is_unresolvable = chance(sim, 20);
    stage->fails = chance(sim, 400) ? (unsigned)below(sim, 600) : 0;
    stage->stops = chance(sim, 150) ? (unsigned)below(sim, 500) : 0;
    stage->length_us = (int64_t)(1 + below(sim, 1 + below(sim, 15))) * SECOND;
    stage->is_endless = plan->is_endless && chance(sim, 500);
    stage->work = chance(sim, 400) ? 1 + (unsigned)below(sim, SIM_WORKS - 1) : 0;
    if (!chance(sim, 300)) {
        stage->time_limit_us = chance(sim, 150) ? (int64_t)below(sim, 8) * SECOND : 0;
        stage->no_output_us = chance(sim, 100) ? (int64_t)below(sim, 8) * SECOND : 0;
        make_short(sim, stage);
        return;
    }
    shape->demand.is_empty = true;
    stage->fails = stage->stops = 0;
    stage->is_endless = false;
    stage->length_us = SECOND / 100;
    if (chance(sim, 600))
        make_plain(stage);
}

static void make_plan(struct sim *sim, struct sim_plan *plan)
{
    plan->stages = 1 + (uint32_t)below(sim, SIM_STAGES);
    plan->is_endless = chance(sim, 200);
    for (uint32_t i = 0; i < plan->stages; i++) {
        make_stage(sim, plan, i);
        if (plan->stage[i].counts >= 0)
            plan->edges[plan->edge_count++] =
                (struct core_edge){ (uint32_t)plan->stage[i].counts, i };
        for (uint32_t from = 0; from < i && plan->edge_count < SIM_EDGES; from++)
            if ((int)from != plan->stage[i].counts && chance(sim, 300))
                plan->edges[plan->edge_count++] = (struct core_edge){ from, i };
    }
}

void workload_make(struct sim *sim)
{
    sim->plan_count = 1 + (uint32_t)below(sim, 6);
    for (uint32_t i = 1; i <= sim->plan_count; i++)
        make_plan(sim, &sim->plans[i]);
    sim->plan_next = 1;
    sim->node_count = 1 + (int)below(sim, SIM_NODES);
    sim->client_count = 1 + (int)below(sim, SIM_CLIENTS);
    for (int i = 0; i < sim->node_count; i++) {
        struct node *node = &sim->nodes[i];

        node->empty_max = 1 + (uint32_t)below(sim, 2 * SIM_TASKS);
        node->offer =
            (struct offer){ .cpu_milli = 1000 + 1000 * (uint32_t)below(sim, SIM_SLOTS),
                            .memory_mb = below(sim, 2) ? 4000 : 0,
                            .gpus = below(sim, 2) ? below(sim, 8) : 0,
                            .early = (uint32_t)(mixed(sim->seed, (uint64_t)i) % 4),
                            .empty_max = below(sim, 4) ? node->empty_max : 0 };
    }
}

enum fate fate_of(const struct sim *sim, uint64_t run, uint32_t stage, uint64_t index,
                  uint64_t number, int64_t *length_us)
{
    const struct sim_stage *shape = stage_of(sim, run, stage);
    uint64_t drawn = mixed(mixed(sim->seed, run << 8 | stage), index << 16 | number);

    *length_us = 20000 + (int64_t)(drawn % (uint64_t)shape->length_us);
    if (shape->is_endless)
        *length_us = (int64_t)1000000 * SECOND;
    if ((drawn >> 20) % 1000 < shape->fails) {
        if ((drawn >> 40) % 10 == 0)
            return FATE_UNSTARTED;
        return (drawn >> 40) % 10 == 1 ? FATE_UNPREPARED : FATE_ERROR;
    }
    if ((drawn >> 30) % 1000 < shape->stops)
        return FATE_CONDITION;
    return FATE_COMPLETE;
}
