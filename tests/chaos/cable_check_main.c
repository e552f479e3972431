/* cable_check_main.c - whether real packets have the fate that the seed decides: numbered
 * datagrams go both ways between this namespace and that of a node, and each arrives as
 * often as a cable of the same seed says that is only in memory. No clock decides: the
 * carrier delivers all it has before it ends, and then the sockets are read. */
#include "tests/chaos/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAMS = 1000, PORT = 7000, BUFFER_BYTES = 1 << 24, SKIPPED = 77, SEED = 11 };

static const struct weather weather = {
    .loss = 20, .doubles = 10, .delay_ms = 20, .jitter_ms = 20
};

/* Bound to host:PORT, and sends to peer:PORT; -1: errno says why. */
static int open_socket(const char *host, const char *peer)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    struct sockaddr_in there = here;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = BUFFER_BYTES;

    if (inet_pton(AF_INET, host, &here.sin_addr) == 1
        && inet_pton(AF_INET, peer, &there.sin_addr) == 1
        && bind(fd, (struct sockaddr *)&here, sizeof here) == 0
        && connect(fd, (struct sockaddr *)&there, sizeof there) == 0
        && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0)
        return fd;
    fd_scoped(&fd);
    return -1;
}

static int open_inside(const struct network *network, const char *host, const char *peer)
{
    char name[NETWORK_NAME_MAX], path[NETWORK_NAME_MAX + 16];

    network_name(network, 0, name);
    snprintf(path, sizeof path, "/run/netns/%s", name);

    scoped_fd int space = open(path, O_RDONLY | O_CLOEXEC);
    scoped_fd int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    if (space < 0 || ours < 0 || setns(space, CLONE_NEWNET) != 0)
        return -1;

    int fd = open_socket(host, peer);

    must(setns(ours, CLONE_NEWNET) == 0);
    return fd;
}

/* How often each datagram comes out at the other side, as the seed has it. */
static bool foretell(unsigned side, unsigned copies[DATAGRAMS])
{
    unsigned char packet[CABLE_PACKET_MAX];
    struct err err;
    scoped(cable) cable = cable_create(&weather, carrier_seed(SEED, 0, side), &err);

    for (unsigned i = 0; cable && i < DATAGRAMS; i++) {
        cable_take(cable, 0, &i, sizeof i);
        while (cable_give(cable, CABLE_NEVER_US, packet) > 0)
            copies[i]++;
    }
    return cable != NULL;
}

static unsigned compare(int fd, unsigned side)
{
    static const char *const directions[] = { "to the node", "from the node" };
    unsigned copies[DATAGRAMS] = { 0 }, number, wrong = 0, come = 0;

    if (!foretell(side, copies))
        return 1;
    while (recv(fd, &number, sizeof number, MSG_DONTWAIT) == sizeof number) {
        come++;
        if (number < DATAGRAMS)
            copies[number]--; /* wraps where one came too often: not 0 either */
    }
    for (unsigned i = 0; i < DATAGRAMS; i++)
        wrong += copies[i] != 0;
    printf("cable: %s: %d datagrams sent, %u came, %u not as the seed has it (0)\n",
           directions[side], DATAGRAMS, come, wrong);
    return wrong;
}

static bool check(struct network *network)
{
    char host[32], peer[32];

    snprintf(host, sizeof host, "10.%d.0.1", network->net);
    snprintf(peer, sizeof peer, "10.%d.0.2", network->net);

    scoped_fd int here = open_socket(host, peer);
    scoped_fd int there = open_inside(network, peer, host);
    bool is_good = here >= 0 && there >= 0;

    for (unsigned i = 0; is_good && i < DATAGRAMS; i++)
        is_good = send(here, &i, sizeof i, 0) == sizeof i
                  && send(there, &i, sizeof i, 0) == sizeof i;
    if (!is_good) {
        printf("cable: cannot send: %s\n", strerror(errno));
        return false;
    }
    carrier_end(&network->carrier, network->counts);

    unsigned wrong = compare(there, SIDE_BROKER) + compare(here, SIDE_NODE);

    for (unsigned side = 0; side < SIDE_COUNT; side++)
        wrong += network->counts[side].taken != DATAGRAMS;
    return wrong == 0;
}

int main(void)
{
    const char *lack = network_lacks();
    struct network network;
    struct err err;

    if (lack) {
        printf("cable: skipped: %s\n", lack);
        return SKIPPED;
    }
    if (network_create(&network, 1, (int)(getpid() % 10000), &weather, SEED, &err)
        != RC_OK) {
        printf("cable: %s\n", err.text);
        return 1;
    }

    bool is_good = check(&network);

    network_destroy(&network);
    return is_good ? 0 : 1;
}
