/* test_core_cancel.c - what a cancel costs, in attempts that are looked at. */
#include "broker/core_world.h"

enum {
    STAGES = 10000,
    TASKS = 3,
    RUNS = 2,
    CPUS = RUNS * STAGES + TASKS,
    TURNS_MAX = 100
};

static void step(struct world *world, struct core_input input)
{
    world->changes.count = 0;
    input.now_us = ++world->now_us;
    core_step(world->core, &input, &world->changes);
}

static size_t count_of(const struct world *world, enum change_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < world->changes.count; i++)
        count += world->changes.items[i].kind == kind;
    return count;
}

/* Runs of many stages, each stage with a task that is handed out; a sweep beside them. */
static void fill(struct world *world)
{
    struct stage_shape *shapes = calloc(STAGES, sizeof *shapes);
    size_t assigned = 0;

    assert_non_null(shapes);
    core_configure(world->core, &(struct core_options){ .node_timeout_us = 1000000000,
                                                        .stages_max = CPUS });
    step(world, (struct core_input){ .kind = INPUT_JOIN,
                                     .node = 1,
                                     .offer = { .cpu_milli = CPUS * 1000 } });
    for (uint64_t run = 1; run <= RUNS; run++) {
        step(world, (struct core_input){
                        .kind = INPUT_SUBMIT, .shapes = shapes, .shape_count = STAGES });
        for (uint32_t i = 0; i < STAGES; i++)
            step(world, (struct core_input){
                            .kind = INPUT_RESOLVED, .run = run, .stage = i, .tasks = 1 });
    }
    step(world,
         (struct core_input){ .kind = INPUT_SUBMIT, .shapes = shapes, .shape_count = 1 });
    step(world,
         (struct core_input){ .kind = INPUT_RESOLVED, .run = RUNS + 1, .tasks = TASKS });
    for (size_t i = 0; i < TURNS_MAX && assigned < CPUS; i++) {
        step(world, (struct core_input){ .kind = INPUT_TICK });
        for (size_t k = 0; k < world->changes.count; k++)
            if (world->changes.items[k].kind == CHANGE_ASSIGN)
                assigned += world->changes.items[k].count;
    }
    assert_int_equal(assigned, CPUS);
    core_check(world->core);
    free(shapes);
}

static void test_a_cancel_looks_at_each_attempt_of_the_run_once(void **state)
{
    struct world *world = *state;

    fill(world);
    step(world, (struct core_input){ .kind = INPUT_CANCEL, .run = 1 });
    assert_int_equal(count_of(world, CHANGE_STOP), STAGES);
    assert_int_equal(core_stop_steps(world->core), STAGES);
    core_check(world->core);
    step(world, (struct core_input){ .kind = INPUT_CANCEL, .run = RUNS + 1 });
    assert_int_equal(count_of(world, CHANGE_STOP), TASKS);
    assert_int_equal(core_stop_steps(world->core), STAGES + TASKS);
    core_check(world->core);
    world->changes.count = 0;
}

static void test_attempts_of_a_stage_are_stopped_in_order_whichever_ended_before(
    void **state)
{
    struct world *world = *state;

    one_stage(world, (struct stage_shape){ .is_task = true }, 5, 5);
    expect(world, "assign 1/0 0+5 t1 n1 #1");
    completed(world, 1, 3);
    expect(world, "taken n1 t3; ended 1/0/2 t3 complete; stage 1/0 started");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete");
    completed(world, 1, 5);
    expect(world, "taken n1 t5; ended 1/0/4 t5 complete");
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled; stage 1/0 stopping cancelled; stop n1 t2; "
                  "stop n1 t4");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 complete");
    completed(world, 1, 4);
    expect(world, "taken n1 t4; ended 1/0/3 t4 complete; stage 1/0 stopped cancelled; "
                  "run 1 stopped cancelled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_cancel_looks_at_each_attempt_of_the_run_once, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            test_attempts_of_a_stage_are_stopped_in_order_whichever_ended_before,
            world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
