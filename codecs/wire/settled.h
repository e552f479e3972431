/* settled.h - what a stage's inputs were, once a node has fetched them. Pure. */
#pragma once

#include "codecs/wire/result.h"

/* A stage as one of its tasks had it: in the place of each source without a digest stand
 * the files that its node fetched for it, with names and digests, as the task's result
 * says. What the result does not tell of (files on demand, results of older releases)
 * stays as it is. All that did not change is shared with stage, which must live as long;
 * the rest is in arena. RC_NO_MEMORY; the failures of plan_task_uri. */
NODISCARD enum rc settled_stage(const struct plan_stage *stage, uint64_t index,
                                const struct task_result *result, struct arena *arena,
                                struct plan_stage *settled, struct err *err);
