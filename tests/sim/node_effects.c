/* node_effects.c - carries out what the agent's core wants: what nodes/agent_effects.c
 * does. */
#include "tests/sim/sim.h"

#include <signal.h>
#include <stdio.h>

static void later(struct sim *sim, struct node *node, enum event_kind kind,
                  uint64_t token, int64_t longest_us)
{
    struct event *event =
        sim_push(sim, sim->now_us + 1000 + (int64_t)below(sim, (uint64_t)longest_us),
                 kind, node->party);

    event->life = node->agent_life;
    event->token = token;
}

static int64_t longest_us(const struct sim *sim, const struct folder *folder,
                          int64_t longest_us)
{
    return stage_of(sim, folder->run, folder->stage)->is_short ? SECOND / 100
                                                               : longest_us;
}

static void write_result(struct sim *sim, struct node *node, struct folder *folder,
                         const struct agent_effect *effect)
{
    const struct process *process = process_find(node, folder->token);
    struct task_result result = { .cause = effect->cause,
                                  .exit_code = -1,
                                  .ended_us = node->now_us,
                                  .metadata = { .kind = VALUE_MAP } };
    char message[24];

    if (process && effect->has_cause
        && (effect->cause == CAUSE_TIME_LIMIT || effect->cause == CAUSE_NO_OUTPUT)
        && process->agent_life == node->agent_life
        && sim->now_us - process->since_us < limit_us(sim, folder))
        sim_fail(sim, "attempt %lu is ended before its time is over",
                 (unsigned long)folder->token);
    if (process && process->state == PROCESS_EXITED) {
        result.cause = process->signal ? CAUSE_SIGNAL : CAUSE_EXIT;
        result.exit_code = process->exit_code;
        result.signal = process->signal;
        if (effect->has_cause)
            result.cause = effect->cause;
    }
    snprintf(message, sizeof message, "%lu", (unsigned long)folder->token);
    result.message = message;
    buf_clear(&folder->result);
    result_encode(&folder->result, &result);
    model_result(sim, folder->token, result_status_of(result.cause, result.exit_code));
}

static void do_collect(struct sim *sim, struct node *node,
                       const struct agent_effect *effect)
{
    struct folder *folder = folder_find(node, effect->token);

    if (folder) {
        write_result(sim, node, folder, effect);
        later(sim, node, EVENT_COLLECTED, effect->token,
              longest_us(sim, folder, SECOND / 2));
        return;
    }
    /* It waited for its class: there is no folder, and a bare result is enough. */
    folder = folder_add(sim, node, agent_attempt(node->core, effect->token));
    write_result(sim, node, folder, effect);
    agent_feed(
        sim, node,
        &(struct agent_input){ .kind = AGENT_IN_COLLECTED, .token = effect->token });
}

static void do_remove(struct sim *sim, struct node *node, uint64_t token)
{
    process_forget(sim, node, token);
    if (!sim->is_calm && chance(sim, sim->features.agent_crash)) {
        node->is_dying = true;
        return;
    }
    folder_remove(node, token);
}

static void do_want(struct sim *sim, struct node *node, const struct agent_effect *effect)
{
    scoped_buf body = { 0 };

    class_encode(&body,
                 &(struct class_message){ .run = effect->run, .stage = effect->stage });
    agent_say(sim, node, MESSAGE_WANT, &body);
}

static void do_report(struct sim *sim, struct node *node,
                      const struct agent_effect *effect)
{
    if (sim->mutation == MUTATION_SLOT_LEAKED_ON_CANCEL && effect->has_cause
        && effect->cause == CAUSE_STOPPED)
        return;
    must(node->report_count < SIM_TABLE);
    node->reports[node->report_count++] = effect->token;
}

static void apply(struct sim *sim, struct node *node, const struct agent_effect *effect)
{
    struct folder *folder = folder_find(node, effect->token);

    switch (effect->kind) {
    case AGENT_DO_WANT:
        do_want(sim, node, effect);
        break;
    case AGENT_DO_PREPARE:
        folder = folder_add(sim, node, agent_attempt(node->core, effect->token));
        later(sim, node, EVENT_PREPARED, effect->token, longest_us(sim, folder, SECOND));
        break;
    case AGENT_DO_CANCEL:
        if (folder)
            folder->is_cancelled = true;
        break;
    case AGENT_DO_START:
        process_start(sim, node, effect->token);
        break;
    case AGENT_DO_SIGNAL:
        process_signal(sim, node, effect->token, effect->signal);
        break;
    case AGENT_DO_SAY_STARTED:
        must(node->started_count < SIM_TABLE);
        node->started[node->started_count++] = effect->token;
        break;
    case AGENT_DO_COLLECT:
        do_collect(sim, node, effect);
        break;
    case AGENT_DO_REPORT:
        do_report(sim, node, effect);
        break;
    case AGENT_DO_REMOVE:
        do_remove(sim, node, effect->token);
        break;
    }
}

void agent_feed(struct sim *sim, struct node *node, const struct agent_input *input)
{
    struct agent_input stamped = *input;

    stamped.now_us = node->now_us;
    agent_step(node->core, &stamped, &node->effects);
    while (node->applied < node->effects.count) {
        struct agent_effect effect = node->effects.items[node->applied++];

        if (!node->is_dying)
            apply(sim, node, &effect);
    }
}
