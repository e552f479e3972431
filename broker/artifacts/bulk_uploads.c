/* bulk_uploads.c - a plain array: it is small, and looked through once per chunk. */
#include "broker/artifacts/bulk_uploads.h"

#include <stdlib.h>
#include <string.h>

struct uploads {
    size_t max, peer_max;
    struct upload entries[]; /* max of them */
};

struct uploads *uploads_create(size_t max, size_t peer_max)
{
    struct uploads *self = calloc(1, sizeof *self + max * sizeof self->entries[0]);

    if (self) {
        self->max = max;
        self->peer_max = peer_max;
    }
    return self;
}

void uploads_destroy(struct uploads *uploads)
{
    if (!uploads)
        return;
    for (size_t i = 0; i < uploads->max; i++)
        upload_drop(&uploads->entries[i]);
    free(uploads);
}

void upload_drop(struct upload *upload)
{
    object_writer_destroy(upload->writer);
    upload->writer = NULL;
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

enum rc uploads_begin(struct uploads *uploads, struct objects *objects, struct bytes peer,
                      const struct bulk_message *put, uint64_t now_ms,
                      struct upload **upload, struct err *err)
{
    struct upload *earlier = uploads_find(uploads, peer, put->id);

    must(peer.size <= BULK_IDENTITY_MAX);
    if (earlier)
        upload_drop(earlier);
    uploads_drop_stale(uploads, now_ms);

    struct upload *self = free_entry(uploads, peer, err);
    if (!self)
        return RC_FULL;
    enum rc rc = object_writer_create(objects, &self->writer, err);
    if (rc != RC_OK)
        return rc;
    memcpy(self->digest, put->digest, sizeof self->digest);
    self->id = put->id;
    self->size = put->size;
    self->received = 0;
    self->moved_ms = now_ms;
    memcpy(self->peer, peer.data, peer.size);
    self->peer_size = peer.size;
    *upload = self;
    return RC_OK;
}

void uploads_drop_stale(struct uploads *uploads, uint64_t now_ms)
{
    for (size_t i = 0; i < uploads->max; i++) {
        struct upload *upload = &uploads->entries[i];

        if (upload->writer && now_ms - upload->moved_ms > UPLOAD_STALE_MS)
            upload_drop(upload);
    }
}
