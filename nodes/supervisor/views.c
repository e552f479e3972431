/* views.c - a short list, the namespace used last first. */
#include "nodes/supervisor/views.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool bind_look(const struct launch_bind *bind, struct seen *seen)
{
    struct stat found;

    if (strlen(bind->target) >= sizeof seen->target || stat(bind->source, &found) != 0)
        return false;
    *seen = (struct seen){ .device = found.st_dev,
                           .inode = found.st_ino,
                           .readonly = bind->readonly };
    snprintf(seen->target, sizeof seen->target, "%s", bind->target);
    return true;
}

/* What the launch wants to be shown; false: it cannot be told, or is too much. */
static bool binds_look(const struct launch *launch, struct view *view)
{
    *view = (struct view){ .namespace_fd = -1, .mounts_fd = -1 };
    if (launch->bind_count > VIEW_BINDS_MAX)
        return false;
    for (size_t i = 0; i < launch->bind_count; i++)
        if (!bind_look(&launch->binds[i], &view->binds[i]))
            return false;
    view->bind_count = launch->bind_count;
    return true;
}

static bool is_same(const struct view *view, const struct view *wanted)
{
    if (view->bind_count != wanted->bind_count)
        return false;
    for (size_t i = 0; i < view->bind_count; i++) {
        const struct seen *a = &view->binds[i], *b = &wanted->binds[i];

        if (a->device != b->device || a->inode != b->inode || a->readonly != b->readonly
            || strcmp(a->target, b->target) != 0)
            return false;
    }
    return true;
}

/* Whether all is mounted as it was. */
static bool is_untouched(const struct view *view)
{
    struct pollfd poll_fd = { .fd = view->mounts_fd, .events = POLLPRI };

    return poll(&poll_fd, 1, 0) >= 0 && !(poll_fd.revents & (POLLPRI | POLLERR));
}

static void view_drop(struct views *views, size_t index)
{
    close(views->items[index].namespace_fd);
    close(views->items[index].mounts_fd);
    views->count--;
    memmove(&views->items[index], &views->items[index + 1],
            (views->count - index) * sizeof *views->items);
}

static void view_to_front(struct views *views, size_t index)
{
    struct view view = views->items[index];

    memmove(&views->items[1], &views->items[0], index * sizeof *views->items);
    views->items[0] = view;
}

/* Keeps the namespace that we are in as the first. */
static void view_keep(struct views *views, struct view *view)
{
    view->namespace_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    view->mounts_fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    if (view->namespace_fd < 0 || view->mounts_fd < 0) {
        fd_scoped(&view->namespace_fd);
        fd_scoped(&view->mounts_fd);
        return;
    }
    if (views->count == VIEWS_MAX)
        view_drop(views, VIEWS_MAX - 1);
    views->items[views->count] = *view;
    view_to_front(views, views->count++);
    views->is_inside = true;
}

/* Into the kept one that shows what is wanted; false: there is none. */
static bool view_find(struct views *views, const struct view *wanted)
{
    for (size_t i = 0; i < views->count; i++) {
        if (!is_same(&views->items[i], wanted))
            continue;
        if (is_untouched(&views->items[i])
            && ((i == 0 && views->is_inside)
                || setns(views->items[i].namespace_fd, CLONE_NEWNS) == 0)) {
            view_to_front(views, i);
            views->is_inside = true;
            return true;
        }
        view_drop(views, i);
        return false;
    }
    return false;
}

enum rc views_enter(struct views *views, struct sandbox *sandbox,
                    const struct launch *launch, struct err *err)
{
    struct view wanted;
    bool is_known = binds_look(launch, &wanted);
    enum rc rc;

    if (is_known && view_find(views, &wanted))
        return RC_OK;
    views->is_inside = false;
    rc = sandbox_enter(sandbox, launch, err);
    if (rc == RC_OK && is_known)
        view_keep(views, &wanted);
    return rc;
}
