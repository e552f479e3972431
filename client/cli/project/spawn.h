/* spawn.h - what another program prints. */
#pragma once

#include "codecs/base/buf.h"

struct spawned {
    int pid, fd; /* its stdout */
};

struct spawn_place {
    const char *folder; /* its working directory; NULL: ours */
    int input;          /* its stdin, borrowed until it has started; -1: /dev/null */
};

/* Starts argv[0] from PATH, without a shell; its stdin and stderr are /dev/null.
 * RC_NOT_FOUND when there is no such program. */
NODISCARD enum rc spawn_start(const char *const *argv, struct spawned *spawned,
                              struct err *err);
/* The same, elsewhere or with an input. */
NODISCARD enum rc spawn_start_at(const struct spawn_place *place, const char *const *argv,
                                 struct spawned *spawned, struct err *err);
/* Appends all that it prints and waits for it; RC_INVALID if it did not exit with 0. */
NODISCARD enum rc spawn_finish(struct spawned *spawned, struct buf *out, struct err *err);
/* The same, but any exit is fine: *exit_code gets it. RC_INVALID if a signal ended it. */
NODISCARD enum rc spawn_finish_with(struct spawned *spawned, struct buf *out,
                                    int *exit_code, struct err *err);
