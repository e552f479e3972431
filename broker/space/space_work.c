/* space_work.c - the thread that counts files, and removes what may go. */
#include "broker/space/space_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    *is_late = self->tagged_count > 0 && !object->is_remote;
    pthread_mutex_unlock(&self->lock);
    if (self->is_real && object->is_remote)
        was_removed = !going->is_left; /* the nodes were told with that commit */
    else if (!*is_late && self->is_real)
        rc = objects_remove_unused(self->objects, going->digest, self->since_ns,
                                   &was_removed, err);
    pthread_mutex_unlock(&self->removing);
    if (*is_late)
        return RC_OK;
    object->is_gone = was_removed;
    if (rc == RC_OK && was_removed)
        space_list(self, going);
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
    const struct space_mark *mark = &self->mark;
    size_t at = 0;

    if (object->is_remote)
        at = (size_t)snprintf(text, SPACE_WHY_SIZE, "node %s keeps it: ",
                              mark->nodes[mark->places[object->place - 1].node].name);
    text += at;
    if (object->holder == 0)
        snprintf(text, SPACE_WHY_SIZE - at, "no run and no name refers to it");
    else if (object->holder == SPACE_MANY)
        snprintf(text, SPACE_WHY_SIZE - at, "all runs that refer to it may go");
    else
        snprintf(text, SPACE_WHY_SIZE - at,
                 "only run %" PRIu64 " refers to it, which may go",
                 mark->runs[object->holder - 1].run);
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
        if (object->kept_ns >= (object->is_remote ? self->made_ns : self->since_ns)) {
            self->young += !only_lists;
            self->young_bytes += only_lists ? 0 : object->size;
            continue;
        }
        digest_text(object->digest, going->digest);
        if (only_lists && !space_is_list(&self->mark, going->digest))
            continue;
        why(self, object, going->why);
        going->size = object->size;
        going->is_left = false;
        if (++self->batch_count == SPACE_BATCH)
            rc = remove_batch(self, err);
        if (space_is_ending(self))
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

void space_let_go(struct space *self)
{
    if (self->removal >= 0)
        close(self->removal);
    self->removal = -1;
}

void *space_work(void *context)
{
    struct space *self = context;
    uint64_t one = 1;
    struct err err;
    enum rc rc = space_mark_all(&self->mark, &err);

    if (rc == RC_OK && self->is_gc)
        rc = collect(self, &err);
    space_report(self);
    space_let_go(self);
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
