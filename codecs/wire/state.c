/* state.c - the names of states. */
#include "codecs/wire/state.h"

const char *run_state_name(enum run_state state)
{
    static const char *const names[RUN_STATE_COUNT] = {
        [RUN_STARTED] = "started",   [RUN_STOPPING] = "stopping",
        [RUN_COMPLETE] = "complete", [RUN_ERROR] = "error",
        [RUN_STOPPED] = "stopped",
    };
    return (unsigned)state < RUN_STATE_COUNT ? names[state] : "unknown";
}

const char *stage_state_name(enum stage_state state)
{
    static const char *const names[STAGE_STATE_COUNT] = {
        [STAGE_WAITING] = "waiting",   [STAGE_RESOLVING] = "resolving",
        [STAGE_APPROVAL] = "approval", [STAGE_QUEUED] = "queued",
        [STAGE_STARTED] = "started",   [STAGE_STOPPING] = "stopping",
        [STAGE_COMPLETE] = "complete", [STAGE_ERROR] = "error",
        [STAGE_STOPPED] = "stopped",   [STAGE_SKIPPED] = "skipped",
    };
    return (unsigned)state < STAGE_STATE_COUNT ? names[state] : "unknown";
}

const char *reason_name(enum reason reason)
{
    static const char *const names[REASON_COUNT] = {
        [REASON_NONE] = "",
        [REASON_TASK_FAILED] = "task-failed",
        [REASON_UNRESOLVED] = "unresolved",
        [REASON_UPSTREAM] = "upstream",
        [REASON_CONDITION] = "stop-condition",
        [REASON_ACTION] = "action",
        [REASON_CANCELLED] = "cancelled",
        [REASON_REJECTED] = "rejected",
        [REASON_UNFIT] = "unfit",
        [REASON_POISON] = "poison",
    };
    return (unsigned)reason < REASON_COUNT ? names[reason] : "unknown";
}

const char *node_state_name(enum node_state state)
{
    static const char *const names[NODE_STATE_COUNT] = {
        [NODE_AWAY] = "away",
        [NODE_ONLINE] = "online",
    };
    return (unsigned)state < NODE_STATE_COUNT ? names[state] : "unknown";
}
