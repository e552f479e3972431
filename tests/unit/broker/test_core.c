/* test_core.c - runs and stages: submitted, resolved, released, ended by errors. */
#include "broker/core_world.h"

static const struct stage_shape plain = { .is_task = false };
static const struct stage_shape sweep = { .is_task = true };

static void test_a_chain_goes_from_stage_to_stage(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { plain, plain };
    const struct core_edge edges[] = { { 0, 1 } };

    submit(world, shapes, 2, edges, 1);
    expect(world, "new 1; resolve 1/0");
    resolved(world, 1, 0, 1);
    expect(world, "stage 1/0 queued");
    tick(world);
    expect(world, "");
    join(world, 1, 4, NULL, 0);
    expect(world, "node 1 online");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    started(world, 1, 1);
    expect(world, "stage 1/0 started; begun 1/0/0 t1");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 complete; "
                  "resolve 1/1");
    resolved(world, 1, 1, 1);
    expect(world, "stage 1/1 queued");
    tick(world);
    expect(world, "assign 1/1 0+1 t2 n1 #1");
    commit(world);
    expect(world, "stage-row 1/0; stage-row 1/1; run-row 1");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/1/0 t2 complete; stage 1/1 started; "
                  "stage 1/1 complete; run 1 complete");
    commit(world);
    expect(world, "stage-row 1/1; run-row 1; gone 1");
    assert_int_equal(core_active(world->core), 0);
    assert_null(core_run(world->core, 1));
    assert_int_equal(core_run_next(world->core), 2);
    assert_int_equal(core_token_next(world->core), 3);
}

static void finish_stage(struct world *world, uint32_t stage, uint64_t token,
                         const char *then)
{
    scoped_buf text = { 0 };

    resolved(world, 1, stage, 1);
    buf_printf(&text, "stage 1/%u queued", stage);
    expect(world, buf_string(&text));
    tick(world);
    buf_clear(&text);
    buf_printf(&text, "assign 1/%u 0+1 t%lu n1 #1", stage, (unsigned long)token);
    expect(world, buf_string(&text));
    completed(world, 1, token);
    buf_clear(&text);
    buf_printf(&text,
               "taken n1 t%lu; ended 1/%u/0 t%lu complete; stage 1/%u started; "
               "stage 1/%u complete; %s",
               (unsigned long)token, stage, (unsigned long)token, stage, stage, then);
    expect(world, buf_string(&text));
}

static void test_a_diamond_waits_for_both_sides_and_counts_each_edge(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { plain, plain, plain, plain };
    const struct core_edge edges[] = { { 0, 1 }, { 0, 2 }, { 2, 3 },
                                       { 2, 3 }, { 2, 3 }, { 1, 3 } };

    join(world, 1, 1, NULL, 0);
    expect(world, "node 1 online");
    submit(world, shapes, 4, edges, 6);
    expect(world, "new 1; resolve 1/0");
    assert_int_equal(core_stage(world->core, 1, 3)->waits, 4);
    resolved(world, 1, 0, 1);
    expect(world, "stage 1/0 queued");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 started; "
                  "stage 1/0 complete; resolve 1/1; resolve 1/2");
    resolved(world, 1, 2, 1);
    expect(world, "stage 1/2 queued");
    resolved(world, 1, 1, 1);
    expect(world, "stage 1/1 queued");
    tick(world);
    expect(world, "assign 1/2 0+1 t2 n1 #1");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/2/0 t2 complete; stage 1/2 started; "
                  "stage 1/2 complete");
    assert_int_equal(core_stage(world->core, 1, 3)->waits, 1);
    tick(world);
    expect(world, "assign 1/1 0+1 t3 n1 #1");
    completed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/1/0 t3 complete; stage 1/1 started; "
                  "stage 1/1 complete; resolve 1/3");
    finish_stage(world, 3, 4, "run 1 complete");
}

static void test_a_run_without_stages_is_complete_at_once(void **state)
{
    struct world *world = *state;

    submit(world, NULL, 0, NULL, 0);
    expect(world, "new 1; run 1 complete");
    commit(world);
    expect(world, "run-row 1; gone 1");
}

static void test_a_stage_without_tasks_is_complete_and_lets_the_next_go(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { sweep, plain };
    const struct core_edge edges[] = { { 0, 1 } };

    submit(world, shapes, 2, edges, 1);
    expect(world, "new 1; resolve 1/0");
    resolved(world, 1, 0, 0);
    expect(world, "stage 1/0 queued; stage 1/0 complete; resolve 1/1");
    unresolved(world, 1, 1);
    expect(world, "stage 1/1 error unresolved; run 1 error unresolved");
}

static void test_an_unresolved_stage_ends_the_run_and_skips_what_is_open(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { plain, plain, plain };
    const struct core_edge edges[] = { { 0, 1 } };

    submit(world, shapes, 3, edges, 1);
    expect(world, "new 1; resolve 1/0; resolve 1/2");
    unresolved(world, 1, 0);
    expect(world, "stage 1/0 error unresolved; stage 1/1 skipped upstream; "
                  "stage 1/2 skipped upstream; run 1 error unresolved");
    assert_int_equal(core_stage(world->core, 1, 2)->reason_stage, 0);
    resolved(world, 1, 2, 1);
    expect(world, "");
    unresolved(world, 1, 2);
    expect(world, "");
}

static void test_more_stages_than_allowed_are_refused(void **state)
{
    struct world *world = *state;
    struct stage_shape shapes[101] = { { 0 } };

    submit(world, shapes, 101, NULL, 0);
    expect(world, "refused full");
    assert_int_equal(core_run_next(world->core), 1);
    submit(world, NULL, 0, NULL, 0);
    expect(world, "new 1; run 1 complete");
}

/* 0 -> 1 -> 3, 0 -> 2; the first stage fails. */
static void fail_first(struct world *world, enum on_error on_error, const char *expected)
{
    const struct stage_shape shapes[] = {
        { .on_error = on_error }, plain, plain, plain, plain
    };
    const struct core_edge edges[] = { { 0, 1 }, { 1, 3 }, { 0, 2 } };

    join(world, 1, 2, NULL, 0);
    expect(world, "node 1 online");
    submit(world, shapes, 5, edges, 3);
    expect(world, "new 1; resolve 1/0; resolve 1/4");
    resolved(world, 1, 0, 1);
    expect(world, "stage 1/0 queued");
    resolved(world, 1, 4, 1);
    expect(world, "stage 1/4 queued");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1; assign 1/4 0+1 t2 n1 #1");
    failed(world, 1, 1);
    expect(world, expected);
}

static void test_stop_all_stops_what_runs_and_then_the_run_is_an_error(void **state)
{
    struct world *world = *state;

    fail_first(world, ON_ERROR_STOP_ALL,
               "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started; "
               "stage 1/0 error task-failed; run 1 stopping task-failed; "
               "stage 1/1 skipped upstream; stage 1/2 skipped upstream; "
               "stage 1/3 skipped upstream; stage 1/4 stopping upstream; stop n1 t2");
    cancel(world, 1);
    expect(world, "");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/4/0 t2 complete; stage 1/4 stopped upstream; "
                  "run 1 error task-failed");
    assert_int_equal(core_run(world->core, 1)->reason_stage, 0);
}

static void test_stop_next_skips_what_is_behind_and_other_branches_go_on(void **state)
{
    struct world *world = *state;

    fail_first(world, ON_ERROR_STOP_NEXT,
               "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started; "
               "stage 1/0 error task-failed; stage 1/1 skipped upstream; "
               "stage 1/2 skipped upstream; stage 1/3 skipped upstream");
    assert_int_equal(core_run(world->core, 1)->state, RUN_STARTED);
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/4/0 t2 complete; stage 1/4 started; "
                  "stage 1/4 complete; run 1 error task-failed");
}

static void test_the_first_failure_is_the_reason_of_the_run(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { { .on_error = ON_ERROR_STOP_NEXT },
                                          { .on_error = ON_ERROR_STOP_NEXT } };

    submit(world, shapes, 2, NULL, 0);
    expect(world, "new 1; resolve 1/0; resolve 1/1");
    unresolved(world, 1, 1);
    expect(world, "stage 1/1 error unresolved");
    unresolved(world, 1, 0);
    expect(world, "stage 1/0 error unresolved; run 1 error unresolved");
    assert_int_equal(core_run(world->core, 1)->reason_stage, 1);
}

static void test_continue_goes_on_as_if_it_had_succeeded(void **state)
{
    struct world *world = *state;

    fail_first(world, ON_ERROR_CONTINUE,
               "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started; "
               "stage 1/0 error task-failed; resolve 1/1; resolve 1/2");
    assert_false(core_run(world->core, 1)->has_failed);
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled; stage 1/1 skipped cancelled; "
                  "stage 1/2 skipped cancelled; stage 1/3 skipped cancelled; "
                  "stage 1/4 stopping cancelled; stop n1 t2");
    finished(world, 1, 2, RESULT_STOPPED, CAUSE_STOPPED);
    expect(world, "taken n1 t2; ended 1/4/0 t2 stopped; stage 1/4 stopped cancelled; "
                  "run 1 stopped cancelled");
}

static void test_retry_tries_three_times_and_then_stops_all(void **state)
{
    struct world *world = *state;

    one_stage(world, (struct stage_shape){ .on_error = ON_ERROR_RETRY }, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error retry; stage 1/0 started");
    tick(world);
    expect(world, "assign 1/0 0+1 t2 n1 #2");
    finished(world, 1, 2, RESULT_CRASHED, CAUSE_LOST);
    expect(world, "taken n1 t2; ended 1/0/0 t2 crashed retry");
    tick(world);
    expect(world, "assign 1/0 0+1 t3 n1 #3");
    failed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/0/0 t3 error; stage 1/0 error task-failed; "
                  "run 1 error task-failed");
}

static void test_a_retry_that_succeeds_leaves_no_failure(void **state)
{
    struct world *world = *state;

    one_stage(world, (struct stage_shape){ .on_error = ON_ERROR_RETRY, .is_task = true },
              2, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    failed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 error retry; stage 1/0 started");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete");
    tick(world);
    expect(world, "assign 1/0 1+1 t3 n1 #2");
    completed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/0/1 t3 complete; stage 1/0 complete; "
                  "run 1 complete");
    assert_int_equal(core_stage(world->core, 1, 0)->failed, 0);
}

static void test_a_retry_is_not_tried_again_while_the_run_stops(void **state)
{
    struct world *world = *state;

    one_stage(world, (struct stage_shape){ .on_error = ON_ERROR_RETRY }, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled; stage 1/0 stopping cancelled; stop n1 t1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 stopped cancelled; "
                  "run 1 stopped cancelled");
}

int main(void)
{
#define WORLD_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_chain_goes_from_stage_to_stage),
        WORLD_TEST(test_a_diamond_waits_for_both_sides_and_counts_each_edge),
        WORLD_TEST(test_a_run_without_stages_is_complete_at_once),
        WORLD_TEST(test_a_stage_without_tasks_is_complete_and_lets_the_next_go),
        WORLD_TEST(test_an_unresolved_stage_ends_the_run_and_skips_what_is_open),
        WORLD_TEST(test_more_stages_than_allowed_are_refused),
        WORLD_TEST(test_stop_all_stops_what_runs_and_then_the_run_is_an_error),
        WORLD_TEST(test_stop_next_skips_what_is_behind_and_other_branches_go_on),
        WORLD_TEST(test_the_first_failure_is_the_reason_of_the_run),
        WORLD_TEST(test_continue_goes_on_as_if_it_had_succeeded),
        WORLD_TEST(test_retry_tries_three_times_and_then_stops_all),
        WORLD_TEST(test_a_retry_that_succeeds_leaves_no_failure),
        WORLD_TEST(test_a_retry_is_not_tried_again_while_the_run_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
