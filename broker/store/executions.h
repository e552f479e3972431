/* executions.h - what was done before, by its execution key; and of each stage, which of
 * its tasks use it. Part of the store: the rules of store.h hold. Format: docs/store.md.
 */
#pragma once

#include "broker/store/store.h"

enum { EXECUTION_KEY_SIZE = 32, STEP_KEY_SIZE = 16 };

struct origin { /* a task */
    uint64_t run, index;
    uint32_t stage;
};

/* The newest success with that key. */
NODISCARD enum rc store_execution_put(struct store *store,
                                      const unsigned char key[EXECUTION_KEY_SIZE],
                                      const struct origin *origin, struct err *err);
/* RC_NOT_FOUND. */
NODISCARD enum rc store_execution(struct store *store,
                                  const unsigned char key[EXECUTION_KEY_SIZE],
                                  struct origin *origin, struct err *err);

/* Stages in which the step (a hash of its name and project) had a success. */
NODISCARD enum rc store_step_put(struct store *store,
                                 const unsigned char step[STEP_KEY_SIZE], uint64_t run,
                                 uint32_t stage, struct err *err);
/* Those before the given one, the newest first: at most limit, *count gets how many. */
NODISCARD enum rc store_steps_before(struct store *store,
                                     const unsigned char step[STEP_KEY_SIZE],
                                     uint64_t run, uint32_t stage, struct origin *found,
                                     size_t limit, size_t *count, struct err *err);

struct reused_range { /* tasks of a stage that use as many tasks in a row from origin on
                       */
    uint64_t first, count;
    struct origin origin;
};
/* In order of first. */
NODISCARD enum rc store_reused_put(struct store *store, uint64_t run, uint32_t stage,
                                   const struct reused_range *ranges, size_t count,
                                   struct err *err);
/* No ranges if nothing of the stage is reused. */
NODISCARD enum rc store_reused(struct store *store, uint64_t run, uint32_t stage,
                               struct arena *arena, struct reused_range **ranges,
                               size_t *count, struct err *err);
/* The name of a stage that was resolved, without reading the rest of it. RC_NOT_FOUND. */
NODISCARD enum rc store_stage_name(struct store *store, uint64_t run, uint32_t stage,
                                   struct arena *arena, const char **name,
                                   struct err *err);
/* Whose result the task uses; RC_NOT_FOUND: its own. */
NODISCARD enum rc store_origin(struct store *store, uint64_t run, uint32_t stage,
                               uint64_t index, struct origin *origin, struct err *err);
