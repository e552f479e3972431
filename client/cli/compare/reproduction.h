/* reproduction.h - the plan that runs a task, or all tasks of a stage, once more. */
#pragma once

#include "client/cli/reference.h"
#include "client/cli/project/texts.h"
#include "codecs/wire/result.h"

struct reproduction {
    struct cli *cli;
    const struct target *target; /* a stage, or one task of it */
    struct arena *arena;
    const struct texts *variables; /* NAME=VALUE, for secrets */
    /* What the tasks that are run again ended with, from the first on; NULL: not. */
    const struct task_result *const *results;
    uint64_t first, count;
    struct plan *origin;         /* of the run */
    struct plan_stage *resolved; /* its stage as it was, secrets masked */
    struct plan plan;            /* the one to submit */
};

/* Fetches what was run. */
int reproduction_begin(struct reproduction *self);
/* Then makes the plan: the resolved stage with the files that it had, also those that
 * nodes fetched, by their digests, and what it saw of the code; never to be reused.
 * EXIT_WRONG with what is missing: bytes of code or inputs that have gone and that no
 * node can fetch, a secret that nobody knows. */
int reproduction_plan(struct reproduction *self);
