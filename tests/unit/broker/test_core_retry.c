/* test_core_retry.c - when what failed or was lost is tried again. */
#include "broker/core_world.h"

enum { FIRST_US = 1000, MAX_US = 3000 };

static const struct stage_shape retrying = { .is_task = true,
                                             .on_error = ON_ERROR_RETRY };

static struct core *core_with_waits(void)
{
    return core_create(&(struct core_options){ .node_timeout_us = WORLD_TIMEOUT_US,
                                               .stages_max = 100,
                                               .retry_first_us = FIRST_US,
                                               .retry_max_us = MAX_US });
}

static int retry_setup(void **state)
{
    struct world *world;

    if (world_setup(state) != 0)
        return -1;
    world = *state;
    core_destroy(world->core);
    world->core = core_with_waits();
    return world->core ? 0 : -1;
}

/* The wait that the only retry of stage 1/0 has left: the whole one less up to a quarter.
 */
static void assert_waits(struct world *world, int64_t wait_us)
{
    const struct stage_row *row = core_stage(world->core, 1, 0);
    struct why_view why;

    assert_int_equal(row->retry_count, 1);
    assert_in_range(row->retries[0].not_before_us - world->now_us, wait_us * 3 / 4,
                    wait_us);
    assert_int_equal(core_deadline_us(world->core), row->retries[0].not_before_us);
    core_why(world->core, 1, 0, &why);
    assert_int_equal(why.why, WHY_BACKOFF);
    tick(world);
    expect(world, "");
    world->now_us = row->retries[0].not_before_us - 1;
    tick(world);
}

/* After a restore from an older backup: the node has the result, the store not its files.
 */
static void test_a_result_whose_files_are_nowhere_is_a_loss_and_is_taken(void **state)
{
    struct world *world = *state;

    one_stage(world, retrying, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    move(world, (struct core_input){ .kind = INPUT_FINISHED,
                                     .node = 1,
                                     .token = 1,
                                     .status = RESULT_COMPLETE,
                                     .cause = CAUSE_EXIT,
                                     .yes = true });
    expect(world, "taken n1 t1; lost 1/0/0 t1 retry");
    tick(world);
    expect(world, "assign 1/0 0+1 t2 n1 #2");
    completed(world, 1, 1);
    expect(world, "taken n1 t1 late");
}

static void test_a_task_that_failed_waits_twice_as_long_each_time(void **state)
{
    struct world *world = *state;

    one_stage(world, retrying, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error retry; stage 1/0 started");
    assert_waits(world, FIRST_US);
    expect(world, "assign 1/0 0+1 t2 n1 #2");
    failed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/0 t2 error retry");
    assert_waits(world, 2 * FIRST_US);
    expect(world, "assign 1/0 0+1 t3 n1 #3");
    failed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/0/0 t3 error; stage 1/0 error task-failed; "
                  "run 1 error task-failed");
}

static void test_a_wait_holds_up_no_other_task(void **state)
{
    struct world *world = *state;

    one_stage(world, retrying, 3, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error retry; stage 1/0 started");
    tick(world);
    expect(world, "assign 1/0 1+1 t2 n1 #1");
    world->now_us += FIRST_US;
    tick(world);
    expect(world, "");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 complete");
    tick(world);
    expect(world, "assign 1/0 0+1 t3 n1 #2");
}

static void test_the_first_loss_is_made_good_at_once_and_the_next_waits(void **state)
{
    struct world *world = *state;

    one_stage(world, retrying, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    started(world, 1, 1);
    expect(world, "stage 1/0 started; begun 1/0/0 t1");
    join(world, 1, 1, NULL, 0);
    expect(world, "lost 1/0/0 t1 retry");
    tick(world);
    expect(world, "assign 1/0 0+1 t2 n1 #2");
    started(world, 1, 2);
    expect(world, "begun 1/0/0 t2");
    join(world, 1, 1, NULL, 0);
    expect(world, "lost 1/0/0 t2 retry");
    assert_waits(world, FIRST_US);
    expect(world, "assign 1/0 0+1 t3 n1 #3");
    failed(world, 1, 3); /* losses are no failures */
    expect(world, "taken n1 t3; ended 1/0/0 t3 error retry");
}

static void test_a_time_limit_is_tried_again_only_where_failures_are(void **state)
{
    struct world *world = *state;

    one_stage(world, retrying, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    finished(world, 1, 1, RESULT_ERROR, CAUSE_TIME_LIMIT);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error retry; stage 1/0 started");
    cancel(world, 1);
    expect(world, "stage 1/0 stopped cancelled; run 1 stopped cancelled");
    submit(world, &(struct stage_shape){ 0 }, 1, NULL, 0);
    expect(world, "new 2; resolve 2/0");
    resolved(world, 2, 0, 1);
    expect(world, "stage 2/0 queued");
    tick(world);
    expect(world, "assign 2/0 0+1 t2 n1 #1");
    finished(world, 1, 2, RESULT_ERROR, CAUSE_TIME_LIMIT);
    expect(world, "taken n1 t2; ended 2/0/0 t2 error; stage 2/0 started; "
                  "stage 2/0 error task-failed; run 2 error task-failed");
}

static void test_a_stop_is_not_tried_again(void **state)
{
    struct world *world = *state;

    one_stage(world, retrying, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    finished(world, 1, 1, RESULT_STOPPED, CAUSE_STOPPED);
    expect(world, "taken n1 t1; ended 1/0/0 t1 stopped; stage 1/0 started; "
                  "stage 1/0 stopped; run 1 complete");
}

static void test_cancelling_ends_the_wait(void **state)
{
    struct world *world = *state;

    one_stage(world, retrying, 2, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    failed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 error retry; stage 1/0 started");
    failed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 error retry");
    cancel(world, 1);
    expect(world, "stage 1/0 stopped cancelled; run 1 stopped cancelled");
    assert_true(core_deadline_us(world->core) > world->now_us + MAX_US);
}

static void test_a_clock_that_was_set_back_makes_nothing_wait_longer(void **state)
{
    struct world *world = *state;
    struct retry retries[] = { { .index = 0, .attempts = 1, .not_before_us = 1 << 30 },
                               { .index = 1, .attempts = 1, .not_before_us = 1 << 30 } };
    const struct run_row run = { .run = 1, .stages = 1, .open = 1 };
    const struct stage_row row = { .state = STAGE_STARTED,
                                   .is_resolved = true,
                                   .tasks = 2,
                                   .next = 2,
                                   .retries = retries,
                                   .retry_count = 2 };

    core_restore_counters(world->core, 2, 2);
    assert_int_equal(core_restore_run(world->core, &run, &retrying, &row, NULL, 0),
                     RC_OK);
    assert_int_equal(core_restored(world->core, world->now_us), RC_OK);
    core_check(world->core);
    assert_int_equal(core_deadline_us(world->core), world->now_us + MAX_US);
}

#define RETRY_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, retry_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RETRY_TEST(test_a_task_that_failed_waits_twice_as_long_each_time),
        RETRY_TEST(test_a_result_whose_files_are_nowhere_is_a_loss_and_is_taken),
        RETRY_TEST(test_a_wait_holds_up_no_other_task),
        RETRY_TEST(test_the_first_loss_is_made_good_at_once_and_the_next_waits),
        RETRY_TEST(test_a_time_limit_is_tried_again_only_where_failures_are),
        RETRY_TEST(test_a_stop_is_not_tried_again),
        RETRY_TEST(test_cancelling_ends_the_wait),
        RETRY_TEST(test_a_clock_that_was_set_back_makes_nothing_wait_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
