/* broker.c - puts the broker together and takes it apart. */
#include "broker/broker_state.h"

#include "broker/service/notify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum {
    GOODBYE_MS = 500,        /* how long last answers may take to leave */
    SUBSCRIPTION_MAX = 1024, /* bytes of a topic; libzmq keeps a node of a tree a byte */
};

static enum rc open_storage(struct broker *broker, struct err *err)
{
    const char *directory = broker->settings.directory;
    char path[4096];
    enum rc rc;

    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make the folder %s",
                           directory);
    if (snprintf(path, sizeof path, "%s/store", directory) >= (int)sizeof path)
        return err_set(err, RC_INVALID, "the folder's path is too long: %s", directory);
    rc = store_open(path, &broker->store, err);
    if (rc != RC_OK)
        return rc;
    store_limit(broker->store, broker->settings.limits.store_max);
    rc = store_lineage_complete(broker->store, err);
    if (rc != RC_OK)
        return rc;
    snprintf(path, sizeof path, "%s/objects", directory);
    return objects_open(path, &broker->objects, err);
}

/* What others are told: where the sockets are, with the host that the settings name. */
static void tell_endpoints(struct broker *broker)
{
    const char *host = broker->settings.advertise;
    char at[ENDPOINT_MAX];

    link_bound(broker->requests, broker->settings.requests, broker->requests_at);
    link_bound(broker->events, broker->settings.events, broker->events_at);
    snprintf(broker->bulk_at, ENDPOINT_MAX, "%s", bulk_server_endpoint(broker->bulk));
    if (!host)
        return;
    snprintf(at, sizeof at, "%s", broker->requests_at);
    link_with_host(at, host, broker->requests_at);
    snprintf(at, sizeof at, "%s", broker->events_at);
    link_with_host(at, host, broker->events_at);
    link_with_host(bulk_server_endpoint(broker->bulk), host, broker->bulk_at);
}

void broker_reload(struct broker *broker)
{
    struct core_options options;

    if (!broker->settings.reload)
        return;
    broker->settings.reload(broker->settings.reload_context, &broker->settings);
    options = core_options_of(&broker->settings);
    core_configure(broker->core, &options);
    unread_configure(broker->answers, broker->settings.limits.answers_max);
    unread_configure(broker->tellings, broker->settings.limits.answers_max);
    broker->outbox.full = broker->settings.limits.turn_max;
    store_limit(broker->store, broker->settings.limits.store_max);
    tell_endpoints(broker);
}

static enum rc open_sockets(struct broker *broker, struct err *err)
{
    const struct broker_limits *limits = &broker->settings.limits;
    enum rc rc;

    broker->context = zmq_ctx_new();
    if (!broker->context)
        return err_set(err, RC_NO_MEMORY, "no memory for sockets");
    zmq_ctx_set(broker->context, ZMQ_MAX_SOCKETS, 8192);
    rc = link_bind_bounded(
        broker->context, ZMQ_ROUTER, broker->settings.requests,
        (struct link_bounds){ .queue_max = (int)limits->queue_max,
                              .receive_max = (int)limits->requests_max,
                              .message_max = (int64_t)limits->message_max },
        &broker->requests, err);
    if (rc == RC_OK)
        rc = link_bind_bounded(broker->context, ZMQ_XPUB, broker->settings.events,
                               (struct link_bounds){ .queue_max = (int)limits->events_max,
                                                     .message_max = SUBSCRIPTION_MAX },
                               &broker->events, err);
    if (rc == RC_OK)
        rc = bulk_server_create(
            broker->context, broker->settings.bulk, broker->objects,
            &(struct bulk_limits){
                .queue_max = limits->bulk_queue_max,
                .nodes_wait_ms =
                    broker->settings.is_private ? 0 : broker->settings.node_timeout_ms,
                .uploads_max = limits->uploads_max,
                .uploads_peer_max = limits->uploads_peer_max },
            &broker->bulk, err);
    if (rc == RC_OK)
        tell_endpoints(broker);
    return rc;
}

static enum rc catch_signals(struct broker *broker, struct err *err)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    broker->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return broker->signal_fd < 0 ? err_set_sys(err, RC_IO, errno, "signalfd") : RC_OK;
}

static void tell_ready(const struct broker *broker)
{
    int fd = broker->settings.ready_fd;

    service_notify("READY=1");
    if (fd < 0)
        return;
    if (dprintf(fd, "ready %s\n", broker->requests_at) < 0)
        fprintf(stderr, "brokerd: nobody waits for the ready line\n");
    close(fd);
}

enum rc broker_create(const struct broker_settings *settings, struct broker **broker,
                      struct err *err)
{
    scoped(broker) made = calloc(1, sizeof *made);
    enum rc rc;

    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for the broker");
    made->settings = *settings;
    made->signal_fd = -1;
    made->now_us = made->started_at_us = made->active_at_us = clock_us();
    made->monotonic_us = monotonic_us();
    made->answers = unread_create(settings->limits.answers_max);
    made->tellings = unread_create(settings->limits.answers_max);
    made->digester = digester_create(false);
    made->reuse = reuse_create();
    made->looks = looks_create();
    if (!made->answers || !made->tellings || !made->digester || !made->reuse
        || !made->looks)
        return err_set(err, RC_NO_MEMORY, "no memory for the broker");
    outbox_init(&made->outbox, made->answers, made->tellings, settings->limits.turn_max);
    rc = catch_signals(made, err);
    if (rc == RC_OK)
        rc = open_storage(made, err);
    if (rc == RC_OK)
        rc = broker_restore(made, err);
    if (rc == RC_OK)
        made->token_first = made->counters.token_next;
    if (rc == RC_OK && !(made->space = space_create(made)))
        rc = err_set(err, RC_NO_MEMORY, "no memory for the broker");
    if (rc == RC_OK)
        rc = open_sockets(made, err);
    if (rc != RC_OK)
        return rc;
    tell_ready(made);
    *broker = steal(&made);
    return RC_OK;
}

static void goodbye(void *socket)
{
    int linger = GOODBYE_MS;

    if (!socket)
        return;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    link_close(socket);
}

void broker_destroy(struct broker *broker)
{
    if (!broker)
        return;
    bulk_server_destroy(broker->bulk);
    goodbye(broker->requests);
    goodbye(broker->events);
    if (broker->context)
        zmq_ctx_term(broker->context);
    core_destroy(broker->core);
    changes_fini(&broker->changes);
    plans_fini(broker);
    peers_fini(broker);
    labels_fini(&broker->labels);
    layer_fini(&broker->layer);
    listeners_fini(&broker->listeners);
    space_destroy(broker->space);
    reuse_destroy(broker->reuse);
    looks_destroy(broker->looks);
    outbox_fini(&broker->outbox);
    buf_fini(&broker->event_topic);
    buf_fini(&broker->event_body);
    unread_destroy(broker->answers);
    unread_destroy(broker->tellings);
    digester_destroy(broker->digester);
    objects_destroy(broker->objects);
    store_destroy(broker->store);
    if (broker->signal_fd >= 0)
        close(broker->signal_fd);
    free(broker);
}
