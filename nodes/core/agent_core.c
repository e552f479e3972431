/* agent_core.c - see agent_core.h. A node has few attempts at once, so a plain array is
 * searched. */
#include "nodes/core/agent_core.h"

#include <signal.h>
#include <stdlib.h>

struct agent_core {
    int64_t kill_after_us;         /* from SIGTERM to SIGKILL */
    uint32_t cpu_milli, memory_mb; /* for what runs; 0: no limit */
    struct agent_attempt *attempts;
    uint32_t count, capacity;
};

void agent_effects_fini(struct agent_effects *effects)
{
    free(effects->items);
    *effects = (struct agent_effects){ 0 };
}

struct agent_core *agent_core_create(int64_t kill_after_us)
{
    struct agent_core *core = calloc(1, sizeof *core);

    if (core)
        core->kill_after_us = kill_after_us;
    return core;
}

void agent_core_destroy(struct agent_core *core)
{
    if (!core)
        return;
    free(core->attempts);
    free(core);
}

static struct agent_attempt *find(const struct agent_core *core, uint64_t token)
{
    for (uint32_t i = 0; i < core->count; i++)
        if (core->attempts[i].token == token)
            return &core->attempts[i];
    return NULL;
}

const struct agent_attempt *agent_attempt(const struct agent_core *core, uint64_t token)
{
    return find(core, token);
}

uint32_t agent_count(const struct agent_core *core)
{
    return core->count;
}

uint32_t agent_unstarted(const struct agent_core *core)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < core->count; i++)
        count += core->attempts[i].state < AGENT_STARTING;
    return count;
}

const struct agent_attempt *agent_at(const struct agent_core *core, uint32_t i)
{
    must(i < core->count);
    return &core->attempts[i];
}

static struct agent_effect *effect(struct agent_effects *effects,
                                   enum agent_effect_kind kind,
                                   const struct agent_attempt *attempt)
{
    if (effects->count == effects->capacity) {
        effects->capacity = effects->capacity ? effects->capacity * 2 : 16;
        effects->items =
            reallocarray(effects->items, effects->capacity, sizeof *effects->items);
        must(effects->items != NULL);
    }

    struct agent_effect *made = &effects->items[effects->count++];

    *made = (struct agent_effect){ .kind = kind,
                                   .token = attempt->token,
                                   .run = attempt->run,
                                   .stage = attempt->stage,
                                   .has_cause = attempt->has_cause,
                                   .cause = attempt->cause };
    return made;
}

static struct agent_attempt *add(struct agent_core *core, const struct agent_input *input,
                                 enum agent_state state)
{
    if (core->count == core->capacity) {
        core->capacity = core->capacity ? core->capacity * 2 : 16;
        core->attempts =
            reallocarray(core->attempts, core->capacity, sizeof *core->attempts);
        must(core->attempts != NULL);
    }

    struct agent_attempt *attempt = &core->attempts[core->count++];

    *attempt = (struct agent_attempt){ .token = input->token,
                                       .run = input->run,
                                       .index = input->index,
                                       .gpus = input->gpus,
                                       .stage = input->stage,
                                       .number = input->number,
                                       .cpu_milli = input->cpu_milli,
                                       .memory_mb = input->memory_mb,
                                       .state = state,
                                       .started_us = input->started_us,
                                       .last_output_us = input->started_us,
                                       .time_limit_us = input->time_limit_us,
                                       .no_output_us = input->no_output_us };
    return attempt;
}

struct use { /* of the node, by what runs */
    uint64_t cpu_milli, memory_mb;
    bool has_any, has_dropped; /* one runs that the broker has given up */
};

static struct use use_of(const struct agent_core *core)
{
    struct use use = { 0 };

    for (uint32_t i = 0; i < core->count; i++) {
        const struct agent_attempt *attempt = &core->attempts[i];

        if (attempt->state != AGENT_STARTING && attempt->state != AGENT_RUNNING)
            continue;
        use.has_any = true;
        use.has_dropped |= attempt->is_dropped;
        use.cpu_milli += attempt->cpu_milli;
        use.memory_mb += attempt->memory_mb;
    }
    return use;
}

/* Alone, one starts in any case: the node may have been made smaller since. */
static bool has_room(const struct agent_core *core, const struct agent_attempt *attempt)
{
    struct use use = use_of(core);

    if (use.has_dropped)
        return false;
    return !use.has_any
           || ((core->cpu_milli == 0
                || use.cpu_milli + attempt->cpu_milli <= core->cpu_milli)
               && (core->memory_mb == 0
                   || use.memory_mb + attempt->memory_mb <= core->memory_mb));
}

static struct agent_attempt *first_ready(const struct agent_core *core)
{
    struct agent_attempt *first = NULL;

    for (uint32_t i = 0; i < core->count; i++)
        if (core->attempts[i].state == AGENT_READY
            && (!first || core->attempts[i].token < first->token))
            first = &core->attempts[i];
    return first;
}

/* In order, so that one that needs much is not passed by all that need little. */
static void start_ready(struct agent_core *core, struct agent_effects *effects)
{
    struct agent_attempt *attempt;

    while ((attempt = first_ready(core)) != NULL && has_room(core, attempt)) {
        attempt->state = AGENT_STARTING;
        effect(effects, AGENT_DO_START, attempt);
    }
}

static void drop(struct agent_core *core, struct agent_attempt *attempt,
                 struct agent_effects *effects)
{
    effect(effects, AGENT_DO_REMOVE, attempt);
    *attempt = core->attempts[--core->count];
    start_ready(core, effects);
}

static void collect(struct agent_core *core, struct agent_attempt *attempt,
                    struct agent_effects *effects)
{
    attempt->kill_us = 0;
    if (attempt->is_dropped) {
        drop(core, attempt, effects);
        return;
    }
    attempt->state = AGENT_COLLECTING;
    start_ready(core, effects); /* first: collecting takes its time */
    effect(effects, AGENT_DO_COLLECT, attempt);
}

/* Makes the attempt end, for the first cause that comes. */
static void end(struct agent_core *core, struct agent_attempt *attempt, enum cause cause,
                int64_t now_us, struct agent_effects *effects)
{
    if (attempt->state >= AGENT_COLLECTING)
        return;
    if (!attempt->has_cause) {
        attempt->has_cause = true;
        attempt->cause = cause;
    }
    switch (attempt->state) {
    case AGENT_ASSIGNED:
    case AGENT_READY:
        collect(core, attempt, effects);
        break;
    case AGENT_PREPARING:
        effect(effects, AGENT_DO_CANCEL, attempt);
        break;
    case AGENT_RUNNING:
        if (attempt->kill_us == 0) {
            attempt->kill_us = now_us + core->kill_after_us;
            effect(effects, AGENT_DO_SIGNAL, attempt)->signal = SIGTERM;
        }
        break;
    case AGENT_STARTING: /* STARTED or UNSTARTED will find the cause */
    case AGENT_FREE:
    case AGENT_COLLECTING:
    case AGENT_DONE:
    case AGENT_STATE_COUNT:
        break;
    }
}

static void on_assign(struct agent_core *core, const struct agent_input *input,
                      struct agent_effects *effects)
{
    if (find(core, input->token))
        return;

    struct agent_attempt *attempt =
        add(core, input, input->has_class ? AGENT_PREPARING : AGENT_ASSIGNED);

    effect(effects, input->has_class ? AGENT_DO_PREPARE : AGENT_DO_WANT, attempt);
}

static void on_class(struct agent_core *core, const struct agent_input *input,
                     struct agent_effects *effects)
{
    for (uint32_t i = 0; i < core->count; i++) {
        struct agent_attempt *attempt = &core->attempts[i];

        if (attempt->state != AGENT_ASSIGNED || attempt->run != input->run
            || attempt->stage != input->stage)
            continue;
        attempt->state = AGENT_PREPARING;
        effect(effects, AGENT_DO_PREPARE, attempt);
    }
}

static void on_prepared(struct agent_core *core, struct agent_attempt *attempt,
                        const struct agent_input *input, struct agent_effects *effects)
{
    if (attempt->state != AGENT_PREPARING)
        return;
    if (!input->is_good && !attempt->has_cause) {
        attempt->has_cause = true;
        attempt->cause = input->cause;
    }
    if (attempt->has_cause) {
        collect(core, attempt, effects);
        return;
    }
    attempt->state = AGENT_READY;
    attempt->cpu_milli = input->cpu_milli;
    attempt->memory_mb = input->memory_mb;
    start_ready(core, effects);
}

static void on_started(struct agent_core *core, struct agent_attempt *attempt,
                       const struct agent_input *input, struct agent_effects *effects)
{
    if (attempt->state != AGENT_STARTING)
        return;
    attempt->state = AGENT_RUNNING;
    attempt->started_us = attempt->last_output_us = input->now_us;
    attempt->time_limit_us = input->time_limit_us;
    attempt->no_output_us = input->no_output_us;
    effect(effects, AGENT_DO_SAY_STARTED, attempt);
    if (attempt->has_cause)
        end(core, attempt, attempt->cause, input->now_us, effects);
}

static void on_ended(struct agent_core *core, struct agent_attempt *attempt,
                     bool is_unstarted, struct agent_effects *effects)
{
    if (attempt->state != AGENT_RUNNING && attempt->state != AGENT_STARTING)
        return;
    if (is_unstarted && !attempt->has_cause) {
        attempt->has_cause = true;
        attempt->cause = CAUSE_START_FAILED;
    }
    collect(core, attempt, effects);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When something is due for the attempt; INT64_MAX: never. */
static int64_t due_us(const struct agent_attempt *attempt)
{
    int64_t due = INT64_MAX;

    if (attempt->state == AGENT_DONE)
        return attempt->resend_us;
    if (attempt->state != AGENT_RUNNING)
        return INT64_MAX;
    if (attempt->kill_us > 0)
        return attempt->kill_us;
    if (attempt->time_limit_us > 0)
        due = attempt->started_us + attempt->time_limit_us;
    if (attempt->no_output_us > 0)
        due = earlier(due, attempt->last_output_us + attempt->no_output_us);
    return due;
}

int64_t agent_deadline_us(const struct agent_core *core)
{
    int64_t first = INT64_MAX;

    for (uint32_t i = 0; i < core->count; i++)
        first = earlier(first, due_us(&core->attempts[i]));
    return first;
}

static void on_due(struct agent_core *core, struct agent_attempt *attempt, int64_t now_us,
                   struct agent_effects *effects)
{
    if (attempt->state == AGENT_DONE) {
        attempt->resend_us = now_us + AGENT_RESEND_US;
        effect(effects, AGENT_DO_REPORT, attempt);
    } else if (attempt->kill_us > 0) {
        attempt->kill_us = now_us + core->kill_after_us;
        effect(effects, AGENT_DO_SIGNAL, attempt)->signal = SIGKILL;
    } else if (attempt->time_limit_us > 0
               && attempt->started_us + attempt->time_limit_us <= now_us) {
        end(core, attempt, CAUSE_TIME_LIMIT, now_us, effects);
    } else {
        end(core, attempt, CAUSE_NO_OUTPUT, now_us, effects);
    }
}

static void on_tick(struct agent_core *core, int64_t now_us,
                    struct agent_effects *effects)
{
    for (uint32_t i = 0; i < core->count; i++)
        if (due_us(&core->attempts[i]) <= now_us)
            on_due(core, &core->attempts[i], now_us, effects);
}

static void on_clock(struct agent_core *core, int64_t jump_us)
{
    for (uint32_t i = 0; i < core->count; i++) {
        struct agent_attempt *attempt = &core->attempts[i];

        attempt->started_us += jump_us;
        attempt->last_output_us += jump_us;
        if (attempt->kill_us > 0)
            attempt->kill_us += jump_us;
        attempt->resend_us += jump_us;
    }
}

static void on_welcome(struct agent_core *core, int64_t now_us,
                       struct agent_effects *effects)
{
    for (uint32_t i = 0; i < core->count; i++) {
        struct agent_attempt *attempt = &core->attempts[i];

        if (attempt->state == AGENT_RUNNING)
            effect(effects, AGENT_DO_SAY_STARTED, attempt);
        if (attempt->state == AGENT_ASSIGNED)
            effect(effects, AGENT_DO_WANT, attempt);
        if (attempt->state != AGENT_DONE)
            continue;
        attempt->resend_us = now_us + AGENT_RESEND_US;
        effect(effects, AGENT_DO_REPORT, attempt);
    }
}

static void on_drop(struct agent_core *core, struct agent_attempt *attempt,
                    int64_t now_us, struct agent_effects *effects)
{
    attempt->is_dropped = true;
    if (attempt->state == AGENT_DONE || attempt->state == AGENT_ASSIGNED)
        drop(core, attempt, effects);
    else
        end(core, attempt, CAUSE_STOPPED, now_us, effects);
}

static void on_collected(struct agent_core *core, struct agent_attempt *attempt,
                         int64_t now_us, struct agent_effects *effects)
{
    if (attempt->state != AGENT_COLLECTING)
        return;
    attempt->state = AGENT_DONE;
    attempt->resend_us = now_us + AGENT_RESEND_US;
    if (attempt->is_dropped)
        drop(core, attempt, effects);
    else
        effect(effects, AGENT_DO_REPORT, attempt);
}

static void step_attempt(struct agent_core *core, struct agent_attempt *attempt,
                         const struct agent_input *input, struct agent_effects *effects)
{
    switch (input->kind) {
    case AGENT_IN_PREPARED:
        on_prepared(core, attempt, input, effects);
        break;
    case AGENT_IN_STARTED:
        on_started(core, attempt, input, effects);
        break;
    case AGENT_IN_UNSTARTED:
    case AGENT_IN_EXITED:
        on_ended(core, attempt, input->kind == AGENT_IN_UNSTARTED, effects);
        break;
    case AGENT_IN_OUTPUT:
        attempt->last_output_us = input->now_us;
        break;
    case AGENT_IN_CONDITION:
        end(core, attempt, CAUSE_STOP_CONDITION, input->now_us, effects);
        break;
    case AGENT_IN_COLLECTED:
        on_collected(core, attempt, input->now_us, effects);
        break;
    case AGENT_IN_STOP:
        end(core, attempt, CAUSE_STOPPED, input->now_us, effects);
        break;
    case AGENT_IN_DROP:
        on_drop(core, attempt, input->now_us, effects);
        break;
    case AGENT_IN_LOST: /* an exit that was seen before counts */
        if (attempt->state == AGENT_RUNNING || attempt->state == AGENT_STARTING)
            drop(core, attempt, effects);
        break;
    case AGENT_IN_TAKEN:
        if (attempt->state == AGENT_DONE)
            drop(core, attempt, effects);
        break;
    case AGENT_IN_ASSIGN:
    case AGENT_IN_CLASS:
    case AGENT_IN_OFFER:
    case AGENT_IN_WELCOME:
    case AGENT_IN_TICK:
    case AGENT_IN_CLOCK:
    case AGENT_IN_ADOPT:
        unreachable_because("agent_step handles what is not about one attempt");
    }
}

void agent_step(struct agent_core *core, const struct agent_input *input,
                struct agent_effects *effects)
{
    struct agent_attempt *attempt;

    switch (input->kind) {
    case AGENT_IN_ASSIGN:
        on_assign(core, input, effects);
        return;
    case AGENT_IN_CLASS:
        on_class(core, input, effects);
        return;
    case AGENT_IN_OFFER:
        core->cpu_milli = input->cpu_milli;
        core->memory_mb = input->memory_mb;
        start_ready(core, effects);
        return;
    case AGENT_IN_WELCOME:
        on_welcome(core, input->now_us, effects);
        return;
    case AGENT_IN_TICK:
        on_tick(core, input->now_us, effects);
        return;
    case AGENT_IN_CLOCK:
        on_clock(core, input->jump_us);
        return;
    case AGENT_IN_ADOPT:
        if (!find(core, input->token))
            /* What it wrote while nobody looked is not known: it gets its time anew. */
            add(core, input, input->state)->last_output_us = input->now_us;
        return;
    case AGENT_IN_PREPARED:
    case AGENT_IN_STARTED:
    case AGENT_IN_UNSTARTED:
    case AGENT_IN_EXITED:
    case AGENT_IN_LOST:
    case AGENT_IN_OUTPUT:
    case AGENT_IN_CONDITION:
    case AGENT_IN_COLLECTED:
    case AGENT_IN_STOP:
    case AGENT_IN_DROP:
    case AGENT_IN_TAKEN:
        break;
    }
    attempt = find(core, input->token);
    if (attempt)
        step_attempt(core, attempt, input, effects);
}

void agent_check(const struct agent_core *core)
{
    for (uint32_t i = 0; i < core->count; i++) {
        const struct agent_attempt *attempt = &core->attempts[i];

        must(attempt->token != 0);
        must(attempt->state > AGENT_FREE && attempt->state < AGENT_STATE_COUNT);
        must(find(core, attempt->token) == attempt);
        if (attempt->kill_us > 0)
            must(attempt->state == AGENT_RUNNING && attempt->has_cause);
        if (attempt->state == AGENT_RUNNING || attempt->state == AGENT_STARTING)
            must(!attempt->has_cause || attempt->state == AGENT_STARTING
                 || attempt->kill_us > 0);
    }
}
