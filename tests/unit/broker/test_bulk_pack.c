/* Small objects, many in a message, over real sockets. */
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

struct fixture {
    void *zmq;
    char folder[64], endpoint[ENDPOINT_MAX];
    struct objects *there, *here; /* the server's, and a node's */
    struct bulk_server *server;
    struct bulk_client *client;
};

static void expect_ok(enum rc rc, const struct err *err)
{
    if (rc != RC_OK)
        fail_msg("%s: %s", rc_name(rc), err->text);
}

static struct objects *objects_at(const struct fixture *self, const char *name)
{
    char path[128];
    struct objects *objects;
    struct err err;

    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    expect_ok(objects_open(path, &objects, &err), &err);
    return objects;
}

static int setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    struct err err;

    must(self != NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-pack-XXXXXX");
    must(mkdtemp(self->folder) != NULL);
    self->zmq = zmq_ctx_new();
    self->there = objects_at(self, "there");
    self->here = objects_at(self, "here");
    expect_ok(link_ipc_endpoint(self->folder, "bulk", self->endpoint, &err), &err);
    expect_ok(bulk_server_create(self->zmq, self->endpoint, self->there, NULL,
                                 &self->server, &err),
              &err);
    expect_ok(bulk_client_create(self->zmq, self->endpoint, 20000, &self->client, &err),
              &err);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *self = *state;
    char command[128];

    bulk_client_destroy(self->client);
    bulk_server_destroy(self->server);
    zmq_ctx_term(self->zmq);
    objects_destroy(self->there);
    objects_destroy(self->here);
    snprintf(command, sizeof command, "rm -rf %s", self->folder);
    must(system(command) == 0);
    free(self);
    return 0;
}

enum { SMALL_COUNT = 3000 };

struct small_world {
    struct fixture *self;
    char texts[SMALL_COUNT][256], digests[SMALL_COUNT][DIGEST_TEXT_SIZE];
    struct bulk_small items[SMALL_COUNT];
    size_t wrong, taken; /* item whose bytes are others; objects that came */
};

static struct small_world *small_world_new(struct fixture *self)
{
    struct small_world *world = calloc(1, sizeof *world);

    must(world != NULL);
    world->self = self;
    world->wrong = SIZE_MAX;
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        memset(world->texts[i], 'x', i % 200);
        snprintf(world->texts[i] + i % 200, 20, "%zu", i);
        world->items[i].size = strlen(world->texts[i]);
        digest_bytes(world->texts[i], world->items[i].size, world->digests[i]);
        world->items[i].digest = world->digests[i];
    }
    return world;
}

static enum rc small_give(void *context, size_t i, void *room, struct err *err)
{
    struct small_world *world = context;

    (void)err;
    memcpy(room, world->texts[i], world->items[i].size);
    if (i == world->wrong)
        *(char *)room ^= 1;
    return RC_OK;
}

static enum rc small_take(void *context, const struct object_small *batch, size_t count,
                          struct err *err)
{
    struct small_world *world = context;

    world->taken += count;
    return objects_add(world->self->here, batch, count, false, err);
}

static void test_small_objects_go_many_at_a_time(void **state)
{
    struct fixture *self = *state;
    struct small_world *world = small_world_new(self);
    struct err err;

    expect_ok(bulk_put_small(self->client, world->items, SMALL_COUNT, small_give, NULL,
                             world, &err),
              &err);
    for (size_t i = 0; i < SMALL_COUNT; i++)
        assert_true(objects_is_packed(self->there, world->digests[i]));
    expect_ok(
        bulk_get_small(self->client, world->items, SMALL_COUNT, small_take, world, &err),
        &err);
    assert_int_equal(world->taken, SMALL_COUNT);
    for (size_t i = 0; i < SMALL_COUNT; i++)
        expect_ok(objects_verify(self->here, world->digests[i], &err), &err);
    free(world);
}

static void test_small_objects_that_are_absent_or_of_other_sizes_are_no_trouble(
    void **state)
{
    struct fixture *self = *state;
    struct small_world *world = small_world_new(self);
    char large[OBJECT_SMALL_MAX + 1] = "", digest[DIGEST_TEXT_SIZE];
    struct err err;

    expect_ok(bulk_put_bytes(self->client, large, sizeof large, digest, &err), &err);
    expect_ok(
        bulk_put_small(self->client, world->items, 1000, small_give, NULL, world, &err),
        &err);
    world->items[500].digest = digest; /* not small: not taken */
    for (size_t i = 0; i < SMALL_COUNT; i++)
        world->items[i].size = i % 3; /* what is told too low comes in several answers */
    expect_ok(
        bulk_get_small(self->client, world->items, SMALL_COUNT, small_take, world, &err),
        &err);
    assert_int_equal(world->taken, 999);
    assert_false(objects_has(self->here, digest, NULL));
    free(world);
}

static void test_a_batch_with_wrong_bytes_is_not_stored(void **state)
{
    struct fixture *self = *state;
    struct small_world *world = small_world_new(self);
    struct err err;

    world->wrong = 7;
    assert_int_equal(
        bulk_put_small(self->client, world->items, 20, small_give, NULL, world, &err),
        RC_CORRUPT);
    assert_non_null(strstr(err.text, world->digests[7]));
    assert_false(objects_has(self->there, world->digests[0], NULL));
    free(world);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_small_objects_go_many_at_a_time),
        TEST(test_small_objects_that_are_absent_or_of_other_sizes_are_no_trouble),
        TEST(test_a_batch_with_wrong_bytes_is_not_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
