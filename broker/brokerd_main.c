/* brokerd_main.c - the broker's command line. */
#include "broker/broker.h"
#include "broker/link/link.h"
#include "broker/service/notify.h"
#include "broker/service/service.h"
#include "codecs/settings/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: brokerd -c FILE [--SETTING VALUE]...\n"
    "       brokerd --private FOLDER [--SETTING VALUE]... [--idle-exit SECONDS]\n"
    "\n"
    "Keeps runs, hands out tasks and publishes events (see brokerd(8)).\n"
    "  -c, --config FILE    settings (see sluice-settings(5)); each is an option, too,\n"
    "                       such as --node-timeout 10s or --listen-requests 7101\n"
    "  --private FOLDER     store, artifacts and sockets of one project, under FOLDER\n"
    "  --idle-exit SECONDS  ends after so long without work or requests (0: never;\n"
    "                       default 900 with --private, else 0)\n"
    "  --ready-fd N         writes one line to descriptor N once requests are taken\n"
    "  --check              checks the settings and ends\n"
    "  --example            prints every setting as a file with its default\n"
    "  --version, --help\n";

struct listens { /* the endpoints to bind */
    char requests[ENDPOINT_MAX], events[ENDPOINT_MAX], bulk[ENDPOINT_MAX];
};

struct start {
    struct service_options options;
    struct settings *settings; /* in use */
    const char *private;       /* folder, or NULL */
    uint64_t idle_exit_s;
    int ready_fd;
    bool has_idle_exit, is_check;
    struct listens listens; /* as they were at the start */
    char directory[4096];
};

static bool take_option(void *context, int option, const char *argument)
{
    struct start *start = context;
    uint64_t number = 0;

    switch (option) {
    case 'p':
        start->private = argument;
        return true;
    case 'i':
        start->has_idle_exit = true;
        return service_number(argument, 100000000, &start->idle_exit_s);
    case 'r':
        if (!service_number(argument, 1 << 20, &number))
            return false;
        start->ready_fd = (int)number;
        return true;
    case 'k':
        start->is_check = true;
        return true;
    default:
        return false;
    }
}

static enum rc private_endpoints(struct start *start, struct err *err)
{
    char folder[4096];
    enum rc rc;

    if (snprintf(folder, sizeof folder, "%s/run", start->private) >= (int)sizeof folder)
        return err_set(err, RC_INVALID, "the folder's path is too long: %s",
                       start->private);
    rc = link_ipc_endpoint(folder, "broker", start->listens.requests, err);
    if (rc == RC_OK)
        rc = link_ipc_endpoint(folder, "events", start->listens.events, err);
    if (rc == RC_OK)
        rc = link_ipc_endpoint(folder, "bulk", start->listens.bulk, err);
    return rc;
}

/* A setting is a port of the address, or an endpoint. */
static void listen_at(struct settings *settings, const char *key, const char *text,
                      char out[ENDPOINT_MAX])
{
    const struct brokerd_values *values = settings_values(settings);
    char endpoint[ENDPOINT_MAX];
    struct err err;

    bool is_port = strspn(text, "0123456789") == strlen(text);

    if (is_port) {
        snprintf(endpoint, sizeof endpoint, "tcp://*:%s", text);
        link_with_host(endpoint, values->address, out);
    } else {
        snprintf(out, ENDPOINT_MAX, "%s", text);
    }
    if (link_check("the broker", out, values->insecure, &err) != RC_OK)
        settings_fault(settings, is_port ? "listen.address" : key, "%s", err.text);
}

/* What only the program knows about its settings. */
static void check(const struct start *start, struct settings *settings,
                  struct listens *listens)
{
    const struct brokerd_values *values = settings_values(settings);

    if (start->private)
        return;
    if (!values->directory)
        settings_fault(settings, "directory", "has to be set: an absolute path");
    listen_at(settings, "listen.requests", values->requests, listens->requests);
    listen_at(settings, "listen.events", values->events, listens->events);
    listen_at(settings, "listen.bulk", values->bulk, listens->bulk);
}

/* The settings, or NULL after what is wrong was said. */
static struct settings *load(const struct start *start, struct listens *listens)
{
    struct err err;
    scoped(settings) settings = service_settings(&start->options, &err);

    if (!settings) {
        fprintf(stderr, "brokerd: %s\n", err.text);
        return NULL;
    }
    check(start, settings, listens);
    fputs(settings_faults(settings), stderr);
    return *settings_faults(settings) ? NULL : steal(&settings);
}

static void use(const struct settings *settings, struct broker_settings *broker)
{
    const struct brokerd_values *values = settings_values(settings);

    broker->node_timeout_ms = values->node_timeout_ms;
    broker->retry_wait_ms = values->retry_wait_ms;
    broker->retry_wait_max_ms = values->retry_wait_max_ms;
    broker->events_keep_s = (values->events_keep_ms + 999) / 1000;
    broker->gc = (struct broker_gc){ .every_ms = values->gc_every_ms,
                                     .older_than_s = values->gc_older_than_ms / 1000,
                                     .keep_last = values->gc_keep_last,
                                     .grace_s = values->gc_grace_ms / 1000 };
    broker->limits.answers_max = values->answers_max;
    broker->limits.turn_max = values->turn_max;
    broker->limits.store_max = values->store_max;
    broker->advertise = values->advertise;
}

/* A file with faults changes nothing. */
static void reload(void *context, struct broker_settings *broker)
{
    struct start *start = context;
    struct listens listens;
    struct settings *settings;

    service_notify("RELOADING=1");
    settings = load(start, &listens);
    if (settings) {
        service_tell_changes(&brokerd_settings, start->settings, settings);
        use(settings, broker);
        settings_destroy(start->settings);
        start->settings = settings;
    } else {
        fputs("brokerd: the settings stay as they were\n", stderr);
    }
    service_notify("READY=1");
}

static enum rc run(struct start *start, struct err *err)
{
    const struct brokerd_values *values = settings_values(start->settings);
    uint64_t idle_s = start->has_idle_exit ? start->idle_exit_s
                      : start->private     ? 900
                                           : 0;
    struct broker_settings settings = {
        .directory = start->directory,
        .is_private = start->private != NULL,
        .requests = start->listens.requests,
        .events = start->listens.events,
        .bulk = start->listens.bulk,
        .limits = { .stages_max = values->stages_max,
                    .message_max = values->message_max,
                    .requests_max = (uint32_t)values->requests_max,
                    .queue_max = (uint32_t)values->queue_max,
                    .events_max = (uint32_t)values->events_max,
                    .nodes_max = (uint32_t)values->nodes_max,
                    .bulk_queue_max = (uint32_t)values->bulk_queue_max,
                    .uploads_max = (uint32_t)values->uploads_max,
                    .uploads_peer_max = (uint32_t)values->uploads_peer_max },
        .idle_exit_ms = idle_s * 1000,
        .ready_fd = start->ready_fd,
        .reload = reload,
        .reload_context = start,
    };
    scoped(broker) broker = NULL;
    enum rc rc = start->private ? private_endpoints(start, err) : RC_OK;

    snprintf(start->directory, sizeof start->directory, "%s",
             start->private ? start->private : values->directory);
    use(start->settings, &settings);
    if (rc == RC_OK)
        rc = broker_create(&settings, &broker, err);
    if (rc == RC_OK)
        rc = broker_run(broker, err);
    service_notify("STOPPING=1");
    return rc;
}

int main(int argc, char **argv)
{
    static const struct option own[] = {
        { "private", required_argument, NULL, 'p' },
        { "idle-exit", required_argument, NULL, 'i' },
        { "ready-fd", required_argument, NULL, 'r' },
        { "check", no_argument, NULL, 'k' },
        { NULL, 0, NULL, 0 },
    };
    static struct start start = { .options = { .schema = &brokerd_settings },
                                  .ready_fd = -1 };
    struct err err;
    int status = service_answer(&brokerd_settings, usage, argc, argv);
    enum rc rc;

    if (status >= 0)
        return status;
    if (!service_options_read(&start.options, argc, argv, own, take_option, &start)) {
        fputs(usage, stderr);
        return 2;
    }
    start.settings = load(&start, &start.listens);
    if (!start.settings)
        return 2;
    link_keep_memory();
    rc = start.is_check ? RC_OK : run(&start, &err);
    settings_destroy(start.settings);
    if (rc == RC_OK)
        return 0;
    fprintf(stderr, "brokerd: %s\n", err.text);
    return 1;
}
