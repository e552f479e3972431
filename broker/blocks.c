/* blocks.c - tasks without a command: handed out as spans, ended as blocks, with one row,
 * one version and one event for all of them.
 *
 * Only their first attempts are kept so. One that was lost, or that an older node ran as
 * a process, has rows of its own, like any other task. */
#include "broker/broker_state.h"
#include "broker/store/blocks.h"
#include "broker/store/layers.h"

void span_assigned(struct broker *broker, const struct change *change)
{
    struct span span = { .count = change->count,
                         .token = change->token,
                         .node = change->node };
    struct err err;

    batch_check(broker,
                store_span_put(broker->store, change->run, change->stage, change->index,
                               &span, &err),
                &err);
}

void span_leave(struct broker *broker, const struct change *change)
{
    struct err err;

    if (change->number == 1 && layer_leave(broker, change->run, change->stage))
        return;
    if (change->number == 1
        && core_stage_is_empty(broker->core, change->run, change->stage))
        batch_check(broker,
                    store_span_take(broker->store, change->run, change->stage,
                                    change->index, change->count, &err),
                    &err);
}

/* Whether all of them stand in one span, or live in a layer, and so have no rows of their
 * own. */
static bool is_span(struct broker *broker, const struct change *change)
{
    struct err err;
    bool is_there = false;

    if (change->number == 1
        && core_stage_is_empty(broker->core, change->run, change->stage))
        batch_check(broker,
                    store_span_has(broker->store, change->run, change->stage,
                                   change->index, change->count, &is_there, &err),
                    &err);
    if (!is_there && change->number == 1
        && core_stage_is_plain(broker->core, change->run, change->stage))
        batch_check(
            broker,
            store_layer_has(broker->store, change->run, change->stage, &is_there, &err),
            &err);
    return is_there;
}

/* A task that was tried before, or was said to have started, has rows; its result goes
 * there. */
static void end_each(struct broker *broker, const struct change *change,
                     const struct task_block *block)
{
    struct block_walk walk;

    block_walk_begin(&walk, block);
    for (uint64_t i = 0; i < change->count; i++) {
        struct change one = *change;
        struct task_result result = { .cause = CAUSE_EXIT,
                                      .metadata = { .kind = VALUE_MAP } };
        scoped_buf encoded = { 0 };

        one.kind = CHANGE_ENDED;
        one.index += i;
        one.token += i;
        one.count = 1;
        one.status = RESULT_COMPLETE;
        one.cause = CAUSE_EXIT;
        block_next(&walk, &result.started_us, &result.ended_us);
        result_encode(&encoded, &result);
        broker->result = &result;
        broker->result_bytes = (struct bytes){ (const char *)encoded.data, encoded.size };
        apply_ended(broker, &one);
        broker->result = NULL;
    }
}

static void end_together(struct broker *broker, const struct change *change,
                         const struct task_block *block)
{
    scoped_buf bytes = { 0 };
    uint64_t version;
    struct err err;

    block_encode(&bytes, block);
    version = version_add_block(broker, change, block, &bytes);
    span_leave(broker, change);
    batch_check(broker,
                store_block_put(broker->store, change->run, change->stage, change->index,
                                change->node, version,
                                (struct bytes){ (const char *)bytes.data, bytes.size },
                                &err),
                &err);
    announce(broker, &(struct announcement){
                         .kind = "task",
                         .run = change->run,
                         .stage = stage_name(broker, change->run, change->stage),
                         .has_index = true,
                         .index = change->index,
                         .count = change->count,
                         .token = change->token,
                         .attempt = change->number,
                         .node = broker->peers[change->node].name,
                         .cause = cause_name(CAUSE_EXIT),
                         .has_exit = true,
                         .state = "complete" });
}

void block_ended(struct broker *broker, const struct change *change)
{
    const struct task_block *block = broker->block;
    scoped_buf times = { 0 };
    struct task_block part = *block;

    if (layer_takes_ended(broker, change))
        return;
    if (change->count < block->count)
        part = block_part(&broker->block_walk, change->token - block->token,
                          change->count, &times);
    if (is_span(broker, change))
        end_together(broker, change, &part);
    else
        end_each(broker, change, &part);
}

void on_blocks(struct broker *broker, uint32_t node, const struct link_frame *body)
{
    struct task_block *blocks;
    size_t count;
    struct err err;

    if (blocks_decode(body->data, body->size, broker->scratch, &blocks, &count, &err)
        != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        broker->block = &blocks[i];
        block_walk_begin(&broker->block_walk, &blocks[i]);
        broker_step(broker, &(struct core_input){ .kind = INPUT_BLOCK,
                                                  .node = node,
                                                  .token = blocks[i].token,
                                                  .tasks = blocks[i].count });
        broker->block = NULL;
    }
}
