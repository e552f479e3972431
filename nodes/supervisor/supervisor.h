/* supervisor.h - the small process that owns the tasks of a node.
 *
 * It forks attempts, reaps them, writes start and exit to an append-only journal, and
 * restarts the agent when that ends. It knows neither ZeroMQ nor the broker. A crash or
 * upgrade of the agent touches no task: output goes to files, exits go to the journal,
 * and the next agent is told of everything by channel messages (channel.h). When the
 * supervisor itself dies, the keepers (keeper.h) end their attempts, the kernel kills the
 * agent, and the next supervisor waits for the keepers, kills what is left if those were
 * killed too (recovery.h), and reports the attempts as lost. Single-threaded. */
#pragma once

#include "codecs/base/base.h"

struct supervisor_options {
    const char
        *directory; /* of the node; attempts are in <directory>/attempts/<token>/ */
    const char *const *agent; /* argv of the agent, NULL-terminated; it gets the channel
                                 as file descriptor SUPERVISOR_CHANNEL_FD */
    uint64_t stop_grace_ms;   /* at the end: from SIGTERM to SIGKILL */
    uint32_t attempts_max;    /* that may be known at once; 0: ATTEMPT_MAX */
    uint32_t start_delay_ms; /* an attempt that ends within it is told by its end alone */
    uint32_t restart_wait_ms; /* between an agent that crashed and the next; doubles up to
                                 10 s while it crashes within a second of its start */
};

enum { SUPERVISOR_CHANNEL_FD = 3 };

/* Runs until SIGTERM or SIGINT (passes it on to the agent, waits for it, then ends the
 * tasks that still run: SIGTERM, stop_grace_ms, SIGKILL) or until the agent exits with
 * status 0. A second one kills the agent and the tasks. SIGHUP is passed on; SIGUSR1
 * ends the agent, so that a new one begins, perhaps of another release. Returns the
 * process exit status. Fails at once if another supervisor holds <directory>/lock. */
int supervisor_run(const struct supervisor_options *options);
