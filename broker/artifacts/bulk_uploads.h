/* bulk_uploads.h - the objects that are arriving in pieces, and how many may.
 *
 * Bounded in all and per peer; one that has not moved for UPLOAD_STALE_MS is given up.
 * Used by the server's thread alone. */
#pragma once

#include "broker/artifacts/bulk_wire.h"

enum {
    UPLOAD_MAX = 256, /* usually */
    UPLOAD_PEER_MAX = 8,
    UPLOAD_STALE_MS = 30000,
};

struct upload {
    struct object_writer *writer; /* NULL: the entry is free */
    char digest[DIGEST_TEXT_SIZE];
    uint64_t id, size, received, moved_ms;
    char peer[BULK_IDENTITY_MAX];
    size_t peer_size;
};

struct uploads;
/* How many there may be, in all and of one peer. NULL when out of memory. */
struct uploads *uploads_create(size_t max, size_t peer_max);
void uploads_destroy(struct uploads *uploads);
SCOPED(uploads)

/* The peer's upload of this number, or NULL. Valid until it is dropped. */
struct upload *uploads_find(struct uploads *uploads, struct bytes peer, uint64_t id);
/* Begins one; an earlier one of the same peer and number is dropped. RC_FULL: too many.
 */
NODISCARD enum rc uploads_begin(struct uploads *uploads, struct objects *objects,
                                struct bytes peer, const struct bulk_message *put,
                                uint64_t now_ms, struct upload **upload, struct err *err);
void upload_drop(struct upload *upload); /* with what was written */
void uploads_drop_stale(struct uploads *uploads, uint64_t now_ms);
