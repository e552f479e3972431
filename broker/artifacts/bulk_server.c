/* bulk_server.c - one thread that answers for the objects and passes stream reads on.
 *
 * Each message is answered before the next is read, so a peer's requests are answered in
 * their order today; the protocol promises no order between requests with different
 * numbers, which leaves room for a pool of writers. Answers that a peer does not take
 * (it asked for more than it reads) are dropped and counted: it will run into its
 * timeout, and nobody else waits for it. */
#include "broker/artifacts/bulk_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

static void drop(struct bulk_server *self)
{
    atomic_fetch_add(&self->dropped, 1);
}

void bulk_answer(struct bulk_server *self, const struct request *request,
                 struct bulk_message message)
{
    message.id = request->message.id;
    if (!bulk_tell(self->socket, request->peer, &message))
        drop(self);
}

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){ text, strlen(text) };
}

void bulk_answer_error(struct bulk_server *self, const struct request *request,
                       const struct err *err)
{
    bulk_answer(self, request,
                (struct bulk_message){ .type = BULK_ERROR,
                                       .code = bytes_of(rc_name(err->rc)),
                                       .text = bytes_of(err->text) });
}

static void on_have(struct bulk_server *self, struct request *request)
{
    struct bulk_message *have = &request->message;
    char digest[DIGEST_TEXT_SIZE];
    char *missing = (char *)self->chunk;

    _Static_assert((int)BULK_HAVE_MAX <= (int)BULK_CHUNK_BYTES, "one byte for each");
    for (size_t i = 0; i < have->digest_count; i++) {
        bulk_digest_next(have, digest);
        missing[i] = objects_use(self->objects, digest, NULL) ? 0 : 1;
    }
    bulk_answer(self, request,
                (struct bulk_message){ .type = BULK_HAD,
                                       .missing = { missing, have->digest_count } });
}

/* A node may be away for a moment, and after a start none has told yet what it has. One
 * that was waited for in vain is not waited for again before it comes back. */
static uint64_t nodes_wait_until(struct bulk_server *self, const char *digest)
{
    struct node_place found[PLACE_NODES_MAX];

    if (self->nodes_wait_ms == 0)
        return 0;
    if (places_find(self->places, digest, found) == 0)
        return self->begun_ms + self->nodes_wait_ms;
    return strcmp(found[0].node, self->silent) == 0 ? 0
                                                    : pump_now_ms() + self->nodes_wait_ms;
}

/* What the broker lacks and a node has is fetched; the request waits for it. Whether it
 * does. */
static bool request_wait(struct bulk_server *self, const struct request *request)
{
    const struct bytes *peer = &request->peer;
    const char *digest = request->message.digest;
    struct err ignored;
    uint64_t until_ms;

    if (!self->bringer || objects_has(self->objects, digest, NULL))
        return false;
    until_ms = nodes_wait_until(self, digest);
    for (size_t i = 0; i < WAITING_MAX; i++) {
        struct waiting *waiting = &self->waiting[i];

        if (waiting->peer_size > 0)
            continue;
        if (peer->size > BULK_IDENTITY_MAX
            || (bringer_ask(self->bringer, digest, &ignored) != RC_OK
                && pump_now_ms() >= until_ms))
            return false;
        memcpy(waiting->peer, peer->data, peer->size);
        waiting->peer_size = peer->size;
        waiting->message = request->message;
        waiting->until_ms = until_ms;
        return true;
    }
    return false;
}

/* Reads [offset, offset+limit) of an open object into chunk; *got is less only at its
 * end. */
static enum rc chunk_read(struct bulk_server *self, int fd,
                          const struct bulk_message *get, size_t *got, struct err *err)
{
    size_t done = 0;

    while (done < get->limit) {
        ssize_t part =
            pread(fd, self->chunk + done, get->limit - done, (off_t)(get->offset + done));

        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0) {
            int sys = errno;

            return err_set_sys(err, RC_IO, sys, "read object %s", get->digest);
        }
        if (part == 0)
            break;
        done += (size_t)part;
    }
    *got = done;
    return RC_OK;
}

static enum rc object_chunk(struct bulk_server *self, const struct bulk_message *get,
                            uint64_t *size, size_t *got, struct err *err)
{
    char digest[DIGEST_TEXT_SIZE];
    scoped_fd int fd = -1;
    enum rc rc = objects_read(self->objects, get->digest, &fd, size, err);

    if (rc == RC_OK)
        rc = chunk_read(self, fd, get, got, err);
    if (rc != RC_OK || get->offset != 0 || *got != *size)
        return rc;

    /* The whole object: cheap to check here, so that a damaged one never leaves. */
    digest_bytes(self->chunk, *got, digest);
    return strcmp(digest, get->digest) == 0
               ? RC_OK
               : objects_verify(self->objects, get->digest, err);
}

static void on_get(struct bulk_server *self, struct request *request)
{
    uint64_t size = 0;
    size_t got = 0;
    struct err err;

    if (request_wait(self, request))
        return;
    if (object_chunk(self, &request->message, &size, &got, &err) != RC_OK) {
        bulk_answer_error(self, request, &err);
        return;
    }
    bulk_answer(self, request,
                (struct bulk_message){ .type = BULK_DATA,
                                       .size = size,
                                       .has_data = true,
                                       .data = { (char *)self->chunk, got } });
}

/* The objects of a PUT_PACK, all stored together or none. */
static enum rc pack_store(struct bulk_server *self, struct bulk_message *put,
                          struct object_small *items, char (*digests)[DIGEST_TEXT_SIZE],
                          struct err *err)
{
    struct bytes left = put->data, bytes;

    for (size_t i = 0; i < put->digest_count; i++) {
        bulk_digest_next(put, digests[i]);
        if (!pack_next(&left, &bytes) || !bytes.data || bytes.size > OBJECT_SMALL_MAX)
            return err_set(err, RC_INVALID, "PUT_PACK: object %zu of %llu is not there",
                           i, (unsigned long long)put->digest_count);
        items[i] = (struct object_small){ digests[i], bytes.data, bytes.size };
    }
    if (left.size > 0)
        return err_set(err, RC_INVALID, "PUT_PACK: %zu bytes too many", left.size);
    for (size_t i = 0; i < put->digest_count; i++)
        objects_use(self->objects, items[i].digest, NULL);
    return objects_add(self->objects, items, put->digest_count, true, err);
}

static void on_put_pack(struct bulk_server *self, struct request *request)
{
    struct bulk_message *put = &request->message;
    size_t count = put->digest_count + 1;
    struct object_small *items = calloc(count, sizeof *items);
    char(*digests)[DIGEST_TEXT_SIZE] = calloc(count, sizeof *digests);
    struct err err;
    enum rc rc = items && digests
                     ? pack_store(self, put, items, digests, &err)
                     : err_set(&err, RC_NO_MEMORY, "no memory for small objects");

    free(items);
    free(digests);
    if (rc == RC_OK)
        bulk_answer(self, request, (struct bulk_message){ .type = BULK_STORED });
    else
        bulk_answer_error(self, request, &err);
}

/* As many of the objects as the answer has room for; each is checked as it is read. */
static void on_get_pack(struct bulk_server *self, struct request *request)
{
    struct bulk_message *get = &request->message;
    char digest[DIGEST_TEXT_SIZE];
    size_t used = 0;

    for (size_t i = 0; i < get->digest_count; i++) {
        unsigned char *at = self->chunk + used;
        uint64_t size = 0;
        size_t got = 0;

        bulk_digest_next(get, digest);

        bool is_small =
            objects_has(self->objects, digest, &size) && size <= OBJECT_SMALL_MAX;

        if (used + PACK_HEAD + (is_small ? OBJECT_SMALL_MAX : 0) > BULK_CHUNK_BYTES)
            break;
        if (is_small
            && objects_load(self->objects, digest, at + PACK_HEAD, &got, NULL) == RC_OK)
            pack_head_write(at, (uint32_t)got);
        else
            pack_head_write(at, PACK_ABSENT);
        used += PACK_HEAD + got;
    }
    bulk_answer(self, request,
                (struct bulk_message){ .type = BULK_PACK,
                                       .has_data = true,
                                       .data = { (char *)self->chunk, used } });
}

static void on_check(struct bulk_server *self, struct request *request)
{
    struct err err;

    if (request_wait(self, request))
        return;
    if (objects_verify(self->objects, request->message.digest, &err) == RC_OK)
        bulk_answer(self, request, (struct bulk_message){ .type = BULK_CHECKED });
    else
        bulk_answer_error(self, request, &err);
}

/* The question goes to the node with the name of who asked, and comes back with it, so
 * nothing is kept here in between. */
static void on_stream_read(struct bulk_server *self, struct request *request)
{
    const struct bulk_message *read = &request->message;
    struct bulk_message ask = *read;
    struct err err;

    ask.type = BULK_STREAM_ASK;
    ask.client = request->peer;
    enum rc rc = read->node.size == 0 ? RC_UNREACHABLE
                                      : bulk_send(self->socket, read->node, &ask, &err);
    if (rc == RC_OK)
        return;
    err_set(&err, rc, "node %.*s %s", (int)read->node.size, read->node.data,
            rc == RC_UNREACHABLE
                ? "is not connected"
                : "has too many questions waiting: try again in a moment");
    bulk_answer_error(self, request, &err);
}

static void on_stream_answer(struct bulk_server *self, struct request *request)
{
    struct bulk_message message = request->message;

    message.type = message.type == BULK_STREAM_GIVE ? BULK_STREAM_DATA : BULK_ERROR;
    message.node = request->peer;
    if (message.client.size == 0 || !bulk_tell(self->socket, message.client, &message))
        drop(self);
}

static void on_where(struct bulk_server *self, struct request *request)
{
    struct node_place found[PLACE_NODES_MAX];
    size_t count = places_find(self->places, request->message.digest, found);
    char endpoints[BULK_ENDPOINTS_MAX + 1] = "";
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        if (found[i].endpoint[0])
            used += (size_t)snprintf(endpoints + used, sizeof endpoints - used, "%s\n",
                                     found[i].endpoint);
    bulk_answer(
        self, request,
        (struct bulk_message){ .type = BULK_PLACES, .endpoints = { endpoints, used } });
}

/* The name of the node that speaks; false if it can be none. */
static bool node_name(struct bulk_server *self, const struct request *request,
                      char name[PLACE_NAME_MAX + 1])
{
    const struct bytes *peer = &request->peer;

    if (peer->size == 0 || peer->size > PLACE_NAME_MAX || peer->data[0] == '\0') {
        drop(self);
        return false;
    }
    memcpy(name, peer->data, peer->size);
    name[peer->size] = '\0';
    return true;
}

/* Nodes are not answered: what they tell is a hint, told again when they join anew. */
static void on_here(struct bulk_server *self, struct request *request)
{
    struct bulk_message *here = &request->message;
    char name[PLACE_NAME_MAX + 1], digest[DIGEST_TEXT_SIZE];
    char endpoint[PLACE_ENDPOINT_MAX + 1];

    if (!node_name(self, request, name))
        return;
    snprintf(endpoint, sizeof endpoint, "%.*s", (int)here->endpoint.size,
             here->endpoint.data);
    if (here->is_first)
        places_begin(self->places, name, endpoint);
    if (strcmp(name, self->silent) == 0)
        self->silent[0] = '\0';
    for (size_t i = 0; i < here->digest_count; i++) {
        bulk_digest_next(here, digest);
        places_add(self->places, name, digest);
    }
}

static void on_gone(struct bulk_server *self, struct request *request)
{
    struct bulk_message *gone = &request->message;
    char name[PLACE_NAME_MAX + 1], digest[DIGEST_TEXT_SIZE];

    if (!node_name(self, request, name))
        return;
    for (size_t i = 0; i < gone->digest_count; i++) {
        bulk_digest_next(gone, digest);
        places_remove(self->places, name, digest);
    }
}

/* What a node answers to other nodes: it gives objects, and takes nothing. */
static bool is_allowed(const struct bulk_server *self, enum bulk_type type)
{
    return self->uploads || type == BULK_HAVE || type == BULK_GET || type == BULK_GET_PACK
           || type == BULK_CHECK;
}

static void request_refuse(struct bulk_server *self, const struct request *request)
{
    struct err err;

    err_set(&err, RC_DENIED,
            "this is the cache of a node, which only gives objects: "
            "everything else is the broker's");
    bulk_answer_error(self, request, &err);
}

/* Says who has what could not be fetched. */
static void bring_failure(struct bulk_server *self, const char *digest, struct err *err)
{
    struct node_place found[PLACE_NODES_MAX];

    if (places_find(self->places, digest, found) == 0) {
        err_set(err, RC_NOT_FOUND, "no object %s, and no node has it any more", digest);
    } else {
        memcpy(self->silent, found[0].node, sizeof self->silent);
        err_set(err, RC_NOT_FOUND,
                "no object %s here, and node %s, which had it, does not give it: start "
                "the node again",
                digest, found[0].node);
    }
}

static void request_handle(struct bulk_server *self, struct request *request)
{
    switch (request->message.type) {
    case BULK_HAVE:
        on_have(self, request);
        break;
    case BULK_PUT:
        bulk_take_put(self, request);
        break;
    case BULK_PUT_DATA:
        bulk_take_data(self, request);
        break;
    case BULK_PUT_STOP:
        bulk_take_stop(self, request);
        break;
    case BULK_GET:
        on_get(self, request);
        break;
    case BULK_CHECK:
        on_check(self, request);
        break;
    case BULK_PUT_PACK:
        on_put_pack(self, request);
        break;
    case BULK_GET_PACK:
        on_get_pack(self, request);
        break;
    case BULK_STREAM_READ:
        on_stream_read(self, request);
        break;
    case BULK_HERE:
        on_here(self, request);
        break;
    case BULK_GONE:
        on_gone(self, request);
        break;
    case BULK_WHERE:
        on_where(self, request);
        break;
    case BULK_STREAM_GIVE:
    case BULK_STREAM_REFUSE:
        on_stream_answer(self, request);
        break;
    case BULK_HAD:
    case BULK_GO_ON:
    case BULK_STORED:
    case BULK_DATA:
    case BULK_CHECKED:
    case BULK_STREAM_DATA:
    case BULK_STREAM_ASK:
    case BULK_PACK:
    case BULK_PLACES:
    case BULK_COMING:
    case BULK_ERROR:
        /* Answers are for clients; to answer one could go on for ever. */
        drop(self);
        break;
    }
}

static void on_message(void *context, const struct link_message *message)
{
    struct bulk_server *self = context;
    struct request request = { 0 };
    uint64_t id;
    struct err err;

    must(message->count > 0);
    request.peer = (struct bytes){ message->frames[0].data, message->frames[0].size };
    if (bulk_decode(message->frames + 1, message->count - 1, &request.message, &id, &err)
        == RC_OK) {
        if (is_allowed(self, request.message.type))
            request_handle(self, &request);
        else
            request_refuse(self, &request);
        return;
    }
    drop(self);
    request.message.id = id;
    if (id != 0)
        bulk_answer_error(self, &request, &err);
}

/* Those whose object came, or will not, are answered. */
static void on_woken(void *context)
{
    struct bulk_server *self = context;

    bulk_take_woken(self);
    for (size_t i = 0; i < WAITING_MAX; i++) {
        struct waiting *waiting = &self->waiting[i];
        struct request request = { { waiting->peer, waiting->peer_size },
                                   waiting->message };
        struct err err;

        if (waiting->peer_size == 0)
            continue;
        if (objects_has(self->objects, waiting->message.digest, NULL)) {
            request_handle(self, &request);
        } else if (!bringer_is_at(self->bringer, waiting->message.digest)
                   && pump_now_ms() >= waiting->until_ms) {
            bring_failure(self, waiting->message.digest, &err);
            bulk_answer_error(self, &request, &err);
        } else {
            continue;
        }
        waiting->peer_size = 0;
    }
}

/* Nodes that were away may be back. */
static void waiting_ask_again(struct bulk_server *self)
{
    struct err ignored;

    for (size_t i = 0; i < WAITING_MAX; i++) {
        const struct waiting *waiting = &self->waiting[i];

        if (waiting->peer_size > 0 && pump_now_ms() < waiting->until_ms
            && !objects_has(self->objects, waiting->message.digest, NULL)
            && bringer_ask(self->bringer, waiting->message.digest, &ignored)
                   == RC_UNREACHABLE)
            break; /* there is no room for more */
    }
}

/* They need not give up yet. */
static void waiting_comfort(struct bulk_server *self)
{
    for (size_t i = 0; i < WAITING_MAX; i++) {
        const struct waiting *waiting = &self->waiting[i];

        if (waiting->peer_size > 0)
            bulk_answer(self,
                        &(struct request){ { waiting->peer, waiting->peer_size },
                                           waiting->message },
                        (struct bulk_message){ .type = BULK_COMING });
    }
}

static void on_refused(void *context)
{
    drop(context);
}

static void on_tick(void *context, uint64_t now_ms)
{
    struct bulk_server *self = context;

    if (!self->uploads)
        return;
    bulk_take_tick(self, now_ms);
    waiting_ask_again(self);
    on_woken(self);
    waiting_comfort(self);
}

/* A server that other machines may talk to may talk to them. */
static enum rc taking_begin(struct bulk_server *self, const char *endpoint,
                            const struct bulk_limits *limits, struct err *err)
{
    self->waiting = calloc(WAITING_MAX, sizeof *self->waiting);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->uploads =
        uploads_create(limits->uploads_max, limits->uploads_peer_max, self->wake_fd);
    if (!self->waiting || !self->uploads || self->wake_fd < 0)
        return err_set(err, RC_NO_MEMORY, "bulk server at %s", endpoint);
    return bringer_create(self->objects, self->places, !link_is_local(endpoint),
                          self->wake_fd, &self->bringer, err);
}

enum rc bulk_server_create(void *zmq_context, const char *endpoint,
                           struct objects *objects, const struct bulk_limits *limits,
                           struct bulk_server **server, struct err *err)
{
    static const struct bulk_limits usual = { BULK_QUEUE_MAX, UPLOAD_MAX, UPLOAD_PEER_MAX,
                                              0, false };
    struct pump_calls calls = { .message = on_message,
                                .refused = on_refused,
                                .tick = on_tick };
    scoped(bulk_server) self = calloc(1, sizeof *self);

    if (!limits)
        limits = &usual;
    if (!self || !(self->places = places_create())
        || !(self->chunk = aligned_alloc(COPY_ALIGN, BULK_CHUNK_BYTES)))
        return err_set(err, RC_NO_MEMORY, "bulk server at %s", endpoint);
    self->objects = objects;
    self->nodes_wait_ms = limits->nodes_wait_ms;
    self->begun_ms = pump_now_ms();
    self->wake_fd = -1;
    if (!limits->is_read_only) {
        enum rc made = taking_begin(self, endpoint, limits, err);

        if (made != RC_OK)
            return made;
        calls.woken = on_woken;
        calls.wake_fd = self->wake_fd;
    }

    enum rc rc =
        link_bind_bounded(zmq_context, ZMQ_ROUTER, endpoint,
                          (struct link_bounds){ .queue_max = (int)limits->queue_max,
                                                .message_max = BULK_FRAME_MAX },
                          &self->socket, err);
    if (rc != RC_OK)
        return rc;
    link_bound(self->socket, endpoint, self->endpoint);
    rc = pump_create(self->socket, calls, self, &self->pump, err);
    if (rc != RC_OK) {
        link_close(self->socket);
        return rc;
    }
    *server = steal(&self);
    return RC_OK;
}

const char *bulk_server_endpoint(const struct bulk_server *server)
{
    return server->endpoint;
}

uint64_t bulk_server_dropped(const struct bulk_server *server)
{
    return atomic_load(&server->dropped);
}

struct places *bulk_server_places(struct bulk_server *server)
{
    return server->places;
}

void bulk_server_destroy(struct bulk_server *server)
{
    if (!server)
        return;
    pump_destroy(server->pump);
    bringer_destroy(server->bringer);
    uploads_destroy(server->uploads); /* its threads write to wake_fd */
    if (server->waiting)
        fd_scoped(&server->wake_fd);
    free(server->waiting);
    places_destroy(server->places);
    free(server->chunk);
    free(server);
}
