/* cache.h - the node's files by content: fetched once, checked before each use, held
 * while a task uses them, the oldest removed when there are too many bytes.
 *
 * Over a folder of objects (broker/artifacts/objects.h) that no other process writes.
 * What a holder has pinned is not removed, even when that is more than the limit; pins
 * live in memory, and whoever starts anew pins again what running tasks use. All
 * functions may be called from any thread; those that move or check bytes are slow.
 *
 * When an object's bytes are read again before a use: always when it is small
 * (CACHE_SMALL_MAX), else when the file is not as the last check left it. A check leaves
 * a mark, the file's time of modification, made of digest, size and inode (mark.h); so
 * it outlives the process, and whoever writes to the file takes it away. */
#pragma once

#include "broker/artifacts/bulk.h"

#include <stdatomic.h>

enum { CACHE_SMALL_MAX = OBJECT_SMALL_MAX };

struct cache;
/* limit: bytes of files, each counted in whole blocks; 0 for none. */
NODISCARD enum rc cache_open(const char *directory, uint64_t limit, struct cache **cache,
                             struct err *err);
void cache_destroy(struct cache *cache);
SCOPED(cache)

/* Called when an object of more than CACHE_SMALL_MAX is there, at each use again, and
 * when it is not there any more; from any thread, and not at the same moment as the
 * change. To be set before the cache is used. */
void cache_listen(struct cache *cache,
                  void (*told)(void *context, const char *digest, bool is_there),
                  void *context);

/* Somewhere that an object can be had from. Used by one thread at a time. */
struct cache_source {
    const char *name; /* for people: "the broker" */
    void *context;
    /* Adds to the writer what it lacks of the object. RC_CONFLICT: the object is shorter
     * than what the writer has. RC_UNREACHABLE, RC_TIMEOUT: another try may help. */
    enum rc (*get)(void *context, const char *digest, struct object_writer *writer,
                   struct err *err);
    /* As bulk_get_small; may be NULL. */
    enum rc (*get_small)(void *context, const struct bulk_small *items, size_t count,
                         bulk_small_take *take, void *taker, struct err *err);
    /* All bytes came from this source, and they are not the object's. May be NULL. */
    void (*doubt)(void *context, const char *digest);
};

/* Asked in this order; what one gave is not asked for again from the next. */
struct cache_sources {
    const struct cache_source *items;
    size_t count;
    const atomic_bool *cancelled; /* may be NULL */
    /* No source can be reached, or the disk is full and nothing can be removed: waits a
     * moment before all are asked again; false gives up. NULL: gives up. */
    bool (*wait)(void *context, const struct err *why);
    void *context;
};

/* Has the object there, sound, and pinned by the holder. size: as far as it is known,
 * else 0; room is made for so much before. An object that turns out damaged is moved
 * aside and fetched again. Of several threads that want one object, one fetches it.
 * Without sources: only looks. RC_NOT_FOUND, RC_CANCELLED, RC_CORRUPT (no source has the
 * right bytes), RC_FULL, RC_UNREACHABLE, RC_TIMEOUT, RC_IO. */
NODISCARD enum rc cache_fetch(struct cache *cache, uint64_t holder,
                              const struct cache_sources *sources, const char *digest,
                              uint64_t size, struct err *err);

/* Fetches the small ones of many objects together, as far as that is possible now, and
 * pins all. What is missing after it is fetched by cache_fetch or cache_place, which also
 * tell what is wrong. */
void cache_prefetch(struct cache *cache, uint64_t holder,
                    const struct cache_sources *sources, const struct bulk_small *wanted,
                    size_t count);

/* For bytes whose digest is not known before they are there: object_writer_create on
 * cache_objects, then this instead of object_writer_commit. Pinned by the holder. */
struct objects *cache_objects(struct cache *cache);
NODISCARD enum rc cache_commit(struct cache *cache, uint64_t holder,
                               struct object_writer *writer, struct digest_set *set,
                               uint64_t *size, struct err *err);

/* The open file may serve as the object from now on, if that costs no copy; it is checked
 * before its first use. Pinned by the holder. */
void cache_adopt(struct cache *cache, uint64_t holder, int fd, const char *digest,
                 uint64_t size);

/* Kept objects: outputs that nobody else may have. They are never removed, until they are
 * kept no more, and outlive the process; they count for the limit. <cache>/kept has an
 * empty file for each, named by the hex digits. */
enum { CACHE_KEPT_MAX = 50000 };
/* The open file becomes a kept object, on disk. Any failure: it may be in the cache, but
 * is not kept. RC_UNSUPPORTED: not without a copy; RC_CONFLICT: the cache has it already,
 * and tasks may have links to it; RC_FULL: too many are kept, or the limit or the disk
 * leaves no room. */
NODISCARD enum rc cache_keep(struct cache *cache, uint64_t holder, int fd,
                             const char *digest, uint64_t size, struct err *err);
/* Somebody else has it now. */
void cache_unkeep(struct cache *cache, const char *digest);
/* Nobody needs it any more: it is removed, unless somebody here holds it, or it is kept
 * and is_kept, that it may be so, is false. true: it is not there. */
NODISCARD bool cache_forget(struct cache *cache, const char *digest, bool is_kept);
size_t cache_kept_count(struct cache *cache);
/* A list of all, which the caller frees; NULL if there is none, or no memory. */
size_t cache_kept(struct cache *cache, char (**digests)[DIGEST_TEXT_SIZE]);

/* cache_fetch, then objects_place; a kept object is never linked, since who has the link
 * could change it. */
NODISCARD enum rc cache_place(struct cache *cache, uint64_t holder,
                              const struct cache_sources *sources,
                              const struct bulk_small *wanted, const char *path,
                              unsigned mode, bool may_link, struct err *err);

/* The bytes of a small object that is there with others in one file, checked, into room,
 * which has CACHE_SMALL_MAX; pinned by the holder. RC_NOT_FOUND: it is not, or is no more
 * what it was; cache_place serves. */
NODISCARD enum rc cache_load(struct cache *cache, uint64_t holder, const char *digest,
                             void *room, size_t *size, struct err *err);

/* Pins without looking whether the object is there: for tasks that run already. */
void cache_pin(struct cache *cache, uint64_t holder, const char *digest);
/* Takes back all pins of the holder. Removes nothing by itself: cache_trim does. */
void cache_release(struct cache *cache, uint64_t holder);
/* Removes what is oldest and not pinned while there is more than the limit, less room. */
void cache_trim(struct cache *cache, uint64_t room);
/* A number for a holder that is no attempt, never given twice. */
uint64_t cache_holder(struct cache *cache);

struct cache_counts {
    uint64_t fetched, healed, evicted; /* objects, since the cache was opened */
    uint64_t bytes; /* in the cache, as counted for the limit; 0 without one */
};
struct cache_counts cache_counts(struct cache *cache);
