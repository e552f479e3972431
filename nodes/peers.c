/* peers.c - connections to other nodes, the least used given up first. */
#include "nodes/peers.h"

#include "broker/artifacts/pump.h"
#include "broker/link/link.h"

#include <stdlib.h>
#include <string.h>

struct peer {                              /* a node */
    char endpoint[PLACE_ENDPOINT_MAX + 1]; /* "": free */
    struct bulk_client *client;
    uint64_t used_ms, rest_until_ms;
    bool has_given;               /* bytes of the object that was fetched last */
    char wrong[DIGEST_TEXT_SIZE]; /* what it gave wrongly last; "" if nothing */
};

struct peers {
    void *zmq_context;
    const struct peer_options *options;
    bool is_alone; /* the broker does not know of places */
    struct peer items[PEERS_MAX];
};

struct peers *peers_create(void *zmq_context, const struct peer_options *options)
{
    struct peers *self = calloc(1, sizeof *self);

    must(options->connected_max <= PEERS_MAX);
    if (!self)
        return NULL;
    self->zmq_context = zmq_context;
    self->options = options;
    return self;
}

void peers_destroy(struct peers *peers)
{
    if (!peers)
        return;
    for (size_t i = 0; i < PEERS_MAX; i++)
        bulk_client_destroy(peers->items[i].client);
    free(peers);
}

/* The entry of the node, or one that it may have. */
static struct peer *peer_of(struct peers *self, const char *endpoint)
{
    struct peer *oldest = &self->items[0];

    for (uint32_t i = 0; i < self->options->connected_max; i++) {
        if (strcmp(self->items[i].endpoint, endpoint) == 0)
            return &self->items[i];
        if (self->items[i].used_ms < oldest->used_ms)
            oldest = &self->items[i];
    }
    bulk_client_destroy(oldest->client);
    *oldest = (struct peer){ 0 };
    memcpy(oldest->endpoint, endpoint, strlen(endpoint) + 1);
    return oldest;
}

static enum rc peer_fetch(struct peers *self, const char *endpoint, const char *digest,
                          struct object_writer *writer, struct err *err)
{
    struct peer *peer = peer_of(self, endpoint);
    uint64_t before = object_writer_size(writer);
    enum rc rc = RC_OK;

    peer->used_ms = pump_now_ms();
    if (peer->used_ms < peer->rest_until_ms || strcmp(peer->wrong, digest) == 0)
        return err_set(err, RC_NOT_FOUND, "the node at %s failed just now", endpoint);
    if (!peer->client)
        rc = bulk_client_create(self->zmq_context, endpoint, self->options->timeout_ms,
                                &peer->client, err);
    if (rc == RC_OK)
        rc = bulk_fetch(peer->client, digest, writer, NULL, NULL, err);
    peer->has_given = object_writer_size(writer) > before;
    if (rc == RC_UNREACHABLE || rc == RC_TIMEOUT)
        peer->rest_until_ms = pump_now_ms() + PEER_REST_MS;
    return rc;
}

static bool may_ask(const struct peers *self, const char *endpoint)
{
    return *endpoint && strcmp(endpoint, self->options->own_endpoint) != 0
           && link_check("a node", endpoint, self->options->is_insecure, NULL) == RC_OK;
}

/* Which failures end the search: the others may be of this one node. */
static bool is_final(enum rc rc)
{
    return rc == RC_OK || rc == RC_CONFLICT || rc == RC_FULL || rc == RC_CANCELLED
           || rc == RC_NO_MEMORY;
}

enum rc peers_fetch(struct peers *peers, struct bulk_client *broker, const char *digest,
                    struct object_writer *writer, struct err *err)
{
    char endpoints[PLACE_NODES_MAX][PLACE_ENDPOINT_MAX + 1];
    size_t count = 0;

    for (size_t i = 0; i < PEERS_MAX; i++)
        peers->items[i].has_given = false;
    if (peers->options->connected_max > 0 && !peers->is_alone)
        peers->is_alone =
            bulk_where(broker, digest, endpoints, &count, err) == RC_UNSUPPORTED;
    for (size_t i = 0; i < count; i++) {
        enum rc rc = may_ask(peers, endpoints[i])
                         ? peer_fetch(peers, endpoints[i], digest, writer, err)
                         : RC_NOT_FOUND;

        if (is_final(rc))
            return rc;
    }
    return err_set(err, RC_NOT_FOUND, "no other node gives %s", digest);
}

void peers_doubt(struct peers *peers, const char *digest)
{
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *peer = &peers->items[i];

        if (!peer->has_given || !peer->client)
            continue;
        bulk_doubt(peer->client, digest);
        memcpy(peer->wrong, digest, DIGEST_TEXT_SIZE);
    }
}
