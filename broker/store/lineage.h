/* lineage.h - which task made a file, and which stages used it. Part of the store: the
 * rules of store.h hold. Format: docs/store.md.
 *
 * A file is named by its digest. What the tasks of a stage share is noted once a stage;
 * what one of them made or fetched, with its result. A task that uses another's result
 * made nothing: the other did. */
#pragma once

#include "broker/store/store.h"
#include "codecs/digest/digest.h"
#include "codecs/plan/plan.h"
#include "codecs/wire/result.h"

struct lineage_entry { /* tasks index to index + count - 1 of a stage; of users, the
                          whole stage: count is 0 */
    uint64_t run, index, count;
    uint32_t stage;
};

/* The inputs and the code of a stage that was resolved. */
NODISCARD enum rc store_lineage_class(struct store *store, uint64_t run, uint32_t stage,
                                      const char *tree, const struct plan_stage *resolved,
                                      struct err *err);
/* Outputs, and inputs that the node fetched, of a task that has ended for good. */
NODISCARD enum rc store_lineage_result(struct store *store, uint64_t run, uint32_t stage,
                                       uint64_t index, const struct task_result *result,
                                       struct err *err);

/* Who made the file, in order of run, stage and index, tasks in a row as one entry, at
 * most limit entries; *more: there were others. With a run only one run's: that one, else
 * the last before it that made the file, else the first. None is no failure. */
NODISCARD enum rc store_makers(struct store *store, const char *digest, uint64_t run,
                               struct lineage_entry *entries, size_t limit, size_t *count,
                               bool *more, struct err *err);
/* Which stages used the file. */
NODISCARD enum rc store_users(struct store *store, const char *digest,
                              struct lineage_entry *entries, size_t limit, size_t *count,
                              bool *more, struct err *err);
/* The one digest that was made or used and begins with prefix, "sha256:" and 1 to 64 hex
 * digits. RC_NOT_FOUND; RC_CONFLICT: several do; RC_INVALID: no such prefix. */
NODISCARD enum rc store_lineage_find(struct store *store, const char *prefix,
                                     char digest[DIGEST_TEXT_SIZE], struct err *err);

/* Enters what the records of a run tell, that came from elsewhere; part of the batch. */
NODISCARD enum rc store_lineage_run(struct store *store, uint64_t run, struct err *err);
/* In a store whose last program knew of no lineage, enters all that its records tell;
 * commits as it goes. Does nothing otherwise. Not within a batch. */
NODISCARD enum rc store_lineage_complete(struct store *store, struct err *err);
