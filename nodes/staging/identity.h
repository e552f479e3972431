/* identity.h - what an attempt is, as the file `identity` in its folder.
 *
 * A msgpack list, version 1, internal to one node. */
#pragma once

#include "nodes/staging/staging.h"

NODISCARD enum rc identity_write(int folder, const struct attempt_identity *identity,
                                 const struct plan_stage *stage, struct err *err);
