/* kept.c - objects that are marked as kept, by an empty file each.
 *
 * The object is on disk before its mark is, and the mark before anybody is told. That a
 * mark went is not synced: what is kept for too long is asked about again. */
#include "nodes/cache/cache_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *name_of(const char *digest)
{
    return strchr(digest, ':') + 1;
}

/* With the lock. */
static enum rc kept_add(struct cache *self, const char *digest, uint64_t size,
                        struct err *err)
{
    struct cache_entry *entry;

    if (!self->kept)
        self->kept = calloc(CACHE_KEPT_MAX, sizeof *self->kept);
    if (!self->kept || !(entry = cache_entry_get(self->entries, digest)))
        return err_set(err, RC_NO_MEMORY, "no memory for what is kept");
    if (entry->is_kept)
        return RC_OK;
    if (self->kept_count == CACHE_KEPT_MAX)
        return err_set(err, RC_FULL, "%d objects are kept already", CACHE_KEPT_MAX);
    memcpy(self->kept[self->kept_count++], digest, DIGEST_TEXT_SIZE);
    self->kept_bytes += cache_size_counted(size);
    cache_entry_set_kept(self->entries, entry, true);
    return RC_OK;
}

static enum rc kept_list(struct cache *self, DIR *folder, struct err *err)
{
    const struct dirent *found;
    enum rc rc = RC_OK;

    while (rc == RC_OK && (found = readdir(folder))) {
        char digest[sizeof "sha256:" + NAME_MAX];
        uint64_t size = 0;

        snprintf(digest, sizeof digest, "sha256:%s", found->d_name);
        if (!digest_is_valid(digest, strlen(digest)))
            continue;
        if (!objects_has(self->objects, digest, &size))
            fprintf(stderr, "noded: %s was on this node alone, and is gone\n", digest);
        rc = kept_add(self, digest, size, err);
    }
    return rc;
}

enum rc kept_open(struct cache *cache, const char *directory, struct err *err)
{
    scoped_fd int parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int sys = parent < 0 ? errno : 0;

    if (sys == 0 && mkdirat(parent, "kept", 0700) == 0)
        sys = fsync(parent) == 0 ? 0 : errno;
    else if (sys == 0 && errno != EEXIST)
        sys = errno;
    if (sys == 0
        && (cache->kept_fd = openat(parent, "kept", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
               < 0)
        sys = errno;

    int fd =
        sys == 0 ? openat(cache->kept_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (!folder) {
        sys = sys ? sys : errno;
        fd_scoped(&fd);
        return err_set_sys(err, rc_of_errno(sys), sys, "the folder %s/kept", directory);
    }

    enum rc rc = kept_list(cache, folder, err);

    closedir(folder);
    return rc;
}

static enum rc mark_make(struct cache *self, const char *digest, struct err *err)
{
    scoped_fd int fd = openat(self->kept_fd, name_of(digest),
                              O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || fsync(fd) != 0 || fsync(self->kept_fd) != 0) {
        int sys = errno;

        return err_set_sys(err, rc_of_errno(sys), sys, "mark %s as kept", digest);
    }
    return RC_OK;
}

static bool has_room(struct cache *self, uint64_t size)
{
    pthread_mutex_lock(&self->lock);
    bool has = self->kept_count < CACHE_KEPT_MAX
               && (self->limit == 0
                   || self->kept_bytes + cache_size_counted(size) <= self->limit);
    pthread_mutex_unlock(&self->lock);
    return has;
}

bool cache_is_kept(struct cache *cache, const char *digest)
{
    pthread_mutex_lock(&cache->lock);

    const struct cache_entry *entry = cache_entry_get(cache->entries, digest);
    bool is_kept = entry && entry->is_kept;

    pthread_mutex_unlock(&cache->lock);
    return is_kept;
}

/* The caller has the entry. */
static enum rc keep(struct cache *self, int fd, const char *digest, uint64_t size,
                    struct err *err)
{
    enum rc rc = objects_adopt_durably(self->objects, fd, digest, err);

    if (rc == RC_OK)
        rc = mark_make(self, digest, err);
    if (rc != RC_OK)
        return rc;
    pthread_mutex_lock(&self->lock);
    rc = kept_add(self, digest, size, err);
    pthread_mutex_unlock(&self->lock);
    if (rc != RC_OK)
        unlinkat(self->kept_fd, name_of(digest), 0);
    return rc;
}

enum rc cache_keep(struct cache *cache, uint64_t holder, int fd, const char *digest,
                   uint64_t size, struct err *err)
{
    struct cache_entry *entry = NULL;

    if (!has_room(cache, size))
        return err_set(err, RC_FULL, "no room to keep %s", digest);

    enum rc rc = cache_entry_take(cache, holder, digest, NULL, &entry, err);

    if (rc != RC_OK)
        return rc;
    if (!cache_is_kept(cache, digest))
        rc = keep(cache, fd, digest, size, err);

    bool is_there = objects_has(cache->objects, digest, NULL);

    cache_entry_give(cache, entry, is_there, size);
    if (rc == RC_OK && !is_there)
        rc = err_set(err, RC_IO, "object %s went away", digest);
    if (is_there && size > CACHE_SMALL_MAX)
        cache_listener_tell(cache, digest, true);
    cache_trim(cache, 0);
    return rc;
}

void cache_unkeep(struct cache *cache, const char *digest)
{
    uint64_t size = 0;

    unlinkat(cache->kept_fd, name_of(digest), 0);
    objects_has(cache->objects, digest, &size);
    size = cache_size_counted(size);
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < cache->kept_count; i++) {
        struct cache_entry *entry;

        if (strcmp(cache->kept[i], digest) != 0)
            continue;
        memmove(cache->kept[i], cache->kept[--cache->kept_count], DIGEST_TEXT_SIZE);
        cache->kept_bytes -= size < cache->kept_bytes ? size : cache->kept_bytes;
        if ((entry = cache_entry_get(cache->entries, digest)) != NULL)
            cache_entry_set_kept(cache->entries, entry, false);
        break;
    }
    pthread_mutex_unlock(&cache->lock);
}

/* Makes the entry the caller's own, if nobody holds it. One that is busy and that nobody
 * holds is being removed, which does not take long. */
static struct cache_entry *entry_take_free(struct cache *self, const char *digest,
                                           bool may_be_kept)
{
    struct cache_entry *entry;
    bool is_free;

    pthread_mutex_lock(&self->lock);
    for (;;) {
        entry = cache_entry_get(self->entries, digest);
        is_free = entry && entry->pins == 0 && (may_be_kept || !entry->is_kept);
        if (!is_free || !entry->is_busy)
            break;
        pthread_cond_wait(&self->idle, &self->lock);
    }
    if (is_free)
        cache_entry_set_busy(self->entries, entry, true);
    pthread_mutex_unlock(&self->lock);
    return is_free ? entry : NULL;
}

bool cache_forget(struct cache *cache, const char *digest, bool is_kept)
{
    struct cache_entry *entry = entry_take_free(cache, digest, is_kept);
    struct err ignored;

    if (!entry)
        return false;
    cache_unkeep(cache, digest);

    bool was_there = objects_has(cache->objects, digest, NULL);
    bool is_gone = objects_remove(cache->objects, digest, &ignored) == RC_OK;

    if (was_there && is_gone)
        cache_listener_tell(cache, digest, false);
    cache_entry_give(cache, entry, !is_gone, 0);
    return is_gone;
}

size_t cache_kept_count(struct cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    size_t count = cache->kept_count;
    pthread_mutex_unlock(&cache->lock);
    return count;
}

size_t cache_kept(struct cache *cache, char (**digests)[DIGEST_TEXT_SIZE])
{
    size_t count = 0;

    *digests = NULL;
    pthread_mutex_lock(&cache->lock);
    if (cache->kept_count > 0
        && (*digests = calloc(cache->kept_count, sizeof **digests)) != NULL) {
        count = cache->kept_count;
        memcpy(*digests, cache->kept, count * sizeof **digests);
    }
    pthread_mutex_unlock(&cache->lock);
    return count;
}
