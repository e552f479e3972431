/* unread.c - a table of the large answers that libzmq has. The broker's thread fills a
 * slot, a thread of libzmq frees it by setting its size to 0. */
#include "broker/unread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint64_t client;     /* hash of the identity: who shares one shares the limit */
    atomic_size_t *used; /* of the table */
    atomic_size_t size;  /* 0: free */
};

struct unread {
    size_t peer_bytes_max;
    atomic_size_t used; /* slots */
    struct slot slots[UNREAD_COUNT];
};

struct waiting { /* what a look at the table found */
    struct slot *free;
    size_t peer_count, peer_bytes, bytes;
};

struct unread *unread_create(size_t peer_bytes_max)
{
    struct unread *self = calloc(1, sizeof *self);

    if (self)
        self->peer_bytes_max = peer_bytes_max;
    return self;
}

void unread_destroy(struct unread *self)
{
    free(self);
}

void unread_configure(struct unread *self, size_t peer_bytes_max)
{
    self->peer_bytes_max = peer_bytes_max;
}

static struct waiting look(struct unread *self, uint64_t client)
{
    struct waiting found = { 0 };

    for (size_t i = 0; i < UNREAD_COUNT; i++) {
        struct slot *slot = &self->slots[i];
        size_t size = atomic_load(&slot->size);

        if (size == 0) {
            found.free = slot;
            continue;
        }
        found.bytes += size;
        if (slot->client == client) {
            found.peer_count++;
            found.peer_bytes += size;
        }
    }
    return found;
}

static void release(void *bytes, void *owner)
{
    struct slot *slot = owner;

    free(bytes);
    atomic_fetch_sub(slot->used, 1);
    atomic_store(&slot->size, 0);
}

static enum rc send_counted(struct unread *self, void *socket,
                            const struct link_frame frames[3], uint64_t client,
                            struct slot *slot, struct err *err)
{
    const struct link_frame *body = &frames[2];
    struct link_frame given[3] = { frames[0], frames[1], *body };
    void *copy = malloc(body->size);

    if (!copy)
        return err_set(err, RC_NO_MEMORY, "a message of %zu bytes", body->size);
    memcpy(copy, body->data, body->size);
    given[2].data = copy;
    slot->client = client;
    slot->used = &self->used;
    atomic_fetch_add(&self->used, 1);
    atomic_store(&slot->size, body->size);
    return link_send_given(socket, given, 3, copy, release, slot, err);
}

enum rc unread_send(struct unread *self, void *socket, const struct link_frame frames[3],
                    struct err *err)
{
    const struct link_frame *body = &frames[2];
    uint64_t client = bytes_hash(frames[0].data, frames[0].size);
    struct waiting waiting;

    if (body->size < UNREAD_SMALL)
        return link_send(socket, frames, 3, err);
    waiting = look(self, client);
    if (waiting.peer_count == UNREAD_PEER_COUNT
        || (waiting.peer_count > 0
            && waiting.peer_bytes + body->size > self->peer_bytes_max))
        return err_set(err, RC_FULL,
                       "%zu answers with %zu bytes wait for you to read them: read "
                       "before you ask on",
                       waiting.peer_count, waiting.peer_bytes);
    if (!waiting.free
        || (waiting.bytes > 0
            && waiting.bytes + body->size > UNREAD_PEERS * self->peer_bytes_max))
        return err_set(err, RC_FULL,
                       "%zu bytes of answers wait for clients that do not read them: "
                       "try again later",
                       waiting.bytes);
    return send_counted(self, socket, frames, client, waiting.free, err);
}

enum rc unread_tell(struct unread *self, void *socket, const struct link_frame frames[3],
                    struct err *err)
{
    uint64_t client = bytes_hash(frames[0].data, frames[0].size);
    struct slot *slot = frames[2].size < UNREAD_SMALL ? NULL : look(self, client).free;

    return slot ? send_counted(self, socket, frames, client, slot, err)
                : link_send(socket, frames, 3, err);
}

bool unread_is_full(struct unread *self, const void *identity, size_t size)
{
    struct waiting waiting;

    if (atomic_load(&self->used) == 0)
        return false;
    waiting = look(self, bytes_hash(identity, size));
    return waiting.peer_count >= UNREAD_PEER_COUNT
           || waiting.peer_bytes >= self->peer_bytes_max
           || (waiting.peer_count > 0 && !waiting.free);
}
