/* streams.h - the clock, and the files that grow while an attempt runs. */
#pragma once

#include "codecs/wire/times.h"
#include "nodes/staging/staging.h"

/* Unix time now, in microseconds. */
int64_t clock_us(void);
/* Makes stdout and stderr, empty. The other streams are there once they hold something.
 */
NODISCARD enum rc streams_create(int folder, struct err *err);
/* Stores the files of all streams into result; RC_FULL, RC_UNREACHABLE, RC_TIMEOUT and
 * RC_NO_MEMORY: try again later. A file that is gone or cannot be stored counts as empty,
 * and a status line says so unless it may be missing. */
NODISCARD enum rc streams_collect(const struct staging *staging,
                                  const struct store_port *port, uint64_t token,
                                  int folder, struct arena *arena,
                                  struct task_result *result, struct err *err);
/* Hashes the open file and sees that the store has it. set may hold md5 and sha1 too. */
NODISCARD enum rc file_store(const struct store_port *port, int fd, bool with_legacy,
                             struct digest_set *set, uint64_t *size, struct err *err);
/* Whether the failure may pass by itself, so that nothing is to be decided from it. */
bool failure_is_passing(enum rc rc);
