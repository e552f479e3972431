/* plans.h - the plans of the workloads. */
#pragma once

#include "codecs/base/buf.h"

/* One stage, `sweep`, of so many tasks with that command: each has its own value of the
 * parameter `i`, or of `i` and `k`. */
void plan_sweep(struct buf *plan, uint64_t tasks, const char *command);

struct plan_link { /* the target waits for the source */
    uint32_t source, target;
};
/* A graph of single tasks: stage i has the name "s<i>" and the command that commands[i]
 * is, or commands[0] if only one is given. */
void plan_graph(struct buf *plan, size_t stages, const char *const *commands,
                size_t command_count, const struct plan_link *links, size_t link_count);
/* The same, where each waits for the one before. */
void plan_chain(struct buf *plan, size_t stages, const char *command);
