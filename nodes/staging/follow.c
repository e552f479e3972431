/* follow.c - inotify's events to the attempts that they are about. */
#include "nodes/staging/follow.h"

#include "nodes/staging/folder.h"
#include "nodes/staging/live.h"
#include "nodes/staging/metrics.h"
#include "nodes/staging/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { EVENT_BYTES = 64 << 10 };

struct attempt {
    uint64_t token;
    int folder;
    struct watch_list watches;
    struct tail tail;
    struct metrics metrics;
    struct live live;
    bool is_dirty;     /* its streams may have grown */
    bool is_unwatched; /* they cannot be watched, so each step looks */
    bool is_told;      /* of the stop-condition */
    bool has_ended;    /* its files are left alone, as they may be collected now */
    char *condition;
    LIST_ENTRY(attempt) link;
};

struct follower {
    const struct staging *staging;
    struct follow_events events;
    struct watches watches;
    LIST_HEAD(, attempt) attempts;
    char piece[TAIL_PIECE_BYTES];
    _Alignas(struct inotify_event) char event_bytes[EVENT_BYTES];
};

enum rc follower_create(const struct staging *staging, const struct follow_events *events,
                        struct follower **follower, struct err *err)
{
    struct follower *self = calloc(1, sizeof *self);

    if (!self)
        return err_set(err, RC_NO_MEMORY, "no memory to follow attempts");
    self->staging = staging;
    self->events = *events;
    self->watches.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->watches.inotify < 0) {
        int sys = errno;

        free(self);
        return err_set_sys(err, RC_IO, sys,
                           "cannot watch files (see fs.inotify.max_user_instances)");
    }
    *follower = self;
    return RC_OK;
}

static void attempt_destroy(struct follower *follower, struct attempt *attempt)
{
    while (!LIST_EMPTY(&attempt->watches.watches))
        watch_remove(&follower->watches, LIST_FIRST(&attempt->watches.watches), false);
    live_stop(&attempt->live);
    metrics_close(&attempt->metrics);
    tail_close(&attempt->tail);
    fd_scoped(&attempt->folder);
    free(attempt->condition);
    free(attempt);
}

void follower_destroy(struct follower *follower)
{
    if (!follower)
        return;
    while (!LIST_EMPTY(&follower->attempts)) {
        struct attempt *attempt = LIST_FIRST(&follower->attempts);

        LIST_REMOVE(attempt, link);
        attempt_destroy(follower, attempt);
    }
    close(follower->watches.inotify);
    free(follower);
}

int follower_fd(const struct follower *follower)
{
    return follower->watches.inotify;
}

static struct attempt *attempt_find(const struct follower *follower, uint64_t token)
{
    struct attempt *attempt;

    LIST_FOREACH(attempt, &follower->attempts, link)
    if (attempt->token == token)
        return attempt;
    return NULL;
}

static enum rc attempt_open(struct follower *follower, struct attempt *attempt,
                            uint64_t task_index, const struct plan_stage *stage,
                            struct err *err)
{
    const struct staging *staging = follower->staging;
    enum rc rc = folder_open(staging, attempt->token, &attempt->folder, err);

    if (rc == RC_OK)
        rc = tail_open(&attempt->tail, attempt->folder, err);
    if (rc == RC_OK)
        rc = metrics_open(&attempt->metrics, staging, attempt->token, task_index, stage,
                          attempt->folder, err);
    if (rc != RC_OK)
        return rc;
    if (stage->stop_condition && !(attempt->condition = strdup(stage->stop_condition)))
        return err_set(err, RC_NO_MEMORY, "no memory to follow the attempt");
    attempt->is_unwatched =
        !watch_add(&follower->watches, &attempt->watches, attempt->tail.out, WATCH_STREAM,
                   attempt, NULL)
        || !watch_add(&follower->watches, &attempt->watches, attempt->tail.error,
                      WATCH_STREAM, attempt, NULL);
    attempt->live = (struct live){ .staging = staging,
                                   .token = attempt->token,
                                   .folder = attempt->folder,
                                   .watches = &follower->watches,
                                   .list = &attempt->watches,
                                   .attempt = attempt };
    live_start(&attempt->live);
    return RC_OK;
}

enum rc follow_add(struct follower *follower, uint64_t token, uint64_t task_index,
                   const struct plan_stage *stage, struct err *err)
{
    if (attempt_find(follower, token))
        return err_set(err, RC_CONFLICT, "attempt %" PRIu64 " is followed already",
                       token);

    struct attempt *attempt = calloc(1, sizeof *attempt);

    if (!attempt)
        return err_set(err, RC_NO_MEMORY, "no memory to follow the attempt");
    *attempt = (struct attempt){ .token = token,
                                 .folder = -1,
                                 .tail = { .out = -1, .error = -1, .times = -1 },
                                 .metrics = { .file = -1 },
                                 .is_dirty = true };

    enum rc rc = attempt_open(follower, attempt, task_index, stage, err);

    if (rc == RC_OK)
        LIST_INSERT_HEAD(&follower->attempts, attempt, link);
    else
        attempt_destroy(follower, attempt);
    return rc;
}

static void overflow_handle(struct follower *follower)
{
    struct attempt *attempt;

    LIST_FOREACH(attempt, &follower->attempts, link)
    {
        attempt->is_dirty = true;
        live_folder(&attempt->live, "outputs");
    }
}

static void event_handle(struct follower *follower, const struct inotify_event *event)
{
    struct watch *watch = watch_find(&follower->watches, event->wd);

    if (event->mask & IN_Q_OVERFLOW)
        overflow_handle(follower);
    if (!watch)
        return;
    if (event->mask & IN_IGNORED)
        watch_remove(&follower->watches, watch, true);
    else if (watch->kind == WATCH_STREAM)
        watch->attempt->is_dirty = true;
    else if (!watch->attempt->has_ended && event->len > 0
             && (event->mask & (IN_ATTRIB | IN_MOVED_TO | IN_ISDIR)))
        live_file(&watch->attempt->live, watch->path, event->name);
}

static bool events_read(struct follower *follower)
{
    ssize_t got = read(follower->watches.inotify, follower->event_bytes, EVENT_BYTES);

    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event =
            (const struct inotify_event *)(const void *)(follower->event_bytes + at);

        at += (ssize_t)(sizeof *event + event->len);
        event_handle(follower, event);
    }
    return got > EVENT_BYTES / 2;
}

static void line_take(void *context, const char *line, size_t size, int64_t unix_us)
{
    struct attempt *attempt = context;

    metrics_take(&attempt->metrics, line, size, unix_us);
}

static void condition_tell(const struct follower *follower, struct attempt *attempt)
{
    if (!attempt->metrics.is_met || attempt->is_told)
        return;
    attempt->is_told = true;
    follower->events.stop_condition(follower->events.context, attempt->token,
                                    attempt->condition);
}

/* true: the attempt has more to read. */
static bool attempt_step(struct follower *follower, struct attempt *attempt,
                         int64_t now_us)
{
    struct line_taker taker = { attempt, line_take };

    if (attempt->has_ended)
        return false;
    if (attempt->is_dirty || attempt->is_unwatched)
        attempt->is_dirty = tail_read(&attempt->tail, follower->piece, now_us, &taker);
    return live_step(&attempt->live) || attempt->is_dirty;
}

bool follow_step(struct follower *follower, int64_t now_us)
{
    bool has_more = events_read(follower);
    struct attempt *attempt;

    LIST_FOREACH(attempt, &follower->attempts, link)
    has_more = attempt_step(follower, attempt, now_us) || has_more;

    /* Last and one at a time, because the call may remove any attempt. */
    LIST_FOREACH(attempt, &follower->attempts, link)
    {
        if (!attempt->metrics.is_met || attempt->is_told)
            continue;
        condition_tell(follower, attempt);
        return true;
    }
    return has_more;
}

enum rc follow_finish(struct follower *follower, uint64_t token, int64_t now_us,
                      struct err *err)
{
    struct attempt *attempt = attempt_find(follower, token);
    struct line_taker taker = { attempt, line_take };

    if (!attempt)
        return err_set(err, RC_NOT_FOUND, "attempt %" PRIu64 " is not followed", token);
    while (tail_read(&attempt->tail, follower->piece, now_us, &taker))
        continue;
    tail_end(&attempt->tail, &taker);
    attempt->has_ended = true;
    condition_tell(follower, attempt);
    return RC_OK;
}

int64_t follow_last_output_us(const struct follower *follower, uint64_t token)
{
    const struct attempt *attempt = attempt_find(follower, token);

    return attempt ? attempt->tail.last_us : 0;
}

enum rc follow_metadata(const struct follower *follower, uint64_t token,
                        struct arena *arena, struct value *map, struct err *err)
{
    const struct attempt *attempt = attempt_find(follower, token);

    if (!attempt)
        return err_set(err, RC_NOT_FOUND, "attempt %" PRIu64 " is not followed", token);
    return latest_map(&attempt->metrics.latest, arena, map, err);
}

void follow_remove(struct follower *follower, uint64_t token)
{
    struct attempt *attempt = attempt_find(follower, token);

    if (!attempt)
        return;
    LIST_REMOVE(attempt, link);
    attempt_destroy(follower, attempt);
}

bool follow_is_silent(const struct follower *follower, uint64_t token)
{
    const struct attempt *attempt = attempt_find(follower, token);

    return attempt && attempt->has_ended && !attempt->condition
           && attempt->tail.out_at == 0 && attempt->tail.error_at == 0
           && attempt->tail.times < 0 && attempt->metrics.file < 0
           && attempt->live.next == 1 && attempt->live.said == 0 && !attempt->live.scans
           && !attempt->live.is_blind;
}

void follow_renew(struct follower *follower, uint64_t token, uint64_t new_token)
{
    struct attempt *attempt = attempt_find(follower, token);

    must(attempt && follow_is_silent(follower, token));
    attempt->token = attempt->metrics.token = attempt->live.token = new_token;
    attempt->has_ended = false;
}
