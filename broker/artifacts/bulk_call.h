/* bulk_call.h - a bulk client's socket: questions out, their answers in. For the files of
 * this folder only.
 *
 * Every question has a new number, so an answer that comes after its question was given
 * up matches nothing and is skipped. Nothing is sent twice: at a timeout, or when the
 * connection breaks while an answer is awaited, the socket is replaced, with all that
 * still waits in it. */
#pragma once

#include "broker/artifacts/bulk_wire.h"

struct bulk_client {
    void *zmq_context; /* borrowed */
    char *endpoint;
    uint32_t timeout_ms;
    void *socket;     /* NULL after a failure to connect again */
    void *monitor;    /* tells when the connection breaks; there with the socket */
    uint64_t open;    /* questions sent on this socket without an answer yet */
    uint64_t sockets; /* made so far */
    uint64_t last_id;
    unsigned char *chunk; /* BULK_CHUNK_BYTES; NULL until a file is read */
};

/* What came back; message borrows from raw. */
struct answer {
    struct link_message raw;
    struct bulk_message message;
};
void answer_fini(struct answer *answer); /* a zeroed struct is fine */
#define scoped_answer __attribute__((cleanup(answer_fini))) struct answer

/* Gives the connection up, with all that still waits in it. The next call makes another.
 */
void call_disconnect(struct bulk_client *client);
/* Sends; waits for room in the queue. message->id is set by the caller. */
NODISCARD enum rc call_send(struct bulk_client *client,
                            const struct bulk_message *message, struct err *err);
/* Waits for an answer to one of the questions first..last. An ERROR becomes this call's
 * failure; so does an answer that is neither of type one nor of type other. */
NODISCARD enum rc call_wait(struct bulk_client *client, uint64_t first, uint64_t last,
                            enum bulk_type one, enum bulk_type other,
                            struct answer *answer, struct err *err);
/* Sends message under a new number and waits for the answer. */
NODISCARD enum rc call(struct bulk_client *client, struct bulk_message *message,
                       enum bulk_type one, enum bulk_type other, struct answer *answer,
                       struct err *err);
