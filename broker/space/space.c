/* space.c - see space.h. */
#include "broker/space/space.h"

#include "broker/broker_state.h"
#include "broker/space/gone.h"
#include "broker/backup/removal_lock.h"
#include "broker/space/space_mark.h"
#include "broker/space/space_rest.h"
#include "broker/store/removed.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BATCH = 500,        /* files that are removed after one commit */
    LISTED_MAX = 10000, /* of what is removed, and of runs, in a report */
    WHY_SIZE = 120,
    GRACE_MIN_S = 300,
    REPORT_MAX = 32 << 20,
};

enum phase { PHASE_IDLE, PHASE_WORK, PHASE_DONE, PHASE_FAILED };
enum grant { GRANT_NONE, GRANT_ASKED, GRANT_WRITTEN, GRANT_GIVEN, GRANT_REFUSED };

struct going { /* a file about to be removed */
    char digest[DIGEST_TEXT_SIZE], why[WHY_SIZE];
    uint64_t size;
};

struct space {
    struct store *reader;
    struct objects *objects;
    char directory[PATH_MAX];
    struct space_rest damaged, unfinished; /* in bad/ and tmp/ */
    int event_fd;
    int removal; /* the lock of a thread that removes; else -1 */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool is_ending;
    enum phase phase;
    enum grant grant;
    uint64_t job;
    bool is_gc, is_real;
    int64_t since_ns; /* files that were used since then stay */
    struct space_mark mark;
    uint64_t *runs;
    struct going batch[BATCH];
    size_t batch_count;
    uint64_t removed, removed_bytes, young, young_bytes;
    struct buf list, report;
    size_t listed;
    struct err err;
};

int space_fd(const struct space *space)
{
    return space->event_fd;
}

static bool is_ending(void *context)
{
    struct space *self = context;
    bool is;

    pthread_mutex_lock(&self->lock);
    is = self->is_ending;
    pthread_mutex_unlock(&self->lock);
    return is;
}

/* ---- The thread ---- */

/* The loop notes in the store what goes; true when that is on disk. */
static bool ask_loop(struct space *self)
{
    uint64_t one = 1;
    bool is_given;

    pthread_mutex_lock(&self->lock);
    self->grant = GRANT_ASKED;
    if (write(self->event_fd, &one, sizeof one) != sizeof one)
        self->is_ending = true;
    while (!self->is_ending && self->grant != GRANT_GIVEN && self->grant != GRANT_REFUSED)
        pthread_cond_wait(&self->changed, &self->lock);
    is_given = self->grant == GRANT_GIVEN;
    self->grant = GRANT_NONE;
    pthread_mutex_unlock(&self->lock);
    return is_given;
}

static void list(struct space *self, const struct going *going)
{
    self->removed++;
    self->removed_bytes += going->size;
    if (self->listed == LISTED_MAX)
        return;
    self->listed++;
    pack_list(&self->list, 3);
    pack_text(&self->list, going->digest);
    pack_uint(&self->list, going->size);
    pack_text(&self->list, going->why);
}

static enum rc remove_batch(struct space *self, struct err *err)
{
    enum rc rc = RC_OK;

    if (self->batch_count == 0)
        return RC_OK;
    if (self->is_real && !ask_loop(self))
        return err_set(err, RC_CANCELLED, "the store did not take why files are removed");
    for (size_t i = 0; rc == RC_OK && i < self->batch_count; i++) {
        struct going *going = &self->batch[i];
        struct space_object *object = space_table_find(&self->mark.table, going->digest);
        bool was_removed = !self->is_real;

        if (self->is_real)
            rc = objects_remove_unused(self->objects, going->digest, self->since_ns,
                                       &was_removed, err);
        object->is_gone = was_removed;
        if (rc == RC_OK && was_removed)
            list(self, going);
    }
    self->batch_count = 0;
    return rc;
}

static void why(const struct space *self, const struct space_object *object, char *text)
{
    if (object->holder == 0) {
        snprintf(text, WHY_SIZE, "no run and no name refers to it");
    } else if (object->holder == SPACE_MANY) {
        snprintf(text, WHY_SIZE, "all runs that refer to it may go");
    } else {
        const struct space_run *run = &self->mark.runs[object->holder - 1];

        snprintf(text, WHY_SIZE, "only run %" PRIu64 " refers to it, which may go",
                 run->run);
    }
}

/* Removes what may go; only_lists: lists of files alone. */
static enum rc sweep(struct space *self, bool only_lists, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < self->mark.table.capacity; i++) {
        const struct space_object *object = &self->mark.table.slots[i];
        struct going *going = &self->batch[self->batch_count];

        if (!object->is_there || object->is_gone || object->is_kept)
            continue;
        if (object->kept_ns >= self->since_ns) {
            self->young += !only_lists;
            self->young_bytes += only_lists ? 0 : object->size;
            continue;
        }
        digest_text(object->digest, going->digest);
        if (only_lists && !space_is_list(&self->mark, going->digest))
            continue;
        why(self, object, going->why);
        going->size = object->size;
        if (++self->batch_count == BATCH)
            rc = remove_batch(self, err);
        if (is_ending(self))
            return err_set(err, RC_CANCELLED, "the broker ends");
    }
    return rc == RC_OK ? remove_batch(self, err) : rc;
}

/* Lists of files go first: whoever was told that one is there counts on what it lists. */
static enum rc collect(struct space *self, struct err *err)
{
    enum rc rc = space_mark_lists(&self->mark, self->since_ns, err);

    if (rc == RC_OK)
        rc = sweep(self, true, err);
    if (rc == RC_OK)
        rc = space_mark_lists(&self->mark, 0, err);
    if (rc == RC_OK)
        rc = sweep(self, false, err);
    return rc;
}

/* Of a damaged file, whose bytes nobody gets: whether it goes. */
static bool take_damaged(void *context, const char *name, uint64_t size,
                         int64_t changed_ns)
{
    struct space *self = context;
    struct going going = { .size = size };

    snprintf(going.digest, sizeof going.digest, "sha256:%.64s", name);
    if (!self->is_gc || changed_ns >= self->since_ns
        || !digest_is_valid(going.digest, strlen(going.digest)))
        return false;
    snprintf(going.why, sizeof going.why, "its bytes were wrong: it had been set aside");
    list(self, &going);
    return self->is_real;
}

static void count_rest(struct space *self)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/objects/bad", self->directory) < PATH_MAX)
        self->damaged = space_rest_walk(path, take_damaged, self);
    if (snprintf(path, sizeof path, "%s/objects/tmp", self->directory) < PATH_MAX)
        self->unfinished = space_rest_walk(path, NULL, NULL);
}

/* Bytes that the store's file has on disk. */
static uint64_t store_bytes(const struct space *self)
{
    char path[PATH_MAX];
    struct stat status;

    if (snprintf(path, sizeof path, "%s/store/data.mdb", self->directory) >= PATH_MAX
        || stat(path, &status) != 0)
        return 0;
    return (uint64_t)status.st_blocks * 512;
}

static void report_kind(struct buf *report, const char *name, uint64_t count,
                        uint64_t bytes)
{
    pack_list(report, 3);
    pack_text(report, name);
    pack_uint(report, count);
    pack_uint(report, bytes);
}

static void report_kinds(const struct space *self, struct buf *report)
{
    uint64_t counts[SPACE_KIND_COUNT] = { 0 }, bytes[SPACE_KIND_COUNT] = { 0 };

    for (size_t i = 0; i < self->mark.table.capacity; i++) {
        const struct space_object *object = &self->mark.table.slots[i];

        counts[object->kind] += object->is_there;
        bytes[object->kind] += object->is_there ? object->size : 0;
    }
    pack_text(report, "kinds");
    pack_list(report, SPACE_KIND_COUNT + 3);
    for (unsigned i = 0; i < SPACE_KIND_COUNT; i++)
        report_kind(report, space_kind_name((enum space_kind)i), counts[i], bytes[i]);
    report_kind(report, "damaged", self->damaged.files, self->damaged.bytes);
    report_kind(report, "unfinished", self->unfinished.files, self->unfinished.bytes);
    report_kind(report, "store", 1, store_bytes(self));
}

static void report_runs(const struct space *self, struct buf *report)
{
    size_t count = self->mark.run_count < LISTED_MAX ? self->mark.run_count : LISTED_MAX;

    pack_text(report, "runs");
    pack_list(report, count);
    for (size_t i = 0; i < count; i++) {
        const struct space_run *run = &self->mark.runs[i];

        pack_list(report, 6);
        pack_uint(report, run->run);
        pack_text(report, run->title);
        pack_uint(report, run->objects);
        pack_uint(report, run->bytes);
        pack_uint(report, run->own);
        pack_bool(report, run->is_kept);
    }
}

static void write_report(struct space *self)
{
    struct buf *report = &self->report;

    pack_map(report, 8);
    pack_text(report, "real");
    pack_bool(report, self->is_real);
    report_kinds(self, report);
    report_runs(self, report);
    pack_text(report, "count");
    pack_uint(report, self->removed);
    pack_text(report, "bytes");
    pack_uint(report, self->removed_bytes);
    pack_text(report, "young");
    pack_uint(report, self->young);
    pack_text(report, "young_bytes");
    pack_uint(report, self->young_bytes);
    pack_text(report, "files");
    pack_list(report, self->listed);
    buf_add(report, self->list.data, self->list.size);
}

static void let_go(struct space *self)
{
    if (self->removal >= 0)
        close(self->removal);
    self->removal = -1;
}

static void *work(void *context)
{
    struct space *self = context;
    struct err err;
    enum rc rc = space_mark_all(&self->mark, &err);

    if (rc == RC_OK && self->is_gc)
        rc = collect(self, &err);
    count_rest(self);
    write_report(self);
    let_go(self);
    pthread_mutex_lock(&self->lock);
    if (rc == RC_OK && !buf_ok(&self->report))
        rc = err_set(&err, RC_NO_MEMORY, "no memory for the report");
    if (rc != RC_OK)
        self->err = err;
    self->phase = rc == RC_OK ? PHASE_DONE : PHASE_FAILED;
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- The loop ---- */

struct space *space_create(struct broker *broker)
{
    struct space *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    self->removal = -1;
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
    for (size_t i = 0; self->grant == GRANT_ASKED && i < self->batch_count; i++)
        batch_check(broker,
                    store_removed_put(broker->store, self->batch[i].digest,
                                      broker->now_us, self->batch[i].why, &err),
                    &err);
    if (self->grant == GRANT_ASKED)
        self->grant = GRANT_WRITTEN;
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
    pthread_mutex_unlock(&self->lock);
}

static enum rc read_runs(struct space *self, const struct request *request,
                         struct err *err)
{
    struct space_policy *policy = &self->mark.policy;

    self->runs = calloc(request->text_count + 1, sizeof *self->runs);
    if (!self->runs)
        return err_set(err, RC_NO_MEMORY, "no memory for the runs");
    for (size_t i = 0; i < request->text_count; i++)
        self->runs[i] = strtoull(request->texts[i], NULL, 10);
    policy->has_runs = request->text_count > 0;
    policy->runs = self->runs;
    policy->run_count = request->text_count;
    return RC_OK;
}

static enum rc begin(struct broker *broker, const struct request *request,
                     struct err *err)
{
    struct space *self = broker->space;
    uint64_t grace_s = request->first > GRACE_MIN_S ? request->first : GRACE_MIN_S;
    struct space_policy *policy = &self->mark.policy;
    enum rc rc = RC_OK;

    forget(self);
    self->phase = PHASE_IDLE;
    self->mark = (struct space_mark){ .store = self->reader,
                                      .objects = self->objects,
                                      .is_ending = is_ending,
                                      .context = self };
    buf_init(&self->list, REPORT_MAX);
    buf_init(&self->report, REPORT_MAX);
    self->listed = self->batch_count = 0;
    self->removed = self->removed_bytes = self->young = self->young_bytes = 0;
    self->is_gc = strcmp(request->name, "gc") == 0;
    self->is_real = self->is_gc && request->yes;
    self->since_ns = (clock_us() - (int64_t)grace_s * 1000000) * 1000;
    policy->now_us = broker->now_us;
    policy->has_age = request->since > 0;
    policy->older_than_us = (int64_t)(request->since % (1u << 31)) * 1000000;
    policy->has_last = request->limit > 0;
    policy->keep_last = request->limit;
    if (self->is_real)
        rc = removal_begin(broker->settings.directory, &self->removal, err);
    if (rc == RC_OK)
        rc = read_runs(self, request, err);
    if (rc != RC_OK) {
        let_go(self);
        return rc;
    }
    self->job++;
    self->phase = PHASE_WORK;
    if (pthread_create(&self->thread, NULL, work, self) == 0) {
        self->has_thread = true;
        return RC_OK;
    }
    self->phase = PHASE_IDLE;
    let_go(self);
    return err_set(err, RC_NO_MEMORY, "no thread to count the files");
}

enum rc request_space(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    static const char *const phases[] = { "idle", "working", "done", "failed" };
    struct space *self = broker->space;
    enum phase phase;
    enum rc rc = RC_OK;

    if (request->name && strcmp(request->name, "gone") == 0)
        return query_gone(broker, request, body, err);
    pthread_mutex_lock(&self->lock);
    phase = self->phase;
    pthread_mutex_unlock(&self->lock);
    if (request->name && phase == PHASE_WORK)
        return err_set(err, RC_CONFLICT,
                       "files are being counted already: wait a little");
    if (request->name) {
        if (strcmp(request->name, "du") != 0 && strcmp(request->name, "gc") != 0)
            return err_set(err, RC_INVALID, "space does du, gc or gone, not %s",
                           request->name);
        rc = begin(broker, request, err);
        phase = PHASE_WORK;
    }
    if (rc != RC_OK)
        return rc;
    pack_map(body, 4);
    pack_text(body, "job");
    pack_uint(body, self->job);
    pack_text(body, "state");
    pack_text(body, phases[phase]);
    pack_text(body, "error");
    pack_text(body, phase == PHASE_FAILED ? self->err.text : "");
    pack_text(body, "report");
    pack_bytes(body, self->report.data, phase == PHASE_DONE ? self->report.size : 0);
    return RC_OK;
}
