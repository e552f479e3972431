/* noded_main.c - the node's command line: the supervisor, and the agent that it starts.
 */
#include "broker/link/link.h"
#include "codecs/wire/message.h"
#include "nodes/agent.h"
#include "nodes/supervisor/supervisor.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: noded --private FOLDER [--name NAME] [--slots N] [--idle-exit SECONDS]\n"
    "\n"
    "Runs tasks for a broker (see noded(8)).\n"
    "  --private FOLDER     the node of one project: sockets in FOLDER/run, work in "
    "FOLDER/node\n"
    "  --name NAME          of the node (default: the host's name)\n"
    "  --slots N            tasks at once (default: the number of CPUs)\n"
    "  --idle-exit SECONDS  ends when it heard no broker for so long and runs nothing "
    "(default 10)\n"
    "  --version, --help\n";

struct options {
    const char *folder, *name;
    uint64_t slots, idle_exit_s;
    bool is_agent;
    char host[NODE_NAME_MAX + 1];
};

static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
    char *end;
    unsigned long long read = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || read < min || read > max)
        return false;
    *number = read;
    return true;
}

/* The host's name, as far as it may be a node's name. */
static const char *host_name(char host[NODE_NAME_MAX + 1])
{
    if (gethostname(host, NODE_NAME_MAX) < 0 || !node_name_is_valid(host))
        snprintf(host, NODE_NAME_MAX, "node");
    host[NODE_NAME_MAX] = '\0';
    return host;
}

/* 0: go on; else the exit status plus one. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        { "private", required_argument, NULL, 'p' },
        { "name", required_argument, NULL, 'n' },
        { "slots", required_argument, NULL, 's' },
        { "idle-exit", required_argument, NULL, 'i' },
        { "agent", no_argument, NULL, 'a' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    bool is_good = true;

    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'p')
            options->folder = optarg;
        else if (option == 'n')
            options->name = optarg;
        else if (option == 's')
            is_good &= read_number(optarg, 1, NODE_SLOTS_MAX, &options->slots);
        else if (option == 'i')
            is_good &= read_number(optarg, 0, 100000000, &options->idle_exit_s);
        else if (option == 'a')
            options->is_agent = true;
        else if (option == 'v')
            return printf("noded %s\n", SLUICE_VERSION) > 0 ? 1 : 2;
        else if (option == 'h')
            return fputs(usage, stdout) >= 0 ? 1 : 2;
        else
            is_good = false;
    }
    if (options->name && !node_name_is_valid(options->name)) {
        fprintf(stderr,
                "noded: --name has 1 to %d letters, digits, dots, dashes, underscores\n",
                NODE_NAME_MAX);
        is_good = false;
    }
    if (is_good && options->folder && optind == argc)
        return 0;
    fputs(usage, stderr);
    return 3;
}

static int run_agent(const struct options *options, const char *directory)
{
    static char requests[ENDPOINT_MAX], bulk[ENDPOINT_MAX];
    char run[PATH_MAX + 8];
    struct err err;
    struct agent_settings settings = { .directory = directory,
                                       .name = options->name,
                                       .requests = requests,
                                       .bulk = bulk,
                                       .slots = (uint32_t)options->slots,
                                       .takes_any_label = true,
                                       .idle_exit_ms = options->idle_exit_s * 1000,
                                       .channel_fd = SUPERVISOR_CHANNEL_FD };

    snprintf(run, sizeof run, "%s/../run", directory);

    enum rc rc = link_ipc_endpoint(run, "broker", requests, &err);

    if (rc == RC_OK)
        rc = link_ipc_endpoint(run, "bulk", bulk, &err);
    if (rc == RC_OK)
        rc = agent_run(&settings, &err);
    if (rc == RC_OK)
        return 0;
    fprintf(stderr, "noded: %s\n", err.text);
    return 1;
}

static int run_supervisor(const struct options *options, char **argv,
                          const char *directory)
{
    char slots[24], idle[24];
    const char *agent[] = { "/proc/self/exe",
                            "--private",
                            options->folder,
                            "--name",
                            options->name,
                            "--slots",
                            slots,
                            "--idle-exit",
                            idle,
                            "--agent",
                            NULL };
    struct supervisor_options supervisor = { .directory = directory,
                                             .agent = agent,
                                             .restart_wait_ms = 100 };
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    (void)argv;
    if (size > 0) {
        self[size] = '\0';
        agent[0] = self;
    }
    snprintf(slots, sizeof slots, "%lu", (unsigned long)options->slots);
    snprintf(idle, sizeof idle, "%lu", (unsigned long)options->idle_exit_s);
    return supervisor_run(&supervisor);
}

int main(int argc, char **argv)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct options options = { .slots = cpus > 0 ? (uint64_t)cpus : 1,
                               .idle_exit_s = 10 };
    int status = read_options(argc, argv, &options);
    char path[PATH_MAX + 8], directory[PATH_MAX];

    if (status != 0)
        return status - 1;
    if (!options.name)
        options.name = host_name(options.host);
    snprintf(path, sizeof path, "%s/node", options.folder);
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        fprintf(stderr, "noded: cannot make the folder %s: %s\n", path, strerror(errno));
        return 1;
    }
    if (!realpath(path, directory)) {
        fprintf(stderr, "noded: %s: %s\n", path, strerror(errno));
        return 1;
    }
    return options.is_agent ? run_agent(&options, directory)
                            : run_supervisor(&options, argv, directory);
}
