/* bulk_small.c - a client's small objects, many in one message, several messages on their
 * way. Which objects go into which message is settled before by their sizes. */
#include "broker/artifacts/bulk_call.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_OBJECTS = 2000 /* in one message: their digests are most of it */ };

struct batch {
    size_t first, end; /* of the items; end 0: free */
    uint64_t id;
};

struct exchange {
    struct bulk_client *client;
    const struct bulk_small *items;
    size_t count, next;
    const char **digests; /* of all items, in a row */
    struct batch batches[BULK_WINDOW];
    unsigned open;
    uint64_t bytes, done_bytes;
};

static uint64_t size_of(const struct exchange *self, size_t i)
{
    uint64_t size = self->items[i].size;

    return PACK_HEAD + (size < OBJECT_SMALL_MAX ? size : OBJECT_SMALL_MAX);
}

/* The next items that fit into one message; reserve: room that stays free. */
static struct batch *batch_next(struct exchange *self, uint64_t reserve)
{
    struct batch *batch = self->batches;
    uint64_t size = reserve;
    size_t end = self->next;

    while (batch->end)
        batch++;
    while (end < self->count && end - self->next < BATCH_OBJECTS
           && (end == self->next || size + size_of(self, end) <= BULK_CHUNK_BYTES))
        size += size_of(self, end++);
    *batch = (struct batch){ self->next, end, ++self->client->last_id };
    self->next = end;
    self->open++;
    return batch;
}

static struct batch *batch_of(struct exchange *self, uint64_t id)
{
    for (size_t i = 0; i < BULK_WINDOW; i++)
        if (self->batches[i].end && self->batches[i].id == id)
            return &self->batches[i];
    return NULL;
}

/* Waits for the answer to any batch on its way. */
static enum rc batch_wait(struct exchange *self, enum bulk_type type,
                          struct answer *answer, struct batch **batch, struct err *err)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < BULK_WINDOW; i++)
        if (self->batches[i].end && self->batches[i].id < first)
            first = self->batches[i].id;

    enum rc rc =
        call_wait(self->client, first, self->client->last_id, type, type, answer, err);

    if (rc != RC_OK)
        return rc;
    *batch = batch_of(self, answer->message.id);
    if (!*batch) {
        answer_fini(answer);
        return err_set(err, RC_PROTOCOL, "%s: an answer twice", self->client->endpoint);
    }
    self->open--;
    return RC_OK;
}

static enum rc exchange_begin(struct exchange *self, struct err *err)
{
    self->digests = calloc(self->count + 1, sizeof *self->digests);
    if (!self->digests)
        return err_set(err, RC_NO_MEMORY, "no memory for %zu objects", self->count);
    for (size_t i = 0; i < self->count; i++) {
        const char *digest = self->items[i].digest;

        if (!digest_is_valid(digest, strlen(digest)))
            return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
        self->digests[i] = digest;
        self->bytes += self->items[i].size;
    }
    return RC_OK;
}

static enum rc batch_put(struct exchange *self, const struct batch *batch, char *room,
                         bulk_small_read *read, void *context, struct err *err)
{
    struct bulk_message put = { .type = BULK_PUT_PACK,
                                .id = batch->id,
                                .digests = self->digests + batch->first,
                                .digest_count = batch->end - batch->first,
                                .has_data = true };
    size_t used = 0;

    for (size_t i = batch->first; i < batch->end; i++) {
        if (self->items[i].size > OBJECT_SMALL_MAX)
            return err_set(err, RC_INVALID, "%s is not small", self->digests[i]);
        pack_head_write(room + used, (uint32_t)self->items[i].size);

        enum rc rc = read(context, i, room + used + PACK_HEAD, err);

        if (rc != RC_OK)
            return rc;
        used += PACK_HEAD + (size_t)self->items[i].size;
    }
    put.data = (struct bytes){ room, used };
    return call_send(self->client, &put, err);
}

enum rc bulk_put_small(struct bulk_client *client, const struct bulk_small *items,
                       size_t count, bulk_small_read *read, bulk_progress *progress,
                       void *context, struct err *err)
{
    struct exchange self = { .client = client, .items = items, .count = count };
    char *room = malloc(BULK_CHUNK_BYTES);
    enum rc rc = room ? exchange_begin(&self, err)
                      : err_set(err, RC_NO_MEMORY, "no memory for small files");

    while (rc == RC_OK && (self.next < count || self.open > 0)) {
        scoped_answer answer = { 0 };
        struct batch *batch;

        while (rc == RC_OK && self.next < count && self.open < BULK_WINDOW)
            rc = batch_put(&self, batch_next(&self, 0), room, read, context, err);
        if (rc == RC_OK)
            rc = batch_wait(&self, BULK_STORED, &answer, &batch, err);
        for (size_t i = rc == RC_OK ? batch->first : 0; rc == RC_OK && i < batch->end;
             i++)
            self.done_bytes += items[i].size;
        if (rc == RC_OK)
            batch->end = 0;
        if (rc == RC_OK && progress)
            progress(context, self.done_bytes, self.bytes);
    }
    free(self.digests);
    free(room);
    return rc;
}

static enum rc batch_get(struct exchange *self, const struct batch *batch,
                         struct err *err)
{
    struct bulk_message get = { .type = BULK_GET_PACK,
                                .id = batch->id,
                                .digests = self->digests + batch->first,
                                .digest_count = batch->end - batch->first };

    return call_send(self->client, &get, err);
}

/* Gives what came; what did not fit into the answer is asked for again. */
static enum rc batch_take(struct exchange *self, struct batch *batch, struct bytes data,
                          struct object_small *given, bulk_small_take *take,
                          void *context, struct err *err)
{
    struct bytes bytes;
    size_t count = 0, i = batch->first;

    for (; i < batch->end && pack_next(&data, &bytes); i++)
        if (bytes.data && bytes.size <= OBJECT_SMALL_MAX)
            given[count++] =
                (struct object_small){ self->digests[i], bytes.data, bytes.size };
    if (data.size > 0 || i == batch->first)
        return err_set(err, RC_PROTOCOL, "%s: wrong bytes of small objects",
                       self->client->endpoint);

    enum rc rc = count > 0 ? take(context, given, count, err) : RC_OK;

    batch->first = i;
    if (rc != RC_OK || i == batch->end) {
        batch->end = 0;
        return rc;
    }
    batch->id = ++self->client->last_id;
    self->open++;
    return batch_get(self, batch, err);
}

enum rc bulk_get_small(struct bulk_client *client, const struct bulk_small *items,
                       size_t count, bulk_small_take *take, void *context,
                       struct err *err)
{
    struct exchange self = { .client = client, .items = items, .count = count };
    struct object_small *given = calloc(BATCH_OBJECTS, sizeof *given);
    enum rc rc = given ? exchange_begin(&self, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for small files");

    while (rc == RC_OK && (self.next < count || self.open > 0)) {
        scoped_answer answer = { 0 };
        struct batch *batch;

        while (rc == RC_OK && self.next < count && self.open < BULK_WINDOW)
            rc = batch_get(&self, batch_next(&self, OBJECT_SMALL_MAX), err);
        if (rc == RC_OK)
            rc = batch_wait(&self, BULK_PACK, &answer, &batch, err);
        if (rc == RC_OK)
            rc = batch_take(&self, batch, answer.message.data, given, take, context, err);
    }
    free(self.digests);
    free(given);
    return rc;
}
