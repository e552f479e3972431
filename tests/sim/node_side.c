/* node_side.c - a node's machine: its disk, and the supervisor with the tasks it runs. */
#include "tests/sim/sim.h"

#include <signal.h>
#include <string.h>

enum { TOLD_AFTER_US = 300 };

struct process *process_find(struct node *node, uint64_t token)
{
    for (size_t i = 0; i < node->process_count; i++)
        if (node->processes[i].token == token)
            return &node->processes[i];
    return NULL;
}

struct folder *folder_find(struct node *node, uint64_t token)
{
    for (size_t i = 0; i < node->folder_count; i++)
        if (node->folders[i].token == token)
            return &node->folders[i];
    return NULL;
}

struct folder *folder_add(struct sim *sim, struct node *node,
                          const struct agent_attempt *attempt)
{
    struct folder *folder = folder_find(node, attempt->token);

    if (!folder) {
        if (node->folder_count == SIM_TABLE)
            sim_fail(sim, "%s keeps more than %d folders", party_name(node->party),
                     SIM_TABLE);
        folder = &node->folders[node->folder_count++];
    } else {
        buf_fini(&folder->result);
    }
    *folder = (struct folder){ .token = attempt->token,
                               .run = attempt->run,
                               .index = attempt->index,
                               .stage = attempt->stage,
                               .number = attempt->number };
    return folder;
}

void folder_remove(struct node *node, uint64_t token)
{
    struct folder *folder = folder_find(node, token);

    if (!folder)
        return;
    buf_fini(&folder->result);
    *folder = node->folders[--node->folder_count];
}

static void tell(struct sim *sim, struct node *node, uint64_t token)
{
    struct event *event =
        sim_push(sim, sim->now_us + TOLD_AFTER_US, EVENT_TOLD, node->party);

    event->life = node->agent_life;
    event->token = token;
}

void process_start(struct sim *sim, struct node *node, uint64_t token)
{
    struct process *process = process_find(node, token);
    const struct folder *folder = folder_find(node, token);
    int64_t length;

    if (process) {
        tell(sim, node, token);
        return;
    }
    if (!folder || !folder->is_whole)
        sim_fail(sim, "%s starts attempt %lu, whose folder is not there",
                 party_name(node->party), (unsigned long)token);
    if (node->process_count == SIM_TABLE)
        sim_fail(sim, "%s keeps more than %d attempts", party_name(node->party),
                 SIM_TABLE);
    process = &node->processes[node->process_count++];
    *process = (struct process){ .token = token,
                                 .started_us = clock_of(sim, node->clock_us),
                                 .is_deaf = below(sim, 8) == 0,
                                 .agent_life = node->agent_life,
                                 .since_us = sim->now_us };
    process->fate =
        fate_of(sim, folder->run, folder->stage, folder->index, folder->number, &length);
    if (process->fate == FATE_UNSTARTED) {
        process->state = PROCESS_FAILED;
    } else {
        struct event *event =
            sim_push(sim, sim->now_us + length, EVENT_EXIT, node->party);

        event->life = node->life;
        event->token = token;
        sim_say(sim, "%s starts the task of attempt %lu", party_name(node->party),
                (unsigned long)token);
        model_begins(sim, token, (uint32_t)(node->party - PARTY_NODE));
        if (process->fate == FATE_CONDITION) {
            event = sim_push(sim, sim->now_us + length / 2, EVENT_CONDITION, node->party);
            event->life = node->agent_life;
            event->token = token;
        }
    }
    tell(sim, node, token);
}

void process_signal(struct sim *sim, struct node *node, uint64_t token, int signal)
{
    struct process *process = process_find(node, token);
    struct event *event;

    if (!process || process->state != PROCESS_RUNNING
        || (signal == SIGTERM && process->is_deaf))
        return;
    event = sim_push(sim,
                     sim->now_us + 1000
                         + (int64_t)below(sim, signal == SIGKILL ? 10000 : 3 * SECOND),
                     EVENT_EXIT, node->party);
    event->life = node->life;
    event->token = token;
    event->value = signal;
}

void process_forget(struct sim *sim, struct node *node, uint64_t token)
{
    struct process *process = process_find(node, token);

    if (!process || process->state == PROCESS_RUNNING)
        return;
    sim_say(sim, "%s forgets attempt %lu", party_name(node->party), (unsigned long)token);
    *process = node->processes[--node->process_count];
}

int64_t limit_us(const struct sim *sim, const struct folder *folder)
{
    const struct sim_stage *stage = stage_of(sim, folder->run, folder->stage);

    if (stage->time_limit_us == 0 || stage->no_output_us == 0)
        return stage->time_limit_us + stage->no_output_us;
    return stage->time_limit_us < stage->no_output_us ? stage->time_limit_us
                                                      : stage->no_output_us;
}

/* Once nothing goes wrong any more, no task outlives its limit but for the time that it
 * has to end. */
static void check_limit(struct sim *sim, struct node *node, const struct process *process)
{
    const struct folder *folder = folder_find(node, process->token);
    int64_t limit = folder ? limit_us(sim, folder) : 0;
    int64_t grace = (process->is_deaf ? KILL_AFTER_US : 0) + 4 * SECOND;

    if (limit > 0 && process->since_us > sim->calm_us + 30 * SECOND
        && process->agent_life == node->agent_life
        && sim->now_us - process->since_us > limit + grace)
        sim_fail(sim, "the task of attempt %lu runs on after its time is over",
                 (unsigned long)process->token);
}

void process_exit(struct sim *sim, struct node *node, const struct event *event)
{
    struct process *process = process_find(node, event->token);

    if (!node->is_up || event->life != node->life || !process
        || process->state != PROCESS_RUNNING)
        return;
    process->state = PROCESS_EXITED;
    process->signal = (int32_t)event->value;
    process->exit_code = process->fate == FATE_ERROR ? 1 : 0;
    if (process->signal)
        process->exit_code = -1;
    sim_say(sim, "%s: the task of attempt %lu ends with %d", party_name(node->party),
            (unsigned long)event->token, process->exit_code);
    check_limit(sim, node, process);
    model_ends(sim, event->token);
    tell(sim, node, event->token);
}

/* Tells all that is known, then, by token 0, that this was all. */
void process_list(struct sim *sim, struct node *node)
{
    for (size_t i = 0; i < node->process_count; i++)
        tell(sim, node, node->processes[i].token);
    tell(sim, node, 0);
}

void node_start(struct sim *sim, struct node *node)
{
    sim_say(sim, "%s starts", party_name(node->party));
    node->is_up = true;
    node->life++;
    agent_start(sim, node);
}

void agent_crash(struct sim *sim, struct node *node)
{
    if (!node->has_agent)
        return;
    sim_say(sim, "%s: the agent crashes", party_name(node->party));
    node->has_agent = false;
    node->agent_life++;
    agent_core_destroy(node->core);
    node->core = NULL;
    empty_forget(sim, node);
    sim_push(sim, sim->now_us + 10000 + (int64_t)below(sim, 4 * SECOND), EVENT_AGENT_UP,
             node->party)
        ->life = node->life;
}

void node_crash(struct sim *sim, struct node *node)
{
    if (!node->is_up)
        return;
    sim_say(sim, "%s goes down", party_name(node->party));
    agent_crash(sim, node);
    node->is_up = false;
    node->life++;
    for (size_t i = 0; i < node->process_count; i++)
        if (node->processes[i].state == PROCESS_RUNNING) {
            node->processes[i].state = PROCESS_LOST;
            model_ends(sim, node->processes[i].token);
        }
    sim_push(sim, sim->now_us + SECOND / 2 + (int64_t)below(sim, 40 * SECOND), EVENT_UP,
             node->party);
}

void node_fini(struct node *node)
{
    agent_core_destroy(node->core);
    agent_effects_fini(&node->effects);
    while (node->folder_count > 0)
        folder_remove(node, node->folders[0].token);
}
