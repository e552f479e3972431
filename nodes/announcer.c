/* announcer.c - what changed since the last step, in order; all of it when too much did.
 */
#include "nodes/announcer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_MAX = BULK_HAVE_MAX };

struct change {
    char digest[DIGEST_TEXT_SIZE];
    bool is_there;
};

struct announcer {
    struct cache *cache;
    const char *endpoint;
    pthread_mutex_t lock; /* of what follows */
    struct change *changes;
    size_t count;
    bool must_begin; /* all is to be told, and changes do not matter */
    bool has_begun;  /* the broker was there once */
};

static void on_change(void *context, const char *digest, bool is_there)
{
    struct announcer *self = context;

    pthread_mutex_lock(&self->lock);
    if (self->count == CHANGES_MAX) {
        self->must_begin |= self->has_begun;
        self->count = 0;
    }
    if (self->has_begun && !self->must_begin) {
        struct change *change = &self->changes[self->count++];

        memcpy(change->digest, digest, DIGEST_TEXT_SIZE);
        change->is_there = is_there;
    }
    pthread_mutex_unlock(&self->lock);
}

struct announcer *announcer_create(struct cache *cache, const char *endpoint)
{
    struct announcer *self = calloc(1, sizeof *self);

    if (!self || !(self->changes = calloc(CHANGES_MAX, sizeof *self->changes))) {
        free(self);
        return NULL;
    }
    self->cache = cache;
    self->endpoint = endpoint;
    pthread_mutex_init(&self->lock, NULL);
    if (*endpoint)
        cache_listen(cache, on_change, self);
    return self;
}

void announcer_destroy(struct announcer *announcer)
{
    if (!announcer)
        return;
    pthread_mutex_destroy(&announcer->lock);
    free(announcer->changes);
    free(announcer);
}

void announcer_begin(struct announcer *announcer)
{
    if (!*announcer->endpoint)
        return;
    pthread_mutex_lock(&announcer->lock);
    announcer->has_begun = announcer->must_begin = true;
    announcer->count = 0;
    pthread_mutex_unlock(&announcer->lock);
}

struct telling { /* of all that is there */
    struct announcer *announcer;
    struct stream_server *server;
    char (*digests)[DIGEST_TEXT_SIZE]; /* BULK_HAVE_MAX */
    const char **pointers;
    size_t count, told;
    bool is_first;
};

static enum rc telling_flush(struct telling *self)
{
    bool is_told = stream_server_here(self->server, self->announcer->endpoint,
                                      self->is_first, self->pointers, self->count);

    self->told += self->count;
    self->count = 0;
    self->is_first = false;
    return is_told ? RC_OK : RC_FULL;
}

static enum rc telling_add(void *context, const struct object_seen *seen)
{
    struct telling *self = context;

    if (seen->size <= CACHE_SMALL_MAX || self->told + self->count >= ANNOUNCED_MAX)
        return RC_OK;
    memcpy(self->digests[self->count], seen->digest, DIGEST_TEXT_SIZE);
    self->pointers[self->count] = self->digests[self->count];
    self->count++;
    return self->count == BULK_HAVE_MAX ? telling_flush(self) : RC_OK;
}

/* What is kept comes first, because nobody else may have it. */
static enum rc tell_kept(struct telling *self)
{
    char(*digests)[DIGEST_TEXT_SIZE];
    size_t count = cache_kept(self->announcer->cache, &digests);
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        struct object_seen seen = { .size = 0 };

        memcpy(seen.digest, digests[i], DIGEST_TEXT_SIZE);
        if (objects_has(cache_objects(self->announcer->cache), digests[i], &seen.size))
            rc = telling_add(self, &seen);
    }
    free(digests);
    return rc;
}

static bool tell_all(struct announcer *self, struct stream_server *server)
{
    struct telling telling = { .announcer = self, .server = server, .is_first = true };
    enum rc rc = RC_NO_MEMORY;

    telling.digests = calloc(BULK_HAVE_MAX, sizeof *telling.digests);
    telling.pointers = calloc(BULK_HAVE_MAX, sizeof *telling.pointers);
    if (telling.digests && telling.pointers)
        rc = tell_kept(&telling);
    if (rc == RC_OK)
        rc = objects_each(cache_objects(self->cache), telling_add, &telling, NULL);
    if (rc == RC_OK && (telling.count > 0 || telling.is_first))
        rc = telling_flush(&telling);
    free(telling.digests);
    free(telling.pointers);
    return rc == RC_OK;
}

/* Those from the first on that came, or went, as it did; gives how many. */
static size_t tell_alike(const struct announcer *self, struct stream_server *server,
                         const struct change *changes, size_t count,
                         const char **pointers)
{
    size_t alike = 0;

    while (alike < count && changes[alike].is_there == changes[0].is_there) {
        pointers[alike] = changes[alike].digest;
        alike++;
    }

    bool is_told = changes[0].is_there ? stream_server_here(server, self->endpoint, false,
                                                            pointers, alike)
                                       : stream_server_gone(server, pointers, alike);

    return is_told ? alike : 0;
}

static bool tell_changes(struct announcer *self, struct stream_server *server,
                         const struct change *changes, size_t count)
{
    const char **pointers = calloc(count, sizeof *pointers);
    size_t done = 0, told = 1;

    while (pointers && done < count && told > 0) {
        told = tell_alike(self, server, changes + done, count - done, pointers);
        done += told;
    }
    free(pointers);
    return done == count;
}

void announcer_step(struct announcer *announcer, struct stream_server *server)
{
    struct change *changes = NULL;
    bool is_told = true;

    pthread_mutex_lock(&announcer->lock);

    bool must_begin = announcer->must_begin;
    size_t count = announcer->count;

    announcer->must_begin = false;
    announcer->count = 0;
    if (count > 0 && (changes = malloc(count * sizeof *changes)) != NULL)
        memcpy(changes, announcer->changes, count * sizeof *changes);
    pthread_mutex_unlock(&announcer->lock);
    if (must_begin)
        is_told = tell_all(announcer, server);
    else if (count > 0)
        is_told = changes && tell_changes(announcer, server, changes, count);
    free(changes);
    if (!is_told)
        announcer_begin(announcer);
}
