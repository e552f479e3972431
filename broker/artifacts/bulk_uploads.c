/* bulk_uploads.c - a plain array: it is small, and looked through once per chunk. */
#include "broker/artifacts/bulk_uploads.h"

#include <stdlib.h>
#include <string.h>

struct uploads {
    size_t max, peer_max;
    int wake_fd;
    struct upload entries[]; /* max of them */
};

struct uploads *uploads_create(size_t max, size_t peer_max, int wake_fd)
{
    struct uploads *self = calloc(1, sizeof *self + max * sizeof self->entries[0]);

    if (self) {
        self->max = max;
        self->peer_max = peer_max;
        self->wake_fd = wake_fd;
    }
    return self;
}

size_t uploads_max(const struct uploads *uploads)
{
    return uploads->max;
}

void uploads_destroy(struct uploads *uploads)
{
    if (!uploads)
        return;
    for (size_t i = 0; i < uploads->max; i++)
        upload_leave(&uploads->entries[i]);
    free(uploads);
}

void upload_drop(struct upload *upload)
{
    object_writer_drop(steal(&upload->writer));
}

void upload_leave(struct upload *upload)
{
    object_writer_destroy(steal(&upload->writer));
}

static bool is_of_peer(const struct upload *upload, struct bytes peer)
{
    return upload->writer && upload->peer_size == peer.size
           && memcmp(upload->peer, peer.data, peer.size) == 0;
}

struct upload *uploads_find(struct uploads *uploads, struct bytes peer, uint64_t id)
{
    for (size_t i = 0; i < uploads->max; i++) {
        struct upload *upload = &uploads->entries[i];

        if (upload->id == id && is_of_peer(upload, peer))
            return upload;
    }
    return NULL;
}

struct upload *uploads_find_object(struct uploads *uploads, const char *digest)
{
    for (size_t i = 0; i < uploads->max; i++) {
        struct upload *upload = &uploads->entries[i];

        if (upload->writer && object_writer_is_kept(upload->writer)
            && strcmp(upload->digest, digest) == 0)
            return upload;
    }
    return NULL;
}

struct upload *uploads_next(struct uploads *uploads, struct upload *after)
{
    struct upload *end = uploads->entries + uploads->max;

    for (struct upload *at = after ? after + 1 : uploads->entries; at < end; at++)
        if (at->writer)
            return at;
    return NULL;
}

static struct upload *free_entry(struct uploads *uploads, struct bytes peer,
                                 struct err *err)
{
    struct upload *free_one = NULL;
    size_t count = 0;

    for (size_t i = 0; i < uploads->max; i++) {
        if (!uploads->entries[i].writer)
            free_one = &uploads->entries[i];
        count += is_of_peer(&uploads->entries[i], peer);
    }
    if (count >= uploads->peer_max) {
        err_set(err, RC_FULL, "%zu uploads of this client are in progress: end one first",
                count);
        return NULL;
    }
    if (!free_one)
        err_set(err, RC_FULL, "%zu uploads are in progress: try again in a moment",
                uploads->max);
    return free_one;
}

/* Where somebody else is at the same object, or what is there cannot be hashed now, a
 * file of its own from the start. */
static enum rc writer_begin(struct uploads *uploads, struct objects *objects,
                            const struct bulk_message *put, struct object_writer **writer,
                            struct err *err)
{
    scoped(object_writer) self = NULL;
    enum rc rc = RC_CONFLICT;

    if (put->may_resume && !put->has_data)
        rc = object_writer_resume(objects, put->digest, uploads->wake_fd, &self, err);
    if (rc == RC_CONFLICT || rc == RC_FULL)
        rc = object_writer_create(objects, &self, err);
    if (rc == RC_OK && object_writer_size(self) > put->size)
        rc = object_writer_restart(self, err);
    if (rc == RC_OK)
        *writer = steal(&self);
    return rc;
}

enum rc uploads_begin(struct uploads *uploads, struct objects *objects, struct bytes peer,
                      const struct bulk_message *put, uint64_t now_ms,
                      struct upload **upload, struct err *err)
{
    struct upload *earlier = uploads_find(uploads, peer, put->id);

    must(peer.size <= BULK_IDENTITY_MAX);
    if (earlier)
        upload_leave(earlier);
    uploads_leave_stale(uploads, now_ms);

    struct upload *self = free_entry(uploads, peer, err);
    if (!self)
        return RC_FULL;
    enum rc rc = writer_begin(uploads, objects, put, &self->writer, err);
    if (rc != RC_OK)
        return rc;
    memcpy(self->digest, put->digest, sizeof self->digest);
    self->id = put->id;
    self->size = put->size;
    self->received = object_writer_size(self->writer);
    self->moved_ms = now_ms;
    self->is_behind = object_writer_is_behind(self->writer);
    memcpy(self->peer, peer.data, peer.size);
    self->peer_size = peer.size;
    *upload = self;
    return RC_OK;
}

void uploads_leave_stale(struct uploads *uploads, uint64_t now_ms)
{
    for (struct upload *upload = NULL; (upload = uploads_next(uploads, upload));)
        if (!upload->is_behind && now_ms - upload->moved_ms > UPLOAD_STALE_MS)
            upload_leave(upload);
}
