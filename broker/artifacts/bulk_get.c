/* bulk_get.c - a client's download: the first piece tells the size, then a window of
 * questions is kept in flight. Answers may come in any order; they are held until their
 * turn. */
#include "broker/artifacts/bulk_call.h"

#include <string.h>

struct download {
    struct bulk_client *client;
    struct object_writer *writer; /* borrowed */
    char digest[DIGEST_TEXT_SIZE];
    uint64_t first_id;     /* of chunk 0; chunk n is asked for under first_id+n */
    uint64_t base;         /* where chunk 0 begins: the writer had the bytes before */
    uint64_t size, count;  /* bytes and chunks; count is 1 until they are known */
    uint64_t asked, added; /* chunks */
    struct answer held[BULK_WINDOW]; /* chunk n waits in n % BULK_WINDOW */
};

static enum rc chunk_ask(struct download *self, struct err *err)
{
    struct bulk_message get = { .type = BULK_GET,
                                .id = ++self->client->last_id,
                                .offset = self->base + self->asked * BULK_CHUNK_BYTES,
                                .limit = BULK_CHUNK_BYTES };

    memcpy(get.digest, self->digest, sizeof get.digest);
    must(get.id == self->first_id + self->asked);
    self->asked++;
    return call_send(self->client, &get, err);
}

static uint64_t chunk_size(const struct download *self, uint64_t chunk)
{
    uint64_t left = self->size - self->base - chunk * BULK_CHUNK_BYTES;

    return left < BULK_CHUNK_BYTES ? left : BULK_CHUNK_BYTES;
}

/* Waits for any of the chunks in flight and puts it into its place. */
static enum rc chunk_wait(struct download *self, struct err *err)
{
    struct answer answer;
    enum rc rc =
        call_wait(self->client, self->first_id + self->added,
                  self->first_id + self->asked - 1, BULK_DATA, BULK_DATA, &answer, err);

    if (rc != RC_OK)
        return rc;
    uint64_t chunk = answer.message.id - self->first_id;
    struct answer *place = &self->held[chunk % BULK_WINDOW];
    if (chunk == 0) {
        uint64_t left = answer.message.size - self->base;

        self->size = answer.message.size;
        self->count = left / BULK_CHUNK_BYTES + (left % BULK_CHUNK_BYTES > 0);
        self->count = self->count > 0 ? self->count : 1;
    }
    if (self->size < self->base) {
        answer_fini(&answer);
        return err_set(err, RC_CONFLICT, "%s: %s has fewer bytes than are here already",
                       self->client->endpoint, self->digest);
    }
    if (place->raw.owned || answer.message.size != self->size
        || answer.message.data.size != chunk_size(self, chunk)) {
        answer_fini(&answer);
        return err_set(err, RC_PROTOCOL, "%s: wrong bytes of %s", self->client->endpoint,
                       self->digest);
    }
    *place = answer;
    return RC_OK;
}

static enum rc chunks_add(struct download *self, struct err *err)
{
    struct answer *next;
    enum rc rc = RC_OK;

    while (rc == RC_OK && (next = &self->held[self->added % BULK_WINDOW])->raw.owned) {
        struct bytes data = next->message.data;

        rc = object_writer_add(self->writer, data.data, data.size, err);
        answer_fini(next);
        self->added++;
    }
    return rc;
}

static enum rc download_run(struct download *self, bulk_progress *progress, void *context,
                            struct err *err)
{
    while (self->added < self->count) {
        enum rc rc = RC_OK;

        while (rc == RC_OK && self->asked < self->count
               && self->asked - self->added < BULK_WINDOW)
            rc = chunk_ask(self, err);
        if (rc == RC_OK)
            rc = chunk_wait(self, err);
        if (rc == RC_OK)
            rc = chunks_add(self, err);
        if (rc != RC_OK)
            return rc;
        if (progress)
            progress(context, object_writer_size(self->writer), self->size);
    }
    return RC_OK;
}

void bulk_doubt(struct bulk_client *client, const char *digest)
{
    struct bulk_message check = { .type = BULK_CHECK, .id = ++client->last_id };

    if (!client->socket || !digest_is_valid(digest, strlen(digest)))
        return;
    memcpy(check.digest, digest, sizeof check.digest);
    bulk_tell(client->socket, (struct bytes){ 0 }, &check);
}

enum rc bulk_fetch(struct bulk_client *client, const char *digest,
                   struct object_writer *writer, bulk_progress *progress, void *context,
                   struct err *err)
{
    struct download self = { .client = client,
                             .writer = writer,
                             .first_id = client->last_id + 1,
                             .base = object_writer_size(writer),
                             .count = 1 };

    if (!digest_is_valid(digest, strlen(digest)))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    memcpy(self.digest, digest, sizeof self.digest);

    enum rc rc = download_run(&self, progress, context, err);

    for (size_t i = 0; i < BULK_WINDOW; i++)
        answer_fini(&self.held[i]);
    return rc;
}

enum rc bulk_get(struct bulk_client *client, const char *digest, struct objects *objects,
                 bulk_progress *progress, void *context, struct err *err)
{
    scoped(object_writer) writer = NULL;

    if (!digest_is_valid(digest, strlen(digest)))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    if (objects_has(objects, digest, NULL))
        return RC_OK;

    enum rc rc = object_writer_create(objects, &writer, err);

    if (rc == RC_OK)
        rc = bulk_fetch(client, digest, writer, progress, context, err);
    if (rc != RC_OK)
        return rc;
    rc = object_writer_commit(steal(&writer), digest, NULL, NULL, err);
    if (rc == RC_CORRUPT)
        bulk_doubt(client, digest);
    return rc;
}
