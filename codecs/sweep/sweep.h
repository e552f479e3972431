/* sweep.h - the parameter values that a task blueprint stands for.
 *
 * Source: section 11 of docs/valohai-yaml.md. Pure: random draws come from a seed and
 * repeat for it. */
#pragma once

#include "codecs/plan/plan.h"

enum { SWEEP_VALUES_MAX = 10000000 }; /* of one column */

/* Values of one variant parameter, in order (section 11.1). type is the parameter's
 * declared type: whole floats become integers for an integer. seed is used by `random`
 * without a seed of its own. RC_INVALID names the rule that is missing or makes no sense
 * (step 0, count < 1, end before start). */
NODISCARD enum rc sweep_values(struct arena *arena, const struct config_variant *variant,
                               enum parameter_type type, uint64_t seed,
                               const struct value **values, size_t *count,
                               struct err *err);

/* Sets sweep and columns of the stage from the blueprint (section 11.2). The stage's
 * parameters are there already; a variant of a parameter the step lacks is RC_INVALID.
 * RC_UNSUPPORTED: distributed, or bayesian_tpe with more than 20 executions. */
NODISCARD enum rc sweep_expand(struct arena *arena, const struct config_task *task,
                               uint64_t seed, struct plan_stage *stage, struct err *err);
