/* test_submit_many.c - many submissions in one call, against a broker that answers late,
 * in another order, not at all, or with an error. */
#include "client/lib/client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

enum { COUNT = 100, TIMEOUT_MS = 300, WAIT_MS = 20, NOBODY = COUNT };

struct asked { /* a submission without an answer */
    unsigned char peer[16];
    size_t peer_size, at;
    uint64_t id;
};

struct world {
    void *context, *socket;
    char endpoint[ENDPOINT_MAX];
    pthread_t thread;
    atomic_bool is_ending;
    struct sluice *sluice;
    struct sluice_submission submissions[COUNT];
    uint64_t runs[COUNT];
    struct sluice_error error;

    /* What the broker does; set while nothing is on its way. */
    size_t gather;  /* answers so many at once, the last one first */
    size_t refused; /* this one gets an error; or NOBODY */
    size_t mute_at; /* says nothing any more once it has so many runs; 0: it speaks */

    /* What it saw; to be read when the call is over. */
    struct asked waiting[COUNT];
    size_t waiting_count, most_waiting;
    uint64_t run_of[COUNT], run_count;
    unsigned times[COUNT]; /* how often each came */
};

static void answer(struct world *world, const struct asked *asked)
{
    bool is_refused = asked->at == world->refused;
    scoped_buf header = { 0 };
    scoped_buf body = { 0 };
    struct err err;

    if (is_refused) {
        err_set(&err, RC_INVALID, "no such plan");
        message_error_encode(&body, &err);
    } else {
        pack_map(&body, 1);
        pack_text(&body, "run");
        pack_uint(&body, world->run_of[asked->at]);
    }
    message_header_encode(&header, &(struct message_header){
                                       .protocol = protocol_ours().lowest,
                                       .type = is_refused ? MESSAGE_ERROR : MESSAGE_OK,
                                       .id = asked->id });

    struct link_frame frames[] = { { asked->peer, asked->peer_size },
                                   { header.data, header.size },
                                   { body.data, body.size } };

    must(link_send(world->socket, frames, 3, &err) == RC_OK);
}

static void answer_all(struct world *world)
{
    while (world->waiting_count > 0)
        answer(world, &world->waiting[--world->waiting_count]);
}

static void take(struct world *world, const struct link_message *message)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct asked *asked = &world->waiting[world->waiting_count];
    struct message_header header = { 0 };
    struct request request = { 0 };
    struct err err;

    must(message->count == 3 && message->frames[0].size <= sizeof asked->peer);
    must(message_header_decode(message->frames[1].data, message->frames[1].size, &header,
                               &err)
         == RC_OK);
    must(request_decode(message->frames[2].data, message->frames[2].size, arena, &request,
                        &err)
         == RC_OK);
    memcpy(asked->peer, message->frames[0].data, message->frames[0].size);
    asked->peer_size = message->frames[0].size;
    asked->at = request.submission[0];
    asked->id = header.id;
    must(header.type == MESSAGE_SUBMIT && asked->at < COUNT);
    world->times[asked->at]++;
    if (world->mute_at > 0 && world->run_count >= world->mute_at)
        return;
    if (world->run_of[asked->at] == 0 && asked->at != world->refused)
        world->run_of[asked->at] = ++world->run_count;
    world->waiting_count++;
    if (world->waiting_count > world->most_waiting)
        world->most_waiting = world->waiting_count;
    if (world->waiting_count == world->gather)
        answer_all(world);
}

/* Answers what it has gathered, also when nothing further comes for a while. */
static void *serve(void *argument)
{
    struct world *world = argument;
    struct link_message message;
    struct err err;

    while (!atomic_load(&world->is_ending)) {
        zmq_pollitem_t item = { world->socket, 0, ZMQ_POLLIN, 0 };

        if (zmq_poll(&item, 1, WAIT_MS) == 0)
            answer_all(world);
        while (link_receive(world->socket, &message, &err) == RC_OK) {
            take(world, &message);
            link_free(&message);
        }
    }
    return NULL;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct err err;

    must(world != NULL);
    world->refused = NOBODY;
    world->gather = 1;
    for (size_t i = 0; i < COUNT; i++) {
        world->submissions[i].id[0] = (uint8_t)i;
        world->submissions[i].plan = "plan";
        world->submissions[i].plan_size = 4;
    }
    world->context = zmq_ctx_new();
    must(link_bind(world->context, ZMQ_ROUTER, "tcp://127.0.0.1:*", &world->socket, &err)
         == RC_OK);
    link_bound(world->socket, "tcp://127.0.0.1:*", world->endpoint);
    must(pthread_create(&world->thread, NULL, serve, world) == 0);
    world->sluice = sluice_create(world->endpoint, TIMEOUT_MS, &err);
    must(world->sluice != NULL);
    *state = world;
    return 0;
}

/* Until then the broker's thread has the socket and what it saw. */
static void stop_broker(struct world *world)
{
    if (!atomic_exchange(&world->is_ending, true))
        pthread_join(world->thread, NULL);
}

static int tear_down(void **state)
{
    struct world *world = *state;

    stop_broker(world);
    sluice_close(world->sluice);
    link_close(world->socket);
    zmq_ctx_term(world->context);
    free(world);
    return 0;
}

static int submit(struct world *world)
{
    return sluice_submit_many(world->sluice, world->submissions, COUNT, world->runs,
                              &world->error);
}

static void assert_each_has_its_run(const struct world *world)
{
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_not_equal(world->runs[i], 0);
        assert_int_equal(world->runs[i], world->run_of[i]);
    }
    assert_int_equal(world->run_count, COUNT);
}

static void test_answers_in_any_order_go_to_their_submissions(void **state)
{
    struct world *world = *state;

    world->gather = 7;
    assert_int_equal(submit(world), SLUICE_OK);
    stop_broker(world);
    assert_each_has_its_run(world);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(world->times[i], 1);
}

static void test_no_more_are_on_their_way_than_the_window_has(void **state)
{
    struct world *world = *state;

    world->gather = COUNT; /* never: it answers when nothing more comes */
    assert_int_equal(submit(world), SLUICE_OK);
    stop_broker(world);
    assert_each_has_its_run(world);
    assert_true(world->most_waiting <= SLUICE_SUBMIT_WINDOW);
}

static void test_submissions_that_have_a_run_are_left_out(void **state)
{
    struct world *world = *state;

    for (size_t i = 0; i < COUNT; i += 2)
        world->runs[i] = 1000 + i;
    assert_int_equal(submit(world), SLUICE_OK);
    stop_broker(world);
    assert_int_equal(world->run_count, COUNT / 2);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(world->times[i], i % 2);
        assert_int_equal(world->runs[i], i % 2 ? world->run_of[i] : 1000 + i);
    }
}

static void test_a_call_that_lost_its_broker_goes_on_where_it_ended(void **state)
{
    struct world *world = *state;
    size_t known = 0;

    world->mute_at = COUNT / 2;
    assert_int_equal(submit(world), SLUICE_UNREACHABLE);
    assert_int_equal(world->error.code, SLUICE_UNREACHABLE);
    for (size_t i = 0; i < COUNT; i++)
        known += world->runs[i] != 0;
    assert_int_equal(known, COUNT / 2);
    stop_broker(world);
    world->mute_at = 0; /* it is back */
    atomic_store(&world->is_ending, false);
    must(pthread_create(&world->thread, NULL, serve, world) == 0);
    assert_int_equal(submit(world), SLUICE_OK);
    stop_broker(world);
    assert_each_has_its_run(world);
    for (size_t i = 0; i < known; i++)
        assert_int_equal(world->times[i], 1);
}

static void test_a_refusal_ends_the_call_when_the_others_are_answered(void **state)
{
    struct world *world = *state;

    world->refused = 5;
    assert_int_equal(submit(world), SLUICE_INVALID);
    stop_broker(world);
    assert_string_equal(world->error.text, "5: no such plan");
    assert_int_equal(world->runs[5], 0);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(world->runs[i], world->run_of[i]);
    assert_true(world->run_count < COUNT);
}

static void test_large_plans_go_one_after_the_other(void **state)
{
    struct world *world = *state;
    size_t size = 12 << 20;
    void *plan = calloc(1, size);

    must(plan != NULL);
    for (size_t i = 0; i < 3; i++) {
        world->submissions[i].plan = plan;
        world->submissions[i].plan_size = size;
    }
    for (size_t i = 3; i < COUNT; i++)
        world->runs[i] = 1000;
    world->gather = 3;
    assert_int_equal(submit(world), SLUICE_OK);
    stop_broker(world);
    assert_int_equal(world->most_waiting, 1);
    free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_in_any_order_go_to_their_submissions,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_more_are_on_their_way_than_the_window_has,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_submissions_that_have_a_run_are_left_out,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_call_that_lost_its_broker_goes_on_where_it_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_refusal_ends_the_call_when_the_others_are_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_plans_go_one_after_the_other, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
