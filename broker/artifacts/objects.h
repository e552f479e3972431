/* objects.h - a directory of immutable files named by their content: the broker's store
 * of artifacts and each node's cache.
 *
 * Layout: <directory>/ab/cdef... (hex digits of sha256), files 0444; <directory>/tmp for
 * files being written. A file appears under its name only when complete, checked and on
 * disk (fsync of file and folder before the rename is reported). Small objects that were
 * added together lie in <directory>/packs (object_packs.h), and every function here finds
 * them there. All functions may be called from any thread and from several processes on
 * the same directory; what another process puts into packs is seen at the next open. */
#pragma once

#include "codecs/digest/digest.h"

enum { OBJECT_SMALL_MAX = 64 << 10 };

struct objects;

/* Creates the folders if they are missing; removes leftovers in tmp that no living
 * process holds. RC_DENIED, RC_FULL, RC_IO name the path. */
NODISCARD enum rc objects_open(const char *directory, struct objects **objects,
                               struct err *err);
void objects_destroy(struct objects *objects);
SCOPED(objects)

bool objects_has(struct objects *objects, const char *digest,
                 uint64_t *size); /* size may be NULL */
/* Whether it lies in a pack, where every read checks it. */
bool objects_is_packed(struct objects *objects, const char *digest);
/* The path of the object as a file, into path (of path_size bytes), whether it is there
 * or not; false if digest is not a digest. */
bool objects_path(struct objects *objects, const char *digest, char *path,
                  size_t path_size);
/* Opens for reading, from a pack a copy in memory that was checked. RC_NOT_FOUND,
 * RC_INVALID for what is not a digest; RC_CORRUPT as objects_verify. */
NODISCARD enum rc objects_read(struct objects *objects, const char *digest, int *fd,
                               uint64_t *size, struct err *err);

struct object_small {
    const char *digest;
    const void *bytes;
    size_t size; /* at most OBJECT_SMALL_MAX */
};
/* Stores small objects together, at the cost of about one; those that are there already
 * are left alone. Without is_durable a loss of power may undo it, cleanly. RC_CORRUPT
 * names the first whose bytes do not give its digest; then none is stored. */
NODISCARD enum rc objects_add(struct objects *objects, const struct object_small *items,
                              size_t count, bool is_durable, struct err *err);
/* The bytes of a small object, checked, into room, which has OBJECT_SMALL_MAX.
 * RC_NOT_FOUND; RC_UNSUPPORTED: it is not small; RC_CORRUPT as objects_verify. */
NODISCARD enum rc objects_load(struct objects *objects, const char *digest, void *room,
                               size_t *size, struct err *err);

/* Writing: begin, add..., then commit with the expected digest or NULL for whatever comes
 * out. A wrong digest or size: RC_CORRUPT, and nothing is kept. abort/destroy drops a
 * half-written one. */
struct object_writer;
NODISCARD enum rc object_writer_create(struct objects *objects,
                                       struct object_writer **writer, struct err *err);
NODISCARD enum rc object_writer_add(struct object_writer *writer, const void *bytes,
                                    size_t size, struct err *err);
/* set gets the digests (md5 and sha1 are left ""), size the bytes written; both may be
 * NULL. Ends the writer in success and failure. */
NODISCARD enum rc object_writer_commit(struct object_writer *writer, const char *expected,
                                       struct digest_set *set, uint64_t *size,
                                       struct err *err);
void object_writer_destroy(struct object_writer *writer);
SCOPED(object_writer)

/* A writer that goes on where an earlier one for the same digest ended: what was added is
 * kept in tmp for a day when the writer is destroyed before its commit, also by the death
 * of the process, and is hashed again here. wake_fd: -1, or an eventfd, for whoever
 * cannot wait: then a thread hashes what is there when it is much, and writes to the
 * eventfd when it is no more behind. RC_CONFLICT: somebody else writes it. RC_FULL: too
 * many threads. */
NODISCARD enum rc object_writer_resume(struct objects *objects, const char *digest,
                                       int wake_fd, struct object_writer **writer,
                                       struct err *err);
/* object_writer_add would have to wait for the thread. */
bool object_writer_is_behind(struct object_writer *writer);
/* Destroys the writer, and nothing is kept for a later one. */
void object_writer_drop(struct object_writer *writer);
/* Bytes taken so far, those of earlier writers included. */
uint64_t object_writer_size(const struct object_writer *writer);
/* Whether it was made by object_writer_resume: what it has outlives it. */
bool object_writer_is_kept(const struct object_writer *writer);
/* Removes what such writers have left, unless somebody writes it: what is older than a
 * day, and the oldest of more than max files. */
void objects_trim_parts(struct objects *objects, size_t max);
/* Drops all bytes taken so far. */
NODISCARD enum rc object_writer_restart(struct object_writer *writer, struct err *err);

/* Reads the file through, and checks size and digest: RC_CORRUPT moves it aside into
 * <directory>/bad/ so that it is never given again. */
NODISCARD enum rc objects_verify(struct objects *objects, const char *digest,
                                 struct err *err);

/* Puts the object at path as a file with the given mode: by reflink, else by hard link
 * when may_link and the mode is 0444 (a link shares the object's own mode), else by copy.
 * RC_CONFLICT if path exists. A failure leaves nothing at path. */
NODISCARD enum rc objects_place(struct objects *objects, const char *digest,
                                const char *path, unsigned mode, bool may_link,
                                struct err *err);

/* Has the object of one directory in another, too: as a hard link if it can be
 * (*is_shared; not synced, see objects_sync), else as a copy that was checked on its way.
 * RC_NOT_FOUND, RC_CORRUPT. */
NODISCARD enum rc objects_copy(struct objects *from, struct objects *to,
                               const char *digest, bool *is_shared, struct err *err);
/* All that was written to the file system is on disk. */
NODISCARD enum rc objects_sync(struct objects *objects, struct err *err);
/* Makes the open file the object, by another name for it, without a look at its bytes and
 * without syncing it: for folders whose objects are checked before they are used. RC_OK
 * if it is there. RC_UNSUPPORTED: the file has other names already, or cannot get one. */
NODISCARD enum rc objects_adopt(struct objects *objects, int fd, const char *digest,
                                struct err *err);

/* As objects_adopt, and it is on disk. RC_CONFLICT: it was there before. RC_FULL, RC_IO.
 */
NODISCARD enum rc objects_adopt_durably(struct objects *objects, int fd,
                                        const char *digest, struct err *err);

/* As objects_has, and the object counts as used now: it is kept by objects_remove_unused
 * with any earlier time, also after a restart. */
bool objects_use(struct objects *objects, const char *digest, uint64_t *size);
/* Removes the object if it was not stored or used since, in nanoseconds since 1970; a
 * use is known to the minute. *was_removed: it was there, and is no more. */
NODISCARD enum rc objects_remove_unused(struct objects *objects, const char *digest,
                                        int64_t since_ns, bool *was_removed,
                                        struct err *err);
/* Removes the object. RC_OK if there is none. */
NODISCARD enum rc objects_remove(struct objects *objects, const char *digest,
                                 struct err *err);

struct object_seen {
    char digest[DIGEST_TEXT_SIZE];
    uint64_t size;   /* bytes */
    int64_t used_ns; /* the file's time of access, or when its pack grew, since 1970 */
    int64_t kept_ns; /* when it was stored, or given to objects_use */
};
/* Calls take for every object, in no order; what comes or goes meanwhile may be missed.
 * Stops with what take returns when that is not RC_OK. RC_IO. */
NODISCARD enum rc objects_each(struct objects *objects,
                               enum rc (*take)(void *context,
                                               const struct object_seen *seen),
                               void *context, struct err *err);
