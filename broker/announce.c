/* announce.c - events: numbered, stored in the batch that made them true, published after
 * it. */
#include "broker/broker_state.h"

void announce(struct broker *broker, const struct announcement *what)
{
    uint64_t number = broker->counters.event_next;
    struct buf *topic = &broker->event_topic, *body = &broker->event_body;
    struct err err;

    buf_clear(topic);
    buf_clear(body);
    event_encode(what, number, broker->now_us, topic, body);
    batch_check(broker,
                store_event_put(broker->store, number, body->data, body->size, &err),
                &err);
    broker->counters.event_next++;
    broker->counters_changed = true;
    outbox_event(&broker->outbox, buf_string(topic), body);
}
