/* store.h - the broker's durable state in LMDB.
 *
 * One writer, the broker's loop; every batch of the loop is one transaction. Memory that
 * LMDB gives never leaves this folder: reads copy into the caller's arena or buffer.
 * Records are msgpack lists that begin with a version byte; keys are big-endian numbers,
 * so that what is read together lies together and events, tasks and results are appended.
 * Format: docs/store.md.
 *
 * Reads see what the open batch has written. What visits rows must not use the store.
 * Failures: RC_FULL (disk or map), RC_IO (doubt about durability: stop the daemon),
 * RC_CORRUPT (a record does not decode; names table and key). */
#pragma once

#include "broker/core/core.h"
#include "codecs/base/buf.h"

struct store;

/* Opens or makes the store in directory (created when missing, mode 0700). A directory
 * with a file of another program or of a newer format is RC_INVALID, and is not touched;
 * RC_CONFLICT when another process has it open for writing. */
NODISCARD enum rc store_open(const char *directory, struct store **store,
                             struct err *err);
void store_destroy(struct store *store); /* drops an open batch */
SCOPED(store)

/* For one other thread, which may call what only reads; it sees what was committed. Each
 * call holds up a growth of the map, so none may take long. Destroyed before the store;
 * NULL: no memory. */
struct store *store_reader(struct store *store);

/* From the next batch on the store may have so many bytes, but never fewer than it has;
 * 0: no limit but the disk. A batch beyond is RC_FULL. */
void store_limit(struct store *store, uint64_t bytes_max);
/* Bytes that may still be written, about, so that a reserve is left for what has begun
 * already; UINT64_MAX without a limit. */
uint64_t store_room(struct store *store);
/* So that a batch may write so many bytes: address space, not disk. RC_FULL: the batch
 * that is open cannot, the next one can. */
NODISCARD enum rc store_reserve(struct store *store, uint64_t bytes, struct err *err);

const char *store_id(const struct store *store); /* UUID made with the store */
enum { STORE_ID_SIZE = 37 };
void store_new_id(char text[STORE_ID_SIZE]); /* a random UUID, version 4 (RFC 9562) */

/* A batch begins with the first write. commit makes all of it durable, or nothing: after
 * a failure the batch is dropped and reads see the last commit. The map is grown ahead of
 * need; a batch that did not fit (RC_FULL) finds twice the room when it is tried again.
 */
NODISCARD enum rc store_commit(struct store *store, struct err *err);
void store_abort(struct store *store);
bool store_is_dirty(const struct store *store);

struct counters {
    uint64_t run_next, token_next, event_next;
    uint32_t node_next;
    uint64_t version_next;
    uint8_t version_head[32]; /* hash of the last version, zeros if there is none */
};
NODISCARD enum rc store_counters(struct store *store, struct counters *counters,
                                 struct err *err);
NODISCARD enum rc store_counters_put(struct store *store, const struct counters *counters,
                                     struct err *err);

/* ---- Runs
 * ----------------------------------------------------------------------------------- */

struct run_head {                                         /* what never changes */
    const char *id;                                       /* UUID text */
    const char *title, *project, *commit, *branch, *tree; /* "" if none */
    uint8_t submission[16];
    bool is_pipeline, is_dirty;
};

struct run_totals { /* sums over stages, kept with the row */
    uint64_t tasks, complete, failed, stopped, reused;
};

/* Also enters id and submission into their indexes. */
NODISCARD enum rc store_run_put(struct store *store, uint64_t run,
                                const struct run_head *head, const void *plan,
                                size_t plan_size, struct err *err);
NODISCARD enum rc store_run(struct store *store, uint64_t run, struct arena *arena,
                            struct run_head *head, struct err *err);
NODISCARD enum rc store_plan(struct store *store, uint64_t run, struct buf *plan,
                             struct err *err);
NODISCARD enum rc store_run_row_put(struct store *store, const struct run_row *row,
                                    const struct run_totals *totals, struct err *err);
NODISCARD enum rc store_run_row(struct store *store, uint64_t run, struct run_row *row,
                                struct run_totals *totals, struct err *err);
/* RC_NOT_FOUND if there is none. */
NODISCARD enum rc store_run_by_submission(struct store *store,
                                          const uint8_t submission[16], uint64_t *run,
                                          struct err *err);
/* prefix: 4 to 36 characters of a UUID's text; RC_CONFLICT if several runs have it. */
NODISCARD enum rc store_run_by_id(struct store *store, const char *prefix, uint64_t *run,
                                  struct err *err);
/* Run numbers below before (0: from the newest), newest first. Returns how many were
 * written. */
size_t store_runs(struct store *store, uint64_t before, uint64_t *runs, size_t limit);
/* Numbers of the runs that are not in a final state, ascending: visits each. */
NODISCARD enum rc store_active_runs(struct store *store,
                                    enum rc (*visit)(void *context, uint64_t run,
                                                     struct err *err),
                                    void *context, struct err *err);

/* ---- Stages
 * ---------------------------------------------------------------------------------- */

NODISCARD enum rc store_stage_put(struct store *store, uint64_t run, uint32_t stage,
                                  const struct stage_row *row, struct err *err);
/* row->retries goes to arena. */
NODISCARD enum rc store_stage(struct store *store, uint64_t run, uint32_t stage,
                              struct arena *arena, struct stage_row *row,
                              struct err *err);
/* The resolved stage (plan_stage_encode), and lines for the person that came up. */
NODISCARD enum rc store_resolved_put(struct store *store, uint64_t run, uint32_t stage,
                                     const void *bytes, size_t size, struct err *err);
NODISCARD enum rc store_resolved(struct store *store, uint64_t run, uint32_t stage,
                                 struct buf *bytes, struct err *err);
NODISCARD enum rc store_note_put(struct store *store, uint64_t run, uint32_t stage,
                                 const char *text, struct err *err);
/* Appends the note to out; nothing if there is none. */
NODISCARD enum rc store_note(struct store *store, uint64_t run, uint32_t stage,
                             struct buf *out, struct err *err);

/* ---- Tasks and attempts
 * ------------------------------------------------------------------------- */

enum task_state {
    TASK_QUEUED, /* also when there is no row yet */
    TASK_ASSIGNED,
    TASK_STARTED,
    TASK_COMPLETE,
    TASK_ERROR,
    TASK_STOPPED,
    TASK_CRASHED,
    TASK_STATE_COUNT
};
const char *task_state_name(enum task_state state); /* assigned is shown as queued */

struct task_row {
    enum task_state state;
    uint32_t attempts, node;
    uint64_t token; /* of the last attempt */
    enum cause cause;
    int32_t exit_code, signal;
    int64_t started_us, ended_us;
    uint64_t version; /* number of its version; 0: none (yet) */
};
NODISCARD enum rc store_task_put(struct store *store, uint64_t run, uint32_t stage,
                                 uint64_t index, const struct task_row *row,
                                 struct err *err);
/* RC_NOT_FOUND: the task was never handed out. */
NODISCARD enum rc store_task(struct store *store, uint64_t run, uint32_t stage,
                             uint64_t index, struct task_row *row, struct err *err);
/* Visits rows from index first on, ascending, at most limit; those without a row are left
 * out. */
NODISCARD enum rc store_tasks(struct store *store, uint64_t run, uint32_t stage,
                              uint64_t first, size_t limit,
                              void (*visit)(void *context, uint64_t index,
                                            const struct task_row *row),
                              void *context, struct err *err);

NODISCARD enum rc store_result_put(struct store *store, uint64_t run, uint32_t stage,
                                   uint64_t index, uint32_t attempt, const void *bytes,
                                   size_t size, struct err *err);
/* attempt 0: the last one stored. RC_NOT_FOUND. */
NODISCARD enum rc store_result(struct store *store, uint64_t run, uint32_t stage,
                               uint64_t index, uint32_t attempt, struct buf *bytes,
                               struct err *err);

NODISCARD enum rc store_attempt_put(struct store *store, const struct attempt_row *row,
                                    struct err *err);
NODISCARD enum rc store_attempt_remove(struct store *store, uint64_t token,
                                       struct err *err);
NODISCARD enum rc store_attempts(struct store *store,
                                 enum rc (*visit)(void *context,
                                                  const struct attempt_row *row,
                                                  struct err *err),
                                 void *context, struct err *err);

/* ---- Nodes, artifacts, events
 * -------------------------------------------------------------------- */

struct node_record {
    const char *name, *version;
    uint32_t slots;
    int64_t seen_us;
    uint64_t session; /* of its last join; 0: none, or from before it was stored */
};
NODISCARD enum rc store_node_put(struct store *store, uint32_t node,
                                 const struct node_record *record, struct err *err);
NODISCARD enum rc store_node(struct store *store, uint32_t node, struct arena *arena,
                             struct node_record *record, struct err *err);

struct artifact_record { /* the first time that an artifact was stored as an output */
    const char *digest, *name;
    uint64_t size, run, index;
    uint32_t stage;
    int64_t created_us;
};
/* Does nothing if the digest is known already. */
NODISCARD enum rc store_artifact_put(struct store *store,
                                     const struct artifact_record *record,
                                     struct err *err);
NODISCARD enum rc store_artifact(struct store *store, const char *digest,
                                 struct arena *arena, struct artifact_record *record,
                                 struct err *err);

NODISCARD enum rc store_event_put(struct store *store, uint64_t number, const void *bytes,
                                  size_t size, struct err *err);
/* The events of a group, numbered from number on. */
struct event_group;
NODISCARD enum rc store_event_group_put(struct store *store, uint64_t number,
                                        const struct event_group *group, struct err *err);
/* Visits events with number > since, ascending, until visit returns false. */
NODISCARD enum rc store_events(struct store *store, uint64_t since,
                               bool (*visit)(void *context, uint64_t number,
                                             const void *bytes, size_t size),
                               void *context, struct err *err);
/* Number of the oldest event that is kept; 0 if there is none. */
uint64_t store_events_first(struct store *store);
/* Removes events that happened before before_us, oldest first, about limit of them, so
 * that no batch grows long; those of one batch stay together. *removed gets how many. The
 * newest event always stays. */
NODISCARD enum rc store_events_trim(struct store *store, int64_t before_us, size_t limit,
                                    size_t *removed, struct err *err);
