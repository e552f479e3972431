/* workers.h - threads that fill and empty the folders of attempts.
 *
 * Each has a bulk client of its own. Jobs are taken in order; a job that is done is
 * handed back through workers_take after the descriptor became readable. Removals are
 * done when nothing else is to be done. */
#pragma once

#include "nodes/staging/inputs_look.h"

enum job_kind { JOB_PREPARE, JOB_COLLECT, JOB_SETTLE, JOB_FORGET, JOB_REMOVE, JOB_LOOK };

struct removal;

struct job { /* owned by who submits it; the worker owns it until it is taken back */
    enum job_kind kind;
    uint64_t token;
    const struct attempt_identity *identity; /* PREPARE */
    const struct plan_stage *stage;
    bool is_warm;          /* PREPARE: the folder shall be passed on: */
    struct warm *warm;     /* given by the worker; NULL: it cannot be */
    atomic_bool cancelled; /* PREPARE gives up; may be set by the submitter at any time */
    struct task_result
        result;  /* COLLECT: filled by the submitter, completed by the worker */
    bool copies; /* SETTLE: what the broker lacks is put there */
    struct removal *removal; /* FORGET */
    struct input_look *look; /* LOOK: completed by the worker */
    struct buf encoded;      /* COLLECT: the result's bytes */
    enum rc rc;
    struct err err;
    int64_t due_us;   /* REMOVE, private: not before */
    struct job *next; /* private */
};

struct removal { /* of files of the cache that nobody needs */
    struct job job;
    size_t kept, count;   /* the first kept ones are kept objects */
    struct removal *next; /* of who submits it */
    struct {
        char digest[DIGEST_TEXT_SIZE];
        bool was_there, is_left; /* is_left: something here needs it */
    } files[];
};

struct workers;
struct peer_options;
/* Jobs wait until workers_connect has told where files are moved. staging and peers are
 * borrowed. */
NODISCARD enum rc workers_create(const struct staging *staging, void *zmq_context,
                                 const struct peer_options *peers, unsigned count,
                                 struct workers **workers, struct err *err);
void workers_destroy(struct workers *workers); /* waits for jobs under way */
SCOPED(workers)
/* Once; the endpoint is borrowed. */
void workers_connect(struct workers *workers, const char *bulk_endpoint);
void workers_submit(struct workers *workers, struct job *job);
/* Removes the attempt's folder some seconds later, when nothing else waits; sooner when
 * very many are to be removed or the disk is nearly full. What is left at the end is
 * removed as far as there is time, and else by the next agent, as all that it does not
 * know. */
void workers_remove(struct workers *workers, uint64_t token);
int workers_fd(const struct workers *workers);
struct job *workers_take(struct workers *workers); /* NULL: none is done */
