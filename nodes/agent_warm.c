/* agent_warm.c - attempts of sweeps in folders that go from one to the next (warm.h).
 *
 * A stage has a few such folders on the node, twice as many as run at once: so the next
 * attempts are prepared while others run, and the supervisor's keepers meet folders that
 * they know. Attempts beyond wait for a folder, not for a worker. An attempt that left
 * nothing gives its folder on as soon as its result is written down (ended.h). */
#include "nodes/agent_state.h"
#include "nodes/staging/facts.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum {
    PARKED_MAX =
        64, /* folders unused, beyond what one stage has: all go when there are more */
    MISSES_MAX = 4, /* more attempts that left something than others: no more of it */
    ENVIRONMENT_US = 100000 /* the environment was looked at so long ago at most */
};

static bool is_warm(const struct work_class *class)
{
    return class->misses < MISSES_MAX && warm_suits(class->stage);
}

static uint32_t folders_max(const struct agent *agent)
{
    return 2 * (agent->settings.slots ? agent->settings.slots : 1);
}

static struct warm *parked_pop(struct agent *agent, struct work_class *class)
{
    struct warm *warm = class->parked;

    if (warm) {
        class->parked = warm->next;
        class->uses--;
        agent->parked_count--;
    }
    return warm;
}

/* One that has just been looked at is as it was. Anybody who can write to it can do so at
 * any other moment as well. */
static enum rc folder_prepare(struct agent *agent, struct warm *warm, struct hand *hand,
                              struct err *err)
{
    if (warm->since_us != agent->now_us && !warm_holds(warm))
        return err_set(err, RC_CONFLICT,
                       "the folder of attempt %lu is not as it was left",
                       (unsigned long)warm->token);
    return warm_prepare(warm, &hand->identity, hand->class->stage, err);
}

/* Gives the hand a folder that waits for one; false: there is none. */
static bool parked_take(struct agent *agent, struct hand *hand)
{
    struct work_class *class = hand->class;
    struct warm *warm;
    struct err err;

    while ((warm = parked_pop(agent, class)) != NULL) {
        uint64_t token = warm->token;

        if (folder_prepare(agent, warm, hand, &err) == RC_OK) {
            follow_renew(agent->follower, token, hand->token);
            hand->warm = warm;
            hand->has_folder = hand->is_followed = true;
            return true;
        }
        fprintf(stderr, "noded: %s\n", err.text);
        follow_remove(agent->follower, token);
        /* One that was renamed is made anew by who prepares the attempt. */
        if (warm->token == token)
            workers_remove(agent->workers, token);
        warm_destroy(warm);
        class->folders--;
    }
    return false;
}

void warm_begin(struct agent *agent, struct hand *hand)
{
    struct work_class *class = hand->class;

    hand->job.is_warm = is_warm(class);
    if (hand->job.is_warm && parked_take(agent, hand)) {
        agent_prepared(agent, hand);
        return;
    }
    if (hand->job.is_warm && class->folders >= folders_max(agent)) {
        hand->is_waiting = true;
        return;
    }
    hand->has_folder = hand->job.is_warm;
    class->folders += hand->has_folder;
    hand->has_job = true;
    workers_submit(agent->workers, &hand->job);
}

/* The first attempt of the class that waits for a folder. */
static struct hand *waiting_find(struct agent *agent, const struct work_class *class)
{
    struct hand *first = NULL;

    for (uint32_t i = 0; i < agent->hand_count; i++) {
        struct hand *hand = agent->hands[i];

        if (hand->is_waiting
            && hand->class == class && (!first || hand->token < first->token))
            first = hand;
    }
    return first;
}

static void waiting_wake(struct agent *agent, const struct work_class *class)
{
    struct hand *hand;

    while ((!is_warm(class) || class->parked || class->folders < folders_max(agent))
           && (hand = waiting_find(agent, class)) != NULL) {
        hand->is_waiting = false;
        warm_begin(agent, hand);
    }
}

void warm_end(struct agent *agent, struct hand *hand)
{
    struct work_class *class = hand->class;

    warm_destroy(hand->warm);
    hand->warm = NULL;
    if (!hand->has_folder)
        return;
    hand->has_folder = false;
    class->folders--;
    waiting_wake(agent, class);
}

bool warm_cancel(struct agent *agent, struct hand *hand)
{
    if (!hand->is_waiting)
        return false;
    agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_PREPARED,
                                              .token = hand->token,
                                              .cause = CAUSE_STOPPED });
    return true;
}

/* What the command found. Tasks of one stage that end in one moment found the same. */
static bool environment_know(struct agent *agent, struct work_class *class,
                             uint64_t token)
{
    char folder[4200];

    if (class->environment[0] && agent->now_us >= class->environment_us
        && agent->now_us - class->environment_us < ENVIRONMENT_US)
        return true;
    class->environment_us = agent->now_us;
    snprintf(folder, sizeof folder, "%s/attempts/%lu/repository",
             agent->settings.directory, (unsigned long)token);
    if (facts_known(agent->staging.facts, class->stage, folder, class->environment))
        return true;
    class->environment[0] = '\0';
    return false;
}

static bool has_left_nothing(struct agent *agent, struct hand *hand,
                             const struct agent_effect *effect)
{
    return hand->has_exited && !effect->has_cause && !hand->message[0]
           && WIFEXITED(hand->exit.status) && WEXITSTATUS(hand->exit.status) == 0
           && !hand->exit.out_of_memory && hand->is_followed
           && follow_is_silent(agent->follower, hand->token) && warm_holds(hand->warm);
}

/* The folder goes to the next attempt that waits, or waits for one. */
static void folder_pass(struct agent *agent, struct hand *hand)
{
    struct work_class *class = hand->class;
    struct warm *warm = hand->warm;

    hand->warm = NULL;
    hand->has_folder = false;
    hand->is_followed = false;
    warm->since_us = agent->now_us;
    warm->next = class->parked;
    class->parked = warm;
    class->uses++; /* it stays as long as it has folders */
    agent->parked_count++;
    waiting_wake(agent, class);
    if (agent->parked_count > PARKED_MAX + folders_max(agent))
        warm_drop(agent, 0);
}

bool warm_collect(struct agent *agent, struct hand *hand,
                  const struct agent_effect *effect, struct task_result *result)
{
    const struct agent_attempt *attempt = agent_attempt(agent->core, hand->token);
    struct ended_item item = { .token = hand->token,
                               .run = attempt->run,
                               .stage = attempt->stage,
                               .index = attempt->index,
                               .number = attempt->number };
    struct err err;

    if (!hand->warm || !hand->has_exited)
        return false;
    if (!has_left_nothing(agent, hand, effect)) {
        hand->class->misses++;
        return false;
    }
    if (!environment_know(agent, hand->class, hand->token))
        return false;
    result->environment = hand->class->environment;
    result_encode(&hand->job.encoded, result);
    item.encoded =
        (struct bytes){ (const char *)hand->job.encoded.data, hand->job.encoded.size };
    if (!buf_ok(&hand->job.encoded)
        || ended_append(agent->ended_log, &item, &err) != RC_OK) {
        buf_clear(&hand->job.encoded);
        return false;
    }
    if (hand->class->misses > 0)
        hand->class->misses--;
    hand->is_logged = true;
    hand->log_file = item.file;
    folder_pass(agent, hand);
    return true;
}

static void parked_drop(struct agent *agent, struct work_class *class, int64_t since_us)
{
    struct warm **at = &class->parked;

    while (*at) {
        struct warm *warm = *at;

        if (warm->since_us > since_us) {
            at = &warm->next;
            continue;
        }
        *at = warm->next;
        class->uses--;
        class->folders--;
        agent->parked_count--;
        follow_remove(agent->follower, warm->token);
        workers_remove(agent->workers, warm->token);
        warm_destroy(warm);
    }
}

void warm_drop(struct agent *agent, int64_t kept_us)
{
    for (uint32_t i = 0; i < agent->class_count; i++)
        parked_drop(agent, agent->classes[i], agent->now_us - kept_us);
}
