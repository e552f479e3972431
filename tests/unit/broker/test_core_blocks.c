/* test_core_blocks.c - tasks without a command: handed out many at a time, ended as
 * blocks. */
#include "broker/core_world.h"

static const struct stage_shape nothing = { .is_task = true, .demand.is_empty = true };

/* A node that takes so many of them at once, beside one task on its CPU. */
static void join_empty(struct world *world, uint32_t node, uint32_t cpus, uint32_t empty)
{
    move(world, (struct core_input){
                    .kind = INPUT_JOIN,
                    .node = node,
                    .offer = { .cpu_milli = cpus * 1000, .empty_max = empty } });
}

static void block(struct world *world, uint32_t node, uint64_t token, uint64_t tasks)
{
    move(world, (struct core_input){
                    .kind = INPUT_BLOCK, .node = node, .token = token, .tasks = tasks });
}

/* Run 1 of one stage with so many tasks, on node 1, which takes as many as empty. */
static void one_sweep(struct world *world, struct stage_shape shape, uint64_t tasks,
                      uint32_t empty)
{
    join_empty(world, 1, 1, empty);
    expect(world, "node 1 online");
    submit(world, &shape, 1, NULL, 0);
    expect(world, "new 1; resolve 1/0");
    resolved(world, 1, 0, tasks);
    expect(world, "stage 1/0 queued");
    tick(world);
}

static void test_a_node_gets_as_many_as_it_takes_whatever_its_cpus(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 500, 300);
    expect(world, "assign 1/0 0+300 t1 n1 #1");
    tick(world);
    expect(world, "");
    block(world, 1, 1, 300);
    expect(world, "taken n1 t1; block 1/0/0 t1 +300; stage 1/0 started");
    tick(world);
    expect(world, "assign 1/0 300+200 t301 n1 #1");
    block(world, 1, 301, 200);
    expect(world, "taken n1 t301; block 1/0/300 t301 +200; stage 1/0 complete; "
                  "run 1 complete");
}

static void test_parts_that_are_late_change_nothing(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 10, 10);
    expect(world, "assign 1/0 0+10 t1 n1 #1");
    block(world, 1, 3, 2);
    expect(world, "taken n1 t3; block 1/0/2 t3 +2; stage 1/0 started");
    block(world, 1, 3, 2); /* a repeat */
    expect(world, "taken n1 t3");
    block(world, 1, 1, 10);
    expect(world, "taken n1 t1; block 1/0/0 t1 +2; block 1/0/4 t5 +6; "
                  "stage 1/0 complete; run 1 complete");
    block(world, 1, 1, 65536);
    expect(world, "taken n1 t1");
}

static void test_a_block_of_another_node_changes_nothing(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 4, 4);
    expect(world, "assign 1/0 0+4 t1 n1 #1");
    join_empty(world, 2, 1, 4);
    expect(world, "node 2 online");
    block(world, 2, 1, 4);
    expect(world, "taken n2 t1");
    block(world, 1, 1, 4);
    expect(world, "taken n1 t1; block 1/0/0 t1 +4; stage 1/0 started; stage 1/0 complete;"
                  " run 1 complete");
}

static void test_a_block_over_several_stages_ends_each(void **state)
{
    struct world *world = *state;
    const struct stage_shape two[] = { nothing, nothing };

    join_empty(world, 1, 1, 10);
    expect(world, "node 1 online");
    submit(world, two, 2, NULL, 0);
    expect(world, "new 1; resolve 1/0; resolve 1/1");
    resolved(world, 1, 0, 2);
    expect(world, "stage 1/0 queued");
    resolved(world, 1, 1, 3);
    expect(world, "stage 1/1 queued");
    tick(world);
    expect(world, "assign 1/0 0+2 t1 n1 #1; assign 1/1 0+3 t3 n1 #1");
    block(world, 1, 1, 5);
    expect(world, "taken n1 t1; block 1/0/0 t1 +2; stage 1/0 started; stage 1/0 complete;"
                  " block 1/1/0 t3 +3; stage 1/1 started; stage 1/1 complete; "
                  "run 1 complete");
}

static void test_attempts_of_another_number_are_another_block(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 3, 3);
    expect(world, "assign 1/0 0+3 t1 n1 #1");
    block(world, 1, 1, 1);
    expect(world, "taken n1 t1; block 1/0/0 t1 +1; stage 1/0 started");
    leave(world, 1);
    world->changes.count = 0;
    join_empty(world, 1, 1, 2);
    expect(world, "node 1 online");
    tick(world);
    expect(world, "assign 1/0 1+1 t4 n1 #2; assign 1/0 2+1 t5 n1 #2");
    block(world, 1, 4, 2);
    expect(world, "taken n1 t4; block 1/0/1 t4 +2; stage 1/0 complete; run 1 complete");
}

static void test_a_cancelled_run_takes_the_block_that_was_on_its_way(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 6, 4);
    expect(world, "assign 1/0 0+4 t1 n1 #1");
    cancel(world, 1);
    world->changes.count = 0;
    block(world, 1, 1, 4);
    expect(world, "taken n1 t1; block 1/0/0 t1 +4; stage 1/0 stopped cancelled; "
                  "run 1 stopped cancelled");
}

static void test_no_more_than_queued_max_are_handed_out(void **state)
{
    struct world *world = *state;
    struct stage_shape shape = nothing;

    shape.queued_max = 2;
    one_sweep(world, shape, 3, 100);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    block(world, 1, 1, 2);
    expect(world, "taken n1 t1; block 1/0/0 t1 +2; stage 1/0 started");
    tick(world);
    expect(world, "assign 1/0 2+1 t3 n1 #1");
    block(world, 1, 3, 1);
    expect(world, "taken n1 t3; block 1/0/2 t3 +1; stage 1/0 complete; run 1 complete");
}

static void test_a_node_that_drains_gets_none(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 4, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    move(world, (struct core_input){ .kind = INPUT_BEAT, .node = 1, .yes = true });
    world->changes.count = 0;
    block(world, 1, 1, 2);
    expect(world, "taken n1 t1; block 1/0/0 t1 +2; stage 1/0 started");
    tick(world);
    expect(world, "");
    leave(world, 1);
    expect(world, "node 1 away");
    cancel(world, 1);
    world->changes.count = 0;
}

static void test_an_older_node_runs_them_on_its_cpus(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 3, 0);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    started(world, 1, 1);
    expect(world, "stage 1/0 started; begun 1/0/0 t1");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete");
    tick(world);
    expect(world, "assign 1/0 1+1 t2 n1 #1");
    leave(world, 1);
    world->changes.count = 0;
    cancel(world, 1);
    world->changes.count = 0;
}

static void test_they_go_beside_a_task_that_has_the_whole_node(void **state)
{
    struct world *world = *state;
    const struct stage_shape two[] = { { .is_task = true }, nothing };

    join_empty(world, 1, 1, 10);
    expect(world, "node 1 online");
    submit(world, two, 2, NULL, 0);
    expect(world, "new 1; resolve 1/0; resolve 1/1");
    resolved(world, 1, 0, 1);
    expect(world, "stage 1/0 queued");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    resolved(world, 1, 1, 5);
    expect(world, "stage 1/1 queued");
    tick(world);
    expect(world, "assign 1/1 0+5 t2 n1 #1");
    block(world, 1, 2, 5);
    expect(world,
           "taken n1 t2; block 1/1/0 t2 +5; stage 1/1 started; stage 1/1 complete");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 started; "
                  "stage 1/0 complete; run 1 complete");
}

static void test_one_of_a_batch_may_have_an_end_of_its_own(void **state)
{
    struct world *world = *state;
    struct attempt_row row;

    one_sweep(world, nothing, 6, 6);
    expect(world, "assign 1/0 0+6 t1 n1 #1");
    assert_true(core_attempt(world->core, 4, &row));
    assert_int_equal(row.token, 4);
    assert_int_equal(row.index, 3);
    assert_false(core_attempt(world->core, 7, &row));
    block(world, 1, 1, 2);
    expect(world, "taken n1 t1; block 1/0/0 t1 +2; stage 1/0 started");
    assert_false(core_attempt(world->core, 2, &row));
    started(world, 1, 4);
    expect(world, "begun 1/0/3 t4");
    completed(world, 1, 4);
    expect(world, "taken n1 t4; ended 1/0/3 t4 complete");
    block(world, 1, 3, 4);
    expect(world, "taken n1 t3; block 1/0/2 t3 +1; block 1/0/4 t5 +2; "
                  "stage 1/0 complete; run 1 complete");
}

static void test_the_last_of_a_batch_is_an_attempt_like_others(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 4, 4);
    expect(world, "assign 1/0 0+4 t1 n1 #1");
    block(world, 1, 1, 3);
    expect(world, "taken n1 t1; block 1/0/0 t1 +3; stage 1/0 started");
    completed(world, 1, 4);
    expect(world, "taken n1 t4; ended 1/0/3 t4 complete; stage 1/0 complete; "
                  "run 1 complete");
}

static void test_each_of_a_batch_is_stopped_or_lost(void **state)
{
    struct world *world = *state;
    const uint64_t named[] = { 2 };

    one_sweep(world, nothing, 3, 3);
    expect(world, "assign 1/0 0+3 t1 n1 #1");
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled; stage 1/0 stopping cancelled; "
                  "stop n1 t1; stop n1 t2; stop n1 t3");
    join(world, 1, 4, named, 1);
    expect(world, "node 1 online; stop n1 t2; lost 1/0/0 t1 stopped; "
                  "lost 1/0/2 t3 stopped");
    leave(world, 1);
    expect(world, "node 1 away; lost 1/0/1 t2 stopped; stage 1/0 stopped cancelled; "
                  "run 1 stopped cancelled");
}

static void join_naming(struct world *world, uint32_t empty, const uint64_t *tokens,
                        size_t count)
{
    move(world, (struct core_input){ .kind = INPUT_JOIN,
                                     .node = 1,
                                     .offer = { .cpu_milli = 1000, .empty_max = empty },
                                     .tokens = tokens,
                                     .token_count = count });
}

static void test_a_node_that_comes_back_may_name_all_of_a_batch_or_some(void **state)
{
    struct world *world = *state;
    const uint64_t all[] = { 1, 2, 3, 4, 5 }, some[] = { 5, 4, 2, 4, 9 };

    one_sweep(world, nothing, 5, 5);
    expect(world, "assign 1/0 0+5 t1 n1 #1");
    join_naming(world, 5, all, 5);
    expect(world, "");
    join_naming(world, 0, all, 5); /* an older release, which runs them on its CPU */
    expect(world, "");
    join_naming(world, 5, some, 5);
    expect(world, "drop n1 t9; lost 1/0/0 t1 retry; lost 1/0/2 t3 retry");
    block(world, 1, 1, 5);
    expect(world, "taken n1 t1; block 1/0/1 t2 +1; stage 1/0 started; "
                  "block 1/0/3 t4 +2");
}

static void test_batches_are_batches_again_after_a_restart(void **state)
{
    struct world *world = *state;
    const struct run_row run = { .run = 1, .stages = 1, .open = 1 };
    const struct stage_row row = {
        .state = STAGE_STARTED, .is_resolved = true, .tasks = 6, .next = 6, .running = 6
    };
    const uint64_t tokens[] = { 4, 5, 6, 1, 2, 3 };

    core_restore_counters(world->core, 2, 7);
    assert_int_equal(core_restore_run(world->core, &run, &nothing, &row, NULL, 0), RC_OK);
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(
            core_restore_attempt(
                world->core,
                &(struct attempt_row){
                    .token = tokens[i], .run = 1, .index = i, .node = 1, .number = 1 }),
            RC_OK);
    assert_int_equal(core_restored(world->core, world->now_us), RC_OK);
    core_check(world->core);
    join_naming(world, 6, tokens, 6);
    expect(world, "node 1 online");
    block(world, 1, 1, 3);
    expect(world, "taken n1 t1; block 1/0/3 t1 +3");
    block(world, 1, 4, 3);
    expect(world, "taken n1 t4; block 1/0/0 t4 +3; stage 1/0 complete; run 1 complete");
}

static void block_unread(struct world *world, uint64_t token, uint64_t tasks)
{
    for (uint32_t node = 1; node <= 2; node++) { /* whoever has them */
        block(world, node, token, tasks);
        world->changes.count = 0;
    }
    tick(world);
    world->changes.count = 0;
}

/* Many batches on two nodes, which end in another order than that of their tokens. */
static void test_batches_are_found_whatever_has_ended(void **state)
{
    struct world *world = *state;

    one_sweep(world, nothing, 400, 20);
    world->changes.count = 0;
    join_empty(world, 2, 1, 7);
    world->changes.count = 0;
    tick(world);
    world->changes.count = 0;
    for (uint64_t token = 1; token < 500; token += 3) {
        block_unread(world, token + 9, 2);
        block_unread(world, token, 5);
        block_unread(world, token + 2, 1);
        block_unread(world, token + 1, 1);
        block_unread(world, token > 60 ? token - 60 : 1, 60);
    }
    assert_int_equal(core_run(world->core, 1)->state, RUN_COMPLETE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_node_gets_as_many_as_it_takes_whatever_its_cpus),
        TEST(test_parts_that_are_late_change_nothing),
        TEST(test_a_block_of_another_node_changes_nothing),
        TEST(test_a_block_over_several_stages_ends_each),
        TEST(test_attempts_of_another_number_are_another_block),
        TEST(test_a_cancelled_run_takes_the_block_that_was_on_its_way),
        TEST(test_no_more_than_queued_max_are_handed_out),
        TEST(test_a_node_that_drains_gets_none),
        TEST(test_an_older_node_runs_them_on_its_cpus),
        TEST(test_one_of_a_batch_may_have_an_end_of_its_own),
        TEST(test_the_last_of_a_batch_is_an_attempt_like_others),
        TEST(test_each_of_a_batch_is_stopped_or_lost),
        TEST(test_a_node_that_comes_back_may_name_all_of_a_batch_or_some),
        TEST(test_batches_are_batches_again_after_a_restart),
        TEST(test_batches_are_found_whatever_has_ended),
        TEST(test_they_go_beside_a_task_that_has_the_whole_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
