/* test_plans.c - which decoded plans the broker keeps from turn to turn. */
#include "broker/broker_fixture.h"

enum { STAGES = 100, LONG_US = 60000000 };

/* A run whose plan is a large one. */
static void submit_large(struct broker *broker)
{
    const char *commands[] = { "true" };
    struct plan_stage stages[STAGES];
    char names[STAGES][8];

    for (size_t i = 0; i < STAGES; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        stages[i] = (struct plan_stage){
            .name = names[i], .step = names[i], .commands = commands, .command_count = 1
        };
    }
    submit_plan(broker,
                &(struct plan){ .title = "t", .stages = stages, .stage_count = STAGES });
}

static void turn_end(struct broker *broker)
{
    commit(broker);
    plans_leave(broker);
}

/* Four of them, of which the fourth goes on. */
static void four_runs(struct broker *broker)
{
    for (size_t i = 0; i < 4; i++)
        submit_large(broker);
    for (uint64_t run = 1; run <= 3; run++)
        broker_step(broker, &(struct core_input){ .kind = INPUT_CANCEL, .run = run });
    turn_end(broker);
}

static void test_of_runs_that_have_ended_the_plans_last_asked_for_stay(void **state)
{
    struct fixture *self = *state;
    struct broker *broker = self->broker;
    const struct plan *plan;

    four_runs(broker);
    assert_int_equal(broker->plan_count, 1);
    plan = plan_of(broker, 1)->plan;
    turn_end(broker);
    assert_ptr_equal(plan_of(broker, 1)->plan, plan);
    turn_end(broker);
    assert_int_equal(broker->plan_count, 2);
    assert_non_null(plan_of(broker, 2)); /* beside the first */
    turn_end(broker);
    assert_ptr_equal(plan_of(broker, 1)->plan, plan);
    turn_end(broker);
    assert_int_equal(broker->plan_count, 3);
    assert_non_null(plan_of(broker, 3));
    turn_end(broker);
    assert_int_equal(broker->plan_count, 3);
    assert_string_equal(stage_name(broker, 2, 7), "s7");
    assert_string_equal(stage_name(broker, 1, 8), "s8");
    assert_string_equal(stage_name(broker, 4, 9), "s9");
    turn_end(broker);
    assert_int_equal(broker->plan_count, 3);
}

static void test_plans_that_nobody_uses_go(void **state)
{
    struct fixture *self = *state;
    struct broker *broker = self->broker;

    four_runs(broker);
    assert_non_null(plan_of(broker, 1));
    turn_end(broker);
    broker->now_us += LONG_US;
    turn_end(broker);
    assert_int_equal(broker->plan_count, 0);
    assert_string_equal(stage_name(broker, 1, 5), "s5");
}

static void test_a_run_that_ends_takes_its_plan_with_it(void **state)
{
    struct fixture *self = *state;
    struct broker *broker = self->broker;

    four_runs(broker);
    assert_non_null(plan_of(broker, 4));
    broker_step(broker, &(struct core_input){ .kind = INPUT_CANCEL, .run = 4 });
    turn_end(broker);
    assert_int_equal(broker->plan_count, 0);
}

int main(void)
{
#define FIXTURE_TEST(name)                                                               \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_of_runs_that_have_ended_the_plans_last_asked_for_stay),
        FIXTURE_TEST(test_plans_that_nobody_uses_go),
        FIXTURE_TEST(test_a_run_that_ends_takes_its_plan_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
