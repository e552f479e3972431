/* peers.h - other nodes as a source of objects: asks the broker which of them have one,
 * and fetches it from the first that gives it. Of one worker's thread.
 *
 * A node that cannot be reached, or gives nothing for its time, is left alone for
 * PEER_REST_MS; one that gave wrong bytes is told so, and is not asked for that object
 * again in the meantime. */
#pragma once

#include "broker/artifacts/bulk.h"

enum { PEER_TIMEOUT_MS = 5000, PEER_REST_MS = 30000, PEERS_MAX = 64 };

struct peer_options {
    const char *own_endpoint; /* which is not asked; "" if there is none */
    uint32_t connected_max;   /* at most PEERS_MAX; 0: no node is asked */
    uint32_t timeout_ms;      /* without a byte */
    bool is_insecure;         /* others than this machine may be asked */
};

struct peers;
/* options is borrowed. NULL when out of memory. */
struct peers *peers_create(void *zmq_context, const struct peer_options *options);
void peers_destroy(struct peers *peers);

/* Adds to the writer what it lacks of the object; who commits it checks the digest.
 * RC_NOT_FOUND: no node gave it, or none has it. RC_CONFLICT as bulk_fetch. */
NODISCARD enum rc peers_fetch(struct peers *peers, struct bulk_client *broker,
                              const char *digest, struct object_writer *writer,
                              struct err *err);
/* What peers_fetch gave last was wrong. */
void peers_doubt(struct peers *peers, const char *digest);
