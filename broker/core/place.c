/* place.c - which node takes what: resources, priorities, turns, and nobody left waiting
 * for ever.
 *
 * Where nothing is free, tasks that are known to be short are handed out early to nodes
 * that take them, a few for each CPU, so that the next is there when one ends: what is
 * free of such a node is below 0 then. The node starts no more at once than it has room
 * for.
 *
 * Each round serves the queue of the highest priority whose next run has the fewest live
 * attempts, until nothing that is ready fits anywhere. A demand that fits no node at the
 * moment does not hold up smaller ones; but when they have passed it for
 * CORE_PATIENCE_US, the node with the most room among those that could ever run it is
 * held for it: nothing of the same or a lower priority is placed there until it fits. A
 * demand that no known node could ever satisfy fails its stage at once. */
#include "broker/core/core_state.h"

#include <stdlib.h>
#include <string.h>

static uint32_t cpu_of(const struct demand *demand)
{
    return demand->cpu_milli ? demand->cpu_milli : CORE_CPU_DEFAULT;
}

/* Whether the node takes such a task without giving it a part of what it has. */
bool is_free_of_charge(const struct demand *demand, const struct node *node)
{
    return demand->is_empty && node->offer.empty_max > 0;
}

static uint32_t bits_of(uint64_t mask)
{
    return (uint32_t)__builtin_popcountll(mask);
}

static bool has_label(const struct node *node, uint32_t label)
{
    if (label == 0 || node->offer.takes_any_label)
        return true;
    for (size_t i = 0; i < node->offer.label_count; i++)
        if (node->labels[i] == label)
            return true;
    return false;
}

/* A node that was about to end when this core first heard of it has offered no CPU yet;
 * it may come back with any. */
bool demand_fits_node(const struct demand *demand, const struct node *node)
{
    if (is_free_of_charge(demand, node))
        return has_label(node, demand->label);
    return (node->cpu_fit == 0 || cpu_of(demand) <= node->cpu_fit)
           && (node->offer.memory_mb == 0 || demand->memory_mb <= node->offer.memory_mb)
           && demand->gpus <= bits_of(node->offer.gpus) && has_label(node, demand->label);
}

/* Whether a task of the demand fits into what is free of the node. Asked of every node
 * for each range that is handed out. */
static bool fits_now(const struct demand *demand, const struct node *node)
{
    if (node->state != NODE_ONLINE)
        return false;
    if (is_free_of_charge(demand, node)) /* no CPU: it ends, and takes nothing more */
        return node->empty_free > 0 && node->offer.cpu_milli > 0
               && has_label(node, demand->label);
    return node->cpu_free >= (int64_t)cpu_of(demand)
           && (demand->memory_mb == 0 || node->offer.memory_mb == 0
               || node->memory_free >= (int64_t)demand->memory_mb)
           && (demand->gpus == 0 || bits_of(node->gpus_free) >= demand->gpus)
           && has_label(node, demand->label);
}

/* How many of them fit. */
static uint64_t room_for(const struct demand *demand, const struct node *node)
{
    uint64_t room;

    if (!fits_now(demand, node))
        return 0;
    if (is_free_of_charge(demand, node))
        return (uint64_t)node->empty_free;
    room = (uint64_t)node->cpu_free / cpu_of(demand);
    if (demand->memory_mb > 0 && node->offer.memory_mb > 0) {
        uint64_t by_memory = (uint64_t)node->memory_free / demand->memory_mb;

        room = by_memory < room ? by_memory : room;
    }
    if (demand->gpus > 0) {
        uint64_t by_gpus = bits_of(node->gpus_free) / demand->gpus;

        room = by_gpus < room ? by_gpus : room;
    }
    must(room > 0);
    return room;
}

/* How long its tasks take, if they are known to be short enough to be handed out early,
 * else INT64_MAX. An earlier run is less certain than this one, so that only what took
 * next to nothing there counts. */
static int64_t short_us(const struct core *core, const struct stage *stage)
{
    int64_t before_us = pace_us(core, stage);

    if (stage->timed >= CORE_EARLY_AFTER)
        return stage->mean_us <= CORE_EARLY_TASK_US ? stage->mean_us : INT64_MAX;
    if (before_us == 0 || before_us > CORE_EARLY_US || stage->mean_us > CORE_EARLY_US)
        return INT64_MAX;
    return before_us > stage->mean_us ? before_us : stage->mean_us;
}

/* How many tasks of the stage a CPU of the node may get before it is free. A bit of work,
 * so that others do not wait for it and little is lost with the node. */
static uint32_t early_depth(const struct core *core, const struct stage *stage,
                            const struct node *node)
{
    const struct demand *demand = &stage->shape.demand;
    int64_t task_us = short_us(core, stage);
    int64_t depth = CORE_EARLY_US / (task_us > 0 ? task_us : 1);

    if (task_us == INT64_MAX || demand->gpus > 0
        || (demand->memory_mb > 0 && node->offer.memory_mb > 0) || demand->is_empty
        || node->held_for)
        return 0;
    depth = depth > 0 ? depth : 1;
    return depth < node->offer.early ? (uint32_t)depth : node->offer.early;
}

/* As room_for, of what will be free soon. */
static uint64_t early_room(const struct core *core, const struct stage *stage,
                           const struct node *node)
{
    const struct demand *demand = &stage->shape.demand;
    uint32_t depth = early_depth(core, stage, node);
    int64_t free = node->cpu_free + (int64_t)node->offer.cpu_milli * depth;

    if (depth == 0 || node->state != NODE_ONLINE || free < (int64_t)cpu_of(demand)
        || cpu_of(demand) > node->offer.cpu_milli || !has_label(node, demand->label))
        return 0;
    return (uint64_t)free / cpu_of(demand);
}

void node_take(struct node *node, const struct demand *demand, uint64_t gpus,
               uint64_t count)
{
    must((gpus & ~node->gpus_free) == 0 || !node->has_offered);
    must(gpus == 0 || count == 1);
    if (is_free_of_charge(demand, node)) {
        node->empty_free -= (int64_t)count;
        return;
    }
    node->cpu_free -= (int64_t)(cpu_of(demand) * count);
    node->memory_free -= (int64_t)(demand->memory_mb * count);
    node->gpus_free &= ~gpus;
}

void node_give(struct node *node, const struct demand *demand, uint64_t gpus,
               uint64_t count)
{
    if (is_free_of_charge(demand, node)) {
        node->empty_free += (int64_t)count;
        return;
    }
    node->cpu_free += (int64_t)(cpu_of(demand) * count);
    node->memory_free += (int64_t)(demand->memory_mb * count);
    node->gpus_free |= gpus & node->offer.gpus;
}

/* What is free follows from what is offered and what runs there. */
void node_offer(struct core *core, uint32_t number, const struct offer *offer)
{
    struct node *node = node_at(core, number);
    size_t labels =
        offer->label_count < CORE_LABELS_MAX ? offer->label_count : CORE_LABELS_MAX;

    node->offer = *offer;
    node->offer.labels = NULL;
    node->offer.label_count = labels;
    node->labels = reallocarray(node->labels, labels + 1, sizeof *node->labels);
    must(node->labels != NULL);
    if (labels > 0)
        memcpy(node->labels, offer->labels, labels * sizeof *node->labels);
    node->has_offered = true;
    node->cpu_fit = offer->cpu_milli ? offer->cpu_milli : node->cpu_fit;
    core->nodes_changed++;
    node->cpu_free = offer->cpu_milli;
    node->memory_free = offer->memory_mb;
    node->gpus_free = offer->gpus;
    node->empty_free = offer->empty_max;
    for (uint32_t i = 0; i < core->attempt_capacity; i++) {
        const struct attempt *attempt = &core->attempts[i];

        if (attempt->row.token != 0 && attempt->row.node == number)
            node_take(node, &attempt->owner->stages[attempt->row.stage].shape.demand,
                      attempt->row.gpus & node->gpus_free, attempt->count);
    }
    if (node->held_for && !demand_fits_node(&node->held_for->demand, node))
        queue_release(node->held_for);
}

void queue_release(struct queue *queue)
{
    if (!queue->held)
        return;
    must(queue->held->held_for == queue);
    queue->held->held_for = NULL;
    queue->held = NULL;
}

/* Whether the queue may use what is free of the node although somebody holds it. */
static bool may_use(const struct queue *queue, const struct node *node)
{
    return !node->held_for || node->held_for == queue
           || is_free_of_charge(&queue->demand, node)
           || node->held_for->priority < queue->priority;
}

void near_take(struct stage *stage, const struct core_input *input)
{
    must(input->near_count <= CORE_NEAR_MAX && !stage->near);
    if (input->near_count == 0)
        return;
    stage->near = calloc(input->near_count, sizeof *stage->near);
    must(stage->near != NULL);
    memcpy(stage->near, input->near, input->near_count * sizeof *stage->near);
    stage->near_count = (uint32_t)input->near_count;
}

/* How many bytes of the stage's inputs the node has. */
static uint64_t near_bytes(const struct stage *stage, uint32_t node)
{
    for (uint32_t i = 0; i < stage->near_count; i++)
        if (stage->near[i].node == node)
            return stage->near[i].bytes;
    return 0;
}

struct choice { /* a node that could take the next task */
    struct node *node;
    uint32_t number;
    uint64_t near;
};

/* Devices are dear: work that needs none goes where there are none, if it can. Then to
 * its bytes, then to the emptier. */
static bool is_better(const struct queue *queue, const struct choice *one,
                      const struct choice *best)
{
    bool has_gpus = one->node->gpus_free != 0;

    if (queue->demand.gpus == 0 && has_gpus != (best->node->gpus_free != 0))
        return !has_gpus;
    if (one->near != best->near)
        return one->near > best->near;
    if (queue->demand.is_empty && one->node->empty_free != best->node->empty_free)
        return one->node->empty_free > best->node->empty_free;
    return one->node->cpu_free > best->node->cpu_free;
}

static struct node *find_node(struct core *core, const struct stage *stage,
                              uint32_t *number)
{
    const struct queue *queue = stage->lane->queue;
    struct choice best = { .node = NULL };

    for (uint32_t i = 0; i < core->node_capacity; i++) {
        struct choice one = { .node = &core->nodes[i], .number = i };

        if (!fits_now(&queue->demand, one.node) || !may_use(queue, one.node))
            continue;
        one.near = near_bytes(stage, i);
        if (best.node && !is_better(queue, &one, &best))
            continue;
        best = one;
    }
    *number = best.number;
    return best.node;
}

/* The node that has the least to do of those that take a task of the stage early. */
static struct node *find_early(struct core *core, const struct stage *stage,
                               uint32_t *number)
{
    struct node *best = NULL;

    for (uint32_t i = 0; i < core->node_capacity; i++) {
        struct node *node = &core->nodes[i];

        if (early_room(core, stage, node) == 0
            || (best && node->cpu_free <= best->cpu_free))
            continue;
        best = node;
        *number = i;
    }
    return best;
}

static bool could_run(const struct demand *demand, const struct node *node)
{
    return node->has_offered && demand_fits_node(demand, node);
}

/* Whether some node that is known, or may come back, could run the demand. */
static bool could_fit(const struct core *core, const struct demand *demand,
                      bool *is_any_online)
{
    bool fits = false;

    *is_any_online = false;
    for (uint32_t i = 0; i < core->node_capacity; i++) {
        const struct node *node = &core->nodes[i];

        *is_any_online |= node->state == NODE_ONLINE;
        if (node->is_expected || could_run(demand, node))
            fits = true;
    }
    return fits;
}

/* Keeps the roomiest node that could run it free for a queue that was passed for too
 * long. One that gives it nothing that others want cannot be kept free for it. */
static void hold_node(struct core *core, struct queue *queue)
{
    struct node *best = NULL;

    for (uint32_t i = 0; i < core->node_capacity; i++) {
        struct node *node = &core->nodes[i];

        if (node->state == NODE_ONLINE
            && (!node->held_for || node->held_for->priority < queue->priority)
            && demand_fits_node(&queue->demand, node)
            && !is_free_of_charge(&queue->demand, node)
            && (!best || node->cpu_free > best->cpu_free))
            best = node;
    }
    if (!best)
        return;
    if (best->held_for)
        queue_release(best->held_for);
    best->held_for = queue;
    queue->held = best;
}

/* Nothing of the queue fits anywhere now, but it could and needs no node held yet. */
static bool may_just_wait(const struct core *core, const struct queue *queue)
{
    return queue->fits_as_of == core->nodes_changed && queue->blocked_us > 0
           && (queue->held || core->now_us - queue->blocked_us < CORE_PATIENCE_US);
}

/* Skips in one pass all that asks for more than any node has free, so that many different
 * requests that wait cost little each. */
static void skip_hopeless(struct core *core)
{
    struct node most = { 0 };

    for (uint32_t i = 0; i < core->node_capacity; i++) {
        const struct node *node = &core->nodes[i];

        if (node->state != NODE_ONLINE)
            continue;
        if (node->cpu_free > most.cpu_free)
            most.cpu_free = node->cpu_free;
        if (node->offer.memory_mb == 0)
            most.memory_free = INT64_MAX;
        else if (node->memory_free > most.memory_free)
            most.memory_free = node->memory_free;
        if (bits_of(node->gpus_free) > bits_of(most.gpus_free))
            most.gpus_free = node->gpus_free;
    }
    for (struct queue *queue = core->queue_first; queue; queue = queue->next)
        if (queue->skipped_in != core->round && may_just_wait(core, queue)
            && short_us(core, queue->first->first) == INT64_MAX && !queue->demand.is_empty
            && (cpu_of(&queue->demand) > most.cpu_free
                || queue->demand.memory_mb > most.memory_free
                || queue->demand.gpus > bits_of(most.gpus_free)))
            queue->skipped_in = core->round;
}

/* Nothing of the queue fits anywhere now. */
static void queue_blocked(struct core *core, struct queue *queue, struct changes *changes)
{
    bool is_any_online;

    queue->skipped_in = core->round;
    if (queue->blocked_us == 0)
        queue->blocked_us = core->now_us;
    if (!could_fit(core, &queue->demand, &is_any_online) && is_any_online) {
        while (queue->first)
            stage_unfit(core, queue->first->first, changes);
        return;
    }
    queue->fits_as_of = core->nodes_changed;
    if (!queue->held && core->now_us - queue->blocked_us >= CORE_PATIENCE_US)
        hold_node(core, queue);
    skip_hopeless(core);
}

/* The queue to be served next, of those that were not skipped in this round. */
static struct queue *next_queue(const struct core *core)
{
    struct queue *best = NULL;

    for (struct queue *queue = core->queue_first; queue; queue = queue->next) {
        if (queue->skipped_in == core->round)
            continue;
        if (best && queue->priority != best->priority) {
            if (queue->priority > best->priority)
                best = queue;
            continue;
        }
        if (!best || queue->first->run->live < best->first->run->live
            || (queue->first->run->live == best->first->run->live
                && queue->served < best->served))
            best = queue;
    }
    return best;
}

static uint64_t lowest_bits(uint64_t mask, uint32_t count)
{
    uint64_t taken = 0;

    for (; count > 0; count--) {
        uint64_t bit = mask & -mask;

        taken |= bit;
        mask &= ~bit;
    }
    return taken;
}

/* The next attempt of the stage: a waiting retry, else the first fresh task. */
static struct attempt_row next_attempt(struct core *core, struct stage *stage,
                                       uint32_t node)
{
    struct stage_row *row = &stage->row;
    struct attempt_row next = { .token = core->token_next,
                                .run = stage->run->row.run,
                                .stage = stage->index,
                                .node = node,
                                .number = 1,
                                .index = row->next };

    if (retry_is_due(core, stage)) {
        next.index = row->retries[0].index;
        next.number = row->retries[0].attempts + 1;
        next.failures = row->retries[0].failures;
        next.losses = row->retries[0].losses;
    }
    if (!is_free_of_charge(&stage->shape.demand, node_at(core, node)))
        next.gpus = lowest_bits(node_at(core, node)->gpus_free, stage->shape.demand.gpus);
    return next;
}

/* By one row each: something may happen to each by itself. */
static void add_each(struct core *core, struct attempt_row next, struct run *run,
                     uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        attempts_add(core, &next, run, 1);
        next.index++;
        next.token++;
    }
}

/* Hands out up to count tasks: fresh ones without devices as one range, others one by
 * one. */
static void hand_out(struct core *core, struct stage *stage, uint32_t node,
                     uint64_t count, struct changes *changes)
{
    struct stage_row *row = &stage->row;
    struct attempt_row next = next_attempt(core, stage, node);
    bool is_retry = retry_is_due(core, stage);
    uint64_t available = stage_available(core, stage);

    must(available > 0 && count > 0);
    count = count < available ? count : available;
    if (is_retry) {
        retry_remove_first(stage);
        count = 1;
    } else {
        uint64_t fresh = satisfied_until(stage) - row->next;

        count = next.gpus ? 1 : count < fresh ? count : fresh;
        row->next += count;
        satisfied_pass(stage);
    }

    struct change *change = change_of(changes, CHANGE_ASSIGN, &next);

    change->count = count;
    change->gpus = next.gpus;
    change->follows = stage->shape.demand.is_plain && !stage->row.has_row && !is_retry
                      && next.gpus == 0;
    if (!is_retry && is_free_of_charge(&stage->shape.demand, node_at(core, node)))
        attempts_add(core, &next, stage->run, count);
    else
        add_each(core, next, stage->run, count);
    core->token_next += count;
    stage_touch(core, stage);
    must(row->next <= row->tasks);
}

/* Marks up to count plain stages of the lane that have not been tried yet, from the front
 * on, in run->work: bits by index. first and last are the outermost. */
static void plain_mark(const struct core *core, const struct lane *lane, uint64_t count,
                       uint32_t *first, uint32_t *last)
{
    struct run *run = lane->run;
    const struct stage *stage = lane->first;

    memset(run->work, 0, (run->row.stages + 31) / 32 * sizeof *run->work);
    *first = *last = stage->index;
    for (; stage && count > 0 && !retry_is_due(core, stage); stage = stage->lane_next) {
        uint32_t index = stage->index;

        *first = index < *first ? index : *first;
        *last = index > *last ? index : *last;
        run->work[index / 32] |= 1u << index % 32;
        count--;
    }
}

/* Hands out up to count plain stages, in the order of their numbers: so who keeps them
 * together has tokens in a row for stages in a row. */
static void hand_out_plain(struct core *core, struct lane *lane, uint32_t node,
                           uint64_t count, struct changes *changes)
{
    struct run *run = lane->run;
    uint32_t first, last;

    plain_mark(core, lane, count, &first, &last);
    for (uint32_t i = first; i <= last; i++) {
        if (run->work[i / 32] >> i % 32 == 0)
            i |= 31; /* none is left in this word */
        if (!(run->work[i / 32] >> i % 32 & 1))
            continue;
        hand_out(core, &run->stages[i], node, 1, changes);
        ready_update(core, &run->stages[i]);
    }
    if (lane->first)
        lane_rotate(lane);
}

static void queue_serve(struct core *core, struct queue *queue, struct changes *changes)
{
    struct stage *stage = queue->first->first;
    uint32_t number = 0;
    struct node *node = find_node(core, stage, &number);
    uint64_t room = 0;

    if (node)
        room = room_for(&queue->demand, node);
    else if ((node = find_early(core, stage, &number)) != NULL)
        room = early_room(core, stage, node);
    if (!node) {
        queue_blocked(core, queue, changes);
        return;
    }
    /* All that wait get their part of what is free. */
    room /= core->lane_count;
    queue->blocked_us = 0;
    queue_release(queue);
    queue->served = ++core->turn;
    if (queue->demand.is_plain && !retry_is_due(core, stage)) {
        hand_out_plain(core, queue->first, number, room ? room : 1, changes);
        return;
    }
    hand_out(core, stage, number, room ? room : 1, changes);
    if (!queue->demand.is_plain)
        line_rotate(stage);
    ready_update(core, stage);
}

void assign(struct core *core, struct changes *changes)
{
    struct queue *queue;

    if (!core->queue_first)
        return;
    core->round++;
    skip_hopeless(core);
    while ((queue = next_queue(core)) != NULL)
        queue_serve(core, queue, changes);
}

static enum why why_blocked(const struct core *core, const struct queue *queue,
                            struct why_view *view)
{
    bool is_online = false, is_away = false, has_room = false, is_free = false;
    uint32_t online_fit = 0;

    for (uint32_t i = 0; i < core->node_capacity; i++) {
        const struct node *node = &core->nodes[i];
        bool is_here = node->state == NODE_ONLINE;
        bool has_space = fits_now(&queue->demand, node);

        is_online |= is_here;
        is_away |= node->is_expected;
        has_room |= has_space;
        is_free |= has_space && may_use(queue, node);
        if (!could_run(&queue->demand, node))
            continue;
        view->fit_nodes++;
        online_fit += is_here;
        is_away |= !is_here;
    }
    if (is_free)
        return WHY_TURN;
    if (has_room)
        return WHY_HELD;
    if (!is_online)
        return WHY_NO_NODE;
    return online_fit > 0 ? WHY_BUSY : is_away ? WHY_AWAY : WHY_UNFIT;
}

void core_why(const struct core *core, uint64_t number, uint32_t index,
              struct why_view *view)
{
    const struct run *run = core_find_run(core, number);
    const struct stage *stage =
        run && index < run->row.stages ? &run->stages[index] : NULL;

    *view = (struct why_view){ .why = WHY_NOTHING };
    if (!stage || stage_state_is_final(stage->row.state))
        return;
    if (stage->row.state == STAGE_WAITING)
        view->why = stage->row.pending == PENDING_TWIN ? WHY_TWIN : WHY_UPSTREAM;
    else if (stage->row.state == STAGE_APPROVAL)
        view->why = WHY_APPROVAL;
    else if (stage->lane)
        view->why = stage->lane->queue->blocked_us > 0
                        ? why_blocked(core, stage->lane->queue, view)
                        : WHY_TURN;
    else if (stage->row.state != STAGE_QUEUED && stage->row.state != STAGE_STARTED)
        return;
    else if (stage->shape.queued_max > 0 && stage->row.running >= stage->shape.queued_max)
        view->why = WHY_LIMIT;
    else if (stage->sleep_place > 0)
        view->why = WHY_BACKOFF;
}

bool core_could_run(const struct core *core, uint64_t number, uint32_t index,
                    uint32_t node)
{
    const struct run *run = core_find_run(core, number);

    return run && index < run->row.stages && node < core->node_capacity
           && could_run(&run->stages[index].shape.demand, &core->nodes[node]);
}
