/* node_agent.c - the shell around the agent's core: what nodes/agent.c, agent_broker.c,
 * agent_local.c and agent_adopt.c do. */
#include "tests/sim/sim.h"

#include <string.h>

enum {
    JOIN_REPEAT_US = 2 * SECOND,
    SCRATCH_MAX = 16 << 20,
};

void agent_say(struct sim *sim, struct node *node, enum message_type type,
               const struct buf *body)
{
    if (!node->is_joined && message_is_numbered(type))
        return; /* the welcome repeats it */
    sim_post(sim, node->party, PARTY_BROKER, node->session.number, type,
             session_stamp(&node->session, type), body);
}

uint32_t agent_cpu(const struct node *node)
{
    return node->is_draining ? 0 : node->offer.cpu_milli;
}

void agent_beat(struct sim *sim, struct node *node, bool has_cpu)
{
    scoped_buf body = { 0 };

    beat_encode(&body, &(struct beat){ .has_heard = true,
                                       .heard = node->session.heard,
                                       .is_quiet = chance(sim, sim->features.quiet),
                                       .has_cpu = has_cpu,
                                       .cpu_milli = agent_cpu(node) });
    agent_say(sim, node, MESSAGE_BEAT, &body);
}

static void join(struct sim *sim, struct node *node)
{
    size_t count = agent_count(node->core);
    uint64_t tokens[2 * SIM_TABLE + 3];
    scoped_buf body = { 0 };

    for (uint32_t i = 0; i < count; i++)
        tokens[i] = agent_at(node->core, i)->token;
    if (sim->mutation != MUTATION_BLOCK_UNNAMED)
        count += empty_tokens(node, tokens + count, SIM_TABLE);
    if (!sim->is_calm && chance(sim, sim->features.liar))
        for (int i = 0; i < 3; i++)
            tokens[count++] = strange_token(sim, node);
    node_hello_encode(&body, &(struct node_hello){ .name = party_name(node->party),
                                                   .version = "sim",
                                                   .cpu_milli = agent_cpu(node),
                                                   .memory_mb = node->offer.memory_mb,
                                                   .gpus = node->offer.gpus,
                                                   .takes_any_label = true,
                                                   .early = node->offer.early,
                                                   .empty_max = node->offer.empty_max,
                                                   .session = node->session.number,
                                                   .tokens = tokens,
                                                   .token_count = count });
    agent_say(sim, node, MESSAGE_JOIN, &body);
    node->next_join_us = node->now_us + JOIN_REPEAT_US;
}

static void begin_session(struct sim *sim, struct node *node, uint64_t told)
{
    session_begin(&node->session, session_next(&node->session, node->now_us, told));
    node->kept_session = node->session.number;
    node->is_joined = false;
    join(sim, node);
}

static void begin_turn(struct sim *sim, struct node *node)
{
    int64_t now = clock_of(sim, node->clock_us);

    node->now_us = now > node->now_us ? now : node->now_us;
    node->effects.count = node->applied = 0;
    node->is_dying = false;
}

static void tell_broker(struct sim *sim, struct node *node)
{
    struct started_item started[SIM_TABLE];
    struct result_item results[SIM_TABLE];
    scoped_buf started_body = { 0 };
    scoped_buf results_body = { 0 };
    size_t count = 0;

    for (size_t i = 0; i < node->started_count; i++)
        started[i] = (struct started_item){ node->started[i], node->now_us };
    started_encode(&started_body, started, node->started_count);
    if (node->started_count > 0)
        agent_say(sim, node, MESSAGE_STARTED, &started_body);
    node->started_count = 0;
    for (size_t i = 0; i < node->report_count; i++) {
        const struct folder *folder = folder_find(node, node->reports[i]);

        if (folder)
            results[count++] = (struct result_item){
                folder->token, { (const char *)folder->result.data, folder->result.size }
            };
    }
    results_encode(&results_body, results, count);
    if (count > 0)
        agent_say(sim, node, MESSAGE_RESULTS, &results_body);
    for (size_t i = 0; i < count && sim->mutation == MUTATION_RESULT_FORGOTTEN; i++)
        agent_feed(
            sim, node,
            &(struct agent_input){ .kind = AGENT_IN_TAKEN, .token = results[i].token });
    node->report_count = 0;
    empty_tell(sim, node);
}

static void timers(struct sim *sim, struct node *node)
{
    if (!node->is_listed)
        return;
    if (!node->is_joined) {
        if (node->next_join_us <= node->now_us)
            join(sim, node);
        return;
    }
    if (node->next_beat_us > node->now_us)
        return;
    agent_beat(sim, node, false);
    node->next_beat_us = session_next_beat_us(node->now_us, NODE_TIMEOUT_MS);
}

static void plan_wake(struct sim *sim, struct node *node)
{
    int64_t until = agent_deadline_us(node->core);
    int64_t own = node->is_joined ? node->next_beat_us : node->next_join_us;
    int64_t at;

    if (node->is_listed && own < until)
        until = own;
    if (node->is_joined && empty_deadline_us(node) < until)
        until = empty_deadline_us(node);
    if (node->is_listed && drain_deadline_us(node) < until)
        until = drain_deadline_us(node);
    if (until == INT64_MAX)
        return;
    at = until > node->now_us ? sim->now_us + (until - node->now_us) : sim->now_us + 1000;
    if (node->wake_us <= at && node->wake_us > sim->now_us)
        return;
    node->wake_us = at;
    sim_push(sim, at, EVENT_WAKE, node->party)->life = node->agent_life;
}

static void end_turn(struct sim *sim, struct node *node)
{
    if (!node->is_dying) {
        agent_feed(sim, node, &(struct agent_input){ .kind = AGENT_IN_TICK });
        timers(sim, node);
        tell_broker(sim, node);
        drain_step(sim, node);
        agent_check(node->core);
    }
    node->started_count = node->report_count = 0;
    if (node->has_left)
        node_crash(sim, node);
    else if (node->is_dying
             || (!sim->is_calm && chance(sim, sim->features.agent_crash / 20)))
        agent_crash(sim, node);
    else
        plan_wake(sim, node);
}

static void on_assign(struct sim *sim, struct node *node, const struct letter *letter,
                      struct arena *arena)
{
    struct assignment *items;
    size_t count;
    struct err err;

    if (assignments_decode(letter->body.data, letter->body.size, arena, &items, &count,
                           &err)
        != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (items[i].is_empty) {
            empty_run(sim, node, &items[i]);
            continue;
        }
        for (uint64_t n = 0; n < items[i].count; n++)
            agent_feed(sim, node,
                       &(struct agent_input){
                           .kind = AGENT_IN_ASSIGN,
                           .token = items[i].token + n,
                           .run = items[i].run,
                           .stage = items[i].stage,
                           .index = items[i].index + n,
                           .number = items[i].number,
                           .gpus = items[i].gpus,
                           .has_class = node->has_class[items[i].run][items[i].stage] });
    }
}

static void on_tokens(struct sim *sim, struct node *node, const struct letter *letter,
                      struct arena *arena, enum agent_input_kind kind)
{
    uint64_t *tokens;
    size_t count;
    struct err err;

    if (tokens_decode(letter->body.data, letter->body.size, arena, &tokens, &count, &err)
        != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (kind == AGENT_IN_TAKEN)
            empty_taken(sim, node, tokens[i]);
        agent_feed(sim, node, &(struct agent_input){ .kind = kind, .token = tokens[i] });
    }
}

static void on_class(struct sim *sim, struct node *node, const struct letter *letter,
                     struct arena *arena)
{
    struct class_message class;
    struct err err;

    if (class_decode(letter->body.data, letter->body.size, arena, &class, &err) != RC_OK)
        return;
    node->has_class[class.run][class.stage] = true;
    agent_feed(sim, node,
               &(struct agent_input){
                   .kind = AGENT_IN_CLASS, .run = class.run, .stage = class.stage });
}

static void on_welcome(struct sim *sim, struct node *node,
                       const struct message_header *header)
{
    if (node->is_joined || header->session != node->session.number)
        return;
    node->is_joined = true;
    node->next_beat_us = node->now_us;
    empty_repeat(node);
    agent_feed(sim, node, &(struct agent_input){ .kind = AGENT_IN_WELCOME });
}

static void on_message(struct sim *sim, struct node *node,
                       const struct message_header *header, const struct letter *letter,
                       struct arena *arena)
{
    if (header->type == MESSAGE_ASSIGN)
        on_assign(sim, node, letter, arena);
    else if (header->type == MESSAGE_CLASS)
        on_class(sim, node, letter, arena);
    else if (header->type == MESSAGE_STOP)
        on_tokens(sim, node, letter, arena, AGENT_IN_STOP);
    else if (header->type == MESSAGE_DROP)
        on_tokens(sim, node, letter, arena, AGENT_IN_DROP);
    else if (header->type == MESSAGE_TAKEN)
        on_tokens(sim, node, letter, arena, AGENT_IN_TAKEN);
    else if (header->type == MESSAGE_WELCOME)
        on_welcome(sim, node, header);
    else if (header->type == MESSAGE_REJOIN
             && session_is_broken(&node->session, node->is_joined, header->session))
        begin_session(sim, node, header->session);
}

void agent_receive(struct sim *sim, struct node *node, const struct letter *letter)
{
    scoped(arena) arena = arena_create(SCRATCH_MAX);
    struct message_header header;
    struct err err;
    enum session_verdict verdict;

    must(arena != NULL);
    if (!node->is_listed
        || message_header_decode(letter->header.data, letter->header.size, &header, &err)
               != RC_OK)
        return;
    begin_turn(sim, node);
    verdict = session_hear(&node->session, &header);
    if (sim->mutation == MUTATION_SESSION_IGNORED)
        verdict = SESSION_TAKE;
    if (sim->mutation == MUTATION_GAP_IGNORED && verdict == SESSION_BREAK)
        verdict = SESSION_TAKE;
    if (verdict == SESSION_TAKE)
        on_message(sim, node, &header, letter, arena);
    else if (verdict == SESSION_BREAK && node->is_joined)
        begin_session(sim, node, 0);
    end_turn(sim, node);
}

static uint32_t cpu_asked(struct sim *sim, const struct folder *folder)
{
    uint32_t cpu = stage_of(sim, folder->run, folder->stage)->shape.demand.cpu_milli;

    return cpu ? cpu : CORE_CPU_DEFAULT;
}

static uint32_t memory_asked(struct sim *sim, const struct folder *folder)
{
    return stage_of(sim, folder->run, folder->stage)->shape.demand.memory_mb;
}

static void adopt(struct sim *sim, struct node *node, const struct folder *folder,
                  enum agent_state state, int64_t started_us)
{
    const struct sim_stage *shape = stage_of(sim, folder->run, folder->stage);

    agent_feed(sim, node,
               &(struct agent_input){ .kind = AGENT_IN_ADOPT,
                                      .time_limit_us = shape->time_limit_us,
                                      .no_output_us = shape->no_output_us,
                                      .token = folder->token,
                                      .run = folder->run,
                                      .index = folder->index,
                                      .stage = folder->stage,
                                      .number = folder->number,
                                      .state = state,
                                      .started_us = started_us,
                                      .cpu_milli = cpu_asked(sim, folder),
                                      .memory_mb = memory_asked(sim, folder) });
}

void agent_start(struct sim *sim, struct node *node)
{
    sim_say(sim, "%s: the agent starts", party_name(node->party));
    node->has_agent = true;
    node->agent_life++;
    node->core = agent_core_create(KILL_AFTER_US);
    must(node->core != NULL);
    node->is_joined = node->is_listed = false;
    node->is_draining = node->has_left = false;
    if (!sim->is_calm && chance(sim, sim->features.upgrade)) /* or the other way */
        node->offer.empty_max = node->offer.empty_max ? 0 : node->empty_max;
    node->now_us = 0;
    node->wake_us = 0;
    session_begin(&node->session, node->kept_session);
    node->started_count = node->report_count = 0;
    memset(node->has_class, 0, sizeof node->has_class);
    begin_turn(sim, node);
    agent_feed(sim, node,
               &(struct agent_input){ .kind = AGENT_IN_OFFER,
                                      .cpu_milli = node->offer.cpu_milli,
                                      .memory_mb = node->offer.memory_mb });
    for (size_t i = node->folder_count; i-- > 0;) {
        if (node->folders[i].has_result)
            adopt(sim, node, &node->folders[i], AGENT_DONE, 0);
        else if (!node->folders[i].is_whole)
            folder_remove(node, node->folders[i].token);
    }
    process_list(sim, node);
    end_turn(sim, node);
}

/* What the supervisor knows, before it said that this was all. */
static void adopt_told(struct sim *sim, struct node *node, const struct process *process)
{
    const struct folder *folder = folder_find(node, process->token);
    uint64_t token = process->token;

    if (!folder) {
        if (process->state == PROCESS_RUNNING)
            process_signal(sim, node, token, 9);
        process_forget(sim, node, token);
        return;
    }
    if (agent_attempt(node->core, token))
        return;
    if (process->state == PROCESS_LOST) {
        process_forget(sim, node, token);
        return;
    }
    adopt(sim, node, folder, AGENT_RUNNING, process->started_us);
    if (process->state == PROCESS_EXITED)
        agent_feed(sim, node,
                   &(struct agent_input){ .kind = AGENT_IN_EXITED, .token = token });
    else if (process->state == PROCESS_FAILED)
        agent_feed(sim, node,
                   &(struct agent_input){ .kind = AGENT_IN_UNSTARTED, .token = token });
}

static void on_listed(struct sim *sim, struct node *node)
{
    node->is_listed = true;
    for (size_t i = node->folder_count; i-- > 0;)
        if (!agent_attempt(node->core, node->folders[i].token))
            folder_remove(node, node->folders[i].token);
    begin_session(sim, node, 0);
}

static void add_limits(const struct sim *sim, struct node *node,
                       struct agent_input *input)
{
    const struct folder *folder = folder_find(node, input->token);
    const struct sim_stage *shape =
        folder ? stage_of(sim, folder->run, folder->stage) : NULL;

    if (!shape || sim->mutation == MUTATION_LIMIT_IGNORED)
        return;
    input->time_limit_us = shape->time_limit_us;
    input->no_output_us = shape->no_output_us;
}

static void on_told(struct sim *sim, struct node *node, uint64_t token)
{
    struct process *process = process_find(node, token);
    struct agent_input input = { .token = token };

    if (token == 0) {
        on_listed(sim, node);
        return;
    }
    if (!process)
        return;
    if (!node->is_listed) {
        adopt_told(sim, node, process);
        return;
    }
    switch (process->state) {
    case PROCESS_RUNNING:
        input.kind = AGENT_IN_STARTED;
        input.started_us = process->started_us;
        add_limits(sim, node, &input);
        break;
    case PROCESS_FAILED:
        input.kind = AGENT_IN_UNSTARTED;
        break;
    case PROCESS_EXITED:
        input.kind = AGENT_IN_EXITED;
        break;
    case PROCESS_LOST:
        input.kind = AGENT_IN_LOST;
        break;
    }
    agent_feed(sim, node, &input);
    if (input.kind == AGENT_IN_LOST)
        begin_session(sim, node, 0);
}

static void on_prepared(struct sim *sim, struct node *node, uint64_t token)
{
    struct folder *folder = folder_find(node, token);
    int64_t length;
    bool is_good;
    enum fate fate;

    if (!folder)
        return;
    fate =
        fate_of(sim, folder->run, folder->stage, folder->index, folder->number, &length);
    is_good = fate != FATE_UNPREPARED && !(folder->is_cancelled && chance(sim, 500));
    folder->is_whole = is_good;
    agent_feed(sim, node,
               &(struct agent_input){
                   .kind = AGENT_IN_PREPARED,
                   .token = token,
                   .is_good = is_good,
                   .cpu_milli = cpu_asked(sim, folder),
                   .memory_mb = memory_asked(sim, folder),
                   .cause = folder->is_cancelled ? CAUSE_STOPPED : CAUSE_INPUT_FAILED });
}

static void on_collected(struct sim *sim, struct node *node, uint64_t token)
{
    struct folder *folder = folder_find(node, token);

    if (!folder)
        return;
    folder->has_result = true;
    if (!sim->is_calm && chance(sim, sim->features.agent_crash)) {
        node->is_dying = true;
        return;
    }
    agent_feed(sim, node,
               &(struct agent_input){ .kind = AGENT_IN_COLLECTED, .token = token });
}

void agent_event(struct sim *sim, struct node *node, const struct event *event)
{
    if (!node->is_up || !node->has_agent || event->life != node->agent_life)
        return;
    if (node->stalled_until_us > sim->now_us) {
        struct event *later =
            sim_push(sim, node->stalled_until_us, event->kind, event->party);

        later->life = event->life;
        later->token = event->token;
        return;
    }
    begin_turn(sim, node);
    if (event->kind == EVENT_TOLD)
        on_told(sim, node, event->token);
    else if (event->kind == EVENT_PREPARED)
        on_prepared(sim, node, event->token);
    else if (event->kind == EVENT_COLLECTED)
        on_collected(sim, node, event->token);
    else if (event->kind == EVENT_CONDITION)
        agent_feed(
            sim, node,
            &(struct agent_input){ .kind = AGENT_IN_CONDITION, .token = event->token });
    end_turn(sim, node);
}

void agent_drain(struct sim *sim, struct node *node)
{
    if (!node->is_up || !node->has_agent || node->stalled_until_us > sim->now_us)
        return;
    begin_turn(sim, node);
    drain_begin(sim, node);
    end_turn(sim, node);
}
