/* config.h - the ten config files of the in-task contract, section 3. */
#pragma once

#include "nodes/staging/inputs.h"

/* Fills <attempt>/config: execution, inputs, parameters, runtime and api, each as .json
 * and .yaml of the same content. */
NODISCARD enum rc config_write(const struct staging *staging,
                               const struct attempt_identity *identity,
                               const struct plan_stage *stage,
                               const struct staged_inputs *inputs, int folder,
                               struct arena *arena, struct err *err);
/* Of files that config_write has made for another task of the stage, those that differ.
 */
NODISCARD enum rc config_renew(const struct staging *staging,
                               const struct attempt_identity *identity,
                               const struct plan_stage *stage, int folder,
                               struct arena *arena, struct err *err);
