/* outbox.h - what a turn will say once it is committed.
 *
 * Messages wait here until outbox_send; when the commit fails, outbox_fail turns every
 * answer into an error and drops the rest. Bytes are kept in one growing buffer.
 * Single-threaded. */
#pragma once

#include "broker/unread.h"
#include "codecs/wire/message.h"

struct outbox_entry {
    size_t identity, identity_size, header_size,
        body_size; /* identity: offset into bytes */
    uint32_t protocol;
    uint64_t id;
    bool is_event, is_reply;
};

struct outbox {
    struct buf bytes;
    struct outbox_entry *entries;
    size_t count, capacity;
    struct unread *answers, *tellings; /* borrowed; what clients and nodes have to read */
    size_t full;      /* bytes: no further message is to be taken in this turn */
    uint64_t dropped; /* messages that a peer's full queue refused */
};

/* Whether something did not fit or there was no memory for it: the turn must not be
 * committed, and outbox_fail be called. outbox_send would send nothing. */
bool outbox_has_overflowed(const struct outbox *outbox);
/* Whether so much waits already that nothing more should be asked for in this turn. */
bool outbox_is_full(const struct outbox *outbox);
void outbox_init(struct outbox *outbox, struct unread *answers, struct unread *tellings,
                 size_t full);
void outbox_fini(struct outbox *outbox);
/* To a peer of the request socket. is_reply: answers the request with the header's id. */
void outbox_add(struct outbox *outbox, const void *identity, size_t identity_size,
                const struct message_header *header, bool is_reply,
                const struct buf *body);
/* To all subscribers of topic. */
void outbox_event(struct outbox *outbox, const char *topic, const struct buf *body);
void outbox_fail(struct outbox *outbox, const struct err *err);
/* Sends everything and is empty then. An answer that is too much for a client that does
 * not read becomes an error. A peer that is gone or full is skipped and counted:
 * requests are repeated, nodes rejoin, events are fetched by number, so nobody is left
 * wrong. */
void outbox_send(struct outbox *outbox, void *requests, void *events);
