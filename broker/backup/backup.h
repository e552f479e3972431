/* backup.h - a second folder that a broker could start on: store and artifacts as they
 * are now, while a broker uses the first one or not.
 *
 * Artifacts come first, then the store, then the artifacts that came meanwhile: so the
 * copy has whatever its store refers to. Meanwhile gc removes nothing (removal_lock.h).
 * Nothing is taken from the copy before the new one is whole, so one that is cut off
 * leaves the former. Only files are read; the broker is not asked. docs/backup.md. */
#pragma once

#include "codecs/base/base.h"

struct backup_done {
    char store[37];           /* id of the store that was copied */
    uint64_t runs, event;     /* numbers of the last ones in it */
    uint64_t objects, bytes;  /* that were new to the copy */
    uint64_t shared;          /* of these objects: hard links */
    uint64_t damaged, pruned; /* not copied, their bytes are wrong; removed */
    uint64_t store_bytes;     /* of the store's file */
    int64_t taken_us;
};

/* from: a broker's folder. into: made if it is missing; must be empty or a backup.
 * prunes: removes objects of into that from no longer has. RC_NOT_FOUND, RC_INVALID,
 * RC_CONFLICT (another backup writes there, or gc
 * removes files), RC_FULL, RC_DENIED, RC_IO. */
NODISCARD enum rc backup_make(const char *from, const char *into, bool prunes,
                              struct backup_done *done, struct err *err);
