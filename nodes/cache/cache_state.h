/* cache_state.h - the cache, shared by the files of this folder only.
 *
 * cache.c: who waits for whom, counting and removing. check.c: whether an object's bytes
 * are right. get.c: having it from a source. kept.c: what nobody else may have. */
#pragma once

#include "nodes/cache/cache.h"
#include "nodes/cache/entries.h"

#include <pthread.h>

struct cache {
    struct objects *objects;
    uint64_t limit;
    void (*told)(void *context, const char *digest, bool is_there); /* or NULL */
    void *listening;
    int kept_fd;          /* the folder of what names kept objects */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t idle;  /* an entry is not busy any more */
    struct cache_entries *entries;
    bool is_listed; /* what lay in the folder at the start is counted */
    struct cache_counts counts;
    uint64_t last_holder;
    char (*kept)[DIGEST_TEXT_SIZE]; /* CACHE_KEPT_MAX once there is one */
    size_t kept_count;
    uint64_t kept_bytes; /* as counted for the limit */
};

/* Whether the object is there and its bytes are right. RC_NOT_FOUND: it is not there, or
 * it was damaged and has been moved aside (*was_bad). */
NODISCARD enum rc object_check(struct cache *cache, const char *digest, uint64_t *size,
                               bool *was_bad, struct err *err);
/* Marks an object whose bytes were hashed while they were written. */
void object_trust(struct cache *cache, const char *digest);
/* Bytes as the limit counts them. */
uint64_t cache_size_counted(uint64_t size);
/* Makes the entry of the digest the caller's own, pinned, until it is given back. */
NODISCARD enum rc cache_entry_take(struct cache *cache, uint64_t holder,
                                   const char *digest, const atomic_bool *cancelled,
                                   struct cache_entry **entry, struct err *err);
void cache_entry_give(struct cache *cache, struct cache_entry *entry, bool is_there,
                      uint64_t size);
void cache_listener_tell(struct cache *cache, const char *digest, bool is_there);
/* Learns which objects are kept. */
NODISCARD enum rc kept_open(struct cache *cache, const char *directory, struct err *err);
/* The entry must be there. */
bool cache_is_kept(struct cache *cache, const char *digest);
/* Has it from one of the sources. */
NODISCARD enum rc object_get(struct cache *cache, const struct cache_sources *sources,
                             const char *digest, uint64_t size, struct err *err);
/* Removes the oldest that nobody holds; false if there is none. */
bool cache_remove_oldest(struct cache *cache);
