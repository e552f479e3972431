/* test_core_restore.c - the core from rows: what goes on as before, and rows that
 * contradict each other. */
#include "broker/core_world.h"

enum { STAGES = 3 };

struct stored { /* a run whose first stage runs, whose second waits for the first */
    struct run_row run;
    struct stage_shape shapes[STAGES];
    struct stage_row stages[STAGES];
    struct core_edge edge;
    struct attempt_row attempt;
    struct retry retry;
};

static struct stored good(void)
{
    return (struct stored){
        .run = { .run = 4, .state = RUN_STARTED, .stages = STAGES, .open = STAGES },
        .stages = { { .state = STAGE_QUEUED, .is_resolved = true, .tasks = 2, .next = 1 },
                    { .state = STAGE_WAITING, .waits = 1 },
                    { .state = STAGE_APPROVAL,
                      .is_resolved = true,
                      .pending = PENDING_START } },
        .edge = { 0, 1 },
        .attempt = { .token = 7, .run = 4, .node = 2, .number = 1 },
    };
}

/* The first failure, or RC_OK with the world's core restored. */
static enum rc restore(struct world *world, const struct stored *stored)
{
    struct core *core = core_create(
        &(struct core_options){ .node_timeout_us = WORLD_TIMEOUT_US, .stages_max = 10 });
    enum rc rc;

    assert_non_null(core);
    core_restore_counters(core, 5, 8);
    rc = core_restore_run(core, &stored->run, stored->shapes, stored->stages,
                          &stored->edge, 1);
    if (rc == RC_OK && stored->attempt.token != 0)
        rc = core_restore_attempt(core, &stored->attempt);
    if (rc == RC_OK)
        rc = core_restored(core, world->now_us);
    if (rc == RC_OK) {
        core_check(core);
        core_destroy(world->core);
        world->core = core;
    } else {
        core_destroy(core);
    }
    return rc;
}

static void test_what_waits_goes_on_waiting(void **state)
{
    struct world *world = *state;
    struct stored stored = good();

    assert_int_equal(restore(world, &stored), RC_OK);
    tick(world);
    expect(world, "");
    assert_int_equal(core_stage(world->core, 4, 1)->state, STAGE_WAITING);
    assert_int_equal(core_stage(world->core, 4, 2)->state, STAGE_APPROVAL);
    join(world, 2, 2, (const uint64_t[]){ 7 }, 1);
    expect(world, "node 2 online");
    tick(world);
    expect(world, "assign 4/0 1+1 t8 n2 #1");
    approve(world, 4, 2, true);
    expect(world, "stage 4/2 queued; stage 4/2 complete");
    completed(world, 2, 7);
    expect(world, "taken n2 t7; ended 4/0/0 t7 complete; stage 4/0 started");
    completed(world, 2, 8);
    expect(world, "taken n2 t8; ended 4/0/1 t8 complete; stage 4/0 complete; "
                  "resolve 4/1");
}

static void test_a_node_that_does_not_come_back_loses_its_attempts(void **state)
{
    struct world *world = *state;
    struct stored stored = good();

    assert_int_equal(restore(world, &stored), RC_OK);
    assert_int_equal(core_deadline_us(world->core), world->now_us + WORLD_TIMEOUT_US);
    world->now_us = core_deadline_us(world->core);
    tick(world);
    expect(world, "lost 4/0/0 t7 retry");
}

static void test_an_attempt_that_was_told_to_stop_is_told_again(void **state)
{
    struct world *world = *state;
    struct stored stored = good();

    stored.run.state = RUN_STOPPING;
    stored.run.outcome = RUN_STOPPED;
    stored.run.open = 1;
    stored.stages[0].state = STAGE_STOPPING;
    stored.stages[1].state = stored.stages[2].state = STAGE_SKIPPED;
    stored.stages[2].pending = PENDING_NONE;
    stored.stages[1].ended_us = stored.stages[2].ended_us = 1;
    assert_int_equal(restore(world, &stored), RC_OK);
    join(world, 2, 1, (const uint64_t[]){ 7 }, 1);
    expect(world, "node 2 online; stop n2 t7");
    finished(world, 2, 7, RESULT_STOPPED, CAUSE_STOPPED);
    expect(world, "taken n2 t7; ended 4/0/0 t7 stopped; stage 4/0 stopped; "
                  "run 4 stopped");
}

static void test_an_approval_of_an_end_takes_the_stored_outcome(void **state)
{
    struct world *world = *state;
    struct stored stored = good();

    stored.stages[2].pending = PENDING_END;
    stored.stages[2].outcome = STAGE_ERROR;
    stored.shapes[2].on_error = ON_ERROR_CONTINUE;
    assert_int_equal(restore(world, &stored), RC_OK);
    approve(world, 4, 2, true);
    expect(world, "stage 4/2 error");
}

static void test_a_retry_is_restored_with_its_count(void **state)
{
    struct world *world = *state;
    struct stored stored = good();

    stored.retry = (struct retry){ .index = 0, .attempts = 2, .losses = 2 };
    stored.stages[0].retries = &stored.retry;
    stored.stages[0].retry_count = 1;
    stored.attempt.token = 0;
    assert_int_equal(restore(world, &stored), RC_OK);
    join(world, 1, 1, NULL, 0);
    expect(world, "node 1 online");
    tick(world);
    expect(world, "assign 4/0 0+1 t8 n1 #3");
    started(world, 1, 8);
    expect(world, "stage 4/0 started; begun 4/0/0 t8");
    leave(world, 1);
    expect(world, "node 1 away; lost 4/0/0 t8 crashed");
}

static void test_rows_that_contradict_each_other_are_corrupt(void **state)
{
    struct world *world = *state;

#define CORRUPT(change)                                                                  \
    do {                                                                                 \
        struct stored stored = good();                                                   \
        change;                                                                          \
        assert_int_equal(restore(world, &stored), RC_CORRUPT);                           \
    } while (0)
    CORRUPT(stored.run.run = 0);
    CORRUPT(stored.run.run = 5);
    CORRUPT(stored.run.state = RUN_COMPLETE);
    CORRUPT(stored.run.state = RUN_STATE_COUNT);
    CORRUPT(stored.run.state = RUN_STOPPING);
    CORRUPT(stored.run.open = 2);
    CORRUPT(stored.stages[0].state = STAGE_STATE_COUNT);
    CORRUPT(stored.stages[0].state = STAGE_RESOLVING);
    CORRUPT(stored.stages[0].state = STAGE_STARTED; stored.stages[0].next = 3);
    CORRUPT(stored.stages[0].complete = 1);
    CORRUPT(stored.stages[0].failed = UINT64_MAX);
    CORRUPT(stored.stages[0].pending = PENDING_END);
    CORRUPT(stored.stages[2].pending = PENDING_NONE);
    CORRUPT(stored.stages[2].pending = PENDING_COUNT);
    CORRUPT(stored.stages[2].pending = PENDING_END; stored.stages[2].outcome = 0);
    CORRUPT(stored.retry.index = 1; stored.stages[0].retries = &stored.retry;
            stored.stages[0].retry_count = 1);
    CORRUPT(stored.attempt.token = 0);
    CORRUPT(stored.attempt.token = 8);
    CORRUPT(stored.attempt.run = 3);
    CORRUPT(stored.attempt.stage = 3);
    CORRUPT(stored.attempt.stage = 1);
    CORRUPT(stored.attempt.index = 1);
    CORRUPT(stored.attempt.node = CORE_NODES_MAX);
#undef CORRUPT
}

int main(void)
{
#define WORLD_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_what_waits_goes_on_waiting),
        WORLD_TEST(test_a_node_that_does_not_come_back_loses_its_attempts),
        WORLD_TEST(test_an_attempt_that_was_told_to_stop_is_told_again),
        WORLD_TEST(test_an_approval_of_an_end_takes_the_stored_outcome),
        WORLD_TEST(test_a_retry_is_restored_with_its_count),
        WORLD_TEST(test_rows_that_contradict_each_other_are_corrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
