/* agent_broker.c - what the broker says, and what it is told. */
#include "nodes/agent_state.h"
#include "nodes/staging/facts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    JOIN_REPEAT_US = 2000000,
    JOIN_REFUSED_US = 60000000, /* a broker that was upgraded is a new connection */
    SCRATCH_MAX = 256 << 20,
    EARLY_MAX = 16,       /* short tasks for each CPU, prepared while others run */
    TELL_DELAY_US = 4000, /* for ends of short tasks to be told together */
};

void broker_send(struct agent *agent, enum message_type type, const struct buf *body)
{
    scoped_buf header = { 0 };
    struct link_frame frames[2];
    struct err err;

    if (!agent->is_joined && message_is_numbered(type))
        return; /* the welcome repeats it */
    message_header_encode(
        &header,
        &(struct message_header){ .protocol = type == MESSAGE_JOIN || !agent->protocol
                                                  ? protocol_ours().lowest
                                                  : agent->protocol,
                                  .type = type,
                                  .id = session_stamp(&agent->session, type),
                                  .session = agent->session.number });
    frames[0] = (struct link_frame){ header.data, header.size };
    frames[1] = (struct link_frame){ body->data, body->size };
    /* A full queue or a broker that is away: joins, wants and results are repeated. */
    if (link_send(agent->broker, frames, 2, &err) != RC_OK)
        fprintf(stderr, "noded: %s not sent: %s\n", message_type_name(type), err.text);
}

void broker_join(struct agent *agent)
{
    size_t count = agent_count(agent->core);
    scoped(arena) arena = arena_create(SCRATCH_MAX);
    uint64_t *tokens =
        arena ? arena_array(arena, count + empty_count(agent), sizeof *tokens) : NULL;
    scoped_buf body = { 0 };

    must(tokens != NULL);
    for (uint32_t i = 0; i < count; i++)
        tokens[i] = agent_at(agent->core, i)->token;
    count += empty_tokens(agent, tokens + count);
    node_hello_encode(
        &body, &(struct node_hello){ .name = agent->settings.name,
                                     .version = SLUICE_VERSION,
                                     .speaks = protocol_ours(),
                                     .cpu_milli = agent_slots(agent) * 1000,
                                     .memory_mb = agent->settings.memory_mb,
                                     .gpus = agent->settings.gpus,
                                     .labels = agent->settings.labels,
                                     .label_count = agent->settings.label_count,
                                     .takes_any_label = agent->settings.takes_any_label,
                                     .early = EARLY_MAX,
                                     .empty_max = EMPTY_MAX,
                                     .removes = true,
                                     .looks = true,
                                     .session = agent->session.number,
                                     .tokens = tokens,
                                     .token_count = count });
    broker_send(agent, MESSAGE_JOIN, &body);
    agent->next_join_us = agent->now_us + JOIN_REPEAT_US;
}

static void on_assign(struct agent *agent, const struct link_frame *body,
                      struct arena *arena)
{
    struct assignment *items;
    size_t count;
    struct err err;

    if (assignments_decode(body->data, body->size, arena, &items, &count, &err) != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (items[i].is_empty) {
            empty_run(agent, &items[i]);
            continue;
        }
        for (uint64_t n = 0; n < items[i].count; n++)
            agent_input(agent,
                        &(struct agent_input){
                            .kind = AGENT_IN_ASSIGN,
                            .token = items[i].token + n,
                            .run = items[i].run,
                            .stage = items[i].stage,
                            .index = items[i].index + n,
                            .number = items[i].number,
                            .gpus = items[i].gpus,
                            .has_class = class_find(agent, items[i].run, items[i].stage)
                                         != NULL });
    }
}

static void on_tokens(struct agent *agent, const struct link_frame *body,
                      struct arena *arena, enum agent_input_kind kind)
{
    uint64_t *tokens;
    size_t count;
    struct err err;

    if (tokens_decode(body->data, body->size, arena, &tokens, &count, &err) != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (kind == AGENT_IN_TAKEN)
            empty_taken(agent, tokens[i]);
        agent_input(agent, &(struct agent_input){ .kind = kind, .token = tokens[i] });
    }
}

static void on_class(struct agent *agent, const struct link_frame *body)
{
    struct work_class *class = class_add(agent, body->data, body->size);

    if (class)
        agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_CLASS,
                                                  .run = class->run,
                                                  .stage = class->stage_number });
}

/* An answer to the join of the session that is open, and the first one. Brokers of before
 * there were sessions in headers name none. */
static bool is_ours(const struct agent *agent, const struct message_header *header)
{
    return !agent->is_joined
           && (header->session == 0 || header->session == agent->session.number);
}

/* The broker tells where files are moved, unless a setting does. */
static void use_told_bulk(struct agent *agent, const char *told)
{
    char endpoint[ENDPOINT_MAX];
    enum rc rc;

    if (agent->settings.bulk)
        return;
    if (!told) {
        err_set(&agent->failure, RC_PROTOCOL,
                "the broker does not tell where it moves files; set `bulk`");
        return;
    }
    link_seen_from(told, agent->settings.requests, endpoint);
    rc = link_check("the broker's bulk endpoint", endpoint, agent->settings.insecure,
                    &agent->failure);
    if (rc == RC_OK)
        rc = agent_use_bulk(agent, endpoint, &agent->failure);
    if (rc == RC_OK)
        agent->failure.rc = RC_OK;
}

static void on_welcome(struct agent *agent, const struct link_frame *body,
                       struct arena *arena)
{
    uint32_t protocol = PROTOCOL_FIRST;
    const char *bulk = NULL;
    struct reader reader;

    reader_init(&reader, body->data, body->size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "timeout"))
            agent->timeout_ms = reader_uint(&reader);
        else if (bytes_are(key, "protocol"))
            protocol = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
        else if (bytes_are(key, "bulk"))
            bulk = reader_text(&reader, arena, ENDPOINT_MAX - 1);
        else
            reader_skip(&reader);
    }
    if (!protocol_has(protocol_ours(), protocol))
        return; /* it was told what we speak; the join is repeated */
    if (agent->protocol != protocol)
        fprintf(stderr, "noded: the broker has taken this node, with protocol %u\n",
                protocol);
    agent->protocol = protocol;
    use_told_bulk(agent, bulk);
    agent->is_joined = true;
    announcer_begin(agent->announcer);
    facts_doubt_store(agent->staging.facts);
    agent->next_beat_us = agent->now_us;
    empty_repeat(agent);
    agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_WELCOME });
}

/* A broker of a release that is too old or too new for us. What runs goes on; another
 * broker, or another agent, takes it from here. */
static void on_refusal(struct agent *agent, const struct link_frame *body)
{
    struct err err;

    if (agent->is_joined)
        return;
    message_error_decode(body->data, body->size, &err);
    fprintf(stderr, "noded: the broker refuses this node: %s\n", err.text);
    agent->next_join_us = agent->now_us + JOIN_REFUSED_US;
}

static void handle(struct agent *agent, const struct message_header *header,
                   const struct link_frame *body)
{
    scoped(arena) arena = arena_create(SCRATCH_MAX);
    enum message_type type = header->type;

    if (!arena)
        return;
    if (type == MESSAGE_ASSIGN)
        on_assign(agent, body, arena);
    else if (type == MESSAGE_CLASS)
        on_class(agent, body);
    else if (type == MESSAGE_STOP)
        on_tokens(agent, body, arena, AGENT_IN_STOP);
    else if (type == MESSAGE_DROP)
        on_tokens(agent, body, arena, AGENT_IN_DROP);
    else if (type == MESSAGE_TAKEN)
        on_tokens(agent, body, arena, AGENT_IN_TAKEN);
    else if (type == MESSAGE_REMOVE)
        removal_begin(agent, body, arena);
    else if (type == MESSAGE_LOOK)
        look_begin(agent, body->data, body->size);
    else if (type == MESSAGE_WELCOME && is_ours(agent, header))
        on_welcome(agent, body, arena);
    else if (type == MESSAGE_ERROR)
        on_refusal(agent, body);
    else if (type == MESSAGE_QUIT)
        agent->is_ending = true;
    else if (type == MESSAGE_REJOIN
             && session_is_broken(&agent->session, agent->is_joined, header->session))
        agent_session_begin(agent, header->session);
}

/* What the broker says counts once, in order, and in the session that is open. Before the
 * supervisor told what runs there is none. */
static void hear(struct agent *agent, const struct message_header *header,
                 const struct link_frame *body)
{
    if (!agent->is_listed)
        return;
    switch (session_hear(&agent->session, header)) {
    case SESSION_TAKE:
        handle(agent, header, body);
        break;
    case SESSION_SKIP:
        break;
    case SESSION_BREAK:
        if (agent->is_joined)
            agent_session_begin(agent, 0);
        break;
    }
}

void broker_receive(struct agent *agent)
{
    struct link_message message;
    struct message_header header;
    struct err err;
    enum rc rc;

    while ((rc = link_receive(agent->broker, &message, &err)) != RC_NOT_FOUND) {
        if (rc != RC_OK)
            continue;
        if (message.count == 2
            && message_header_decode(message.frames[0].data, message.frames[0].size,
                                     &header, &err)
                   == RC_OK) {
            agent->heard_us = agent->now_us;
            hear(agent, &header, &message.frames[1]);
        }
        link_free(&message);
    }
}

static void tell_started(struct agent *agent)
{
    scoped(arena) arena = arena_create(SCRATCH_MAX);
    scoped_buf body = { 0 };
    struct started_item *items =
        arena ? arena_array(arena, agent->started_count, sizeof *items) : NULL;
    size_t count = 0;

    must(items != NULL);
    for (uint32_t i = 0; i < agent->started_count; i++) {
        struct hand *hand = hand_find(agent, agent->started[i]);

        if (hand)
            items[count++] = (struct started_item){ hand->token, hand->started_us };
    }
    agent->started_count = 0;
    started_encode(&body, items, count);
    broker_send(agent, MESSAGE_STARTED, &body);
}

static void send_results(struct agent *agent, const struct result_item *items,
                         size_t count)
{
    scoped_buf body = { 0 };

    results_encode(&body, items, count);
    if (buf_ok(&body))
        broker_send(agent, MESSAGE_RESULTS, &body);
    else
        fprintf(stderr, "noded: the result of attempt %lu is too large to be sent\n",
                (unsigned long)items[0].token);
}

/* Many in one message, but not so many that it grows larger than a message may be: a node
 * that was cut off for long has all of them to tell at once. */
static void tell_results(struct agent *agent)
{
    scoped(arena) arena = arena_create(SCRATCH_MAX);
    struct result_item *items =
        arena ? arena_array(arena, agent->report_count, sizeof *items) : NULL;
    size_t count = 0, size = 0;

    must(items != NULL);
    for (uint32_t i = 0; i < agent->report_count; i++) {
        struct hand *hand = hand_find(agent, agent->reports[i]);

        if (!hand)
            continue;
        if (count > 0 && size + hand->job.encoded.size > agent->settings.results_max) {
            send_results(agent, items, count);
            count = size = 0;
        }
        size += hand->job.encoded.size;
        items[count++] = (struct result_item){
            hand->token, { (const char *)hand->job.encoded.data, hand->job.encoded.size }
        };
    }
    agent->report_count = 0;
    if (count > 0)
        send_results(agent, items, count);
}

/* Whether the token's attempt left nothing, or has such a folder: one of very many. */
static bool is_of_many(struct agent *agent, uint64_t token)
{
    const struct hand *hand = hand_find(agent, token);

    return hand && (hand->is_logged || hand->warm);
}

/* Short tasks end one by one, and each message costs two processes a turn, one of them a
 * commit. So their ends wait for each other, while the node has enough to go on with. */
static bool may_tell_later(struct agent *agent)
{
    if (agent_unstarted(agent->core) < 2 * agent->settings.slots)
        return false;
    for (uint32_t i = 0; i < agent->started_count; i++)
        if (!is_of_many(agent, agent->started[i]))
            return false;
    for (uint32_t i = 0; i < agent->report_count; i++)
        if (!is_of_many(agent, agent->reports[i]))
            return false;
    return true;
}

static bool is_tell_due(struct agent *agent)
{
    if (agent->started_count == 0 && agent->report_count == 0)
        return false;
    if (agent->tell_us == 0)
        agent->tell_us = agent->now_us + TELL_DELAY_US;
    if (agent->tell_us > agent->now_us && agent->tell_us - agent->now_us <= TELL_DELAY_US
        && may_tell_later(agent))
        return false;
    agent->tell_us = 0;
    return true;
}

int64_t broker_tell_us(const struct agent *agent)
{
    return agent->tell_us > 0 ? agent->tell_us : INT64_MAX;
}

void broker_tell(struct agent *agent)
{
    if (!is_tell_due(agent)) {
        empty_tell(agent);
        return;
    }
    if (agent->started_count > 0)
        tell_started(agent);
    if (agent->report_count > 0)
        tell_results(agent);
    empty_tell(agent);
}

void broker_beat(struct agent *agent, const struct beat *beat)
{
    struct beat told = *beat;
    scoped_buf body = { 0 };

    told.has_heard = true;
    told.is_quiet = agent->settings.idle_exit_ms == 0; /* else it ends if it hears nothing
                                                        */
    told.heard = agent->session.heard;
    beat_encode(&body, &told);
    broker_send(agent, MESSAGE_BEAT, &body);
}

void broker_timers(struct agent *agent)
{
    if (!agent->is_listed)
        return;
    if (!agent->is_joined) {
        if (agent->next_join_us <= agent->now_us)
            broker_join(agent);
        return;
    }
    if (agent->next_beat_us > agent->now_us)
        return;
    if (access(agent->settings.directory, W_OK) < 0) {
        /* Somebody removed the project: whatever we did from here on would go wrong. */
        fprintf(stderr, "noded: %s is gone, and so are we\n", agent->settings.directory);
        agent->is_ending = true;
        return;
    }
    broker_beat(agent, &(struct beat){ 0 });
    agent->next_beat_us = session_next_beat_us(agent->now_us, agent->timeout_ms);
}
