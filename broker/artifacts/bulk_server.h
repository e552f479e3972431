/* bulk_server.h - the bulk server's state and its answers, for its own files: what it
 * gives and passes on is in bulk_server.c, what it takes in bulk_take.c. */
#pragma once

#include "broker/artifacts/bring.h"
#include "broker/artifacts/bulk_uploads.h"
#include "broker/artifacts/pump.h"

#include <stdatomic.h>

enum { WAITING_MAX = 256, PARTS_TRIM_MS = 60000 };

struct waiting { /* a GET or CHECK of an object that is fetched from a node */
    char peer[BULK_IDENTITY_MAX];
    size_t peer_size; /* 0: free */
    struct bulk_message message;
    uint64_t until_ms; /* asked for again until then */
};

struct bulk_server {
    struct objects *objects; /* borrowed */
    void *socket;            /* the pump's */
    char endpoint[ENDPOINT_MAX];
    struct pump *pump;
    struct uploads *uploads; /* NULL: read only */
    struct places *places;
    struct bringer *bringer; /* NULL: read only */
    struct waiting *waiting; /* WAITING_MAX */
    uint64_t nodes_wait_ms, begun_ms;
    char silent[PLACE_NAME_MAX + 1]; /* the node that was waited for in vain */
    uint64_t parts_ms;               /* when what uploads have left is looked at again */
    int wake_fd;
    unsigned char *chunk; /* BULK_CHUNK_BYTES, for what is read */
    atomic_ullong dropped;
};

/* A request being answered. */
struct request {
    struct bytes peer;
    struct bulk_message message;
};

/* Answers that do not leave are counted. */
void bulk_answer(struct bulk_server *self, const struct request *request,
                 struct bulk_message message);
void bulk_answer_error(struct bulk_server *self, const struct request *request,
                       const struct err *err);

/* PUT, PUT_DATA and PUT_STOP. */
void bulk_take_put(struct bulk_server *self, struct request *request);
void bulk_take_data(struct bulk_server *self, struct request *request);
void bulk_take_stop(struct bulk_server *self, struct request *request);
/* Answers uploads whose earlier bytes are hashed by now; comforts the others. */
void bulk_take_woken(struct bulk_server *self);
void bulk_take_tick(struct bulk_server *self, uint64_t now_ms);
