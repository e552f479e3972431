/* inbox.c - takes messages apart and hands them to whoever understands them. Wrong bytes
 * end here. */
#include "broker/broker_state.h"

#include <string.h>

enum { MESSAGE_ARENA_MAX = 512 << 20 };

static request_handler *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_STATUS] = query_status,       [MESSAGE_SUBMIT] = request_submit,
    [MESSAGE_CANCEL] = request_cancel,     [MESSAGE_APPROVE] = request_approve,
    [MESSAGE_FIND] = query_find,           [MESSAGE_RUNS] = query_runs,
    [MESSAGE_VIEW] = query_view,           [MESSAGE_PLAN] = query_plan,
    [MESSAGE_STAGE] = query_stage,         [MESSAGE_TASKS] = query_tasks,
    [MESSAGE_RESULT] = query_result,       [MESSAGE_LOCATE] = query_locate,
    [MESSAGE_NODES] = query_nodes,         [MESSAGE_EVENTS] = query_events,
    [MESSAGE_SHUTDOWN] = request_shutdown, [MESSAGE_EXPLAIN] = query_explain,
    [MESSAGE_VERSIONS] = query_versions,   [MESSAGE_ORIGIN] = query_origin,
    [MESSAGE_RECORDS] = query_records,     [MESSAGE_IMPORT] = request_import,
    [MESSAGE_RESOLVE] = query_resolve,     [MESSAGE_DATUMS] = query_datums,
    [MESSAGE_DATUM] = request_datum,       [MESSAGE_ALIASES] = query_aliases,
    [MESSAGE_ALIAS] = request_alias,       [MESSAGE_TAG] = request_tag,
    [MESSAGE_DATASETS] = query_datasets,   [MESSAGE_DATASET] = request_dataset,
    [MESSAGE_OUTCOMES] = query_outcomes,   [MESSAGE_LINEAGE] = query_lineage,
    [MESSAGE_MADE] = query_made,           [MESSAGE_SPACE] = request_space,
};

/* Answers stand under the protocol of what they answer, so that it is one of the
 * asker's. */
static void reply(struct broker *broker, const struct link_frame *identity,
                  const struct message_header *asked, enum message_type type,
                  const struct buf *body)
{
    struct message_header header = { .protocol = asked->protocol ? asked->protocol
                                                                 : PROTOCOL_FIRST,
                                     .type = type,
                                     .id = asked->id };

    outbox_add(&broker->outbox, identity->data, identity->size, &header, true, body);
}

static void reply_error(struct broker *broker, const struct link_frame *identity,
                        const struct message_header *asked, const struct err *err)
{
    scoped_buf body = { 0 };

    message_error_encode(&body, err);
    reply(broker, identity, asked, MESSAGE_ERROR, &body);
}

static void client_message(struct broker *broker, const struct link_message *message,
                           const struct message_header *header)
{
    struct request request = { 0 };
    struct err err;
    scoped_buf body = { 0 };

    broker->active_at_us = broker->now_us;

    enum rc rc = request_decode(message->frames[2].data, message->frames[2].size,
                                broker->scratch, &request, &err);

    if (request.speaks.highest == 0)
        request.speaks = (struct protocol_range){ header->protocol, header->protocol };
    if (rc == RC_OK)
        rc = handlers[header->type](broker, &request, &body, &err);
    if (rc == RC_OK && !buf_ok(&body))
        rc = err_set(&err, RC_FULL, "the answer is larger than %d bytes: ask for less",
                     BUF_LIMIT_DEFAULT);
    if (rc == RC_OK)
        reply(broker, &message->frames[0], header, MESSAGE_OK, &body);
    else
        reply_error(broker, &message->frames[0], header, &err);
}

/* A node's identity is its name; libzmq's own identities begin with a zero byte. */
static bool node_identity(const struct link_frame *frame, char name[NODE_NAME_MAX + 1])
{
    if (frame->size == 0 || frame->size > NODE_NAME_MAX)
        return false;
    memcpy(name, frame->data, frame->size);
    name[frame->size] = '\0';
    return strlen(name) == frame->size && node_name_is_valid(name);
}

static void handle(struct broker *broker, const struct link_message *message)
{
    struct message_header header = { 0 };
    char name[NODE_NAME_MAX + 1];
    struct err err;

    if (message->count < 2)
        return;

    enum rc rc = message_header_decode(message->frames[1].data, message->frames[1].size,
                                       &header, &err);

    if (rc == RC_OK && message->count != 3)
        rc = err_set(&err, RC_PROTOCOL,
                     "a message has a header and a body; this has %zu frames",
                     message->count - 1);
    if (rc == RC_UNSUPPORTED && !protocol_has(protocol_ours(), header.protocol)
        && node_identity(&message->frames[0], name)) {
        node_unspoken(broker, name, &header);
        return;
    }
    if (rc == RC_OK && node_identity(&message->frames[0], name)) {
        node_message(broker, name, &header, &message->frames[2]);
        return;
    }
    if (rc == RC_OK && !handlers[header.type])
        rc = err_set(&err, RC_UNSUPPORTED, "\"%s\" is not a request of clients",
                     message_type_name(header.type));
    if (rc == RC_OK)
        client_message(broker, message, &header);
    else
        reply_error(broker, &message->frames[0], &header, &err);
}

/* Each message has memory of its own, so that no number of them can use up that of the
 * turn. */
void inbox_handle(struct broker *broker, const struct link_message *message)
{
    struct arena *turn = broker->scratch;

    broker->scratch = arena_create(MESSAGE_ARENA_MAX);
    if (broker->scratch)
        handle(broker, message);
    arena_destroy(broker->scratch);
    broker->scratch = turn;
}
