/* resolve.h - settles a stage when everything that it waits for has finished. Pure.
 *
 * Edges bring values and files from finished stages; after that the stage's tasks are
 * determined. */
#pragma once

#include "codecs/plan/plan.h"

struct upstream { /* how to read what finished stages made; all memory from the given
                     arena */
    void *context;
    uint64_t (*task_count)(void *context, uint32_t stage);
    /* The source stage as it was resolved, for its parameters, inputs and variables. */
    enum rc (*resolved)(void *context, uint32_t stage, struct arena *arena,
                        const struct plan_stage **resolved, struct err *err);
    /* Latest value of a metadata key; VALUE_ABSENT if the task printed none. */
    enum rc (*metadata)(void *context, uint32_t stage, uint64_t task, const char *key,
                        struct arena *arena, struct value *value, struct err *err);
    /* The task's outputs: name, digest, size, md5, sha1, metadata, uri are set. */
    enum rc (*outputs)(void *context, uint32_t stage, uint64_t task, struct arena *arena,
                       const struct plan_source **outputs, size_t *count,
                       struct err *err);
};

/* A copy of plan->stages[stage] in arena (texts are borrowed from the plan) with every
 * edge into it applied: parameter values (a list arriving at a STAGE_TASK's parameter
 * becomes a column), variables, and input files. From a stage with several tasks: outputs
 * of all of them; a metadata or parameter value is the list over tasks that have one.
 * Equal file names in one input get
 * "-2", "-3", ... before the extension. Values are cast and checked as given ones are;
 * optional-less parameters, variables and inputs must have a value now. notes (may be
 * NULL) gets lines for the person (an edge that brought nothing, an unknown key).
 * RC_INVALID: the stage cannot run; text names edge, key and value. */
NODISCARD enum rc plan_resolve(const struct plan *plan, uint32_t stage,
                               const struct upstream *upstream, struct arena *arena,
                               struct plan_stage **resolved, struct buf *notes,
                               struct err *err);

/* Whether all conditions of the action hold for the given metadata (VALUE_MAP of latest
 * values) and the stage's parameter values. A condition that cannot be evaluated does not
 * hold. */
bool plan_action_holds(const struct plan_action *action,
                       const struct plan_stage *resolved, const struct value *metadata);
