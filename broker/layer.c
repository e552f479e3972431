/* layer.c - see layer.h. */
#include "broker/broker_state.h"
#include "broker/store/layers.h"

#include <stdlib.h>

void layer_fini(struct layer *layer)
{
    free(layer->queued.members);
    free(layer->assigned.members);
    free(layer->ended.members);
    buf_fini(&layer->texts);
    buf_fini(&layer->places);
    buf_fini(&layer->times);
    buf_fini(&layer->bytes);
}

void layer_forget(struct layer *layer)
{
    layer->queued.count = layer->assigned.count = layer->ended.count = 0;
}

/* NULL: no memory. */
static struct layer_member *list_add(struct layer_list *list, const struct change *change)
{
    struct layer_member *member;

    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct layer_member *members =
            reallocarray(list->members, capacity, sizeof *members);

        if (!members)
            return NULL;
        list->members = members;
        list->capacity = capacity;
    }
    member = &list->members[list->count++];
    *member = (struct layer_member){ .run = change->run,
                                     .token = change->token,
                                     .stage = change->stage,
                                     .node = change->node };
    return member;
}

bool layer_takes_stage(struct broker *broker, const struct change *change)
{
    const struct layer_list *ended = &broker->layer.ended;
    const struct layer_member *last =
        ended->count > 0 ? &ended->members[ended->count - 1] : NULL;

    if (change->follows)
        return list_add(&broker->layer.queued, change) != NULL;
    /* What ended was gathered with its stage. */
    return last && last->run == change->run && last->stage == change->stage;
}

bool layer_takes_assigned(struct broker *broker, const struct change *change)
{
    return change->follows && list_add(&broker->layer.assigned, change);
}

bool layer_takes_ended(struct broker *broker, const struct change *change)
{
    struct block_walk *walk = &broker->block_walk;
    uint64_t place = change->token - broker->block->token;
    struct layer_member *member;

    if (!change->follows || !(member = list_add(&broker->layer.ended, change)))
        return false;
    if (walk->next > place)
        block_walk_begin(walk, broker->block);
    do
        block_next(walk, &member->started_us, &member->ended_us);
    while (walk->next <= place);
    return true;
}

bool layer_leave(struct broker *broker, uint64_t run, uint32_t stage)
{
    uint64_t count = 0;
    struct err err;

    if (core_stage_is_plain(broker->core, run, stage))
        batch_check(broker, store_layer_take(broker->store, run, stage, 1, &count, &err),
                    &err);
    return count > 0;
}

/* How many members from the first on one layer can have. */
static size_t layer_size(const struct layer_member *first, size_t count)
{
    size_t size = 1;

    while (size < count && first[size].run == first->run
           && first[size].node == first->node && first[size].token == first->token + size
           && first[size].stage > first[size - 1].stage
           && first[size].stage - first->stage < LAYER_STAGES_MAX)
        size++;
    return size;
}

static struct stage_layer layer_of(struct layer *layer,
                                   const struct layer_member *members, size_t count)
{
    buf_clear(&layer->places);
    for (size_t i = 0; i < count; i++)
        layer_add(&layer->places, members[i].stage - members->stage);
    return (struct stage_layer){ .first = members->stage,
                                 .places = { (const char *)layer->places.data,
                                             layer->places.size },
                                 .token = members->token };
}

static void put_layer(struct broker *broker, const struct layer_member *members,
                      uint64_t version)
{
    struct buf *bytes = &broker->layer.bytes;
    struct err err;

    must(buf_ok(bytes));
    batch_check(broker,
                store_layer_put(
                    broker->store, members->run, members->node, version, members->stage,
                    (struct bytes){ (const char *)bytes->data, bytes->size }, &err),
                &err);
}

static void store_assigned(struct broker *broker, const struct layer_member *members,
                           size_t count)
{
    struct stage_layer layer = layer_of(&broker->layer, members, count);

    buf_clear(&broker->layer.bytes);
    layer_encode(&broker->layer.bytes, &layer);
    put_layer(broker, members, 0);
}

/* The class of the version is that of the first stage, which is stored as resolved for
 * it; those of the others follow from the plan, whose hash is in the class. */
static void store_class(struct broker *broker, const struct layer_member *first)
{
    struct buf *bytes = &broker->layer.bytes;
    struct run_plan *plan = plan_of(broker, first->run);
    struct err err;

    if (!plan)
        return; /* the version says why */
    buf_clear(bytes);
    plan_stage_encode(bytes, &plan->plan->stages[first->stage]);
    must(buf_ok(bytes));
    batch_check(broker,
                store_resolved_put(broker->store, first->run, first->stage, bytes->data,
                                   bytes->size, &err),
                &err);
    class_resolved(broker, first->run, first->stage, bytes);
}

static void leave_live(struct broker *broker, const struct layer_member *members,
                       size_t count)
{
    uint64_t taken;
    struct err err;

    for (size_t at = 0; at < count; at += taken ? taken : 1) {
        enum rc rc = store_layer_take(broker->store, members->run, members[at].stage,
                                      count - at, &taken, &err);

        batch_check(broker, rc, &err);
        if (rc != RC_OK)
            return;
    }
}

static void store_ended(struct broker *broker, const struct layer_member *members,
                        size_t count)
{
    struct layer *self = &broker->layer;
    struct stage_layer layer = layer_of(self, members, count);
    int64_t last = members->started_us;

    buf_clear(&self->times);
    for (size_t i = 0; i < count; i++)
        block_add(&self->times, &last, members[i].started_us, members[i].ended_us);
    layer.has_ended = true;
    layer.ended_us = broker->now_us;
    layer.block = (struct task_block){ .token = members->token,
                                       .count = count,
                                       .started_us = members->started_us,
                                       .times = { (const char *)self->times.data,
                                                  self->times.size } };
    store_class(broker, members);
    leave_live(broker, members, count);
    buf_clear(&self->bytes);
    layer_encode(&self->bytes, &layer);
    put_layer(broker, members,
              version_add_block(broker,
                                &(struct change){ .run = members->run,
                                                  .stage = members->stage,
                                                  .node = members->node,
                                                  .number = 1 },
                                &layer.block, &self->bytes));
}

/* Files of the code count as used from here on. */
static void note_code(struct broker *broker, const struct layer_list *queued)
{
    struct run_plan *plan = NULL;
    struct err err;

    for (size_t i = 0; i < queued->count; i++) {
        const struct layer_member *member = &queued->members[i];

        if (!plan || plan->run != member->run)
            plan = plan_of(broker, member->run);
        if (plan && plan->head.tree[0])
            batch_check(broker,
                        store_lineage_class(broker->store, member->run, member->stage,
                                            plan->head.tree,
                                            &plan->plan->stages[member->stage], &err),
                        &err);
    }
}

static void list_store(struct broker *broker, const struct layer_list *list,
                       void (*put)(struct broker *broker,
                                   const struct layer_member *members, size_t count))
{
    size_t size;

    for (size_t at = 0; at < list->count; at += size) {
        size = layer_size(&list->members[at], list->count - at);
        put(broker, &list->members[at], size);
    }
}

void layer_flush(struct broker *broker)
{
    struct layer *layer = &broker->layer;

    if (layer->is_flushing
        || layer->queued.count + layer->assigned.count + layer->ended.count == 0)
        return;
    layer->is_flushing = true;
    list_store(broker, &layer->ended, store_ended);
    announce_members(broker, EVENTS_ENDED, &layer->ended);
    note_code(broker, &layer->queued);
    announce_members(broker, EVENTS_QUEUED, &layer->queued);
    list_store(broker, &layer->assigned, store_assigned);
    announce_members(broker, EVENTS_ASSIGNED, &layer->assigned);
    layer_forget(layer);
    layer->is_flushing = false;
}
