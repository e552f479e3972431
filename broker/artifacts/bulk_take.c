/* bulk_take.c - the server's side of uploads.
 *
 * An upload that may be resumed is written into a file that is named by its digest and
 * stays when the upload breaks off, whoever sends it, so also another client can go on
 * with it. Nobody's bytes are believed: a part with wrong ones gives a wrong digest at
 * the end and is removed, and its client begins anew. */
#include "broker/artifacts/bulk_server.h"

#include <string.h>

/* The upload has all its bytes. */
static void upload_finish(struct bulk_server *self, const struct request *request,
                          struct upload *upload)
{
    struct err err;
    enum rc rc =
        object_writer_commit(steal(&upload->writer), upload->digest, NULL, NULL, &err);

    if (rc == RC_OK)
        bulk_answer(self, request, (struct bulk_message){ .type = BULK_STORED });
    else
        bulk_answer_error(self, request, &err);
}

static void upload_go_on(struct bulk_server *self, const struct request *request,
                         const struct upload *upload)
{
    bulk_answer(self, request,
                (struct bulk_message){ .type = BULK_GO_ON,
                                       .received = upload->received,
                                       .window = BULK_WINDOW });
}

/* Takes bytes that fit; answers in any case. */
static void upload_take(struct bulk_server *self, const struct request *request,
                        struct upload *upload, struct bytes data)
{
    struct err err;
    enum rc rc = object_writer_add(upload->writer, data.data, data.size, &err);

    if (rc != RC_OK) {
        upload_drop(upload);
        bulk_answer_error(self, request, &err);
        return;
    }
    upload->received += data.size;
    upload->moved_ms = pump_now_ms();
    if (upload->received == upload->size)
        upload_finish(self, request, upload);
    else
        upload_go_on(self, request, upload);
}

/* What was there and what came is hashed. */
static void upload_ready(struct bulk_server *self, const struct request *request,
                         struct upload *upload)
{
    upload->is_behind = false;
    upload->moved_ms = pump_now_ms();
    if (upload->received == upload->size)
        upload_finish(self, request, upload);
    else
        upload_go_on(self, request, upload);
}

static struct request request_of(const struct upload *upload)
{
    return (struct request){ { upload->peer, upload->peer_size }, { .id = upload->id } };
}

/* Whether somebody is there to hear that something is coming. */
static bool upload_comfort(struct bulk_server *self, const struct upload *upload)
{
    struct bulk_message coming = { .type = BULK_COMING, .id = upload->id };
    struct err ignored;

    return bulk_send(self->socket, request_of(upload).peer, &coming, &ignored)
           != RC_UNREACHABLE;
}

/* The client of an upload whose connection broke may be back under another name. */
static void upload_free(struct bulk_server *self, const char *digest)
{
    struct upload *upload = uploads_find_object(self->uploads, digest);

    if (upload && !upload_comfort(self, upload))
        upload_leave(upload);
}

void bulk_take_put(struct bulk_server *self, struct request *request)
{
    const struct bulk_message *put = &request->message;
    struct upload *upload;
    uint64_t size;
    struct err err;

    if (put->has_data && put->data.size != put->size) {
        err_set(&err, RC_INVALID, "PUT of %llu bytes carries %zu",
                (unsigned long long)put->size, put->data.size);
        bulk_answer_error(self, request, &err);
        return;
    }
    if (objects_use(self->objects, put->digest, &size) && size == put->size) {
        bulk_answer(self, request, (struct bulk_message){ .type = BULK_STORED });
        return;
    }
    if (put->may_resume)
        upload_free(self, put->digest);
    if (uploads_begin(self->uploads, self->objects, request->peer, put, pump_now_ms(),
                      &upload, &err)
        != RC_OK)
        bulk_answer_error(self, request, &err);
    else if (put->has_data)
        upload_take(self, request, upload, put->data);
    else if (!upload->is_behind)
        upload_ready(self, request, upload);
}

void bulk_take_woken(struct bulk_server *self)
{
    for (struct upload *upload = NULL; (upload = uploads_next(self->uploads, upload));) {
        struct request request = request_of(upload);

        if (upload->is_behind && !object_writer_is_behind(upload->writer))
            upload_ready(self, &request, upload);
    }
}

void bulk_take_tick(struct bulk_server *self, uint64_t now_ms)
{
    uploads_leave_stale(self->uploads, now_ms);
    bulk_take_woken(self);
    for (struct upload *upload = NULL; (upload = uploads_next(self->uploads, upload));)
        if (upload->is_behind && !upload_comfort(self, upload))
            upload_leave(upload);
    if (now_ms < self->parts_ms)
        return;
    objects_trim_parts(self->objects, uploads_max(self->uploads));
    self->parts_ms = now_ms + PARTS_TRIM_MS;
}

void bulk_take_data(struct bulk_server *self, struct request *request)
{
    const struct bulk_message *put = &request->message;
    struct upload *upload = uploads_find(self->uploads, request->peer, put->id);
    struct err err;

    if (!upload) {
        err_set(&err, RC_NOT_FOUND,
                "no upload %llu is in progress: it failed, or was given up after %d s "
                "without a byte; begin again with PUT",
                (unsigned long long)put->id, UPLOAD_STALE_MS / 1000);
        bulk_answer_error(self, request, &err);
        return;
    }
    if (upload->is_behind || put->data.size == 0 || put->offset != upload->received
        || put->data.size > upload->size - upload->received) {
        err_set(&err, RC_INVALID,
                "PUT_DATA of %zu bytes at %llu: the next of %llu bytes is %llu",
                put->data.size, (unsigned long long)put->offset,
                (unsigned long long)upload->size, (unsigned long long)upload->received);
        upload_drop(upload);
        bulk_answer_error(self, request, &err);
        return;
    }
    upload_take(self, request, upload, put->data);
}

void bulk_take_stop(struct bulk_server *self, struct request *request)
{
    struct upload *upload =
        uploads_find(self->uploads, request->peer, request->message.id);

    if (upload)
        upload_drop(upload);
}
