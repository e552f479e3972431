/* script.h - how the supervisor is to start the attempt. */
#pragma once

#include "nodes/staging/staging.h"

/* Writes <attempt>/launch, and <attempt>/script when the command is a file or too long
 * for one argument. */
NODISCARD enum rc script_write(const struct staging *staging,
                               const struct attempt_identity *identity,
                               const struct plan_stage *stage, int folder,
                               struct arena *arena, struct err *err);
