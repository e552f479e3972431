/* Real sockets over ipc and tcp: options, whole messages, long folders, taken endpoints.
 */
#include "broker/link/link.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { WAIT_MS = 10000 };

struct fixture {
    void *zmq;
    char folder[64];
};

static int fixture_setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);

    must(self != NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-link-XXXXXX");
    must(mkdtemp(self->folder) != NULL);
    self->zmq = zmq_ctx_new();
    *state = self;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *self = *state;
    char command[128];

    zmq_ctx_term(self->zmq);
    snprintf(command, sizeof command, "rm -rf '%s'", self->folder);
    must(system(command) == 0);
    free(self);
    return 0;
}

static void expect_ok(enum rc rc, const struct err *err)
{
    if (rc != RC_OK)
        fail_msg("%s: %s", rc_name(rc), err->text);
}

static void receive(void *socket, struct link_message *message)
{
    zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };
    struct err err;

    assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
    expect_ok(link_receive(socket, message, &err), &err);
}

static void assert_frame(const struct link_frame *frame, const char *text)
{
    assert_int_equal(frame->size, strlen(text));
    assert_memory_equal(frame->data, text, frame->size);
}

static struct link_frame frame_of(const char *text)
{
    return (struct link_frame){ text, strlen(text) };
}

/* One message there, one back, through the endpoint. */
static void exchange(void *dealer, void *router)
{
    struct link_frame frames[3] = { frame_of("header"), frame_of(""), frame_of("body") };
    struct link_message got;
    struct err err;

    expect_ok(link_send(dealer, frames, 3, &err), &err);
    receive(router, &got);
    assert_int_equal(got.count, 4);
    assert_frame(&got.frames[1], "header");
    assert_frame(&got.frames[2], "");
    assert_frame(&got.frames[3], "body");

    struct link_frame back[2] = { got.frames[0], frame_of("answer") };
    expect_ok(link_send(router, back, 2, &err), &err);
    link_free(&got);
    receive(dealer, &got);
    assert_int_equal(got.count, 1);
    assert_frame(&got.frames[0], "answer");
    link_free(&got);
}

static void test_messages_travel_whole_both_ways(void **state)
{
    struct fixture *self = *state;
    char endpoint[ENDPOINT_MAX];
    void *router, *dealer;
    struct err err;

    expect_ok(link_ipc_endpoint(self->folder, "socket", endpoint, &err), &err);
    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &router, &err), &err);
    expect_ok(link_connect(self->zmq, ZMQ_DEALER, endpoint, NULL, &dealer, &err), &err);
    exchange(dealer, router);
    link_close(dealer);
    link_close(router);
}

static void test_a_message_sent_before_the_bind_arrives_at_once_after_it(void **state)
{
    struct fixture *self = *state;
    char endpoint[ENDPOINT_MAX];
    struct link_frame frame = frame_of("early");
    struct link_message got;
    struct timespec start, end;
    void *router, *dealer;
    struct err err;

    expect_ok(link_ipc_endpoint(self->folder, "late", endpoint, &err), &err);
    expect_ok(link_connect(self->zmq, ZMQ_DEALER, endpoint, "me", &dealer, &err), &err);
    expect_ok(link_send(dealer, &frame, 1, &err), &err);
    /* Long enough for the waits between tries to have reached their maximum. */
    zmq_pollitem_t item = { .socket = dealer, .events = ZMQ_POLLIN };
    assert_int_equal(zmq_poll(&item, 1, 200), 0);

    clock_gettime(CLOCK_MONOTONIC, &start);
    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &router, &err), &err);
    receive(router, &got);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(got.count, 2);
    assert_frame(&got.frames[0], "me");
    assert_frame(&got.frames[1], "early");
    link_free(&got);
    /* Far above the 8 ms of the longest wait, for busy machines. */
    assert_true((end.tv_sec - start.tv_sec) * 1000
                    + (end.tv_nsec - start.tv_nsec) / 1000000
                < 500);
    link_close(dealer);
    link_close(router);
}

static void test_a_long_folder_gets_an_endpoint_that_works(void **state)
{
    struct fixture *self = *state;
    char folder[PATH_MAX], endpoint[ENDPOINT_MAX], other[ENDPOINT_MAX],
        path[PATH_MAX + 8];
    void *router, *dealer, *again = NULL;
    struct err err;

    snprintf(folder, sizeof folder, "%s", self->folder);
    for (int i = 0; i < 6; i++) {
        size_t size = strlen(folder);

        snprintf(folder + size, sizeof folder - size, "/a-rather-long-folder-name-%d", i);
        assert_int_equal(mkdir(folder, 0700), 0);
    }
    expect_ok(link_ipc_endpoint(folder, "socket", endpoint, &err), &err);
    expect_ok(link_ipc_endpoint(folder, "socket", other, &err), &err);
    snprintf(path, sizeof path, "%s/socket", folder);

    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &router, &err), &err);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(link_bind(self->zmq, ZMQ_ROUTER, other, &again, &err), RC_CONFLICT);
    assert_null(again);
    expect_ok(link_connect(self->zmq, ZMQ_DEALER, other, NULL, &dealer, &err), &err);
    exchange(dealer, router);
    link_close(dealer);
    link_close(router);
}

static void test_an_endpoint_needs_a_folder_and_a_plain_name(void **state)
{
    struct fixture *self = *state;
    char folder[300], name[200], endpoint[ENDPOINT_MAX];
    struct err err;

    memset(folder, 'x', sizeof folder - 1);
    folder[0] = '/';
    folder[sizeof folder - 1] = '\0';
    assert_int_equal(link_ipc_endpoint(folder, "s", endpoint, &err), RC_IO);
    assert_non_null(strstr(err.text, "File name too long"));
    folder[200] = '\0';
    assert_int_equal(link_ipc_endpoint(folder, "s", endpoint, &err), RC_NOT_FOUND);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(link_ipc_endpoint(self->folder, name, endpoint, &err), RC_INVALID);
    assert_int_equal(link_ipc_endpoint(self->folder, "a/b", endpoint, &err), RC_INVALID);
    assert_int_equal(link_ipc_endpoint(self->folder, "", endpoint, &err), RC_INVALID);
}

static void test_a_taken_endpoint_is_a_conflict_and_a_dead_socket_file_is_not(
    void **state)
{
    struct fixture *self = *state;
    char endpoint[ENDPOINT_MAX], tcp[ENDPOINT_MAX], path[128];
    size_t tcp_size = sizeof tcp;
    void *first, *second = NULL;
    struct err err;

    expect_ok(link_ipc_endpoint(self->folder, "socket", endpoint, &err), &err);
    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &first, &err), &err);
    assert_int_equal(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &second, &err),
                     RC_CONFLICT);
    assert_non_null(strstr(err.text, endpoint));
    link_close(first);

    snprintf(path, sizeof path, "%s/dead", self->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    expect_ok(link_ipc_endpoint(self->folder, "dead", endpoint, &err), &err);
    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &first, &err), &err);
    link_close(first);

    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, "tcp://127.0.0.1:*", &first, &err), &err);
    assert_int_equal(zmq_getsockopt(first, ZMQ_LAST_ENDPOINT, tcp, &tcp_size), 0);
    assert_int_equal(link_bind(self->zmq, ZMQ_ROUTER, tcp, &second, &err), RC_CONFLICT);
    assert_null(second);
    link_close(first);
}

static void test_wrong_endpoints_and_identities_are_refused(void **state)
{
    struct fixture *self = *state;
    char identity[300];
    void *socket = NULL;
    struct err err;

    assert_int_equal(link_bind(self->zmq, ZMQ_ROUTER, "nonsense", &socket, &err),
                     RC_INVALID);
    assert_int_equal(link_connect(self->zmq, ZMQ_DEALER, "x://y", NULL, &socket, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.text, "x://y"));
    memset(identity, 'i', sizeof identity - 1);
    identity[sizeof identity - 1] = '\0';
    assert_int_equal(
        link_connect(self->zmq, ZMQ_DEALER, "inproc://a", identity, &socket, &err),
        RC_INVALID);
    assert_int_equal(link_connect(self->zmq, ZMQ_DEALER, "inproc://a", "", &socket, &err),
                     RC_INVALID);
    assert_null(socket);
}

static void test_a_router_says_that_it_knows_no_such_peer(void **state)
{
    struct fixture *self = *state;
    char endpoint[ENDPOINT_MAX];
    struct link_frame frames[3] = { frame_of("nobody"), frame_of("a"), frame_of("b") };
    void *router, *dealer;
    struct err err;

    expect_ok(link_ipc_endpoint(self->folder, "socket", endpoint, &err), &err);
    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &router, &err), &err);
    assert_int_equal(link_send(router, frames, 3, &err), RC_UNREACHABLE);
    assert_int_equal(err.sys, EHOSTUNREACH);

    /* The refused message left nothing behind that the next one would be glued to. */
    expect_ok(link_connect(self->zmq, ZMQ_DEALER, endpoint, NULL, &dealer, &err), &err);
    exchange(dealer, router);
    link_close(dealer);
    link_close(router);
}

static void test_the_newest_connection_of_an_identity_wins(void **state)
{
    struct fixture *self = *state;
    char endpoint[ENDPOINT_MAX];
    struct link_frame hello = frame_of("hello");
    struct link_frame answer[2] = { frame_of("node"), frame_of("answer") };
    struct link_message got;
    void *router, *old, *new;
    struct err err;

    expect_ok(link_ipc_endpoint(self->folder, "socket", endpoint, &err), &err);
    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &router, &err), &err);
    expect_ok(link_connect(self->zmq, ZMQ_DEALER, endpoint, "node", &old, &err), &err);
    expect_ok(link_send(old, &hello, 1, &err), &err);
    receive(router, &got);
    link_free(&got);
    expect_ok(link_connect(self->zmq, ZMQ_DEALER, endpoint, "node", &new, &err), &err);
    expect_ok(link_send(new, &hello, 1, &err), &err);
    receive(router, &got);
    link_free(&got);
    expect_ok(link_send(router, answer, 2, &err), &err);
    receive(new, &got);
    assert_frame(&got.frames[0], "answer");
    link_free(&got);
    assert_int_equal(link_receive(old, &got, &err), RC_NOT_FOUND);
    link_close(old);
    link_close(new);
    link_close(router);
}

static void test_a_full_queue_refuses_whole_messages(void **state)
{
    struct fixture *self = *state;
    struct link_bounds bounds = { .queue_max = 3, .message_max = 100 };
    struct link_frame frames[2] = { frame_of("a"), frame_of("b") };
    struct link_message got;
    void *router, *dealer;
    struct err err;
    size_t sent = 0, received = 0;

    expect_ok(
        link_bind_bounded(self->zmq, ZMQ_ROUTER, "inproc://small", bounds, &router, &err),
        &err);
    expect_ok(link_connect_bounded(self->zmq, ZMQ_DEALER, "inproc://small", NULL, bounds,
                                   &dealer, &err),
              &err);
    enum rc rc;
    while ((rc = link_send(dealer, frames, 2, &err)) == RC_OK)
        must(++sent < 100);
    assert_int_equal(rc, RC_FULL);
    assert_in_range(sent, 3, 6);
    while (link_receive(router, &got, &err) == RC_OK) {
        assert_int_equal(got.count, 3);
        link_free(&got);
        received++;
    }
    assert_int_equal(received, sent);
    link_close(dealer);
    link_close(router);
}

static void test_too_many_frames_and_too_large_ones_are_refused(void **state)
{
    struct fixture *self = *state;
    char endpoint[ENDPOINT_MAX];
    struct link_message got = { 0 };
    void *router, *dealer;
    struct err err;

    expect_ok(link_ipc_endpoint(self->folder, "socket", endpoint, &err), &err);
    expect_ok(link_bind(self->zmq, ZMQ_ROUTER, endpoint, &router, &err), &err);
    expect_ok(link_connect(self->zmq, ZMQ_DEALER, endpoint, NULL, &dealer, &err), &err);
    for (int i = 0; i < 30; i++)
        assert_int_equal(zmq_send(dealer, "x", 1, i < 29 ? ZMQ_SNDMORE : 0), 1);
    zmq_pollitem_t item = { .socket = router, .events = ZMQ_POLLIN };
    assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
    assert_int_equal(link_receive(router, &got, &err), RC_PROTOCOL);
    assert_null(got.owned);
    exchange(dealer, router);

    struct link_frame large = { "", (size_t)LINK_MESSAGE_MAX + 1 };
    assert_int_equal(link_send(dealer, &large, 1, &err), RC_INVALID);
    link_close(dealer);
    link_close(router);
}

static void test_only_ipc_and_loopback_are_local(void **state)
{
    static const char *const local[] = {
        "ipc:///a/b",        "inproc://x",
        "tcp://127.0.0.1:5", "tcp://127.9.9.9:*",
        "tcp://[::1]:5555",  "tcp://::1:55",
        "tcp://localhost:1", "tcp://0.0.0.0:1;127.0.0.1:2",
    };
    static const char *const remote[] = {
        "tcp://0.0.0.0:5",
        "tcp://*:5",
        "tcp://10.0.0.1:5",
        "tcp://127.0.0.1.example.org:5",
        "tcp://[::]:5",
        "tcp://example.org:1",
        "tcp://localhost.x:1",
        "tcp://127.0.0.1",
        "",
        "udp://127.0.0.1:5",
        "tcp://127.0.0.1:1;10.0.0.1:2",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(local); i++)
        if (!link_is_local(local[i]))
            fail_msg("%s is local", local[i]);
    for (size_t i = 0; i < COUNT_OF(remote); i++)
        if (link_is_local(remote[i]))
            fail_msg("%s is not local", remote[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_messages_travel_whole_both_ways),
        TEST(test_a_message_sent_before_the_bind_arrives_at_once_after_it),
        TEST(test_a_long_folder_gets_an_endpoint_that_works),
        TEST(test_an_endpoint_needs_a_folder_and_a_plain_name),
        TEST(test_a_taken_endpoint_is_a_conflict_and_a_dead_socket_file_is_not),
        TEST(test_wrong_endpoints_and_identities_are_refused),
        TEST(test_a_router_says_that_it_knows_no_such_peer),
        TEST(test_the_newest_connection_of_an_identity_wins),
        TEST(test_a_full_queue_refuses_whole_messages),
        TEST(test_too_many_frames_and_too_large_ones_are_refused),
        TEST(test_only_ipc_and_loopback_are_local),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
