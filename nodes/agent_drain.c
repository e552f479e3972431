/* agent_drain.c - the orderly end of a node.
 *
 * From the first SIGTERM on, the node offers no slots. What runs may go on for
 * drain-timeout; then it is dropped, which is the core's way to stop an attempt of which
 * nothing is reported, so that the broker hands its task out again. The broker is told
 * only when all of them have ended: no task runs twice at once. */
#include "nodes/agent_state.h"

#include <stdio.h>

enum { LEAVE_WAIT_US = 5000000 }; /* for uploads and answers, after tasks were killed */

uint32_t agent_slots(const struct agent *agent)
{
    return agent->is_draining ? 0 : agent->settings.slots;
}

void agent_tell_slots(struct agent *agent)
{
    if (agent->is_joined)
        broker_beat(agent, &(struct beat){ .has_cpu = true,
                                           .cpu_milli = agent_slots(agent) * 1000 });
}

void drain_begin(struct agent *agent)
{
    if (agent->is_draining)
        return;
    agent->is_draining = true;
    agent->drain_until_us =
        agent_clock_us() + (int64_t)agent->settings.drain_timeout_ms * 1000;
    fprintf(stderr, "noded: asked to end; %u attempts are here\n",
            agent_count(agent->core));
    agent_tell_slots(agent);
}

static bool is_unfinished(const struct agent_attempt *attempt)
{
    return attempt->state < AGENT_COLLECTING && !attempt->is_dropped;
}

static void drop_all(struct agent *agent)
{
    for (uint32_t i = 0; i < agent_count(agent->core);) {
        const struct agent_attempt *attempt = agent_at(agent->core, i);

        if (!is_unfinished(attempt)) {
            i++;
            continue;
        }
        /* Some are gone at once, and the order changes with them. */
        agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_DROP,
                                                  .token = attempt->token });
        i = 0;
    }
}

/* When the node goes, whatever is still here. */
static int64_t leave_us(const struct agent *agent)
{
    return agent->drain_until_us + (int64_t)agent->settings.stop_grace_ms * 1000
           + LEAVE_WAIT_US;
}

void drain_step(struct agent *agent)
{
    struct buf empty = { 0 };

    if (!agent->is_draining || !agent->is_listed)
        return;
    if (agent->now_us >= agent->drain_until_us)
        drop_all(agent);
    if (agent_count(agent->core) + empty_count(agent) > 0
        && agent->now_us < leave_us(agent))
        return;
    if (kept_is_due(agent) && agent->now_us < agent->drain_until_us)
        return;
    agent->settling.cancelled = true;
    kept_tell(agent);
    broker_send(agent, MESSAGE_LEAVE, &empty);
    agent->is_ending = true;
}

int64_t drain_deadline_us(const struct agent *agent)
{
    if (!agent->is_draining)
        return INT64_MAX;
    return agent->now_us < agent->drain_until_us ? agent->drain_until_us
                                                 : leave_us(agent);
}
