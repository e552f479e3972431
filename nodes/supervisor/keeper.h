/* keeper.h - the process that stands between the supervisor and one attempt.
 *
 * Every attempt has one. It is a child subreaper, so that all processes of the attempt
 * stay its descendants whatever sessions they make, and it protects three rules: a signal
 * reaches every process of the attempt; when the main process has ended, the others are
 * killed and reaped before the end is told; when the supervisor dies, also by kill -9,
 * the channel is closed and the keeper kills the attempt. Should the keeper itself be
 * killed, the kernel kills the main process (PR_SET_PDEATHSIG) and the supervisor, being
 * a subreaper too, inherits and kills the rest.
 *
 * It speaks channel messages: takes SIGNAL; gives STARTED or FAILED, then after STARTED
 * one EXITED with the usage of all processes, and ends. */
#pragma once

#include "nodes/supervisor/channel.h"

#include <sys/resource.h>
#include <sys/types.h>

struct sandbox;

struct keeper_setup {
    const char *directory;         /* of the attempt, absolute */
    const struct sandbox *sandbox; /* NULL: without namespaces */
    struct rlimit file_limit;      /* RLIMIT_NOFILE for the task */
    int lock_fd; /* kept open until the attempt is over: whoever gets a lock on it knows
                    that no keeper is left */
    uint64_t token;
};

struct keeper {
    pid_t pid; /* a child of the caller, to be reaped by it */
    int fd;    /* the channel, non-blocking; closed by the keeper's end */
};

/* The caller must be single-threaded. */
NODISCARD enum rc keeper_start(const struct keeper_setup *setup, struct keeper *keeper,
                               struct err *err);
