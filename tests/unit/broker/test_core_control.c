/* test_core_control.c - what people and actions do to a run, and nodes that come and go.
 */
#include "broker/core_world.h"

static const struct stage_shape plain = { .is_task = false };

/* A run of one stage with actions, and one behind it. */
static void guarded(struct world *world, unsigned actions)
{
    const struct stage_shape shapes[] = { { .actions = actions }, plain };
    const struct core_edge edges[] = { { 0, 1 } };

    join(world, 1, 1, NULL, 0);
    expect(world, "node 1 online");
    submit(world, shapes, 2, edges, 1);
    expect(world, "new 1; resolve 1/0");
    resolved(world, 1, 0, 1);
}

static void guarded_end(struct world *world, unsigned actions, enum result_status status)
{
    guarded(world, actions);
    expect(world, "stage 1/0 queued");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    finished(world, 1, 1, status, CAUSE_EXIT);
}

static const char complete_asked[] =
    "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 started; evaluate 1/0 complete";
static const char error_asked[] =
    "taken n1 t1; ended 1/0/0 t1 error; stage 1/0 started; evaluate 1/0 error";

static void test_a_starting_action_holds_the_tasks_back_until_its_verdict(void **state)
{
    struct world *world = *state;

    guarded(world, WHEN_STARTING);
    expect(world, "evaluate 1/0 starting");
    tick(world);
    expect(world, "");
    verdict(world, 1, 0, THEN_NOOP);
    expect(world, "stage 1/0 queued");
    verdict(world, 1, 0, THEN_ERROR); /* it was answered */
    expect(world, "");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 started; "
                  "stage 1/0 complete; resolve 1/1");
}

static void test_a_starting_action_stops_or_fails_the_run(void **state)
{
    struct world *world = *state;

    guarded(world, WHEN_STARTING);
    expect(world, "evaluate 1/0 starting");
    verdict(world, 1, 0, THEN_STOP);
    expect(world, "stage 1/0 stopped action; stage 1/1 skipped action; "
                  "run 1 stopped action");
    submit(world, &(struct stage_shape){ .actions = WHEN_STARTING }, 1, NULL, 0);
    expect(world, "new 2; resolve 2/0");
    resolved(world, 2, 0, 1);
    expect(world, "evaluate 2/0 starting");
    verdict(world, 2, 0, THEN_ERROR);
    expect(world, "stage 2/0 stopped action; run 2 error action");
}

static void test_a_start_waits_for_a_person_who_approves(void **state)
{
    struct world *world = *state;

    guarded(world, WHEN_STARTING);
    expect(world, "evaluate 1/0 starting");
    verdict(world, 1, 0, THEN_APPROVAL);
    expect(world, "stage 1/0 approval");
    verdict(world, 1, 0, THEN_NOOP); /* only a person answers now */
    expect(world, "");
    tick(world);
    expect(world, "");
    approve(world, 1, 1, true);
    expect(world, "refused conflict");
    approve(world, 1, 9, true);
    expect(world, "refused conflict");
    approve(world, 2, 0, true);
    expect(world, "refused not-found");
    approve(world, 1, 0, true);
    expect(world, "stage 1/0 queued");
    approve(world, 1, 0, true);
    expect(world, "refused conflict");
}

static void test_a_start_that_a_person_rejects_stops_the_run(void **state)
{
    struct world *world = *state;

    guarded(world, WHEN_STARTING);
    expect(world, "evaluate 1/0 starting");
    verdict(world, 1, 0, THEN_APPROVAL);
    expect(world, "stage 1/0 approval");
    approve(world, 1, 0, false);
    expect(world, "stage 1/0 stopped rejected; stage 1/1 skipped rejected; "
                  "run 1 stopped rejected");
}

static void test_the_end_of_a_stage_waits_for_the_verdict_of_its_actions(void **state)
{
    struct world *world = *state;

    guarded_end(world, WHEN_COMPLETE, RESULT_COMPLETE);
    expect(world, complete_asked);
    tick(world);
    expect(world, "");
    verdict(world, 1, 0, -1);
    expect(world, "stage 1/0 complete; resolve 1/1");
}

static void test_an_action_at_the_end_keeps_the_stages_outcome(void **state)
{
    struct world *world = *state;

    guarded_end(world, WHEN_COMPLETE, RESULT_COMPLETE);
    expect(world, complete_asked);
    verdict(world, 1, 0, THEN_ERROR);
    expect(world, "stage 1/0 complete; stage 1/1 skipped action; run 1 error action");
}

static void test_an_action_on_an_error_can_stop_the_run(void **state)
{
    struct world *world = *state;

    guarded_end(world, WHEN_ERROR, RESULT_ERROR);
    expect(world, error_asked);
    verdict(world, 1, 0, THEN_STOP);
    expect(world, "stage 1/0 error task-failed; stage 1/1 skipped action; "
                  "run 1 stopped action");
}

static void test_an_error_without_a_verdict_ends_the_run_as_on_error_says(void **state)
{
    struct world *world = *state;

    guarded_end(world, WHEN_ERROR | WHEN_COMPLETE, RESULT_ERROR);
    expect(world, error_asked);
    verdict(world, 1, 0, THEN_NOOP);
    expect(world, "stage 1/0 error task-failed; stage 1/1 skipped upstream; "
                  "run 1 error task-failed");
}

static void test_actions_of_the_other_outcome_are_not_asked(void **state)
{
    struct world *world = *state;

    guarded_end(world, WHEN_ERROR, RESULT_COMPLETE);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 started; "
                  "stage 1/0 complete; resolve 1/1");
}

static void wait_at_the_end(struct world *world)
{
    guarded_end(world, WHEN_COMPLETE, RESULT_COMPLETE);
    expect(world, complete_asked);
    verdict(world, 1, 0, THEN_APPROVAL);
    expect(world, "stage 1/0 approval");
}

static void test_an_end_waits_for_a_person_who_approves(void **state)
{
    struct world *world = *state;

    wait_at_the_end(world);
    approve(world, 1, 0, true);
    expect(world, "stage 1/0 complete; resolve 1/1");
}

static void test_an_end_that_a_person_rejects_leaves_the_stage_complete(void **state)
{
    struct world *world = *state;

    wait_at_the_end(world);
    approve(world, 1, 0, false);
    expect(world,
           "stage 1/0 complete; stage 1/1 skipped rejected; run 1 stopped rejected");
}

static void test_a_cancel_while_the_end_waits_leaves_the_stage_complete(void **state)
{
    struct world *world = *state;

    wait_at_the_end(world);
    cancel(world, 1);
    expect(world,
           "stage 1/0 complete; stage 1/1 skipped cancelled; run 1 stopped cancelled");
}

static void test_a_verdict_that_comes_after_the_run_ended_changes_nothing(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { { .actions = WHEN_STARTING },
                                          { .actions = WHEN_STARTING } };

    submit(world, shapes, 2, NULL, 0);
    expect(world, "new 1; resolve 1/0; resolve 1/1");
    resolved(world, 1, 0, 1);
    expect(world, "evaluate 1/0 starting");
    resolved(world, 1, 1, 1);
    expect(world, "evaluate 1/1 starting");
    verdict(world, 1, 0, THEN_STOP);
    expect(world, "stage 1/0 stopped action; stage 1/1 stopped action; "
                  "run 1 stopped action");
    verdict(world, 1, 1, THEN_APPROVAL);
    expect(world, "");
    verdict(world, 7, 1, THEN_APPROVAL);
    expect(world, "");
    verdict(world, 1, 7, THEN_APPROVAL);
    expect(world, "");
}

static void test_a_cancel_of_what_is_not_there_is_refused(void **state)
{
    struct world *world = *state;

    cancel(world, 1);
    expect(world, "refused not-found");
    submit(world, NULL, 0, NULL, 0);
    expect(world, "new 1; run 1 complete");
    cancel(world, 1);
    expect(world, "refused conflict");
}

static void test_a_cancel_ends_stages_in_every_state(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = {
        plain, plain, { .actions = WHEN_STARTING }, plain, { .is_task = true }, plain,
    };
    const struct core_edge edges[] = { { 0, 5 } };

    join(world, 1, 1, NULL, 0);
    expect(world, "node 1 online");
    submit(world, shapes, 6, edges, 1);
    expect(world, "new 1; resolve 1/0; resolve 1/1; resolve 1/2; resolve 1/3; "
                  "resolve 1/4");
    resolved(world, 1, 0, 1); /* will run */
    expect(world, "stage 1/0 queued");
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    resolved(world, 1, 1, 1); /* stays queued */
    expect(world, "stage 1/1 queued");
    resolved(world, 1, 2, 1); /* waits for a person */
    expect(world, "evaluate 1/2 starting");
    verdict(world, 1, 2, THEN_APPROVAL);
    expect(world, "stage 1/2 approval");
    resolved(world, 1, 4, 0); /* is over */
    expect(world, "stage 1/4 queued; stage 1/4 complete");
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled; stage 1/0 stopping cancelled; stop n1 t1; "
                  "stage 1/1 stopped cancelled; stage 1/2 stopped cancelled; "
                  "stage 1/3 skipped cancelled; stage 1/5 skipped cancelled");
    cancel(world, 1);
    expect(world, "");
    resolved(world, 1, 3, 1);
    expect(world, "");
    approve(world, 1, 2, true);
    expect(world, "refused conflict");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 stopped cancelled; "
                  "run 1 stopped cancelled");
}

static void test_a_cancel_while_a_stage_stops_by_itself_ends_the_run(void **state)
{
    struct world *world = *state;

    one_stage(world, (struct stage_shape){ .is_task = true }, 4, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    finished(world, 1, 2, RESULT_STOPPED, CAUSE_STOP_CONDITION);
    expect(world, "taken n1 t2; ended 1/0/1 t2 stopped; stage 1/0 started; "
                  "stage 1/0 stopping; stop n1 t1");
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 stopped cancelled; "
                  "run 1 stopped cancelled");
}

static void test_a_node_that_comes_back_keeps_the_attempts_it_names(void **state)
{
    struct world *world = *state;
    const uint64_t named[] = { 2, 9, 1, 2 };

    one_stage(world, (struct stage_shape){ .is_task = true }, 3, 3);
    expect(world, "assign 1/0 0+3 t1 n1 #1");
    join(world, 1, 4, named, 4);
    expect(world, "node 1 online; drop n1 t9; lost 1/0/2 t3 retry");
    tick(world);
    expect(world, "assign 1/0 2+1 t4 n1 #2");
    join(world, 2, 1, named, 1);
    expect(world, "node 2 online; drop n2 t2");
    cancel(world, 1);
    expect(world, "run 1 stopping cancelled; stage 1/0 stopping cancelled; "
                  "stop n1 t1; stop n1 t2; stop n1 t4");
    join(world, 1, 4, named, 1);
    expect(world, "stop n1 t2; lost 1/0/0 t1 stopped; lost 1/0/2 t4 stopped");
    finished(world, 1, 2, RESULT_STOPPED, CAUSE_STOPPED);
    expect(world, "taken n1 t2; ended 1/0/1 t2 stopped; stage 1/0 stopped cancelled; "
                  "run 1 stopped cancelled");
}

static void beat_deaf(struct world *world, int64_t deaf_us)
{
    move(world, (struct core_input){ .kind = INPUT_BEAT, .node = 1, .deaf_us = deaf_us });
    expect(world, "");
}

static void test_a_node_that_beats_but_does_not_hear_is_lost(void **state)
{
    struct world *world = *state;

    one_stage(world, plain, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");

    int64_t since = world->now_us;

    beat_deaf(world, since);
    world->now_us = since + WORLD_TIMEOUT_US / 2;
    beat_deaf(world, since);
    assert_true(core_deadline_us(world->core) <= since + WORLD_TIMEOUT_US);
    beat_deaf(world, 0);
    assert_true(core_deadline_us(world->core) <= world->now_us + WORLD_TIMEOUT_US);
    beat_deaf(world, since);
    world->now_us = since + WORLD_TIMEOUT_US;
    beat_deaf(world, since);
    tick(world);
    expect(world, "node 1 away; lost 1/0/0 t1 retry");
    join(world, 1, 1, NULL, 0);
    expect(world, "node 1 online");
    assert_int_equal(core_deadline_us(world->core), world->now_us + WORLD_TIMEOUT_US);
}

static void test_a_silent_node_is_away_at_the_deadline_and_not_before(void **state)
{
    struct world *world = *state;
    struct node_view view;

    assert_true(core_deadline_us(world->core) == INT64_MAX);
    one_stage(world, plain, 1, 1);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    move(world, (struct core_input){ .kind = INPUT_BEAT, .node = 1 });
    expect(world, "");
    move(world, (struct core_input){ .kind = INPUT_BEAT, .node = 4000 });
    expect(world, "");

    int64_t due_us = world->now_us - 1 + WORLD_TIMEOUT_US;

    assert_true(core_deadline_us(world->core) < due_us); /* from before the beat */
    world->now_us = core_deadline_us(world->core) - 1;
    tick(world);
    expect(world, "");
    assert_int_equal(core_deadline_us(world->core), due_us);
    world->now_us = core_deadline_us(world->core) - 2;
    tick(world);
    expect(world, "");
    assert_true(core_node(world->core, 1, &view));
    assert_int_equal(view.state, NODE_ONLINE);
    assert_int_equal((int)view.attempts, 1);
    tick(world);
    expect(world, "node 1 away; lost 1/0/0 t1 retry");
    assert_true(core_node(world->core, 1, &view));
    assert_int_equal(view.state, NODE_AWAY);
    assert_int_equal((int)view.attempts, 0);
    assert_false(core_node(world->core, 4000, &view));
    assert_true(core_deadline_us(world->core) == INT64_MAX);
}

static void test_goodbye_and_fewer_slots_are_seen(void **state)
{
    struct world *world = *state;

    leave(world, 8);
    expect(world, "");
    one_stage(world, (struct stage_shape){ .is_task = true }, 4, 2);
    expect(world, "assign 1/0 0+2 t1 n1 #1");
    join(world, 1, 1, (const uint64_t[]){ 1, 2 }, 2);
    expect(world, "node 1 online");
    completed(world, 1, 1);
    expect(world, "taken n1 t1; ended 1/0/0 t1 complete; stage 1/0 started");
    tick(world);
    expect(world, "");
    completed(world, 1, 2);
    expect(world, "taken n1 t2; ended 1/0/1 t2 complete");
    tick(world);
    expect(world, "assign 1/0 2+1 t3 n1 #1");
    leave(world, 1);
    expect(world, "node 1 away; lost 1/0/2 t3 retry");
    leave(world, 1);
    expect(world, "");
}

int main(void)
{
#define WORLD_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_starting_action_holds_the_tasks_back_until_its_verdict),
        WORLD_TEST(test_a_starting_action_stops_or_fails_the_run),
        WORLD_TEST(test_a_start_waits_for_a_person_who_approves),
        WORLD_TEST(test_a_start_that_a_person_rejects_stops_the_run),
        WORLD_TEST(test_the_end_of_a_stage_waits_for_the_verdict_of_its_actions),
        WORLD_TEST(test_an_action_at_the_end_keeps_the_stages_outcome),
        WORLD_TEST(test_an_action_on_an_error_can_stop_the_run),
        WORLD_TEST(test_an_error_without_a_verdict_ends_the_run_as_on_error_says),
        WORLD_TEST(test_actions_of_the_other_outcome_are_not_asked),
        WORLD_TEST(test_an_end_waits_for_a_person_who_approves),
        WORLD_TEST(test_an_end_that_a_person_rejects_leaves_the_stage_complete),
        WORLD_TEST(test_a_cancel_while_the_end_waits_leaves_the_stage_complete),
        WORLD_TEST(test_a_verdict_that_comes_after_the_run_ended_changes_nothing),
        WORLD_TEST(test_a_cancel_of_what_is_not_there_is_refused),
        WORLD_TEST(test_a_cancel_ends_stages_in_every_state),
        WORLD_TEST(test_a_cancel_while_a_stage_stops_by_itself_ends_the_run),
        WORLD_TEST(test_a_node_that_comes_back_keeps_the_attempts_it_names),
        WORLD_TEST(test_a_node_that_beats_but_does_not_hear_is_lost),
        WORLD_TEST(test_a_silent_node_is_away_at_the_deadline_and_not_before),
        WORLD_TEST(test_goodbye_and_fewer_slots_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
