/* world.c - see world.h. */
#include "tests/chaos/world.h"

#include "tests/chaos/roles.h"
#include "tests/chaos/work.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PORTS = 3, STOP_MS = 60000, FILES_OPEN_MAX = 32 };

static enum rc write_file(const struct world *world, const char *name,
                          const struct buf *bytes, struct err *err)
{
    char path[WORLD_PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", world->folder, name);

    scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || !buf_ok(bytes)
        || write(fd, bytes->data, bytes->size) != (ssize_t)bytes->size)
        return err_set_sys(err, RC_IO, errno, "cannot write %s", path);
    return RC_OK;
}

static enum rc make_folder(const struct world *world, const char *name, struct err *err)
{
    char path[WORLD_PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    return mkdir(path, 0700) == 0
               ? RC_OK
               : err_set_sys(err, RC_IO, errno, "cannot make %s", path);
}

/* Ports that nobody has now. */
static enum rc find_ports(uint16_t ports[PORTS], struct err *err)
{
    int fds[PORTS];
    bool is_good = true;

    for (size_t i = 0; i < PORTS; i++) {
        struct sockaddr_in address = { .sin_family = AF_INET };
        socklen_t size = sizeof address;

        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        is_good &= bind(fds[i], (struct sockaddr *)&address, size) == 0
                   && getsockname(fds[i], (struct sockaddr *)&address, &size) == 0;
        ports[i] = ntohs(address.sin_port);
    }
    for (size_t i = 0; i < PORTS; i++)
        fd_scoped(&fds[i]);
    return is_good ? RC_OK : err_set_sys(err, RC_IO, errno, "cannot find a free port");
}

/* As the environment says, else where the build has it, seen from this program. */
static void find_program(const char *variable, const char *built, char path[PATH_MAX])
{
    const char *named = getenv(variable);
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    self[size > 0 ? size : 0] = '\0';

    const char *slash = strrchr(self, '/');
    int folder = slash ? (int)(slash - self) : 0;

    if (named)
        snprintf(path, PATH_MAX, "%s", named);
    else
        snprintf(path, PATH_MAX, "%.*s/../../%s", folder, self, built);
}

static enum rc add_broker(struct world *world, const struct world_options *options,
                          const uint16_t ports[PORTS], struct err *err)
{
    char program[PATH_MAX], file[WORLD_PATH_MAX + 64];
    scoped_buf yaml = { 0 };
    enum rc rc = make_folder(world, "broker", err);

    find_program("BROKERD", "broker/brokerd", program);
    buf_printf(&yaml,
               "directory: %s/broker\n"
               "listen:\n  address: %s\n  requests: %u\n  events: %u\n  bulk: %u\n"
               "insecure: %s\n"
               "node-timeout: %ums\n",
               world->folder, options->has_network ? "0.0.0.0" : "127.0.0.1", ports[0],
               ports[1], ports[2], options->has_network ? "true" : "false",
               options->node_timeout_ms);
    snprintf(file, sizeof file, "%s/brokerd.yaml", world->folder);
    snprintf(world->endpoint, sizeof world->endpoint, "tcp://127.0.0.1:%u", ports[0]);
    party_init(&world->broker, PARTY_BROKER, world->folder, "brokerd",
               (const char *[]){ program, "-c", file, NULL });
    return rc == RC_OK ? write_file(world, "brokerd.yaml", &yaml, err) : rc;
}

static enum rc add_node(struct world *world, const struct world_options *options,
                        uint16_t port, struct err *err)
{
    unsigned i = world->node_count++;
    char program[PATH_MAX], file[WORLD_PATH_MAX + 64], name[PARTY_NAME_MAX],
        settings[PARTY_NAME_MAX + 8], space[NETWORK_NAME_MAX], host[32];
    scoped_buf yaml = { 0 };
    enum rc rc;

    snprintf(name, sizeof name, "node%u", i);
    snprintf(settings, sizeof settings, "%s.yaml", name);
    snprintf(file, sizeof file, "%s/%s", world->folder, settings);
    snprintf(host, sizeof host, "10.%d.%u.1", world->network.net, i);
    find_program("NODED", "nodes/noded", program);
    buf_printf(&yaml,
               "directory: %s/%s\n"
               "name: %s\n"
               "broker: tcp://%s:%u\n"
               "insecure: %s\n"
               "cpus: %u\n"
               "gpus: none\n",
               world->folder, name, name, options->has_network ? host : "127.0.0.1", port,
               options->has_network ? "true" : "false", options->slots);
    network_name(&world->network, i, space);
    if (options->has_network)
        party_init(
            &world->nodes[i], PARTY_NODE, world->folder, name,
            (const char *[]){ "ip", "netns", "exec", space, program, "-c", file, NULL });
    else
        party_init(&world->nodes[i], PARTY_NODE, world->folder, name,
                   (const char *[]){ program, "-c", file, NULL });
    rc = make_folder(world, name, err);
    return rc == RC_OK ? write_file(world, settings, &yaml, err) : rc;
}

static void add_watcher(struct world *world, unsigned i, uint64_t last)
{
    char name[PARTY_NAME_MAX], path[PATH_MAX], text[24];

    snprintf(name, sizeof name, "subscriber%u", i);
    snprintf(text, sizeof text, "%" PRIu64, last);
    world_watched(world, i, path);
    party_init(&world->watchers[i], PARTY_WATCHER, world->folder, name,
               (const char *[]){ "/proc/self/exe", "--watch", path, world->endpoint, text,
                                 NULL });
}

void world_watched(const struct world *world, unsigned watcher, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/events%u", world->folder, watcher);
}

static enum rc write_work(struct world *world, const struct world_options *options,
                          struct err *err)
{
    char ledger[WORLD_PATH_MAX + 16], runs[24];
    scoped_buf yaml = { 0 };
    enum rc rc = make_folder(world, "ledger", err);

    snprintf(ledger, sizeof ledger, "%s/ledger", world->folder);
    snprintf(runs, sizeof runs, "%" PRIu64, options->runs);
    work_write(ledger, &yaml);
    party_init(&world->client, PARTY_CLIENT, world->folder, "client",
               (const char *[]){ "/proc/self/exe", "--submit", world->folder,
                                 world->endpoint, runs, NULL });
    return rc == RC_OK ? write_file(world, "valohai.yaml", &yaml, err) : rc;
}

enum rc world_create(struct world *world, const struct world_options *options,
                     struct err *err)
{
    uint16_t ports[PORTS];
    const char *base = getenv("TMPDIR");
    enum rc rc;

    *world = (struct world){ .node_count = 0 };
    snprintf(world->folder, sizeof world->folder, "%s/chaos.XXXXXX",
             base && strlen(base) < WORLD_PATH_MAX / 2 ? base : "/tmp");
    if (!mkdtemp(world->folder))
        return err_set_sys(err, RC_IO, errno, "cannot make a folder %s", world->folder);
    rc = find_ports(ports, err);
    if (rc == RC_OK && options->has_network)
        rc = network_create(&world->network, options->nodes, (int)(getpid() % 10000),
                            &options->weather, options->seed, err);
    if (rc == RC_OK)
        rc = add_broker(world, options, ports, err);
    while (rc == RC_OK && world->node_count < options->nodes)
        rc = add_node(world, options, ports[0], err);
    for (unsigned i = 0; i < WORLD_WATCHERS; i++)
        add_watcher(world, i, UINT64_MAX);
    return rc == RC_OK ? write_work(world, options, err) : rc;
}

struct party *world_party(struct world *world, size_t index)
{
    if (index == 0)
        return &world->broker;
    if (index == 1)
        return &world->client;
    if (index < 2 + WORLD_WATCHERS)
        return &world->watchers[index - 2];
    index -= 2 + WORLD_WATCHERS;
    return index < world->node_count ? &world->nodes[index] : NULL;
}

enum rc world_start(struct world *world, struct err *err)
{
    enum rc rc = RC_OK;
    struct party *party;

    for (size_t i = 0; rc == RC_OK && (party = world_party(world, i)); i++)
        rc = party_start(party, err);
    return rc;
}

enum rc world_watch_until(struct world *world, uint64_t last, struct err *err)
{
    enum rc rc = RC_OK;

    for (unsigned i = 0; rc == RC_OK && i < WORLD_WATCHERS; i++) {
        party_kill(&world->watchers[i]);
        add_watcher(world, i, last);
        rc = party_start(&world->watchers[i], err);
    }
    return rc;
}

static unsigned stop(struct party *party)
{
    struct pollfd item = { party->fd, POLLIN, 0 };
    unsigned left = 0;

    if (party->pid == 0)
        return 0;
    kill(party->pid, SIGTERM);
    if (poll(&item, 1, STOP_MS) == 0) {
        printf("FAULT: %s does not end within %d ms of SIGTERM\n", party->name, STOP_MS);
        left = 1;
        kill(party->pid, SIGKILL);
    }
    party_reap(party);
    return left;
}

/* Processes that stand in our folder, though all that we started has ended. */
static unsigned count_left(const struct world *world)
{
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    unsigned left = 0;

    while (folder && (entry = readdir(folder))) {
        char path[300], target[PATH_MAX];

        snprintf(path, sizeof path, "/proc/%s/cwd", entry->d_name);

        ssize_t size = readlink(path, target, sizeof target - 1);

        target[size > 0 ? size : 0] = '\0';
        if (strncmp(target, world->folder, strlen(world->folder)) == 0) {
            printf("FAULT: process %s was left behind in %s\n", entry->d_name, target);
            left++;
        }
    }
    if (folder)
        closedir(folder);
    return left;
}

/* What a sanitizer or must() wrote into the log of a party. */
static unsigned count_reports(const struct party *party)
{
    static const char *const marks[] = { "Sanitizer", "runtime error:", "bug: " };
    FILE *log = fopen(party->log, "re");
    unsigned reports = 0;
    char line[1000];

    while (log && fgets(line, sizeof line, log))
        for (size_t i = 0; i < COUNT_OF(marks); i++)
            if (strstr(line, marks[i])) {
                printf("FAULT: %s: %s", party->log, line);
                reports++;
            }
    if (log)
        fclose(log);
    return reports;
}

unsigned world_stop(struct world *world)
{
    struct party *party;
    unsigned left = 0;

    party_kill(&world->client);
    for (unsigned i = 0; i < WORLD_WATCHERS; i++)
        party_kill(&world->watchers[i]);
    for (unsigned i = 0; i < world->node_count; i++)
        left += stop(&world->nodes[i]);
    left += stop(&world->broker);
    for (size_t i = 0; (party = world_party(world, i)); i++)
        left += count_reports(party);
    return left + count_left(world);
}

static int remove_one(const char *path, const struct stat *info, int kind,
                      struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    remove(path);
    return 0;
}

void world_destroy(struct world *world, bool is_kept)
{
    network_destroy(&world->network);
    if (!is_kept)
        nftw(world->folder, remove_one, FILES_OPEN_MAX, FTW_DEPTH | FTW_PHYS);
}
