/* spawn.h - what another program prints. */
#pragma once

#include "codecs/base/buf.h"

struct spawned {
    int pid, fd; /* its stdout */
};

/* Starts argv[0] from PATH, without a shell; its stdin and stderr are /dev/null.
 * RC_NOT_FOUND when there is no such program. */
NODISCARD enum rc spawn_start(const char *const *argv, struct spawned *spawned,
                              struct err *err);
/* Appends all that it prints and waits for it; RC_INVALID if it did not exit with 0. */
NODISCARD enum rc spawn_finish(struct spawned *spawned, struct buf *out, struct err *err);
