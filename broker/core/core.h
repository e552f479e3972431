/* core.h - the broker's state machine: runs, stages, tasks, attempts, nodes. Pure.
 *
 * core_step(core, input, changes): inputs are a client's command, a node's message, an
 * answer to a question of the core, or a tick; changes are what to store, what to say and
 * what to ask, in order. No I/O, no clock, no randomness, no strings: numbers only; names
 * and values belong to the shell.
 *
 * A sweep is one stage with a cursor: tasks below `next` were handed out, those from
 * `next` on wait and cost nothing. Only live attempts have an entry each. A fencing token
 * names an attempt; whatever comes with a token that is not live is late, and changes
 * nothing.
 *
 * The shell answers CHANGE_RESOLVE and CHANGE_EVALUATE by inputs of their own before it
 * commits. It stores, at the end of each batch, the rows that core_flush names; a core
 * restored from those rows equals the one that was. A stage that was never named is as it
 * was made: it waits. Of a plain stage the row is not named either while it follows from
 * what else is stored (stage_row_follows): queued because it waits for nothing, then with
 * its first attempt, then complete when that ended in a block. Running out of memory
 * stops the process: the store has everything. */
#pragma once

#include "codecs/wire/result.h"
#include "codecs/wire/state.h"

enum {
    CORE_EARLY_AFTER = 4,  /* tasks of a stage that were timed before some are handed out
                              early */
    CORE_EARLY_US = 20000, /* of work for each CPU is handed out early, */
    CORE_EARLY_TASK_US = 250000, /* or one task that takes no longer than this */
    CORE_PACES = 1 << 16,
    CORE_CPU_DEFAULT = 1000, /* thousandths: a task that says nothing gets one CPU */
    CORE_GPUS_MAX = 64,      /* of one node */
    CORE_LABELS_MAX = 64,    /* of one node */
    CORE_PATIENCE_US =
        5000000,         /* then a request that others pass gets a node held for it */
    CORE_TRIES_MAX = 3,  /* attempts of a task whose stage says on-error: retry */
    CORE_LOSSES_MAX = 3, /* poisonous: a task that began on so many lost nodes */
    CORE_STAGES_MAX = PLAN_STAGES_MAX,
    CORE_NODES_MAX = 100000,
    CORE_NEAR_MAX = 8, /* nodes of one stage */
};

struct core;

struct core_options {
    uint64_t node_timeout_us; /* a node that is silent, or deaf, for so long is lost */
    uint64_t stages_max; /* unfinished stages of all runs together; beyond: RC_FULL */
    /* How long a task that failed waits before it is tried again: at first, doubled with
     * each further failure, and at most. 0: not at all. */
    uint64_t retry_first_us, retry_max_us;
};

/* ---- Rows: what is stored
 * ------------------------------------------------------------------- */

enum pending { /* what a stage waits for besides its tasks */
               PENDING_NONE,
               PENDING_START, /* verdict or approval of node-starting actions */
               PENDING_END,  /* verdict or approval of node-complete or node-error actions
                              */
               PENDING_TWIN, /* the end of an equal stage that is at work */
               PENDING_COUNT
};

struct retry { /* a task that was handed out before and waits to be handed out again */
    uint64_t index;
    uint32_t attempts; /* so far */
    uint8_t failures, losses;
    int64_t not_before_us;
};

struct core_range { /* of tasks */
    uint64_t first, count;
};

struct demand {         /* what one task of a stage needs of a node */
    uint32_t cpu_milli; /* thousandths of a CPU; 0: CORE_CPU_DEFAULT */
    uint32_t memory_mb; /* 0: not asked for */
    uint32_t gpus;      /* whole devices */
    uint32_t label;     /* number of the label that the node must have; 0: none */
    bool is_empty; /* nothing is to be run: on a node with empty_max one of those, and
                      nothing of the above but the label */
    bool is_plain; /* is_empty, and the stage has one task and nothing to be resolved or
                      evaluated: it is queued as soon as it waits for nothing */
};

struct offer {                     /* what a node has */
    uint32_t cpu_milli, memory_mb; /* memory 0: not limited */
    uint64_t gpus;                 /* bit i: device i is there */
    const uint32_t *labels;        /* borrowed until the step returns */
    size_t label_count;
    bool takes_any_label; /* a private node is every environment */
    uint32_t early;     /* short tasks for each CPU that it takes before there is room: it
                           starts them itself when there is */
    uint32_t empty_max; /* empty tasks at once; 0: they are as others */
};

struct stage_shape { /* what the plan fixes */
    bool is_task;
    enum on_error on_error;
    enum on_child_error on_child_error;
    unsigned actions;    /* WHEN_ bits that have actions */
    uint64_t queued_max; /* 0: no limit */
    struct demand demand;
    int32_t priority; /* higher goes first, everywhere */
    /* Below CORE_PACES, the same for stages that take about as long, in other runs too;
     * 0: nothing is known. */
    uint32_t pace;
};

struct stage_row {
    enum stage_state state;
    enum stage_state outcome; /* with PENDING_END: the state to take */
    enum pending pending;
    enum reason reason;
    uint32_t reason_stage; /* the stage that the reason is about */
    uint32_t waits; /* edges into it whose source has not finished; follows from their
                       states, so a row is not stored again for it */
    bool is_resolved, is_met; /* is_met: the stop-condition was */
    bool has_row;         /* it was named by core_flush; matters of plain stages only */
    uint64_t tasks, next; /* tasks known once resolved; below next: handed out once */
    uint64_t running, complete, failed, stopped;
    int64_t started_us, ended_us;
    struct retry *retries; /* a heap: none is due before the first */
    uint32_t retry_count;
    uint64_t reused; /* tasks that earlier results satisfied; complete counts them, too */
    uint64_t ahead;  /* those of them that the cursor next has not reached */
    /* Their ranges in order, with those that were passed; after a restart NULL unless
     * some are ahead. Stored by the shell beside the row. */
    struct core_range *satisfied;
    size_t satisfied_count;
};

struct run_row {
    uint64_t run;
    enum run_state state, outcome; /* with RUN_STOPPING: the state to take */
    enum reason reason;
    uint32_t reason_stage;
    uint32_t stages, open; /* open: not in a final state */
    bool has_failed;       /* a stage failed and the run goes on */
    int64_t created_us, ended_us;
};

struct attempt_row {
    uint64_t token, run, index;
    uint32_t stage, node, number; /* number: 1 for the first attempt */
    uint8_t failures, losses;     /* of the task before this attempt */
    bool has_started, is_stopping;
    uint64_t gpus; /* devices of the node that are its own */
};

/* ---- Inputs
 * ---------------------------------------------------------------------------------------
 */

enum input_kind {
    INPUT_SUBMIT,     /* edges, shapes */
    INPUT_CANCEL,     /* run */
    INPUT_APPROVE,    /* run, stage, yes */
    INPUT_RESOLVED,   /* run, stage, tasks, reused, near: answer to CHANGE_RESOLVE */
    INPUT_UNRESOLVED, /* run, stage: answer to CHANGE_RESOLVE */
    INPUT_TWIN,     /* run, stage: answer to CHANGE_RESOLVE: an equal stage is at work */
    INPUT_AGAIN,    /* run, stage: what INPUT_TWIN spoke of has ended: ask again */
    INPUT_VERDICT,  /* run, stage, then: answer to CHANGE_EVALUATE */
    INPUT_JOIN,     /* node, offer, tokens: a node says hello and which attempts it has */
    INPUT_LEAVE,    /* node: it says goodbye; its attempts are lost */
    INPUT_BEAT,     /* node, deaf_us: it lives; yes: and offers offer.cpu_milli from now
                       on */
    INPUT_STARTED,  /* node, token */
    INPUT_FINISHED, /* node, token, status, cause, took_us; yes: but files that it names
                       are nowhere, so the attempt is lost */
    INPUT_BLOCK,    /* node, token (the first), tasks: as many in a row are complete */
    INPUT_TICK, /* time has passed, or the batch ends: nodes time out, tasks are handed
                   out */
    INPUT_KIND_COUNT
};

struct core_edge {
    uint32_t source, target;
};

struct core_near { /* a node that has bytes of a stage's inputs */
    uint32_t node;
    uint64_t bytes;
};

struct core_input {
    enum input_kind kind;
    int64_t now_us; /* never decreases */
    uint64_t run;
    uint32_t stage, node;
    struct offer offer;
    int64_t deaf_us; /* since when the node has not heard what it was told; 0: it hears */
    uint64_t token, tasks;
    int64_t took_us; /* by the node's clock; 0: not known */
    bool yes;
    unsigned then; /* bits 1 << enum then */
    enum result_status status;
    enum cause cause;
    const uint64_t *tokens; /* borrowed until the step returns */
    size_t token_count;
    const struct stage_shape *shapes;
    size_t shape_count;
    const struct core_edge *edges;
    size_t edge_count;
    const struct core_range *reused; /* in order, apart or touching, below tasks */
    size_t reused_count;
    /* With INPUT_RESOLVED, at most CORE_NEAR_MAX. Only a preference among nodes that have
     * room, and forgotten by a restart. */
    const struct core_near *near;
    size_t near_count;
};

/* ---- Changes
 * --------------------------------------------------------------------------------------
 */

enum change_kind {
    CHANGE_REFUSED,  /* rc: the input was refused, nothing changed */
    CHANGE_RUN_NEW,  /* run */
    CHANGE_RUN,      /* run, state, reason: its state changed to this */
    CHANGE_STAGE,    /* run, stage, state, reason: its state changed to this */
    CHANGE_RESOLVE,  /* run, stage: question */
    CHANGE_REUSED,   /* run, stage, index, count: complete by earlier results */
    CHANGE_EVALUATE, /* run, stage, when: question */
    CHANGE_ASSIGN,   /* run, stage, index, count, token (the first), node, number */
    CHANGE_BEGUN,    /* run, stage, index, token, node, number */
    CHANGE_ENDED,    /* run, stage, index, token, node, number, status; will_retry */
    CHANGE_BLOCK,    /* run, stage, index, count, token (the first), node, number: all of
                        them ended complete */
    CHANGE_LOST,     /* run, stage, index, token, node, number; will_retry */
    CHANGE_TAKEN, /* node, token: the result (of a block: of its first task) counts, or is
                     late; the node may forget it */
    CHANGE_STOP,  /* node, token: the node must stop the attempt and report */
    CHANGE_DROP,  /* node, token: the node must stop the attempt and forget it */
    CHANGE_NODE,  /* node, state: its state changed to this, or its slots did */
    CHANGE_RUN_ROW,   /* run: store its row (core_flush) */
    CHANGE_STAGE_ROW, /* run, stage: store its row (core_flush) */
    CHANGE_RUN_GONE,  /* run: it is finished and stored; the core has forgotten it
                         (core_flush) */
    CHANGE_KIND_COUNT
};

struct change {
    enum change_kind kind;
    uint64_t run, index, count, token;
    uint32_t stage, node, number;
    enum rc rc;
    enum result_status status;
    enum cause cause;
    enum reason reason;
    unsigned
        state; /* enum run_state, stage_state or node_state; the row may be further */
    unsigned when;
    bool will_retry, is_late;
    /* CHANGE_STAGE: a plain stage is queued. CHANGE_ASSIGN, CHANGE_BLOCK: of a plain
     * stage, whose row follows from this (stage_row_follows). */
    bool follows;
    uint64_t gpus; /* CHANGE_ASSIGN */
};

struct changes { /* grows as needed; the caller clears it */
    struct change *items;
    size_t count, capacity;
};
void changes_fini(struct changes *changes);

/* ---- The machine
 * ------------------------------------------------------------------------------------ */

struct core *core_create(const struct core_options *options); /* NULL: no memory */
void core_destroy(struct core *core);
/* Other options from now on. Nothing that is there is taken away. */
void core_configure(struct core *core, const struct core_options *options);
SCOPED(core)

/* Appends to changes. A refusal is a change, too. */
void core_step(struct core *core, const struct core_input *input,
               struct changes *changes);
/* Whether the row of a plain stage follows from its task's first attempt: that it waits,
 * is live and has not begun, or ended in a block, started_us and ended_us being the time
 * of that step. */
bool stage_row_follows(const struct stage_row *row);
/* Appends CHANGE_RUN_ROW and CHANGE_STAGE_ROW for all that changed since the last flush,
 * each once. To be called before the commit. core_forget, after the rows were read, drops
 * finished runs. */
void core_flush(struct core *core, struct changes *changes);
void core_forget(struct core *core, struct changes *changes);
/* The next moment at which INPUT_TICK is due, or one somewhat before it; INT64_MAX if
 * none. */
int64_t core_deadline_us(const struct core *core);

/* Rows, NULL when the run is not active. Valid until the next step. */
const struct run_row *core_run(const struct core *core, uint64_t run);
const struct stage_row *core_stage(const struct core *core, uint64_t run, uint32_t stage);
bool core_stage_is_empty(const struct core *core, uint64_t run, uint32_t stage);
bool core_stage_is_plain(const struct core *core, uint64_t run, uint32_t stage);
/* Each label that a stage of an active run asks for or a node serves, often repeated. */
void core_labels(const struct core *core, void (*visit)(void *, uint32_t label),
                 void *context);
/* How many attempts were looked at so far to stop some: a cost that no clock disturbs. */
uint64_t core_stop_steps(const struct core *core);
bool core_attempt(const struct core *core, uint64_t token, struct attempt_row *row);
uint64_t core_run_next(const struct core *core); /* number that the next run will get */
uint64_t core_token_next(
    const struct core *core);                  /* token that the next attempt will get */
uint32_t core_active(const struct core *core); /* unfinished runs */
struct node_view {
    enum node_state state;
    uint32_t attempts; /* live ones */
    uint32_t cpu_milli, memory_mb;
    int64_t cpu_free, memory_free; /* thousandths, MB */
    uint64_t gpus, gpus_free;
    bool has_offered; /* since this core was made */
};
/* False: no such node. */
bool core_node(const struct core *core, uint32_t node, struct node_view *view);

enum why {               /* the one thing that a stage or task waits for */
           WHY_NOTHING,  /* it has ended, or runs */
           WHY_UPSTREAM, /* other stages */
           WHY_APPROVAL, /* a person */
           WHY_LIMIT,   /* maximum-queued-executions: so many may be unfinished at once */
           WHY_NO_NODE, /* no node is online */
           WHY_UNFIT,   /* no node that is known has what it asks for */
           WHY_AWAY,    /* a node that could run it is away */
           WHY_BUSY,    /* nodes that could run it have too little free */
           WHY_HELD,    /* nodes with room are held for a request that waited longer */
           WHY_TURN,    /* it is next in line */
           WHY_BACKOFF, /* what is left of it failed and is tried again later */
           WHY_TWIN,    /* an equal stage that is at work */
           WHY_COUNT
};
struct why_view {
    enum why why;
    uint32_t fit_nodes; /* nodes that could run it if they were empty */
};
/* Whether the node could run a task of the stage if it were empty and online. */
bool core_could_run(const struct core *core, uint64_t run, uint32_t stage, uint32_t node);
/* Why nothing more of the stage runs now. */
void core_why(const struct core *core, uint64_t run, uint32_t stage,
              struct why_view *view);

/* Restoring, before the first step: counters, then each active run with its stages, then
 * attempts, then core_restored, which puts what is ready in line and gives nodes with
 * attempts node_timeout to come back. RC_CORRUPT when the rows contradict each other; the
 * core is only good for core_destroy then. Which attempts are being stopped follows from
 * their stages, so an attempt's row is stored when it is assigned and when it begins. */
void core_restore_counters(struct core *core, uint64_t run_next, uint64_t token_next);
/* At any time: the next run's number goes to one that never enters the core. */
uint64_t core_run_take(struct core *core);
NODISCARD enum rc core_restore_run(struct core *core, const struct run_row *row,
                                   const struct stage_shape *shapes,
                                   const struct stage_row *stages,
                                   const struct core_edge *edges, size_t edge_count);
NODISCARD enum rc core_restore_attempt(struct core *core, const struct attempt_row *row);
NODISCARD enum rc core_restored(struct core *core, int64_t now_us);
/* Before core_restored: a node that was there has node_timeout to come back, until when
 * nothing is refused for want of it. Nodes with attempts need no such call. */
void core_restore_node(struct core *core, uint32_t node);

/* Visits every live attempt; must not change the core. */
void core_attempts(const struct core *core,
                   void (*visit)(void *, const struct attempt_row *), void *context);

/* Stops the process if an invariant does not hold. Slow; for tests and debugging. */
void core_check(const struct core *core);
