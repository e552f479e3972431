/* node.c - nodes come, live, fall silent and go; and the deadline of the machine. */
#include "broker/core/core_state.h"

/* More places, which may lie elsewhere than the ones before. */
static void nodes_grow(struct core *core)
{
    uint32_t old = core->node_capacity;

    core->nodes = grown(core->nodes, &core->node_capacity, sizeof *core->nodes);
    for (uint32_t i = 0; i < old; i++)
        if (core->nodes[i].held_for)
            core->nodes[i].held_for->held = &core->nodes[i];
    for (uint32_t i = old; i < core->node_capacity; i++)
        core->nodes[i] = (struct node){ 0 };
}

struct node *node_at(struct core *core, uint32_t number)
{
    while (number >= core->node_capacity)
        nodes_grow(core);
    core->nodes[number].is_known = true;
    return &core->nodes[number];
}

static void node_announce(uint32_t number, enum node_state state, struct changes *changes)
{
    struct change *change = change_add(changes, CHANGE_NODE);

    change->node = number;
    change->state = state;
}

static void set_state(struct core *core, uint32_t number, enum node_state state,
                      struct changes *changes)
{
    if (core->nodes[number].state == state)
        return;
    core->nodes[number].state = state;
    node_announce(number, state, changes);
}

/* Every attempt of the node that this join did not name is lost. */
static void lose_unnamed(struct core *core, uint32_t number, struct changes *changes)
{
    batches_part(core, number);
    for (uint32_t i = 0; i < core->attempt_capacity; i++) {
        struct attempt *attempt = &core->attempts[i];

        if (attempt->row.token != 0 && attempt->row.node == number
            && attempt->join_mark != core->join_mark)
            attempt_lost(core, attempt, changes);
    }
}

/* Nodes that could time out: online ones, and away ones from which attempts are expected
 * back. */
static bool is_watched(const struct node *node)
{
    return node->is_known
           && (node->state == NODE_ONLINE || node->busy > 0 || node->is_expected);
}

/* A node that speaks but does not hear is of no more use than a silent one. */
static int64_t node_until_us(const struct core *core, const struct node *node)
{
    int64_t good_us = node->deaf_us > 0 && node->deaf_us < node->seen_us ? node->deaf_us
                                                                         : node->seen_us;

    return good_us + (int64_t)core->options.node_timeout_us;
}

/* Nodes speak all the time, and each time their end is put off. So only a time before
 * which none can have come to it is kept; they are looked at one by one when it is here,
 * which is a few times in node_timeout at most. */
static void watch(struct core *core, const struct node *node)
{
    if (is_watched(node) && node_until_us(core, node) < core->watch_us)
        core->watch_us = node_until_us(core, node);
}

void nodes_watch(struct core *core)
{
    core->watch_us = INT64_MAX;
    for (uint32_t i = 0; i < core->node_capacity; i++)
        watch(core, &core->nodes[i]);
}

/* What the node names by the tokens from that place on; gives how many they are. What is
 * not live is dropped, what should stop is told so. */
static size_t take_named(struct core *core, const struct core_input *input, size_t place,
                         struct changes *changes)
{
    const uint64_t *tokens = input->tokens + place;
    uint64_t count = batch_named(core, input->node, tokens, input->token_count - place);
    struct attempt_row row;
    bool is_live = attempt_row_find(core, tokens[0], &row) && row.node == input->node;

    if (is_live && count == 0)
        attempt_find(core, tokens[0])->join_mark = core->join_mark;
    count = count > 0 ? count : 1;
    for (uint64_t i = 0; i < count && (!is_live || row.is_stopping); i++) {
        struct change *change = change_add(changes, is_live ? CHANGE_STOP : CHANGE_DROP);

        change->node = input->node;
        change->token = tokens[i];
    }
    return count;
}

void node_join(struct core *core, const struct core_input *input, struct changes *changes)
{
    struct node *node = node_at(core, input->node);

    bool has_changed = node->offer.cpu_milli != input->offer.cpu_milli
                       || node->offer.memory_mb != input->offer.memory_mb
                       || node->offer.gpus != input->offer.gpus;

    node->seen_us = core->now_us;
    node->deaf_us = 0;
    if (node->state == NODE_ONLINE && has_changed)
        node_announce(input->node, NODE_ONLINE, changes);
    node->is_expected = false;
    node_offer(core, input->node, &input->offer);
    set_state(core, input->node, NODE_ONLINE, changes);
    watch(core, node);
    core->join_mark++;
    for (size_t i = 0; i < input->token_count;)
        i += take_named(core, input, i, changes);
    lose_unnamed(core, input->node, changes);
}

void node_leave(struct core *core, uint32_t number, struct changes *changes)
{
    if (number >= core->node_capacity || !core->nodes[number].is_known)
        return;
    core->join_mark++;
    core->nodes[number].is_expected = false;
    core->nodes_changed++;
    if (core->nodes[number].held_for)
        queue_release(core->nodes[number].held_for);
    set_state(core, number, NODE_AWAY, changes);
    lose_unnamed(core, number, changes);
    must(core->nodes[number].busy == 0);
}

void node_beat(struct core *core, uint32_t number)
{
    if (number < core->node_capacity && core->nodes[number].is_known)
        core->nodes[number].seen_us = core->now_us;
}

void node_hears(struct core *core, uint32_t number, int64_t deaf_us)
{
    must(deaf_us <= core->now_us);
    if (number >= core->node_capacity || !core->nodes[number].is_known)
        return;
    core->nodes[number].deaf_us = deaf_us;
    watch(core, &core->nodes[number]);
}

/* With less than is in use, nothing more is assigned until attempts have ended. A node
 * that ends offers nothing more, but what waits for it is not refused: it may come back.
 */
void node_cpu(struct core *core, const struct core_input *input, struct changes *changes)
{
    struct node *node =
        input->node < core->node_capacity ? &core->nodes[input->node] : NULL;
    uint32_t cpu = input->offer.cpu_milli;

    if (!node || node->state != NODE_ONLINE || node->offer.cpu_milli == cpu)
        return;
    node->cpu_free += (int64_t)cpu - node->offer.cpu_milli;
    node->offer.cpu_milli = cpu;
    node->cpu_fit = cpu ? cpu : node->cpu_fit;
    core->nodes_changed++;
    if (node->held_for)
        queue_release(node->held_for);
    node_announce(input->node, NODE_ONLINE, changes);
}

void nodes_time_out(struct core *core, struct changes *changes)
{
    if (core->now_us < core->watch_us)
        return;
    for (uint32_t i = 0; i < core->node_capacity; i++) {
        struct node *node = &core->nodes[i];

        if (is_watched(node) && node_until_us(core, node) <= core->now_us)
            node_leave(core, i, changes);
    }
    nodes_watch(core);
}

void nodes_check(const struct core *core)
{
    for (uint32_t i = 0; i < core->node_capacity; i++)
        if (is_watched(&core->nodes[i]))
            must(node_until_us(core, &core->nodes[i]) >= core->watch_us);
}

int64_t core_deadline_us(const struct core *core)
{
    int64_t sleepers = sleepers_deadline_us(core);

    return core->watch_us < sleepers ? core->watch_us : sleepers;
}

bool core_node(const struct core *core, uint32_t number, struct node_view *view)
{
    if (number >= core->node_capacity || !core->nodes[number].is_known)
        return false;

    const struct node *node = &core->nodes[number];

    *view = (struct node_view){ .state = node->state,
                                .attempts = node->busy,
                                .cpu_milli = node->offer.cpu_milli,
                                .memory_mb = node->offer.memory_mb,
                                .cpu_free = node->cpu_free,
                                .memory_free = node->memory_free,
                                .gpus = node->offer.gpus,
                                .gpus_free = node->gpus_free,
                                .has_offered = node->has_offered };
    return true;
}
