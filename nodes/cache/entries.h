/* entries.h - what the cache knows of its objects: who holds them, which is the oldest.
 *
 * No files and no lock: cache.c has both. An entry is there while somebody holds it, and
 * for as long as it is counted or kept. */
#pragma once

#include "codecs/digest/digest.h"

struct cache_entry {
    unsigned char key[DIGEST_SIZE]; /* the digest */
    uint64_t size;                  /* as counted */
    uint32_t pins;
    bool is_counted;                   /* it is there, and its size is in the sum */
    bool is_kept;                      /* others may have it from here alone */
    bool is_busy;                      /* some thread looks at, fetches or removes it */
    struct cache_entry *newer, *older; /* of those that may be removed */
    struct cache_entry *chain;
};

struct cache_entries;
struct cache_entries *cache_entries_create(void); /* NULL when out of memory */
void cache_entries_destroy(struct cache_entries *entries);
SCOPED(cache_entries)

/* The digest must be one. Adds an entry if there is none; NULL when out of memory. */
struct cache_entry *cache_entry_get(struct cache_entries *entries, const char *digest);
void cache_entry_digest(const struct cache_entry *entry, char digest[DIGEST_TEXT_SIZE]);
/* The object is there with so many bytes, or it is not. */
void cache_entry_count(struct cache_entries *entries, struct cache_entry *entry,
                       uint64_t size);
void cache_entry_uncount(struct cache_entries *entries, struct cache_entry *entry);
/* false: out of memory, nothing is pinned. */
bool cache_entry_pin(struct cache_entries *entries, struct cache_entry *entry,
                     uint64_t holder);
void cache_entries_release(struct cache_entries *entries, uint64_t holder);
void cache_entry_set_busy(struct cache_entries *entries, struct cache_entry *entry,
                          bool is_busy);
void cache_entry_set_kept(struct cache_entries *entries, struct cache_entry *entry,
                          bool is_kept);
/* Of those counted, neither pinned, kept nor busy, the one not used for longest; or NULL.
 */
struct cache_entry *cache_entries_oldest(struct cache_entries *entries);
uint64_t cache_entries_bytes(const struct cache_entries *entries);
