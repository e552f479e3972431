/* lint_rules.h - the rules of section 13.2 of docs/valohai-yaml.md. Internal. */
#pragma once

#include "codecs/config/load.h"

/* Adds the findings for a loaded file. RC_INVALID: the format's own tools cannot go on
 * with this file; the one finding left says why. RC_NO_MEMORY. */
NODISCARD enum rc lint_rules(struct load *load);

/* ---- for the parts ---- */

/* Adds a finding; fills in level by the id: a rule is always an error or a warning. */
void lint_add(struct load *load, const struct finding *finding);

/* R1 to R5 for the parameter number at of a step. Only RC_NO_MEMORY. */
NODISCARD enum rc lint_parameter(struct load *load, const struct config_step *step,
                                 const struct origin *origin, size_t at);

struct lint_names { /* lookups that stay fast in a hostile file */
    struct index steps, tasks;
    struct index *parameters, *inputs; /* per step, filled when first asked for */
    bool *is_filled;
};

NODISCARD enum rc lint_pipeline(struct load *load, struct lint_names *names,
                                const struct config_pipeline *pipeline,
                                const struct origin *origin);
/* Fills parameters[step] and inputs[step]. */
NODISCARD enum rc lint_names_step(struct load *load, struct lint_names *names,
                                  size_t step);
