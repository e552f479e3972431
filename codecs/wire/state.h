/* state.h - the states of runs, stages and nodes, and why they are in them.
 *
 * The numbers are stored, so they are only ever added to; the names are what people and
 * other programs see (docs/protocol.md, "States"). */
#pragma once

#include "codecs/base/base.h"

enum run_state {
    RUN_STARTED,
    RUN_STOPPING, /* no new task starts; waits for running ones to end */
    RUN_COMPLETE,
    RUN_ERROR,
    RUN_STOPPED,
    RUN_STATE_COUNT
};

enum stage_state {
    STAGE_WAITING,   /* for stages before it */
    STAGE_RESOLVING, /* its values are being worked out; never outlives a commit */
    STAGE_APPROVAL,  /* for a person */
    STAGE_QUEUED,    /* tasks are ready, none has started */
    STAGE_STARTED,
    STAGE_STOPPING, /* no new task starts; waits for running ones to end */
    STAGE_COMPLETE,
    STAGE_ERROR,
    STAGE_STOPPED, /* by its stop-condition, or with its run */
    STAGE_SKIPPED, /* never started, because something before it failed or the run ended
                    */
    STAGE_STATE_COUNT
};

enum reason { /* of a stage's or run's state */
              REASON_NONE,
              REASON_TASK_FAILED,
              REASON_UNRESOLVED, /* values or inputs that edges should bring do not fit */
              REASON_UPSTREAM,   /* another stage failed */
              REASON_CONDITION,  /* stop-condition met */
              REASON_ACTION,     /* stop-pipeline or error-pipeline */
              REASON_CANCELLED,
              REASON_REJECTED,
              REASON_UNFIT,  /* no node has what its tasks ask for */
              REASON_POISON, /* a task lost one node after the other */
              REASON_COUNT
};

enum node_state { NODE_AWAY, NODE_ONLINE, NODE_STATE_COUNT };

const char *run_state_name(enum run_state state);
const char *stage_state_name(enum stage_state state);
const char *reason_name(enum reason reason);
const char *node_state_name(enum node_state state);
static inline bool run_state_is_final(enum run_state state)
{
    return state >= RUN_COMPLETE;
}
static inline bool stage_state_is_final(enum stage_state state)
{
    return state >= STAGE_COMPLETE;
}
