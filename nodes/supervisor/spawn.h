/* spawn.h - one process for a launch: everything between fork and exec.
 *
 * The process leads a session of its own, reads /dev/null, appends to stdout and stderr
 * in the attempt's directory, has no other descriptor, no blocked or ignored signal, the
 * launch's environment and nothing else of it, and is killed when the caller ends. */
#pragma once

#include "nodes/supervisor/launch.h"

#include <sys/resource.h>
#include <sys/types.h>

struct spawned {
    pid_t pid;
    uint64_t start_ticks;
};

/* No signal is ignored any more: what is ignored would stay so after the exec. */
void spawn_signals_reset(void);

/* launch: from launch_read; its `direct` is tried first. directory_fd: the attempt's
 * directory. file_limit: restored as RLIMIT_NOFILE. Returns after the exec succeeded or
 * failed; a failure names the program, the reason and, in err.sys, errno. The caller must
 * be single-threaded, have all signals blocked and none ignored; its environment is lost.
 */
NODISCARD enum rc spawn_process(const struct launch *launch, int directory_fd,
                                const struct rlimit *file_limit, struct spawned *spawned,
                                struct err *err);
