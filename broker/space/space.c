/* space.c - see space.h. */
#include "broker/space/space.h"

#include "broker/broker_state.h"
#include "broker/space/gone.h"
#include "broker/backup/removal_lock.h"
#include "broker/space/space_mark.h"
#include "broker/space/space_rest.h"
#include "broker/store/removed.h"

#include <errno.h>
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
    RETRY_US = 60000000, /* after a removal by settings that could not be done */
    ASIDE_US = 2000000,  /* while somebody else counts */
    FETCH_US = 60000000, /* so long a report waits for whoever asked for it */
};

enum phase { PHASE_IDLE, PHASE_WORK, PHASE_DONE, PHASE_FAILED };
enum grant {
    GRANT_NONE,
    GRANT_ASKED,
    GRANT_WRITTEN,
    GRANT_GIVEN,
    GRANT_REFUSED,
    GRANT_LATER /* runs got tags: look again first */
};

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
    uint64_t *tagged; /* runs that got a tag since the walk began */
    size_t tagged_count, tagged_capacity;
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
    pthread_mutex_t removing; /* of one file's removal; taken before lock */
    /* Of the loop alone. */
    int64_t began_us, tried_us; /* the last job; the last try by settings */
    uint64_t own_job;           /* the last by settings, if it is not told yet; else 0 */
    bool is_fetched;            /* the last job's report */
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

/* The loop notes in the store what goes; GRANT_GIVEN when that is on disk. */
static enum grant ask_loop(struct space *self)
{
    uint64_t one = 1;
    enum grant answer;

    pthread_mutex_lock(&self->lock);
    self->grant = GRANT_ASKED;
    if (write(self->event_fd, &one, sizeof one) != sizeof one)
        self->is_ending = true;
    while (!self->is_ending
           && (self->grant == GRANT_ASKED || self->grant == GRANT_WRITTEN))
        pthread_cond_wait(&self->changed, &self->lock);
    answer = self->is_ending ? GRANT_REFUSED : self->grant;
    self->grant = GRANT_NONE;
    pthread_mutex_unlock(&self->lock);
    return answer;
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

/* Keeps what the runs refer to that got a tag meanwhile, and takes it out of the batch.
 */
static enum rc hold_tagged(struct space *self, struct err *err)
{
    size_t left = 0;
    enum rc rc = RC_OK;

    for (bool is_more = true; rc == RC_OK && is_more;) {
        uint64_t run = 0;

        pthread_mutex_lock(&self->lock);
        is_more = self->tagged_count > 0;
        if (is_more)
            run = self->tagged[--self->tagged_count];
        pthread_mutex_unlock(&self->lock);
        if (is_more)
            rc = space_mark_hold_run(&self->mark, run, err);
    }
    for (size_t i = 0; i < self->batch_count; i++)
        if (!space_table_find(&self->mark.table, self->batch[i].digest)->is_kept)
            self->batch[left++] = self->batch[i];
    self->batch_count = left;
    return rc;
}

/* Removes what the loop has noted; *is_late: a run got a tag before the file was gone. */
static enum rc remove_one(struct space *self, const struct going *going, bool *is_late,
                          struct err *err)
{
    struct space_object *object = space_table_find(&self->mark.table, going->digest);
    bool was_removed = !self->is_real;
    enum rc rc = RC_OK;

    pthread_mutex_lock(&self->removing);
    pthread_mutex_lock(&self->lock);
    *is_late = self->tagged_count > 0;
    pthread_mutex_unlock(&self->lock);
    if (!*is_late && self->is_real)
        rc = objects_remove_unused(self->objects, going->digest, self->since_ns,
                                   &was_removed, err);
    pthread_mutex_unlock(&self->removing);
    if (*is_late)
        return RC_OK;
    object->is_gone = was_removed;
    if (rc == RC_OK && was_removed)
        list(self, going);
    return rc;
}

static enum rc remove_some(struct space *self, struct err *err)
{
    enum grant grant = self->is_real ? ask_loop(self) : GRANT_GIVEN;
    bool is_late = false;
    size_t done = 0;
    enum rc rc = RC_OK;

    if (grant == GRANT_LATER)
        return RC_OK;
    if (grant != GRANT_GIVEN)
        return err_set(err, RC_CANCELLED, "the store did not take why files are removed");
    while (rc == RC_OK && !is_late && done < self->batch_count) {
        rc = remove_one(self, &self->batch[done], &is_late, err);
        done += !is_late;
    }
    self->batch_count -= done;
    memmove(self->batch, self->batch + done, self->batch_count * sizeof *self->batch);
    return rc;
}

static enum rc remove_batch(struct space *self, struct err *err)
{
    enum rc rc = RC_OK;

    while (rc == RC_OK && self->batch_count > 0) {
        rc = hold_tagged(self, err);
        if (rc == RC_OK && self->batch_count > 0)
            rc = remove_some(self, err);
    }
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

static void report_titles(const struct space *self, struct buf *report)
{
    pack_text(report, "titles");
    pack_list(report, self->mark.title_count);
    for (size_t i = 0; i < self->mark.title_count; i++) {
        const struct space_title *title = &self->mark.titles[i];

        pack_list(report, 5);
        pack_text(report, title->title);
        pack_uint(report, title->runs);
        pack_uint(report, title->objects);
        pack_uint(report, title->bytes);
        pack_uint(report, title->own);
    }
}

static void write_report(struct space *self)
{
    struct buf *report = &self->report;

    pack_map(report, 9);
    pack_text(report, "real");
    pack_bool(report, self->is_real);
    report_kinds(self, report);
    report_runs(self, report);
    report_titles(self, report);
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
    uint64_t one = 1;
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
    if (write(self->event_fd, &one, sizeof one) != sizeof one)
        fputs("brokerd: the end of counting files was not told\n", stderr);
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
                                      .is_ending = is_ending,
                                      .context = self };
    buf_init(&self->list, REPORT_MAX);
    buf_init(&self->report, REPORT_MAX);
    self->listed = self->batch_count = self->tagged_count = 0;
    self->removed = self->removed_bytes = self->young = self->young_bytes = 0;
    self->is_gc = order->is_gc;
    self->is_real = order->is_gc && order->is_real;
    self->since_ns = (clock_us() - (int64_t)grace_s * 1000000) * 1000;
    self->began_us = policy->now_us = now_us;
    policy->has_age = order->older_than_s > 0;
    policy->older_than_us = (int64_t)(order->older_than_s % (1u << 31)) * 1000000;
    policy->has_last = order->keep_last > 0;
    policy->keep_last = order->keep_last;
}

static enum phase phase_of(struct space *self)
{
    enum phase phase;

    pthread_mutex_lock(&self->lock);
    phase = self->phase;
    pthread_mutex_unlock(&self->lock);
    return phase;
}

enum rc space_begin(struct broker *broker, const struct space_order *order,
                    struct err *err)
{
    struct space *self = broker->space;
    enum rc rc = RC_OK;

    if (phase_of(self) == PHASE_WORK)
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
        let_go(self);
        return rc;
    }
    self->job++;
    self->is_fetched = false;
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
    phase = request->name ? PHASE_WORK : phase_of(self);
    self->is_fetched |= phase != PHASE_WORK;
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

/* ---- By settings ---- */

/* The lock's file was written last when a removal began: also that of an earlier process.
 */
static int64_t last_removal_us(const struct broker *broker)
{
    char path[PATH_MAX];
    struct stat status;

    if (snprintf(path, sizeof path, "%s/removal.lock", broker->settings.directory)
            >= PATH_MAX
        || stat(path, &status) != 0)
        return 0;
    return (int64_t)status.st_mtim.tv_sec * 1000000 + status.st_mtim.tv_nsec / 1000;
}

int64_t space_due_us(const struct broker *broker)
{
    const struct space *self = broker->space;
    int64_t every_us = (int64_t)broker->settings.gc.every_ms * 1000;

    if (every_us == 0)
        return INT64_MAX;
    return self->tried_us ? self->tried_us + every_us : 0;
}

/* What was removed is said once the thread has ended. */
static void tell_own(struct space *self)
{
    enum phase phase = phase_of(self);

    if (self->own_job == 0 || phase == PHASE_WORK)
        return;
    if (self->own_job == self->job && phase == PHASE_FAILED)
        fprintf(stderr, "brokerd: gc: %s\n", self->err.text);
    else if (self->own_job == self->job && self->removed > 0)
        fprintf(stderr,
                "brokerd: gc removed %" PRIu64 " files, %" PRIu64
                " bytes, by the settings gc-*\n",
                self->removed, self->removed_bytes);
    self->own_job = 0;
}

static void try_own(struct broker *broker, struct space *self)
{
    const struct broker_gc *gc = &broker->settings.gc;
    const struct space_order order = { .is_gc = true,
                                       .is_real = true,
                                       .grace_s = gc->grace_s,
                                       .older_than_s = gc->older_than_s,
                                       .keep_last = gc->keep_last };
    int64_t every_us = (int64_t)gc->every_ms * 1000;
    int64_t again_us = every_us < RETRY_US ? every_us : RETRY_US;
    struct err err;

    self->tried_us = broker->now_us;
    if (phase_of(self) == PHASE_WORK
        || (!self->is_fetched && broker->now_us < self->began_us + FETCH_US)) {
        self->tried_us -= every_us - (again_us < ASIDE_US ? again_us : ASIDE_US);
    } else if (space_begin(broker, &order, &err) == RC_OK) {
        self->own_job = self->job;
        self->is_fetched = true; /* nobody asks for it */
    } else {
        fprintf(stderr, "brokerd: gc: %s\n", err.text);
        self->tried_us -= every_us - again_us;
    }
}

void space_step(struct broker *broker)
{
    struct space *self = broker->space;

    tell_own(self);
    if (broker->settings.gc.every_ms == 0)
        return;
    if (self->tried_us == 0) {
        int64_t last_us = last_removal_us(broker);

        self->tried_us = last_us > 0 && last_us < broker->now_us ? last_us : 1;
    }
    if (broker->now_us >= space_due_us(broker))
        try_own(broker, self);
}
