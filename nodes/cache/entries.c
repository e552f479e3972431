/* entries.c - a hash table of entries, a list by last use, and a list of pins per holder.
 */
#include "nodes/cache/entries.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 1024, HOLDER_BUCKETS = 256 };

struct holder {
    uint64_t number;
    struct cache_entry **entries;
    size_t count, capacity;
    struct holder *next;
};

struct cache_entries {
    struct cache_entry **buckets;
    size_t bucket_count, count; /* buckets: a power of two */
    struct cache_entry *newest, *oldest;
    uint64_t bytes;
    struct holder *holders[HOLDER_BUCKETS];
};

struct cache_entries *cache_entries_create(void)
{
    scoped(cache_entries) self = calloc(1, sizeof *self);

    if (!self || !(self->buckets = calloc(BUCKETS_FIRST, sizeof *self->buckets)))
        return NULL;
    self->bucket_count = BUCKETS_FIRST;
    return steal(&self);
}

static void holder_free(struct holder *holder)
{
    free(holder->entries);
    free(holder);
}

void cache_entries_destroy(struct cache_entries *entries)
{
    if (!entries)
        return;
    for (size_t i = 0; i < HOLDER_BUCKETS; i++)
        while (entries->holders[i]) {
            struct holder *holder = entries->holders[i];

            entries->holders[i] = holder->next;
            holder_free(holder);
        }
    for (size_t i = 0; i < entries->bucket_count; i++)
        while (entries->buckets[i]) {
            struct cache_entry *entry = entries->buckets[i];

            entries->buckets[i] = entry->chain;
            free(entry);
        }
    free(entries->buckets);
    free(entries);
}

void cache_entry_digest(const struct cache_entry *entry, char digest[DIGEST_TEXT_SIZE])
{
    digest_text(entry->key, digest);
}

static size_t bucket_of(const struct cache_entries *self,
                        const unsigned char key[DIGEST_SIZE])
{
    uint64_t start;

    memcpy(&start, key, sizeof start);
    return (size_t)start & (self->bucket_count - 1);
}

/* Keeps chains short; without memory they only grow longer. */
static void buckets_grow(struct cache_entries *self)
{
    size_t before = self->bucket_count;
    struct cache_entry **old = self->buckets;
    struct cache_entry **made =
        self->count < before ? NULL : calloc(2 * before, sizeof *made);

    if (!made)
        return;
    self->buckets = made;
    self->bucket_count = 2 * before;
    for (size_t i = 0; i < before; i++)
        while (old[i]) {
            struct cache_entry *entry = old[i];
            size_t at = bucket_of(self, entry->key);

            old[i] = entry->chain;
            entry->chain = made[at];
            made[at] = entry;
        }
    free(old);
}

struct cache_entry *cache_entry_get(struct cache_entries *entries, const char *digest)
{
    unsigned char key[DIGEST_SIZE];

    digest_raw(digest, key);

    struct cache_entry **at = &entries->buckets[bucket_of(entries, key)];

    for (struct cache_entry *entry = *at; entry; entry = entry->chain)
        if (memcmp(entry->key, key, sizeof key) == 0)
            return entry;

    struct cache_entry *made = calloc(1, sizeof *made);

    if (!made)
        return NULL;
    memcpy(made->key, key, sizeof key);
    made->chain = *at;
    *at = made;
    entries->count++;
    buckets_grow(entries);
    return made;
}

static bool is_removable(const struct cache_entry *entry)
{
    return entry->is_counted && entry->pins == 0 && !entry->is_kept && !entry->is_busy;
}

static void list_remove(struct cache_entries *self, struct cache_entry *entry)
{
    *(entry->newer ? &entry->newer->older : &self->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &self->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void list_add(struct cache_entries *self, struct cache_entry *entry)
{
    entry->older = self->newest;
    *(self->newest ? &self->newest->newer : &self->oldest) = entry;
    self->newest = entry;
}

static void entry_drop(struct cache_entries *self, struct cache_entry *entry)
{
    struct cache_entry **at = &self->buckets[bucket_of(self, entry->key)];

    while (*at != entry)
        at = &(*at)->chain;
    *at = entry->chain;
    self->count--;
    free(entry);
}

/* After a change: the entry is in the list of removable ones, waits for its holders, or
 * is dropped. */
static void entry_settle(struct cache_entries *self, struct cache_entry *entry,
                         bool was_removable)
{
    if (was_removable && !is_removable(entry))
        list_remove(self, entry);
    else if (!was_removable && is_removable(entry))
        list_add(self, entry);
    if (!entry->is_counted && entry->pins == 0 && !entry->is_kept && !entry->is_busy)
        entry_drop(self, entry);
}

void cache_entry_count(struct cache_entries *entries, struct cache_entry *entry,
                       uint64_t size)
{
    bool was_removable = is_removable(entry);

    entries->bytes += size - (entry->is_counted ? entry->size : 0);
    entry->size = size;
    entry->is_counted = true;
    entry_settle(entries, entry, was_removable);
}

void cache_entry_uncount(struct cache_entries *entries, struct cache_entry *entry)
{
    bool was_removable = is_removable(entry);

    entries->bytes -= entry->is_counted ? entry->size : 0;
    entry->is_counted = false;
    entry_settle(entries, entry, was_removable);
}

void cache_entry_set_busy(struct cache_entries *entries, struct cache_entry *entry,
                          bool is_busy)
{
    bool was_removable = is_removable(entry);

    entry->is_busy = is_busy;
    entry_settle(entries, entry, was_removable);
}

void cache_entry_set_kept(struct cache_entries *entries, struct cache_entry *entry,
                          bool is_kept)
{
    bool was_removable = is_removable(entry);

    entry->is_kept = is_kept;
    entry_settle(entries, entry, was_removable);
}

static struct holder *holder_get(struct cache_entries *self, uint64_t number)
{
    struct holder **at = &self->holders[number % HOLDER_BUCKETS];

    while (*at && (*at)->number != number)
        at = &(*at)->next;
    if (!*at && (*at = calloc(1, sizeof **at)))
        (*at)->number = number;
    return *at;
}

bool cache_entry_pin(struct cache_entries *entries, struct cache_entry *entry,
                     uint64_t holder)
{
    struct holder *held = holder_get(entries, holder);
    bool was_removable = is_removable(entry);

    if (!held)
        return false;
    if (held->count == held->capacity) {
        size_t capacity = held->capacity ? 2 * held->capacity : 16;
        struct cache_entry **grown = reallocarray(held->entries, capacity, sizeof *grown);

        if (!grown)
            return false;
        held->entries = grown;
        held->capacity = capacity;
    }
    held->entries[held->count++] = entry;
    entry->pins++;
    entry_settle(entries, entry, was_removable);
    return true;
}

void cache_entries_release(struct cache_entries *entries, uint64_t holder)
{
    struct holder **at = &entries->holders[holder % HOLDER_BUCKETS];

    while (*at && (*at)->number != holder)
        at = &(*at)->next;
    if (!*at)
        return;

    struct holder *held = *at;

    *at = held->next;
    for (size_t i = 0; i < held->count; i++) {
        must(held->entries[i]->pins > 0);
        held->entries[i]->pins--;
        entry_settle(entries, held->entries[i], false);
    }
    holder_free(held);
}

struct cache_entry *cache_entries_oldest(struct cache_entries *entries)
{
    return entries->oldest;
}

uint64_t cache_entries_bytes(const struct cache_entries *entries)
{
    return entries->bytes;
}
