/* bulk_client.c - calls over the bulk socket, and those that are one question each. */
#include "broker/artifacts/bulk_call.h"
#include "broker/artifacts/pump.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static enum rc client_connect(struct bulk_client *self, struct err *err)
{
    static const struct link_bounds bounds = { BULK_QUEUE_MAX, BULK_FRAME_MAX };

    return link_connect_bounded(self->zmq_context, ZMQ_DEALER, self->endpoint, NULL,
                                bounds, &self->socket, err);
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
    link_close(client->socket);
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
    link_close(steal(&self->socket));
    return err_set(err, RC_TIMEOUT,
                   "the broker's bulk socket %s did not answer within %u ms",
                   self->endpoint, self->timeout_ms);
}

/* Waits for POLLIN or POLLOUT until the deadline. */
static enum rc wait_until(struct bulk_client *self, short events, uint64_t deadline_ms,
                          struct err *err)
{
    zmq_pollitem_t item = { .socket = self->socket, .events = events };
    uint64_t now_ms = pump_now_ms();

    if (now_ms >= deadline_ms)
        return timed_out(self, err);
    if (zmq_poll(&item, 1, (long)(deadline_ms - now_ms)) < 0 && zmq_errno() == ETERM)
        return err_set(err, RC_CANCELLED, "%s: closing", self->endpoint);
    return RC_OK;
}

enum rc call_send(struct bulk_client *client, const struct bulk_message *message,
                  struct err *err)
{
    uint64_t deadline_ms = pump_now_ms() + client->timeout_ms;
    enum rc rc;

    if (!client->socket && (rc = client_connect(client, err)) != RC_OK)
        return rc;
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

    while ((rc = answer_take(client, first, last, &got, err)) == RC_NOT_FOUND) {
        rc = wait_until(client, ZMQ_POLLIN, deadline_ms, err);
        if (rc != RC_OK)
            return rc;
    }
    if (rc != RC_OK)
        return rc;
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
