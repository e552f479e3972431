/* faults.c - what can go wrong in a seed, and when it does. */
#include "tests/sim/sim.h"

static unsigned maybe(struct sim *sim, unsigned limit)
{
    return below(sim, 2) ? 1 + (unsigned)below(sim, limit) : 0;
}

void faults_choose(struct sim *sim)
{
    struct features *features = &sim->features;

    *features = (struct features){
        .loss = maybe(sim, 150),
        .twice = maybe(sim, 150),
        .reorder = maybe(sim, 300),
        .partition = maybe(sim, 300),
        .broker_crash = maybe(sim, 300),
        .agent_crash = maybe(sim, 200),
        .node_crash = maybe(sim, 200),
        .stall = maybe(sim, 200),
        .clock = maybe(sim, 500),
        .disk = maybe(sim, 200),
        .liar = maybe(sim, 200),
        .repeat = maybe(sim, 300),
        .turn_crash = maybe(sim, 40),
        .cancel = maybe(sim, 150),
        .away = maybe(sim, 300),
    };
    features->drain = maybe(sim, 150);
    features->upgrade = maybe(sim, 300);
    features->quiet = maybe(sim, 1000);
    features->letters_wait = below(sim, 2);
    features->delay_us = below(sim, 3) ? 5000 : 1 + (int64_t)below(sim, 3 * SECOND);
    features->pace_us = SECOND / 4 + (int64_t)below(sim, 8 * SECOND);
    sim->retry_first_us = below(sim, 3) * SECOND;
    sim->retry_max_us = (1 + below(sim, 16)) * SECOND;
    sim->keep_us = below(sim, 2) ? (1 + (int64_t)below(sim, 60)) * SECOND : 0;
    features->deaf = maybe(sim, 150);
    sim->calm_us = (10 + (int64_t)below(sim, 80)) * SECOND;
    sim_say(
        sim,
        "loss %u twice %u reorder %u partition %u broker %u agent %u node %u stall %u "
        "clock %u disk %u liar %u repeat %u turn %u cancel %u away %u deaf %u keep %.0f "
        "s wait %d drain %u upgrade %u quiet %u",
        features->loss, features->twice, features->reorder, features->partition,
        features->broker_crash, features->agent_crash, features->node_crash,
        features->stall, features->clock, features->disk, features->liar,
        features->repeat, features->turn_crash, features->cancel, features->away,
        features->deaf, (double)sim->keep_us / SECOND, features->letters_wait,
        features->drain, features->upgrade, features->quiet);
}

static struct node *some_node(struct sim *sim)
{
    return &sim->nodes[below(sim, (uint64_t)sim->node_count)];
}

static void cut(struct sim *sim)
{
    int node = below(sim, 4) ? PARTY_NODE + (int)below(sim, (uint64_t)sim->node_count)
                             : PARTY_SUBSCRIBER + (int)below(sim, SIM_SUBSCRIBERS);
    bool is_loud = below(sim, 2); /* which way; sometimes both */
    int64_t until = sim->now_us + SECOND + (int64_t)below(sim, 30 * SECOND);
    struct link *there = &sim->links[node][PARTY_BROKER];
    struct link *back = &sim->links[PARTY_BROKER][node];
    bool loses = below(sim, 2);

    sim_say(sim, "the line of %s is cut until %.3f", party_name(node),
            (double)until / SECOND);
    if (is_loud || below(sim, 2)) {
        there->cut_until_us = until;
        there->cut_loses = loses;
    }
    if (!is_loud || below(sim, 2)) {
        back->cut_until_us = until;
        back->cut_loses = loses;
    }
}

static void set_clock(struct sim *sim, int64_t *clock_us)
{
    if (chance(sim, sim->features.clock))
        *clock_us = ((int64_t)below(sim, 7200) - 3600) * SECOND;
}

static void fill_disk(struct sim *sim)
{
    sim->broker.full_until_us = sim->now_us + SECOND + (int64_t)below(sim, 20 * SECOND);
    sim_say(sim, "the disk is full until %.3f",
            (double)sim->broker.full_until_us / SECOND);
}

static void deafen(struct sim *sim, struct node *node)
{
    if (node->deaf_until_us <= sim->now_us)
        node->deaf_since_us = sim->now_us;
    node->deaf_until_us = sim->now_us + SECOND + (int64_t)below(sim, 90 * SECOND);
    sim_say(sim, "%s is deaf until %.3f", party_name(node->party),
            (double)node->deaf_until_us / SECOND);
}

static void strike(struct sim *sim)
{
    const struct features *features = &sim->features;
    struct node *node = some_node(sim);

    if (chance(sim, features->broker_crash) && sim->broker.is_up) {
        broker_crash(sim);
        set_clock(sim, &sim->broker.clock_us);
    }
    if (chance(sim, features->agent_crash)) {
        agent_crash(sim, node);
        set_clock(sim, &node->clock_us);
    }
    if (chance(sim, features->node_crash))
        node_crash(sim, some_node(sim));
    if (chance(sim, features->stall)) {
        node = some_node(sim);
        node->stalled_until_us = sim->now_us + SECOND + (int64_t)below(sim, 25 * SECOND);
        sim_say(sim, "%s stalls", party_name(node->party));
    }
    if (chance(sim, features->partition))
        cut(sim);
    if (chance(sim, features->deaf))
        deafen(sim, some_node(sim));
    if (chance(sim, features->disk))
        fill_disk(sim);
    if (chance(sim, features->drain))
        agent_drain(sim, some_node(sim));
    for (int i = 0; i < 4; i++)
        if (chance(sim, features->liar))
            lie(sim, some_node(sim));
}

void fault_strike(struct sim *sim)
{
    if (sim->is_calm)
        return;
    strike(sim);
    sim_push(sim,
             sim->now_us + (int64_t)below(sim, (uint64_t)(2 * sim->features.pace_us)),
             EVENT_FAULT, PARTY_BROKER);
}

/* The longest that the work could take from here on, if it were done one after another,
 * with room for timeouts and for what was lost to be tried again. */
static int64_t work_left_us(const struct sim *sim)
{
    int64_t sum = 0;

    for (uint32_t i = 1; i <= sim->plan_count; i++)
        for (uint32_t s = 0; s < sim->plans[i].stages; s++)
            sum += (int64_t)(SIM_TASKS * (CORE_TRIES_MAX + CORE_LOSSES_MAX))
                   * (sim->plans[i].stage[s].length_us + 3 * SECOND);
    return sum;
}

void faults_end(struct sim *sim)
{
    sim_say(sim, "faults end");
    sim->is_calm = true;
    sim->bound_us = sim->now_us + 1200 * (int64_t)SECOND + work_left_us(sim);
    sim->broker.full_until_us = 0;
    for (int i = 0; i < sim->node_count; i++)
        sim->nodes[i].deaf_until_us = 0;
    for (int i = 0; i < SIM_PARTIES; i++)
        for (int j = 0; j < SIM_PARTIES; j++)
            sim->links[i][j].cut_until_us = 0;
}
