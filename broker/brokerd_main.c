/* brokerd_main.c - the broker's command line. */
#include "broker/broker.h"
#include "broker/link/link.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: brokerd --private FOLDER [--idle-exit SECONDS] [--ready-fd N]\n"
    "\n"
    "Keeps runs, hands out tasks and publishes events (see brokerd(8)).\n"
    "  --private FOLDER     store, artifacts and sockets of one project, under FOLDER\n"
    "  --node-timeout MS    a node that is silent for so long is lost (default 10000)\n"
    "  --idle-exit SECONDS  ends after so long without work or requests (default 900)\n"
    "  --ready-fd N         writes one line to descriptor N once requests are taken\n"
    "  --version, --help\n";

struct endpoints {
    char folder[4096], requests[ENDPOINT_MAX], events[ENDPOINT_MAX], bulk[ENDPOINT_MAX];
};

static enum rc private_endpoints(const char *folder, struct endpoints *ends,
                                 struct err *err)
{
    enum rc rc;

    if (snprintf(ends->folder, sizeof ends->folder, "%s/run", folder)
        >= (int)sizeof ends->folder)
        return err_set(err, RC_INVALID, "the folder's path is too long: %s", folder);
    rc = link_ipc_endpoint(ends->folder, "broker", ends->requests, err);
    if (rc == RC_OK)
        rc = link_ipc_endpoint(ends->folder, "events", ends->events, err);
    if (rc == RC_OK)
        rc = link_ipc_endpoint(ends->folder, "bulk", ends->bulk, err);
    return rc;
}

static bool read_number(const char *text, uint64_t max, uint64_t *number)
{
    char *end;
    unsigned long long read = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || read > max)
        return false;
    *number = read;
    return true;
}

/* 0: go on; else the exit status plus one. */
static int read_options(int argc, char **argv, struct broker_settings *settings)
{
    static const struct option options[] = {
        { "private", required_argument, NULL, 'p' },
        { "idle-exit", required_argument, NULL, 'i' },
        { "node-timeout", required_argument, NULL, 'n' },
        { "ready-fd", required_argument, NULL, 'r' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    uint64_t number = 0;
    bool is_good = true;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'p') {
            settings->directory = optarg;
        } else if (option == 'i') {
            is_good &= read_number(optarg, 100000000, &number);
            settings->idle_exit_ms = number * 1000;
        } else if (option == 'n') {
            is_good &= read_number(optarg, 3600000, &number) && number >= 100;
            settings->node_timeout_ms = number;
        } else if (option == 'r') {
            is_good &= read_number(optarg, 1 << 20, &number);
            settings->ready_fd = (int)number;
        } else if (option == 'v') {
            printf("brokerd %s\n", SLUICE_VERSION);
            return 1;
        } else if (option == 'h') {
            fputs(usage, stdout);
            return 1;
        } else {
            is_good = false;
        }
    }
    if (is_good && settings->directory && optind == argc)
        return 0;
    fputs(usage, stderr);
    return 3;
}

int main(int argc, char **argv)
{
    struct broker_settings settings = { .node_timeout_ms = 10000,
                                        .idle_exit_ms = 900000,
                                        .ready_fd = -1 };
    static struct endpoints ends;
    scoped(broker) broker = NULL;
    struct err err;
    int status = read_options(argc, argv, &settings);
    enum rc rc;

    if (status != 0)
        return status - 1;
    rc = private_endpoints(settings.directory, &ends, &err);
    settings.requests = ends.requests;
    settings.events = ends.events;
    settings.bulk = ends.bulk;
    if (rc == RC_OK)
        rc = broker_create(&settings, &broker, &err);
    if (rc == RC_OK)
        rc = broker_run(broker, &err);
    if (rc == RC_OK)
        return 0;
    fprintf(stderr, "brokerd: %s\n", err.text);
    return 1;
}
