/* events.c - the log of events, stored and live, without a gap or a double.
 *
 * Live events come over a SUB socket, stored ones by asking. The subscription includes a
 * topic of our own, "hello/<random>", which the broker sends back once it has seen it:
 * from then on nothing is missed. It comes again after a reconnect. Each hello, and each
 * jump in the numbers, means asking for what was missed, and so does a pause after many
 * (struct event_cursor). All events are subscribed to, so that a jump can be seen; the
 * prefix is applied here. */
#include "client/lib/client.h"
#include "codecs/wire/event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

enum {
    PAGE_EVENTS = 10000,
    LIVE_MAX = 1000, /* well below LINK_QUEUE_MAX, the queue for a subscriber */
};

struct sluice_events {
    struct sluice *sluice; /* borrowed */
    void *socket;
    char hello[40], *prefix;
    struct event_cursor cursor;
    struct reply page;    /* stored events that wait to be given */
    struct reader reader; /* on the rest of the page */
    size_t left;
    struct bytes
        snapshot; /* of the page: what stands for forgotten events; size 0: none */
    struct link_message live;
    struct buf topic;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum rc subscribe(struct sluice_events *events, struct err *err)
{
    uint64_t salt;
    enum rc rc =
        link_connect(events->sluice->context, ZMQ_SUB, events->sluice->events_endpoint,
                     NULL, &events->socket, err);

    if (rc != RC_OK)
        return rc;
    if (getrandom(&salt, sizeof salt, 0) != sizeof salt)
        return err_set(err, RC_IO, "the system gave no random bytes");
    snprintf(events->hello, sizeof events->hello, "hello/%016lx", (unsigned long)salt);
    if (zmq_setsockopt(events->socket, ZMQ_SUBSCRIBE, "", 0) < 0
        || zmq_setsockopt(events->socket, ZMQ_SUBSCRIBE, events->hello,
                          strlen(events->hello))
               < 0)
        return err_set_sys(err, RC_IO, errno, "cannot subscribe to events");
    return RC_OK;
}

int sluice_events_open(struct sluice *sluice, uint64_t since, const char *prefix,
                       struct sluice_events **events, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    struct sluice_events *made = calloc(1, sizeof *made);
    enum rc rc;

    if (!made || !(made->prefix = strdup(prefix))) {
        free(made);
        return (int)err_set(err, RC_NO_MEMORY, "no memory for a subscription");
    }
    made->sluice = sluice;
    event_cursor_begin(&made->cursor, since, LIVE_MAX);
    rc = subscribe(made, err);
    if (rc == RC_OK && since == UINT64_MAX) {
        struct sluice_info info;

        rc = (enum rc)sluice_status(sluice, &info, (struct sluice_error *)err);
        event_cursor_begin(&made->cursor, rc == RC_OK ? info.last_event : 0, LIVE_MAX);
    }
    if (rc != RC_OK) {
        sluice_events_close(made);
        return (int)rc;
    }
    *events = made;
    return SLUICE_OK;
}

void sluice_events_close(struct sluice_events *events)
{
    if (!events)
        return;
    link_close(events->socket);
    reply_fini(&events->page);
    if (events->live.count > 0)
        link_free(&events->live);
    buf_fini(&events->topic);
    free(events->prefix);
    free(events);
}

int sluice_events_fd(struct sluice_events *events)
{
    int fd = -1;
    size_t size = sizeof fd;

    return zmq_getsockopt(events->socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

/* Takes an event's body apart; false if it does not decode. */
static bool read_event(struct sluice_events *events, struct bytes body,
                       struct sluice_event *event)
{
    struct event_head head;

    if (!event_decode(body.data, body.size, &head))
        return false;
    buf_clear(&events->topic);
    buf_add(&events->topic, head.topic.data, head.topic.size);
    *event = (struct sluice_event){ .number = head.number,
                                    .time_us = head.time_us,
                                    .topic = buf_string(&events->topic),
                                    .body = body.data,
                                    .body_size = body.size };
    return true;
}

/* The bytes of a field's value; size 0 if the reply lacks it. */
static struct bytes raw_field(const struct reply *reply, const char *key)
{
    struct reader reader = reply_field(reply, key);
    size_t start = reader.at;

    if (!reader_ok(&reader))
        return (struct bytes){ "", 0 };
    reader_skip(&reader);
    return (struct bytes){ (const char *)reply->body + start,
                           reader_ok(&reader) ? reader.at - start : 0 };
}

static enum rc ask(struct sluice_events *events, struct err *err)
{
    struct request request = { .since = events->cursor.last, .limit = PAGE_EVENTS };
    struct reader first_reader;
    uint64_t first;
    enum rc rc;

    reply_fini(&events->page);
    rc = sluice_call(events->sluice, MESSAGE_EVENTS, &request, &events->page, err);
    if (rc != RC_OK)
        return rc;
    first_reader = reply_field(&events->page, "first");
    first = reader_uint(&first_reader);
    events->snapshot = raw_field(&events->page, "snapshot");
    events->reader = reply_field(&events->page, "events");
    events->left = reader_list(&events->reader);
    if (!reader_ok(&events->reader) || !reader_ok(&first_reader))
        return err_set(err, RC_PROTOCOL, "the broker's events do not decode");
    event_cursor_page(&events->cursor, events->snapshot.size > 0 ? first : 0,
                      events->left);
    return RC_OK;
}

/* The next live message: RC_NOT_FOUND if there is none. */
static enum rc receive(struct sluice_events *events, struct bytes *body, struct err *err)
{
    enum rc rc;

    if (events->live.count > 0)
        link_free(&events->live);
    events->live.count = 0;
    rc = link_receive(events->socket, &events->live, err);
    if (rc != RC_OK)
        return rc;
    *body = (struct bytes){ "", 0 };
    if (events->live.count == 2)
        *body =
            (struct bytes){ events->live.frames[1].data, events->live.frames[1].size };
    return RC_OK;
}

/* Events before the oldest kept one are gone; a picture of the present stands for them.
 */
static void give_snapshot(struct sluice_events *events, struct sluice_event *event)
{
    *event = (struct sluice_event){ .number = events->cursor.last,
                                    .topic = "snapshot",
                                    .body = events->snapshot.data,
                                    .body_size = events->snapshot.size };
    events->snapshot.size = 0;
}

/* What a page has next. */
static enum rc next_stored(struct sluice_events *events, struct sluice_event *event,
                           enum event_verdict *verdict, struct err *err)
{
    struct bytes body = reader_bytes(&events->reader);

    events->left--;
    if (!reader_ok(&events->reader) || !read_event(events, body, event))
        return err_set(err, RC_PROTOCOL, "a stored event does not decode");
    *verdict = event_cursor_stored(&events->cursor, event->number);
    return RC_OK;
}

static enum rc next_live(struct sluice_events *events, struct sluice_event *event,
                         enum event_verdict *verdict, struct err *err)
{
    struct bytes body;
    enum rc rc = receive(events, &body, err);

    if (rc == RC_NOT_FOUND) {
        event_cursor_pause(&events->cursor);
        *verdict = EVENT_ASK;
        return events->cursor.asks ? RC_OK : rc;
    }
    if (rc != RC_OK)
        return rc;
    *verdict = event_cursor_live(&events->cursor,
                                 read_event(events, body, event) ? event->number : 0);
    return RC_OK;
}

/* One event from wherever the next one is: RC_NOT_FOUND if nothing is there now. */
static enum rc next(struct sluice_events *events, struct sluice_event *event,
                    struct err *err)
{
    enum event_verdict verdict = EVENT_ASK;
    enum rc rc = RC_OK;

    while (rc == RC_OK) {
        if (events->snapshot.size > 0) {
            give_snapshot(events, event);
            return RC_OK;
        }
        if (events->left > 0)
            rc = next_stored(events, event, &verdict, err);
        else if (events->cursor.asks)
            rc = ask(events, err);
        else
            rc = next_live(events, event, &verdict, err);
        if (rc == RC_OK && verdict == EVENT_TAKE
            && strncmp(event->topic, events->prefix, strlen(events->prefix)) == 0)
            return RC_OK;
        verdict = EVENT_ASK;
    }
    return rc;
}

int sluice_events_next(struct sluice_events *events, uint32_t timeout_ms,
                       struct sluice_event *event, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    int64_t until = -1;

    for (;;) {
        zmq_pollitem_t item = { events->socket, 0, ZMQ_POLLIN, 0 };
        enum rc rc = next(events, event, err);

        if (rc != RC_NOT_FOUND)
            return (int)rc;

        int64_t now = now_ms();

        until = until < 0 ? now + timeout_ms : until;
        int64_t left = until - now;

        if (left <= 0)
            return (int)err_set(err, RC_TIMEOUT, "no event in %u ms", timeout_ms);
        if (zmq_poll(&item, 1, (long)left) < 0 && errno != EINTR)
            return (int)err_set_sys(err, RC_IO, errno, "waiting for events");
    }
}
