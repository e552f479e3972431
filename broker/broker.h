/* broker.h - the broker as a program: settings, the loop, and its end.
 *
 * One thread owns core, store and the request and event sockets. A turn of the loop
 * drains what has arrived, steps the core, commits once, and only then speaks. Bulk data
 * has a thread of its own. */
#pragma once

#include "codecs/base/base.h"

struct broker_limits { /* the settings of these names; docs/limits.md */
    uint64_t stages_max;
    uint64_t answers_max, turn_max; /* bytes */
    uint64_t message_max;           /* bytes of one frame */
    uint64_t store_max;             /* bytes; 0: no limit */
    uint32_t requests_max, queue_max, events_max, nodes_max;
    uint32_t bulk_queue_max, uploads_max, uploads_peer_max;
};

struct broker_gc {     /* removing what nothing needs, by itself */
    uint64_t every_ms; /* 0: never */
    uint64_t older_than_s, keep_last, grace_s; /* as of space_order */
};

struct broker_settings {
    const char
        *directory; /* store in <directory>/store, artifacts in <directory>/objects */
    const char *requests, *events, *bulk; /* endpoints to bind */
    const char *advertise; /* host to tell others instead of the bound one, or NULL */
    struct broker_limits limits;
    bool is_private; /* of one project: its node keeps nothing for itself */
    uint64_t node_timeout_ms;
    uint64_t retry_wait_ms, retry_wait_max_ms; /* before a task is tried again */
    uint64_t events_keep_s; /* events older than this are forgotten; 0: none is */
    struct broker_gc gc;
    uint64_t idle_exit_ms; /* ends itself when nothing happens for so long; 0: never */
    int ready_fd; /* gets one line, "ready" and the endpoint of requests, when the sockets
                     are bound, then is closed; -1: none */
    /* Called on SIGHUP: changes answers_max, turn_max, store_max, node_timeout_ms,
     * retry_wait_ms, retry_wait_max_ms, events_keep_s, gc and advertise as they shall be
     * from now on. NULL: SIGHUP does nothing. */
    void (*reload)(void *context, struct broker_settings *settings);
    void *reload_context;
};

struct broker;

/* Opens store and artifacts, restores the core, binds. Errors name the path or endpoint.
 */
NODISCARD enum rc broker_create(const struct broker_settings *settings,
                                struct broker **broker, struct err *err);
void broker_destroy(struct broker *broker); /* NULL is fine */
SCOPED(broker)

/* Runs until SIGTERM, SIGINT, a shutdown request or idleness. RC_IO: durability is in
 * doubt. */
NODISCARD enum rc broker_run(struct broker *broker, struct err *err);
