/* keeper.h - the process that stands between the supervisor and one attempt, and after it
 * the next.
 *
 * Every attempt has one while it runs. It is a child subreaper, so that all processes of
 * the attempt stay its descendants whatever sessions they make, and it protects three
 * rules: a signal reaches every process of the attempt; when the main process has ended,
 * the others are killed and reaped before the end is told; when the supervisor dies, also
 * by kill -9, the channel is closed and the keeper kills the attempt. Should the keeper
 * itself be killed, the kernel kills the main process (PR_SET_PDEATHSIG) and the
 * supervisor, being a subreaper too, inherits and kills the rest.
 *
 * It speaks channel messages. It takes START, and then until the end SIGNAL for that
 * token; gives STARTED or FAILED, then after STARTED one EXITED with the usage of all
 * processes. After EXITED nothing of the attempt is left, and it takes the next START;
 * after FAILED it ends. It keeps the mount namespaces of some attempts (views.h) for
 * later ones in the same folders. */
#pragma once

#include "nodes/supervisor/channel.h"

#include <sys/resource.h>
#include <sys/types.h>

struct sandbox;

struct keeper_setup {
    const char *directory;    /* of the node, absolute */
    struct sandbox *sandbox;  /* NULL: without namespaces; changed in the keeper only */
    struct rlimit file_limit; /* RLIMIT_NOFILE for tasks */
    int lock_fd; /* kept open until the keeper ends: whoever gets a lock on it knows that
                    no attempt is left */
};

struct keeper {
    pid_t pid;       /* a child of the caller, to be reaped by it */
    int fd;          /* the channel, non-blocking; closed by the keeper's end */
    uint64_t folder; /* for the caller: which folder it has in its namespace */
};

/* The caller must be single-threaded. */
NODISCARD enum rc keeper_start(const struct keeper_setup *setup, struct keeper *keeper,
                               struct err *err);
