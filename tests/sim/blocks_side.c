/* blocks_side.c - tasks without a command, which come and go many at a time: what
 * broker/blocks.c does. */
#include "tests/sim/sim.h"

void span_assigned(struct sim *sim, const struct change *change)
{
    struct put *put = rows_put(sim, PUT_SPAN);

    put->run = change->run;
    put->stage = change->stage;
    put->index = change->index;
    put->count = change->count;
    put->token = change->token;
    put->node = change->node;
}

void span_leave(struct sim *sim, const struct change *change)
{
    struct put *put;

    if (change->number > 1 || !stage_of_change(sim, change)->shape.demand.is_empty)
        return;
    put = rows_put(sim, PUT_SPAN_TAKE);
    put->run = change->run;
    put->stage = change->stage;
    put->index = change->index;
    put->count = change->count;
}

static void end_each(struct sim *sim, const struct change *change,
                     const struct task_block *block)
{
    struct block_walk walk;

    block_walk_begin(&walk, block);
    for (uint64_t i = 0; i < change->count; i++) {
        struct change one = *change;
        int64_t started_us, ended_us;

        one.kind = CHANGE_ENDED;
        one.index += i;
        one.token += i;
        one.count = 1;
        one.status = RESULT_COMPLETE;
        one.cause = CAUSE_EXIT;
        block_next(&walk, &started_us, &ended_us);
        sim->broker.claims = block_claim(started_us);
        broker_ended(sim, &one);
        sim->broker.claims = 0;
    }
}

static void put_block(struct sim *sim, const struct change *change,
                      const struct task_block *block)
{
    struct put *put = rows_put(sim, PUT_BLOCK);

    put->run = change->run;
    put->stage = change->stage;
    put->index = change->index;
    put->count = change->count;
    put->token = change->token;
    put->number = change->number;
    put->node = change->node;
    put->at_us = sim->broker.now_us;
    block_encode(&put->body, block);
}

static void end_together(struct sim *sim, const struct change *change,
                         const struct task_block *block)
{
    if (sim->mutation != MUTATION_SPAN_NOT_REMOVED)
        span_leave(sim, change);
    put_block(sim, change, block);
    if (sim->mutation == MUTATION_BLOCK_TWICE)
        put_block(sim, change, block);
    log_tell(sim, TOPIC_TASK, change, RESULT_COMPLETE);
}

void block_ended(struct sim *sim, const struct change *change)
{
    const struct task_block *block = sim->broker.block;
    scoped_buf times = { 0 };
    struct task_block part = *block;
    uint64_t from = change->token - block->token;
    struct block_walk walk;

    if (sim->mutation == MUTATION_BLOCK_PART_MISREAD)
        from = 0;
    block_walk_begin(&walk, block);
    if (change->count < block->count)
        part = block_part(&walk, from, change->count, &times);
    if (change->number == 1
        && (spans_have(sim, change) || sim->mutation == MUTATION_BEGUN_IN_BLOCK))
        end_together(sim, change, &part);
    else
        end_each(sim, change, &part);
}

/* A broken broker that does not ask whose attempts they are. */
static void step_each(struct sim *sim, const struct task_block *block)
{
    struct attempt_row row;

    for (uint64_t i = 0; i < block->count; i++)
        if (core_attempt(sim->broker.core, block->token + i, &row))
            broker_step(sim, &(struct core_input){ .kind = INPUT_BLOCK,
                                                   .node = row.node,
                                                   .token = row.token,
                                                   .tasks = 1 });
}

static void step(struct sim *sim, int node, const struct task_block *block)
{
    uint64_t tasks = block->count;

    if (sim->mutation == MUTATION_BLOCK_TOKEN_UNCHECKED) {
        step_each(sim, block);
        return;
    }
    if (sim->mutation == MUTATION_EMPTY_SLOT_LEAKED && tasks > 1)
        tasks--; /* the last one keeps its place on the node */
    broker_step(sim, &(struct core_input){ .kind = INPUT_BLOCK,
                                           .node = (uint32_t)node,
                                           .token = block->token,
                                           .tasks = tasks });
}

void broker_blocks(struct sim *sim, int node, const struct letter *letter,
                   struct arena *arena)
{
    struct task_block *blocks;
    size_t count;
    struct err err;

    if (blocks_decode(letter->body.data, letter->body.size, arena, &blocks, &count, &err)
        != RC_OK)
        sim_fail(sim, "blocks do not decode: %s", err.text);
    for (size_t i = 0; i < count; i++) {
        sim->broker.block = &blocks[i];
        step(sim, node, &blocks[i]);
        sim->broker.block = NULL;
    }
}
