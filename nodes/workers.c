/* workers.c - a queue, threads, and an eventfd to wake the loop. */
#include "nodes/workers.h"

#include "broker/artifacts/bulk.h"
#include "nodes/kept_settle.h"
#include "nodes/peers.h"
#include "nodes/staging/streams.h"
#include "nodes/staging/warm.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    COLLECT_ARENA_MAX = 1 << 30,
    BULK_TIMEOUT_MS = 30000,
    STORE_WAIT_S = 1,
    REMOVE_WAIT_US = 3000000,
    REMOVALS_MAX = 10000,   /* that may wait for a quiet moment */
    LAST_REMOVALS_MS = 1000 /* for them, when the agent ends */
};

struct job_list {
    struct job *first, **last;
};

struct workers {
    const struct staging *staging;
    const struct peer_options *peers;
    void *zmq_context;
    const char *bulk_endpoint;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job_list todo, done;
    struct job_list later; /* removals, in the order in which they came */
    unsigned later_count;
    bool is_ending;
    int fd;
    unsigned count;
    pthread_t threads[]; /* as many as were asked for */
};

static void list_add(struct job_list *list, struct job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
}

static struct job *list_take(struct job_list *list)
{
    struct job *job = list->first;

    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->last = &list->first;
    return job;
}

struct port_context {
    struct workers *workers;
    struct bulk_client *client;
    struct peers *peers;
    struct job *job; /* that is being done */
    bool has_said;   /* why it waits */
};

static enum rc port_put(void *context, int fd, const char *digest, uint64_t size,
                        struct err *err)
{
    struct port_context *port = context;

    return bulk_put(port->client, fd, digest, size, NULL, NULL, err);
}

static bool is_ending(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    bool ending = workers->is_ending;
    pthread_mutex_unlock(&workers->lock);
    return ending;
}

/* The store is full or away: waits, so that results are not lost, unless the agent ends.
 */
static bool wait_for_store(struct workers *workers)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STORE_WAIT_S;
    pthread_mutex_lock(&workers->lock);
    while (!workers->is_ending
           && pthread_cond_timedwait(&workers->wake, &workers->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&workers->lock);
    return !is_ending(workers);
}

static enum rc broker_get(void *context, const char *digest, struct object_writer *writer,
                          struct err *err)
{
    struct port_context *port = context;

    return bulk_fetch(port->client, digest, writer, NULL, NULL, err);
}

static enum rc broker_get_small(void *context, const struct bulk_small *items,
                                size_t count, bulk_small_take *take, void *taker,
                                struct err *err)
{
    struct port_context *port = context;

    return bulk_get_small(port->client, items, count, take, taker, err);
}

static void broker_doubt(void *context, const char *digest)
{
    struct port_context *port = context;

    bulk_doubt(port->client, digest);
}

static enum rc peer_get(void *context, const char *digest, struct object_writer *writer,
                        struct err *err)
{
    struct port_context *port = context;

    return peers_fetch(port->peers, port->client, digest, writer, err);
}

static void peer_doubt(void *context, const char *digest)
{
    struct port_context *port = context;

    peers_doubt(port->peers, digest);
}

/* The broker is away, or the disk is full: what a task needs waits until that is over,
 * for as long as somebody wants it. */
static bool port_wait(void *context, const struct err *why)
{
    struct port_context *port = context;

    if (!port->has_said) {
        port->has_said = true;
        attempt_say(port->workers->staging, port->job->token, "waiting: %s", why->text);
    }
    return !port->job->cancelled && wait_for_store(port->workers);
}

/* One try, in memory of its own, because a store that is away can mean very many of them.
 */
static enum rc collect_once(struct workers *workers, const struct store_port *port,
                            struct job *job)
{
    struct task_result result = job->result;
    scoped(arena) arena = arena_create(COLLECT_ARENA_MAX);

    if (!arena)
        return err_set(&job->err, RC_NO_MEMORY, "no memory to collect the result");

    enum rc rc = attempt_collect(workers->staging, port, job->stage, job->token, arena,
                                 &result, &job->err);

    if (rc == RC_OK)
        result_encode(&job->encoded, &result);
    return rc;
}

static void do_collect(struct workers *workers, const struct store_port *port,
                       struct job *job)
{
    do {
        job->rc = collect_once(workers, port, job);
        if (job->rc != RC_FULL && job->rc != RC_UNREACHABLE && job->rc != RC_TIMEOUT)
            break;
        fprintf(stderr, "noded: result of attempt %lu waits: %s\n",
                (unsigned long)job->token, job->err.text);
    } while (wait_for_store(workers));
    if (job->rc == RC_OK)
        return;
    job->result.cause = CAUSE_OUTPUT_FAILED;
    job->result.message = job->err.text;
    result_encode(&job->encoded, &job->result);
}

static void do_forget(struct cache *cache, struct removal *removal)
{
    for (size_t i = 0; i < removal->count; i++) {
        const char *digest = removal->files[i].digest;

        removal->files[i].was_there = objects_has(cache_objects(cache), digest, NULL);
        removal->files[i].is_left = !cache_forget(cache, digest, i < removal->kept);
    }
}

static void do_job(struct port_context *context, const struct store_port *port,
                   struct job *job)
{
    const struct staging *staging = context->workers->staging;

    switch (job->kind) {
    case JOB_PREPARE:
        job->rc = attempt_prepare(staging, port, job->identity, job->stage,
                                  &job->cancelled, &job->err);
        if (job->rc == RC_OK && job->is_warm && !job->cancelled)
            job->warm = warm_create(staging, job->token);
        break;
    case JOB_COLLECT:
        do_collect(context->workers, port, job);
        break;
    case JOB_SETTLE:
        job->rc = kept_settle(staging->cache, context->client, job->copies,
                              &job->cancelled, &job->err);
        break;
    case JOB_FORGET:
        do_forget(staging->cache, job->removal);
        break;
    case JOB_LOOK:
        inputs_look(staging, job->look, &job->cancelled);
        break;
    case JOB_REMOVE:
        if (attempt_remove(staging, job->token, &job->err) != RC_OK)
            fprintf(stderr, "noded: %s\n", job->err.text);
        break;
    }
}

static bool is_due(const struct workers *workers, const struct job *job)
{
    return job && (job->due_us <= clock_us() || workers->later_count > REMOVALS_MAX);
}

/* What is to be done next; NULL when the agent ends. The caller has the lock. */
static struct job *job_await(struct workers *workers)
{
    struct timespec until;

    while (!workers->is_ending) {
        struct job *later = workers->later.first;

        if (workers->todo.first && workers->bulk_endpoint)
            return list_take(&workers->todo);
        if (is_due(workers, later)) {
            workers->later_count--;
            return list_take(&workers->later);
        }
        if (later) {
            until.tv_sec = later->due_us / 1000000 + 1;
            until.tv_nsec = 0;
            pthread_cond_timedwait(&workers->wake, &workers->lock, &until);
        } else {
            pthread_cond_wait(&workers->wake, &workers->lock);
        }
    }
    return NULL;
}

static void removals_finish(struct workers *workers)
{
    int64_t until_us = clock_us() + (int64_t)LAST_REMOVALS_MS * 1000;
    struct job *job;
    struct err err;

    while ((job = list_take(&workers->later)) != NULL) {
        if (clock_us() < until_us
            && attempt_remove(workers->staging, job->token, &err) != RC_OK)
            fprintf(stderr, "noded: %s\n", err.text);
        free(job);
    }
}

static void *work(void *argument)
{
    struct workers *workers = argument;
    struct port_context context = { .workers = workers };
    const struct cache_source sources[] = {
        { "other nodes", &context, peer_get, NULL, peer_doubt },
        { "the broker", &context, broker_get, broker_get_small, broker_doubt },
    };
    struct store_port port = {
        .context = &context,
        .sources = { sources, COUNT_OF(sources), NULL, port_wait, &context },
        .put = port_put,
    };
    struct err err;
    struct job *job;

    context.peers = peers_create(workers->zmq_context, workers->peers);
    must(context.peers != NULL);
    pthread_mutex_lock(&workers->lock);
    while ((job = job_await(workers)) != NULL) {
        pthread_mutex_unlock(&workers->lock);
        context.job = job;
        context.has_said = false;
        port.sources.cancelled = &job->cancelled;
        if (!context.client && workers->bulk_endpoint
            && bulk_client_create(workers->zmq_context, workers->bulk_endpoint,
                                  BULK_TIMEOUT_MS, &context.client, &err)
                   != RC_OK) {
            fprintf(stderr, "noded: %s\n", err.text);
            abort();
        }
        do_job(&context, &port, job);
        cache_trim(workers->staging->cache, 0);
        pthread_mutex_lock(&workers->lock);
        if (job->kind == JOB_REMOVE) {
            free(job);
            continue;
        }
        list_add(&workers->done, job);
        eventfd_write(workers->fd, 1);
    }
    pthread_mutex_unlock(&workers->lock);
    bulk_client_destroy(context.client);
    peers_destroy(context.peers);
    return NULL;
}

enum rc workers_create(const struct staging *staging, void *zmq_context,
                       const struct peer_options *peers, unsigned count,
                       struct workers **workers, struct err *err)
{
    scoped(workers) made = calloc(1, sizeof *made + count * sizeof made->threads[0]);

    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for worker threads");
    made->staging = staging;
    made->peers = peers;
    made->zmq_context = zmq_context;
    made->todo.last = &made->todo.first;
    made->done.last = &made->done.first;
    made->later.last = &made->later.first;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->wake, NULL);
    made->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made->fd < 0)
        return err_set_sys(err, RC_IO, errno, "eventfd");
    for (; made->count < count; made->count++)
        if (pthread_create(&made->threads[made->count], NULL, work, made) != 0)
            return err_set(err, RC_NO_MEMORY, "cannot start a worker thread");
    *workers = steal(&made);
    return RC_OK;
}

void workers_destroy(struct workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->is_ending = true;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
    removals_finish(workers);
    pthread_cond_destroy(&workers->wake);
    pthread_mutex_destroy(&workers->lock);
    if (workers->fd >= 0)
        close(workers->fd);
    free(workers);
}

void workers_connect(struct workers *workers, const char *bulk_endpoint)
{
    pthread_mutex_lock(&workers->lock);
    workers->bulk_endpoint = bulk_endpoint;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
}

void workers_submit(struct workers *workers, struct job *job)
{
    pthread_mutex_lock(&workers->lock);
    list_add(&workers->todo, job);
    pthread_cond_signal(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
}

/* Less than a sixteenth is left. */
static bool is_nearly_full(const char *directory)
{
    struct statvfs found;

    return statvfs(directory, &found) != 0 || found.f_bavail < found.f_blocks / 16
           || (found.f_files > 0 && found.f_favail < found.f_files / 16);
}

void workers_remove(struct workers *workers, uint64_t token)
{
    struct job *job = calloc(1, sizeof *job);
    bool is_urgent = is_nearly_full(workers->staging->directory);

    must(job != NULL);
    job->kind = JOB_REMOVE;
    job->token = token;
    job->due_us = clock_us() + (is_urgent ? 0 : REMOVE_WAIT_US);
    pthread_mutex_lock(&workers->lock);
    list_add(&workers->later, job);
    workers->later_count++;
    pthread_cond_signal(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
}

int workers_fd(const struct workers *workers)
{
    return workers->fd;
}

struct job *workers_take(struct workers *workers)
{
    eventfd_t ignored;

    pthread_mutex_lock(&workers->lock);
    struct job *job = list_take(&workers->done);

    if (!job)
        eventfd_read(workers->fd, &ignored);
    pthread_mutex_unlock(&workers->lock);
    return job;
}
