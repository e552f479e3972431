/* outbox.c - offsets instead of pointers, because the bytes move while they grow. */
#include "broker/outbox.h"

#include <stdlib.h>
#include <string.h>

enum {
    OUTBOX_BYTES_MAX = 1 << 30,  /* room for what one message can still cause */
    OUTBOX_BYTES_KEPT = 8 << 20, /* memory that is kept from turn to turn */
};

bool outbox_has_overflowed(const struct outbox *outbox)
{
    return !buf_ok(&outbox->bytes);
}

bool outbox_is_full(const struct outbox *outbox)
{
    return outbox->bytes.size >= outbox->full;
}

void outbox_init(struct outbox *outbox, struct unread *answers, struct unread *tellings,
                 size_t full)
{
    *outbox = (struct outbox){ .answers = answers, .tellings = tellings, .full = full };
    buf_init(&outbox->bytes, OUTBOX_BYTES_MAX);
}

void outbox_fini(struct outbox *outbox)
{
    buf_fini(&outbox->bytes);
    free(outbox->entries);
}

/* NULL: the outbox has overflowed, and what is in it will not be sent anyway. */
static struct outbox_entry *entry_add(struct outbox *outbox)
{
    if (outbox_has_overflowed(outbox))
        return NULL;
    if (outbox->count == outbox->capacity) {
        size_t capacity = outbox->capacity ? outbox->capacity * 2 : 64;
        struct outbox_entry *entries =
            reallocarray(outbox->entries, capacity, sizeof *entries);

        if (!entries) {
            outbox->bytes.failed = true;
            return NULL;
        }
        outbox->entries = entries;
        outbox->capacity = capacity;
    }

    struct outbox_entry *entry = &outbox->entries[outbox->count++];

    *entry = (struct outbox_entry){ .identity = outbox->bytes.size };
    return entry;
}

void outbox_add(struct outbox *outbox, const void *identity, size_t identity_size,
                const struct message_header *header, bool is_reply,
                const struct buf *body)
{
    struct outbox_entry *entry = entry_add(outbox);
    size_t before;

    if (!entry)
        return;
    entry->protocol = header->protocol;
    entry->id = header->id;
    entry->is_reply = is_reply;
    buf_add(&outbox->bytes, identity, identity_size);
    entry->identity_size = identity_size;
    before = outbox->bytes.size;
    message_header_encode(&outbox->bytes, header);
    entry->header_size = outbox->bytes.size - before;
    buf_add(&outbox->bytes, body->data, body->size);
    entry->body_size = body->size;
}

/* The header of an error in the place of what was to be sent. */
static struct message_header error_header(const struct outbox_entry *entry)
{
    return (struct message_header){ .protocol = entry->protocol,
                                    .type = MESSAGE_ERROR,
                                    .id = entry->id };
}

void outbox_event(struct outbox *outbox, const char *topic, const struct buf *body)
{
    struct outbox_entry *entry = entry_add(outbox);

    if (!entry)
        return;
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
    size_t known = outbox->bytes.size;

    outbox_init(&failed, outbox->answers, outbox->tellings, outbox->full);
    failed.dropped = outbox->dropped;
    buf_init(&body, 0);
    message_error_encode(&body, err);
    for (size_t i = 0; i < outbox->count; i++) {
        const struct outbox_entry *entry = &outbox->entries[i];
        struct message_header header = error_header(entry);

        /* Of the one that did not fit, the identity may be missing. */
        if (entry->is_reply && entry->identity + entry->identity_size <= known)
            outbox_add(&failed, outbox->bytes.data + entry->identity,
                       entry->identity_size, &header, true, &body);
    }
    outbox_fini(outbox);
    *outbox = failed;
}

/* Instead of an answer that is too much for the client. */
static enum rc refuse(void *requests, const struct link_frame *identity,
                      const struct outbox_entry *entry, struct err *why)
{
    struct message_header error = error_header(entry);
    scoped_buf header = { 0 };
    scoped_buf body = { 0 };

    message_header_encode(&header, &error);
    message_error_encode(&body, why);

    struct link_frame frames[3] = { *identity,
                                    { header.data, header.size },
                                    { body.data, body.size } };

    return link_send(requests, frames, 3, why);
}

static enum rc answer(struct outbox *outbox, void *requests,
                      const struct link_frame frames[3], const struct outbox_entry *entry)
{
    struct err err;
    enum rc rc = unread_send(outbox->answers, requests, frames, &err);

    return rc == RC_NO_MEMORY || (rc == RC_FULL && err.sys == 0)
               ? refuse(requests, &frames[0], entry, &err)
               : rc;
}

void outbox_send(struct outbox *outbox, void *requests, void *events)
{
    if (outbox_has_overflowed(
            outbox)) { /* no room even for errors: requests are repeated */
        outbox->dropped += outbox->count;
        outbox->count = 0;
    }
    for (size_t i = 0; i < outbox->count; i++) {
        const struct outbox_entry *entry = &outbox->entries[i];
        const unsigned char *at = outbox->bytes.data + entry->identity;
        struct link_frame frames[3] = {
            { at, entry->identity_size },
            { at + entry->identity_size, entry->header_size },
            { at + entry->identity_size + entry->header_size, entry->body_size },
        };
        struct err err;
        enum rc rc = entry->is_event ? link_send(events, frames + 1, 2, &err)
                     : entry->is_reply
                         ? answer(outbox, requests, frames, entry)
                         : unread_tell(outbox->tellings, requests, frames, &err);

        if (rc != RC_OK)
            outbox->dropped++;
    }
    outbox->count = 0;
    buf_clear(&outbox->bytes);
    if (outbox->bytes.capacity > OUTBOX_BYTES_KEPT) {
        buf_fini(&outbox->bytes);
        buf_init(&outbox->bytes, OUTBOX_BYTES_MAX);
    }
}
