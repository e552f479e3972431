/* cache.c - see cache.h. The lock is never held while bytes are moved, checked or
 * removed: an entry is busy instead, and who wants it waits. */
#include "nodes/cache/cache_state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 4096, LOOK_MS = 100, NS_PER_MS = 1000000 };

uint64_t cache_size_counted(uint64_t size)
{
    return (size + BLOCK - 1) / BLOCK * BLOCK;
}

enum rc cache_open(const char *directory, uint64_t limit, struct cache **cache,
                   struct err *err)
{
    struct cache *self = calloc(1, sizeof *self);

    if (!self)
        return err_set(err, RC_NO_MEMORY, "no memory for the cache");
    self->limit = limit;
    self->kept_fd = -1;
    self->last_holder = UINT64_MAX / 2;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->idle, NULL);
    self->entries = cache_entries_create();

    enum rc rc = self->entries ? objects_open(directory, &self->objects, err)
                               : err_set(err, RC_NO_MEMORY, "no memory for the cache");

    if (rc == RC_OK)
        rc = kept_open(self, directory, err);
    if (rc == RC_OK)
        *cache = self;
    else
        cache_destroy(self);
    return rc;
}

void cache_destroy(struct cache *cache)
{
    if (!cache)
        return;
    cache_entries_destroy(cache->entries);
    fd_scoped(&cache->kept_fd);
    free(cache->kept);
    objects_destroy(cache->objects);
    pthread_cond_destroy(&cache->idle);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void cache_listen(struct cache *cache,
                  void (*told)(void *context, const char *digest, bool is_there),
                  void *context)
{
    cache->told = told;
    cache->listening = context;
}

void cache_listener_tell(struct cache *cache, const char *digest, bool is_there)
{
    if (cache->told)
        cache->told(cache->listening, digest, is_there);
}

struct objects *cache_objects(struct cache *cache)
{
    return cache->objects;
}

struct listing {
    struct object_seen *items;
    size_t count, capacity;
};

static enum rc listing_add(void *context, const struct object_seen *seen)
{
    struct listing *listing = context;

    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? 2 * listing->capacity : 256;
        struct object_seen *items = reallocarray(listing->items, capacity, sizeof *items);

        if (!items)
            return RC_NO_MEMORY;
        listing->items = items;
        listing->capacity = capacity;
    }
    listing->items[listing->count++] = *seen;
    return RC_OK;
}

static int by_use(const void *a, const void *b)
{
    const struct object_seen *one = a, *other = b;

    return (one->used_ns > other->used_ns) - (one->used_ns < other->used_ns);
}

/* Counts what lies in the folder, the oldest first: only once there is a limit to keep,
 * and on a worker's thread, so that a full cache delays no start. What could not be read
 * is found when it is used. */
static void list_once(struct cache *cache)
{
    struct listing listing = { 0 };
    struct err ignored;

    if (cache->is_listed || cache->limit == 0)
        return;
    cache->is_listed = true;
    if (objects_each(cache->objects, listing_add, &listing, &ignored) == RC_OK
        && listing.count > 0)
        qsort(listing.items, listing.count, sizeof *listing.items, by_use);
    for (size_t i = 0; i < listing.count; i++) {
        struct cache_entry *entry =
            cache_entry_get(cache->entries, listing.items[i].digest);

        if (entry)
            cache_entry_count(cache->entries, entry,
                              cache_size_counted(listing.items[i].size));
    }
    free(listing.items);
}

/* With the lock. Takes entry, which nobody holds, away. */
static void entry_remove(struct cache *cache, struct cache_entry *entry)
{
    char digest[DIGEST_TEXT_SIZE];
    struct err ignored;

    cache_entry_digest(entry, digest);
    cache_entry_set_busy(cache->entries, entry, true);
    pthread_mutex_unlock(&cache->lock);
    bool is_gone = objects_remove(cache->objects, digest, &ignored) == RC_OK;
    if (is_gone)
        cache_listener_tell(cache, digest, false);
    pthread_mutex_lock(&cache->lock);
    cache->counts.evicted += is_gone;
    cache_entry_uncount(cache->entries, entry);
    cache_entry_set_busy(cache->entries, entry, false);
    pthread_cond_broadcast(&cache->idle);
}

bool cache_remove_oldest(struct cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    list_once(cache);

    struct cache_entry *oldest = cache_entries_oldest(cache->entries);

    if (oldest)
        entry_remove(cache, oldest);
    pthread_mutex_unlock(&cache->lock);
    return oldest != NULL;
}

void cache_trim(struct cache *cache, uint64_t room)
{
    struct cache_entry *oldest;

    pthread_mutex_lock(&cache->lock);
    list_once(cache);
    while (cache->limit > 0
           && cache_entries_bytes(cache->entries) + cache_size_counted(room)
                  > cache->limit
           && (oldest = cache_entries_oldest(cache->entries)) != NULL)
        entry_remove(cache, oldest);
    pthread_mutex_unlock(&cache->lock);
}

/* With the lock: waits until no other thread is at the entry. false: cancelled. */
static bool entry_wait(struct cache *cache, const struct cache_entry *entry,
                       const atomic_bool *cancelled)
{
    while (entry->is_busy && !(cancelled && *cancelled)) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * NS_PER_MS;
        until.tv_sec += until.tv_nsec / (1000 * NS_PER_MS);
        until.tv_nsec %= 1000 * NS_PER_MS;
        pthread_cond_timedwait(&cache->idle, &cache->lock, &until);
    }
    return !entry->is_busy;
}

enum rc cache_entry_take(struct cache *cache, uint64_t holder, const char *digest,
                         const atomic_bool *cancelled, struct cache_entry **entry,
                         struct err *err)
{
    enum rc rc = RC_OK;

    pthread_mutex_lock(&cache->lock);

    struct cache_entry *found = cache_entry_get(cache->entries, digest);

    if (!found || !cache_entry_pin(cache->entries, found, holder))
        rc = err_set(err, RC_NO_MEMORY, "no memory for the cache");
    else if (!entry_wait(cache, found, cancelled))
        rc = err_set(err, RC_CANCELLED, "stopped while %s was fetched", digest);
    if (rc == RC_OK) {
        cache_entry_set_busy(cache->entries, found, true);
        *entry = found;
    }
    pthread_mutex_unlock(&cache->lock);
    return rc;
}

void cache_entry_give(struct cache *cache, struct cache_entry *entry, bool is_there,
                      uint64_t size)
{
    pthread_mutex_lock(&cache->lock);
    if (!is_there)
        cache_entry_uncount(cache->entries, entry);
    else if (cache->is_listed)
        cache_entry_count(cache->entries, entry, cache_size_counted(size));
    cache_entry_set_busy(cache->entries, entry, false);
    pthread_cond_broadcast(&cache->idle);
    pthread_mutex_unlock(&cache->lock);
}

static void count_some(struct cache *cache, uint64_t fetched, uint64_t healed)
{
    pthread_mutex_lock(&cache->lock);
    cache->counts.fetched += fetched;
    cache->counts.healed += healed;
    pthread_mutex_unlock(&cache->lock);
}

enum rc cache_fetch(struct cache *cache, uint64_t holder,
                    const struct cache_sources *sources, const char *digest,
                    uint64_t size, struct err *err)
{
    struct cache_entry *entry = NULL;
    bool was_bad = false;
    uint64_t found = 0;

    if (!digest_is_valid(digest, strnlen(digest, DIGEST_TEXT_SIZE)))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);

    enum rc rc = cache_entry_take(cache, holder, digest,
                                  sources ? sources->cancelled : NULL, &entry, err);

    if (rc != RC_OK)
        return rc;
    rc = object_check(cache, digest, &found, &was_bad, err);
    if (rc == RC_NOT_FOUND && sources) {
        rc = object_get(cache, sources, digest, size, err);
        if (rc == RC_OK && !objects_has(cache->objects, digest, &found))
            rc = err_set(err, RC_IO, "object %s went away", digest);
        if (rc == RC_OK) {
            object_trust(cache, digest);
            count_some(cache, 1, was_bad);
        }
    }
    cache_entry_give(cache, entry, rc == RC_OK, found);
    if (rc != RC_OK ? was_bad : found > CACHE_SMALL_MAX)
        cache_listener_tell(cache, digest, rc == RC_OK);
    if (rc == RC_OK)
        cache_trim(cache, 0);
    return rc;
}

struct prefetch {
    struct cache *cache;
    struct bulk_small *missing;
    struct cache_entry **entries; /* of the missing, busy */
    size_t count;
    uint64_t bytes;
};

static enum rc small_take(void *context, const struct object_small *batch, size_t count,
                          struct err *err)
{
    struct prefetch *self = context;
    enum rc rc = objects_add(self->cache->objects, batch, count, false, err);

    if (rc == RC_OK)
        count_some(self->cache, count, 0);
    return rc;
}

/* Takes those that are missing and that no other thread is at: to wait for one while
 * others are held could wait for ever. */
static void missing_take(struct prefetch *self, uint64_t holder,
                         const struct bulk_small *wanted, size_t count)
{
    struct cache *cache = self->cache;

    for (size_t i = 0; i < count; i++) {
        const char *digest = wanted[i].digest;
        struct cache_entry *entry;

        if (wanted[i].size > OBJECT_SMALL_MAX
            || !digest_is_valid(digest, strnlen(digest, DIGEST_TEXT_SIZE))
            || objects_has(cache->objects, digest, NULL))
            continue;
        pthread_mutex_lock(&cache->lock);
        entry = cache_entry_get(cache->entries, digest);
        if (entry && cache_entry_pin(cache->entries, entry, holder) && !entry->is_busy) {
            cache_entry_set_busy(cache->entries, entry, true);
            self->bytes += wanted[i].size;
            self->missing[self->count] = wanted[i];
            self->entries[self->count++] = entry;
        }
        pthread_mutex_unlock(&cache->lock);
    }
}

static void missing_give(struct prefetch *self)
{
    for (size_t i = 0; i < self->count; i++) {
        uint64_t size = 0;
        bool is_there = objects_has(self->cache->objects, self->missing[i].digest, &size);

        cache_entry_give(self->cache, self->entries[i], is_there, size);
    }
}

void cache_prefetch(struct cache *cache, uint64_t holder,
                    const struct cache_sources *sources, const struct bulk_small *wanted,
                    size_t count)
{
    struct prefetch self = { .cache = cache };
    struct err ignored;

    self.missing = calloc(count + 1, sizeof *self.missing);
    self.entries = calloc(count + 1, sizeof *self.entries);
    if (self.missing && self.entries)
        missing_take(&self, holder, wanted, count);
    if (self.count > 0)
        cache_trim(cache, self.bytes);
    for (size_t i = 0; self.count > 0 && i < sources->count; i++) {
        const struct cache_source *source = &sources->items[i];

        if (source->get_small
            && source->get_small(source->context, self.missing, self.count, small_take,
                                 &self, &ignored)
                   == RC_OK)
            break;
    }
    missing_give(&self);
    free(self.missing);
    free(self.entries);
}

enum rc cache_commit(struct cache *cache, uint64_t holder, struct object_writer *writer,
                     struct digest_set *set, uint64_t *size, struct err *err)
{
    struct cache_entry *entry = NULL;
    struct digest_set made;
    uint64_t bytes = 0;

    enum rc rc = object_writer_commit(writer, NULL, &made, &bytes, err);

    if (rc == RC_OK)
        rc = cache_entry_take(cache, holder, made.sha256, NULL, &entry, err);
    if (rc != RC_OK)
        return rc;

    /* It may have been there before, and been removed in the moment before the pin. */
    bool is_there = objects_has(cache->objects, made.sha256, NULL);

    if (is_there)
        object_trust(cache, made.sha256);
    cache_entry_give(cache, entry, is_there, bytes);
    if (is_there && bytes > CACHE_SMALL_MAX)
        cache_listener_tell(cache, made.sha256, true);
    cache_trim(cache, 0);
    if (!is_there)
        return err_set(err, RC_CONFLICT, "%s was just removed: fetch it again",
                       made.sha256);
    *set = made;
    *size = bytes;
    return RC_OK;
}

void cache_adopt(struct cache *cache, uint64_t holder, int fd, const char *digest,
                 uint64_t size)
{
    struct cache_entry *entry = NULL;
    struct err ignored;

    if (cache_entry_take(cache, holder, digest, NULL, &entry, &ignored) != RC_OK)
        return;

    bool is_there = objects_adopt(cache->objects, fd, digest, &ignored) == RC_OK;

    cache_entry_give(cache, entry, is_there, size);
    if (is_there && size > CACHE_SMALL_MAX)
        cache_listener_tell(cache, digest, true);
    cache_trim(cache, 0);
}

enum rc cache_place(struct cache *cache, uint64_t holder,
                    const struct cache_sources *sources, const struct bulk_small *wanted,
                    const char *path, unsigned mode, bool may_link, struct err *err)
{
    struct objects *objects = cache->objects;
    enum rc rc = RC_NOT_FOUND;

    /* What is packed is checked while it is placed. */
    if (objects_is_packed(objects, wanted->digest)) {
        cache_pin(cache, holder, wanted->digest);
        rc = objects_place(objects, wanted->digest, path, mode, may_link, err);
    }
    if (rc != RC_NOT_FOUND && rc != RC_CORRUPT)
        return rc;

    bool was_bad = rc == RC_CORRUPT;

    rc = cache_fetch(cache, holder, sources, wanted->digest, wanted->size, err);
    if (rc == RC_OK)
        rc = objects_place(objects, wanted->digest, path, mode,
                           may_link && !cache_is_kept(cache, wanted->digest), err);
    count_some(cache, 0, was_bad && rc == RC_OK);
    return rc;
}

enum rc cache_load(struct cache *cache, uint64_t holder, const char *digest, void *room,
                   size_t *size, struct err *err)
{
    if (!objects_is_packed(cache->objects, digest)
        || objects_load(cache->objects, digest, room, size, err) != RC_OK)
        return err_set(err, RC_NOT_FOUND, "%s is not among the small files", digest);
    cache_pin(cache, holder, digest);
    return RC_OK;
}

void cache_pin(struct cache *cache, uint64_t holder, const char *digest)
{
    if (!digest || !digest_is_valid(digest, strnlen(digest, DIGEST_TEXT_SIZE)))
        return;
    pthread_mutex_lock(&cache->lock);

    struct cache_entry *entry = cache_entry_get(cache->entries, digest);

    /* Without memory the object may be removed, but not from under the task: that has a
     * link or a copy. */
    if (entry && !cache_entry_pin(cache->entries, entry, holder))
        cache_entry_set_busy(cache->entries, entry, entry->is_busy);
    pthread_mutex_unlock(&cache->lock);
}

void cache_release(struct cache *cache, uint64_t holder)
{
    pthread_mutex_lock(&cache->lock);
    cache_entries_release(cache->entries, holder);
    pthread_mutex_unlock(&cache->lock);
}

uint64_t cache_holder(struct cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t holder = ++cache->last_holder;
    pthread_mutex_unlock(&cache->lock);
    return holder;
}

struct cache_counts cache_counts(struct cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    struct cache_counts counts = cache->counts;
    counts.bytes = cache_entries_bytes(cache->entries);
    pthread_mutex_unlock(&cache->lock);
    return counts;
}
