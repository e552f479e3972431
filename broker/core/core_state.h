/* core_state.h - the structs behind core.h, shared by the files of this folder only.
 *
 *   core -> runs (by slot) -> stages (by index)      ready: stages that could hand out a
 * task now
 *        -> attempts (by slot, live ones only)       changed: runs and stages to store
 *        -> nodes (by number)
 *
 * Which file changes what: run.c the life of runs, stage.c that of stages, attempt.c
 * attempts and the ready line, node.c nodes and time. */
#pragma once

#include "broker/core/core.h"
#include "broker/core/table.h"

struct stage {
    struct stage_row row;
    struct stage_shape shape;
    struct run *run;
    uint32_t index;
    uint32_t retry_capacity;
    size_t satisfied_at;     /* the first range that next has not reached */
    uint32_t sleep_place;    /* among the sleepers, from 1; 0: it is none */
    uint32_t live_first;     /* slot of its oldest live attempt plus 1; 0: it has none */
    const uint32_t *targets; /* stages that wait for this one; in run->targets */
    uint32_t target_count;
    bool is_changed;
    struct lane *lane;      /* while it is ready, else NULL */
    uint32_t timed;         /* tasks that went into mean_us, at most CORE_EARLY_AFTER */
    int64_t mean_us;        /* how long its tasks ran of late */
    struct core_near *near; /* nodes that have bytes of its inputs; NULL if none */
    uint32_t near_count;
    /* In the heap of its lane; lane_prev of a first child is the parent. */
    struct stage *lane_next, *lane_prev, *lane_child;
    uint32_t rank; /* of its run the highest is served first */
    uint32_t turn; /* of its lane, at which it came in line */
};

struct lane { /* ready stages of one run that ask for the same */
    struct queue *queue;
    struct run *run;
    struct stage *first;      /* the next to be served: the root of a heap, */
    struct stage *last;       /* or, of plain stages, the front of a list with this end */
    uint32_t turn;            /* the last that was given, counting on from 0 again */
    struct lane *next, *prev; /* in the queue, while it has stages */
    struct lane *sibling;     /* of the same run */
};

struct queue { /* all that is ready and asks for the same, at one priority */
    struct demand demand;
    int32_t priority;
    struct lane *first, *last; /* the run to be served next first */
    uint32_t lane_count;
    struct queue *next, *prev; /* among the queues that have lanes */
    uint32_t user_count;       /* lanes of runs, also those without stages */
    uint32_t slot;
    uint64_t key;        /* in queue_slots */
    int64_t blocked_us;  /* since when nothing of it fits anywhere; 0: it does */
    uint64_t served;     /* turn at which it was served last */
    uint64_t skipped_in; /* the round in which it was found not to fit */
    uint64_t fits_as_of; /* core->nodes_changed when it was found that it could */
    struct node *held;   /* kept free for it, or NULL */
};

struct run {
    struct run_row row;
    struct stage *stages;
    uint32_t *targets; /* of all stages, grouped by source */
    uint32_t *work;    /* room for one entry a stage, for walks without recursion */
    uint32_t slot;
    uint32_t live; /* live attempts */
    struct lane *lanes;
    bool is_changed;
};

struct attempt {
    struct attempt_row row;
    struct run *owner;
    uint64_t count; /* in a batch, of which row is the first; else 1 */
    /* Slots. While row.token is 0 next is the next free one; else both are in the ring of
     * the stage's live attempts, oldest first. */
    uint32_t next, prev;
    uint32_t join_mark; /* the last join that named it */
    int64_t since_us;   /* when it was said to have started; 0: not since we know it */
};

enum { BATCH_NONE = UINT32_MAX };

struct batch { /* an entry of attempts of which count is above 1 */
    uint64_t token;
    uint32_t slot; /* BATCH_NONE: it is none any more */
};

/* What is looked at of each node when a task needs one stands first. */
struct node {
    enum node_state state;
    bool is_known, has_offered;
    bool is_expected;              /* it was there before a restart and may come back */
    int64_t cpu_free, memory_free; /* below 0 when the node shrank */
    int64_t empty_free;
    uint64_t gpus_free;
    struct queue *held_for;
    struct offer offer; /* labels points to own */
    uint32_t *labels;   /* offer.label_count of them */
    uint32_t busy;      /* live attempts */
    uint32_t cpu_fit;   /* thousandths: the last offer that was not 0 */
    int64_t seen_us;
    int64_t deaf_us; /* since when it lives and does not hear; 0: it hears */
};

struct core {
    struct core_options options;
    int64_t now_us;
    uint64_t run_next, token_next;
    struct run **runs; /* by slot, without holes */
    uint32_t run_capacity, run_count;
    struct table run_slots; /* run number -> slot */
    uint64_t stage_count;   /* of all runs */
    struct attempt *attempts;
    uint32_t attempt_capacity, attempt_count, attempt_free;
    struct table attempt_slots; /* token -> slot, but of batches */
    struct batch *batches;      /* in the order of tokens */
    uint32_t batch_count, batch_capacity, batches_over;
    uint32_t returned;   /* slot of what attempt_return took last */
    uint64_t stop_steps; /* attempts that attempts_stop has looked at */
    struct node *nodes;
    uint32_t node_capacity;
    uint32_t join_mark;
    int64_t watch_us;       /* before it no node is lost, whatever they say */
    uint64_t nodes_changed; /* how often offers changed or a node was given up */
    struct queue **queues;  /* those that some run uses */
    uint32_t queue_count, queue_capacity;
    struct table queue_slots;               /* hash of request and priority -> slot */
    struct queue *queue_first, *queue_last; /* those with ready stages */
    uint32_t lane_count;                    /* in all of them */
    uint64_t turn, round;
    uint32_t *paces;         /* CORE_PACES of PACE_UNIT_US; 0: not known */
    struct stage **sleepers; /* a heap by the time of the first retry */
    uint32_t sleeper_count, sleeper_capacity;
    int64_t woken_us;       /* retries up to here are due */
    struct stage **changed; /* stages with is_changed */
    uint32_t changed_count, changed_capacity;
    struct run **changed_runs;
    uint32_t changed_run_count, changed_run_capacity;
};

/* core.c */
struct change *change_add(struct changes *changes, enum change_kind kind);
void refuse(struct changes *changes, enum rc rc);
void *grown(void *items, uint32_t *capacity, size_t size); /* doubles; never NULL */
void stage_touch(struct core *core, struct stage *stage);
void run_touch(struct core *core, struct run *run);

/* run.c */
struct run *core_find_run(const struct core *core, uint64_t number);
struct run *run_build(const struct core *core, const struct stage_shape *shapes,
                      size_t count, const struct core_edge *edges, size_t edge_count);
void run_destroy(struct run *run); /* NULL is fine */
SCOPED(run)
void run_add(struct core *core, struct run *run);
void run_remove(struct core *core, struct run *run);
void run_submit(struct core *core, const struct core_input *input,
                struct changes *changes);
void run_cancel(struct core *core, const struct core_input *input,
                struct changes *changes);
void run_end(struct core *core, struct run *run, enum run_state outcome,
             enum reason reason, uint32_t stage, struct changes *changes);
void run_settle(struct core *core, struct run *run, struct changes *changes);

/* stage.c */
/* Settles the tasks of a plain stage. */
void stage_plain(struct stage *stage);
void stage_begin(struct core *core, struct stage *stage, struct changes *changes);
void stage_set(struct core *core, struct stage *stage, enum stage_state state,
               struct changes *changes);
void stage_resolved(struct core *core, const struct core_input *input,
                    struct changes *changes);
void stage_unresolved(struct core *core, const struct core_input *input,
                      struct changes *changes);
void stage_verdict(struct core *core, const struct core_input *input,
                   struct changes *changes);
void stage_approve(struct core *core, const struct core_input *input,
                   struct changes *changes);
void stage_stop(struct core *core, struct stage *stage, struct changes *changes);
void stage_settle(struct core *core, struct stage *stage, struct changes *changes);
void stage_unfit(struct core *core, struct stage *stage, struct changes *changes);

/* reuse.c */
void satisfied_take(struct stage *stage, const struct core_input *input,
                    struct changes *changes);
void satisfied_pass(struct stage *stage);
uint64_t satisfied_until(const struct stage *stage); /* fresh tasks end before it */
bool satisfied_restore(struct stage *stage, const struct stage_row *row);
void stage_twin(struct core *core, const struct core_input *input);
void stage_again(struct core *core, const struct core_input *input,
                 struct changes *changes);

/* attempt.c */
/* Above 0 when a task could be handed out now; at most so many may be. */
uint64_t stage_available(const struct core *core, const struct stage *stage);
void attempt_started(struct core *core, const struct core_input *input,
                     struct changes *changes);
void attempt_finished(struct core *core, const struct core_input *input,
                      struct changes *changes);
void attempts_block(struct core *core, const struct core_input *input,
                    struct changes *changes);
void attempt_lost(struct core *core, struct attempt *attempt, struct changes *changes);
void attempts_stop(struct core *core, const struct stage *stage, struct changes *changes);
/* As an entry of its own. */
struct attempt *attempt_find(struct core *core, uint64_t token);
bool attempt_row_find(const struct core *core, uint64_t token, struct attempt_row *row);
/* Count attempts in a row, of which row is the first; more than one at once only on a
 * node where they are free of charge. */
void attempts_add(struct core *core, const struct attempt_row *row, struct run *run,
                  uint64_t count);
/* One that was there before a restart. */
void attempt_return(struct core *core, const struct attempt_row *row, struct run *run);
/* An entry for what is counted already. Gives its slot. */
uint32_t attempt_enter(struct core *core, const struct attempt_row *row, struct run *run,
                       uint64_t count);
void assign(struct core *core, struct changes *changes);

/* batch.c */
struct attempt *batch_find(const struct core *core, uint64_t token);
void batch_note(struct core *core, uint32_t slot);
void batch_forget(struct core *core, uint64_t token);
/* The first count of it, and not all, are gone. */
void batch_trim(struct core *core, struct attempt *attempt, uint64_t count);
/* Each gets an entry of its own. */
void batch_part(struct core *core, struct attempt *attempt);
/* Those of the node that its join did not name. */
void batches_part(struct core *core, uint32_t node);
/* The tokens begin with all of a batch of the node, of so many; 0: they do not. Marks it
 * as named by this join. */
uint64_t batch_named(struct core *core, uint32_t node, const uint64_t *tokens,
                     size_t count);
/* Takes the attempt into the entry in that slot, if it is the next one of what was handed
 * out with it; false: it has to have its own. */
bool batch_extend(struct core *core, uint32_t slot, const struct attempt_row *row,
                  const struct run *run);
void batches_check(const struct core *core);

struct change *change_of(struct changes *changes, enum change_kind kind,
                         const struct attempt_row *row);

/* retry.c */
void retry_add(struct stage *stage, const struct retry *retry);
void retry_remove_first(struct stage *stage);
bool retry_is_due(const struct core *core, const struct stage *stage); /* the first */
int64_t retry_time(const struct core *core, uint64_t token, uint32_t failures);
void retries_limit(const struct core *core, struct stage *stage);
void sleep_update(struct core *core, struct stage *stage); /* ready_update calls it */
void sleepers_wake(struct core *core);
int64_t sleepers_deadline_us(const struct core *core);

/* rank.c */
NODISCARD bool stages_rank(const struct core *core,
                           struct run *run); /* false: no memory */
void pace_note(struct core *core, const struct stage *stage);
/* How long its tasks took in an earlier run, at least 1; 0: not known. */
int64_t pace_us(const struct core *core, const struct stage *stage);

/* line.c */
void ready_update(struct core *core, struct stage *stage);
/* Behind those of its rank in its lane, the lane to the end of its queue. */
void line_rotate(struct stage *stage);
void lane_rotate(struct lane *lane);
bool line_goes_before(const struct stage *one, const struct stage *other);
void lines_fini(struct core *core);
void lanes_leave(struct core *core, struct run *run); /* before its end */
void lanes_fini(struct run *run);

/* place.c */
bool demand_fits_node(const struct demand *demand,
                      const struct node *node); /* an empty one */
/* Count tasks of the demand; with devices, one. */
void node_take(struct node *node, const struct demand *demand, uint64_t gpus,
               uint64_t count);
void node_give(struct node *node, const struct demand *demand, uint64_t gpus,
               uint64_t count);
bool is_free_of_charge(const struct demand *demand, const struct node *node);
void node_offer(struct core *core, uint32_t number, const struct offer *offer);
void near_take(struct stage *stage, const struct core_input *input);
void queue_release(struct queue *queue); /* gives the node back that is held for it */

/* node.c */
struct node *node_at(struct core *core, uint32_t number); /* makes it known */
void node_join(struct core *core, const struct core_input *input,
               struct changes *changes);
void node_leave(struct core *core, uint32_t number, struct changes *changes);
void node_beat(struct core *core, uint32_t number);
void node_hears(struct core *core, uint32_t number, int64_t deaf_us);
void node_cpu(struct core *core, const struct core_input *input, struct changes *changes);
void nodes_time_out(struct core *core, struct changes *changes);
void nodes_watch(struct core *core); /* all of them anew */
void nodes_check(const struct core *core);
