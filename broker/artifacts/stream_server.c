/* stream_server.c - a node's answers to whoever follows its attempts. */
#include "broker/artifacts/bulk_wire.h"
#include "broker/artifacts/pump.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct stream_server {
    void *socket; /* the pump's */
    struct pump *pump;
    stream_reader *read;
    void *context;
    struct buf out;
};

static void ask_answer(struct stream_server *self, const struct bulk_message *ask)
{
    struct bulk_message answer = { .id = ask->id, .client = ask->client };
    struct stream_chunk chunk = { 0 };
    struct err err;

    buf_clear(&self->out);
    enum rc rc = self->read(self->context, ask->token, (enum stream)ask->stream,
                            ask->offset, (uint32_t)ask->limit, &self->out, &chunk, &err);
    if (rc == RC_OK && !buf_ok(&self->out))
        rc = err_set(&err, RC_NO_MEMORY, "out of memory while reading a stream");
    if (rc == RC_OK) {
        must(self->out.size <= ask->limit);
        answer.type = BULK_STREAM_GIVE;
        answer.size = chunk.size;
        answer.is_final = chunk.is_final;
        answer.has_data = true;
        answer.data = (struct bytes){ (const char *)self->out.data, self->out.size };
    } else {
        answer.type = BULK_STREAM_REFUSE;
        answer.code = (struct bytes){ rc_name(rc), strlen(rc_name(rc)) };
        answer.text = (struct bytes){ err.text, strlen(err.text) };
    }
    bulk_tell(self->socket, (struct bytes){ 0 }, &answer);
}

static void on_message(void *context, const struct link_message *message)
{
    struct bulk_message ask;
    uint64_t id;

    if (bulk_decode(message->frames, message->count, &ask, &id, NULL) == RC_OK
        && ask.type == BULK_STREAM_ASK)
        ask_answer(context, &ask);
}

static void on_refused(void *context)
{
    (void)context; /* only the broker speaks here; there is nobody to tell */
}

enum rc stream_server_create(void *zmq_context, const char *endpoint, const char *node,
                             stream_reader *read, void *context,
                             struct stream_server **server, struct err *err)
{
    static const struct pump_calls calls = { on_message, on_refused, NULL };
    static const struct link_bounds bounds = { .queue_max = BULK_QUEUE_MAX,
                                               .message_max = BULK_FRAME_MAX };
    scoped(stream_server) self = calloc(1, sizeof *self);

    if (!self)
        return err_set(err, RC_NO_MEMORY, "stream server of node %s", node);
    self->read = read;
    self->context = context;
    buf_init(&self->out, 2 * (size_t)BULK_CHUNK_BYTES);

    enum rc rc = link_connect_bounded(zmq_context, ZMQ_DEALER, endpoint, node, bounds,
                                      &self->socket, err);
    if (rc != RC_OK)
        return rc;
    rc = pump_create(self->socket, calls, self, &self->pump, err);
    if (rc != RC_OK) {
        link_close(self->socket);
        return rc;
    }
    *server = steal(&self);
    return RC_OK;
}

void stream_server_destroy(struct stream_server *server)
{
    if (!server)
        return;
    pump_destroy(server->pump);
    buf_fini(&server->out);
    free(server);
}
