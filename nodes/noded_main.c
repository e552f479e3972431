/* noded_main.c - the node's command line: the supervisor, and the agent that it starts.
 */
#include "broker/link/link.h"
#include "broker/service/notify.h"
#include "broker/service/service.h"
#include "codecs/settings/tables.h"
#include "codecs/wire/message.h"
#include "nodes/agent.h"
#include "nodes/devices.h"
#include "nodes/supervisor/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: noded -c FILE [--SETTING VALUE]...\n"
    "       noded --private FOLDER [--SETTING VALUE]... [--idle-exit SECONDS]\n"
    "\n"
    "Runs tasks for a broker (see noded(8)).\n"
    "  -c, --config FILE    settings (see sluice-settings(5)); each is an option, too,\n"
    "                       such as --cpus 8 or --broker tcp://broker.lan:7101\n"
    "  --private FOLDER     the node of one project: sockets in FOLDER/run, work in "
    "FOLDER/node\n"
    "  --idle-exit SECONDS  ends when it heard no broker for so long and runs nothing\n"
    "                       (0: never; default 10 with --private, else 0)\n"
    "  --check              checks the settings and ends\n"
    "  --example            prints every setting as a file with its default\n"
    "  --version, --help\n";

enum { ARGUMENTS_MAX = 200, START_DELAY_MS = 5 };

struct start {
    struct service_options options;
    struct settings *settings; /* in use */
    const char *private;       /* folder, or NULL */
    uint64_t idle_exit_s;
    bool has_idle_exit, is_agent, is_check;
    char host[NODE_NAME_MAX + 1];
    char directory[PATH_MAX]; /* of the node, absolute */
};

static bool take_option(void *context, int option, const char *argument)
{
    struct start *start = context;

    switch (option) {
    case 'p':
        start->private = argument;
        return true;
    case 'i':
        start->has_idle_exit = true;
        return service_number(argument, 100000000, &start->idle_exit_s);
    case 'a':
        start->is_agent = true;
        return true;
    case 'k':
        start->is_check = true;
        return true;
    default:
        return false;
    }
}

/* The host's name, as far as it may be a node's name. */
static const char *host_name(char host[NODE_NAME_MAX + 1])
{
    if (gethostname(host, NODE_NAME_MAX) < 0 || !node_name_is_valid(host))
        snprintf(host, NODE_NAME_MAX, "node");
    host[NODE_NAME_MAX] = '\0';
    return host;
}

/* Whether other nodes can reach what this one gives. */
static void check_giving(const struct noded_values *values, struct settings *settings)
{
    char seen[ENDPOINT_MAX];
    struct err err;

    if (!values->bulk_listen && strcmp(values->outputs, "node") == 0)
        settings_fault(settings, "outputs",
                       "cannot be node without bulk-listen: nobody could ask for them");
    if (!values->bulk_listen)
        return;
    if (link_check("other nodes", values->bulk_listen, values->insecure, &err) != RC_OK)
        settings_fault(settings, "bulk-listen", "%s", err.text);
    link_seen_from(values->bulk_listen, "tcp://elsewhere:1", seen);
    if (strcmp(seen, values->bulk_listen) != 0 && !values->bulk_advertise)
        settings_fault(settings, "bulk-advertise",
                       "has to be set: bulk-listen names no host");
}

/* What only the program knows about its settings. */
static void check(const struct start *start, struct settings *settings)
{
    const struct noded_values *values = settings_values(settings);
    struct err err;

    if (start->private)
        return;
    if (!values->directory)
        settings_fault(settings, "directory", "has to be set: an absolute path");
    if (link_check("the broker", values->broker, values->insecure, &err) != RC_OK)
        settings_fault(settings, "broker", "%s", err.text);
    if (values->bulk
        && link_check("the broker", values->bulk, values->insecure, &err) != RC_OK)
        settings_fault(settings, "bulk", "%s", err.text);
    check_giving(values, settings);
}

/* The settings, or NULL after what is wrong was said. */
static struct settings *load(const struct start *start)
{
    struct err err;
    scoped(settings) settings = service_settings(&start->options, &err);

    if (!settings) {
        fprintf(stderr, "noded: %s\n", err.text);
        return NULL;
    }
    check(start, settings);
    fputs(settings_faults(settings), stderr);
    return *settings_faults(settings) ? NULL : steal(&settings);
}

static void use(const struct settings *settings, struct agent_settings *agent)
{
    const struct noded_values *values = settings_values(settings);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    agent->drain_timeout_ms = values->drain_timeout_ms;
    agent->slots = values->cpus ? (uint32_t)values->cpus : cpus > 0 ? (uint32_t)cpus : 1;
}

/* A file with faults changes nothing. The old settings stay, as texts of them are in use.
 */
static void reload(void *context, struct agent_settings *agent)
{
    struct start *start = context;
    scoped(settings) settings = load(start);

    if (!settings) {
        fputs("noded: the settings stay as they were\n", stderr);
        return;
    }
    service_tell_changes(&noded_settings, start->settings, settings);
    use(settings, agent);
}

static uint32_t memory_mb(uint64_t bytes)
{
    uint64_t mb = bytes >> 20;

    return mb > UINT32_MAX ? UINT32_MAX : (uint32_t)mb;
}

static uint64_t gpus_of(const struct setting_texts *gpus)
{
    uint64_t all = 0;

    if (gpus->count == 1 && strcmp(gpus->items[0], "auto") == 0)
        return devices_find();
    if (gpus->count == 1 && strcmp(gpus->items[0], "none") == 0)
        return 0;
    for (size_t i = 0; i < gpus->count; i++)
        all |= 1ull << strtoul(gpus->items[i], NULL, 10);
    return all;
}

/* The file of stores: as set; else of a private node the project's own, if it is there,
 * else the person's. NULL: none. */
static const char *stores_file(const struct start *start, char path[PATH_MAX])
{
    const struct noded_values *values = settings_values(start->settings);
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int size = PATH_MAX, project = (int)strlen(start->directory) - (int)strlen("/node");

    if (values->stores || !start->private)
        return values->stores;
    if (snprintf(path, PATH_MAX, "%.*s/stores.yaml", project, start->directory) < PATH_MAX
        && access(path, F_OK) == 0)
        return path;
    if (config && *config)
        size = snprintf(path, PATH_MAX, "%s/sluice/stores.yaml", config);
    else if (home && *home)
        size = snprintf(path, PATH_MAX, "%s/.config/sluice/stores.yaml", home);
    return size < PATH_MAX && access(path, F_OK) == 0 ? path : NULL;
}

static int run_agent(struct start *start)
{
    static char requests[ENDPOINT_MAX], bulk[ENDPOINT_MAX], stores[PATH_MAX];
    const struct noded_values *values = settings_values(start->settings);
    char run[PATH_MAX + 8];
    struct err err;
    enum rc rc = RC_OK;
    uint64_t idle_s = start->has_idle_exit ? start->idle_exit_s : start->private ? 10 : 0;
    static struct device_facts devices;
    struct agent_settings settings = {
        .directory = start->directory,
        .name = values->name ? values->name : host_name(start->host),
        .requests = start->private ? requests : values->broker,
        .bulk = start->private ? bulk : values->bulk,
        .insecure = values->insecure,
        .memory_mb = memory_mb(values->memory),
        .classes_max = (uint32_t)values->classes_max,
        .workers_max = (uint32_t)values->workers_max,
        .queue_max = (uint32_t)values->queue_max,
        .results_max = values->results_max,
        .cache_size = values->cache_size,
        .bulk_listen = start->private ? NULL : values->bulk_listen,
        .keeps_outputs = !start->private && strcmp(values->outputs, "node") == 0,
        .bulk_advertise = values->bulk_advertise,
        .peers_max = (uint32_t)values->peers_max,
        .stores = stores_file(start, stores),
        .gpus = gpus_of(&values->gpus),
        .labels = (const char **)(uintptr_t)values->labels.items,
        .label_count = values->labels.count,
        .takes_any_label = start->private != NULL,
        .stop_grace_ms = values->stop_grace_ms,
        .idle_exit_ms = idle_s * 1000,
        .channel_fd = SUPERVISOR_CHANNEL_FD,
        .reload = reload,
        .reload_context = start,
        .devices = &devices,
    };

    if (settings.gpus)
        devices_describe(settings.gpus, &devices);

    use(start->settings, &settings);
    if (start->private) {
        snprintf(run, sizeof run, "%s/../run", start->directory);
        rc = link_ipc_endpoint(run, "broker", requests, &err);
        if (rc == RC_OK)
            rc = link_ipc_endpoint(run, "bulk", bulk, &err);
    }
    link_keep_memory();
    if (rc == RC_OK)
        rc = agent_run(&settings, &err);
    if (rc == RC_OK)
        return 0;
    fprintf(stderr, "noded: %s\n", err.text);
    return 1;
}

/* The agent gets our arguments, and the name that was found. */
static int run_supervisor(struct start *start, int argc, char **argv)
{
    const struct noded_values *values = settings_values(start->settings);
    const char *agent[ARGUMENTS_MAX + 5] = { "/proc/self/exe" };
    struct supervisor_options supervisor = { .directory = start->directory,
                                             .agent = agent,
                                             .stop_grace_ms = values->stop_grace_ms,
                                             .start_delay_ms = START_DELAY_MS,
                                             .attempts_max =
                                                 (uint32_t)values->attempts_max,
                                             .restart_wait_ms = 100 };
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    int count = 1;

    if (size > 0) {
        self[size] = '\0';
        agent[0] = self;
    }
    if (argc > ARGUMENTS_MAX) {
        fprintf(stderr, "noded: more than %d arguments\n", ARGUMENTS_MAX);
        return 2;
    }
    while (count < argc) {
        agent[count] = argv[count];
        count++;
    }
    if (!values->name) {
        agent[count++] = "--name";
        agent[count++] = host_name(start->host);
    }
    agent[count++] = "--agent";
    service_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
    return supervisor_run(&supervisor);
}

static bool find_directory(struct start *start)
{
    const struct noded_values *values = settings_values(start->settings);
    char path[PATH_MAX + 8];

    if (snprintf(path, sizeof path, "%s%s",
                 start->private ? start->private : values->directory,
                 start->private ? "/node" : "")
        >= PATH_MAX) {
        fputs("noded: the folder's path is too long\n", stderr);
        return false;
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        fprintf(stderr, "noded: cannot make the folder %s: %s\n", path, strerror(errno));
        return false;
    }
    if (!realpath(path, start->directory)) {
        fprintf(stderr, "noded: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static const struct option own[] = {
        { "private", required_argument, NULL, 'p' },
        { "idle-exit", required_argument, NULL, 'i' },
        { "agent", no_argument, NULL, 'a' },
        { "check", no_argument, NULL, 'k' },
        { NULL, 0, NULL, 0 },
    };
    static struct start start = { .options = { .schema = &noded_settings } };
    int status = service_answer(&noded_settings, usage, argc, argv);

    if (status >= 0)
        return status;
    if (!service_options_read(&start.options, argc, argv, own, take_option, &start)) {
        fputs(usage, stderr);
        return 2;
    }
    start.settings = load(&start);
    if (!start.settings)
        return 2;
    if (start.is_check)
        status = 0;
    else if (!find_directory(&start))
        status = 1;
    else
        status = start.is_agent ? run_agent(&start) : run_supervisor(&start, argc, argv);
    settings_destroy(start.settings);
    return status;
}
