/* looks.c - a line of stages, and those that nodes were asked about. */
#include "broker/looks.h"

#include "broker/broker_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP_LOOKS_MAX = 64, /* of a turn */
    KNOWN_ARENA_MAX = 256 << 20,
    LOOK_BYTES_MAX = 32 << 20,
};

struct look_item {
    uint64_t run;
    uint32_t stage, node;
    uint64_t session; /* of the node that was asked */
    struct origin known;
};

struct look_list {
    struct look_item *items;
    size_t count, capacity;
};

struct looks {
    struct look_list waiting; /* in line from first on; those before it are done with */
    size_t first;
    struct look_list asked;
    size_t tried;                      /* of those in line, since something changed */
    const struct look_message *answer; /* in hand */
};

struct looks *looks_create(void)
{
    return calloc(1, sizeof(struct looks));
}

void looks_destroy(struct looks *looks)
{
    if (!looks)
        return;
    free(looks->waiting.items);
    free(looks->asked.items);
    free(looks);
}

void looks_forget(struct looks *looks)
{
    looks->waiting.count = looks->first = looks->asked.count = looks->tried = 0;
}

static void list_add(struct look_list *list, const struct look_item *item)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->items = reallocarray(list->items, list->capacity, sizeof *list->items);
        must(list->items != NULL);
    }
    list->items[list->count++] = *item;
}

/* The order of those that were asked does not count. */
static struct look_item asked_take(struct looks *looks, size_t i)
{
    struct look_item item = looks->asked.items[i];

    looks->asked.items[i] = looks->asked.items[--looks->asked.count];
    return item;
}

static struct look_item waiting_take(struct looks *looks)
{
    struct look_list *list = &looks->waiting;
    struct look_item item = list->items[looks->first++];

    if (2 * looks->first >= list->count) {
        list->count -= looks->first;
        memmove(list->items, list->items + looks->first, list->count * sizeof item);
        looks->first = 0;
    }
    return item;
}

static bool list_has(const struct look_list *list, size_t first, uint64_t run,
                     uint32_t stage)
{
    for (size_t i = first; i < list->count; i++)
        if (list->items[i].run == run && list->items[i].stage == stage)
            return true;
    return false;
}

void looks_add(struct broker *broker, uint64_t run, uint32_t stage,
               const struct origin *known)
{
    list_add(&broker->looks->waiting,
             &(struct look_item){ .run = run, .stage = stage, .known = *known });
    broker->looks->tried = 0;
}

bool looks_has(const struct broker *broker, uint64_t run, uint32_t stage)
{
    const struct looks *looks = broker->looks;

    return list_has(&looks->waiting, looks->first, run, stage)
           || list_has(&looks->asked, 0, run, stage);
}

const struct look_message *looks_answer(const struct broker *broker, uint64_t run,
                                        uint32_t stage)
{
    const struct look_message *answer = broker->looks->answer;

    return answer && answer->run == run && answer->stage == stage ? answer : NULL;
}

/* The stage is looked up with what is known now. */
static void again(struct broker *broker, const struct look_message *answer)
{
    broker->looks->answer = answer;
    broker_step(broker, &(struct core_input){ .kind = INPUT_AGAIN,
                                              .run = answer->run,
                                              .stage = answer->stage });
    broker->looks->answer = NULL;
}

static bool is_session(const struct broker *broker, const struct look_item *item)
{
    struct node_view view;
    const struct peer *peer = &broker->peers[item->node];

    return peer->has_joined && peer->session.number == item->session
           && core_node(broker->core, item->node, &view) && view.state == NODE_ONLINE;
}

void looks_wake(struct broker *broker)
{
    struct looks *looks = broker->looks;

    looks->tried = 0;
    for (size_t i = 0; i < looks->asked.count;) {
        if (is_session(broker, &looks->asked.items[i])) {
            i++;
            continue;
        }

        struct look_item item = asked_take(looks, i);

        list_add(&looks->waiting, &item);
    }
}

void looks_told(struct broker *broker, uint32_t node, const void *body, size_t size)
{
    struct looks *looks = broker->looks;
    struct look_message answer;
    struct err err;

    if (look_decode(body, size, broker->scratch, &answer, &err) != RC_OK)
        return;
    for (size_t i = 0; i < looks->asked.count; i++) {
        const struct look_item *item = &looks->asked.items[i];

        if (item->run != answer.run || item->stage != answer.stage || item->node != node)
            continue;
        asked_take(looks, i);
        looks->tried = 0;
        again(broker, &answer);
        return;
    }
}

static bool is_wanted(const struct broker *broker, const struct look_item *item)
{
    const struct stage_row *row = core_stage(broker->core, item->run, item->stage);

    return row && row->state == STAGE_WAITING && row->pending == PENDING_TWIN;
}

static size_t asked_of(const struct looks *looks, uint32_t node)
{
    size_t count = 0;

    for (size_t i = 0; i < looks->asked.count; i++)
        count += looks->asked.items[i].node == node;
    return count;
}

enum choice { CHOICE_NONE, CHOICE_BUSY, CHOICE_NODE };

/* Among the nodes that could run the stage, since those have the credentials. */
static enum choice choose(const struct broker *broker, const struct look_item *item,
                          uint32_t *node)
{
    size_t least = LOOKS_OF_NODE_MAX;
    bool could = false, looks = false;

    for (uint32_t i = 0; i < broker->peer_count; i++) {
        struct node_view view;

        if (!broker->peers[i].has_joined || !core_node(broker->core, i, &view)
            || view.state != NODE_ONLINE
            || !core_could_run(broker->core, item->run, item->stage, i))
            continue;
        could = true;
        if (!broker->peers[i].looks)
            continue;
        looks = true;

        size_t asked = asked_of(broker->looks, i);

        if (asked >= least)
            continue;
        least = asked;
        *node = i;
    }
    return least < LOOKS_OF_NODE_MAX ? CHOICE_NODE
           : looks || !could         ? CHOICE_BUSY
                                     : CHOICE_NONE;
}

/* What the earlier task had fetched. */
static bool known_encode(struct broker *broker, const struct look_item *item,
                         struct buf *body)
{
    scoped(arena) arena = arena_create(KNOWN_ARENA_MAX);
    struct look_message message = { .run = item->run, .stage = item->stage };
    scoped_buf bytes = { 0 };
    struct task_result *result;
    struct err err;

    if (!arena
        || store_result(broker->store, item->known.run, item->known.stage,
                        item->known.index, 0, &bytes, &err)
               != RC_OK
        || result_decode(arena, bytes.data, bytes.size, &result, &err) != RC_OK
        || result->input_count > LOOK_FILES_MAX)
        return false;
    message.files = result->inputs;
    message.file_count = result->input_count;
    buf_init(body, LOOK_BYTES_MAX);
    look_encode(body, &message);
    return buf_ok(body);
}

static void give_up(struct broker *broker, const struct look_item *item, const char *why)
{
    again(broker,
          &(struct look_message){ .run = item->run, .stage = item->stage, .text = why });
}

static void ask(struct broker *broker, struct look_item *item, uint32_t node)
{
    scoped_buf body = { 0 };

    if (!known_encode(broker, item, &body)
        || !mail_class_once(broker, node, item->run, item->stage)) {
        give_up(broker, item, "there are too many files to ask about");
        return;
    }
    item->node = node;
    item->session = broker->peers[node].session.number;
    peer_send(broker, node, MESSAGE_LOOK, &body);
    list_add(&broker->looks->asked, item);
}

bool looks_are_due(const struct broker *broker)
{
    const struct looks *looks = broker->looks;

    return looks->tried < looks->waiting.count - looks->first;
}

/* Whether a node has room for one more, or cannot look: then something can be done. */
static bool is_any_free(const struct broker *broker)
{
    for (uint32_t i = 0; i < broker->peer_count; i++) {
        struct node_view view;

        if (!broker->peers[i].has_joined || !core_node(broker->core, i, &view)
            || view.state != NODE_ONLINE)
            continue;
        if (!broker->peers[i].looks || asked_of(broker->looks, i) < LOOKS_OF_NODE_MAX)
            return true;
    }
    return false;
}

/* Who cannot be asked about now goes to the end of the line. */
void looks_step(struct broker *broker)
{
    struct looks *looks = broker->looks;

    if (looks_are_due(broker) && !is_any_free(broker))
        looks->tried = looks->waiting.count - looks->first;
    for (unsigned i = 0; i < STEP_LOOKS_MAX && looks_are_due(broker)
                         && broker->batch.rc == RC_OK && !outbox_is_full(&broker->outbox);
         i++) {
        struct look_item item = waiting_take(looks);
        uint32_t node;

        if (!is_wanted(broker, &item))
            continue;
        switch (choose(broker, &item, &node)) {
        case CHOICE_NODE:
            ask(broker, &item, node);
            break;
        case CHOICE_NONE:
            give_up(broker, &item, "no node that is here can look at its inputs");
            break;
        case CHOICE_BUSY:
            list_add(&looks->waiting, &item);
            looks->tried++;
            break;
        }
    }
}
