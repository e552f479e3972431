/* layer_events.c - what is said of stages that were gathered: many of one kind as a
 * group, few as events like others. */
#include "broker/broker_state.h"

enum { GROUP_MIN = 8 }; /* fewer share a page with other events */

static const char *node_of(const struct broker *broker, enum event_group_kind kind,
                           const struct layer_member *member)
{
    return kind == EVENTS_QUEUED ? "" : broker->peers[member->node].name;
}

/* The group of as many members; its texts lie in the layer. */
static struct event_group group_of(struct broker *broker, enum event_group_kind kind,
                                   const struct layer_member *members, size_t count)
{
    struct buf *texts = &broker->layer.texts;
    const struct run_plan *plan = plan_of(broker, members->run);

    buf_clear(texts);
    buf_text(texts, node_of(broker, kind, members));
    buf_byte(texts, 0);
    for (size_t i = 0; i < count; i++) {
        buf_text(texts, plan ? plan->plan->stages[members[i].stage].name : "?");
        buf_byte(texts, 0);
    }
    must(buf_ok(texts));
    return (struct event_group){ .kind = kind,
                                 .time_us = broker->now_us,
                                 .run = members->run,
                                 .token = members->token,
                                 .count = count,
                                 .texts = { (const char *)texts->data, texts->size } };
}

/* How many members from the first on one group can tell of. */
static size_t group_size(enum event_group_kind kind, const struct layer_member *first,
                         size_t count)
{
    size_t size = 1;

    while (size < count && size < EVENT_GROUP_STAGES_MAX && first[size].run == first->run
           && first[size].node == first->node
           && (kind == EVENTS_QUEUED || first[size].token == first->token + size))
        size++;
    return size;
}

static void announce_each(struct broker *broker, const struct event_group *group)
{
    struct event_group_walk walk;
    struct announcement what;

    event_group_begin(&walk, group);
    while (event_group_next(&walk, &what))
        announce(broker, &what);
}

void announce_members(struct broker *broker, enum event_group_kind kind,
                      const struct layer_list *list)
{
    size_t size;

    for (size_t at = 0; at < list->count; at += size) {
        struct event_group group;

        size = group_size(kind, &list->members[at], list->count - at);
        group = group_of(broker, kind, &list->members[at], size);
        if (size >= GROUP_MIN)
            announce_group(broker, &group);
        else
            announce_each(broker, &group);
    }
}
