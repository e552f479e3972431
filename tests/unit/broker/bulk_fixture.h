/* bulk_fixture.h - a bulk server of its own and a client of it, over a real socket.
 *
 * What a test opens stands in the fixture, so that it is closed when the test fails: a
 * context of libzmq does not end before its last socket. */
#pragma once

#include "broker/artifacts/bulk.h"
#include "broker/link/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { WAIT_MS = 20000 };

struct fixture {
    void *zmq;
    char folder[64], endpoint[ENDPOINT_MAX];
    struct objects *there, *here; /* the server's, and a node's */
    struct bulk_server *server;
    struct bulk_client *client;
    void *raw[4]; /* sockets without a client; closed at the end */
    size_t raw_count;
};

static inline void expect_ok(enum rc rc, const struct err *err)
{
    if (rc != RC_OK)
        fail_msg("%s: %s", rc_name(rc), err->text);
}

static inline struct objects *objects_at(const struct fixture *self, const char *name)
{
    char path[128];
    struct objects *objects;
    struct err err;

    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    expect_ok(objects_open(path, &objects, &err), &err);
    return objects;
}

static inline struct bulk_client *client_of(struct fixture *self, uint32_t timeout_ms)
{
    struct bulk_client *client;
    struct err err;

    expect_ok(bulk_client_create(self->zmq, self->endpoint, timeout_ms, &client, &err),
              &err);
    return client;
}

static inline void server_start(struct fixture *self, void *zmq)
{
    must(bulk_server_create(zmq, self->endpoint, self->there, NULL, &self->server, NULL)
         == RC_OK);
}

static inline int fixture_setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    struct err err;

    must(self != NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-bulk-XXXXXX");
    must(mkdtemp(self->folder) != NULL);
    self->zmq = zmq_ctx_new();
    self->there = objects_at(self, "there");
    self->here = objects_at(self, "here");
    expect_ok(link_ipc_endpoint(self->folder, "bulk", self->endpoint, &err), &err);
    server_start(self, self->zmq);
    self->client = client_of(self, WAIT_MS);
    *state = self;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *self = *state;
    char command[256];

    for (size_t i = 0; i < self->raw_count; i++)
        link_close(self->raw[i]);
    bulk_client_destroy(self->client);
    bulk_server_destroy(self->server);
    objects_destroy(self->there);
    objects_destroy(self->here);
    zmq_ctx_term(self->zmq);
    snprintf(command, sizeof command, "rm -rf '%s'", self->folder);
    must(system(command) == 0);
    free(self);
    return 0;
}
