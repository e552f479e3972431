/* pump.c - the loop of the thread, and how it is told to end. */
#include "broker/artifacts/pump.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <zmq.h>

enum { BURST_MAX = 64 }; /* messages between two looks at stop_fd */

struct pump {
    void *socket;
    int stop_fd; /* an eventfd, written to once */
    struct pump_calls calls;
    void *context;
    pthread_t thread;
    bool is_running;
};

uint64_t pump_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void burst(struct pump *self)
{
    for (int i = 0; i < BURST_MAX; i++) {
        struct link_message message;
        struct err err;
        enum rc rc = link_receive(self->socket, &message, &err);

        if (rc == RC_PROTOCOL) {
            self->calls.refused(self->context);
            continue;
        }
        if (rc != RC_OK)
            return;
        self->calls.message(self->context, &message);
        link_free(&message);
    }
}

static void wake(struct pump *self)
{
    eventfd_t count;

    eventfd_read(self->calls.wake_fd, &count);
    self->calls.woken(self->context);
}

static void *pump_run(void *context)
{
    struct pump *self = context;
    zmq_pollitem_t items[3] = {
        { .fd = self->stop_fd, .events = ZMQ_POLLIN },
        { .socket = self->socket, .events = ZMQ_POLLIN },
        { .fd = self->calls.wake_fd, .events = ZMQ_POLLIN },
    };
    int count = self->calls.woken ? 3 : 2;
    uint64_t tick_ms = pump_now_ms() + PUMP_TICK_MS;

    for (;;) {
        int ready = zmq_poll(items, count, self->calls.tick ? PUMP_TICK_MS : -1);

        if (ready < 0 && zmq_errno() == EINTR)
            continue;
        if (ready < 0 || items[0].revents != 0)
            return NULL;
        if (items[1].revents != 0)
            burst(self);
        if (items[2].revents != 0)
            wake(self);
        if (self->calls.tick && pump_now_ms() >= tick_ms) {
            self->calls.tick(self->context, pump_now_ms());
            tick_ms = pump_now_ms() + PUMP_TICK_MS;
        }
    }
}

/* The thread takes no signals: they are for the loop of the process. */
static enum rc thread_start(struct pump *self, struct err *err)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int sys = pthread_create(&self->thread, NULL, pump_run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (sys != 0)
        return err_set_sys(err, RC_NO_MEMORY, sys, "start a thread");
    self->is_running = true;
    return RC_OK;
}

enum rc pump_create(void *socket, struct pump_calls calls, void *context,
                    struct pump **pump, struct err *err)
{
    scoped(pump) self = calloc(1, sizeof *self);

    if (!self)
        return err_set(err, RC_NO_MEMORY, "start a thread");
    self->calls = calls;
    self->context = context;
    self->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (self->stop_fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "eventfd");
    self->socket = socket;

    enum rc rc = thread_start(self, err);

    if (rc != RC_OK) {
        self->socket = NULL;
        return rc;
    }
    *pump = steal(&self);
    return RC_OK;
}

void pump_destroy(struct pump *pump)
{
    if (!pump)
        return;
    if (pump->is_running) {
        must(eventfd_write(pump->stop_fd, 1) == 0);
        pthread_join(pump->thread, NULL);
    }
    fd_scoped(&pump->stop_fd);
    link_close(pump->socket);
    free(pump);
}
