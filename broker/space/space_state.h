/* space_state.h - a walk over the files and the removal of some, shared by the files of
 * this folder only.
 *
 * space.c: what the broker's loop has to do with it. space_work.c: the thread.
 * space_report.c: what the thread tells. space_settings.c: removing by settings.
 * space_nodes.c: what nodes are told to remove, on the loop. */
#pragma once

#include "broker/space/space.h"
#include "broker/space/space_mark.h"
#include "broker/space/space_rest.h"

#include <limits.h>
#include <pthread.h>

enum {
    SPACE_BATCH = 500,        /* files that are removed after one commit */
    SPACE_LISTED_MAX = 10000, /* of what is removed, and of runs, in a report */
    SPACE_WHY_SIZE = 200,
    SPACE_REPORT_MAX = 32 << 20,
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
    char digest[DIGEST_TEXT_SIZE], why[SPACE_WHY_SIZE];
    uint64_t size;
    bool is_left; /* only nodes have it, and it was used since the walk began */
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
    int64_t made_ns;  /* and what nodes keep that was made since then */
    struct space_mark mark;
    uint64_t *runs;
    struct going batch[SPACE_BATCH];
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
    struct space_table used;    /* files of nodes that were named in this turn, or since
                                   the walk began */
};
enum phase space_phase(struct space *self); /* any thread */
bool space_is_ending(void *context);        /* context: the struct space */

/* space_nodes.c, before the commit: what goes is noted for the nodes that keep it, and
 * they are told. A file that is used meanwhile is left, if only nodes have it. */
void space_nodes_write(struct broker *broker);

/* space_work.c */
void *space_work(void *context); /* the thread's function; context: the struct space */
void space_let_go(struct space *self); /* of the lock on removals */

/* space_report.c */
/* One more file that is removed, or would be. */
void space_list(struct space *self, const struct going *going);
/* Writes self->report; looks at damaged and unfinished files before, and removes the
 * first if that is asked for. */
void space_report(struct space *self);
