/* test_core_tasks.c - tasks and attempts: handed out, limited, stopped, lost, late. */
#include "broker/core_world.h"

static const struct stage_shape plain = { .is_task = false };
static const struct stage_shape sweep = { .is_task = true };

static void test_a_sweep_is_handed_out_by_its_cursor_as_slots_come_free(void **state)
{
    struct world *world = *state;

    one_stage(world, sweep, 5, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    assert_int_equal(core_stage(world->core, 1, 0)->next, 2);
    tick(world);
    expect(world, "");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 complete; stage 1/0 started");
    tick(world);
    expect(world, "assign 1/0 2+1 t3 n1 #1");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete");
    completed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/0/2 t3 complete");
    tick(world);
    expect(world, "assign 1/0 3+2 t4 n1 #1");
    completed(world, 1, 5);
    expect(world, "taken n1 t5; ended 1/0/4 t5 complete");
    completed(world, 1, 4);
    expect(world, "taken n1 t4; ended 1/0/3 t4 complete; stage 1/0 complete; "
                  "run 1 complete");
}

static void test_no_more_than_queued_max_are_unfinished_at_once(void **state)
{
    struct world *world = *state;

    one_stage(world, (struct stage_shape){ .is_task = true, .queued_max = 2 }, 4, 8);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    tick(world);
    expect(world, "");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started");
    tick(world);
    expect(world, "assign 1/0 2+1 t3 n1 #1");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 complete");
    completed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/0/2 t3 complete");
    tick(world);
    expect(world, "assign 1/0 3+1 t4 n1 #1");
    completed(world, 1, 4);
    expect(world, "taken n1 t4; ended 1/0/3 t4 complete; stage 1/0 error task-failed; "
                  "run 1 error task-failed");
}

static void test_the_roomiest_node_gets_the_next_tasks(void **state)
{
    struct world *world = *state;

    join(world, 3, 2, NULL, 0);
    expect(world, "node 3 online");
    one_stage(world, sweep, 6, 3);
    expect(world, "assign 1/0 0+3 t1 n1 #1; assign 1/0 3+2 t4 n3 #1");
}

static void test_runs_and_stages_take_turns(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { sweep, sweep };

    for (uint64_t run = 1; run <= 2; run++) {
        submit(world, shapes, 2, NULL, 0);
        expect(world, run == 1 ? "new 1; resolve 1/0; resolve 1/1"
                               : "new 2; resolve 2/0; resolve 2/1");
        resolved(world, run, 0, 3);
        expect(world, run == 1 ? "stage 1/0 queued" : "stage 2/0 queued");
        resolved(world, run, 1, 1);
        expect(world, run == 1 ? "stage 1/1 queued" : "stage 2/1 queued");
    }
    for (uint32_t node = 0; node < 6; node++) {
        join(world, node, 1, NULL, 0);
        world->changes.count = 0;
    }
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n0 #1; assign 2/0 0+1 t2 n1 #1; "
                  "assign 1/1 0+1 t3 n2 #1; assign 2/1 0+1 t4 n3 #1; "
                  "assign 1/0 1+1 t5 n4 #1; assign 2/0 1+1 t6 n5 #1");
}

static void test_retries_go_before_fresh_tasks_oldest_first(void **state)
{
    struct world *world = *state;

    one_stage(world, (struct stage_shape){ .is_task = true, .on_error = ON_ERROR_RETRY },
              4, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    failed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 error retry; stage 1/0 started");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error retry");
    tick(world);
    expect(world, "assign 1/0 1+1 t3 n1 #2; assign 1/0 0+1 t4 n1 #2");
}

static void test_many_retries_come_out_in_the_order_they_went_in(void **state)
{
    struct world *world = *state;
    enum { TASKS = 100, SLOTS = 7 };
    uint64_t lost = 0;

    one_stage(world, sweep, TASKS, TASKS);
    expect(world, "assign 1/0 0+100 t1 n1 #1");
    leave(world, 1);
    world->changes.count = 0;
    assert_int_equal(core_stage(world->core, 1, 0)->retry_count, TASKS);
    join(world, 2, SLOTS, NULL, 0);
    expect(world, "node 2 online");
    for (int round = 0; round < 3; round++) {
        tick(world);
        for (size_t i = 0; i < SLOTS; i++, lost++)
            assert_int_equal(world->changes.items[i].index, lost % TASKS);
        world->changes.count = 0;
        leave(world, 2);
        world->changes.count = 0;
        join(world, 2, SLOTS, NULL, 0);
        expect(world, "node 2 online");
    }
    assert_int_equal(core_stage(world->core, 1, 0)->retries[0].index, lost);
    assert_in_range(core_stage(world->core, 1, 0)->retries[TASKS - 1].index, lost - SLOTS,
                    lost - 1);
    cancel(world, 1);
    expect(world, "stage 1/0 stopped cancelled; run 1 stopped cancelled");
}

static void test_children_that_fail_make_the_stage_an_error_after_all_ran(void **state)
{
    struct world *world = *state;
    const struct stage_shape shape = { .is_task = true,
                                       .on_child_error = CHILD_ERROR_CONTINUE_AND_ERROR };

    one_stage(world, shape, 2, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started");
    tick(world);
    expect(world, "assign 1/0 1+1 t2 n1 #1");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 complete; stage 1/0 error task-failed; "
                  "run 1 error task-failed");
}

static void test_children_that_fail_may_leave_the_stage_complete(void **state)
{
    struct world *world = *state;
    const struct stage_shape shape = { .is_task = true,
                                       .on_child_error =
                                           CHILD_ERROR_CONTINUE_AND_COMPLETE };

    one_stage(world, shape, 2, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started");
    failed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 error; stage 1/0 complete; "
                  "run 1 complete");
    assert_int_equal(core_stage(world->core, 1, 0)->failed, 2);
}

static void test_on_error_continue_of_a_sweep_forgives_its_children(void **state)
{
    struct world *world = *state;

    one_stage(world,
              (struct stage_shape){ .is_task = true, .on_error = ON_ERROR_CONTINUE }, 1,
              1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started; "
                  "stage 1/0 complete; run 1 complete");
}

static void test_the_first_child_that_fails_may_stop_the_rest(void **state)
{
    struct world *world = *state;
    const struct stage_shape shape = { .is_task = true,
                                       .on_child_error = CHILD_ERROR_STOP_ALL_AND_ERROR };

    one_stage(world, shape, 9, 3);
    expect(world, "assign 1/0 0+3 t1 n1 #1");
    failed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 error; stage 1/0 started; "
                  "stage 1/0 stopping; stop n1 t1; stop n1 t3");
    tick(world);
    expect(world, "");
    finished(world, 1, 1, RESULT_STOPPED, CAUSE_STOPPED);
    expect(world, "taken n1 t1; ended 1/0/0 t1 stopped");
    failed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/0/2 t3 error; stage 1/0 error task-failed; "
                  "run 1 error task-failed");
}

static void test_the_last_child_that_fails_has_nothing_left_to_stop(void **state)
{
    struct world *world = *state;
    const struct stage_shape shape = { .is_task = true,
                                       .on_child_error = CHILD_ERROR_STOP_ALL_AND_ERROR };

    one_stage(world, shape, 4, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started; "
                  "stage 1/0 error task-failed; run 1 error task-failed");
}

static void test_a_stop_condition_of_an_execution_lets_the_next_stage_go(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { plain, plain };
    const struct core_edge edges[] = { { 0, 1 } };

    join(world, 1, 1, NULL, 0);
    expect(world, "node 1 online");
    submit(world, shapes, 2, edges, 1);
    expect(world, "new 1; resolve 1/0");
    resolved(world, 1, 0, 1);
    expect(world, "stage 1/0 queued");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    finished(world, 1, 1, RESULT_STOPPED, CAUSE_STOP_CONDITION);
    expect(world, "taken n1 t1; ended 1/0/0 t1 stopped; stage 1/0 started; "
                  "stage 1/0 stopped stop-condition; resolve 1/1");
    resolved(world, 1, 1, 0);
    expect(world, "stage 1/1 queued; stage 1/1 complete; run 1 complete");
}

static void test_a_stop_condition_of_a_sweep_stops_the_whole_sweep(void **state)
{
    struct world *world = *state;

    one_stage(world, sweep, 9, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    finished(world, 1, 1, RESULT_STOPPED, CAUSE_STOP_CONDITION);
    expect(world, "taken n1 t1; ended 1/0/0 t1 stopped; stage 1/0 started; "
                  "stage 1/0 stopping; stop n1 t2");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 complete; "
                  "stage 1/0 stopped stop-condition; run 1 complete");
}

static void test_a_task_that_somebody_else_stopped_makes_no_complete_stage(void **state)
{
    struct world *world = *state;

    one_stage(world, plain, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    finished(world, 1, 1, RESULT_STOPPED, CAUSE_STOPPED);
    expect(world, "taken n1 t1; ended 1/0/0 t1 stopped; stage 1/0 started; "
                  "stage 1/0 stopped; run 1 complete");
}

static void test_a_lost_attempt_is_handed_out_again_with_a_new_token(void **state)
{
    struct world *world = *state;

    one_stage(world, plain, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    started(world, 1, 1);
    expect(world, "stage 1/0 started; begun 1/0/0 t1");
    leave(world, 1);
    expect(world, "node 1 away; lost 1/0/0 t1 retry");
    tick(world);
    expect(world, "");
    join(world, 2, 1, NULL, 0);
    expect(world, "node 2 online");
    tick(world);
    expect(world, "assign 1/0 0+1 t2 n2 #2");
    completed(world, 1, 1);
    expect(world, "taken n1 t1 late");
    completed(world, 2, 2);
    expect(world, "taken n2 t2; ended 1/0/0 t2 complete; stage 1/0 complete; "
                  "run 1 complete");
    completed(world, 2, 2);
    expect(world, "taken n2 t2 late");
}

static void test_a_task_that_loses_three_nodes_is_given_up(void **state)
{
    struct world *world = *state;

    one_stage(world, plain, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    started(world, 1, 1);
    expect(world, "stage 1/0 started; begun 1/0/0 t1");
    leave(world, 1);
    expect(world, "node 1 away; lost 1/0/0 t1 retry");
    join(world, 1, 1, NULL, 0);
    expect(world, "node 1 online");
    tick(world);
    expect(world, "assign 1/0 0+1 t2 n1 #2");
    started(world, 1, 2);
    expect(world, "begun 1/0/0 t2");
    join(world, 1, 1, NULL, 0); /* it lost its memory without being away */
    expect(world, "lost 1/0/0 t2 retry");
    tick(world);
    expect(world, "assign 1/0 0+1 t3 n1 #3");
    started(world, 1, 3);
    expect(world, "begun 1/0/0 t3");
    leave(world, 1);
    expect(world, "node 1 away; lost 1/0/0 t3 crashed; stage 1/0 error poison; "
                  "run 1 error poison");
}

static void test_a_task_that_never_began_is_not_blamed_for_lost_nodes(void **state)
{
    struct world *world = *state;

    one_stage(world, plain, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    join(world, 1, 1, NULL, 0);
    expect(world, "lost 1/0/0 t1 retry");
    tick(world);
    expect(world, "assign 1/0 0+1 t2 n1 #2");
    join(world, 1, 1, NULL, 0);
    expect(world, "lost 1/0/0 t2 retry");
    tick(world);
    expect(world, "assign 1/0 0+1 t3 n1 #3");
    leave(world, 1);
    expect(world, "node 1 away; lost 1/0/0 t3 retry");
}

static void test_an_attempt_lost_while_its_stage_stops_is_stopped(void **state)
{
    struct world *world = *state;

    one_stage(world, plain, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled; stage 1/0 stopping cancelled; stop n1 t1");
    leave(world, 1);
    expect(world, "node 1 away; lost 1/0/0 t1 stopped; stage 1/0 stopped cancelled; "
                  "run 1 stopped cancelled");
}

static void test_a_result_from_another_node_is_late(void **state)
{
    struct world *world = *state;

    one_stage(world, plain, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    completed(world, 2, 1);
    expect(world, "taken n2 t1 late");
    completed(world, 1, 77);
    expect(world, "taken n1 t77 late");
    completed(world, 1, 0);
    expect(world, "taken n1 t0 late");
    assert_int_equal(core_stage(world->core, 1, 0)->running, 1);
    cancel(world, 1);
    world->changes.count = 0;
}

static void test_started_counts_once_and_only_from_the_attempts_node(void **state)
{
    struct world *world = *state;

    one_stage(world, sweep, 2, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    started(world, 2, 1);
    expect(world, "");
    started(world, 1, 5);
    expect(world, "");
    started(world, 1, 1);
    expect(world, "stage 1/0 started; begun 1/0/0 t1");
    started(world, 1, 1);
    expect(world, "");
    started(world, 1, 2);
    expect(world, "begun 1/0/1 t2");
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled; stage 1/0 stopping cancelled; "
                  "stop n1 t1; stop n1 t2");
}

int main(void)
{
#define WORLD_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_sweep_is_handed_out_by_its_cursor_as_slots_come_free),
        WORLD_TEST(test_no_more_than_queued_max_are_unfinished_at_once),
        WORLD_TEST(test_the_roomiest_node_gets_the_next_tasks),
        WORLD_TEST(test_runs_and_stages_take_turns),
        WORLD_TEST(test_retries_go_before_fresh_tasks_oldest_first),
        WORLD_TEST(test_many_retries_come_out_in_the_order_they_went_in),
        WORLD_TEST(test_children_that_fail_make_the_stage_an_error_after_all_ran),
        WORLD_TEST(test_children_that_fail_may_leave_the_stage_complete),
        WORLD_TEST(test_on_error_continue_of_a_sweep_forgives_its_children),
        WORLD_TEST(test_the_first_child_that_fails_may_stop_the_rest),
        WORLD_TEST(test_the_last_child_that_fails_has_nothing_left_to_stop),
        WORLD_TEST(test_a_stop_condition_of_an_execution_lets_the_next_stage_go),
        WORLD_TEST(test_a_stop_condition_of_a_sweep_stops_the_whole_sweep),
        WORLD_TEST(test_a_task_that_somebody_else_stopped_makes_no_complete_stage),
        WORLD_TEST(test_a_lost_attempt_is_handed_out_again_with_a_new_token),
        WORLD_TEST(test_a_task_that_loses_three_nodes_is_given_up),
        WORLD_TEST(test_a_task_that_never_began_is_not_blamed_for_lost_nodes),
        WORLD_TEST(test_an_attempt_lost_while_its_stage_stops_is_stopped),
        WORLD_TEST(test_a_result_from_another_node_is_late),
        WORLD_TEST(test_started_counts_once_and_only_from_the_attempts_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
