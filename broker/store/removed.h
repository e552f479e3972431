/* removed.h - files whose bytes were removed, and why; and what of the store refers to
 * files. Part of the store: the rules of store.h hold. Format: docs/store.md. */
#pragma once

#include "broker/store/store.h"

/* Written before the bytes go, so it counts only while they are not there. */
NODISCARD enum rc store_removed_put(struct store *store, const char *digest,
                                    int64_t removed_us, const char *why, struct err *err);
/* why from arena. RC_NOT_FOUND. */
NODISCARD enum rc store_removed(struct store *store, const char *digest,
                                struct arena *arena, int64_t *removed_us,
                                const char **why, struct err *err);

/* It is there again: as if it had never been removed. RC_OK also if it was not. */
NODISCARD enum rc store_removed_undo(struct store *store, const char *digest,
                                     struct err *err);

/* The node is to remove a file that it keeps, and has not said yet that it did. */
NODISCARD enum rc store_removal_put(struct store *store, uint32_t node,
                                    const char *digest, struct err *err);
/* RC_OK also if there is none. */
NODISCARD enum rc store_removal_end(struct store *store, uint32_t node,
                                    const char *digest, struct err *err);
/* Of one node, those behind the digest after (NULL: from the first), at most max, from
 * arena. */
NODISCARD enum rc store_removals(struct store *store, uint32_t node, const char *after,
                                 size_t max, struct arena *arena, const char ***digests,
                                 size_t *count, struct err *err);

/* Where a walk is: begin with zeros. */
struct store_walk {
    unsigned char key[511];
    size_t size;
    bool is_done;
};
/* The results of a run, all attempts, some at each call until walk->is_done. visit must
 * not use the store. */
typedef enum rc store_result_visit(void *context, const void *bytes, size_t size,
                                   struct err *err);
NODISCARD enum rc store_results_walk(struct store *store, uint64_t run,
                                     struct store_walk *walk, store_result_visit *visit,
                                     void *context, struct err *err);
/* Numbers of datums that are in a version of a dataset, and targets of aliases, in the
 * same way. */
NODISCARD enum rc store_dataset_walk(struct store *store, struct store_walk *walk,
                                     enum rc (*visit)(void *context, uint64_t datum,
                                                      struct err *err),
                                     void *context, struct err *err);
NODISCARD enum rc store_alias_walk(struct store *store, struct store_walk *walk,
                                   enum rc (*visit)(void *context, const char *target,
                                                    struct err *err),
                                   void *context, struct err *err);
