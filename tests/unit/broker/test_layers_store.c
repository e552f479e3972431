/* test_layers_store.c - stages in layers: put, taken out, found, checked. */
#include "broker/store/check.h"
#include "broker/store/layers.h"
#include "broker/store_fixture.h"
#include "codecs/wire/result.h"

enum { RUN = 3, ARENA_MAX = 1 << 20 };

/* The stages from first on with that step between them, up to last. */
struct steps {
    uint32_t first, step, last;
};

static void put(struct fixture *self, const struct steps *steps, uint64_t token,
                bool has_ended, uint32_t node, uint64_t version)
{
    scoped_buf places = { 0 }, times = { 0 }, bytes = { 0 };
    struct stage_layer layer = {
        .first = steps->first, .token = token, .has_ended = has_ended, .ended_us = 9000
    };
    int64_t last = 1000;
    struct err err;

    for (uint32_t stage = steps->first; stage <= steps->last; stage += steps->step) {
        layer_add(&places, stage - steps->first);
        block_add(&times, &last, last + 1, last + 3);
    }
    layer.places = (struct bytes){ (const char *)places.data, places.size };
    layer.block =
        (struct task_block){ .token = token,
                             .count = layer_count(&layer),
                             .started_us = 1000,
                             .times = { (const char *)times.data, times.size } };
    layer_encode(&bytes, &layer);
    expect_ok(store_layer_put(self->store, RUN, node, version, steps->first,
                              (struct bytes){ (const char *)bytes.data, bytes.size },
                              &err),
              &err);
}

static void put_live(struct fixture *self, struct steps steps, uint64_t token)
{
    put(self, &steps, token, false, 1, 0);
}

static uint64_t take(struct fixture *self, uint32_t stage, uint64_t max)
{
    uint64_t count;
    struct err err;

    expect_ok(store_layer_take(self->store, RUN, stage, max, &count, &err), &err);
    return count;
}

static enum rc say(void *context, const struct attempt_row *row, struct err *err)
{
    (void)err;
    assert_int_equal(row->run, RUN);
    assert_int_equal(row->index, 0);
    assert_int_equal(row->number, 1);
    buf_printf(context, "%u:%lu ", row->stage, (unsigned long)row->token);
    return RC_OK;
}

static void expect_live(struct fixture *self, const char *expected)
{
    scoped_buf out = { 0 };
    struct err err;

    expect_ok(store_layer_attempts(self->store, RUN, say, &out, &err), &err);
    assert_string_equal(buf_string(&out), expected);
}

static void test_stages_leave_a_layer_at_its_ends_in_its_middle_and_all(void **state)
{
    struct fixture *self = *state;

    put_live(self, (struct steps){ 10, 2, 18 }, 100);
    expect_live(self, "10:100 12:101 14:102 16:103 18:104 ");
    assert_int_equal(take(self, 14, 1), 1);
    expect_live(self, "10:100 12:101 16:103 18:104 ");
    assert_int_equal(take(self, 10, 1), 1);
    expect_live(self, "12:101 16:103 18:104 ");
    assert_int_equal(take(self, 16, 100), 2);
    expect_live(self, "12:101 ");
    assert_int_equal(take(self, 12, 1), 1);
    expect_live(self, "");
}

static void test_what_is_in_no_live_layer_stays_out(void **state)
{
    struct fixture *self = *state;

    put_live(self, (struct steps){ 10, 2, 18 }, 100);
    put(self, &(struct steps){ 11, 2, 13 }, 50, true, 1, 7);
    for (uint32_t stage = 0; stage < 30; stage++)
        if (stage % 2 == 1 || stage < 10 || stage > 18)
            assert_int_equal(take(self, stage, 1), 0);
    expect_live(self, "10:100 12:101 14:102 16:103 18:104 ");
}

static void expect_stage(struct fixture *self, uint32_t stage, enum stage_state expected)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct stage_row row;
    struct err err;

    expect_ok(store_stage(self->store, RUN, stage, arena, &row, &err), &err);
    assert_int_equal(row.state, expected);
    assert_true(row.is_resolved && row.tasks == 1 && row.next == 1 && !row.has_row);
    assert_true(stage_row_follows(&row));
    assert_int_equal(row.ended_us, expected == STAGE_COMPLETE ? 9000 : 0);
}

static void test_each_stage_of_layers_that_lie_in_each_other_is_found(void **state)
{
    struct fixture *self = *state;
    struct stage_row row;
    struct err err;

    put(self, &(struct steps){ 10, 4, 4098 }, 2000, true, 1, 7);
    put_live(self, (struct steps){ 11, 4, 4099 }, 4000);
    put_live(self, (struct steps){ 5000, 1, 5000 }, 9000);
    for (uint32_t stage = 10; stage <= 4098; stage += 4) {
        expect_stage(self, stage, STAGE_COMPLETE);
        expect_stage(self, stage + 1, STAGE_QUEUED);
        assert_int_equal(store_stage(self->store, RUN, stage + 2, NULL, &row, &err),
                         RC_NOT_FOUND);
    }
    expect_stage(self, 5000, STAGE_QUEUED);
    assert_int_equal(store_stage(self->store, RUN + 1, 10, NULL, &row, &err),
                     RC_NOT_FOUND);
    assert_int_equal(store_stage(self->store, RUN - 1, 10, NULL, &row, &err),
                     RC_NOT_FOUND);
}

static void visit(void *context, uint64_t index, const struct task_row *row)
{
    assert_int_equal(index, 0);
    *(struct task_row *)context = *row;
}

static void test_a_task_has_its_token_times_and_version(void **state)
{
    struct fixture *self = *state;
    scoped_buf result = { 0 };
    struct task_row row = { 0 };
    struct err err;

    put(self, &(struct steps){ 10, 2, 18 }, 100, true, 1, 7);
    expect_ok(store_task(self->store, RUN, 14, 0, &row, &err), &err);
    assert_true(row.state == TASK_COMPLETE && row.attempts == 1 && row.node == 1);
    assert_true(row.token == 102 && row.version == 7 && row.exit_code == 0);
    assert_true(row.started_us == 1007 && row.ended_us == 1009);
    assert_int_equal(store_task(self->store, RUN, 14, 1, &row, &err), RC_NOT_FOUND);
    assert_int_equal(store_task(self->store, RUN, 15, 0, &row, &err), RC_NOT_FOUND);
    expect_ok(store_result(self->store, RUN, 18, 0, 0, &result, &err), &err);
    assert_true(result.size > 0);

    row = (struct task_row){ 0 };
    expect_ok(store_tasks(self->store, RUN, 18, 0, 10, visit, &row, &err), &err);
    assert_int_equal(row.token, 104);
    row = (struct task_row){ 0 };
    expect_ok(store_tasks(self->store, RUN, 18, 1, 10, visit, &row, &err), &err);
    assert_int_equal(row.token, 0);
}

static void test_a_task_of_another_store_has_no_token(void **state)
{
    struct fixture *self = *state;
    struct task_row row;
    struct err err;

    put(self, &(struct steps){ 10, 2, 18 }, 100, true, UINT32_MAX, 7);
    expect_ok(store_task(self->store, RUN, 14, 0, &row, &err), &err);
    assert_true(row.token == 0 && row.node == UINT32_MAX && row.version == 7);
}

static void test_a_row_of_its_own_goes_before_the_layer(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct stage_row row = { .state = STAGE_STOPPING, .tasks = 1, .next = 1 };
    struct err err;

    put_live(self, (struct steps){ 10, 2, 18 }, 100);
    expect_ok(store_stage_put(self->store, RUN, 14, &row, &err), &err);
    row = (struct stage_row){ 0 };
    expect_ok(store_stage(self->store, RUN, 14, arena, &row, &err), &err);
    assert_true(row.state == STAGE_STOPPING && row.has_row);
    expect_stage(self, 16, STAGE_QUEUED);
}

static void test_a_layer_that_does_not_decode_is_told(void **state)
{
    struct fixture *self = *state;
    struct stage_row row;
    struct err err;

    expect_ok(store_layer_put(self->store, RUN, 1, 7, 10, (struct bytes){ "x", 1 }, &err),
              &err);
    assert_int_equal(store_stage(self->store, RUN, 10, NULL, &row, &err), RC_CORRUPT);
    assert_int_equal(store_stage(self->store, RUN, 11, NULL, &row, &err), RC_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stages_leave_a_layer_at_its_ends_in_its_middle_and_all),
        TEST(test_what_is_in_no_live_layer_stays_out),
        TEST(test_each_stage_of_layers_that_lie_in_each_other_is_found),
        TEST(test_a_task_has_its_token_times_and_version),
        TEST(test_a_task_of_another_store_has_no_token),
        TEST(test_a_row_of_its_own_goes_before_the_layer),
        TEST(test_a_layer_that_does_not_decode_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
