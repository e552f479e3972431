/* compile.h - from a config and a person's request to a plan. Pure. */
#pragma once

#include "codecs/plan/plan.h"

struct plan_assignment {
    const char *name; /* "parameter", or "stage.parameter" in a pipeline. What is given to
                         stage.parameter also wins over an edge and over a sweep. */
    struct value
        value; /* a string is cast to the parameter's type; a list is for `multiple` */
};

struct plan_uri {
    const char *name; /* "input", or "stage.input" in a pipeline */
    const char *uri;
};

enum plan_reuse { /* whether results of equal earlier executions may be used */
                  REUSE_AS_WRITTEN, /* reuse-executions, reuse-children */
                  REUSE_ALWAYS,
                  REUSE_NEVER
};

struct plan_request {
    const char *pipeline; /* one of the two is NULL; exact name or a unique prefix */
    const char *step;
    const struct plan_assignment *parameters; /* the same name again: a list for
                                                 `multiple`, else the later one wins */
    size_t parameter_count;
    const struct plan_uri
        *inputs; /* the same name again adds a file; replaces the defaults */
    size_t input_count;
    uint64_t seed; /* for random sweeps without a seed of their own */
    const char *project;
    enum plan_reuse reuse;
};

/* request.pipeline may also be the exact name of a task blueprint that no pipeline is
 * named as: a run of that one task stage. A run of one step or blueprint has one stage of
 * its name; '/' and control characters in a stage's name become '-'.
 *
 * Gives a plan in arena, which borrows texts and values of config and request, with code
 * left empty; local paths are left as URIs without digest for the caller to store.
 * Precedence: section 15 of docs/valohai-yaml.md. RC_INVALID with file, line and key for
 * a wrong value (type, range, choices), an unknown or ambiguous name (the text lists the
 * candidates), a missing required parameter, input or variable that no edge can bring, a
 * cycle (its stages named), a pairing of edge types that has no meaning; RC_UNSUPPORTED
 * with the reason for what is not run yet (distributed, bayesian_tpe above 20 executions,
 * deployment, commit). */
NODISCARD enum rc plan_compile(const struct config *config,
                               const struct plan_request *request, struct arena *arena,
                               struct plan **plan, struct err *err);
