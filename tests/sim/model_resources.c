/* model_resources.c - promise 5: what really runs on a node never uses more than it
 * offers, and what it was given is that much at most, and what it takes early. Empty
 * tasks take a place each of those that the node has for them, and nothing else; where it
 * has none, they are as others. And nothing is refused that a node could run. */
#include "tests/sim/sim.h"

struct used {
    uint64_t cpu_milli, memory_mb, gpus, empties;
};

static bool counts(const struct known_attempt *attempt, uint32_t node, bool is_executing)
{
    return attempt->node == node
           && (is_executing ? attempt->is_executing : attempt->life == LIFE_LIVE);
}

static void add(struct sim *sim, struct used *used, uint64_t token,
                const struct offer *offer)
{
    const struct known_attempt *attempt = &sim->model.attempts[token];
    const struct demand *demand =
        &stage_of(sim, attempt->run, attempt->stage)->shape.demand;

    if (demand->is_empty && offer->empty_max > 0) {
        used->empties++;
        return;
    }
    used->cpu_milli += demand->cpu_milli ? demand->cpu_milli : CORE_CPU_DEFAULT;
    used->memory_mb += demand->memory_mb;
    if ((used->gpus & attempt->gpus) || (attempt->gpus & ~offer->gpus)
        || __builtin_popcountll(attempt->gpus) != (int)demand->gpus)
        sim_fail(sim, "attempt %lu got devices that it may not have",
                 (unsigned long)token);
    used->gpus |= attempt->gpus;
}

void model_resources(struct sim *sim, uint64_t token, const struct offer *offer,
                     bool is_executing)
{
    const struct known_attempt *newest = &sim->model.attempts[token];
    uint32_t node = newest->node;
    bool is_empty = stage_of(sim, newest->run, newest->stage)->shape.demand.is_empty;
    struct used used = { 0 };

    for (size_t i = 1; i < sim->model.attempt_count; i++)
        if (counts(&sim->model.attempts[i], node, is_executing))
            add(sim, &used, i, offer);
    if (used.cpu_milli
            > (uint64_t)offer->cpu_milli * (is_executing ? 1 : 1 + offer->early)
        || (offer->memory_mb > 0 && used.memory_mb > offer->memory_mb))
        sim_fail(sim, "%s is asked for more than it offers",
                 party_name(PARTY_NODE + (int)node));
    if (!is_executing && is_empty && used.empties > offer->empty_max)
        sim_fail(sim, "%s has %lu empty tasks at once, more than %u",
                 party_name(PARTY_NODE + (int)node), (unsigned long)used.empties,
                 offer->empty_max);
}

/* If nothing ran there, and it were not about to end. */
static bool could_run(const struct sim *sim, const struct demand *demand, int node)
{
    const struct offer *offer = &sim->model.offers[node];
    uint32_t cpu_milli = demand->cpu_milli ? demand->cpu_milli : CORE_CPU_DEFAULT;

    if (demand->is_empty && offer->empty_max > 0)
        return true;
    return cpu_milli <= sim->nodes[node].offer.cpu_milli
           && (offer->memory_mb == 0 || demand->memory_mb <= offer->memory_mb)
           && demand->gpus <= (uint32_t)__builtin_popcountll(offer->gpus);
}

void model_unfit(struct sim *sim, uint64_t run, uint32_t stage)
{
    const struct demand *demand = &stage_of(sim, run, stage)->shape.demand;

    for (int i = 0; i < sim->node_count; i++)
        if (sim->model.told_node[i] == NODE_ONLINE && could_run(sim, demand, i))
            sim_fail(sim, "run %lu stage %u fails as if no node could run it; %s could",
                     (unsigned long)run, stage, party_name(PARTY_NODE + i));
}
