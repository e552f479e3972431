/* environment.h - the variables of an attempt (in-task contract, section 2). */
#pragma once

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

enum { UUID_TEXT_SIZE = 37 };
/* A version 8 UUID (RFC 9562) made from SHA-256 over the parts: the same ones give the
 * same UUID on every node. Used for the task and for the pipeline's node. */
void uuid_derive(const char *kind, const char *run_id, const char *stage,
                 char uuid[UUID_TEXT_SIZE]);
