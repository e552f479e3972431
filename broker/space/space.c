/* space.c - see space.h. What the broker's loop has to do with it. */
#include "broker/space/space_state.h"

#include "broker/backup/removal_lock.h"
#include "broker/broker_state.h"
#include "broker/space/gone.h"
#include "broker/store/removed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GRACE_MIN_S = 300 };

int space_fd(const struct space *space)
{
    return space->event_fd;
}

bool space_is_ending(void *context)
{
    struct space *self = context;
    bool is;

    pthread_mutex_lock(&self->lock);
    is = self->is_ending;
    pthread_mutex_unlock(&self->lock);
    return is;
}

enum phase space_phase(struct space *self)
{
    enum phase phase;

    pthread_mutex_lock(&self->lock);
    phase = self->phase;
    pthread_mutex_unlock(&self->lock);
    return phase;
}

struct space *space_create(struct broker *broker)
{
    struct space *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    self->removal = -1;
    self->is_fetched = true;
    pthread_mutex_init(&self->removing, NULL);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->objects = broker->objects;
    snprintf(self->directory, sizeof self->directory, "%s", broker->settings.directory);
    self->reader = store_reader(broker->store);
    self->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->reader && self->event_fd >= 0)
        return self;
    space_destroy(self);
    return NULL;
}

static void forget(struct space *self)
{
    if (self->has_thread)
        pthread_join(self->thread, NULL);
    self->has_thread = false;
    space_mark_fini(&self->mark);
    free(self->runs);
    self->runs = NULL;
    buf_fini(&self->list);
    buf_fini(&self->report);
}

void space_destroy(struct space *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_ending = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    forget(self);
    store_destroy(self->reader);
    if (self->event_fd >= 0)
        close(self->event_fd);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->removing);
    space_table_fini(&self->used);
    free(self->tagged);
    free(self);
}

void space_write(struct broker *broker)
{
    struct space *self = broker->space;
    uint64_t times;
    struct err err;

    if (!self || read(self->event_fd, &times, sizeof times) != sizeof times)
        return;
    pthread_mutex_lock(&self->lock);
    if (self->grant == GRANT_ASKED && self->tagged_count > 0) {
        self->grant = GRANT_LATER;
        pthread_cond_broadcast(&self->changed);
    }
    if (self->grant == GRANT_ASKED) {
        space_nodes_write(broker);
        for (size_t i = 0; i < self->batch_count; i++)
            if (!self->batch[i].is_left)
                batch_check(broker,
                            store_removed_put(broker->store, self->batch[i].digest,
                                              broker->now_us, self->batch[i].why, &err),
                            &err);
        self->grant = GRANT_WRITTEN;
    }
    pthread_mutex_unlock(&self->lock);
}

void space_committed(struct broker *broker, bool is_stored)
{
    struct space *self = broker->space;

    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    if (self->grant == GRANT_WRITTEN) {
        self->grant = is_stored ? GRANT_GIVEN : GRANT_REFUSED;
        pthread_cond_broadcast(&self->changed);
    }
    if (self->phase != PHASE_WORK)
        space_table_fini(&self->used);
    pthread_mutex_unlock(&self->lock);
}

void space_hold_run(struct broker *broker, uint64_t run)
{
    struct space *self = broker->space;

    if (!self)
        return;
    pthread_mutex_lock(&self->removing);
    pthread_mutex_lock(&self->lock);
    if (self->phase == PHASE_WORK && self->is_real) {
        if (self->tagged_count == self->tagged_capacity) {
            self->tagged_capacity =
                self->tagged_capacity ? 2 * self->tagged_capacity : 16;
            self->tagged =
                reallocarray(self->tagged, self->tagged_capacity, sizeof *self->tagged);
            must(self->tagged != NULL);
        }
        self->tagged[self->tagged_count++] = run;
    }
    pthread_mutex_unlock(&self->lock);
    pthread_mutex_unlock(&self->removing);
}

static enum rc read_runs(struct space *self, const struct space_order *order,
                         struct err *err)
{
    struct space_policy *policy = &self->mark.policy;

    self->runs = calloc(order->run_count + 1, sizeof *self->runs);
    if (!self->runs)
        return err_set(err, RC_NO_MEMORY, "no memory for the runs");
    for (size_t i = 0; i < order->run_count; i++)
        self->runs[i] = strtoull(order->runs[i], NULL, 10);
    policy->has_runs = order->run_count > 0;
    policy->runs = self->runs;
    policy->run_count = order->run_count;
    return RC_OK;
}

static void begin_with(struct space *self, const struct space_order *order,
                       int64_t now_us)
{
    uint64_t grace_s = order->grace_s > GRACE_MIN_S ? order->grace_s : GRACE_MIN_S;
    struct space_policy *policy = &self->mark.policy;

    self->mark = (struct space_mark){ .store = self->reader,
                                      .objects = self->objects,
                                      .is_ending = space_is_ending,
                                      .context = self };
    buf_init(&self->list, SPACE_REPORT_MAX);
    buf_init(&self->report, SPACE_REPORT_MAX);
    self->listed = self->batch_count = self->tagged_count = 0;
    self->removed = self->removed_bytes = self->young = self->young_bytes = 0;
    self->is_gc = order->is_gc;
    self->is_real = order->is_gc && order->is_real;
    self->since_ns = (clock_us() - (int64_t)grace_s * 1000000) * 1000;
    self->made_ns =
        (clock_us() - (int64_t)(order->grace_s % (1u << 31)) * 1000000) * 1000;
    self->began_us = policy->now_us = now_us;
    policy->has_age = order->older_than_s > 0;
    policy->older_than_us = (int64_t)(order->older_than_s % (1u << 31)) * 1000000;
    policy->has_last = order->keep_last > 0;
    policy->keep_last = order->keep_last;
}

enum rc space_begin(struct broker *broker, const struct space_order *order,
                    struct err *err)
{
    struct space *self = broker->space;
    enum rc rc = RC_OK;

    if (space_phase(self) == PHASE_WORK)
        return err_set(err, RC_CONFLICT,
                       "files are being counted already: wait a little");
    forget(self);
    self->phase = PHASE_IDLE;
    begin_with(self, order, broker->now_us);
    if (self->is_real)
        rc = removal_begin(broker->settings.directory, &self->removal, err);
    if (rc == RC_OK && self->is_real && futimens(self->removal, NULL) != 0)
        rc = err_set_sys(err, RC_IO, errno, "cannot note when files are removed");
    if (rc == RC_OK)
        rc = read_runs(self, order, err);
    if (rc != RC_OK) {
        space_let_go(self);
        return rc;
    }
    self->job++;
    self->is_fetched = false;
    self->phase = PHASE_WORK;
    if (pthread_create(&self->thread, NULL, space_work, self) == 0) {
        self->has_thread = true;
        return RC_OK;
    }
    self->phase = PHASE_IDLE;
    space_let_go(self);
    return err_set(err, RC_NO_MEMORY, "no thread to count the files");
}

enum rc request_space(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    static const char *const phases[] = { "idle", "working", "done", "failed" };
    const struct space_order order = { .is_gc =
                                           request->name && !strcmp(request->name, "gc"),
                                       .is_real = request->yes,
                                       .grace_s = request->first,
                                       .older_than_s = request->since,
                                       .keep_last = request->limit,
                                       .runs = request->texts,
                                       .run_count = request->text_count };
    struct space *self = broker->space;
    enum phase phase;
    enum rc rc = RC_OK;

    if (request->name && strcmp(request->name, "gone") == 0)
        return query_gone(broker, request, body, err);
    if (request->name && strcmp(request->name, "du") != 0 && !order.is_gc)
        return err_set(err, RC_INVALID, "space does du, gc or gone, not %s",
                       request->name);
    if (request->name)
        rc = space_begin(broker, &order, err);
    if (rc != RC_OK)
        return rc;
    phase = request->name ? PHASE_WORK : space_phase(self);
    self->is_fetched |= phase != PHASE_WORK;
    pack_map(body, 4);
    pack_text(body, "job");
    pack_uint(body, self->job);
    pack_text(body, "state");
    pack_text(body, phases[phase]);
    pack_text(body, "error");
    pack_text(body, phase == PHASE_FAILED ? self->err.text : "");
    pack_text(body, "report");
    if (phase == PHASE_DONE)
        pack_bytes(body, self->report.data, self->report.size);
    else /* the other thread may be writing it */
        pack_bytes(body, "", 0);
    return RC_OK;
}
