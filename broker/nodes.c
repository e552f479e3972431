/* nodes.c - what nodes say: join, beat, started, results. */
#include "broker/broker_state.h"

#include <stdio.h>
#include <string.h>

enum {
    NOTES_BYTES_MAX = 1 << 16 /* of one stage */,
    RESULT_ARENA_MAX = 512 << 20,
    JOINS_TOLD_MAX = 20, /* a peer must not fill the log */
};

static void welcome(struct broker *broker, uint32_t node)
{
    scoped_buf body = { 0 };

    pack_map(&body, 5);
    pack_text(&body, "protocol");
    pack_uint(&body, broker->peers[node].protocol);
    pack_text(&body, "speaks");
    protocol_range_pack(&body, protocol_ours());
    pack_text(&body, "bulk");
    pack_text(&body, broker->bulk_at);
    pack_text(&body, "version");
    pack_text(&body, SLUICE_VERSION);
    pack_text(&body, "timeout");
    pack_uint(&body, broker->settings.node_timeout_ms);
    peer_send(broker, node, MESSAGE_WELCOME, &body);
}

static enum rc offer_of(struct broker *broker, const struct node_hello *hello,
                        struct offer *offer)
{
    uint32_t *labels = arena_array(broker->scratch, hello->label_count, sizeof *labels);
    enum rc rc = labels ? RC_OK : RC_NO_MEMORY;

    for (size_t i = 0; rc == RC_OK && i < hello->label_count; i++)
        rc = labels_number(&broker->labels, hello->labels[i], &labels[i]);
    *offer = (struct offer){ .cpu_milli = hello->cpu_milli,
                             .memory_mb = hello->memory_mb,
                             .gpus = hello->gpus,
                             .labels = labels,
                             .label_count = hello->label_count,
                             .takes_any_label = hello->takes_any_label,
                             .early = hello->early,
                             .empty_max = hello->empty_max };
    return rc;
}

/* To a node with which nothing is agreed: under the protocol of what it said. */
static void reply(struct broker *broker, const char *identity, uint32_t protocol,
                  uint64_t session, enum message_type type, const struct buf *body)
{
    struct message_header header = { .protocol = protocol,
                                     .type = type,
                                     .session = session };

    outbox_add(&broker->outbox, identity, strlen(identity), &header, false, body);
}

static void rejoin(struct broker *broker, const char *identity, uint32_t protocol,
                   uint64_t session)
{
    struct buf empty = { 0 };

    reply(broker, identity, protocol, session, MESSAGE_REJOIN, &empty);
}

bool peer_is_open(const struct broker *broker, uint32_t number)
{
    struct node_view view;

    return broker->peers[number].has_joined && core_node(broker->core, number, &view)
           && view.state == NODE_ONLINE;
}

/* The number is stored with all that the join does, so that no older join counts after a
 * restart. */
static void session_open(struct broker *broker, uint32_t number,
                         const struct node_hello *hello)
{
    struct peer *peer = &broker->peers[number];
    struct node_record record = { .name = peer->name,
                                  .version = peer->version,
                                  .slots = hello->cpu_milli / 1000,
                                  .seen_us = broker->now_us,
                                  .session = hello->session };
    struct err err;

    peer->has_joined = true;
    peer->takes_empty = hello->empty_max > 0;
    peer->removes = hello->removes;
    peer->looks = hello->looks;
    session_begin(&peer->session, hello->session);
    snprintf(peer->version, sizeof peer->version, "%s", hello->version);
    table_clear(&peer->classes);
    looks_wake(broker);
    batch_check(broker, store_node_put(broker->store, number, &record, &err), &err);
}

static void refuse_node(struct broker *broker, const char *name)
{
    if (broker->joins_refused++ < JOINS_TOLD_MAX)
        fprintf(stderr,
                "brokerd: node %s may not join: %u nodes are known, and nodes-max allows "
                "no more\n",
                name, broker->peer_count);
}

/* Reads a join and finds the protocol for the node. A node that has none in common with
 * us is told so. */
static enum rc join_read(struct broker *broker, const char *identity,
                         const struct message_header *header,
                         const struct link_frame *body, struct node_hello *hello,
                         uint32_t *protocol, struct err *err)
{
    scoped_buf refusal = { 0 };
    char them[NODE_NAME_MAX + 16];
    enum rc rc = node_hello_decode(body->data, body->size, broker->scratch, hello, err);

    if (rc != RC_OK)
        return rc;
    if (strcmp(hello->name, identity) != 0)
        return err_set(err, RC_INVALID, "%s says that its name is %s", identity,
                       hello->name);
    if (hello->speaks.highest == 0)
        hello->speaks = (struct protocol_range){ header->protocol, header->protocol };
    snprintf(them, sizeof them, "the node %s", identity);
    rc =
        protocol_agree("the broker", protocol_ours(), them, hello->speaks, protocol, err);
    if (rc == RC_OK)
        return RC_OK;
    message_error_encode(&refusal, err);
    reply(broker, identity, header->protocol, 0, MESSAGE_ERROR, &refusal);
    return rc;
}

static void on_join(struct broker *broker, const char *identity,
                    const struct message_header *header, const struct link_frame *body)
{
    struct node_hello hello;
    struct offer offer;
    struct err err;
    uint32_t number, protocol;

    if (join_read(broker, identity, header, body, &hello, &protocol, &err) != RC_OK) {
        if (broker->joins_refused++ < JOINS_TOLD_MAX)
            fprintf(stderr, "brokerd: a node's join is refused: %s\n", err.text);
        return;
    }

    struct peer *peer = peer_by_name(broker, hello.name, &number);

    if (!peer) {
        if (broker->peer_count >= broker->settings.limits.nodes_max) {
            refuse_node(broker, hello.name);
            return;
        }
        number = broker->peer_count;
        peer = peer_add(broker, number, hello.name);
        if (!peer)
            return; /* it asks again after a while */
        broker->counters.node_next = broker->peer_count;
        broker->counters_changed = true;
    }
    switch (session_judge(&peer->session, peer_is_open(broker, number), hello.session)) {
    case JOIN_REFUSE:
        rejoin(broker, peer->name, header->protocol, peer->session.number);
        return;
    case JOIN_REPEAT:
        welcome(broker, number);
        return;
    case JOIN_ACCEPT:
        break;
    }
    if (offer_of(broker, &hello, &offer) != RC_OK)
        return; /* it asks again after a while */
    peer->protocol = protocol;
    session_open(broker, number, &hello);
    welcome(broker, number);
    broker_step(broker, &(struct core_input){ .kind = INPUT_JOIN,
                                              .node = number,
                                              .offer = offer,
                                              .tokens = hello.tokens,
                                              .token_count = hello.token_count });
    space_node_joined(broker, number);
}

static void on_started(struct broker *broker, uint32_t node,
                       const struct link_frame *body)
{
    struct started_item *items;
    size_t count;
    struct err err;

    if (started_decode(body->data, body->size, broker->scratch, &items, &count, &err)
        != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        broker->started_us = items[i].started_us;
        broker_step(broker, &(struct core_input){ .kind = INPUT_STARTED,
                                                  .node = node,
                                                  .token = items[i].token });
    }
}

/* A result that does not decode would be sent for ever, so it counts as a crash of the
 * attempt. */
static enum rc crash_instead(struct broker *broker, struct arena *arena,
                             struct task_result **result, struct bytes *bytes)
{
    scoped_buf encoded = { 0 };
    struct task_result *crash = arena_alloc(arena, sizeof *crash);

    if (!crash)
        return RC_NO_MEMORY;
    *crash = (struct task_result){ .cause = CAUSE_OUTPUT_FAILED,
                                   .exit_code = -1,
                                   .message = "the node's result does not decode",
                                   .ended_us = broker->now_us,
                                   .metadata = { .kind = VALUE_MAP } };
    result_encode(&encoded, crash);
    bytes->data = arena_copy(arena, encoded.data, encoded.size);
    bytes->size = encoded.size;
    *result = crash;
    return bytes->data ? RC_OK : RC_NO_MEMORY;
}

/* Whether all files of a result are here, or where it says that they are. */
static bool has_files(struct broker *broker, const struct task_result *result)
{
    bool has = true;

    for (size_t i = 0; has && i < result->output_count; i++) {
        const struct plan_source *output = &result->outputs[i];

        has = !output->digest || output->node || output->location
              || objects_use(broker->objects, output->digest, NULL)
              || near_has(broker, output->digest);
    }
    for (unsigned i = 0; has && i < STREAM_COUNT; i++)
        has = result->streams[i].size == 0 || !result->streams[i].digest
              || objects_use(broker->objects, result->streams[i].digest, NULL);
    return has;
}

/* Only what a live attempt reports is looked into; the core knows what to say to the
 * rest. */
static void on_result(struct broker *broker, uint32_t node,
                      const struct result_item *item)
{
    scoped(arena) arena = arena_create(RESULT_ARENA_MAX);
    struct core_input input = { .kind = INPUT_FINISHED,
                                .node = node,
                                .token = item->token };
    struct task_result *result = NULL;
    struct attempt_row attempt;
    struct err err;

    if (!arena)
        return; /* the node sends it again */
    if (core_attempt(broker->core, item->token, &attempt) && attempt.node == node) {
        broker->result_bytes = item->result;
        if (result_decode(arena, item->result.data, item->result.size, &result, &err)
            != RC_OK) {
            arena_destroy(arena);
            arena = arena_create(RESULT_ARENA_MAX);
            if (!arena
                || crash_instead(broker, arena, &result, &broker->result_bytes) != RC_OK)
                return;
        }
        input.cause = result->cause;
        input.status = result_status_of(result->cause, result->exit_code);
        if (result->started_us > 0 && result->ended_us > result->started_us)
            input.took_us = result->ended_us - result->started_us;
        /* A store that was restored from a backup knows the attempt, but what the node
         * gave to the store that was lost is not in it. */
        input.yes = item->token < broker->token_first && !has_files(broker, result);
    }
    broker->result = result;
    broker_step(broker, &input);
    broker->result = NULL;
}

static void on_results(struct broker *broker, uint32_t node,
                       const struct link_frame *body)
{
    struct result_item *items;
    size_t count;
    struct err err;

    if (results_decode(body->data, body->size, broker->scratch, &items, &count, &err)
        != RC_OK)
        return;
    for (size_t i = 0; i < count; i++)
        on_result(broker, node, &items[i]);
}

static void on_want(struct broker *broker, uint32_t node, const struct link_frame *body)
{
    struct class_message want;
    struct err err;

    if (class_decode(body->data, body->size, broker->scratch, &want, &err) == RC_OK)
        mail_class(broker, node, want.run, want.stage);
}

/* Beats are answered, so that a node knows that its broker lives and what it has missed,
 * unless it can do without. */
static void on_beat(struct broker *broker, uint32_t node, const struct link_frame *body)
{
    struct core_input input = { .kind = INPUT_BEAT, .node = node };
    struct buf empty = { 0 };
    struct beat beat;
    struct err err;

    if (beat_decode(body->data, body->size, &beat, &err) != RC_OK)
        return;
    input.yes = beat.has_cpu;
    input.offer.cpu_milli = beat.cpu_milli;
    if (beat.has_heard)
        input.deaf_us =
            session_deaf_us(&broker->peers[node].session, beat.heard, broker->now_us);
    broker_step(broker, &input);
    if (session_beat_is_due(&broker->peers[node].session, &beat))
        peer_send(broker, node, MESSAGE_BEAT, &empty);
}

void note_add(struct broker *broker, uint64_t run, uint32_t stage, const char *name,
              const char *text)
{
    struct err err;
    scoped_buf lines = { 0 };

    if (store_note(broker->store, run, stage, &lines, &err) != RC_OK
        || lines.size > NOTES_BYTES_MAX)
        return;
    buf_printf(&lines, "%s: %s\n", name, text);
    batch_check(broker,
                store_note_put(broker->store, run, stage, buf_string(&lines), &err),
                &err);
    announce(
        broker,
        &(struct announcement){
            .kind = "run", .run = run, .node = name, .reason = text, .state = "note" });
}

static void on_note(struct broker *broker, uint32_t node, const struct link_frame *body)
{
    struct note note;
    struct err err;

    if (note_decode(body->data, body->size, broker->scratch, &note, &err) == RC_OK
        && !strchr(note.text, '\n') && core_stage(broker->core, note.run, note.stage))
        note_add(broker, note.run, note.stage, broker->peers[node].name, note.text);
}

/* Whether the message is to be taken; where the node and we differ, it is asked to join
 * anew. */
static bool is_heard(struct broker *broker, struct peer *peer,
                     const struct message_header *header)
{
    enum session_verdict verdict = session_hear(&peer->session, header);

    if (verdict == SESSION_BREAK
        || (verdict == SESSION_SKIP && header->type == MESSAGE_BEAT))
        rejoin(broker, peer->name, header->protocol, peer->session.number);
    return verdict == SESSION_TAKE;
}

/* Whether it asks for what may be much, and does not read what it has. Joins and results
 * are repeated; who wants a class has to begin anew. */
static bool is_put_off(struct broker *broker, const char *identity,
                       enum message_type type)
{
    return (type == MESSAGE_JOIN || type == MESSAGE_RESULTS || type == MESSAGE_BLOCKS
            || type == MESSAGE_WANT)
           && unread_is_full(broker->tellings, identity, strlen(identity));
}

void node_unspoken(struct broker *broker, const char *identity,
                   const struct message_header *header)
{
    uint32_t number;
    const struct peer *peer = peer_by_name(broker, identity, &number);

    rejoin(broker, identity, header->protocol, peer ? peer->session.number : 0);
}

void node_message(struct broker *broker, const char *identity,
                  const struct message_header *header, const struct link_frame *body)
{
    enum message_type type = header->type;
    uint32_t number = 0;
    struct peer *peer = peer_by_name(broker, identity, &number);

    if (is_put_off(broker, identity, type)) {
        if (type == MESSAGE_WANT)
            rejoin(broker, identity, header->protocol, peer ? peer->session.number : 0);
        return;
    }
    if (type == MESSAGE_JOIN) {
        on_join(broker, identity, header, body);
        return;
    }
    if (!peer || !peer_is_open(broker, number)) {
        rejoin(broker, identity, header->protocol, peer ? peer->session.number : 0);
        return;
    }
    if (!is_heard(broker, peer, header))
        return;
    if (type == MESSAGE_LEAVE)
        broker_step(broker, &(struct core_input){ .kind = INPUT_LEAVE, .node = number });
    else if (type == MESSAGE_BEAT)
        on_beat(broker, number, body);
    else if (type == MESSAGE_WANT)
        on_want(broker, number, body);
    else if (type == MESSAGE_NOTE)
        on_note(broker, number, body);
    else if (type == MESSAGE_STARTED)
        on_started(broker, number, body);
    else if (type == MESSAGE_RESULTS)
        on_results(broker, number, body);
    else if (type == MESSAGE_BLOCKS)
        on_blocks(broker, number, body);
    else if (type == MESSAGE_REMOVED)
        space_node_removed(broker, number, body->data, body->size);
    else if (type == MESSAGE_LOOKED)
        looks_told(broker, number, body->data, body->size);
}
