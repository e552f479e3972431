/* events.c - the log of events, stored and live, without a gap or a double.
 *
 * Live events come over a SUB socket, stored ones by asking. The subscription includes a
 * topic of our own, "hello/<random>", which the broker sends back once it has seen it:
 * from then on nothing is missed. It comes again after a reconnect. Each hello, and each
 * jump in the numbers, means asking for what was missed. All events are subscribed to, so
 * that a jump can be seen; the prefix is applied here. */
#include "client/lib/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

enum { PAGE_EVENTS = 1000 };

struct sluice_events {
    struct sluice *sluice; /* borrowed */
    void *socket;
    char hello[40], *prefix;
    uint64_t last;        /* number of the last event that was read, ours or not */
    struct reply page;    /* stored events that wait to be given */
    struct reader reader; /* on the rest of the page */
    size_t left;
    bool asks; /* there may be more in the store */
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
    made->last = since;
    made->asks = true;
    rc = subscribe(made, err);
    if (rc == RC_OK && since == UINT64_MAX) {
        struct sluice_info info;

        rc = (enum rc)sluice_status(sluice, &info, (struct sluice_error *)err);
        made->last = rc == RC_OK ? info.last_event : 0;
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
    struct reader reader;
    struct bytes topic = { "", 0 };

    *event = (struct sluice_event){ .body = body.data, .body_size = body.size };
    reader_init(&reader, body.data, body.size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "n"))
            event->number = reader_uint(&reader);
        else if (bytes_are(key, "t"))
            event->time_us = reader_int(&reader);
        else if (bytes_are(key, "topic"))
            topic = reader_string(&reader);
        else
            reader_skip(&reader);
    }
    buf_clear(&events->topic);
    buf_add(&events->topic, topic.data, topic.size);
    event->topic = buf_string(&events->topic);
    return reader_ok(&reader) && event->number > 0;
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
    struct request request = { .since = events->last, .limit = PAGE_EVENTS };
    enum rc rc;

    reply_fini(&events->page);
    rc = sluice_call(events->sluice, MESSAGE_EVENTS, &request, &events->page, err);
    if (rc != RC_OK)
        return rc;
    events->snapshot = raw_field(&events->page, "snapshot");
    events->reader = reply_field(&events->page, "events");
    events->left = reader_list(&events->reader);
    events->asks = events->left > 0;
    return reader_ok(&events->reader)
               ? RC_OK
               : err_set(err, RC_PROTOCOL, "the broker's events do not decode");
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
static enum rc give_snapshot(struct sluice_events *events, struct sluice_event *event,
                             struct err *err)
{
    struct reader reader = reply_field(&events->page, "first");
    uint64_t first = reader_uint(&reader);

    if (!reader_ok(&reader) || first == 0)
        return err_set(err, RC_PROTOCOL, "the broker's snapshot does not decode");
    *event = (struct sluice_event){ .number = first - 1,
                                    .topic = "snapshot",
                                    .body = events->snapshot.data,
                                    .body_size = events->snapshot.size };
    events->last = first - 1;
    events->snapshot.size = 0;
    return RC_OK;
}

/* One event from wherever the next one is: RC_NOT_FOUND if nothing is there now. */
static enum rc next(struct sluice_events *events, struct sluice_event *event,
                    struct err *err)
{
    struct bytes body;
    enum rc rc;

    for (;;) {
        if (events->snapshot.size > 0)
            return give_snapshot(events, event, err);
        if (events->left > 0) {
            events->left--;
            body = reader_bytes(&events->reader);
            if (!reader_ok(&events->reader) || !read_event(events, body, event))
                return err_set(err, RC_PROTOCOL, "a stored event does not decode");
        } else if (events->asks) {
            if ((rc = ask(events, err)) != RC_OK)
                return rc;
            continue;
        } else {
            if ((rc = receive(events, &body, err)) != RC_OK)
                return rc;
            if (!read_event(events, body, event) || event->number > events->last + 1) {
                events->asks = true; /* a hello, or a jump */
                continue;
            }
        }
        if (event->number <= events->last)
            continue;
        events->last = event->number;
        if (strncmp(event->topic, events->prefix, strlen(events->prefix)) == 0)
            return RC_OK;
    }
}

int sluice_events_next(struct sluice_events *events, uint32_t timeout_ms,
                       struct sluice_event *event, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    int64_t until = now_ms() + timeout_ms;

    for (;;) {
        zmq_pollitem_t item = { events->socket, 0, ZMQ_POLLIN, 0 };
        enum rc rc = next(events, event, err);
        int64_t left = until - now_ms();

        if (rc != RC_NOT_FOUND)
            return (int)rc;
        if (left <= 0)
            return (int)err_set(err, RC_TIMEOUT, "no event in %u ms", timeout_ms);
        if (zmq_poll(&item, 1, (long)left) < 0 && errno != EINTR)
            return (int)err_set_sys(err, RC_IO, errno, "waiting for events");
    }
}
