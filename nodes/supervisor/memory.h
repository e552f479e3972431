/* memory.h - did the kernel kill something for memory lately?
 *
 * Watches the counter "oom_kill" of memory.events in our own cgroup (version 2), which
 * counts our processes only; where there is none (root cgroup, version 1), that of
 * /proc/vmstat, which counts all of the machine. An attempt that was killed by a SIGKILL
 * nobody asked for (or whose shell reports so, exit code 137) while the counter grew is
 * taken as killed for memory. It can be wrong when something else was killed for memory
 * since the last look and the attempt was killed by a person in the same span. */
#pragma once

#include "codecs/base/base.h"

struct memory_watch {
    int fd; /* -1: no counter can be read */
    uint64_t seen;
};

void memory_watch_init(struct memory_watch *watch);
void memory_watch_fini(struct memory_watch *watch);
/* Whether the counter has grown since the last call, or since init. */
bool memory_watch_grew(struct memory_watch *watch);
