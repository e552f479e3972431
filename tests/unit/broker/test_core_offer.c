/* test_core_offer.c - what a node offers decides what it is given, and nothing is while
 * it is about to end. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_nothing_is_refused_for_a_node_that_joins_while_it_ends, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_what_else_it_lacks_is_known_of_a_node_that_ends, world_setup,
            world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
