/* bring.c - a short list of objects, and threads that take the next of it. */
#include "broker/artifacts/bring.h"

#include "broker/artifacts/bulk.h"
#include "broker/link/link.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <zmq.h>

struct bring {
    char digest[DIGEST_TEXT_SIZE]; /* "": free */
    bool is_taken;                 /* by a thread */
};

struct bringer {
    struct objects *objects;
    struct places *places;
    void *zmq_context; /* its own, so that its end ends what is under way */
    bool is_open;
    int wake_fd;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool is_ending;
    struct bring brings[BRINGS_MAX];
    pthread_t threads[BRING_THREADS];
    unsigned thread_count;
};

static void fetch(struct bringer *self, const char *digest)
{
    struct node_place found[PLACE_NODES_MAX];
    size_t count = places_find(self->places, digest, found);
    enum rc rc = RC_NOT_FOUND;

    for (size_t i = 0; i < count && rc != RC_OK && rc != RC_CANCELLED; i++) {
        scoped(bulk_client) client = NULL;
        struct err err;

        if (!found[i].endpoint[0]
            || link_check("a node", found[i].endpoint, self->is_open, &err) != RC_OK)
            continue;
        rc = bulk_client_create(self->zmq_context, found[i].endpoint, BRING_TIMEOUT_MS,
                                &client, &err);
        if (rc == RC_OK)
            rc = bulk_get(client, digest, self->objects, NULL, NULL, &err);
    }
}

/* With the lock: one that no thread has, or NULL. */
static struct bring *bring_next(struct bringer *self)
{
    for (size_t i = 0; i < BRINGS_MAX; i++)
        if (self->brings[i].digest[0] && !self->brings[i].is_taken)
            return &self->brings[i];
    return NULL;
}

static void *bring_run(void *context)
{
    struct bringer *self = context;
    struct bring *bring;

    pthread_mutex_lock(&self->lock);
    while (!self->is_ending) {
        if (!(bring = bring_next(self))) {
            pthread_cond_wait(&self->wake, &self->lock);
            continue;
        }
        bring->is_taken = true;
        pthread_mutex_unlock(&self->lock);
        fetch(self, bring->digest);
        pthread_mutex_lock(&self->lock);
        *bring = (struct bring){ .is_taken = false };
        eventfd_write(self->wake_fd, 1);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* They take no signals: those are for the loop of the process. */
static enum rc threads_start(struct bringer *self, struct err *err)
{
    sigset_t all, before;
    int sys = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (sys == 0 && self->thread_count < BRING_THREADS) {
        sys = pthread_create(&self->threads[self->thread_count], NULL, bring_run, self);
        self->thread_count += sys == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sys == 0 ? RC_OK : err_set_sys(err, RC_NO_MEMORY, sys, "start a thread");
}

enum rc bringer_create(struct objects *objects, struct places *places, bool is_open,
                       int wake_fd, struct bringer **bringer, struct err *err)
{
    scoped(bringer) self = calloc(1, sizeof *self);

    if (!self)
        return err_set(err, RC_NO_MEMORY, "no memory to fetch from nodes");
    self->objects = objects;
    self->places = places;
    self->is_open = is_open;
    self->wake_fd = wake_fd;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->wake, NULL);
    if (!(self->zmq_context = zmq_ctx_new()))
        return err_set(err, RC_NO_MEMORY, "no memory to fetch from nodes");

    enum rc rc = threads_start(self, err);

    if (rc == RC_OK)
        *bringer = steal(&self);
    return rc;
}

void bringer_destroy(struct bringer *bringer)
{
    if (!bringer)
        return;
    pthread_mutex_lock(&bringer->lock);
    bringer->is_ending = true;
    pthread_cond_broadcast(&bringer->wake);
    pthread_mutex_unlock(&bringer->lock);
    if (bringer->zmq_context)
        zmq_ctx_shutdown(bringer->zmq_context);
    for (unsigned i = 0; i < bringer->thread_count; i++)
        pthread_join(bringer->threads[i], NULL);
    if (bringer->zmq_context)
        zmq_ctx_term(bringer->zmq_context);
    pthread_cond_destroy(&bringer->wake);
    pthread_mutex_destroy(&bringer->lock);
    free(bringer);
}

/* With the lock: the entry of the object; else a free one, or NULL. */
static struct bring *bring_find(struct bringer *self, const char *digest)
{
    struct bring *room = NULL;

    for (size_t i = 0; i < BRINGS_MAX; i++) {
        if (strcmp(self->brings[i].digest, digest) == 0)
            return &self->brings[i];
        if (!self->brings[i].digest[0])
            room = &self->brings[i];
    }
    return room;
}

enum rc bringer_ask(struct bringer *bringer, const char *digest, struct err *err)
{
    struct node_place found[PLACE_NODES_MAX];
    enum rc rc = RC_OK;

    if (places_find(bringer->places, digest, found) == 0)
        return err_set(err, RC_NOT_FOUND, "no node says that it has %s", digest);
    pthread_mutex_lock(&bringer->lock);

    struct bring *bring = bring_find(bringer, digest);

    if (!bring) {
        rc = err_set(err, RC_UNREACHABLE,
                     "%d objects are fetched from nodes already: ask again", BRINGS_MAX);
    } else if (!bring->digest[0]) {
        memcpy(bring->digest, digest, DIGEST_TEXT_SIZE);
        pthread_cond_signal(&bringer->wake);
    }
    pthread_mutex_unlock(&bringer->lock);
    return rc;
}

bool bringer_is_at(struct bringer *bringer, const char *digest)
{
    pthread_mutex_lock(&bringer->lock);

    const struct bring *bring = bring_find(bringer, digest);
    bool is_at = bring && bring->digest[0];

    pthread_mutex_unlock(&bringer->lock);
    return is_at;
}
