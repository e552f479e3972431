/* agent_core.h - the life of the attempts on one node, as a state machine. Pure: no
 * clock, no I/O.
 *
 *   ASSIGNED -> PREPARING -> STARTING -> RUNNING -> COLLECTING -> DONE -> gone
 *        |           |            |          |
 *        +-----------+------------+----------+--> COLLECTING (stopped, failed to prepare
 * or start)
 *
 * Prepared attempts start in the order of their tokens, each when what it asks for is
 * free beside what runs: the broker hands out more short tasks than have room, so that
 * the next is prepared when one ends. None starts while one that was dropped still runs:
 * the broker counts what that one uses as free already. An attempt is asked to stop with
 * SIGTERM and killed some time later. Its cause is the first thing that made it end: a
 * limit, a wish of the broker, or its own exit. A result is repeated until it is taken.
 */
#pragma once

#include "codecs/wire/result.h"

enum {
    AGENT_RESEND_US =
        5000000, /* a result that was not taken is sent again after so long */
};

enum agent_state {
    AGENT_FREE,
    AGENT_ASSIGNED, /* waits for its class */
    AGENT_PREPARING,
    AGENT_READY, /* waits for room, or for what a dropped attempt still uses */
    AGENT_STARTING,
    AGENT_RUNNING,
    AGENT_COLLECTING,
    AGENT_DONE,
    AGENT_STATE_COUNT
};

struct agent_attempt {
    uint64_t token, run, index;
    uint64_t gpus; /* devices that are its own */
    uint32_t stage, number;
    uint32_t cpu_milli, memory_mb; /* that it asks for, once it is prepared */
    enum agent_state state;
    bool is_dropped; /* nobody wants its result */
    bool has_cause;  /* it was made to end: */
    enum cause cause;
    int64_t started_us;
    int64_t time_limit_us,
        no_output_us; /* 0: none; from the start, from the last output */
    int64_t last_output_us;
    int64_t kill_us;   /* when SIGKILL is due; 0: no stop under way */
    int64_t resend_us; /* when the result is due again */
};

enum agent_input_kind {
    AGENT_IN_ASSIGN,    /* token, run, stage, index, number */
    AGENT_IN_CLASS,     /* run, stage: the class has arrived */
    AGENT_IN_OFFER,     /* cpu_milli, memory_mb that what runs may use; 0: no limit */
    AGENT_IN_PREPARED,  /* token, is_good, cpu_milli, memory_mb; cause when not good */
    AGENT_IN_STARTED,   /* token; limits */
    AGENT_IN_UNSTARTED, /* token: the command could not be started */
    AGENT_IN_EXITED,    /* token */
    AGENT_IN_LOST, /* token: its supervisor died; the broker must learn by our not naming
                      it */
    AGENT_IN_OUTPUT,    /* token: something was written */
    AGENT_IN_CONDITION, /* token: the stop-condition is met */
    AGENT_IN_COLLECTED, /* token: the result is on disk */
    AGENT_IN_STOP,      /* token */
    AGENT_IN_DROP,      /* token */
    AGENT_IN_TAKEN,     /* token */
    AGENT_IN_WELCOME,   /* results are due now */
    AGENT_IN_TICK,
    AGENT_IN_CLOCK, /* jump: the clock was set by so much; what is due moves with it */
    AGENT_IN_ADOPT, /* token, run, stage, index, number, state, started, cpu_milli,
                       memory_mb: after a restart */
};

struct agent_input {
    enum agent_input_kind kind;
    int64_t now_us;
    uint64_t token, run, index, gpus;
    uint32_t stage, number, cpu_milli, memory_mb;
    bool has_class, is_good;
    enum cause cause;
    enum agent_state state;
    int64_t started_us, time_limit_us, no_output_us, jump_us;
};

enum agent_effect_kind {
    AGENT_DO_WANT,        /* ask the broker for the class of run, stage */
    AGENT_DO_PREPARE,     /* token */
    AGENT_DO_CANCEL,      /* token: its preparation should give up */
    AGENT_DO_START,       /* token */
    AGENT_DO_SIGNAL,      /* token, signal */
    AGENT_DO_SAY_STARTED, /* token */
    AGENT_DO_COLLECT,     /* token; has_cause, cause */
    AGENT_DO_REPORT,      /* token: send its result */
    AGENT_DO_REMOVE,      /* token: forget it everywhere, folder and supervisor too */
};

struct agent_effect {
    enum agent_effect_kind kind;
    uint64_t token, run;
    uint32_t stage;
    int signal;
    bool has_cause;
    enum cause cause;
};

struct agent_effects {
    struct agent_effect *items;
    size_t count, capacity;
};
void agent_effects_fini(struct agent_effects *effects);

struct agent_core;
/* kill_after_us: from SIGTERM to SIGKILL. NULL: no memory. */
struct agent_core *agent_core_create(int64_t kill_after_us);
void agent_core_destroy(struct agent_core *core);
SCOPED(agent_core)

void agent_step(struct agent_core *core, const struct agent_input *input,
                struct agent_effects *effects);
/* The next moment at which AGENT_IN_TICK is due; INT64_MAX if none. */
int64_t agent_deadline_us(const struct agent_core *core);

/* NULL if it is not known. Valid until the next step. */
const struct agent_attempt *agent_attempt(const struct agent_core *core, uint64_t token);
uint32_t agent_count(const struct agent_core *core);
/* Those that have not been started. */
uint32_t agent_unstarted(const struct agent_core *core);
/* The i-th known attempt, i below agent_count, in no particular but a repeatable order.
 */
const struct agent_attempt *agent_at(const struct agent_core *core, uint32_t i);
void agent_check(const struct agent_core *core);
