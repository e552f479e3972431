/* network.c - see network.h. The two sides of cable i are the devices sl<salt>h<i>, here,
 * and sl<salt>n<i>, in the namespace of that name. A one-way cut is a route into nothing
 * on the side that is to be silent. */
#include "tests/chaos/network.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LINE_MAX_BYTES = 256, WORDS_MAX = 24 };

/* Runs a line of words parted by single spaces; its own words are kept quiet. */
static int run(const char *format, ...) PRINTF_LIKE(1, 2);
static int run(const char *format, ...)
{
    char line[LINE_MAX_BYTES], *words[WORDS_MAX + 1], *rest = line;
    posix_spawn_file_actions_t actions;
    va_list list;
    size_t count = 0;
    int status = -1;
    pid_t pid;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    while (count < WORDS_MAX && (words[count] = strsep(&rest, " ")))
        count++;
    words[count] = NULL;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (posix_spawnp(&pid, words[0], &actions, NULL, words, environ) == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

void network_name(const struct network *network, unsigned node,
                  char name[NETWORK_NAME_MAX])
{
    snprintf(name, NETWORK_NAME_MAX, "sl%dn%u", network->salt, node);
}

const char *network_lacks(void)
{
    struct network probe = { .salt = (int)(getpid() % 10000) };
    char name[NETWORK_NAME_MAX];
    struct err err;
    int device;

    if (geteuid() != 0)
        return "network namespaces need root";
    network_name(&probe, NETWORK_NODES_MAX, name);
    if (carrier_device(name, NULL, &device, &err) != RC_OK)
        return "there are no TUN devices here (/dev/net/tun)";
    close(device);
    if (run("ip netns add %s", name) != 0)
        return "`ip netns add` does not work here (Debian package iproute2)";
    run("ip netns del %s", name);
    return NULL;
}

static enum rc add_node(struct network *network, unsigned node, int devices[SIDE_COUNT],
                        struct err *err)
{
    char name[NETWORK_NAME_MAX], here[NETWORK_NAME_MAX], space[NETWORK_NAME_MAX + 16];
    int net = network->net;
    enum rc rc;

    network_name(network, node, name);
    snprintf(here, sizeof here, "sl%dh%u", network->salt, node);
    snprintf(space, sizeof space, "/run/netns/%s", name);
    if (run("ip netns add %s", name) != 0)
        return err_set(err, RC_IO, "cannot make the namespace %s", name);
    rc = carrier_device(here, NULL, &devices[SIDE_BROKER], err);
    if (rc == RC_OK)
        rc = carrier_device(name, space, &devices[SIDE_NODE], err);
    if (rc != RC_OK)
        return rc;
    if (run("ip addr add 10.%d.%u.1/30 dev %s", net, node, here) != 0
        || run("ip link set %s txqueuelen %d up", here, CABLE_QUEUE_MAX) != 0
        || run("ip -n %s addr add 10.%d.%u.2/30 dev %s", name, net, node, name) != 0
        || run("ip -n %s link set %s txqueuelen %d up", name, name, CABLE_QUEUE_MAX) != 0
        || run("ip -n %s link set lo up", name) != 0)
        return err_set(err, RC_IO, "cannot set up %s and %s", here, name);
    return RC_OK;
}

static void close_all(int devices[][SIDE_COUNT], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned side = 0; side < SIDE_COUNT; side++)
            fd_scoped(&devices[i][side]);
}

enum rc network_create(struct network *network, unsigned nodes, int salt,
                       const struct weather *weather, uint64_t seed, struct err *err)
{
    int devices[NETWORK_NODES_MAX][SIDE_COUNT];
    enum rc rc = RC_OK;

    must(nodes <= NETWORK_NODES_MAX);
    memset(devices, -1, sizeof devices);
    *network = (struct network){ .salt = salt, .net = 100 + salt % 100 };
    while (rc == RC_OK && network->nodes < nodes) {
        rc = add_node(network, network->nodes, devices[network->nodes], err);
        network->nodes++;
    }
    if (rc == RC_OK)
        rc = carrier_start(&network->carrier, devices, nodes, weather, seed, err);
    else
        close_all(devices, network->nodes);
    if (rc != RC_OK)
        network_destroy(network);
    return rc;
}

void network_destroy(struct network *network)
{
    char name[NETWORK_NAME_MAX];

    carrier_end(&network->carrier, network->counts);
    while (network->nodes > 0) {
        network->nodes--;
        network_name(network, network->nodes, name);
        run("ip netns del %s", name);
    }
}

static int change(const struct network *network, unsigned node, enum network_cut cut,
                  bool is_mended)
{
    char name[NETWORK_NAME_MAX];
    const char *verb = is_mended ? "del" : "add";

    network_name(network, node, name);
    switch (cut) {
    case CUT_BOTH:
        return run("ip link set sl%dh%u %s", network->salt, node,
                   is_mended ? "up" : "down");
    case CUT_TO_NODE:
        return run("ip route %s blackhole 10.%d.%u.2/32", verb, network->net, node);
    case CUT_TO_BROKER:
        return run("ip -n %s route %s blackhole 10.%d.%u.1/32", name, verb, network->net,
                   node);
    }
    return -1;
}

enum rc network_cut(const struct network *network, unsigned node, enum network_cut cut,
                    struct err *err)
{
    return change(network, node, cut, false) == 0
               ? RC_OK
               : err_set(err, RC_IO, "cannot cut the cable of node %u", node);
}

enum rc network_mend(const struct network *network, unsigned node, enum network_cut cut,
                     struct err *err)
{
    return change(network, node, cut, true) == 0
               ? RC_OK
               : err_set(err, RC_IO, "cannot mend the cable of node %u", node);
}
