/* identity.h - what an attempt is, as the file `identity` in its folder.
 *
 * A msgpack list, version 1, internal to one node. The stage is kept as this one task
 * sees it, with the task's own parameter values and without the sweep, so that the file
 * of a task does not grow with the number of tasks. */
#pragma once

#include "nodes/staging/staging.h"

NODISCARD enum rc identity_write(int folder, const struct attempt_identity *identity,
                                 const struct plan_stage *stage, struct arena *arena,
                                 struct err *err);
