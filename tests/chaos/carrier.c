/* carrier.c - see carrier.h. A fork without exec: it needs nothing but its descriptors.
 */
#include "tests/chaos/carrier.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    IP_VERSION = 4,
    BURST_MAX = 64 /* packets of a device before the next has a turn */
};

struct end { /* packets come in at its device, and leave at that of the other end */
    int device;
    struct cable *cable;
};

struct work {
    struct end ends[CARRIER_CABLES_MAX][SIDE_COUNT];
    size_t count;
    int owner;
};

static enum rc make_device(const char *name, int *fd, struct err *err)
{
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    scoped_fd int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (device < 0 || ioctl(device, TUNSETIFF, &request) != 0)
        return err_set_sys(err, RC_IO, errno, "cannot make the TUN device %s", name);
    *fd = device;
    device = -1;
    return RC_OK;
}

enum rc carrier_device(const char *name, const char *space, int *fd, struct err *err)
{
    scoped_fd int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    scoped_fd int theirs = space ? open(space, O_RDONLY | O_CLOEXEC) : -1;
    enum rc rc;

    if (!space)
        return make_device(name, fd, err);
    if (ours < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET) != 0)
        return err_set_sys(err, RC_IO, errno, "cannot enter the namespace %s", space);
    rc = make_device(name, fd, err);
    must(setns(ours, CLONE_NEWNET) == 0);
    return rc;
}

uint64_t carrier_seed(uint64_t seed, size_t cable, unsigned side)
{
    return seed + 1 + cable * SIDE_COUNT + side;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Only what programs send is carried and counted, not what the kernel says of its own
 * accord over IPv6. A device that is down has nothing to read. */
static void take(const struct end *end, size_t max)
{
    unsigned char packet[CABLE_PACKET_MAX];
    int64_t now = now_us();

    for (size_t i = 0; i < max; i++) {
        ssize_t size = read(end->device, packet, sizeof packet);

        if (size <= 0)
            return;
        if (packet[0] >> 4 == IP_VERSION)
            cable_take(end->cable, now, packet, (size_t)size);
    }
}

/* What the other side does not take, because it is down, is lost there. */
static void give(const struct end *end, const struct end *other, int64_t now)
{
    unsigned char packet[CABLE_PACKET_MAX];
    size_t size;

    while ((size = cable_give(end->cable, now, packet)) > 0) {
        ssize_t written = write(other->device, packet, size);

        (void)written;
    }
}

static void give_all(const struct work *work, int64_t now)
{
    for (size_t i = 0; i < work->count; i++)
        for (unsigned side = 0; side < SIDE_COUNT; side++)
            give(&work->ends[i][side], &work->ends[i][SIDE_NODE - side], now);
}

static int wait_ms(const struct work *work)
{
    int64_t due = CABLE_NEVER_US, now = now_us();

    for (size_t i = 0; i < work->count; i++)
        for (unsigned side = 0; side < SIDE_COUNT; side++) {
            int64_t next = cable_due_us(work->ends[i][side].cable);

            due = next < due ? next : due;
        }
    if (due == CABLE_NEVER_US)
        return -1;
    return due <= now ? 0 : (int)((due - now + 999) / 1000);
}

static void carry(const struct work *work)
{
    struct pollfd items[CARRIER_CABLES_MAX * SIDE_COUNT + 1];
    nfds_t count;

    do {
        count = 0;
        for (size_t i = 0; i < work->count; i++)
            for (unsigned side = 0; side < SIDE_COUNT; side++)
                items[count++] = (struct pollfd){ work->ends[i][side].device, POLLIN, 0 };
        items[count] = (struct pollfd){ work->owner, POLLIN, 0 };
        if (poll(items, count + 1, wait_ms(work)) < 0 && errno != EINTR)
            return;
        for (nfds_t i = 0; i < count; i++)
            if (items[i].revents)
                take(&work->ends[i / SIDE_COUNT][i % SIDE_COUNT], BURST_MAX);
        give_all(work, now_us());
    } while (!items[count].revents);
}

static void add(struct cable_counts *sum, const struct cable_counts *counts)
{
    sum->taken += counts->taken;
    sum->lost += counts->lost;
    sum->dropped += counts->dropped;
    sum->doubled += counts->doubled;
    sum->overtaken += counts->overtaken;
}

_Noreturn static void run(const struct work *work)
{
    struct cable_counts counts[SIDE_COUNT] = { 0 };

    signal(SIGPIPE, SIG_IGN);
    carry(work);
    for (size_t i = 0; i < work->count; i++)
        for (unsigned side = 0; side < SIDE_COUNT; side++)
            take(&work->ends[i][side], CABLE_QUEUE_MAX);
    give_all(work, CABLE_NEVER_US);
    for (size_t i = 0; i < work->count; i++)
        for (unsigned side = 0; side < SIDE_COUNT; side++)
            add(&counts[side], cable_counts(work->ends[i][side].cable));
    _exit(write(work->owner, counts, sizeof counts) == sizeof counts ? 0 : 1);
}

static enum rc fork_off(struct carrier *carrier, struct work *work, struct err *err)
{
    int fds[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return err_set_sys(err, RC_IO, errno, "no sockets for the carrier");
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        work->owner = fds[1];
        run(work);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return err_set_sys(err, RC_IO, errno, "no process for the carrier");
    }
    *carrier = (struct carrier){ .pid = pid, .fd = fds[0] };
    return RC_OK;
}

enum rc carrier_start(struct carrier *carrier, int devices[][SIDE_COUNT], size_t count,
                      const struct weather *weather, uint64_t seed, struct err *err)
{
    struct work work = { .count = count };
    enum rc rc = RC_OK;

    must(count <= CARRIER_CABLES_MAX);
    for (size_t i = 0; i < count; i++)
        for (unsigned side = 0; side < SIDE_COUNT; side++) {
            struct end *end = &work.ends[i][side];

            end->device = devices[i][side];
            end->cable = cable_create(weather, carrier_seed(seed, i, side), err);
            rc = end->cable ? rc : RC_NO_MEMORY;
        }
    if (rc == RC_OK)
        rc = fork_off(carrier, &work, err);
    for (size_t i = 0; i < count; i++)
        for (unsigned side = 0; side < SIDE_COUNT; side++) {
            cable_destroy(work.ends[i][side].cable);
            close(work.ends[i][side].device);
        }
    return rc;
}

void carrier_end(struct carrier *carrier, struct cable_counts counts[SIDE_COUNT])
{
    struct cable_counts said[SIDE_COUNT];

    if (carrier->pid == 0)
        return;
    memset(counts, 0, SIDE_COUNT * sizeof *counts);
    shutdown(carrier->fd, SHUT_WR);
    if (recv(carrier->fd, said, sizeof said, MSG_WAITALL) == sizeof said)
        memcpy(counts, said, sizeof said);
    while (waitpid(carrier->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(carrier->fd);
    *carrier = (struct carrier){ 0 };
}
