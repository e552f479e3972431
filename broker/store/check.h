/* check.h - whether the tables of a store agree with the rules of docs/store.md. */
#pragma once

#include "broker/store/store.h"

/* key: hexadecimal digits, or "" if the fault is the whole table's. */
typedef void store_fault(void *context, const char *table, const char *key,
                         const char *text);
/* Reads every row of every table. faults: called for each fault that is found; a row with
 * several is told with the first. *rows gets how many were read. RC_OK whatever was
 * found; RC_CORRUPT when LMDB itself cannot go on. */
NODISCARD enum rc store_check(struct store *store, store_fault *fault, void *context,
                              uint64_t *rows, struct err *err);

/* Visits the stored results of all tasks: run, stage, index, attempt, bytes. */
NODISCARD enum rc store_results_each(struct store *store,
                                     enum rc (*visit)(void *context,
                                                      const struct attempt_row *where,
                                                      const void *bytes, size_t size,
                                                      struct err *err),
                                     void *context, struct err *err);
