/* test_executions.c - keys of what was done, steps, and whose results a stage uses. */
#include "broker/store_fixture.h"

#include "broker/store/executions.h"
#include "codecs/plan/plan.h"

static const unsigned char key[EXECUTION_KEY_SIZE] = { 1, 2, 3 };
static const unsigned char step[STEP_KEY_SIZE] = { 9 }, other_step[STEP_KEY_SIZE] = { 8 };

static void test_the_newest_success_of_a_key_counts(void **state)
{
    struct fixture *self = *state;
    struct origin origin;
    struct err err;

    assert_int_equal(store_execution(self->store, key, &origin, &err), RC_NOT_FOUND);
    expect_ok(store_execution_put(self->store, key, &(struct origin){ 1, 2, 3 }, &err),
              &err);
    expect_ok(store_execution_put(self->store, key, &(struct origin){ 4, 5, 6 }, &err),
              &err);
    expect_ok(store_commit(self->store, &err), &err);
    fixture_reopen(self);
    expect_ok(store_execution(self->store, key, &origin, &err), &err);
    assert_int_equal(origin.run, 4);
    assert_int_equal(origin.index, 5);
    assert_int_equal(origin.stage, 6);
}

static void test_earlier_stages_of_a_step_come_newest_first(void **state)
{
    struct fixture *self = *state;
    struct origin found[2];
    size_t count;
    struct err err;

    for (uint64_t run = 1; run <= 4; run++)
        expect_ok(store_step_put(self->store, step, run, 7, &err), &err);
    expect_ok(store_step_put(self->store, other_step, 3, 1, &err), &err);
    expect_ok(store_steps_before(self->store, step, 4, 7, found, 2, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(found[0].run, 3);
    assert_int_equal(found[0].stage, 7);
    assert_int_equal(found[1].run, 2);
    expect_ok(store_steps_before(self->store, step, 1, 7, found, 2, &count, &err), &err);
    assert_int_equal(count, 0);
    expect_ok(store_steps_before(self->store, step, 9, 0, found, 2, &count, &err), &err);
    assert_int_equal(found[0].run, 4);
}

static void test_a_task_in_a_range_has_the_origin_at_its_place(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(1 << 20);
    const struct reused_range ranges[] = { { 0, 2, { 1, 10, 3 } },
                                           { 5, 3, { 2, 0, 4 } } };
    struct reused_range *read;
    struct origin origin;
    size_t count;
    struct err err;

    expect_ok(store_reused(self->store, 9, 0, arena, &read, &count, &err), &err);
    assert_int_equal(count, 0);
    assert_int_equal(store_origin(self->store, 9, 0, 0, &origin, &err), RC_NOT_FOUND);
    expect_ok(store_reused_put(self->store, 9, 0, ranges, 2, &err), &err);
    expect_ok(store_reused(self->store, 9, 0, arena, &read, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(read[1].first, 5);
    expect_ok(store_origin(self->store, 9, 0, 7, &origin, &err), &err);
    assert_int_equal(origin.run, 2);
    assert_int_equal(origin.index, 2);
    assert_int_equal(origin.stage, 4);
    expect_ok(store_origin(self->store, 9, 0, 1, &origin, &err), &err);
    assert_int_equal(origin.index, 11);
    assert_int_equal(store_origin(self->store, 9, 0, 2, &origin, &err), RC_NOT_FOUND);
    assert_int_equal(store_origin(self->store, 9, 0, 8, &origin, &err), RC_NOT_FOUND);
}

static void test_the_name_of_a_stage_is_read_alone(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(1 << 20);
    struct plan_stage stage = { .name = "train", .step = "s" };
    scoped_buf bytes = { 0 };
    const char *name;
    struct err err;

    plan_stage_encode(&bytes, &stage);
    expect_ok(store_resolved_put(self->store, 1, 2, bytes.data, bytes.size, &err), &err);
    expect_ok(store_stage_name(self->store, 1, 2, arena, &name, &err), &err);
    assert_string_equal(name, "train");
    assert_int_equal(store_stage_name(self->store, 1, 3, arena, &name, &err),
                     RC_NOT_FOUND);
    expect_ok(store_resolved_put(self->store, 1, 3, "\x80", 1, &err), &err);
    assert_int_equal(store_stage_name(self->store, 1, 3, arena, &name, &err), RC_CORRUPT);
}

static void test_a_stage_keeps_how_much_of_it_is_reused(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(1 << 20);
    struct stage_row row = { .tasks = 4, .reused = 2, .ahead = 1 }, read;
    struct err err;

    expect_ok(store_stage_put(self->store, 1, 0, &row, &err), &err);
    expect_ok(store_stage(self->store, 1, 0, arena, &read, &err), &err);
    assert_int_equal(read.reused, 2);
    assert_int_equal(read.ahead, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_newest_success_of_a_key_counts,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_earlier_stages_of_a_step_come_newest_first,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_task_in_a_range_has_the_origin_at_its_place, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(test_the_name_of_a_stage_is_read_alone,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_stage_keeps_how_much_of_it_is_reused,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
