/* test_core_reuse.c - tasks that earlier results satisfy, and stages that wait for twins.
 */
#include "broker/core/twins.h"
#include "broker/core_world.h"

static const struct stage_shape step = { 0 };
static const struct stage_shape sweep = { .is_task = true };

static void reused(struct world *self, uint32_t stage, uint64_t tasks,
                   const struct core_range *ranges, size_t count)
{
    move(self, (struct core_input){ .kind = INPUT_RESOLVED,
                                    .run = 1,
                                    .stage = stage,
                                    .tasks = tasks,
                                    .reused = ranges,
                                    .reused_count = count });
}

static void twin(struct world *self, uint64_t run, uint32_t stage, enum input_kind kind)
{
    move(self, (struct core_input){ .kind = kind, .run = run, .stage = stage });
}

static void begin_sweep(struct world *self)
{
    join(self, 1, 4, NULL, 0);
    expect(self, "node 1 online");
    submit(self, &sweep, 1, NULL, 0);
    expect(self, "new 1; resolve 1/0");
}

static void test_a_stage_that_is_satisfied_completes_without_a_node(void **state)
{
    struct world *world = *state;
    const struct core_edge edge = { 0, 1 };
    const struct stage_shape shapes[] = { step, step };

    submit(world, shapes, 2, &edge, 1);
    expect(world, "new 1; resolve 1/0");
    reused(world, 0, 1, &(struct core_range){ 0, 1 }, 1);
    expect(world, "reused 1/0 0+1; stage 1/0 queued; stage 1/0 complete; resolve 1/1");
    reused(world, 1, 1, &(struct core_range){ 0, 1 }, 1);
    expect(world, "reused 1/1 0+1; stage 1/1 queued; stage 1/1 complete; run 1 complete");
    assert_int_equal(core_stage(world->core, 1, 0)->reused, 1);
}

static void test_only_the_tasks_between_the_satisfied_ones_run(void **state)
{
    struct world *world = *state;
    const struct core_range ranges[] = { { 0, 2 }, { 3, 1 }, { 4, 1 }, { 6, 2 } };

    begin_sweep(world);
    reused(world, 0, 9, ranges, COUNT_OF(ranges));
    expect(world, "reused 1/0 0+2; reused 1/0 3+1; reused 1/0 4+1; reused 1/0 6+2; "
                  "stage 1/0 queued");
    tick(world);
    expect(world, "assign 1/0 2+1 t1 n1 #1; assign 1/0 5+1 t2 n1 #1; "
                  "assign 1/0 8+1 t3 n1 #1");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/2 t1 complete; stage 1/0 started");
    completed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/0/8 t3 complete");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/5 t2 complete; stage 1/0 complete; "
                  "run 1 complete");
    assert_int_equal(core_stage(world->core, 1, 0)->complete, 9);
}

static void test_a_restart_knows_which_tasks_are_satisfied(void **state)
{
    struct world *world = *state;
    struct core_range ranges[] = { { 1, 1 }, { 3, 2 } };
    struct run_row run;
    struct stage_row stage;

    begin_sweep(world);
    reused(world, 0, 6, ranges, 2);
    expect(world, "reused 1/0 1+1; reused 1/0 3+2; stage 1/0 queued");
    run = *core_run(world->core, 1);
    stage = *core_stage(world->core, 1, 0);
    assert_int_equal(stage.ahead, 3);
    core_destroy(world->core);
    world->core = core_create(
        &(struct core_options){ .node_timeout_us = WORLD_TIMEOUT_US, .stages_max = 100 });
    core_restore_counters(world->core, 2, 1);
    stage.satisfied = NULL; /* the shell has lost them */
    stage.satisfied_count = 0;
    assert_int_equal(core_restore_run(world->core, &run, &sweep, &stage, NULL, 0),
                     RC_CORRUPT);
    stage.satisfied = ranges;
    stage.satisfied_count = 2;
    assert_int_equal(core_restore_run(world->core, &run, &sweep, &stage, NULL, 0), RC_OK);
    assert_int_equal(core_restored(world->core, world->now_us), RC_OK);
    core_check(world->core);
    join(world, 1, 4, NULL, 0);
    expect(world, "node 1 online");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1; assign 1/0 2+1 t2 n1 #1; "
                  "assign 1/0 5+1 t3 n1 #1");
}

static void test_a_stage_waits_for_its_twin_and_is_asked_again(void **state)
{
    struct world *world = *state;
    struct why_view why;

    submit(world, &step, 1, NULL, 0);
    expect(world, "new 1; resolve 1/0");
    twin(world, 1, 0, INPUT_TWIN);
    expect(world, "");
    assert_int_equal(core_stage(world->core, 1, 0)->state, STAGE_WAITING);
    core_why(world->core, 1, 0, &why);
    assert_int_equal(why.why, WHY_TWIN);
    twin(world, 1, 0, INPUT_TWIN); /* nobody asked */
    expect(world, "");
    twin(world, 1, 0, INPUT_AGAIN);
    expect(world, "resolve 1/0");
    resolved(world, 1, 0, 1);
    expect(world, "stage 1/0 queued");
    twin(world, 1, 0, INPUT_AGAIN); /* too late */
    expect(world, "");
}

static void test_a_stage_that_waits_for_its_twin_can_be_cancelled(void **state)
{
    struct world *world = *state;

    submit(world, &step, 1, NULL, 0);
    expect(world, "new 1; resolve 1/0");
    twin(world, 1, 0, INPUT_TWIN);
    expect(world, "");
    cancel(world, 1);
    expect(world, "stage 1/0 skipped cancelled; run 1 stopped cancelled");
    twin(world, 1, 0, INPUT_AGAIN);
    expect(world, "");
}

static void test_one_key_has_one_leader_and_waiters_come_in_order(void **state)
{
    (void)state;
    scoped(twins) twins = twins_create();
    const struct twin first = { 1, 0 }, second = { 2, 0 }, third = { 3, 5 };
    const uint64_t keys[] = { 7, 8, 8 }, other[] = { 9 };
    struct twin found, *waiters;

    assert_false(twins_find(twins, first, keys, 3, &found));
    twins_lead(twins, first, keys, 3);
    assert_false(twins_find(twins, first, keys, 3, &found)); /* not its own twin */
    assert_false(twins_find(twins, second, other, 1, &found));
    assert_true(twins_find(twins, second, &keys[1], 1, &found));
    assert_int_equal(found.run, 1);
    twins_wait(twins, third, found);
    twins_wait(twins, second, found);
    assert_true(twins_leader(twins, third, &found));
    assert_int_equal(twins_end(twins, third, &waiters), 0); /* it was cancelled */
    free(waiters);
    assert_int_equal(twins_end(twins, first, &waiters), 1);
    assert_int_equal(waiters[0].run, 2);
    free(waiters);
    assert_false(twins_find(twins, second, keys, 3, &found));
    assert_int_equal(twins_end(twins, first, &waiters), 0);
    free(waiters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_stage_that_is_satisfied_completes_without_a_node, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_only_the_tasks_between_the_satisfied_ones_run, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(test_a_restart_knows_which_tasks_are_satisfied,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_stage_waits_for_its_twin_and_is_asked_again, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_stage_that_waits_for_its_twin_can_be_cancelled, world_setup,
            world_teardown),
        cmocka_unit_test(test_one_key_has_one_leader_and_waiters_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
