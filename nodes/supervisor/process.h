/* process.h - finding and signalling processes through /proc. Linux only. */
#pragma once

#include "codecs/base/base.h"

#include <sys/types.h>

struct process {
    pid_t pid, parent, session;
    uint64_t start_ticks; /* since boot; with the pid it names a process for good */
    bool is_zombie;
};

/* False when there is no such process, or no /proc. */
bool process_read(pid_t pid, struct process *process);

/* Sends the signal to every descendant of root (not to root) that has not ended and says
 * how many there were. A process that is forked meanwhile can be missed: to end a whole
 * tree, call again after each child that was reaped, until none is left. */
size_t process_signal_tree(pid_t root, int signal);

/* Calls visit for each process there is. RC_IO when /proc cannot be read. */
NODISCARD enum rc process_each(void (*visit)(void *context,
                                             const struct process *process),
                               void *context, struct err *err);

/* SIGKILL to exactly this process, then waits until it is gone. For processes that are
 * no children of the caller. */
void process_end(const struct process *process);
