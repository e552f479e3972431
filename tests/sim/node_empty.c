/* node_empty.c - tasks without a command on a node: what nodes/agent_empty.c does. How
 * many of them are one block is left to chance, and a block may be told in parts when it
 * is repeated.
 *
 * A task's start and end follow from its token, so that the model sees whether the broker
 * has kept of each task what was told of it. */
#include "tests/sim/sim.h"

#include <string.h>

enum { CLAIM_US = 1000 };

int64_t block_time_of(uint64_t token)
{
    return SIM_EPOCH_US + (int64_t)token * CLAIM_US;
}

void block_add_token(struct buf *times, int64_t *last, uint64_t token)
{
    int64_t started_us = block_time_of(token);

    block_add(times, last, started_us, started_us + 1 + (int64_t)(token % 300));
}

uint64_t block_claim(int64_t started_us)
{
    return (uint64_t)(started_us - SIM_EPOCH_US) / CLAIM_US;
}

static void block_keep(struct sim *sim, struct node *node, uint64_t token, uint64_t count)
{
    if (node->block_count == SIM_TABLE)
        sim_fail(sim, "%s keeps more than %d blocks", party_name(node->party), SIM_TABLE);
    node->blocks[node->block_count++] =
        (struct ended_block){ .token = token, .count = count };
}

static void run_one(struct sim *sim, struct node *node, uint64_t token)
{
    model_begins(sim, token, (uint32_t)(node->party - PARTY_NODE));
    model_ends(sim, token);
    model_result(sim, token, RESULT_COMPLETE);
    model_kept(sim, token, true);
    /* A strange node: it says of what has ended that it has begun. */
    if (!sim->is_calm && chance(sim, sim->features.liar)
        && node->started_count < SIM_TABLE)
        node->started[node->started_count++] = token;
}

void empty_run(struct sim *sim, struct node *node, const struct assignment *tasks)
{
    uint64_t at = 0;

    sim_say(sim, "%s runs %lu empty tasks from attempt %lu on", party_name(node->party),
            (unsigned long)tasks->count, (unsigned long)tasks->token);
    for (uint64_t i = 0; i < tasks->count; i++)
        run_one(sim, node, tasks->token + i);
    while (at < tasks->count) {
        uint64_t left = tasks->count - at;
        uint64_t count = below(sim, 3) ? left : 1 + below(sim, left);

        block_keep(sim, node, tasks->token + at, count);
        at += count;
    }
    if (!sim->is_calm && chance(sim, sim->features.agent_crash))
        node->is_dying = true;
}

static void forget(struct sim *sim, struct node *node, size_t i)
{
    for (uint64_t n = 0; n < node->blocks[i].count; n++)
        model_kept(sim, node->blocks[i].token + n, false);
    memmove(&node->blocks[i], &node->blocks[i + 1],
            (--node->block_count - i) * sizeof *node->blocks);
}

void empty_taken(struct sim *sim, struct node *node, uint64_t token)
{
    for (size_t i = 0; i < node->block_count; i++)
        if (node->blocks[i].token == token) {
            for (uint64_t n = 0; n < node->blocks[i].count; n++)
                model_taken(sim, token + n, (uint32_t)(node->party - PARTY_NODE));
            forget(sim, node, i);
            return;
        }
}

void empty_repeat(struct node *node)
{
    for (size_t i = 0; i < node->block_count; i++)
        node->blocks[i].resend_us = 0;
}

/* The first part of the block stays at its place. */
static void split(struct sim *sim, struct node *node, struct ended_block *block)
{
    uint64_t first = 1 + below(sim, block->count - 1);

    block_keep(sim, node, block->token + first, block->count - first);
    block->count = first;
}

/* A strange node goes on beyond the end of its block: with its next one, which may be of
 * another stage, or with what is not its own. */
static void write_block(struct sim *sim, const struct node *node,
                        const struct ended_block *ended, struct buf *times,
                        struct task_block *block)
{
    bool is_strange = !sim->is_calm && chance(sim, sim->features.liar);
    uint64_t reach = is_strange ? strange_count(sim, node, ended->token) : 0;
    struct buf own = { 0 };
    int64_t last;

    *block = (struct task_block){ .token = ended->token,
                                  .count = reach > ended->count ? reach : ended->count };
    block->started_us = last = block_time_of(ended->token);
    for (uint64_t n = 0; n < block->count; n++)
        block_add_token(&own, &last, ended->token + n);
    must(buf_ok(&own));
    *times = own;
    block->times = (struct bytes){ (const char *)own.data, own.size };
}

/* All that are due, in one message or several. */
void empty_tell(struct sim *sim, struct node *node)
{
    for (size_t i = 0; node->is_joined && i < node->block_count;) {
        struct task_block blocks[4];
        struct buf times[COUNT_OF(blocks)];
        size_t count = 0, limit = 1 + below(sim, COUNT_OF(blocks));
        scoped_buf body = { 0 };

        for (; i < node->block_count && count < limit; i++) {
            struct ended_block *ended = &node->blocks[i];

            if (ended->resend_us > node->now_us)
                continue;
            if (ended->count > 1 && node->block_count < SIM_TABLE && chance(sim, 100))
                split(sim, node, ended);
            ended->resend_us = node->now_us + AGENT_RESEND_US;
            write_block(sim, node, ended, &times[count], &blocks[count]);
            count++;
        }
        if (count > 0) {
            blocks_encode(&body, blocks, count);
            agent_say(sim, node, MESSAGE_BLOCKS, &body);
        }
        for (size_t n = 0; n < count; n++)
            buf_fini(&times[n]);
    }
    if (sim->mutation == MUTATION_BLOCK_FORGOTTEN && node->is_joined)
        empty_forget(sim, node);
}

int64_t empty_deadline_us(const struct node *node)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < node->block_count; i++)
        if (node->blocks[i].resend_us < first)
            first = node->blocks[i].resend_us;
    return first;
}

size_t empty_tokens(const struct node *node, uint64_t *tokens, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < node->block_count; i++)
        for (uint64_t n = 0; n < node->blocks[i].count; n++) {
            must(count < max);
            tokens[count++] = node->blocks[i].token + n;
        }
    return count;
}

void empty_forget(struct sim *sim, struct node *node)
{
    while (node->block_count > 0)
        forget(sim, node, node->block_count - 1);
}
