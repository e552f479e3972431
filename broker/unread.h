/* unread.h - how many bytes wait for peers that do not read.
 *
 * libzmq bounds the queue to one peer in messages, and an answer may have 64 MiB. So the
 * large ones are counted here, from the moment that they are given to libzmq until it is
 * done with them. A client that lets too many wait gets an error instead of the answer;
 * others do not notice. Answers below UNREAD_SMALL bytes are bounded well enough by the
 * length of the queue.
 *
 * Messages to nodes are counted in a table of their own, and go whatever waits: what a
 * node is given must not be left out. Instead, a node for which too much waits is not
 * listened to where it asks for more (nodes.c). */
#pragma once

#include "broker/link/link.h"

enum {
    UNREAD_SMALL = 4096,
    UNREAD_PEER_COUNT = 64, /* large answers that wait for one client */
    UNREAD_COUNT = 4096,    /* and for all of them: 64 clients that do not read */
    UNREAD_PEERS = 16,      /* all of them may have so many times what one may */
};

/* Belongs to one thread; libzmq gives bytes back on its own. */
struct unread;
struct unread *unread_create(size_t peer_bytes_max); /* NULL: no memory */
/* Only after zmq_ctx_term. NULL is fine. */
void unread_destroy(struct unread *self);
SCOPED(unread)
void unread_configure(struct unread *self, size_t peer_bytes_max);

/* Sends an answer: identity, header, body. RC_FULL with err->sys 0: too much waits for
 * the client, and nothing was said; the text is for the client. One answer always goes to
 * a client for whom nothing waits, however large it is. Else as link_send. */
NODISCARD enum rc unread_send(struct unread *self, void *socket,
                              const struct link_frame frames[3], struct err *err);
/* Sends whatever waits, and counts it. As link_send. */
NODISCARD enum rc unread_tell(struct unread *self, void *socket,
                              const struct link_frame frames[3], struct err *err);
/* Whether so much waits for the peer that it should read first. */
bool unread_is_full(struct unread *self, const void *identity, size_t size);
