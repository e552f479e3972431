/* line.c - who could hand out a task now, in the order of their turns.
 *
 * Queues group what asks for the same at one priority; in a queue each run has a lane, so
 * that a run with many ready stages gets no more turns than one with few; in a lane the
 * stage of the highest rank is served, and those of one rank take turns.
 *
 * Plain stages are handed out together, in the order in which they came. Another lane is
 * a pairing heap: to come in line costs the same however many are in it, and the next to
 * be served is at hand.
 *
 * Invariant: a stage is in a lane exactly when stage_available is above 0; a lane is in
 * its queue exactly when it has stages; a queue is listed exactly when it has lanes. */
#include "broker/core/core_state.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static bool is_queue_for(const struct queue *queue, const struct stage_shape *shape)
{
    return queue->priority == shape->priority
           && queue->demand.cpu_milli == shape->demand.cpu_milli
           && queue->demand.memory_mb == shape->demand.memory_mb
           && queue->demand.gpus == shape->demand.gpus
           && queue->demand.is_empty == shape->demand.is_empty
           && queue->demand.is_plain == shape->demand.is_plain
           && queue->demand.label == shape->demand.label;
}

static struct queue *queue_for(struct core *core, const struct stage_shape *shape)
{
    uint64_t key =
        mix(mix(mix(mix(mix(1, shape->demand.cpu_milli), shape->demand.memory_mb),
                    (uint64_t)shape->demand.gpus << 2 | shape->demand.is_plain << 1
                        | shape->demand.is_empty),
                shape->demand.label),
            (uint32_t)shape->priority)
        | 1;
    uint32_t slot;

    while (table_find(&core->queue_slots, key, &slot)) {
        if (is_queue_for(core->queues[slot], shape))
            return core->queues[slot];
        key += 2; /* two requests of one hash; both may be there twice, in time */
    }

    struct queue *queue = calloc(1, sizeof *queue);

    must(queue != NULL);
    queue->key = key;
    queue->slot = core->queue_count;
    queue->demand = shape->demand;
    queue->priority = shape->priority;
    if (core->queue_count == core->queue_capacity)
        core->queues = grown(core->queues, &core->queue_capacity, sizeof(struct queue *));
    table_put(&core->queue_slots, key, core->queue_count);
    core->queues[core->queue_count++] = queue;
    return queue;
}

static struct lane *lane_for(struct core *core, struct stage *stage)
{
    struct queue *queue = queue_for(core, &stage->shape);
    struct lane *lane = stage->run->lanes;

    while (lane && lane->queue != queue)
        lane = lane->sibling;
    if (lane)
        return lane;
    lane = calloc(1, sizeof *lane);
    must(lane != NULL);
    lane->queue = queue;
    queue->user_count++;
    lane->run = stage->run;
    lane->sibling = stage->run->lanes;
    stage->run->lanes = lane;
    return lane;
}

static void queue_drop(struct core *core, struct queue *queue)
{
    struct queue *last = core->queues[--core->queue_count];

    must(queue->lane_count == 0 && !queue->held);
    table_remove(&core->queue_slots, queue->key);
    if (last != queue) {
        table_remove(&core->queue_slots, last->key);
        last->slot = queue->slot;
        core->queues[last->slot] = last;
        table_put(&core->queue_slots, last->key, last->slot);
    }
    free(queue);
}

void lanes_leave(struct core *core, struct run *run)
{
    for (struct lane *lane = run->lanes; lane; lane = lane->sibling)
        if (--lane->queue->user_count == 0)
            queue_drop(core, lane->queue);
}

void lanes_fini(struct run *run)
{
    while (run->lanes) {
        struct lane *next = run->lanes->sibling;

        free(run->lanes);
        run->lanes = next;
    }
}

void lines_fini(struct core *core)
{
    for (uint32_t i = 0; i < core->queue_count; i++)
        free(core->queues[i]);
    free(core->queues);
    table_clear(&core->queue_slots);
}

/* Doubly linked lists with the ends in first and last. */
#define LIST_APPEND(list, item, next_in, prev_in, first_in, last_in)                     \
    do {                                                                                 \
        (item)->prev_in = (list)->last_in;                                               \
        (item)->next_in = NULL;                                                          \
        if ((list)->last_in)                                                             \
            (list)->last_in->next_in = (item);                                           \
        else                                                                             \
            (list)->first_in = (item);                                                   \
        (list)->last_in = (item);                                                        \
    } while (0)
#define LIST_REMOVE(list, item, next_in, prev_in, first_in, last_in)                     \
    do {                                                                                 \
        if ((item)->prev_in)                                                             \
            (item)->prev_in->next_in = (item)->next_in;                                  \
        else                                                                             \
            (list)->first_in = (item)->next_in;                                          \
        if ((item)->next_in)                                                             \
            (item)->next_in->prev_in = (item)->prev_in;                                  \
        else                                                                             \
            (list)->last_in = (item)->prev_in;                                           \
        (item)->next_in = (item)->prev_in = NULL;                                        \
    } while (0)

static void lane_enter(struct core *core, struct lane *lane)
{
    struct queue *queue = lane->queue;

    core->lane_count++;
    if (queue->lane_count++ == 0) {
        queue->blocked_us = 0;
        LIST_APPEND(core, queue, next, prev, queue_first, queue_last);
    }
    LIST_APPEND(queue, lane, next, prev, first, last);
}

static void lane_leave(struct core *core, struct lane *lane)
{
    struct queue *queue = lane->queue;

    LIST_REMOVE(queue, lane, next, prev, first, last);
    core->lane_count--;
    if (--queue->lane_count == 0) {
        LIST_REMOVE(core, queue, next, prev, queue_first, queue_last);
        queue_release(queue);
    }
}

bool line_goes_before(const struct stage *one, const struct stage *other)
{
    return one->rank != other->rank ? one->rank > other->rank
                                    : (int32_t)(one->turn - other->turn) < 0;
}

/* One heap of two, each NULL or a root. */
static struct stage *meld(struct stage *one, struct stage *other)
{
    if (!one || !other)
        return one ? one : other;
    if (line_goes_before(other, one)) {
        struct stage *first = other;

        other = one;
        one = first;
    }
    other->lane_prev = one;
    other->lane_next = one->lane_child;
    if (one->lane_child)
        one->lane_child->lane_prev = other;
    one->lane_child = other;
    return one;
}

/* One heap of those that begin with the siblings: two and two, then all of these. */
static struct stage *meld_all(struct stage *siblings)
{
    struct stage *pairs = NULL, *all = NULL;

    while (siblings) {
        struct stage *one = siblings, *other = one->lane_next, *pair;

        siblings = other ? other->lane_next : NULL;
        one->lane_next = one->lane_prev = NULL;
        if (other)
            other->lane_next = other->lane_prev = NULL;
        pair = meld(one, other);
        pair->lane_next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct stage *pair = pairs;

        pairs = pair->lane_next;
        pair->lane_next = NULL;
        all = meld(all, pair);
    }
    return all;
}

static void heap_add(struct lane *lane, struct stage *stage)
{
    stage->turn = ++lane->turn;
    lane->first = meld(lane->first, stage);
}

static void heap_remove(struct lane *lane, struct stage *stage)
{
    struct stage *behind = meld_all(stage->lane_child);

    if (lane->first == stage) {
        lane->first = behind;
    } else {
        if (stage->lane_prev->lane_child == stage)
            stage->lane_prev->lane_child = stage->lane_next;
        else
            stage->lane_prev->lane_next = stage->lane_next;
        if (stage->lane_next)
            stage->lane_next->lane_prev = stage->lane_prev;
        lane->first = meld(lane->first, behind);
    }
    stage->lane_next = stage->lane_prev = stage->lane_child = NULL;
}

static void stage_enter(struct core *core, struct stage *stage)
{
    struct lane *lane = lane_for(core, stage);

    if (!lane->first)
        lane_enter(core, lane);
    if (lane->queue->demand.is_plain)
        LIST_APPEND(lane, stage, lane_next, lane_prev, first, last);
    else
        heap_add(lane, stage);
    stage->lane = lane;
}

static void stage_leave(struct core *core, struct stage *stage)
{
    struct lane *lane = stage->lane;

    if (lane->queue->demand.is_plain)
        LIST_REMOVE(lane, stage, lane_next, lane_prev, first, last);
    else
        heap_remove(lane, stage);
    stage->lane = NULL;
    if (!lane->first)
        lane_leave(core, lane);
}

void ready_update(struct core *core, struct stage *stage)
{
    bool is_ready = stage_available(core, stage) > 0;

    if (is_ready && !stage->lane)
        stage_enter(core, stage);
    else if (!is_ready && stage->lane)
        stage_leave(core, stage);
    sleep_update(core, stage);
}

void line_rotate(struct stage *stage)
{
    struct lane *lane = stage->lane;

    if (!lane)
        return;
    heap_remove(lane, stage);
    heap_add(lane, stage);
    lane_rotate(lane);
}

void lane_rotate(struct lane *lane)
{
    LIST_REMOVE(lane->queue, lane, next, prev, first, last);
    LIST_APPEND(lane->queue, lane, next, prev, first, last);
}
