/* versions.h - the chain of versions, numbered from 1 without gaps (docs/versions.md).
 *
 * Where the chain ends stands in the counters, which are stored with the batch that wrote
 * its last versions. */
#pragma once

#include "broker/store/store.h"

NODISCARD enum rc store_version_put(struct store *store, uint64_t number,
                                    const void *bytes, size_t size, struct err *err);
/* RC_NOT_FOUND. */
NODISCARD enum rc store_version(struct store *store, uint64_t number, struct buf *bytes,
                                struct err *err);
/* The record of a run's head as it is stored, whose hash its versions have. */
NODISCARD enum rc store_run_record(struct store *store, uint64_t run, struct buf *bytes,
                                   struct err *err);
