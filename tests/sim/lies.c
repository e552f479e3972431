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

/* Another node's, or no lie: the node did come to this result. */
static bool may_name(const struct sim *sim, const struct node *node, uint64_t token)
{
    const struct known_attempt *attempt;

    if (token >= MADE_UP)
        return true;
    if (token >= sim->rows.numbers.token_next)
        return false;
    attempt = &sim->model.attempts[token];
    return attempt->life != LIFE_NONE
           && (attempt->node != (uint32_t)(node->party - PARTY_NODE)
               || (attempt->truth & (1u << RESULT_COMPLETE)));
}

uint64_t strange_count(struct sim *sim, const struct node *node, uint64_t token)
{
    uint64_t count = 0, limit = 1 + below(sim, 2 * SIM_TASKS);

    while (count < limit && may_name(sim, node, token + count))
        count++;
    return count;
}

static void lie_of_block(struct sim *sim, struct node *node, uint64_t token)
{
    struct task_block block = { .token = token,
                                .count = strange_count(sim, node, token),
                                .started_us = block_time_of(token) };
    int64_t last = block.started_us;
    scoped_buf times = { 0 };
    scoped_buf body = { 0 };

    if (block.count == 0)
        return;
    for (uint64_t i = 0; i < block.count; i++)
        block_add_token(&times, &last, token + i);
    block.times = (struct bytes){ (const char *)times.data, times.size };
    blocks_encode(&body, &block, 1);
    agent_say(sim, node, MESSAGE_BLOCKS, &body);
}

void lie(struct sim *sim, struct node *node)
{
    uint64_t token = strange_token(sim, node);

    if (!node->has_agent || !node->is_listed || node->stalled_until_us > sim->now_us)
        return;
    sim_say(sim, "%s lies about attempt %lu", party_name(node->party),
            (unsigned long)token);
    switch (below(sim, 4)) {
    case 0:
        lie_of_start(sim, node, token);
        break;
    case 1:
        lie_of_result(sim, node, token);
        break;
    default:
        lie_of_block(sim, node, token);
        break;
    }
}
