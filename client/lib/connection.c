/* connection.c - the socket to the broker: questions out, answers in. */
#include "client/lib/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

void reply_fini(struct reply *reply)
{
    if (reply->message.count > 0)
        link_free(&reply->message);
    *reply = (struct reply){ 0 };
}

struct sluice *sluice_create(const char *endpoint, uint32_t timeout_ms, struct err *err)
{
    struct sluice *sluice = calloc(1, sizeof *sluice);

    if (!sluice) {
        err_set(err, RC_NO_MEMORY, "no memory for a connection");
        return NULL;
    }
    if (strlen(endpoint) >= ENDPOINT_MAX) {
        err_set(err, RC_INVALID, "the endpoint is longer than %d bytes: %s",
                ENDPOINT_MAX - 1, endpoint);
        free(sluice);
        return NULL;
    }
    memcpy(sluice->endpoint, endpoint, strlen(endpoint) + 1);
    sluice->timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_DEFAULT_MS;
    sluice->protocol = protocol_ours().lowest;
    sluice->context = zmq_ctx_new();
    if (!sluice->context
        || link_connect(sluice->context, ZMQ_DEALER, endpoint, NULL, &sluice->requests,
                        err)
               != RC_OK) {
        sluice_close(sluice);
        return NULL;
    }
    return sluice;
}

int sluice_connect(const char *endpoint, uint32_t timeout_ms, struct sluice **sluice,
                   struct sluice_error *error)
{
    return sluice_connect_with(endpoint, &(struct sluice_options){ timeout_ms, false },
                               sluice, error);
}

/* What the broker told, as it is reached from here. */
static enum rc use_endpoints(struct sluice *sluice, const struct sluice_info *info,
                             bool is_insecure, struct err *err)
{
    enum rc rc;

    if (strlen(info->bulk_endpoint) >= ENDPOINT_MAX
        || strlen(info->events_endpoint) >= ENDPOINT_MAX)
        return err_set(err, RC_PROTOCOL, "the broker's endpoints are too long");
    link_seen_from(info->bulk_endpoint, sluice->endpoint, sluice->bulk_endpoint);
    link_seen_from(info->events_endpoint, sluice->endpoint, sluice->events_endpoint);
    rc = link_check("the broker's files", sluice->bulk_endpoint, is_insecure, err);
    return rc != RC_OK ? rc
                       : link_check("the broker's events", sluice->events_endpoint,
                                    is_insecure, err);
}

int sluice_connect_with(const char *endpoint, const struct sluice_options *options,
                        struct sluice **sluice, struct sluice_error *error)
{
    struct err own;
    struct sluice_info info;
    struct err *err = error_or(error, &own);
    struct sluice *made;
    int code;

    if (!strstr(endpoint, "://"))
        return (int)err_set(err, RC_INVALID,
                            "%s is no endpoint; write tcp://HOST:PORT or ipc://PATH",
                            endpoint);
    if (link_check("the broker", endpoint, options->insecure, err) != RC_OK)
        return (int)err->rc;
    made = sluice_create(endpoint, options->timeout_ms, err);
    if (!made)
        return (int)err->rc;
    code = sluice_status(made, &info, (struct sluice_error *)err);
    if (code == SLUICE_OK)
        code = (int)use_endpoints(made, &info, options->insecure, err);
    if (code != SLUICE_OK) {
        sluice_close(made);
        return code;
    }
    *sluice = made;
    return SLUICE_OK;
}

void sluice_close(struct sluice *sluice)
{
    if (!sluice)
        return;
    bulk_client_destroy(sluice->bulk);
    link_close(sluice->requests);
    if (sluice->context)
        zmq_ctx_term(sluice->context);
    arena_destroy(sluice->info);
    free(sluice->folder);
    free(sluice);
}

enum rc sluice_bulk(struct sluice *sluice, struct bulk_client **bulk, struct err *err)
{
    enum rc rc = RC_OK;

    if (!sluice->bulk)
        rc = bulk_client_create(sluice->context, sluice->bulk_endpoint,
                                sluice->timeout_ms, &sluice->bulk, err);
    if (rc == RC_OK)
        *bulk = sluice->bulk;
    return rc;
}

int64_t sluice_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum rc sluice_send(struct sluice *sluice, enum message_type type,
                    const struct request *request, struct err *err)
{
    scoped_buf header = { 0 };
    scoped_buf body = { 0 };
    struct link_frame frames[2];

    message_header_encode(
        &header, &(struct message_header){ .protocol = type == MESSAGE_STATUS
                                                           ? protocol_ours().lowest
                                                           : sluice->protocol,
                                           .type = type,
                                           .id = ++sluice->last_id });
    request_encode(&body, request);
    if (!buf_ok(&body))
        return err_set(err, RC_INVALID, "the request is larger than %d bytes",
                       BUF_LIMIT_DEFAULT);
    if (sluice->message_max && body.size > sluice->message_max)
        return err_set(err, RC_INVALID,
                       "the request has %zu bytes, and the broker takes at most %lu: "
                       "raise its setting message-max, or ask for less at once",
                       body.size, (unsigned long)sluice->message_max);
    frames[0] = (struct link_frame){ header.data, header.size };
    frames[1] = (struct link_frame){ body.data, body.size };
    return link_send(sluice->requests, frames, 2, err);
}

enum rc sluice_receive(struct sluice *sluice, int64_t until_ms, struct reply *reply,
                       uint64_t *id, struct err *err)
{
    struct message_header header;
    struct link_message message;

    for (;;) {
        zmq_pollitem_t item = { sluice->requests, 0, ZMQ_POLLIN, 0 };
        int64_t left = until_ms - sluice_now_ms();
        enum rc rc = link_receive(sluice->requests, &message, err);

        if (rc == RC_NOT_FOUND && left <= 0)
            return err_set(err, RC_UNREACHABLE, "the broker at %s does not answer",
                           sluice->endpoint);
        if (rc == RC_NOT_FOUND) {
            if (zmq_poll(&item, 1, (long)left) < 0 && errno != EINTR)
                return err_set_sys(err, RC_IO, errno, "waiting for the broker");
            continue;
        }
        if (rc != RC_OK)
            return rc;
        if (message.count == 2
            && message_header_decode(message.frames[0].data, message.frames[0].size,
                                     &header, err)
                   == RC_OK)
            break;
        link_free(&message);
    }
    *reply = (struct reply){ message, message.frames[1].data, message.frames[1].size,
                             header.type };
    *id = header.id;
    return RC_OK;
}

enum rc reply_verdict(const struct reply *reply, struct err *err)
{
    if (reply->type == MESSAGE_ERROR)
        return message_error_decode(reply->body, reply->size, err);
    return reply->type == MESSAGE_OK
               ? RC_OK
               : err_set(err, RC_PROTOCOL, "the broker's answer is neither ok nor error");
}

/* A late answer to an earlier request is skipped. */
static enum rc await(struct sluice *sluice, struct reply *reply, struct err *err)
{
    int64_t until_ms = sluice_now_ms() + sluice->timeout_ms;
    uint64_t id = 0;

    while (id != sluice->last_id) {
        reply_fini(reply);

        enum rc rc = sluice_receive(sluice, until_ms, reply, &id, err);

        if (rc != RC_OK)
            return rc;
    }
    return reply_verdict(reply, err);
}

static enum rc ask(struct sluice *sluice, enum message_type type,
                   const struct request *request, struct reply *reply, struct err *err)
{
    enum rc rc = sluice_send(sluice, type, request, err);

    return rc == RC_OK ? await(sluice, reply, err) : rc;
}

enum rc sluice_greet(struct sluice *sluice, struct reply *reply, struct err *err)
{
    struct request request = { .speaks = protocol_ours() };
    enum rc rc = ask(sluice, MESSAGE_STATUS, &request, reply, err);

    if (rc != RC_OK)
        return rc;

    struct reader field = reply_field(reply, "protocol");
    uint64_t protocol = reader_uint(&field);

    /* A broker of before there were ranges tells none. */
    sluice->protocol =
        reader_ok(&field) && protocol_has(protocol_ours(), (uint32_t)protocol)
            ? (uint32_t)protocol
            : protocol_ours().lowest;
    field = reply_field(reply, "message_max");
    sluice->message_max = reader_uint(&field);
    return RC_OK;
}

enum rc sluice_call(struct sluice *sluice, enum message_type type,
                    const struct request *request, struct reply *reply, struct err *err)
{
    uint32_t before = sluice->protocol;
    scoped_reply greeting = { 0 };
    struct err refusal;
    enum rc rc = ask(sluice, type, request, reply, &refusal);

    /* Perhaps the broker was upgraded since, or was never greeted. */
    if (rc == RC_UNSUPPORTED) {
        reply_fini(reply);
        rc = sluice_greet(sluice, &greeting, err);
        if (rc != RC_OK)
            return rc;
        rc = sluice->protocol == before ? RC_UNSUPPORTED
                                        : ask(sluice, type, request, reply, &refusal);
    }
    if (rc != RC_OK)
        *err = refusal;
    return rc;
}

struct reader reply_field(const struct reply *reply, const char *key)
{
    struct reader reader;

    reader_init(&reader, reply->body, reply->size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        if (bytes_are(reader_string(&reader), key))
            return reader;
        reader_skip(&reader);
    }
    reader_fail(&reader);
    return reader;
}
