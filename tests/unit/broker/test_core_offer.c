/* test_core_offer.c - what a node offers decides what it is given: places for empty
 * tasks, devices, and nothing while it is about to end or is held for another request. */
#include "broker/core_world.h"

static void offer(struct world *world, struct offer offer)
{
    move(world, (struct core_input){ .kind = INPUT_JOIN, .node = 1, .offer = offer });
    expect(world, "node 1 online");
}

static void sweep(struct world *world, struct demand demand, uint64_t tasks)
{
    struct stage_shape shape = { .is_task = true, .demand = demand };

    submit(world, &shape, 1, NULL, 0);
    expect(world, "new 1; resolve 1/0");
    resolved(world, 1, 0, tasks);
    expect(world, "stage 1/0 queued");
    tick(world);
}

static void assert_devices(struct world *world, uint64_t token, uint64_t gpus)
{
    struct attempt_row row = { .token = 0 };

    assert_true(core_attempt(world->core, token, &row));
    assert_int_equal(row.gpus, gpus);
}

static void test_an_empty_task_takes_no_device_where_it_is_not_run(void **state)
{
    struct world *world = *state;
    struct demand demand = { .gpus = 1, .is_empty = true };
    struct node_view view;

    offer(world, (struct offer){ .cpu_milli = 1000, .gpus = 3, .empty_max = 3 });
    sweep(world, demand, 3);
    expect(world, "assign 1/0 0+3 t1 n1 #1");
    assert_devices(world, 1, 0);
    assert_true(core_node(world->core, 1, &view));
    assert_int_equal(view.gpus_free, 3);
    assert_int_equal(view.cpu_free, 1000);
}

static void test_an_empty_task_takes_its_device_where_it_is_run(void **state)
{
    struct world *world = *state;
    struct demand demand = { .gpus = 1, .is_empty = true };

    offer(world, (struct offer){ .cpu_milli = 2000, .gpus = 3 });
    sweep(world, demand, 3);
    expect(world, "assign 1/0 0+1 t1 n1 #1; assign 1/0 1+1 t2 n1 #1");
    assert_devices(world, 1, 1);
    assert_devices(world, 2, 2);
}

static void test_nothing_is_refused_for_a_node_that_joins_while_it_ends(void **state)
{
    struct world *world = *state;

    offer(world, (struct offer){ .cpu_milli = 0, .memory_mb = 2000 });
    sweep(world, (struct demand){ .cpu_milli = 4000, .memory_mb = 1000 }, 1);
    expect(world, "");
    leave(world, 1);
    expect(world, "node 1 away");
    tick(world);
    expect(world, "");
    offer(world, (struct offer){ .cpu_milli = 4000, .memory_mb = 2000 });
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
}

static void test_what_else_it_lacks_is_known_of_a_node_that_ends(void **state)
{
    struct world *world = *state;

    offer(world, (struct offer){ .cpu_milli = 0, .memory_mb = 2000 });
    sweep(world, (struct demand){ .cpu_milli = 1000, .gpus = 1 }, 1);
    expect(world, "stage 1/0 error unfit; run 1 error unfit");
}

static void test_an_empty_task_waits_for_a_node_that_joins_while_it_ends(void **state)
{
    struct world *world = *state;

    offer(world, (struct offer){ .cpu_milli = 0, .empty_max = 4 });
    sweep(world, (struct demand){ .is_empty = true }, 1);
    expect(world, "");
}

static void test_empty_tasks_that_wait_for_a_place_keep_no_node_from_others(void **state)
{
    struct world *world = *state;

    offer(world, (struct offer){ .cpu_milli = 1000, .empty_max = 1 });
    sweep(world, (struct demand){ .is_empty = true }, 2);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    world->now_us += CORE_PATIENCE_US;
    tick(world);
    expect(world, "");
    submit(world, &(struct stage_shape){ .is_task = false }, 1, NULL, 0);
    expect(world, "new 2; resolve 2/0");
    resolved(world, 2, 0, 1);
    expect(world, "stage 2/0 queued");
    tick(world);
    expect(world, "assign 2/0 0+1 t2 n1 #1");
}

/* Nodes lie in a table that moves as it grows. */
static void test_a_node_stays_held_when_many_others_come(void **state)
{
    struct world *world = *state;
    struct stage_shape big = { .is_task = true, .demand.cpu_milli = 2000 };

    offer(world, (struct offer){ .cpu_milli = 2000 });
    sweep(world, (struct demand){ 0 }, 10);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    submit(world, &big, 1, NULL, 0);
    expect(world, "new 2; resolve 2/0");
    resolved(world, 2, 0, 1);
    expect(world, "stage 2/0 queued");
    tick(world);
    world->now_us += CORE_PATIENCE_US;
    tick(world); /* node 1 is held for it */
    for (uint32_t node = 2; node < 70; node++) {
        move(world, (struct core_input){
                        .kind = INPUT_JOIN, .node = node, .offer = { .cpu_milli = 10 } });
        world->changes.count = 0;
    }
    completed(world, 1, 1);
    world->changes.count = 0;
    tick(world);
    expect(world, "");
    completed(world, 1, 2);
    world->changes.count = 0;
    tick(world);
    expect(world, "assign 2/0 0+1 t3 n1 #1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_an_empty_task_takes_no_device_where_it_is_not_run, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_an_empty_task_takes_its_device_where_it_is_run, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_nothing_is_refused_for_a_node_that_joins_while_it_ends, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_what_else_it_lacks_is_known_of_a_node_that_ends, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_an_empty_task_waits_for_a_node_that_joins_while_it_ends, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_empty_tasks_that_wait_for_a_place_keep_no_node_from_others, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(test_a_node_stays_held_when_many_others_come,
                                        world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
