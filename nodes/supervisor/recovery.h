/* recovery.h - ends what a supervisor that died, and its keepers, may have left behind.
 *
 * Normally nothing: the keepers end their attempts when the supervisor dies. If they were
 * killed too, processes of the attempt may run on. A process belongs to an attempt if it
 * is in the session that the main process made (and not older than that, and the session
 * was not made anew by another process), or if its stdout or stderr is the attempt's
 * file. */
#pragma once

#include "nodes/supervisor/attempts.h"

/* For every attempt that was started and has no end: kills and waits. directory: of the
 * node. RC_IO when /proc cannot be read. */
NODISCARD enum rc recovery_end_strays(const char *directory,
                                      const struct attempts *attempts, struct err *err);
