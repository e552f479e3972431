/* views.h - the mount namespaces that one process has been in, so that it can be in them
 * again: making one takes some twenty mounts and lookups, entering one is one call.
 *
 * A namespace is used again for a launch that shows the same folders (a folder of an
 * attempt that is used again keeps its identity, whatever its name), as long as nobody
 * has mounted anything in it since. What was mounted stays in memory while its namespace
 * is kept, also when the folder is removed. Single-threaded. */
#pragma once

#include "nodes/supervisor/sandbox.h"

#include <sys/types.h>

enum {
    VIEWS_MAX = 8,      /* namespaces that are kept */
    VIEW_BINDS_MAX = 8, /* one with more is not kept */
    VIEW_TARGET_MAX = 64
};

struct view {
    int namespace_fd; /* -1: not kept */
    int mounts_fd;    /* tells when anything was mounted */
    size_t bind_count;
    struct seen {
        dev_t device;
        ino_t inode;
        bool readonly;
        char target[VIEW_TARGET_MAX];
    } binds[VIEW_BINDS_MAX];
};

struct views {
    struct view items[VIEWS_MAX]; /* the one used last is the first */
    size_t count;
    bool is_inside; /* the first is where we are */
};

/* As sandbox_enter; views is zeroed before the first call. */
NODISCARD enum rc views_enter(struct views *views, struct sandbox *sandbox,
                              const struct launch *launch, struct err *err);
