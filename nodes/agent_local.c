/* agent_local.c - what happens on this machine: starts and exits, finished jobs, written
 * output. */
#include "nodes/agent_state.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { FOLLOW_STEPS_MAX = 64 };

void channel_tell(struct agent *agent, enum channel_kind kind, uint64_t token, int signal)
{
    struct channel_message message = { .kind = kind,
                                       .token = token,
                                       .signal = signal,
                                       .version = agent->channel,
                                       .speaks = channel_ours() };
    struct err err;

    if (channel_send(agent->settings.channel_fd, &message, &err) == RC_OK)
        return;
    /* The supervisor always reads; when it cannot be told, it is gone, and so are the
     * tasks. */
    fprintf(stderr, "noded: the supervisor does not listen: %s\n", err.text);
    agent->is_ending = true;
}

static void on_started(struct agent *agent, struct hand *hand,
                       const struct channel_message *message)
{
    hand->started_us = message->time_us;
    agent_input(
        agent, &(struct agent_input){
                   .kind = AGENT_IN_STARTED,
                   .token = hand->token,
                   .time_limit_us = (int64_t)hand->stage->time_limit_s * 1000000,
                   .no_output_us = (int64_t)hand->stage->no_output_timeout_s * 1000000 });
}

static void on_failed(struct agent *agent, struct hand *hand,
                      const struct channel_message *message)
{
    snprintf(hand->message, sizeof hand->message, "%s", message->text);
    attempt_say(&agent->staging, hand->token, "%s", message->text);
    agent_input(
        agent, &(struct agent_input){ .kind = AGENT_IN_UNSTARTED, .token = hand->token });
}

static void on_exited(struct agent *agent, struct hand *hand,
                      const struct channel_message *message)
{
    struct channel_message start = *message;
    struct err err;

    if (hand->has_exited)
        return;
    if (hand->started_us == 0) { /* only its end was told */
        start.time_us -= (int64_t)message->usage.wall_us;
        on_started(agent, hand, &start);
    }
    hand->has_exited = true;
    hand->exit = *message;
    if (hand->is_followed
        && follow_finish(agent->follower, hand->token, agent->now_us, &err) != RC_OK)
        attempt_say(&agent->staging, hand->token, "output was not read to its end: %s",
                    err.text);
    agent_input(agent,
                &(struct agent_input){ .kind = AGENT_IN_EXITED, .token = hand->token });
}

/* What was prepared and never started is not the broker's any more. */
static void forget_unstarted(struct agent *agent)
{
    for (uint32_t i = agent->hand_count; i-- > 0;) {
        struct hand *hand = agent->hands[i];
        uint64_t token = hand->token;

        if (agent_attempt(agent->core, token))
            continue;
        hand_remove(agent, hand);
        cache_release(agent->cache, token);
        workers_remove(agent->workers, token);
    }
}

/* The broker learns that an attempt died with its keeper by a join that does not name it.
 */
static void on_lost(struct agent *agent, const struct hand *hand)
{
    agent_input(agent,
                &(struct agent_input){ .kind = AGENT_IN_LOST, .token = hand->token });
    agent_session_begin(agent, 0);
}

/* The supervisor has told all, or that it is of a release that we cannot work with: then
 * all stays as it is for an agent that can. */
static void on_listed(struct agent *agent, const struct channel_message *message)
{
    struct protocol_range theirs = message->speaks;

    if (theirs.highest == 0)
        theirs = (struct protocol_range){ message->version, message->version };
    if (protocol_agree("this agent", channel_ours(), "the supervisor", theirs,
                       &agent->channel, &agent->failure)
        != RC_OK)
        return;
    agent->is_listed = true;
    forget_unstarted(agent);
    adopt_end(agent);
    agent_session_begin(agent, 0);
}

static void on_message(struct agent *agent, const struct channel_message *message)
{
    struct hand *hand = hand_find(agent, message->token);

    if (message->kind == CHANNEL_NOTE) {
        snprintf(agent->no_namespace, sizeof agent->no_namespace, "%s", message->text);
        return;
    }
    if (message->kind == CHANNEL_LISTED) {
        on_listed(agent, message);
        return;
    }
    if (!agent->is_listed) {
        adopt_told(agent, message);
        return;
    }
    if (!hand)
        return;
    if (message->kind == CHANNEL_STARTED)
        on_started(agent, hand, message);
    else if (message->kind == CHANNEL_FAILED)
        on_failed(agent, hand, message);
    else if (message->kind == CHANNEL_EXITED)
        on_exited(agent, hand, message);
    else if (message->kind == CHANNEL_LOST)
        on_lost(agent, hand);
}

void channel_drain(struct agent *agent)
{
    struct channel_message message;
    struct err err;
    enum rc rc;

    while ((rc = channel_receive(agent->settings.channel_fd, &message, &err)) == RC_OK
           || rc == RC_UNSUPPORTED)
        if (rc == RC_OK)
            on_message(agent, &message);
    if (rc != RC_NOT_FOUND) {
        fprintf(stderr, "noded: %s\n", err.text);
        agent->is_ending = true;
    }
}

static enum cause cause_of_preparation(enum rc rc)
{
    return rc == RC_CANCELLED ? CAUSE_STOPPED : CAUSE_INPUT_FAILED;
}

void agent_prepared(struct agent *agent, struct hand *hand)
{
    const struct job *job = &hand->job;

    agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_PREPARED,
                                              .token = hand->token,
                                              .is_good = job->rc == RC_OK,
                                              .cpu_milli = agent_cpu_of(hand->stage),
                                              .memory_mb = agent_memory_of(hand->stage),
                                              .cause = cause_of_preparation(job->rc) });
}

static void on_prepared(struct agent *agent, struct hand *hand)
{
    struct job *job = &hand->job;

    if (job->rc == RC_OK && !job->cancelled)
        job->rc = follow_add(agent->follower, hand->token, hand->identity.task_index,
                             hand->stage, &job->err);
    hand->is_followed = job->rc == RC_OK && !job->cancelled;
    if (job->rc != RC_OK)
        snprintf(hand->message, sizeof hand->message, "%s", job->err.text);
    hand->warm = job->warm;
    /* The folder has too much in it, for example: it was looked at in vain. */
    if (job->is_warm && !job->warm && job->rc == RC_OK && !job->cancelled)
        hand->class->misses++;
    agent_prepared(agent, hand);
}

void jobs_drain(struct agent *agent)
{
    struct job *job;

    while ((job = workers_take(agent->workers)) != NULL) {
        struct hand *hand;

        if (job == &agent->settling) {
            kept_settled(agent);
            continue;
        }
        if (job->kind == JOB_FORGET) {
            removal_ended(agent, job->removal);
            continue;
        }
        if (job->kind == JOB_LOOK) {
            look_end(agent, job);
            continue;
        }
        hand = hand_find(agent, job->token);
        must(hand && &hand->job == job);
        hand->has_job = false;
        if (job->kind == JOB_PREPARE)
            on_prepared(agent, hand);
        else
            agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_COLLECTED,
                                                      .token = hand->token });
    }
}

void on_stop_condition(void *context, uint64_t token, const char *condition)
{
    struct agent *agent = context;
    struct hand *hand = hand_find(agent, token);

    if (!hand)
        return;
    snprintf(hand->message, sizeof hand->message, "stop-condition met: %.500s",
             condition);
    attempt_say(&agent->staging, token, "stop-condition met: %s", condition);
    agent_input(agent,
                &(struct agent_input){ .kind = AGENT_IN_CONDITION, .token = token });
}

/* A bounded piece of what was written, then the core learns who is alive. */
void follow_drain(struct agent *agent)
{
    for (int i = 0; i < FOLLOW_STEPS_MAX && follow_step(agent->follower, agent->now_us);
         i++)
        ;
    for (uint32_t i = 0; i < agent->hand_count; i++) {
        struct hand *hand = agent->hands[i];
        const struct agent_attempt *attempt = agent_attempt(agent->core, hand->token);
        struct agent_input input = { .kind = AGENT_IN_OUTPUT, .token = hand->token };
        int64_t output_us;

        if (!hand->is_followed || !attempt || attempt->no_output_us == 0)
            continue;
        output_us = follow_last_output_us(agent->follower, hand->token);
        if (output_us != hand->output_us)
            agent_input(agent, &input);
        hand->output_us = output_us;
    }
}
