/* bulk_wire.h - the messages of the bulk socket, as docs/protocol-bulk.md tells them.
 *
 * Frames: a header [1, type, id], a body (a map), and for some messages the bytes that
 * they carry. One table in bulk_wire.c says which message has which fields; encoder and
 * decoder follow it. No state. */
#pragma once

#include "broker/artifacts/bulk.h"
#include "broker/artifacts/places.h"
#include "broker/link/link.h"
#include "codecs/pack/pack.h"

enum {
    BULK_PROTOCOL = 1,
    BULK_QUEUE_MAX = 64,      /* messages queued for one peer, each way */
    BULK_FRAME_MAX = 1 << 20, /* bytes: a full HAVE is the largest */
    BULK_IDENTITY_MAX = 255,  /* bytes of a socket's name */
    BULK_ENDPOINTS_MAX = PLACE_NODES_MAX * (PLACE_ENDPOINT_MAX + 1), /* bytes */
};

enum bulk_type {
    BULK_HAVE = 1,
    BULK_PUT = 2,
    BULK_PUT_DATA = 3,
    BULK_PUT_STOP = 4,
    BULK_GET = 5,
    BULK_CHECK = 6,
    BULK_STREAM_READ = 7,
    BULK_STREAM_GIVE = 8,
    BULK_STREAM_REFUSE = 9,
    BULK_PUT_PACK = 10,
    BULK_GET_PACK = 11,
    BULK_HERE = 12,
    BULK_GONE = 13,
    BULK_WHERE = 14,
    BULK_HAD = 33,
    BULK_GO_ON = 34,
    BULK_STORED = 35,
    BULK_DATA = 36,
    BULK_CHECKED = 37,
    BULK_STREAM_DATA = 38,
    BULK_STREAM_ASK = 39,
    BULK_PACK = 40,
    BULK_PLACES = 41,
    BULK_COMING = 42,
    BULK_ERROR = 63,
};

/* Only the fields of the type count. What is decoded borrows from the frames. */
struct bulk_message {
    enum bulk_type type;
    uint64_t id;
    char digest[DIGEST_TEXT_SIZE];
    const char *const *digests; /* to encode; decoded ones: bulk_digest_next */
    uint64_t digest_count;
    struct reader digest_reader;
    struct bytes missing, node, client, code, text, endpoint, endpoints;
    uint64_t size, offset, limit, window, received, token, stream;
    bool is_final, is_first, may_resume;
    bool has_data; /* a third frame is there */
    struct bytes data;
};

/* The frames without a routing frame. RC_PROTOCOL: does not decode; RC_UNSUPPORTED:
 * another protocol or an unknown type. *id gets the header's number as soon as it could
 * be read, also when the rest fails, else 0; message is untouched on failure. */
NODISCARD enum rc bulk_decode(const struct link_frame *frames, size_t count,
                              struct bulk_message *message, uint64_t *id,
                              struct err *err);
/* The digest_count digests of a decoded HAVE, one after the other. */
void bulk_digest_next(struct bulk_message *message, char digest[DIGEST_TEXT_SIZE]);

/* Small objects in the data of PUT_PACK and PACK, one after the other: 4 bytes of size,
 * little-endian, and the bytes; or PACK_ABSENT and nothing. */
enum { PACK_HEAD = 4 };
#define PACK_ABSENT UINT32_MAX
void pack_head_write(void *at, uint32_t size);
/* Takes one from the front of data; bytes.data is NULL for an absent one. false: the data
 * ends within it. */
bool pack_next(struct bytes *data, struct bytes *bytes);

/* Sends to peer (a ROUTER's routing frame; size 0 on a DEALER). As link_send. */
NODISCARD enum rc bulk_send(void *socket, struct bytes peer,
                            const struct bulk_message *message, struct err *err);
/* As bulk_send where nobody is there to hear of a failure: the other side has a timeout.
 * Whether it left. */
bool bulk_tell(void *socket, struct bytes peer, const struct bulk_message *message);

/* For tests and documents: the names of the i-th message's and field's table entries,
 * NULL behind the last. */
const char *bulk_message_name(size_t i, enum bulk_type *type);
const char *bulk_field_name(enum bulk_type type, size_t i);
