/* bulk.h - moving artifacts and following streams, beside the broker's loop.
 *
 * The broker runs a bulk server on a thread of its own with a ROUTER socket; clients and
 * nodes use bulk clients over DEALER sockets. Messages: docs/protocol.md, chapter "Bulk
 * data". Everything is asked for in pieces of at most BULK_CHUNK_BYTES with a bounded
 * number outstanding, so no queue grows; every file is hash-checked by the receiver. */
#pragma once

#include "broker/artifacts/objects.h"
#include "broker/artifacts/places.h"
#include "codecs/base/buf.h"
#include "codecs/wire/result.h"

enum { BULK_CHUNK_BYTES = 256 << 10, BULK_WINDOW = 8, BULK_HAVE_MAX = 10000 };

struct bulk_server;
struct bulk_limits {
    uint32_t queue_max;                     /* messages queued for one peer, each way */
    uint32_t uploads_max, uploads_peer_max; /* objects that arrive at once */
    uint64_t nodes_wait_ms; /* for nodes to tell and give what they have */
    bool is_read_only;      /* gives objects and takes none */
};
/* Binds endpoint (a zmq endpoint) and serves objects until destroyed. zmq_context is a
 * libzmq context, borrowed. limits NULL: the usual ones. RC_CONFLICT when the endpoint is
 * taken. */
NODISCARD enum rc bulk_server_create(void *zmq_context, const char *endpoint,
                                     struct objects *objects,
                                     const struct bulk_limits *limits,
                                     struct bulk_server **server, struct err *err);
/* Where it listens (link_bound). Lives as long as the server. */
const char *bulk_server_endpoint(const struct bulk_server *server);
/* Messages that did not decode or whose sender does not take answers. Any thread. */
uint64_t bulk_server_dropped(const struct bulk_server *server);
/* Where nodes say that they have objects; with the server. */
struct places *bulk_server_places(struct bulk_server *server);
void bulk_server_destroy(struct bulk_server *server); /* stops the thread */
SCOPED(bulk_server)

/* A client is used by one thread at a time. Every call waits at most timeout_ms without
 * progress: RC_TIMEOUT. RC_UNREACHABLE: the connection broke while an answer was awaited;
 * the call may be repeated at once. Answers of the server with an error give its code and
 * text. */
struct bulk_client;
NODISCARD enum rc bulk_client_create(void *zmq_context, const char *endpoint,
                                     uint32_t timeout_ms, struct bulk_client **client,
                                     struct err *err);
void bulk_client_destroy(struct bulk_client *client);
SCOPED(bulk_client)

/* missing[i] tells whether the server lacks digests[i]. count is unlimited (asked in
 * pieces). */
NODISCARD enum rc bulk_have(struct bulk_client *client, const char *const *digests,
                            size_t count, bool *missing, struct err *err);

typedef void bulk_progress(void *context, uint64_t done, uint64_t total);

/* Sends the open file (from its start) as the object digest of size bytes; does nothing
 * if the server has it, and only the rest if it has the beginning. Connects again by
 * itself when the connection breaks, as long as each time more arrives. RC_CORRUPT if the
 * bytes do not give the digest, RC_FULL if the server's disk is. */
NODISCARD enum rc bulk_put(struct bulk_client *client, int fd, const char *digest,
                           uint64_t size, bulk_progress *progress, void *context,
                           struct err *err);
NODISCARD enum rc bulk_put_bytes(struct bulk_client *client, const void *bytes,
                                 size_t size, char digest[DIGEST_TEXT_SIZE],
                                 struct err *err);
/* Small objects (OBJECT_SMALL_MAX), many in one message and stored together. read gives
 * the bytes of items[i] in room, all of its size. Those that the server has already cost
 * their bytes' way, no more; so ask bulk_have before. RC_CORRUPT: a file changed. */
struct bulk_small {
    const char *digest;
    uint64_t size;
};
typedef enum rc bulk_small_read(void *context, size_t i, void *room, struct err *err);
NODISCARD enum rc bulk_put_small(struct bulk_client *client,
                                 const struct bulk_small *items, size_t count,
                                 bulk_small_read *read, bulk_progress *progress,
                                 void *context, struct err *err);
/* take gets each object that the server has and that is small indeed, a batch at a time,
 * in no order, unchecked; objects_add checks. size of an item: as far as it is known. */
typedef enum rc bulk_small_take(void *context, const struct object_small *batch,
                                size_t count, struct err *err);
NODISCARD enum rc bulk_get_small(struct bulk_client *client,
                                 const struct bulk_small *items, size_t count,
                                 bulk_small_take *take, void *context, struct err *err);
/* Fetches into objects, checked; does nothing if it is there. RC_NOT_FOUND, RC_CORRUPT.
 */
NODISCARD enum rc bulk_get(struct bulk_client *client, const char *digest,
                           struct objects *objects, bulk_progress *progress,
                           void *context, struct err *err);
/* Adds to the writer what it lacks of the object; who commits it checks the digest.
 * RC_NOT_FOUND; RC_CONFLICT: the object is shorter than what the writer has. */
NODISCARD enum rc bulk_fetch(struct bulk_client *client, const char *digest,
                             struct object_writer *writer, bulk_progress *progress,
                             void *context, struct err *err);
/* Bytes fetched from the server did not give the digest: it looks at its object, and sets
 * it aside if that is where they come from. Its verdict is not waited for. */
void bulk_doubt(struct bulk_client *client, const char *digest);
/* Endpoints of nodes that say that they have the object; *count gets how many. Those are
 * hints: a node may be away, or have it no more. */
NODISCARD enum rc bulk_where(struct bulk_client *client, const char *digest,
                             char endpoints[PLACE_NODES_MAX][PLACE_ENDPOINT_MAX + 1],
                             size_t *count, struct err *err);
/* Fetches a range, at most limit bytes, appended to out; *total gets the object's size.
 */
NODISCARD enum rc bulk_get_range(struct bulk_client *client, const char *digest,
                                 uint64_t offset, uint64_t limit, struct buf *out,
                                 uint64_t *total, struct err *err);

/* Streams of a running attempt: files that grow on a node, read through the broker. */
struct stream_chunk {
    uint64_t size; /* of the stream at this moment */
    bool is_final; /* nothing will be added */
};

/* Reads [offset, offset+limit) of a stream from the node that runs the attempt; bytes are
 * appended to out. RC_NOT_FOUND: the node does not know the attempt (it may have ended:
 * look it up again); RC_UNREACHABLE: the node is not connected. */
NODISCARD enum rc bulk_stream_read(struct bulk_client *client, const char *node,
                                   uint64_t token, enum stream stream, uint64_t offset,
                                   uint32_t limit, struct buf *out,
                                   struct stream_chunk *chunk, struct err *err);

/* The node's side: a thread that answers stream reads for its attempts, and tells which
 * objects the node has. All is called on that thread. read appends at most limit bytes to
 * out. tick comes about every 2 s; it may be NULL. */
struct stream_server;
typedef enum rc stream_reader(void *context, uint64_t token, enum stream stream,
                              uint64_t offset, uint32_t limit, struct buf *out,
                              struct stream_chunk *chunk, struct err *err);
struct stream_calls {
    stream_reader *read;
    void (*tick)(void *context, struct stream_server *server);
};
/* node is the node's name, its socket identity. */
NODISCARD enum rc stream_server_create(void *zmq_context, const char *endpoint,
                                       const char *node, const struct stream_calls *calls,
                                       void *context, struct stream_server **server,
                                       struct err *err);
void stream_server_destroy(struct stream_server *server);
SCOPED(stream_server)
/* For tick: says that the node has these objects, or has them no more; at most
 * BULK_HAVE_MAX. here: where others get them, "" if nowhere, and whether all that was
 * said before is to be forgotten. false: the queue is full. */
bool stream_server_here(struct stream_server *server, const char *endpoint, bool is_first,
                        const char *const *digests, size_t count);
bool stream_server_gone(struct stream_server *server, const char *const *digests,
                        size_t count);
