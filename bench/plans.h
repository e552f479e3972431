/* plans.h - the plans of the workloads. */
#pragma once

#include "codecs/base/buf.h"

/* One stage, `sweep`, of so many tasks with that command: each has its own values of the
 * parameters `i` and `k`. at_once: so many of them are unfinished at a time; 0: no limit.
 */
void plan_sweep(struct buf *plan, uint64_t tasks, uint64_t at_once, const char *command);

struct plan_link { /* the target waits for the source */
    uint32_t source, target;
};
/* A graph of single tasks: stage i has the name "s<i>" and the command that commands[i]
 * is, or commands[0] if only one is given. */
void plan_graph(struct buf *plan, size_t stages, const char *const *commands,
                size_t command_count, const struct plan_link *links, size_t link_count);
/* The same, where each waits for the one before. */
void plan_chain(struct buf *plan, size_t stages, const char *command);
