/* hasher.h - the digest of a file, taken on a thread of its own while others write it.
 *
 * The thread reads back what was written, from the file cache, so nobody has to hold
 * bytes for it, and what is hashed is what the file has. */
#pragma once

#include "codecs/digest/digest.h"

enum {
    HASHER_LAG_MAX = 8 << 20,   /* bytes that a writer may be ahead */
    FILE_DIGEST_SPLIT = 4 << 20 /* from this size on file_digest uses threads */
};

struct hasher;
/* Hashes fd (borrowed until the end; read by pread) from the byte from on, after what
 * digester has; the bytes before upto are there already. wake_fd: an eventfd that is
 * written to when the hasher is no more than HASHER_LAG_MAX behind upto; -1 for none.
 * Takes digester on success. RC_NO_MEMORY: no thread either. */
NODISCARD enum rc hasher_start(int fd, uint64_t from, uint64_t upto,
                               struct digester *digester, int wake_fd,
                               struct hasher **hasher, struct err *err);
/* The bytes before upto are in the file. Waits while the thread is more than
 * HASHER_LAG_MAX behind; what fails is told by hasher_end. */
void hasher_follow(struct hasher *hasher, uint64_t upto);
bool hasher_is_behind(struct hasher *hasher); /* by more than HASHER_LAG_MAX */
/* Waits until all is hashed and gives the digester back; ends the hasher in success and
 * failure. RC_IO; RC_CORRUPT: the file has fewer bytes. */
NODISCARD enum rc hasher_end(struct hasher *hasher, struct digester **digester,
                             struct err *err);
void hasher_destroy(struct hasher *hasher); /* without waiting for what is left */
SCOPED(hasher)

/* As digest_file; a large file's md5, the slowest, is taken beside the others by a second
 * thread, for as long as the call. */
NODISCARD enum rc file_digest(int fd, bool with_legacy, struct digest_set *set,
                              uint64_t *bytes, struct err *err);
