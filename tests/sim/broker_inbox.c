/* broker_inbox.c - what nodes and clients say becomes inputs of the core: what
 * broker/inbox.c, nodes.c and requests.c do. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH_MAX = 16 << 20 };

static void say_empty(struct sim *sim, int node, enum message_type type)
{
    struct buf empty = { 0 };

    broker_say(sim, PARTY_NODE + node, type, 0, false, &empty);
}

static bool is_online(const struct sim *sim, int node)
{
    struct node_view view;

    return core_node(sim->broker.core, (uint32_t)node, &view)
           && view.state == NODE_ONLINE;
}

/* Adds, for a broken broker, what it believes that the node has. */
struct belief {
    uint64_t *tokens;
    size_t count;
    uint32_t node;
};

static void believe(void *context, const struct attempt_row *row)
{
    struct belief *belief = context;

    if (row->node == belief->node)
        belief->tokens[belief->count++] = row->token;
}

static void join(struct sim *sim, int node, const struct node_hello *hello)
{
    struct belief belief = { .node = (uint32_t)node };

    belief.tokens =
        calloc(hello->token_count + rows_live(&sim->rows) + SIM_TABLE, sizeof(uint64_t));
    must(belief.tokens != NULL);
    memcpy(belief.tokens, hello->tokens, hello->token_count * sizeof(uint64_t));
    belief.count = hello->token_count;
    if (sim->mutation == MUTATION_LOST_NOT_REQUEUED)
        core_attempts(sim->broker.core, believe, &belief);
    broker_step(
        sim, &(struct core_input){ .kind = INPUT_JOIN,
                                   .node = (uint32_t)node,
                                   .offer = { .cpu_milli = hello->cpu_milli,
                                              .memory_mb = hello->memory_mb,
                                              .gpus = hello->gpus,
                                              .takes_any_label = hello->takes_any_label,
                                              .early = hello->early,
                                              .empty_max = hello->empty_max },
                                   .tokens = belief.tokens,
                                   .token_count = belief.count });
    free(belief.tokens);
}

static void on_join(struct sim *sim, int node, const struct letter *letter,
                    struct arena *arena)
{
    struct peer *peer = &sim->broker.peers[node];
    struct node_hello hello;
    struct err err;

    if (node_hello_decode(letter->body.data, letter->body.size, arena, &hello, &err)
        != RC_OK)
        return;
    switch (session_judge(&peer->session, peer->has_joined && is_online(sim, node),
                          hello.session)) {
    case JOIN_REFUSE:
        say_empty(sim, node, MESSAGE_REJOIN);
        return;
    case JOIN_REPEAT:
        say_empty(sim, node, MESSAGE_WELCOME);
        return;
    case JOIN_ACCEPT:
        break;
    }
    peer->has_joined = true;
    peer->takes_empty = hello.empty_max > 0;
    session_begin(&peer->session, hello.session);
    memset(peer->has_class, 0, sizeof peer->has_class);

    struct put *put = rows_put(sim, PUT_NODE);

    put->node = (uint32_t)node;
    put->token = hello.session;
    put->offer = (struct offer){ .cpu_milli = hello.cpu_milli,
                                 .memory_mb = hello.memory_mb,
                                 .gpus = hello.gpus,
                                 .early = hello.early,
                                 .empty_max = hello.empty_max };
    say_empty(sim, node, MESSAGE_WELCOME);
    join(sim, node, &hello);
}

static void on_started(struct sim *sim, int node, const struct letter *letter,
                       struct arena *arena)
{
    struct started_item *items;
    size_t count;
    struct err err;

    if (started_decode(letter->body.data, letter->body.size, arena, &items, &count, &err)
        != RC_OK)
        return;
    for (size_t i = 0; i < count; i++)
        broker_step(sim, &(struct core_input){ .kind = INPUT_STARTED,
                                               .node = (uint32_t)node,
                                               .token = items[i].token });
}

static void finished(struct sim *sim, int node, uint64_t token,
                     const struct task_result *result)
{
    struct core_input input = { .kind = INPUT_FINISHED,
                                .node = (uint32_t)node,
                                .token = token,
                                .cause = result->cause,
                                .status =
                                    result_status_of(result->cause, result->exit_code) };
    struct model *model = &sim->model;
    struct attempt_row row;

    if (result->started_us > 0 && result->ended_us > result->started_us)
        input.took_us = result->ended_us - result->started_us;
    sim->broker.claims = result->message ? strtoull(result->message, NULL, 10) : 0;
    if (sim->mutation == MUTATION_TOKEN_UNCHECKED && token < model->attempt_count
        && model->attempts[token].run > 0
        && !core_attempt(sim->broker.core, token, &row)) {
        const struct known_attempt *known = &model->attempts[token];

        input.token = model->tasks[known->run][known->stage][known->index].live;
        if (core_attempt(sim->broker.core, input.token, &row))
            input.node = row.node;
    }
    if (sim->mutation == MUTATION_RESULT_TWICE
        && core_attempt(sim->broker.core, token, &row)) {
        struct put *put = rows_put(sim, PUT_ENDED);

        put->run = row.run;
        put->stage = row.stage;
        put->index = row.index;
        put->token = token;
        put->number = row.number;
        put->status = input.status;
        put->claims = sim->broker.claims;
    }
    broker_step(sim, &input);
    sim->broker.claims = 0;
}

static void on_results(struct sim *sim, int node, const struct letter *letter,
                       struct arena *arena)
{
    struct result_item *items;
    struct task_result *result;
    size_t count;
    struct err err;

    if (results_decode(letter->body.data, letter->body.size, arena, &items, &count, &err)
        != RC_OK)
        return;
    for (size_t i = 0; i < count; i++)
        if (result_decode(arena, items[i].result.data, items[i].result.size, &result,
                          &err)
            == RC_OK)
            finished(sim, node, items[i].token, result);
}

static void on_want(struct sim *sim, int node, const struct letter *letter,
                    struct arena *arena)
{
    struct class_message want;
    struct err err;

    if (class_decode(letter->body.data, letter->body.size, arena, &want, &err) == RC_OK)
        broker_mail_class(sim, (uint32_t)node, want.run, want.stage);
}

static void on_beat(struct sim *sim, int node, const struct letter *letter)
{
    struct session *session = &sim->broker.peers[node].session;
    struct core_input input = { .kind = INPUT_BEAT, .node = (uint32_t)node };
    struct beat beat;
    struct err err;

    if (beat_decode(letter->body.data, letter->body.size, &beat, &err) != RC_OK)
        sim_fail(sim, "a beat does not decode: %s", err.text);
    if (beat.has_cpu) {
        struct put *put = rows_put(sim, PUT_OFFER);

        put->node = (uint32_t)node;
        put->offer.cpu_milli = beat.cpu_milli;
        input.yes = sim->mutation != MUTATION_DRAIN_IGNORED;
        input.offer.cpu_milli = beat.cpu_milli;
    }
    if (sim->mutation != MUTATION_DEAF_KEPT)
        input.deaf_us = session_deaf_us(session, beat.heard, sim->broker.now_us);
    broker_step(sim, &input);
    if (session_beat_is_due(session, &beat))
        say_empty(sim, node, MESSAGE_BEAT);
}

static void from_node(struct sim *sim, int node, const struct message_header *header,
                      const struct letter *letter, struct arena *arena)
{
    struct peer *peer = &sim->broker.peers[node];

    if (header->type == MESSAGE_JOIN) {
        on_join(sim, node, letter, arena);
        return;
    }
    if (!peer->has_joined || !is_online(sim, node)) {
        say_empty(sim, node, MESSAGE_REJOIN);
        return;
    }

    enum session_verdict verdict = session_hear(&peer->session, header);

    if (sim->mutation == MUTATION_GAP_IGNORED && verdict == SESSION_BREAK)
        verdict = SESSION_TAKE;
    if (verdict == SESSION_BREAK
        || (verdict == SESSION_SKIP && header->type == MESSAGE_BEAT))
        say_empty(sim, node, MESSAGE_REJOIN);
    if (verdict != SESSION_TAKE)
        return;
    if (header->type == MESSAGE_BEAT) {
        on_beat(sim, node, letter);
    } else if (header->type == MESSAGE_LEAVE) {
        broker_step(sim,
                    &(struct core_input){ .kind = INPUT_LEAVE, .node = (uint32_t)node });
    } else if (header->type == MESSAGE_WANT) {
        on_want(sim, node, letter, arena);
    } else if (header->type == MESSAGE_STARTED) {
        on_started(sim, node, letter, arena);
    } else if (header->type == MESSAGE_RESULTS) {
        on_results(sim, node, letter, arena);
    } else if (header->type == MESSAGE_BLOCKS) {
        broker_blocks(sim, node, letter, arena);
    }
}

static void reply(struct sim *sim, int client, uint64_t id, uint64_t run, enum rc rc)
{
    scoped_buf body = { 0 };
    struct err err;

    if (rc == RC_OK) {
        pack_map(&body, 1);
        pack_text(&body, "run");
        pack_uint(&body, run);
    } else {
        err_set(&err, rc, "refused");
        message_error_encode(&body, &err);
    }
    broker_say(sim, client, rc == RC_OK ? MESSAGE_OK : MESSAGE_ERROR, id, true, &body);
}

static enum rc submit(struct sim *sim, const struct request *request, uint64_t *run)
{
    struct broker *broker = &sim->broker;
    struct stage_shape shapes[SIM_STAGES];
    char text[16] = "";
    uint32_t number;

    *run = rows_by_submission(sim, request->submission);
    if (*run > 0)
        return RC_OK;
    if (request->plan.size >= sizeof text || core_run_next(broker->core) > SIM_RUNS)
        return RC_FULL;
    memcpy(text, request->plan.data, request->plan.size);
    number = (uint32_t)strtoul(text, NULL, 10);

    const struct sim_plan *plan = &sim->plans[number];

    for (uint32_t i = 0; i < plan->stages; i++) {
        shapes[i] = plan->stage[i].shape;
        if (sim->mutation == MUTATION_QUEUED_MAX_IGNORED)
            shapes[i].queued_max = 0;
    }
    broker->submitting = number;
    broker->submission = request->submission;
    broker->submitted = 0;
    broker_step(sim, &(struct core_input){ .kind = INPUT_SUBMIT,
                                           .shapes = shapes,
                                           .shape_count = plan->stages,
                                           .edges = plan->edges,
                                           .edge_count = plan->edge_count });
    *run = broker->submitted;
    return *run > 0 ? RC_OK : RC_FULL;
}

static void from_client(struct sim *sim, const struct letter *letter,
                        const struct message_header *header, struct arena *arena)
{
    struct request request;
    struct err err;
    uint64_t run = 0;
    enum rc rc =
        request_decode(letter->body.data, letter->body.size, arena, &request, &err);

    if (rc == RC_OK && header->type == MESSAGE_EVENTS) {
        log_answer(sim, letter->from, header->id, request.since);
        return;
    }
    if (rc == RC_OK && header->type == MESSAGE_SUBMIT) {
        rc = submit(sim, &request, &run);
    } else if (rc == RC_OK) {
        run = request.run;
        broker_step(sim, &(struct core_input){ .kind = header->type == MESSAGE_CANCEL
                                                           ? INPUT_CANCEL
                                                           : INPUT_APPROVE,
                                               .run = run,
                                               .stage = (uint32_t)request.index,
                                               .yes = request.yes });
        rc = sim->broker.refused;
    }
    reply(sim, letter->from, header->id, run, rc);
}

void broker_handle(struct sim *sim, const struct letter *letter)
{
    scoped(arena) arena = arena_create(SCRATCH_MAX);
    struct message_header header;
    struct err err;

    must(arena != NULL);
    if (message_header_decode(letter->header.data, letter->header.size, &header, &err)
        != RC_OK)
        sim_fail(sim, "a header does not decode: %s", err.text);
    if (letter->from >= PARTY_CLIENT)
        from_client(sim, letter, &header, arena);
    else
        from_node(sim, letter->from - PARTY_NODE, &header, letter, arena);
}
