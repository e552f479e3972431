/* outbox.c - offsets instead of pointers, because the bytes move while they grow. */
#include "broker/outbox.h"

#include <stdlib.h>
#include <string.h>

enum {
    OUTBOX_BYTES_FULL = 128 << 20, /* no further message is taken in this turn */
    OUTBOX_BYTES_MAX = 1 << 30,    /* room for what one message can still cause */
};

bool outbox_has_overflowed(const struct outbox *outbox)
{
    return !buf_ok(&outbox->bytes);
}

bool outbox_is_full(const struct outbox *outbox)
{
    return outbox->bytes.size >= OUTBOX_BYTES_FULL;
}

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){ 0 };
    buf_init(&outbox->bytes, OUTBOX_BYTES_MAX);
}

void outbox_fini(struct outbox *outbox)
{
    buf_fini(&outbox->bytes);
    free(outbox->entries);
}

static struct outbox_entry *entry_add(struct outbox *outbox)
{
    if (outbox->count == outbox->capacity) {
        outbox->capacity = outbox->capacity ? outbox->capacity * 2 : 64;
        outbox->entries =
            reallocarray(outbox->entries, outbox->capacity, sizeof *outbox->entries);
        must(outbox->entries != NULL);
    }

    struct outbox_entry *entry = &outbox->entries[outbox->count++];

    *entry = (struct outbox_entry){ .identity = outbox->bytes.size };
    return entry;
}

void outbox_add(struct outbox *outbox, const void *identity, size_t identity_size,
                enum message_type type, uint64_t id, bool is_reply,
                const struct buf *body)
{
    struct outbox_entry *entry = entry_add(outbox);
    size_t before;

    entry->id = id;
    entry->is_reply = is_reply;
    buf_add(&outbox->bytes, identity, identity_size);
    entry->identity_size = identity_size;
    before = outbox->bytes.size;
    message_header_encode(&outbox->bytes, type, id);
    entry->header_size = outbox->bytes.size - before;
    buf_add(&outbox->bytes, body->data, body->size);
    entry->body_size = body->size;
}

void outbox_add_in(struct outbox *outbox, const char *node, uint64_t session,
                   enum message_type type, uint64_t id, const struct buf *body)
{
    struct outbox_entry *entry = entry_add(outbox);
    size_t before;

    entry->identity_size = strlen(node);
    buf_add(&outbox->bytes, node, entry->identity_size);
    before = outbox->bytes.size;
    message_header_encode_in(&outbox->bytes, session, type, id);
    entry->header_size = outbox->bytes.size - before;
    buf_add(&outbox->bytes, body->data, body->size);
    entry->body_size = body->size;
}

void outbox_event(struct outbox *outbox, const char *topic, const struct buf *body)
{
    struct outbox_entry *entry = entry_add(outbox);

    entry->is_event = true;
    entry->header_size = strlen(topic);
    buf_text(&outbox->bytes, topic);
    buf_add(&outbox->bytes, body->data, body->size);
    entry->body_size = body->size;
}

void outbox_fail(struct outbox *outbox, const struct err *err)
{
    struct outbox failed;
    scoped_buf body;

    outbox_init(&failed);
    buf_init(&body, 0);
    message_error_encode(&body, err);
    for (size_t i = 0; i < outbox->count; i++) {
        const struct outbox_entry *entry = &outbox->entries[i];

        if (entry->is_reply)
            outbox_add(&failed, outbox->bytes.data + entry->identity,
                       entry->identity_size, MESSAGE_ERROR, entry->id, true, &body);
    }
    outbox_fini(outbox);
    *outbox = failed;
}

void outbox_send(struct outbox *outbox, void *requests, void *events)
{
    for (size_t i = 0; i < outbox->count; i++) {
        const struct outbox_entry *entry = &outbox->entries[i];
        const unsigned char *at = outbox->bytes.data + entry->identity;
        struct link_frame frames[3] = {
            { at, entry->identity_size },
            { at + entry->identity_size, entry->header_size },
            { at + entry->identity_size + entry->header_size, entry->body_size },
        };
        size_t skip = entry->is_event ? 1 : 0;
        struct err err;

        if (link_send(entry->is_event ? events : requests, frames + skip, 3 - skip, &err)
            != RC_OK)
            outbox->dropped++;
    }
    outbox->count = 0;
    buf_clear(&outbox->bytes);
}
