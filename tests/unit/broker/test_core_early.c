/* test_core_early.c - short tasks that are handed out before there is room for them. */
#include "broker/core_world.h"

enum { CPUS = 2, MS = 1000 };

static void join_with(struct world *world, uint32_t node, struct offer offer)
{
    move(world, (struct core_input){ .kind = INPUT_JOIN, .node = node, .offer = offer });
    world->changes.count = 0;
}

static uint64_t sweep_paced(struct world *world, struct demand demand, uint32_t pace,
                            uint64_t tasks)
{
    struct stage_shape shape = { .is_task = true, .demand = demand, .pace = pace };
    uint64_t run = core_run_next(world->core);

    submit(world, &shape, 1, NULL, 0);
    world->changes.count = 0;
    move(world,
         (struct core_input){ .kind = INPUT_RESOLVED, .run = run, .tasks = tasks });
    world->changes.count = 0;
    return run;
}

static uint64_t sweep(struct world *world, struct demand demand, uint64_t tasks)
{
    return sweep_paced(world, demand, 0, tasks);
}

/* Ticks; how many tasks were handed out to the node. */
static uint64_t given(struct world *world, uint32_t node)
{
    uint64_t count = 0;

    tick(world);
    for (size_t i = 0; i < world->changes.count; i++)
        if (world->changes.items[i].kind == CHANGE_ASSIGN
            && world->changes.items[i].node == node)
            count += world->changes.items[i].count;
    world->changes.count = 0;
    return count;
}

/* The oldest tasks of node 1 run one after the other for so long. */
static void run_tasks(struct world *world, uint64_t from, uint64_t count, int64_t took_us)
{
    for (uint64_t token = from; token < from + count; token++) {
        started(world, 1, token);
        world->changes.count = 0;
        world->now_us += took_us;
        completed(world, 1, token);
        world->changes.count = 0;
        if (token + 1 < from + count)
            tick(world);
        world->changes.count = 0;
    }
}

static void test_short_tasks_are_given_early_once_they_are_known_to_be_short(void **state)
{
    struct world *world = *state;

    join_with(world, 1, (struct offer){ .cpu_milli = CPUS * 1000, .early = 4 });
    sweep(world, (struct demand){ 0 }, 1000);
    assert_int_equal(given(world, 1), CPUS);
    run_tasks(world, 1, CORE_EARLY_AFTER - 1, MS);
    assert_int_equal(given(world, 1), 1);
    run_tasks(world, CORE_EARLY_AFTER, 1, MS);
    assert_int_equal(given(world, 1), 1 + CPUS * 4);
    assert_int_equal(given(world, 1), 0);
}

static void test_a_cpu_gets_a_bit_of_work_early_and_long_tasks_not_at_all(void **state)
{
    struct world *world = *state;

    join_with(world, 1, (struct offer){ .cpu_milli = CPUS * 1000, .early = 64 });
    sweep(world, (struct demand){ 0 }, 1000);
    given(world, 1);
    run_tasks(world, 1, CORE_EARLY_AFTER, CORE_EARLY_US / 2 - MS);
    assert_int_equal(given(world, 1), 1 + CPUS * 2);
}

static void test_one_task_is_given_early_up_to_a_quarter_of_a_second(void **state)
{
    struct world *world = *state;

    join_with(world, 1, (struct offer){ .cpu_milli = CPUS * 1000, .early = 64 });
    sweep(world, (struct demand){ 0 }, 1000);
    given(world, 1);
    run_tasks(world, 1, CORE_EARLY_AFTER, CORE_EARLY_TASK_US - MS);
    assert_int_equal(given(world, 1), 1 + CPUS);
    run_tasks(world, CORE_EARLY_AFTER + 1, 1, CORE_EARLY_TASK_US * 100);
    assert_int_equal(given(world, 1), 0);
}

static void test_a_node_that_takes_nothing_early_gets_nothing_early(void **state)
{
    struct world *world = *state;

    join_with(world, 1, (struct offer){ .cpu_milli = CPUS * 1000 });
    sweep(world, (struct demand){ 0 }, 1000);
    given(world, 1);
    run_tasks(world, 1, CORE_EARLY_AFTER, MS);
    assert_int_equal(given(world, 1), 1);
}

static void test_a_free_node_comes_before_one_that_is_busy(void **state)
{
    struct world *world = *state;

    join_with(world, 1, (struct offer){ .cpu_milli = CPUS * 1000, .early = 4 });
    sweep(world, (struct demand){ 0 }, 1000);
    given(world, 1);
    run_tasks(world, 1, CORE_EARLY_AFTER, MS);
    join_with(world, 2, (struct offer){ .cpu_milli = CPUS * 1000 });
    tick(world);
    assert_int_equal(world->changes.items[0].node, 2);
    assert_int_equal(world->changes.items[0].count, CPUS);
    world->changes.count = 0;
}

static void test_devices_and_limited_memory_are_not_promised_early(void **state)
{
    struct world *world = *state;

    join_with(world, 1,
              (struct offer){
                  .cpu_milli = CPUS * 1000, .gpus = 3, .memory_mb = 100, .early = 4 });
    sweep(world, (struct demand){ .gpus = 1 }, 1000);
    given(world, 1);
    run_tasks(world, 1, CORE_EARLY_AFTER, MS);
    assert_int_equal(given(world, 1), 1);
    sweep(world, (struct demand){ .memory_mb = 10 }, 1000);
    assert_int_equal(given(world, 1), 0);
}

/* How many tasks of a stage are handed out at first whose only task took so long before.
 */
static uint64_t given_after(struct world *world, int64_t took_us)
{
    join_with(world, 1, (struct offer){ .cpu_milli = CPUS * 1000, .early = 4 });
    sweep_paced(world, (struct demand){ 0 }, 5, 1);
    given(world, 1);
    run_tasks(world, 1, 1, took_us);
    sweep_paced(world, (struct demand){ 0 }, 5, 1000);
    return given(world, 1);
}

static void test_what_was_very_short_in_an_earlier_run_is_given_early(void **state)
{
    struct world *world = *state;

    assert_int_equal(given_after(world, MS), CPUS + CPUS * 4);
    /* It is not any more. */
    run_tasks(world, 2, 1, CORE_EARLY_US * 2);
    assert_int_equal(given(world, 1), 0);
}

static void test_how_long_a_task_took_the_node_knows_best(void **state)
{
    struct world *world = *state;

    join_with(world, 1, (struct offer){ .cpu_milli = CPUS * 1000, .early = 64 });
    sweep(world, (struct demand){ 0 }, 1000);
    given(world, 1);
    for (uint64_t token = 1; token <= CORE_EARLY_AFTER; token++) {
        started(world, 1, token); /* told late, or not at all, of a short one */
        world->changes.count = 0;
        move(world, (struct core_input){ .kind = INPUT_FINISHED,
                                         .node = 1,
                                         .token = token,
                                         .took_us = CORE_EARLY_US / 2,
                                         .status = RESULT_COMPLETE,
                                         .cause = CAUSE_EXIT });
        world->changes.count = 0;
        if (token < CORE_EARLY_AFTER)
            assert_int_equal(given(world, 1), 1);
    }
    assert_int_equal(given(world, 1), 1 + CPUS * 2);
}

static void test_what_was_short_in_an_earlier_run_is_not_short_enough(void **state)
{
    struct world *world = *state;

    assert_int_equal(given_after(world, CORE_EARLY_US + MS), CPUS);
    sweep_paced(world, (struct demand){ 0 }, 6, 1000); /* nor is what never ran */
    assert_int_equal(given(world, 1), 0);
}

int main(void)
{
#define WORLD_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_short_tasks_are_given_early_once_they_are_known_to_be_short),
        WORLD_TEST(test_a_cpu_gets_a_bit_of_work_early_and_long_tasks_not_at_all),
        WORLD_TEST(test_one_task_is_given_early_up_to_a_quarter_of_a_second),
        WORLD_TEST(test_a_node_that_takes_nothing_early_gets_nothing_early),
        WORLD_TEST(test_a_free_node_comes_before_one_that_is_busy),
        WORLD_TEST(test_what_was_very_short_in_an_earlier_run_is_given_early),
        WORLD_TEST(test_how_long_a_task_took_the_node_knows_best),
        WORLD_TEST(test_what_was_short_in_an_earlier_run_is_not_short_enough),
        WORLD_TEST(test_devices_and_limited_memory_are_not_promised_early),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
