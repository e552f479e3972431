/* Answers to a client that does not read: bounded in bytes, and told. */
#include "broker/outbox.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

enum {
    WAIT_MS = 10000,
    ANSWER = 100000,
    ANSWERS = 200,
    PEER_MAX = 1 << 20,
    TURN_MAX = 1000,
    QUEUE_MAX = 50,
};

struct fixture {
    void *zmq, *router, *client;
    struct unread *unread, *tellings;
    struct outbox outbox;
    unsigned char identity[256];
    size_t identity_size;
};

static void *client_open(struct fixture *self)
{
    void *client;
    int one = 1, wait = WAIT_MS;

    must(link_connect(self->zmq, ZMQ_DEALER, "inproc://requests", NULL, &client, NULL)
         == RC_OK);
    zmq_setsockopt(client, ZMQ_RCVHWM, &one, sizeof one);
    zmq_setsockopt(client, ZMQ_RCVTIMEO, &wait, sizeof wait);
    return client;
}

static void listen_to(struct fixture *self, void *client)
{
    struct link_frame hello = { "hello", 5 };
    struct link_message message;

    must(link_send(client, &hello, 1, NULL) == RC_OK);
    must(link_receive(self->router, &message, NULL) == RC_OK);
    self->identity_size = message.frames[0].size;
    memcpy(self->identity, message.frames[0].data, self->identity_size);
    link_free(&message);
}

static int fixture_setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);

    must(self != NULL);
    self->zmq = zmq_ctx_new();
    must(link_bind(self->zmq, ZMQ_ROUTER, "inproc://requests", &self->router, NULL)
         == RC_OK);
    self->unread = unread_create(PEER_MAX);
    must(self->unread != NULL);
    self->tellings = unread_create(PEER_MAX);
    must(self->tellings != NULL);
    outbox_init(&self->outbox, self->unread, self->tellings, TURN_MAX);
    self->client = client_open(self);
    listen_to(self, self->client);
    *state = self;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *self = *state;

    outbox_fini(&self->outbox);
    link_close(self->client);
    link_close(self->router);
    zmq_ctx_term(self->zmq);
    unread_destroy(self->unread);
    unread_destroy(self->tellings);
    free(self);
    return 0;
}

static void answer(struct fixture *self, size_t size, uint64_t id)
{
    scoped_buf body = { 0 };
    char *bytes = calloc(1, size);

    must(bytes != NULL);
    buf_add(&body, bytes, size);
    free(bytes);
    outbox_add(&self->outbox, self->identity, self->identity_size,
               &(struct message_header){
                   .protocol = PROTOCOL_FIRST, .type = MESSAGE_OK, .id = id },
               true, &body);
    outbox_send(&self->outbox, self->router, NULL);
}

/* The type of the next answer, and the size of its body. */
static enum message_type hear(void *client, size_t *size)
{
    zmq_msg_t header, body;
    struct message_header decoded;

    zmq_msg_init(&header);
    zmq_msg_init(&body);
    assert_true(zmq_msg_recv(&header, client, 0) > 0);
    assert_true(zmq_msg_recv(&body, client, 0) > 0);
    assert_int_equal(message_header_decode(zmq_msg_data(&header), zmq_msg_size(&header),
                                           &decoded, NULL),
                     RC_OK);
    *size = zmq_msg_size(&body);
    zmq_msg_close(&header);
    zmq_msg_close(&body);
    return decoded.type;
}

static size_t read_answers(struct fixture *self, size_t count, size_t *bytes)
{
    size_t good = 0;

    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size;

        if (hear(self->client, &size) == MESSAGE_OK) {
            good++;
            *bytes += size;
        }
    }
    return good;
}

static void test_large_answers_wait_up_to_the_limit_and_then_become_errors(void **state)
{
    struct fixture *self = *state;
    size_t bytes;

    for (uint64_t i = 0; i < ANSWERS; i++)
        answer(self, ANSWER, i);
    assert_int_equal(read_answers(self, ANSWERS, &bytes), PEER_MAX / ANSWER);
    assert_true(bytes <= PEER_MAX);
    assert_int_equal(self->outbox.dropped, 0);
}

static void test_who_has_read_gets_answers_again(void **state)
{
    struct fixture *self = *state;
    size_t bytes;

    for (uint64_t i = 0; i < ANSWERS; i++)
        answer(self, ANSWER, i);
    read_answers(self, ANSWERS, &bytes);
    answer(self, ANSWER, ANSWERS);
    assert_int_equal(read_answers(self, 1, &bytes), 1);
    assert_int_equal(bytes, ANSWER);
}

static void test_an_answer_above_the_limit_goes_to_who_has_read_all(void **state)
{
    struct fixture *self = *state;
    size_t size;

    answer(self, 2 * PEER_MAX, 1);
    answer(self, ANSWER, 2);
    assert_int_equal(hear(self->client, &size), MESSAGE_OK);
    assert_int_equal(size, 2 * PEER_MAX);
    assert_int_equal(hear(self->client, &size), MESSAGE_ERROR);
}

static void test_the_number_of_large_answers_is_bounded_too(void **state)
{
    struct fixture *self = *state;
    size_t bytes;

    for (uint64_t i = 0; i < ANSWERS; i++)
        answer(self, UNREAD_SMALL, i);
    assert_int_equal(read_answers(self, ANSWERS, &bytes), UNREAD_PEER_COUNT);
}

static void test_small_answers_are_not_counted(void **state)
{
    struct fixture *self = *state;
    size_t bytes;

    for (uint64_t i = 0; i < ANSWERS; i++)
        answer(self, UNREAD_SMALL - 1, i);
    assert_int_equal(read_answers(self, ANSWERS, &bytes), ANSWERS);
}

static void test_small_answers_wait_as_many_as_the_queue_is_long(void **state)
{
    struct fixture *self = *state;
    struct link_bounds bounds = { .queue_max = QUEUE_MAX,
                                  .message_max = LINK_MESSAGE_MAX };
    size_t bytes;
    int wait = WAIT_MS;

    link_close(self->client);
    link_close(self->router);
    must(link_bind_bounded(self->zmq, ZMQ_ROUTER, "inproc://short", bounds, &self->router,
                           NULL)
         == RC_OK);
    must(link_connect_bounded(self->zmq, ZMQ_DEALER, "inproc://short", NULL, bounds,
                              &self->client, NULL)
         == RC_OK);
    zmq_setsockopt(self->client, ZMQ_RCVTIMEO, &wait, sizeof wait);
    listen_to(self, self->client);
    for (uint64_t i = 0; i < ANSWERS; i++)
        answer(self, 10, i);
    assert_in_range(self->outbox.dropped, 1, ANSWERS - QUEUE_MAX);
    assert_int_equal(read_answers(self, ANSWERS - (size_t)self->outbox.dropped, &bytes),
                     ANSWERS - self->outbox.dropped);
}

static void test_another_client_gets_its_answer_meanwhile(void **state)
{
    struct fixture *self = *state;
    void *other = client_open(self);
    size_t size;

    for (uint64_t i = 0; i < ANSWERS; i++)
        answer(self, ANSWER, i);
    listen_to(self, other);
    answer(self, ANSWER, 1);
    assert_int_equal(hear(other, &size), MESSAGE_OK);
    link_close(other);
}

static void tell(struct fixture *self, size_t size)
{
    scoped_buf body = { 0 };
    char *bytes = calloc(1, size);

    must(bytes != NULL);
    buf_add(&body, bytes, size);
    free(bytes);
    outbox_add(
        &self->outbox, self->identity, self->identity_size,
        &(struct message_header){ .protocol = PROTOCOL_FIRST, .type = MESSAGE_CLASS },
        false, &body);
    outbox_send(&self->outbox, self->router, NULL);
}

static bool is_full(struct fixture *self)
{
    return unread_is_full(self->tellings, self->identity, self->identity_size);
}

static void test_what_a_node_is_told_goes_and_is_counted(void **state)
{
    struct fixture *self = *state;
    size_t size;

    assert_false(is_full(self));
    for (uint64_t i = 0; i < ANSWERS; i++)
        tell(self, ANSWER);
    assert_true(is_full(self));
    answer(self, ANSWER, 1); /* is counted apart */
    assert_false(unread_is_full(self->tellings, "other", 5));
    for (uint64_t i = 0; i < ANSWERS; i++) {
        assert_int_equal(hear(self->client, &size), MESSAGE_CLASS);
        assert_int_equal(size, ANSWER);
    }
    assert_int_equal(hear(self->client, &size), MESSAGE_OK);
    assert_false(is_full(self));
}

static void test_a_turn_that_says_enough_takes_no_further_message(void **state)
{
    struct fixture *self = *state;
    scoped_buf body = { 0 };

    for (int i = 0; i < TURN_MAX; i++)
        buf_byte(&body, 'x');
    assert_false(outbox_is_full(&self->outbox));
    outbox_event(&self->outbox, "t", &body);
    assert_true(outbox_is_full(&self->outbox));
    assert_false(outbox_has_overflowed(&self->outbox));
    outbox_fail(&self->outbox, &(struct err){ .rc = RC_FULL });
    assert_false(outbox_is_full(&self->outbox));
}

static void test_an_answer_to_who_is_gone_is_given_back(void **state)
{
    struct fixture *self = *state;

    memset(self->identity, 7, self->identity_size);
    answer(self, ANSWER, 1);
    assert_int_equal(self->outbox.dropped, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_large_answers_wait_up_to_the_limit_and_then_become_errors, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(test_who_has_read_gets_answers_again,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_an_answer_above_the_limit_goes_to_who_has_read_all, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(test_the_number_of_large_answers_is_bounded_too,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_small_answers_are_not_counted, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_another_client_gets_its_answer_meanwhile,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_small_answers_wait_as_many_as_the_queue_is_long, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_a_node_is_told_goes_and_is_counted,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_turn_that_says_enough_takes_no_further_message, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_to_who_is_gone_is_given_back,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
