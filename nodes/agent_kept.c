/* agent_kept.c - outputs that stay on this node: once the broker has them, they are kept
 * no more; a node that leaves copies them there before. */
#include "nodes/agent_state.h"

#include <stdio.h>
#include <stdlib.h>

enum { SETTLE_US = 30000000, NAMED_MAX = 100 /* in the log */ };

static void settle(struct agent *agent, bool copies)
{
    agent->settling = (struct job){ .kind = JOB_SETTLE, .copies = copies };
    agent->is_settling = true;
    agent->next_settle_us = agent->now_us + SETTLE_US;
    workers_submit(agent->workers, &agent->settling);
}

void kept_step(struct agent *agent)
{
    if (agent->is_settling || !agent->bulk[0] || cache_kept_count(agent->cache) == 0)
        return;
    if (agent->is_draining && !agent->has_given_up)
        settle(agent, true);
    else if (agent->is_joined && agent->now_us >= agent->next_settle_us)
        settle(agent, false);
}

void kept_settled(struct agent *agent)
{
    const struct job *job = &agent->settling;

    agent->is_settling = false;
    agent->has_given_up |= job->copies && job->rc != RC_OK;
    if (job->rc != RC_OK)
        fprintf(stderr, "noded: asking the broker for outputs that are here alone: %s\n",
                job->err.text);
}

bool kept_is_due(const struct agent *agent)
{
    return agent->is_settling
           || (!agent->has_given_up && agent->bulk[0]
               && cache_kept_count(agent->cache) > 0);
}

void kept_tell(const struct agent *agent)
{
    char(*digests)[DIGEST_TEXT_SIZE];
    size_t count = cache_kept(agent->cache, &digests);

    for (size_t i = 0; i < count && i < NAMED_MAX; i++)
        fprintf(stderr, "noded: %s is on this node alone\n", digests[i]);
    if (count > 0)
        fprintf(stderr,
                "noded: %zu outputs are on this node alone: start it again with the same "
                "directory to have them\n",
                count);
    free(digests);
}
