/* cache_state.h - the cache, shared by the files of this folder only.
 *
 * cache.c: who waits for whom, counting and removing. check.c: whether an object's bytes
 * are right. get.c: having it from a source. */
#pragma once

#include "nodes/cache/cache.h"
#include "nodes/cache/entries.h"

#include <pthread.h>

struct cache {
    struct objects *objects;
    uint64_t limit;
    void (*told)(void *context, const char *digest, bool is_there); /* or NULL */
    void *listening;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t idle;  /* an entry is not busy any more */
    struct cache_entries *entries;
    bool is_listed; /* what lay in the folder at the start is counted */
    struct cache_counts counts;
    uint64_t last_holder;
};

/* Whether the object is there and its bytes are right. RC_NOT_FOUND: it is not there, or
 * it was damaged and has been moved aside (*was_bad). */
NODISCARD enum rc object_check(struct cache *cache, const char *digest, uint64_t *size,
                               bool *was_bad, struct err *err);
/* Marks an object whose bytes were hashed while they were written. */
void object_trust(struct cache *cache, const char *digest);
/* Has it from one of the sources. */
NODISCARD enum rc object_get(struct cache *cache, const struct cache_sources *sources,
                             const char *digest, uint64_t size, struct err *err);
/* Removes the oldest that nobody holds; false if there is none. */
bool cache_remove_oldest(struct cache *cache);
