/* lies.c - nodes that say things about attempts that are not theirs. */
#include "tests/sim/sim.h"

#include <stdio.h>

enum { MADE_UP = 1000000 /* no seed comes to such a token */ };

/* An attempt of another node, or one that will never be. One that may be the node's own
 * one day is none: then nobody could tell a lie. */
uint64_t strange_token(struct sim *sim, const struct node *node)
{
    uint64_t token = 1 + below(sim, sim->rows.numbers.token_next + 3);

    if (token < sim->rows.numbers.token_next
        && sim->model.attempts[token].life != LIFE_NONE
        && sim->model.attempts[token].node != (uint32_t)(node->party - PARTY_NODE))
        return token;
    return token + MADE_UP;
}

static void lie_of_start(struct sim *sim, struct node *node, uint64_t token)
{
    scoped_buf body = { 0 };

    started_encode(&body, &(struct started_item){ token, node->now_us }, 1);
    agent_say(sim, node, MESSAGE_STARTED, &body);
}

static void lie_of_result(struct sim *sim, struct node *node, uint64_t token)
{
    scoped_buf body = { 0 };
    scoped_buf result = { 0 };
    char text[24];

    snprintf(text, sizeof text, "%lu", (unsigned long)token);
    result_encode(&result, &(struct task_result){ .cause = CAUSE_EXIT,
                                                  .message = text,
                                                  .metadata = { .kind = VALUE_MAP } });
    results_encode(
        &body, &(struct result_item){ token, { (const char *)result.data, result.size } },
        1);
    agent_say(sim, node, MESSAGE_RESULTS, &body);
}

void lie(struct sim *sim, struct node *node)
{
    uint64_t token = strange_token(sim, node);

    if (!node->has_agent || !node->is_listed || node->stalled_until_us > sim->now_us)
        return;
    sim_say(sim, "%s lies about attempt %lu", party_name(node->party),
            (unsigned long)token);
    switch (below(sim, 3)) {
    case 0:
        lie_of_start(sim, node, token);
        break;
    default:
        lie_of_result(sim, node, token);
        break;
    }
}
