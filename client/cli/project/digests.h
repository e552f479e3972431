/* digests.h - digests of local files, remembered between runs.
 *
 * A line of the cache file is "<sha256> <md5 or -> <sha1 or -> <device> <inode> <size>
 * <mtime ns> <ctime ns> <path>". A remembered digest counts only while all of these are
 * the same, and the file was not touched within the last two seconds before it was read
 * (a change in the same tick of the clock would not show). The cache is never needed: it
 * may be deleted, and nothing fails because of it. */
#pragma once

#include "codecs/digest/digest.h"

struct digests;

/* file: the cache's path, or NULL for none. NULL when out of memory. */
struct digests *digests_create(const char *file);
void digests_destroy(struct digests *digests);
SCOPED(digests)

/* Digest and size of the regular file at path (absolute). RC_NOT_FOUND, RC_DENIED,
 * RC_INVALID (no regular file), RC_IO, with the path. */
NODISCARD enum rc digests_get(struct digests *digests, const char *path, bool with_legacy,
                              struct digest_set *set, uint64_t *size, struct err *err);
/* Writes what was learnt, if anything was, for the next time; failures are ignored. */
void digests_save(struct digests *digests);
