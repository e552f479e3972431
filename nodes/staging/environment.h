/* environment.h - the variables of an attempt (in-task contract, section 2). */
#pragma once

#include "codecs/digest/uuid.h"
#include "nodes/staging/staging.h"

struct variables { /* "NAME=value" texts, each name once */
    struct arena *arena;
    const char **texts;
    size_t count, capacity;
};

/* What the command gets: a choice of the host's variables, then the contract's, then the
 * step's, the later one winning. RC_INVALID for a name that is empty or holds '='. */
NODISCARD enum rc environment_build(const struct staging *staging,
                                    const struct attempt_identity *identity,
                                    const struct plan_stage *stage, struct arena *arena,
                                    struct variables *variables, struct err *err);
/* Whether the step sets the variable to 1, yes or true: a word to the node itself. */
bool stage_flag_is_set(const struct plan_stage *stage, const char *name);
