/* subscribers.c - programs that follow events, as libsluice does (client/lib/events.c):
 * the real cursor decides; queue, questions and what is done with events are simulated.
 *
 * Each is fast or slow, with a short queue that skips what does not fit; goes away and
 * comes back; is restarted with the number, and the picture, that it kept. */
#include "tests/sim/sim.h"

#include <string.h>

enum { ASK_AGAIN_US = 2 * SECOND };

static void ask(struct sim *sim, struct subscriber *subscriber)
{
    scoped_buf body = { 0 };

    request_encode(&body, &(struct request){ .since = subscriber->cursor.last });
    subscriber->id = ++subscriber->next_id;
    subscriber->asked_us = sim->now_us;
    sim_post(sim, subscriber->party, PARTY_BROKER, 0, MESSAGE_EVENTS, subscriber->id,
             &body);
}

static void queue_drop(struct subscriber *subscriber, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_fini(&subscriber->queue[i]);
    subscriber->queued -= count;
    memmove(subscriber->queue, subscriber->queue + count,
            subscriber->queued * sizeof *subscriber->queue);
}

static void read_live(struct sim *sim, struct subscriber *subscriber)
{
    const struct buf *body = &subscriber->queue[0];
    struct event_head head = { .number = 0 };
    bool is_event = event_decode(body->data, body->size, &head);
    enum event_verdict verdict;

    if (sim->mutation == MUTATION_JUMP_IGNORED && is_event
        && head.number > subscriber->cursor.last)
        subscriber->cursor.last = head.number - 1;
    verdict = event_cursor_live(&subscriber->cursor, is_event ? head.number : 0);
    if (verdict == EVENT_TAKE)
        model_heard(sim, subscriber, body->data, body->size);
    queue_drop(subscriber, 1);
}

static void plan_read(struct sim *sim, struct subscriber *subscriber)
{
    if (subscriber->reads_us > sim->now_us)
        return;
    subscriber->reads_us = sim->now_us + 1 + (int64_t)subscriber->pace_us;
    sim_push(sim, subscriber->reads_us, EVENT_READ, subscriber->party);
}

/* One thing at a time, as a thread does that waits for its answers. */
void subscriber_read(struct sim *sim, struct subscriber *subscriber)
{
    subscriber->reads_us = 0;
    if (subscriber->is_away || subscriber->id != 0)
        return;
    if (!subscriber->cursor.asks && subscriber->queued > 0) {
        read_live(sim, subscriber);
        plan_read(sim, subscriber);
        return;
    }
    if (!subscriber->cursor.asks && sim->mutation != MUTATION_PAUSE_IGNORED)
        event_cursor_pause(&subscriber->cursor);
    if (subscriber->cursor.asks)
        ask(sim, subscriber);
}

static void forget(struct subscriber *subscriber)
{
    queue_drop(subscriber, subscriber->queued);
    subscriber->id = 0;
    subscriber->must_greet = true;
}

/* The process ends; what it kept is its number and what it made of the events so far. */
static void restart(struct sim *sim, struct subscriber *subscriber)
{
    sim_say(sim, "%s starts again after event %lu", party_name(subscriber->party),
            (unsigned long)subscriber->kept.last);
    forget(subscriber);
    subscriber->picture = subscriber->kept;
    event_cursor_begin(&subscriber->cursor, subscriber->kept.last, SIM_LIVE_MAX);
}

static void vary(struct sim *sim, struct subscriber *subscriber)
{
    if (subscriber->is_away) {
        if (!sim->is_calm && chance(sim, 700))
            return;
        subscriber->is_away = false;
        forget(subscriber);
        subscriber->cursor.asks = true;
    } else if (!sim->is_calm && chance(sim, sim->features.away)) {
        subscriber->is_away = true;
        forget(subscriber);
    } else if (!sim->is_calm && chance(sim, sim->features.away)) {
        restart(sim, subscriber);
    } else if (chance(sim, 200)) {
        subscriber->kept = subscriber->picture;
    }
}

/* The connection was broken and is there again: the broker sees the subscription anew and
 * sends a hello. */
static void reconnect(struct sim *sim, struct subscriber *subscriber)
{
    struct buf empty = { 0 };

    if (!subscriber->must_greet || subscriber->is_away || !sim->broker.is_up)
        return;
    subscriber->must_greet = false;
    if (sim->mutation != MUTATION_HELLO_FORGOTTEN)
        sim_post(sim, PARTY_BROKER, subscriber->party, 0, MESSAGE_EVENTS, 0, &empty);
}

void subscriber_act(struct sim *sim, struct subscriber *subscriber)
{
    vary(sim, subscriber);
    reconnect(sim, subscriber);
    if (subscriber->id != 0 && sim->now_us - subscriber->asked_us >= ASK_AGAIN_US)
        subscriber->id = 0;
    plan_read(sim, subscriber);
    sim_push(sim, sim->now_us + SECOND / 2 + (int64_t)below(sim, 4 * SECOND),
             EVENT_SUBSCRIBER, subscriber->party);
}

void subscriber_start(struct sim *sim, struct subscriber *subscriber, int party)
{
    subscriber->party = party;
    subscriber->pace_us = below(sim, 3) ? 0 : below(sim, 2 * SECOND);
    subscriber->must_greet = true;
    event_cursor_begin(&subscriber->cursor, 0, SIM_LIVE_MAX);
    sim_push(sim, (int64_t)below(sim, (uint64_t)sim->calm_us / (1 + below(sim, 20))),
             EVENT_SUBSCRIBER, party);
}

static void take_page(struct sim *sim, struct subscriber *subscriber,
                      struct reader *reader)
{
    struct reader events = { 0 }, snapshot = { 0 };
    uint64_t first = 0, count;

    for (size_t n = reader_map(reader); n > 0 && reader_ok(reader); n--) {
        struct bytes key = reader_string(reader);

        if (bytes_are(key, "first"))
            first = reader_uint(reader);
        else if (bytes_are(key, "events"))
            events = *reader, reader_skip(reader);
        else if (bytes_are(key, "snapshot"))
            snapshot = *reader, reader_skip(reader);
    }
    must(reader_ok(reader));
    count = reader_list(&events);
    event_cursor_page(&subscriber->cursor, snapshot.size > 0 ? first : 0, count);
    if (snapshot.size > 0)
        model_pictured(sim, subscriber, first - 1, &snapshot);
    for (; count > 0; count--) {
        struct bytes body = reader_bytes(&events);
        struct event_head head;

        must(event_decode(body.data, body.size, &head));
        if (event_cursor_stored(&subscriber->cursor, head.number) == EVENT_TAKE)
            model_heard(sim, subscriber, body.data, body.size);
    }
}

/* A letter that does not arrive has broken the connection that it was sent over. */
void subscriber_misses(struct subscriber *subscriber)
{
    subscriber->must_greet = true;
}

void subscriber_receive(struct sim *sim, struct subscriber *subscriber,
                        const struct letter *letter)
{
    struct message_header header;
    struct reader reader;
    struct err err;

    if (subscriber->is_away
        || message_header_decode(letter->header.data, letter->header.size, &header, &err)
               != RC_OK)
        return;
    if (header.type == MESSAGE_EVENTS) {
        if (subscriber->queued < SIM_QUEUE) {
            struct buf *body = &subscriber->queue[subscriber->queued++];

            *body = (struct buf){ 0 };
            buf_add(body, letter->body.data, letter->body.size);
        }
    } else if (header.id != subscriber->id || subscriber->id == 0) {
        return;
    } else {
        subscriber->id = 0;
        reader_init(&reader, letter->body.data, letter->body.size);
        if (header.type == MESSAGE_OK)
            take_page(sim, subscriber, &reader);
    }
    plan_read(sim, subscriber);
}

void subscriber_fini(struct subscriber *subscriber)
{
    queue_drop(subscriber, subscriber->queued);
}
