/* copy.h - a store looked at and copied while its broker writes, and what a copy becomes.
 *
 * LMDB lets other processes read: a snapshot costs the broker nothing but the pages that
 * it cannot use again until the snapshot ends. A copy carries a mark; the broker that
 * opens it knows by the mark that others may have gone on with the original, and gives
 * the store a new id and numbers that nobody has heard of (docs/backup.md). */
#pragma once

#include "broker/store/store.h"

/* A snapshot of the store in directory, to be read only, whether a broker has it open or
 * not: all reads see the same state until store_destroy. Tables that an older release
 * did not have are empty. RC_NOT_FOUND: no store is there. */
NODISCARD enum rc store_open_reading(const char *directory, struct store **store,
                                     struct err *err);

struct store_copied {
    char id[37]; /* of the store that was copied */
    struct counters counters;
};
/* Writes the last committed state into <into>/data.mdb, which must not exist, with a mark
 * of the moment, and syncs it. */
NODISCARD enum rc store_copy(const char *directory, const char *into, int64_t now_us,
                             struct store_copied *copied, struct err *err);
/* When the copy was made, if the store is a copy that no broker has opened; else 0. */
int64_t store_copied_us(struct store *store);

/* Of a store that was opened for writing: if it is a copy, begins its new life. */
NODISCARD enum rc store_settle(struct store *store, struct err *err);

/* The first run after a restore has the next multiple of it. */
enum { RESTORED_RUNS = 10000 };
/* Tokens and events after a restore begin at the seconds since 1970, times so many: no
 * broker has ever given out so many a second. */
enum { RESTORED_A_SECOND = 1 << 20 };

/* Readers that died with a snapshot open (kill -9) no longer hold pages. */
void store_forget_readers(struct store *store);
