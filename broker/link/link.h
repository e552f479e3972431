/* link.h - sockets as every party of sluice uses them, over libzmq.
 *
 * Sets the options that the protocol relies on (linger, high water marks, mandatory
 * routing, handshake and heartbeat intervals, largest message), and frames messages as a
 * msgpack header and a body. A link belongs to one thread. */
#pragma once

#include "codecs/base/buf.h"

enum {
    LINK_MESSAGE_MAX = 64 << 20, /* bytes of one frame that a peer may send */
    LINK_QUEUE_MAX = 10000,      /* messages queued for one peer */
};

/* For a program that moves files, once at its start: the memory of a message is used
 * again for the next. Else the C library maps and clears new pages for each piece of a
 * file, which costs about as much as hashing it. A process keeps a few MiB more for it.
 */
void link_keep_memory(void);

/* Connects or binds need a file for ipc://. Socket paths are limited by the kernel to 107
 * bytes; for a longer path this gives an equivalent endpoint through /proc/self/fd (the
 * folder stays open until the process ends). endpoint must not be freed while it is used;
 * out has ENDPOINT_MAX bytes. */
enum { ENDPOINT_MAX = 512 };
NODISCARD enum rc link_ipc_endpoint(const char *folder, const char *name,
                                    char out[ENDPOINT_MAX], struct err *err);
/* Whether the endpoint is ipc:// or a loopback address, which need no encryption. */
bool link_is_local(const char *endpoint);
/* RC_DENIED unless the endpoint is local or is_insecure. what: whose it is, for the text
 * ("the broker", "listen.requests"). */
NODISCARD enum rc link_check(const char *what, const char *endpoint, bool is_insecure,
                             struct err *err);

/* The endpoint with another host; ipc:// endpoints stay as they are. */
void link_with_host(const char *endpoint, const char *host, char out[ENDPOINT_MAX]);
/* What a broker told, for somebody who reached it at used: a host that stands for every
 * address (*, 0.0.0.0, [::]) becomes the one that was used. */
void link_seen_from(const char *told, const char *used, char out[ENDPOINT_MAX]);
/* Where a socket that was bound to configured listens: the same, but for "tcp://HOST:*",
 * where the system chose the port. */
void link_bound(void *socket, const char *configured, char out[ENDPOINT_MAX]);

/* A libzmq socket of the given type (ZMQ_ROUTER ...) with our options set, bound or
 * connected. Bind: RC_CONFLICT when the endpoint is taken, also for ipc://, where a
 * socket file that nobody listens on is replaced; RC_INVALID for a wrong endpoint.
 * Connect returns at once and goes on trying by itself: what is sent before the
 * connection is there waits for it. identity NULL: the peer makes one up. */
NODISCARD enum rc link_bind(void *zmq_context, int type, const char *endpoint,
                            void **socket, struct err *err);
NODISCARD enum rc link_connect(void *zmq_context, int type, const char *endpoint,
                               const char *identity, void **socket, struct err *err);
/* NULL is fine; waits for nothing, drops what was not sent. libzmq gives a bound endpoint
 * back some time later, and only zmq_ctx_term tells when. */
void link_close(void *socket);

/* The same with other bounds, for sockets whose messages are large. */
struct link_bounds {
    int queue_max;   /* messages queued for one peer, each way; LINK_QUEUE_MAX */
    int receive_max; /* from one peer, if not as many; the peer is slowed. 0: as many */
    int64_t message_max; /* bytes of one frame; LINK_MESSAGE_MAX */
};
NODISCARD enum rc link_bind_bounded(void *zmq_context, int type, const char *endpoint,
                                    struct link_bounds bounds, void **socket,
                                    struct err *err);
NODISCARD enum rc link_connect_bounded(void *zmq_context, int type, const char *endpoint,
                                       const char *identity, struct link_bounds bounds,
                                       void **socket, struct err *err);

enum { LINK_FRAMES_MAX = 8 };
struct link_frame {
    const void *data;
    size_t size;
};
/* Sends all frames as one message, never blocking. RC_FULL: the peer's queue is full;
 * RC_UNREACHABLE: a ROUTER knows no such peer. */
NODISCARD enum rc link_send(void *socket, const struct link_frame *frames, size_t count,
                            struct err *err);
/* The same, but the bytes of the last frame are not copied: they are given, and release
 * is called with them and owner once they are not needed any more, on any thread, and in
 * any case, also when the message was not sent. */
typedef void link_release(void *bytes, void *owner);
NODISCARD enum rc link_send_given(void *socket, const struct link_frame *frames,
                                  size_t count, void *bytes, link_release *release,
                                  void *owner, struct err *err);
/* Receives one whole message without blocking; frames point into message until link_free.
 * RC_NOT_FOUND: nothing there. More frames than LINK_FRAMES_MAX: RC_PROTOCOL, message
 * dropped. */
struct link_message {
    struct link_frame frames[LINK_FRAMES_MAX];
    size_t count;
    void *owned; /* private */
};
NODISCARD enum rc link_receive(void *socket, struct link_message *message,
                               struct err *err);
void link_free(struct link_message *message);
