/* test_bulk_break.c - a broker that dies while it is asked. */
#include "broker/artifacts/bulk.h"
#include "broker/link/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <zmq.h>

enum { PATIENCE_MS = 600000 };

/* Takes one question, and is gone. */
static void *take_and_die(void *socket)
{
    struct link_message message;
    struct err err;
    zmq_pollitem_t item = { socket, 0, ZMQ_POLLIN, 0 };

    zmq_poll(&item, 1, -1);
    if (link_receive(socket, &message, &err) == RC_OK)
        link_free(&message);
    link_close(socket);
    return NULL;
}

static void test_a_question_that_died_with_the_broker_fails_at_once(void **state)
{
    char endpoint[64];
    void *context = zmq_ctx_new(), *server = zmq_socket(context, ZMQ_ROUTER);
    scoped(bulk_client) client = NULL;
    const char *digests[] = {
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    };
    bool missing = false;
    pthread_t thread;
    struct err err;

    (void)state;
    snprintf(endpoint, sizeof endpoint, "ipc:///tmp/test_bulk_break.%d", (int)getpid());
    assert_int_equal(zmq_bind(server, endpoint), 0);
    assert_int_equal(bulk_client_create(context, endpoint, PATIENCE_MS, &client, &err),
                     RC_OK);
    assert_int_equal(pthread_create(&thread, NULL, take_and_die, server), 0);
    assert_int_equal(bulk_have(client, digests, 1, &missing, &err), RC_UNREACHABLE);
    assert_non_null(strstr(err.text, endpoint));
    pthread_join(thread, NULL);
    bulk_client_destroy(steal(&client));
    zmq_ctx_term(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_question_that_died_with_the_broker_fails_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
