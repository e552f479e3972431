/* announce.c - events: numbered, stored in the batch that made them true, published after
 * it. */
#include "broker/broker_state.h"

#include <stdio.h>

/* The event's topic and body lie in the broker then. */
static void event_make(struct broker *broker, const struct announcement *what)
{
    buf_clear(&broker->event_topic);
    buf_clear(&broker->event_body);
    event_encode(what, broker->counters.event_next, broker->now_us, &broker->event_topic,
                 &broker->event_body);
}

static void event_publish(struct broker *broker)
{
    outbox_event(&broker->outbox, buf_string(&broker->event_topic), &broker->event_body);
}

void announce(struct broker *broker, const struct announcement *what)
{
    struct buf *body = &broker->event_body;
    struct err err;

    layer_flush(broker); /* that came before */
    event_make(broker, what);
    batch_check(broker,
                store_event_put(broker->store, broker->counters.event_next, body->data,
                                body->size, &err),
                &err);
    event_publish(broker);
    broker->counters.event_next++;
    broker->counters_changed = true;
}

static bool is_heard(const struct broker *broker, const struct event_group *group)
{
    static const char *const kinds[][2] = {
        [EVENTS_QUEUED] = { "stage", "stage" },
        [EVENTS_ASSIGNED] = { "attempt", "attempt" },
        [EVENTS_ENDED] = { "task", "stage" },
    };
    char prefix[64];

    for (size_t i = 0; i < 2; i++) {
        snprintf(prefix, sizeof prefix, "run/%lu/%s/", (unsigned long)group->run,
                 kinds[group->kind][i]);
        if (listeners_hear(&broker->listeners, prefix))
            return true;
    }
    return false;
}

void announce_group(struct broker *broker, const struct event_group *group)
{
    bool heard = is_heard(broker, group);
    uint64_t next = broker->counters.event_next + event_group_events(group);
    struct event_group_walk walk;
    struct announcement what;
    struct err err;

    batch_check(
        broker,
        store_event_group_put(broker->store, broker->counters.event_next, group, &err),
        &err);
    event_group_begin(&walk, group);
    while (heard && event_group_next(&walk, &what)) {
        event_make(broker, &what);
        event_publish(broker);
        broker->counters.event_next++;
    }
    broker->counters.event_next = next;
    broker->counters_changed = true;
}
