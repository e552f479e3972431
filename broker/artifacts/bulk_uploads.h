/* bulk_uploads.h - the objects that are arriving in pieces, and how many may.
 *
 * Bounded in all and per peer; one that has not moved for UPLOAD_STALE_MS is given up.
 * Whoever asked to go on with what is there leaves it for the next one that asks.
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
    bool is_behind; /* what was there is being hashed; nothing is taken until then */
};

struct uploads;
/* How many there may be, in all and of one peer. wake_fd: an eventfd that is written to
 * when an upload that was behind is no more. NULL when out of memory. */
struct uploads *uploads_create(size_t max, size_t peer_max, int wake_fd);
void uploads_destroy(struct uploads *uploads);
size_t uploads_max(const struct uploads *uploads);
SCOPED(uploads)

/* The peer's upload of this number, or NULL. Valid until it is dropped. */
struct upload *uploads_find(struct uploads *uploads, struct bytes peer, uint64_t id);
/* The one that is being taken of an object, and can be gone on with; or NULL. */
struct upload *uploads_find_object(struct uploads *uploads, const char *digest);
/* The first in progress after this one, or of all for NULL. NULL: there is none. */
struct upload *uploads_next(struct uploads *uploads, struct upload *after);
/* Begins one; an earlier one of the same peer and number is left. received tells how much
 * is there already. RC_FULL: too many. */
NODISCARD enum rc uploads_begin(struct uploads *uploads, struct objects *objects,
                                struct bytes peer, const struct bulk_message *put,
                                uint64_t now_ms, struct upload **upload, struct err *err);
void upload_drop(struct upload *upload);  /* with what was written */
void upload_leave(struct upload *upload); /* for a later one, if it may be gone on with */
void uploads_leave_stale(struct uploads *uploads, uint64_t now_ms);
