/* agent_effects.c - carries out what the agent's core wants. */
#include "nodes/agent_state.h"
#include "nodes/staging/environment.h"
#include "nodes/staging/shelf.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static uint64_t *token_add(uint64_t *tokens, uint32_t *count, uint32_t *capacity,
                           uint64_t token)
{
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 16;
        tokens = reallocarray(tokens, *capacity, sizeof *tokens);
        must(tokens != NULL);
    }
    tokens[(*count)++] = token;
    return tokens;
}

/* What the attempt is, for the in-task contract. */
static void identify(const struct agent *agent, struct hand *hand,
                     const struct work_class *class, const struct agent_attempt *attempt)
{
    char *execution = arena_alloc(hand->arena, UUID_TEXT_SIZE);
    char *project = arena_alloc(hand->arena, UUID_TEXT_SIZE);
    char *name = arena_printf(hand->arena, "%s/%lu", class->stage->name,
                              (unsigned long)attempt->index);

    must(execution && project && name);
    uuid_derive("execution", class->head.run_id, name, execution);
    uuid_derive("project", class->head.project ? class->head.project : "", "", project);
    hand->identity = (struct attempt_identity){
        .token = attempt->token,
        .run_number = attempt->run,
        .task_index = attempt->index,
        .task_count = plan_stage_task_count(class->stage),
        .execution_counter = attempt->token,
        .gpus = attempt->gpus,
        .has_devices = agent->settings.gpus != 0,
        .attempt_number = attempt->number,
        .run_id = class->head.run_id,
        .execution_id = execution,
        .project_id = project,
        .project = class->head.project,
        .title = class->head.title,
        .is_pipeline = class->head.is_pipeline,
        .created_us = class->head.created_us,
        .code = class->head.code,
    };
}

static void do_prepare(struct agent *agent, uint64_t token)
{
    const struct agent_attempt *attempt = agent_attempt(agent->core, token);
    struct work_class *class = class_find(agent, attempt->run, attempt->stage);
    struct hand *hand = hand_add(agent, token);

    must(class != NULL);
    class->uses++;
    hand->class = class;
    hand->stage = class->stage;
    identify(agent, hand, class, attempt);
    hand->job = (struct job){ .kind = JOB_PREPARE,
                              .token = token,
                              .identity = &hand->identity,
                              .stage = hand->stage };
    warm_begin(agent, hand);
}

static void say(struct agent *agent, const struct hand *hand, const char *text)
{
    scoped_buf body = { 0 };

    attempt_say(&agent->staging, hand->token, "%s", text);
    note_encode(&body, &(struct note){ .run = hand->identity.run_number,
                                       .stage = hand->class->stage_number,
                                       .text = text });
    broker_send(agent, MESSAGE_NOTE, &body);
}

/* Once a run, the person is told what is different from the hosted service. */
static void say_how_it_runs(struct agent *agent, const struct hand *hand)
{
    char text[512];

    if (agent->told_run == hand->identity.run_number || !hand->class)
        return;
    agent->told_run = hand->identity.run_number;
    snprintf(text, sizeof text,
             "commands run on this host; the image (%.200s) is only recorded",
             hand->stage->image ? hand->stage->image : "none");
    say(agent, hand, text);
    if (agent->no_namespace[0])
        say(agent, hand, agent->no_namespace);
}

static void do_start(struct agent *agent, uint64_t token)
{
    struct hand *hand = hand_find(agent, token);

    say_how_it_runs(agent, hand);
    channel_tell(agent, CHANNEL_START, token, 0);
}

static const char *why_stopped(enum cause cause)
{
    switch (cause) {
    case CAUSE_TIME_LIMIT:
        return "the time-limit was reached";
    case CAUSE_NO_OUTPUT:
        return "nothing was written for as long as no-output-timeout allows";
    case CAUSE_STOPPED:
        return "stopped on request";
    case CAUSE_EXIT:
    case CAUSE_SIGNAL:
    case CAUSE_MEMORY:
    case CAUSE_STOP_CONDITION:
    case CAUSE_START_FAILED:
    case CAUSE_INPUT_FAILED:
    case CAUSE_OUTPUT_FAILED:
    case CAUSE_LOST:
    case CAUSE_COUNT:
        break;
    }
    return NULL;
}

/* The exit that the supervisor told, as a result. A cause that we made stands above it.
 */
static void result_of_exit(struct hand *hand, const struct agent_effect *effect,
                           struct task_result *result)
{
    const struct channel_message *exit = &hand->exit;
    int status = exit->status;

    result->cause = CAUSE_EXIT;
    result->exit_code = -1;
    result->started_us = hand->started_us;
    result->ended_us = exit->time_us;
    result->usage = exit->usage;
    if (WIFEXITED(status)) {
        result->exit_code = WEXITSTATUS(status);
    } else if (WIFSIGNALED(status)) {
        result->signal = WTERMSIG(status);
        result->cause = CAUSE_SIGNAL;
    }
    if (exit->out_of_memory) {
        result->cause = CAUSE_MEMORY;
        result->message = "killed by the kernel for memory";
    }
    if (effect->has_cause)
        result->cause = effect->cause;
}

/* A task that was stopped while it waited for its class or for a folder has none: a bare
 * result is enough. */
static void collect_bare(struct agent *agent, struct hand *hand,
                         const struct agent_effect *effect)
{
    result_encode(&hand->job.encoded,
                  &(struct task_result){ .cause = effect->cause,
                                         .exit_code = -1,
                                         .ended_us = agent->now_us,
                                         .message = why_stopped(effect->cause),
                                         .metadata = { .kind = VALUE_MAP } });
    agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_COLLECTED,
                                              .token = effect->token });
}

static void do_collect(struct agent *agent, struct hand *hand,
                       const struct agent_effect *effect)
{
    struct task_result result = { .cause = effect->cause,
                                  .exit_code = -1,
                                  .ended_us = agent->now_us,
                                  .metadata = { .kind = VALUE_MAP } };
    struct err err;

    if (hand->has_exited)
        result_of_exit(hand, effect, &result);
    if (warm_collect(agent, hand, effect, &result)) {
        agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_COLLECTED,
                                                  .token = hand->token });
        return;
    }
    warm_end(agent, hand);
    if (effect->has_cause && why_stopped(effect->cause)) {
        result.message = why_stopped(effect->cause);
        attempt_say(&agent->staging, hand->token, "%s", result.message);
    }
    if (hand->message[0])
        result.message = hand->message;
    if (hand->is_followed) {
        if (follow_metadata(agent->follower, hand->token, hand->arena, &result.metadata,
                            &err)
            != RC_OK)
            attempt_say(&agent->staging, hand->token, "metadata is lost: %s", err.text);
        follow_remove(agent->follower, hand->token);
        hand->is_followed = false;
    }
    hand->job = (struct job){
        .kind = JOB_COLLECT, .token = hand->token, .stage = hand->stage, .result = result
    };
    hand->has_job = true;
    workers_submit(agent->workers, &hand->job);
}

static void do_want(struct agent *agent, const struct agent_effect *effect)
{
    scoped_buf body = { 0 };

    class_encode(&body,
                 &(struct class_message){ .run = effect->run, .stage = effect->stage });
    broker_send(agent, MESSAGE_WANT, &body);
}

/* It ended by itself, and well: the next of its kind may have its folder. */
static bool has_ended_well(const struct hand *hand)
{
    return hand->has_exited && WIFEXITED(hand->exit.status)
           && WEXITSTATUS(hand->exit.status) == 0 && hand->job.kind == JOB_COLLECT
           && hand->job.rc == RC_OK && hand->job.result.cause == CAUSE_EXIT;
}

static void do_remove(struct agent *agent, uint64_t token)
{
    struct hand *hand = hand_find(agent, token);

    channel_tell(agent, CHANNEL_FORGET, token, 0);
    if (!hand)
        return;
    if (hand->is_followed)
        follow_remove(agent->follower, token);
    warm_end(agent, hand);
    cache_release(agent->cache, token);
    if (hand->is_logged)
        ended_forget(agent->ended_log, hand->log_file);
    else if (!hand->is_waiting
             && (!has_ended_well(hand)
                 || !shelf_put(&agent->staging, &hand->identity, hand->stage)))
        workers_remove(agent->workers, token);
    hand_remove(agent, hand);
}

static void apply(struct agent *agent, const struct agent_effect *effect)
{
    struct hand *hand = hand_find(agent, effect->token);

    switch (effect->kind) {
    case AGENT_DO_WANT:
        do_want(agent, effect);
        break;
    case AGENT_DO_PREPARE:
        do_prepare(agent, effect->token);
        break;
    case AGENT_DO_CANCEL:
        if (hand && !warm_cancel(agent, hand))
            hand->job.cancelled = true;
        break;
    case AGENT_DO_START:
        do_start(agent, effect->token);
        break;
    case AGENT_DO_SIGNAL:
        channel_tell(agent, CHANNEL_SIGNAL, effect->token, effect->signal);
        break;
    case AGENT_DO_SAY_STARTED:
        agent->started = token_add(agent->started, &agent->started_count,
                                   &agent->started_capacity, effect->token);
        break;
    case AGENT_DO_COLLECT:
        if (hand && !hand->is_waiting)
            do_collect(agent, hand, effect);
        else
            collect_bare(agent, hand ? hand : hand_add(agent, effect->token), effect);
        break;
    case AGENT_DO_REPORT:
        agent->reports = token_add(agent->reports, &agent->report_count,
                                   &agent->report_capacity, effect->token);
        break;
    case AGENT_DO_REMOVE:
        do_remove(agent, effect->token);
        break;
    }
}

void effects_apply(struct agent *agent)
{
    while (agent->applied < agent->effects.count) {
        struct agent_effect effect = agent->effects.items[agent->applied++];

        apply(agent, &effect);
    }
}
