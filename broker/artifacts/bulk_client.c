/* bulk_client.c - calls over the bulk socket, and those that are one question each. */
#include "broker/artifacts/bulk_call.h"
#include "broker/artifacts/pump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

void call_disconnect(struct bulk_client *self)
{
    if (self->monitor)
        zmq_socket_monitor(self->socket, NULL, 0);
    link_close(steal(&self->monitor));
    link_close(steal(&self->socket));
    self->open = 0;
}

/* A question that was with the broker when it died is answered by nobody, also when
 * another broker comes: so a broken connection has to be seen. */
static enum rc watch_connection(struct bulk_client *self, struct err *err)
{
    char name[96];

    snprintf(name, sizeof name, "inproc://bulk-%p-%lu-%lu", (void *)self,
             (unsigned long)pump_now_ms(), (unsigned long)++self->sockets);
    if (zmq_socket_monitor(self->socket, name, ZMQ_EVENT_DISCONNECTED) < 0)
        return err_set_sys(err, RC_IO, zmq_errno(), "watching %s", self->endpoint);
    return link_connect(self->zmq_context, ZMQ_PAIR, name, NULL, &self->monitor, err);
}

/* Whether the connection broke since the last call. */
static bool has_broken(struct bulk_client *self)
{
    struct link_message message;
    struct err err;
    bool broke = false;

    while (link_receive(self->monitor, &message, &err) == RC_OK) {
        link_free(&message);
        broke = true;
    }
    return broke;
}

static enum rc client_connect(struct bulk_client *self, struct err *err)
{
    static const struct link_bounds bounds = { .queue_max = BULK_QUEUE_MAX,
                                               .message_max = BULK_FRAME_MAX };

    enum rc rc = link_connect_bounded(self->zmq_context, ZMQ_DEALER, self->endpoint, NULL,
                                      bounds, &self->socket, err);

    if (rc == RC_OK)
        rc = watch_connection(self, err);
    if (rc != RC_OK)
        call_disconnect(self);
    return rc;
}

enum rc bulk_client_create(void *zmq_context, const char *endpoint, uint32_t timeout_ms,
                           struct bulk_client **client, struct err *err)
{
    scoped(bulk_client) self = calloc(1, sizeof *self);

    if (!self || !(self->endpoint = strdup(endpoint)))
        return err_set(err, RC_NO_MEMORY, "bulk client of %s", endpoint);
    self->zmq_context = zmq_context;
    self->timeout_ms = timeout_ms;
    enum rc rc = client_connect(self, err);
    if (rc != RC_OK)
        return rc;
    *client = steal(&self);
    return RC_OK;
}

void bulk_client_destroy(struct bulk_client *client)
{
    if (!client)
        return;
    call_disconnect(client);
    free(client->endpoint);
    free(client->chunk);
    free(client);
}

void answer_fini(struct answer *answer)
{
    link_free(&answer->raw);
}

static enum rc timed_out(struct bulk_client *self, struct err *err)
{
    call_disconnect(self);
    return err_set(err, RC_TIMEOUT,
                   "the broker's bulk socket %s did not answer within %u ms",
                   self->endpoint, self->timeout_ms);
}

/* Waits for POLLIN or POLLOUT until the deadline, or until the connection breaks. */
static enum rc wait_until(struct bulk_client *self, short events, uint64_t deadline_ms,
                          struct err *err)
{
    zmq_pollitem_t items[] = { { .socket = self->socket, .events = events },
                               { .socket = self->monitor, .events = ZMQ_POLLIN } };
    uint64_t now_ms = pump_now_ms();

    if (now_ms >= deadline_ms)
        return timed_out(self, err);
    if (zmq_poll(items, 2, (long)(deadline_ms - now_ms)) < 0 && zmq_errno() == ETERM)
        return err_set(err, RC_CANCELLED, "%s: closing", self->endpoint);
    if (items[0].revents || !items[1].revents || !has_broken(self))
        return RC_OK; /* what came before the break is taken first */
    call_disconnect(self);
    return err_set(err, RC_UNREACHABLE, "the connection to the broker at %s broke",
                   self->endpoint);
}

enum rc call_send(struct bulk_client *client, const struct bulk_message *message,
                  struct err *err)
{
    uint64_t deadline_ms = pump_now_ms() + client->timeout_ms;
    enum rc rc;

    if (!client->socket && (rc = client_connect(client, err)) != RC_OK)
        return rc;
    if (client->open == 0)
        has_broken(client); /* that concerned no question */
    client->open++;
    while ((rc = bulk_send(client->socket, (struct bytes){ 0 }, message, err))
           == RC_FULL) {
        rc = wait_until(client, ZMQ_POLLOUT, deadline_ms, err);
        if (rc != RC_OK)
            return rc;
    }
    return rc;
}

/* Takes one message from the socket. RC_NOT_FOUND: none is there, or none of ours. */
static enum rc answer_take(struct bulk_client *self, uint64_t first, uint64_t last,
                           struct answer *answer, struct err *err)
{
    struct answer got = { 0 };
    uint64_t id;
    enum rc rc = link_receive(self->socket, &got.raw, err);

    if (rc != RC_OK)
        return rc;
    rc = bulk_decode(got.raw.frames, got.raw.count, &got.message, &id, err);
    if (id < first || id > last)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        *answer = got;
    else
        link_free(&got.raw);
    return rc;
}

static enum rc error_of(const struct bulk_message *error, struct err *err)
{
    enum rc rc = rc_by_name(error->code.data, error->code.size);

    return err_set(err, rc == RC_OK ? RC_PROTOCOL : rc, "%.*s", (int)error->text.size,
                   error->text.data);
}

enum rc call_wait(struct bulk_client *client, uint64_t first, uint64_t last,
                  enum bulk_type one, enum bulk_type other, struct answer *answer,
                  struct err *err)
{
    uint64_t deadline_ms = pump_now_ms() + client->timeout_ms;
    struct answer got;
    enum rc rc;

    for (;;) {
        rc = answer_take(client, first, last, &got, err);
        if (rc == RC_OK && got.message.type == BULK_COMING) {
            answer_fini(&got); /* not the answer, but a word that there will be one */
            deadline_ms = pump_now_ms() + client->timeout_ms;
            continue;
        }
        if (rc != RC_NOT_FOUND)
            break;
        rc = wait_until(client, ZMQ_POLLIN, deadline_ms, err);
        if (rc != RC_OK)
            return rc;
    }
    if (rc != RC_OK)
        return rc;
    client->open -= client->open > 0;
    if (got.message.type == one || got.message.type == other) {
        *answer = got;
        return RC_OK;
    }
    rc = got.message.type == BULK_ERROR
             ? error_of(&got.message, err)
             : err_set(err, RC_PROTOCOL, "%s: an answer of type %d to another question",
                       client->endpoint, got.message.type);
    answer_fini(&got);
    return rc;
}

enum rc call(struct bulk_client *client, struct bulk_message *message, enum bulk_type one,
             enum bulk_type other, struct answer *answer, struct err *err)
{
    message->id = ++client->last_id;
    enum rc rc = call_send(client, message, err);

    return rc == RC_OK
               ? call_wait(client, message->id, message->id, one, other, answer, err)
               : rc;
}

static enum rc have_piece(struct bulk_client *client, const char *const *digests,
                          size_t count, bool *missing, struct err *err)
{
    struct bulk_message have = { .type = BULK_HAVE,
                                 .digests = digests,
                                 .digest_count = count };
    scoped_answer answer = { 0 };
    enum rc rc = call(client, &have, BULK_HAD, BULK_HAD, &answer, err);

    if (rc != RC_OK)
        return rc;
    if (answer.message.missing.size != count)
        return err_set(err, RC_PROTOCOL, "%s: %zu answers to %zu digests",
                       client->endpoint, answer.message.missing.size, count);
    for (size_t i = 0; i < count; i++)
        missing[i] = answer.message.missing.data[i] != 0;
    return RC_OK;
}

enum rc bulk_have(struct bulk_client *client, const char *const *digests, size_t count,
                  bool *missing, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!digest_is_valid(digests[i], strlen(digests[i])))
            return err_set(err, RC_INVALID, "'%.80s' is not a digest", digests[i]);
    for (size_t at = 0, piece; at < count; at += piece) {
        piece = count - at < BULK_HAVE_MAX ? count - at : BULK_HAVE_MAX;
        enum rc rc = have_piece(client, digests + at, piece, missing + at, err);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc bulk_where(struct bulk_client *client, const char *digest,
                   char endpoints[PLACE_NODES_MAX][PLACE_ENDPOINT_MAX + 1], size_t *count,
                   struct err *err)
{
    struct bulk_message where = { .type = BULK_WHERE };
    scoped_answer answer = { 0 };

    if (!digest_is_valid(digest, strlen(digest)))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    memcpy(where.digest, digest, sizeof where.digest);

    enum rc rc = call(client, &where, BULK_PLACES, BULK_PLACES, &answer, err);

    if (rc != RC_OK)
        return rc;

    struct bytes text = answer.message.endpoints;
    const char *end;

    *count = 0;
    while (*count < PLACE_NODES_MAX && text.size > 0
           && (end = memchr(text.data, '\n', text.size)) != NULL) {
        size_t size = (size_t)(end - text.data);

        snprintf(endpoints[(*count)++], PLACE_ENDPOINT_MAX + 1, "%.*s", (int)size,
                 text.data);
        text = (struct bytes){ end + 1, text.size - size - 1 };
    }
    return RC_OK;
}

static enum rc out_add(struct buf *out, struct bytes data, struct err *err)
{
    buf_add(out, data.data, data.size);
    return buf_ok(out)
               ? RC_OK
               : err_set(err, RC_NO_MEMORY, "no room for %zu more bytes", data.size);
}

enum rc bulk_get_range(struct bulk_client *client, const char *digest, uint64_t offset,
                       uint64_t limit, struct buf *out, uint64_t *total, struct err *err)
{
    struct bulk_message get = { .type = BULK_GET };
    uint64_t done = 0, size;
    size_t got;

    if (!digest_is_valid(digest, strlen(digest)))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    memcpy(get.digest, digest, sizeof get.digest);
    if (offset > INT64_MAX - limit)
        return err_set(err, RC_INVALID, "a range beyond the largest file");
    do {
        scoped_answer answer = { 0 };

        get.offset = offset + done;
        get.limit = limit - done < BULK_CHUNK_BYTES ? limit - done : BULK_CHUNK_BYTES;
        enum rc rc = call(client, &get, BULK_DATA, BULK_DATA, &answer, err);
        if (rc == RC_OK && answer.message.data.size > get.limit)
            rc = err_set(err, RC_PROTOCOL, "%s: more bytes than asked for",
                         client->endpoint);
        if (rc == RC_OK)
            rc = out_add(out, answer.message.data, err);
        if (rc != RC_OK)
            return rc;
        size = answer.message.size;
        got = answer.message.data.size;
        done += got;
    } while (got > 0 && done < limit);
    *total = size;
    return RC_OK;
}

enum rc bulk_stream_read(struct bulk_client *client, const char *node, uint64_t token,
                         enum stream stream, uint64_t offset, uint32_t limit,
                         struct buf *out, struct stream_chunk *chunk, struct err *err)
{
    struct bulk_message read = {
        .type = BULK_STREAM_READ,
        .node = { node, strlen(node) },
        .token = token,
        .stream = stream,
        .offset = offset,
        .limit = limit < BULK_CHUNK_BYTES ? limit : BULK_CHUNK_BYTES,
    };
    scoped_answer answer = { 0 };
    const struct bulk_message *message = &answer.message;
    enum rc rc = call(client, &read, BULK_STREAM_DATA, BULK_STREAM_DATA, &answer, err);

    if (rc != RC_OK)
        return rc;
    if (message->data.size > read.limit || !bytes_are(message->node, node))
        return err_set(err, RC_PROTOCOL, "%s: not what node %s was asked for",
                       client->endpoint, node);
    rc = out_add(out, message->data, err);
    if (rc != RC_OK)
        return rc;
    *chunk =
        (struct stream_chunk){ .size = message->size, .is_final = message->is_final };
    return RC_OK;
}
