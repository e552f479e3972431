/* memory.c - one descriptor, read anew for every look. */
#include "nodes/supervisor/memory.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNTERS_SIZE = 16 << 10 };

static bool counter_read(int fd, uint64_t *counter)
{
    static const char name[] = "oom_kill ";
    char text[COUNTERS_SIZE];
    ssize_t size = pread(fd, text, sizeof text - 1, 0);

    if (size <= 0)
        return false;
    text[size] = '\0';
    for (const char *at = text; (at = strstr(at, name)); at++)
        if (at == text || at[-1] == '\n') {
            *counter = strtoull(at + sizeof name - 1, NULL, 10);
            return true;
        }
    return false;
}

/* memory.events of the cgroup that we are in, or -1. */
static int events_open(void)
{
    static const char head[] = "0::";
    char text[PATH_MAX], path[PATH_MAX + 64];
    scoped_fd int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (size <= 0)
        return -1;
    text[size] = '\0';

    char *group = strstr(text, head);

    if (!group || (group != text && group[-1] != '\n'))
        return -1;
    group += sizeof head - 1;
    group[strcspn(group, "\n")] = '\0';
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.events", group);
    return open(path, O_RDONLY | O_CLOEXEC);
}

void memory_watch_init(struct memory_watch *watch)
{
    *watch = (struct memory_watch){ .fd = events_open() };
    if (watch->fd < 0)
        watch->fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
    (void)memory_watch_grew(watch);
}

void memory_watch_fini(struct memory_watch *watch)
{
    fd_scoped(&watch->fd);
    watch->fd = -1;
}

bool memory_watch_grew(struct memory_watch *watch)
{
    uint64_t counter;

    if (watch->fd < 0 || !counter_read(watch->fd, &counter))
        return false;

    bool grew = counter > watch->seen;

    watch->seen = counter;
    return grew;
}
