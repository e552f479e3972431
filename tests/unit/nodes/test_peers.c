/* test_peers.c - files from node to node: a broker and nodes that give what they have,
 * some of them badly. What the cache has in the end is right in every case. */
#include "nodes/peers.h"

#include "broker/artifacts/bulk_wire.h"
#include "nodes/cache/cache.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { LARGE = 700 << 10, GIVERS = 2, ME = 7 };

struct giver { /* a bulk server and its folder */
    char directory[96], endpoint[64];
    struct objects *objects;
    struct bulk_server *server;
};

struct world {
    char directory[64];
    void *zmq;
    struct giver broker, nodes[GIVERS];
    struct cache *cache;
    struct peer_options options;
    struct peers *peers;
    struct bulk_client *client; /* of the broker */
    struct cache_source items[2];
    struct cache_sources sources;
    unsigned broker_gets;
    unsigned char *bytes;
    char digest[DIGEST_TEXT_SIZE];
};

static enum rc peer_get(void *context, const char *digest, struct object_writer *writer,
                        struct err *err)
{
    struct world *world = context;

    return peers_fetch(world->peers, world->client, digest, writer, err);
}

static void peer_doubt(void *context, const char *digest)
{
    struct world *world = context;

    peers_doubt(world->peers, digest);
}

static enum rc broker_get(void *context, const char *digest, struct object_writer *writer,
                          struct err *err)
{
    struct world *world = context;

    world->broker_gets++;
    return bulk_fetch(world->client, digest, writer, NULL, NULL, err);
}

static void giver_open(struct world *world, struct giver *giver, const char *name,
                       bool is_read_only)
{
    struct bulk_limits limits = { .queue_max = BULK_QUEUE_MAX,
                                  .uploads_max = 4,
                                  .uploads_peer_max = 4,
                                  .is_read_only = is_read_only };

    snprintf(giver->directory, sizeof giver->directory, "%s/%s", world->directory, name);
    must(mkdir(giver->directory, 0700) == 0);
    must(objects_open(giver->directory, &giver->objects, NULL) == RC_OK);
    must(bulk_server_create(world->zmq, "tcp://127.0.0.1:*", giver->objects, &limits,
                            &giver->server, NULL)
         == RC_OK);
    snprintf(giver->endpoint, sizeof giver->endpoint, "%s",
             bulk_server_endpoint(giver->server));
}

static void giver_close(struct giver *giver)
{
    bulk_server_destroy(steal(&giver->server));
    objects_destroy(steal(&giver->objects));
}

static void put(const struct world *world, struct giver *giver)
{
    struct object_writer *writer;

    must(object_writer_create(giver->objects, &writer, NULL) == RC_OK);
    must(object_writer_add(writer, world->bytes, LARGE, NULL) == RC_OK);
    must(object_writer_commit(writer, world->digest, NULL, NULL, NULL) == RC_OK);
}

/* The broker hears that a node of this name has the object. */
static void tell(struct world *world, const char *node, const char *endpoint)
{
    struct places *places = bulk_server_places(world->broker.server);

    places_begin(places, node, endpoint);
    places_add(places, node, world->digest);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    char path[96];

    must(world != NULL);
    snprintf(world->directory, sizeof world->directory, "/tmp/test_peers.XXXXXX");
    must(mkdtemp(world->directory) != NULL);
    world->zmq = zmq_ctx_new();
    giver_open(world, &world->broker, "broker", false);
    giver_open(world, &world->nodes[0], "one", true);
    giver_open(world, &world->nodes[1], "two", true);
    snprintf(path, sizeof path, "%s/cache", world->directory);
    must(cache_open(path, 0, &world->cache, NULL) == RC_OK);
    world->options = (struct peer_options){ "", 2, 10000, false };
    world->peers = peers_create(world->zmq, &world->options);
    must(bulk_client_create(world->zmq, world->broker.endpoint, 10000, &world->client,
                            NULL)
         == RC_OK);
    world->items[0] =
        (struct cache_source){ "other nodes", world, peer_get, NULL, peer_doubt };
    world->items[1] =
        (struct cache_source){ "the broker", world, broker_get, NULL, NULL };
    world->sources = (struct cache_sources){ .items = world->items, .count = 2 };
    world->bytes = malloc(LARGE);
    must(world->bytes != NULL);
    for (size_t i = 0; i < LARGE; i++)
        world->bytes[i] = (unsigned char)(i * 7919 >> 8);
    digest_bytes(world->bytes, LARGE, world->digest);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    char command[192];

    peers_destroy(world->peers);
    bulk_client_destroy(world->client);
    giver_close(&world->broker);
    giver_close(&world->nodes[0]);
    giver_close(&world->nodes[1]);
    cache_destroy(world->cache);
    zmq_ctx_term(world->zmq);
    snprintf(command, sizeof command, "chmod -R u+w %s && rm -r %s", world->directory,
             world->directory);
    must(system(command) == 0);
    free(world->bytes);
    free(world);
    return 0;
}

static void fetch_is_right(struct world *world)
{
    struct err err;
    scoped_fd int fd = -1;
    uint64_t size;

    if (cache_fetch(world->cache, ME, &world->sources, world->digest, LARGE, &err)
        != RC_OK)
        fail_msg("%s", err.text);
    assert_int_equal(objects_verify(cache_objects(world->cache), world->digest, NULL),
                     RC_OK);
    assert_int_equal(
        objects_read(cache_objects(world->cache), world->digest, &fd, &size, NULL),
        RC_OK);
    assert_int_equal(size, LARGE);
}

static void test_an_object_comes_from_the_node_that_has_it(void **state)
{
    struct world *world = *state;

    put(world, &world->nodes[0]);
    tell(world, "one", world->nodes[0].endpoint);
    fetch_is_right(world);
    assert_int_equal(world->broker_gets, 0);
}

static void test_a_node_that_has_it_no_more_is_passed(void **state)
{
    struct world *world = *state;

    put(world, &world->nodes[1]);
    tell(world, "one", world->nodes[0].endpoint);
    tell(world, "two", world->nodes[1].endpoint);
    fetch_is_right(world);
    assert_int_equal(world->broker_gets, 0);
}

static void test_without_a_node_it_comes_from_the_broker(void **state)
{
    struct world *world = *state;

    put(world, &world->broker);
    tell(world, "one", world->nodes[0].endpoint);
    tell(world, "remote", "tcp://192.0.2.1:1"); /* not to be spoken to in the open */
    fetch_is_right(world);
    assert_int_equal(world->broker_gets, 1);
}

static void test_a_node_does_not_ask_itself_nor_anybody_when_told_so(void **state)
{
    struct world *world = *state;

    put(world, &world->broker);
    put(world, &world->nodes[0]);
    tell(world, "one", world->nodes[0].endpoint);
    world->options.own_endpoint = world->nodes[0].endpoint;
    fetch_is_right(world);
    assert_int_equal(world->broker_gets, 1);
    world->options = (struct peer_options){ "", 0, 10000, false };
    cache_release(world->cache, ME);
    must(objects_remove(cache_objects(world->cache), world->digest, NULL) == RC_OK);
    fetch_is_right(world);
    assert_int_equal(world->broker_gets, 2);
}

/* Another bit of the object in the giver's folder. */
static void flip(const struct world *world, struct giver *giver, size_t at)
{
    char path[256];

    must(objects_path(giver->objects, world->digest, path, sizeof path));
    must(chmod(path, 0644) == 0);

    int fd = open(path, O_WRONLY);
    unsigned char byte = world->bytes[at] ^ 16;

    must(fd >= 0 && pwrite(fd, &byte, 1, (off_t)at) == 1);
    close(fd);
}

/* CHECK has no answer that is waited for: it was handled when a later question is. */
static bool is_set_aside(struct world *world, struct giver *giver)
{
    struct bulk_client *client;
    const char *digest = world->digest;
    bool missing = false;

    must(bulk_client_create(world->zmq, giver->endpoint, 10000, &client, NULL) == RC_OK);
    for (int i = 0; i < 1000 && !missing; i++) {
        must(bulk_have(client, &digest, 1, &missing, NULL) == RC_OK);
        poll(NULL, 0, missing ? 0 : 5);
    }
    bulk_client_destroy(client);
    return missing;
}

static void test_wrong_bytes_of_a_node_reach_no_task_and_it_is_told(void **state)
{
    struct world *world = *state;

    put(world, &world->nodes[0]);
    put(world, &world->broker);
    flip(world, &world->nodes[0], LARGE / 2);
    tell(world, "one", world->nodes[0].endpoint);
    fetch_is_right(world);
    assert_int_equal(world->broker_gets, 1);
    assert_true(is_set_aside(world, &world->nodes[0]));
}

static void test_after_wrong_bytes_the_next_node_is_asked(void **state)
{
    struct world *world = *state;

    put(world, &world->nodes[0]);
    put(world, &world->nodes[1]);
    flip(world, &world->nodes[0], LARGE - 1);
    tell(world, "one", world->nodes[0].endpoint);
    tell(world, "two", world->nodes[1].endpoint);
    fetch_is_right(world);
    assert_int_equal(world->broker_gets, 0);
}

struct liar { /* a node that gives the first piece, then nothing, or is gone */
    void *socket;
    char endpoint[ENDPOINT_MAX];
    bool is_silent; /* it stays */
    const unsigned char *bytes;
    pthread_t thread;
    int end; /* a pipe */
};

static void *lie(void *argument)
{
    struct liar *liar = argument;
    zmq_pollitem_t items[] = { { .socket = liar->socket, .events = ZMQ_POLLIN },
                               { .fd = liar->end, .events = ZMQ_POLLIN } };
    bool has_given = false;

    while (zmq_poll(items, 2, -1) >= 0 && !items[1].revents) {
        struct link_message raw;
        struct bulk_message get;
        uint64_t id;

        if (link_receive(liar->socket, &raw, NULL) != RC_OK)
            continue;
        must(bulk_decode(raw.frames + 1, raw.count - 1, &get, &id, NULL) == RC_OK);
        if (!has_given)
            must(bulk_tell(liar->socket,
                           (struct bytes){ raw.frames[0].data, raw.frames[0].size },
                           &(struct bulk_message){ .type = BULK_DATA,
                                                   .id = id,
                                                   .size = LARGE,
                                                   .has_data = true,
                                                   .data = { (const char *)liar->bytes,
                                                             BULK_CHUNK_BYTES } }));
        link_free(&raw);
        if (has_given && !liar->is_silent)
            break;
        has_given = true;
    }
    link_close(liar->socket);
    return NULL;
}

static void fetch_past_a_liar(struct world *world, bool is_silent)
{
    struct liar liar = { .is_silent = is_silent, .bytes = world->bytes };
    int ends[2];

    must(pipe(ends) == 0);
    liar.end = ends[0];
    must(link_bind(world->zmq, ZMQ_ROUTER, "tcp://127.0.0.1:*", &liar.socket, NULL)
         == RC_OK);
    link_bound(liar.socket, "tcp://127.0.0.1:*", liar.endpoint);
    must(pthread_create(&liar.thread, NULL, lie, &liar) == 0);
    put(world, &world->broker);
    tell(world, "one", liar.endpoint);
    fetch_is_right(world);
    assert_int_equal(world->broker_gets, 1);
    must(write(ends[1], "", 1) == 1);
    pthread_join(liar.thread, NULL);
    close(ends[0]);
    close(ends[1]);
}

static void test_a_node_that_dies_on_the_way_is_gone_on_from(void **state)
{
    fetch_past_a_liar(*state, false);
}

static void test_a_node_that_falls_silent_is_left(void **state)
{
    struct world *world = *state;

    world->options.timeout_ms = 200;
    fetch_past_a_liar(world, true);
}

/* The task asks the broker alone, as a client does. */
static void ask_the_broker_alone(struct world *world)
{
    world->options.connected_max = 0;
}

static void test_what_the_broker_lost_it_gets_from_a_node(void **state)
{
    struct world *world = *state;

    ask_the_broker_alone(world);
    put(world, &world->nodes[1]);
    tell(world, "one", world->nodes[0].endpoint);
    tell(world, "two", world->nodes[1].endpoint);
    fetch_is_right(world);
    assert_true(objects_has(world->broker.objects, world->digest, NULL));
    assert_int_equal(objects_verify(world->broker.objects, world->digest, NULL), RC_OK);
}

static void broker_doubt(void *context, const char *digest)
{
    struct world *world = context;

    bulk_doubt(world->client, digest);
}

static void test_a_damaged_object_of_the_broker_is_mended_from_a_node(void **state)
{
    struct world *world = *state;

    ask_the_broker_alone(world);
    world->items[1].doubt = broker_doubt;
    put(world, &world->nodes[0]);
    put(world, &world->broker);
    flip(world, &world->broker, 3);
    tell(world, "one", world->nodes[0].endpoint);
    fetch_is_right(world);
    assert_int_equal(objects_verify(world->broker.objects, world->digest, NULL), RC_OK);
}

static void test_the_broker_names_the_node_that_does_not_give_it(void **state)
{
    struct world *world = *state;
    scoped_buf out = { 0 };
    uint64_t total;
    struct err err;

    tell(world, "lost", world->nodes[0].endpoint);
    giver_close(&world->nodes[0]);
    bulk_client_destroy(steal(&world->client));
    /* More than the time that the broker gives a node, but words come in between. */
    must(
        bulk_client_create(world->zmq, world->broker.endpoint, 4000, &world->client, NULL)
        == RC_OK);
    assert_int_equal(
        bulk_get_range(world->client, world->digest, 0, 10, &out, &total, &err),
        RC_NOT_FOUND);
    assert_non_null(strstr(err.text, "node lost"));
}

static void test_a_node_takes_nothing(void **state)
{
    struct world *world = *state;
    struct bulk_client *client;
    char digest[DIGEST_TEXT_SIZE];
    struct err err;

    must(bulk_client_create(world->zmq, world->nodes[0].endpoint, 10000, &client, NULL)
         == RC_OK);
    assert_int_equal(bulk_put_bytes(client, "x", 1, digest, &err), RC_DENIED);
    digest_bytes("x", 1, digest);
    assert_false(objects_has(world->nodes[0].objects, digest, NULL));
    bulk_client_destroy(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_object_comes_from_the_node_that_has_it),
        TEST(test_a_node_that_has_it_no_more_is_passed),
        TEST(test_without_a_node_it_comes_from_the_broker),
        TEST(test_a_node_does_not_ask_itself_nor_anybody_when_told_so),
        TEST(test_wrong_bytes_of_a_node_reach_no_task_and_it_is_told),
        TEST(test_after_wrong_bytes_the_next_node_is_asked),
        TEST(test_a_node_that_dies_on_the_way_is_gone_on_from),
        TEST(test_a_node_that_falls_silent_is_left),
        TEST(test_what_the_broker_lost_it_gets_from_a_node),
        TEST(test_a_damaged_object_of_the_broker_is_mended_from_a_node),
        TEST(test_the_broker_names_the_node_that_does_not_give_it),
        TEST(test_a_node_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
