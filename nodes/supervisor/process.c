/* process.c - /proc/<pid>/stat, read and searched. */
#include "nodes/supervisor/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

bool process_read(pid_t pid, struct process *process)
{
    char path[32], text[1024], state;
    int parent, session;
    unsigned long long start_ticks;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);

    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (size <= 0)
        return false;
    text[size] = '\0';

    /* The name, in parentheses, may hold anything, also parentheses. */
    const char *rest = strrchr(text, ')');

    if (!rest
        || sscanf(rest + 1,
                  " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                  "%*d %llu",
                  &state, &parent, &session, &start_ticks)
               != 4)
        return false;
    *process = (struct process){
        .pid = pid,
        .parent = parent,
        .session = session,
        .start_ticks = start_ticks,
        .is_zombie = state == 'Z' || state == 'X',
    };
    return true;
}

enum rc process_each(void (*visit)(void *context, const struct process *process),
                     void *context, struct err *err)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    struct process process;

    if (!proc)
        return err_set_sys(err, RC_IO, errno, "/proc");
    while ((entry = readdir(proc)))
        if (isdigit((unsigned char)entry->d_name[0])
            && process_read((pid_t)strtol(entry->d_name, NULL, 10), &process))
            visit(context, &process);
    closedir(proc);
    return RC_OK;
}

struct list {
    struct process *items;
    size_t count, capacity;
};

static void list_add(void *context, const struct process *process)
{
    struct list *list = context;

    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 256;
        struct process *items = realloc(list->items, capacity * sizeof *items);

        if (!items)
            return;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *process;
}

static int by_pid(const void *left, const void *right)
{
    const struct process *a = left, *b = right;

    return (a->pid > b->pid) - (a->pid < b->pid);
}

/* Whether the chain of parents leads to root. */
static bool descends_from(const struct list *list, const struct process *process,
                          pid_t root)
{
    for (size_t steps = 0; process && steps < list->count; steps++) {
        struct process key = { .pid = process->parent };

        if (process->parent == root)
            return true;
        process = bsearch(&key, list->items, list->count, sizeof key, by_pid);
    }
    return false;
}

size_t process_signal_tree(pid_t root, int signal)
{
    struct list list = { 0 };
    size_t count = 0;

    if (process_each(list_add, &list, NULL) == RC_OK && list.count > 0)
        qsort(list.items, list.count, sizeof *list.items, by_pid);
    for (size_t i = 0; i < list.count; i++)
        if (!list.items[i].is_zombie && descends_from(&list, &list.items[i], root)) {
            kill(list.items[i].pid, signal);
            count++;
        }
    free(list.items);
    return count;
}

void process_end(const struct process *process)
{
    struct process again;
    scoped_fd int fd = pidfd_open(process->pid, 0);

    /* The descriptor is bound to whoever has the pid now: look once more. */
    if (fd < 0 || !process_read(process->pid, &again)
        || again.start_ticks != process->start_ticks)
        return;
    if (pidfd_send_signal(fd, SIGKILL, NULL, 0) != 0)
        return;

    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR)
        continue;
}
