/* agent_process.h - starts the agent and says when the next may be started.
 *
 * Owns our end of its channel. An agent dies with the supervisor (PR_SET_PDEATHSIG), so
 * that there are never two. */
#pragma once

#include "nodes/supervisor/supervisor.h"

#include <sys/types.h>

struct agent_process {
    pid_t pid;                    /* 0: none runs */
    int fd;                       /* -1: none; non-blocking */
    uint64_t started_ms, next_ms; /* monotonic */
    uint32_t wait_ms;             /* before the next start, if it crashes at once */
};

/* RC_IO, RC_NO_MEMORY: no process or socket; next_ms says when to try again. */
NODISCARD enum rc agent_process_start(struct agent_process *agent,
                                      const struct supervisor_options *options,
                                      uint64_t now_ms, struct err *err);
/* It was reaped: closes the channel and sets next_ms. */
void agent_process_ended(struct agent_process *agent,
                         const struct supervisor_options *options, uint64_t now_ms);
