/* node_drain.c - the orderly end of a node: what nodes/agent_drain.c does. */
#include "tests/sim/sim.h"

enum { LEAVE_WAIT_US = 20 * SECOND /* time to kill, and for uploads and answers */ };

void drain_begin(struct sim *sim, struct node *node)
{
    if (node->is_draining)
        return;
    sim_say(sim, "%s is asked to end", party_name(node->party));
    node->is_draining = true;
    node->drain_until_us = node->now_us + (int64_t)below(sim, 30 * SECOND);
    if (node->is_joined)
        agent_beat(sim, node, true);
}

static bool is_unfinished(const struct agent_attempt *attempt)
{
    return attempt->state < AGENT_COLLECTING && !attempt->is_dropped;
}

static void drop_all(struct sim *sim, struct node *node)
{
    for (uint32_t i = 0; i < agent_count(node->core);) {
        const struct agent_attempt *attempt = agent_at(node->core, i);

        if (!is_unfinished(attempt)) {
            i++;
            continue;
        }
        agent_feed(
            sim, node,
            &(struct agent_input){ .kind = AGENT_IN_DROP, .token = attempt->token });
        i = 0;
    }
}

/* The last word is about this session: what was heard in an earlier one is over. */
void drain_step(struct sim *sim, struct node *node)
{
    int64_t leave_us = node->drain_until_us + LEAVE_WAIT_US;
    struct buf empty = { 0 };

    if (!node->is_draining || !node->is_listed)
        return;
    if (node->now_us >= node->drain_until_us)
        drop_all(sim, node);
    if (agent_count(node->core) + node->block_count > 0 && node->now_us < leave_us)
        return;
    sim_say(sim, "%s leaves", party_name(node->party));
    agent_say(sim, node, MESSAGE_LEAVE, &empty);
    node->has_left = true;
}

int64_t drain_deadline_us(const struct node *node)
{
    if (!node->is_draining)
        return INT64_MAX;
    return node->now_us < node->drain_until_us ? node->drain_until_us
                                               : node->drain_until_us + LEAVE_WAIT_US;
}
