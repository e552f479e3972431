/* hasher.c - see hasher.h. */
#include "broker/artifacts/hasher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 128 << 10, /* stays in the processor's own cache */
    ROUND_BYTES = 1 << 20,   /* hashed between two looks at the lock */
    STEP_BYTES = 512 << 10,  /* less is not worth waking for */
};

struct hasher {
    int fd, wake_fd;
    struct digester *digester;
    unsigned char *room; /* PIECE_BYTES */
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t more;  /* upto grew, or the end has come */
    pthread_cond_t room_made;
    uint64_t upto, done;
    bool is_ending, is_dropped;
    struct err failure; /* rc RC_OK: none */
};

/* [at, end) of the file, which holds more than that or is too short. */
static enum rc range_hash(struct hasher *self, uint64_t at, uint64_t end, struct err *err)
{
    while (at < end) {
        uint64_t left = end - at;
        size_t want = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        ssize_t got = pread(self->fd, self->room, want, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_sys(err, RC_IO, errno, "cannot read the file to hash it");
        if (got == 0)
            return err_set(err, RC_CORRUPT,
                           "the file became shorter while it was hashed: %llu bytes",
                           (unsigned long long)at);
        digester_add(self->digester, self->room, (size_t)got);
        at += (uint64_t)got;
    }
    return RC_OK;
}

static bool is_near(const struct hasher *self)
{
    return self->upto - self->done <= HASHER_LAG_MAX || self->failure.rc != RC_OK;
}

/* Waits for work. false: there will be none. */
static bool round_wait(struct hasher *self)
{
    while (self->upto - self->done < STEP_BYTES && !self->is_ending && !self->is_dropped)
        pthread_cond_wait(&self->more, &self->lock);
    return !self->is_dropped && self->upto > self->done && self->failure.rc == RC_OK;
}

static void near_tell(struct hasher *self)
{
    if (!is_near(self))
        return;
    pthread_cond_signal(&self->room_made);
    if (self->wake_fd >= 0)
        eventfd_write(self->wake_fd, 1);
    self->wake_fd = -1;
}

static void *hasher_run(void *context)
{
    struct hasher *self = context;

    pthread_mutex_lock(&self->lock);
    near_tell(self);
    while (round_wait(self)) {
        uint64_t at = self->done, left = self->upto - at;
        uint64_t end = at + (left < ROUND_BYTES ? left : ROUND_BYTES);
        struct err err = { .rc = RC_OK };

        pthread_mutex_unlock(&self->lock);

        enum rc rc = range_hash(self, at, end, &err);

        pthread_mutex_lock(&self->lock);
        if (rc == RC_OK)
            self->done = end;
        else
            self->failure = err;
        near_tell(self);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* The thread takes no signals: they are for the loop of the process. */
static int thread_start(struct hasher *self)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int sys = pthread_create(&self->thread, NULL, hasher_run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    self->is_running = sys == 0;
    return sys;
}

enum rc hasher_start(int fd, uint64_t from, uint64_t upto, struct digester *digester,
                     int wake_fd, struct hasher **hasher, struct err *err)
{
    scoped(hasher) self = calloc(1, sizeof *self);

    must(from <= upto);
    if (!self)
        return err_set(err, RC_NO_MEMORY, "no memory to hash a file");
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->more, NULL);
    pthread_cond_init(&self->room_made, NULL);
    self->fd = fd;
    self->wake_fd = wake_fd;
    self->done = from;
    self->upto = upto;
    self->room = aligned_alloc(COPY_ALIGN, PIECE_BYTES);
    if (!self->room)
        return err_set(err, RC_NO_MEMORY, "no memory to hash a file");
    self->digester = digester;

    int sys = thread_start(self);

    if (sys != 0) {
        self->digester = NULL;
        return err_set_sys(err, RC_NO_MEMORY, sys, "start a thread to hash a file");
    }
    *hasher = steal(&self);
    return RC_OK;
}

void hasher_follow(struct hasher *hasher, uint64_t upto)
{
    pthread_mutex_lock(&hasher->lock);
    must(upto >= hasher->upto);
    hasher->upto = upto;
    if (upto - hasher->done >= STEP_BYTES)
        pthread_cond_signal(&hasher->more);
    while (!is_near(hasher))
        pthread_cond_wait(&hasher->room_made, &hasher->lock);
    pthread_mutex_unlock(&hasher->lock);
}

bool hasher_is_behind(struct hasher *hasher)
{
    pthread_mutex_lock(&hasher->lock);
    bool is_behind = !is_near(hasher);
    pthread_mutex_unlock(&hasher->lock);
    return is_behind;
}

static void thread_end(struct hasher *self, bool is_dropped)
{
    if (!self->is_running)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_ending = true;
    self->is_dropped = is_dropped;
    pthread_cond_signal(&self->more);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    self->is_running = false;
}

enum rc hasher_end(struct hasher *hasher, struct digester **digester, struct err *err)
{
    scoped(hasher) self = hasher;

    thread_end(self, false);
    if (self->failure.rc != RC_OK) {
        if (err)
            *err = self->failure;
        return self->failure.rc;
    }
    must(self->done == self->upto);
    *digester = steal(&self->digester);
    return RC_OK;
}

void hasher_destroy(struct hasher *hasher)
{
    if (!hasher)
        return;
    thread_end(hasher, true);
    digester_destroy(hasher->digester);
    free(hasher->room);
    pthread_cond_destroy(&hasher->room_made);
    pthread_cond_destroy(&hasher->more);
    pthread_mutex_destroy(&hasher->lock);
    free(hasher);
}
