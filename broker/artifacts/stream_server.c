/* stream_server.c - a node's answers to whoever follows its attempts. */
#include "broker/artifacts/bulk_wire.h"
#include "broker/artifacts/pump.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct stream_server {
    void *socket; /* the pump's */
    struct pump *pump;
    struct stream_calls calls;
    void *context;
    struct buf out;
};

static void ask_answer(struct stream_server *self, const struct bulk_message *ask)
{
    struct bulk_message answer = { .id = ask->id, .client = ask->client };
    struct stream_chunk chunk = { 0 };
    struct err err;

    buf_clear(&self->out);
    enum rc rc =
        self->calls.read(self->context, ask->token, (enum stream)ask->stream, ask->offset,
                         (uint32_t)ask->limit, &self->out, &chunk, &err);
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

static void on_tick(void *context, uint64_t now_ms)
{
    struct stream_server *self = context;

    (void)now_ms;
    if (self->calls.tick)
        self->calls.tick(self->context, self);
}

bool stream_server_here(struct stream_server *server, const char *endpoint, bool is_first,
                        const char *const *digests, size_t count)
{
    return bulk_tell(server->socket, (struct bytes){ 0 },
                     &(struct bulk_message){ .type = BULK_HERE,
                                             .id = 1,
                                             .endpoint = { endpoint, strlen(endpoint) },
                                             .is_first = is_first,
                                             .digests = digests,
                                             .digest_count = count });
}

bool stream_server_gone(struct stream_server *server, const char *const *digests,
                        size_t count)
{
    return bulk_tell(
        server->socket, (struct bytes){ 0 },
        &(struct bulk_message){
            .type = BULK_GONE, .id = 1, .digests = digests, .digest_count = count });
}

enum rc stream_server_create(void *zmq_context, const char *endpoint, const char *node,
                             const struct stream_calls *calls, void *context,
                             struct stream_server **server, struct err *err)
{
    static const struct pump_calls pumped = { .message = on_message,
                                              .refused = on_refused,
                                              .tick = on_tick };
    static const struct link_bounds bounds = { .queue_max = BULK_QUEUE_MAX,
                                               .message_max = BULK_FRAME_MAX };
    scoped(stream_server) self = calloc(1, sizeof *self);

    if (!self)
        return err_set(err, RC_NO_MEMORY, "stream server of node %s", node);
    self->calls = *calls;
    self->context = context;
    buf_init(&self->out, 2 * (size_t)BULK_CHUNK_BYTES);

    enum rc rc = link_connect_bounded(zmq_context, ZMQ_DEALER, endpoint, node, bounds,
                                      &self->socket, err);
    if (rc != RC_OK)
        return rc;
    rc = pump_create(self->socket, pumped, self, &self->pump, err);
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
