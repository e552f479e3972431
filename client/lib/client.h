/* client.h - what the files of libsluice share. Not installed. */
#pragma once

#include "broker/artifacts/bulk.h"
#include "broker/link/link.h"
#include "client/lib/sluice.h"
#include "codecs/wire/message.h"

_Static_assert((int)SLUICE_CORRUPT == (int)RC_CORRUPT, "the codes are the same");
_Static_assert((int)SLUICE_FULL == (int)RC_FULL, "the codes are the same");
_Static_assert(sizeof(struct sluice_error) == sizeof(struct err), "the same layout");
_Static_assert(offsetof(struct sluice_error, text) == offsetof(struct err, text),
               "the same layout");
_Static_assert((int)SLUICE_STATUS == (int)STREAM_STATUS, "the streams are the same");

enum { TIMEOUT_DEFAULT_MS = 10000 };

struct sluice {
    void *context, *requests;
    struct bulk_client *bulk; /* NULL until it is needed */
    uint32_t timeout_ms;
    uint32_t protocol;    /* of the last status; before it, our lowest */
    uint64_t message_max; /* bytes; of the last status; 0: not told */
    uint64_t last_id;
    char endpoint[ENDPOINT_MAX], bulk_endpoint[ENDPOINT_MAX],
        events_endpoint[ENDPOINT_MAX];
    char *folder;       /* .sluice of a private broker, else NULL */
    struct arena *info; /* of the last status */
};

/* The caller's error, or one to write into when there is none. */
static inline struct err *error_or(struct sluice_error *error, struct err *own)
{
    return error ? (struct err *)error : own;
}

struct reply { /* of the broker; body borrows from message */
    struct link_message message;
    const void *body;
    size_t size;
    enum message_type type;
};
void reply_fini(struct reply *reply); /* a zeroed struct is fine */
#define scoped_reply __attribute__((cleanup(reply_fini))) struct reply

int64_t sluice_now_ms(void); /* a monotonic clock */

/* The two halves of a call, for who has several on their way. The request's number is
 * sluice->last_id; the number of what is received is that of the request it answers,
 * which may be an earlier one. RC_UNREACHABLE: nothing came until then. reply_fini the
 * reply. */
NODISCARD enum rc sluice_send(struct sluice *sluice, enum message_type type,
                              const struct request *request, struct err *err);
NODISCARD enum rc sluice_receive(struct sluice *sluice, int64_t until_ms,
                                 struct reply *reply, uint64_t *id, struct err *err);
/* RC_OK: the answer is ok; else what it says. */
NODISCARD enum rc reply_verdict(const struct reply *reply, struct err *err);

/* Asks for status, and agrees on a protocol by it. */
NODISCARD enum rc sluice_greet(struct sluice *sluice, struct reply *reply,
                               struct err *err);
/* Where the broker speaks another protocol by now, it is greeted anew, and asked again.
 */
NODISCARD enum rc sluice_call(struct sluice *sluice, enum message_type type,
                              const struct request *request, struct reply *reply,
                              struct err *err);
NODISCARD enum rc sluice_bulk(struct sluice *sluice, struct bulk_client **bulk,
                              struct err *err);
struct sluice *sluice_create(const char *endpoint, uint32_t timeout_ms, struct err *err);

/* The run that an answer names. */
NODISCARD enum rc reply_run(const struct reply *reply, uint64_t *run, struct err *err);
/* One value of a reply's map, found by key; a reader that fails if it is not there. */
struct reader reply_field(const struct reply *reply, const char *key);
