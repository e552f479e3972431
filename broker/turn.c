/* turn.c - one turn of the loop: drain, step, commit, and only then speak. */
#include "broker/broker_state.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum {
    TURN_MESSAGES_MAX = 1000,
    TURN_ARENA_MAX = 512 << 20,
    TRIM_EVENTS_MAX = 200,    /* a turn */
    TRIM_ROOM = 1 << 20,      /* what that may need beyond store-max */
    TRIM_PAUSE_US = 10000000, /* when there is nothing left to trim */
    READERS_PAUSE_US = 60000000,
    CLOCK_JUMP_US = 1000000,
    FULL_WAIT_MS = 500, /* how long to wait before a tick is tried again on a full disk */
};

int64_t clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* SIGHUP is a reload; everything else that is caught asks for the end. */
static bool is_asked_to_end(struct broker *broker)
{
    struct signalfd_siginfo info;
    bool shall_end = false;

    while (read(broker->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGHUP)
            broker_reload(broker);
        else
            shall_end = true;
    return shall_end;
}

void broker_step(struct broker *broker, const struct core_input *input)
{
    struct core_input stamped = *input;

    stamped.now_us = broker->now_us;
    broker->refused = RC_OK;
    core_step(broker->core, &stamped, &broker->changes);
    apply_changes(broker);
}

/* After a failed commit: nobody was told anything of this turn, and the core is built
 * again from what is on disk. Nodes are asked what they have. */
static enum rc turn_undo(struct broker *broker, struct err *err)
{
    struct err failure = broker->batch;

    fprintf(stderr, "brokerd: nothing of this turn was stored: %s\n", failure.text);
    store_abort(broker->store);
    mail_forget(broker);
    layer_forget(&broker->layer);
    outbox_fail(&broker->outbox, &failure);
    outbox_send(&broker->outbox, broker->requests, broker->events);
    if (failure.rc != RC_FULL && failure.rc != RC_NO_MEMORY) {
        *err = failure;
        return failure.rc;
    }
    return broker_restore(broker, err);
}

static enum rc turn_commit(struct broker *broker, struct err *err)
{
    enum rc rc = RC_OK;

    core_flush(broker->core, &broker->changes);
    apply_changes(broker);
    if (broker->counters_changed)
        batch_check(broker,
                    store_counters_put(broker->store, &broker->counters, &broker->batch),
                    &broker->batch);
    mail_flush(broker);
    if (broker->batch.rc == RC_OK && outbox_has_overflowed(&broker->outbox))
        err_set(&broker->batch, RC_NO_MEMORY, "a turn has more to say than it may");
    if (broker->batch.rc == RC_OK && store_is_dirty(broker->store))
        rc = store_commit(broker->store, &broker->batch);
    space_committed(broker, broker->batch.rc == RC_OK && rc == RC_OK);
    if (broker->batch.rc != RC_OK || rc != RC_OK)
        return turn_undo(broker, err);
    broker->counters_changed = false;
    core_forget(broker->core, &broker->changes);
    apply_changes(broker);
    broker->changes.count = broker->applied = 0;
    plans_leave(broker);
    labels_tidy(&broker->labels, broker->core);
    outbox_send(&broker->outbox, broker->requests, broker->events);
    return RC_OK;
}

/* A subscription arrives as a byte 1 and the topic, after libzmq has noted it. One to a
 * topic "hello/..." gets that topic back, so that the subscriber knows that nothing
 * passes it any more. */
static void greet(struct broker *broker, const struct link_message *message)
{
    static const char hello[] = "\1hello/";
    char topic[64];
    struct buf empty = { 0 };
    const struct link_frame *frame = &message->frames[0];

    if (message->count == 1)
        listeners_note(&broker->listeners, frame->data, frame->size);
    if (message->count != 1 || frame->size <= sizeof hello || frame->size > sizeof topic
        || memcmp(frame->data, hello, sizeof hello - 1) != 0)
        return;
    memcpy(topic, (const char *)frame->data + 1, frame->size - 1);
    topic[frame->size - 1] = '\0';
    outbox_event(&broker->outbox, topic, &empty);
}

static void drain(struct broker *broker)
{
    struct link_message message;
    struct err err;

    for (int i = 0; i < TURN_MESSAGES_MAX && broker->batch.rc == RC_OK
                    && !outbox_is_full(&broker->outbox);
         i++) {
        enum rc rc = link_receive(broker->requests, &message, &err);

        if (rc == RC_NOT_FOUND)
            break;
        if (rc == RC_OK) {
            inbox_handle(broker, &message);
            link_free(&message);
        }
    }
    for (int i = 0;
         i < TURN_MESSAGES_MAX && link_receive(broker->events, &message, &err) == RC_OK;
         i++) {
        greet(broker, &message);
        link_free(&message);
    }
}

/* A few old events at a time, so that no turn gets long. */
/* A backup that was killed left its snapshot, which keeps pages from being used again. */
static void forget_readers(struct broker *broker)
{
    if (broker->now_us < broker->readers_at_us)
        return;
    store_forget_readers(broker->store);
    broker->readers_at_us = broker->now_us + READERS_PAUSE_US;
}

static void trim_events(struct broker *broker)
{
    int64_t keep_us = (int64_t)broker->settings.events_keep_s * 1000000;
    size_t removed = 0;
    struct err err;

    if (keep_us == 0 || broker->now_us < broker->trim_at_us)
        return;
    batch_check(broker,
                store_events_trim(broker->store, broker->now_us - keep_us,
                                  TRIM_EVENTS_MAX, &removed, &err),
                &err);
    if (removed == TRIM_EVENTS_MAX)
        broker->trim_at_us = 0;
    else
        broker->trim_at_us =
            broker->now_us + (keep_us / 2 < TRIM_PAUSE_US ? keep_us / 2 : TRIM_PAUSE_US);
}

int64_t monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The present on the broker's clock: wall time at the start, going on with the monotonic
 * clock, so that it never goes back. */
static int64_t present_us(const struct broker *broker)
{
    return broker->now_us + monotonic_us() - broker->monotonic_us;
}

/* Wall time that ran ahead means that the machine slept or that its clock was set: then
 * no node was silent, we were away. */
static void advance_clock(struct broker *broker)
{
    int64_t wall = clock_us(), present = present_us(broker);
    struct node_view view;

    broker->monotonic_us += present - broker->now_us;
    broker->now_us = present;
    if (wall - present < CLOCK_JUMP_US)
        return;
    broker->now_us = wall;
    for (uint32_t i = 0; i < broker->peer_count; i++)
        if (core_node(broker->core, i, &view) && view.state == NODE_ONLINE) {
            session_excuse(&broker->peers[i].session);
            broker_step(broker, &(struct core_input){ .kind = INPUT_BEAT, .node = i });
        }
}

/* A store that was full loses first what it may forget, in a batch that holds nothing
 * else and finds room in any case. */
static enum rc make_room(struct broker *broker, struct err *err)
{
    uint64_t store_max = broker->settings.limits.store_max;
    enum rc rc;

    if (store_max > 0)
        store_limit(broker->store, store_max + TRIM_ROOM);
    broker->trim_at_us = 0;
    trim_events(broker);
    rc = turn_commit(broker, err);
    if (store_max > 0)
        store_limit(broker->store, store_max);
    return rc;
}

static enum rc turn(struct broker *broker, struct err *err)
{
    bool was_full = broker->batch.rc == RC_FULL;
    enum rc rc;

    broker->batch = (struct err){ .rc = RC_OK };
    if (was_full) {
        rc = make_room(broker, err);
        if (rc != RC_OK || broker->batch.rc != RC_OK)
            return rc;
    }
    broker->scratch = arena_create(TURN_ARENA_MAX);
    if (!broker->scratch)
        return err_set(err, RC_NO_MEMORY, "no memory for a turn");
    advance_clock(broker);
    drain(broker);
    if (broker->batch.rc == RC_OK)
        reuse_ask_again(broker);
    if (broker->batch.rc == RC_OK)
        looks_step(broker);
    if (broker->batch.rc == RC_OK)
        broker_step(broker, &(struct core_input){ .kind = INPUT_TICK });
    if (broker->batch.rc == RC_OK)
        trim_events(broker);
    forget_readers(broker);
    space_step(broker);
    if (broker->batch.rc == RC_OK)
        space_write(broker);
    rc = turn_commit(broker, err);
    arena_destroy(broker->scratch);
    broker->scratch = NULL;
    return rc;
}

static int wait_ms(const struct broker *broker)
{
    int64_t until = core_deadline_us(broker->core);
    int64_t idle =
        broker->settings.idle_exit_ms
            ? broker->active_at_us + (int64_t)broker->settings.idle_exit_ms * 1000
            : INT64_MAX;
    int64_t now = present_us(broker);

    if (broker->batch.rc != RC_OK)
        return FULL_WAIT_MS;
    if (reuse_is_due(broker) || looks_are_due(broker))
        return 0;
    if (core_active(broker->core) == 0 && idle < until)
        until = idle;
    if (broker->settings.events_keep_s > 0 && broker->trim_at_us < until)
        until = broker->trim_at_us;
    if (broker->plans_due_us < until)
        until = broker->plans_due_us;
    if (space_due_us(broker) < until)
        until = space_due_us(broker);
    if (until == INT64_MAX)
        return -1;
    if (until <= now)
        return 0;
    return until - now > 60000000 ? 60000 : (int)((until - now) / 1000 + 1);
}

static void quit_nodes(struct broker *broker)
{
    struct buf empty = { 0 };

    for (uint32_t i = 0; i < broker->peer_count; i++)
        if (broker->peers[i].has_joined)
            peer_send(broker, i, MESSAGE_QUIT, &empty);
    outbox_send(&broker->outbox, broker->requests, broker->events);
}

static bool is_idle(const struct broker *broker)
{
    return broker->settings.idle_exit_ms > 0 && core_active(broker->core) == 0
           && broker->now_us - broker->active_at_us
                  > (int64_t)broker->settings.idle_exit_ms * 1000;
}

enum rc broker_run(struct broker *broker, struct err *err)
{
    enum rc rc = RC_OK;

    while (rc == RC_OK && !broker->is_ending) {
        zmq_pollitem_t items[] = { { broker->requests, 0, ZMQ_POLLIN, 0 },
                                   { broker->events, 0, ZMQ_POLLIN, 0 },
                                   { NULL, broker->signal_fd, ZMQ_POLLIN, 0 },
                                   { NULL, space_fd(broker->space), ZMQ_POLLIN, 0 } };

        if (zmq_poll(items, COUNT_OF(items), wait_ms(broker)) < 0 && errno != EINTR)
            return err_set_sys(err, RC_IO, errno, "waiting for messages");
        if (items[2].revents && is_asked_to_end(broker))
            break;
        if (core_active(broker->core) > 0)
            broker->active_at_us = present_us(broker);
        rc = turn(broker, err);
        if (is_idle(broker))
            break;
    }
    if (broker->settings.idle_exit_ms > 0)
        quit_nodes(broker);
    return rc;
}
