/* test_agent_core.c - the life of attempts on a node, move by move. */
#include "nodes/core/agent_core.h"

#include "codecs/base/buf.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TOKEN = 7, SECOND = 1000000, KILL_AFTER_US = 15000000 };

struct world {
    struct agent_core *core;
    struct agent_effects effects;
    int64_t now_us;
};

static int world_setup(void **state)
{
    struct world *self = calloc(1, sizeof *self);

    assert_non_null(self);
    self->core = agent_core_create(KILL_AFTER_US);
    assert_non_null(self->core);
    self->now_us = 100 * SECOND;
    *state = self;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *self = *state;
    size_t unread = self->effects.count;

    agent_core_destroy(self->core);
    agent_effects_fini(&self->effects);
    free(self);
    return unread == 0 ? 0 : -1;
}

static void say(struct buf *out, const struct agent_effect *effect)
{
    static const char *const names[] = {
        [AGENT_DO_WANT] = "want",       [AGENT_DO_PREPARE] = "prepare",
        [AGENT_DO_CANCEL] = "cancel",   [AGENT_DO_START] = "start",
        [AGENT_DO_SIGNAL] = "signal",   [AGENT_DO_SAY_STARTED] = "say-started",
        [AGENT_DO_COLLECT] = "collect", [AGENT_DO_REPORT] = "report",
        [AGENT_DO_REMOVE] = "remove",
    };

    buf_printf(out, "%s %lu", names[effect->kind], (unsigned long)effect->token);
    if (effect->kind == AGENT_DO_SIGNAL)
        buf_printf(out, " %s", effect->signal == SIGTERM ? "term" : "kill");
    if (effect->kind == AGENT_DO_COLLECT && effect->has_cause)
        buf_printf(out, " %s", cause_name(effect->cause));
}

/* All that the last move wants done, in order. */
static void expect(struct world *self, const char *expected)
{
    scoped_buf out = { 0 };

    for (size_t i = 0; i < self->effects.count; i++) {
        if (i > 0)
            buf_text(&out, "; ");
        say(&out, &self->effects.items[i]);
    }
    self->effects.count = 0;
    assert_string_equal(buf_string(&out), expected);
}

static void move(struct world *self, struct agent_input input)
{
    if (self->effects.count > 0)
        expect(self, "nothing was left unread");
    input.now_us = self->now_us;
    if (input.token == 0)
        input.token = TOKEN;
    agent_step(self->core, &input, &self->effects);
    agent_check(self->core);
}

static void tell(struct world *self, enum agent_input_kind kind)
{
    move(self, (struct agent_input){ .kind = kind });
}

static void assign(struct world *self, uint64_t token, bool has_class)
{
    move(self, (struct agent_input){ .kind = AGENT_IN_ASSIGN,
                                     .token = token,
                                     .run = 1,
                                     .stage = 2,
                                     .index = 3,
                                     .number = 1,
                                     .has_class = has_class });
}

static void prepared(struct world *self, bool is_good)
{
    move(self, (struct agent_input){ .kind = AGENT_IN_PREPARED,
                                     .is_good = is_good,
                                     .cause = CAUSE_INPUT_FAILED });
}

static void started(struct world *self, int64_t time_limit_us, int64_t no_output_us)
{
    move(self, (struct agent_input){ .kind = AGENT_IN_STARTED,
                                     .time_limit_us = time_limit_us,
                                     .no_output_us = no_output_us });
}

/* Brings the attempt to a state, by the shortest way. */
static void bring(struct world *self, enum agent_state state)
{
    assign(self, TOKEN, state != AGENT_ASSIGNED);
    if (state >= AGENT_STARTING)
        self->effects.count = 0, prepared(self, true);
    if (state >= AGENT_RUNNING)
        self->effects.count = 0, started(self, 0, 0);
    if (state >= AGENT_COLLECTING)
        self->effects.count = 0, tell(self, AGENT_IN_EXITED);
    if (state >= AGENT_DONE)
        self->effects.count = 0, tell(self, AGENT_IN_COLLECTED);
    self->effects.count = 0;
    assert_int_equal(agent_attempt(self->core, TOKEN)->state, state);
}

static void gone(struct world *self)
{
    assert_int_equal(agent_count(self->core), 0);
    assert_null(agent_attempt(self->core, TOKEN));
    assert_true(agent_deadline_us(self->core) == INT64_MAX);
}

static void test_an_attempt_goes_its_way_to_the_end(void **state)
{
    struct world *world = *state;

    assign(world, TOKEN, true);
    expect(world, "prepare 7");
    assign(world, TOKEN, true); /* a repeat */
    expect(world, "");
    prepared(world, true);
    expect(world, "start 7");
    started(world, 0, 0);
    expect(world, "say-started 7");
    tell(world, AGENT_IN_EXITED);
    expect(world, "collect 7");
    tell(world, AGENT_IN_COLLECTED);
    expect(world, "report 7");
    tell(world, AGENT_IN_TAKEN);
    expect(world, "remove 7");
    gone(world);
}

static void test_without_its_class_an_attempt_waits_for_it(void **state)
{
    struct world *world = *state;

    assign(world, TOKEN, false);
    expect(world, "want 7");
    assert_int_equal(world->effects.items[0].run, 1);
    assert_int_equal(world->effects.items[0].stage, 2);
    assign(world, 8, false);
    expect(world, "want 8");
    move(world, (struct agent_input){ .kind = AGENT_IN_CLASS, .run = 1, .stage = 1 });
    expect(world, "");
    tell(world, AGENT_IN_WELCOME);
    expect(world, "want 7; want 8");
    move(world, (struct agent_input){ .kind = AGENT_IN_CLASS, .run = 1, .stage = 2 });
    expect(world, "prepare 7; prepare 8");
    move(world, (struct agent_input){ .kind = AGENT_IN_CLASS, .run = 1, .stage = 2 });
    expect(world, "");
    assert_int_equal(agent_count(world->core), 2);
    assert_int_equal(agent_at(world->core, 1)->token, 8);
}

static void test_what_cannot_be_prepared_or_started_is_collected_with_its_cause(
    void **state)
{
    struct world *world = *state;

    bring(world, AGENT_PREPARING);
    prepared(world, false);
    expect(world, "collect 7 input-failed");
    tell(world, AGENT_IN_COLLECTED);
    expect(world, "report 7");
    tell(world, AGENT_IN_TAKEN);
    expect(world, "remove 7");
    bring(world, AGENT_STARTING);
    tell(world, AGENT_IN_UNSTARTED);
    expect(world, "collect 7 start-failed");
}

static void test_stop_ends_an_attempt_in_every_state(void **state)
{
    static const char *const expected[AGENT_STATE_COUNT] = {
        [AGENT_ASSIGNED] = "collect 7 stopped",
        [AGENT_PREPARING] = "cancel 7",
        [AGENT_STARTING] = "",
        [AGENT_RUNNING] = "signal 7 term",
        [AGENT_COLLECTING] = "",
        [AGENT_DONE] = "",
    };
    struct world *world = *state;

    for (enum agent_state at = AGENT_ASSIGNED; at < AGENT_STATE_COUNT; at++) {
        if (at == AGENT_READY)
            continue; /* only while another one is in the way */
        bring(world, at);
        tell(world, AGENT_IN_STOP);
        expect(world, expected[at]);
        agent_core_destroy(world->core);
        world->core = agent_core_create(KILL_AFTER_US);
        assert_non_null(world->core);
    }
}

static void test_a_stop_while_preparing_is_kept_whatever_becomes_of_it(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_PREPARING);
    tell(world, AGENT_IN_STOP);
    expect(world, "cancel 7");
    prepared(world, true);
    expect(world, "collect 7 stopped");
    tell(world, AGENT_IN_COLLECTED);
    expect(world, "report 7");
    tell(world, AGENT_IN_TAKEN);
    expect(world, "remove 7");
    bring(world, AGENT_PREPARING);
    tell(world, AGENT_IN_STOP);
    expect(world, "cancel 7");
    prepared(world, false);
    expect(world, "collect 7 stopped");
}

static void test_a_stop_while_starting_comes_as_soon_as_it_runs(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_STARTING);
    tell(world, AGENT_IN_STOP);
    expect(world, "");
    started(world, 0, 0);
    expect(world, "say-started 7; signal 7 term");
    tell(world, AGENT_IN_EXITED);
    expect(world, "collect 7 stopped");
}

static void test_what_does_not_end_is_killed_after_fifteen_seconds(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_RUNNING);
    assert_true(agent_deadline_us(world->core) == INT64_MAX);
    tell(world, AGENT_IN_STOP);
    expect(world, "signal 7 term");
    tell(world, AGENT_IN_STOP);
    expect(world, "");
    assert_int_equal(agent_deadline_us(world->core), world->now_us + KILL_AFTER_US);
    world->now_us += KILL_AFTER_US - 1;
    tell(world, AGENT_IN_TICK);
    expect(world, "");
    world->now_us++;
    tell(world, AGENT_IN_TICK);
    expect(world, "signal 7 kill");
    tell(world, AGENT_IN_TICK);
    expect(world, "");
    world->now_us += KILL_AFTER_US;
    tell(world, AGENT_IN_TICK);
    expect(world, "signal 7 kill");
    tell(world, AGENT_IN_EXITED);
    expect(world, "collect 7 stopped");
    assert_true(agent_deadline_us(world->core) == INT64_MAX);
}

static void test_the_time_limit_counts_from_the_start(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_STARTING);
    started(world, 10 * SECOND, 60 * SECOND);
    expect(world, "say-started 7");
    world->now_us += 9 * SECOND;
    tell(world, AGENT_IN_OUTPUT);
    expect(world, "");
    assert_int_equal(agent_deadline_us(world->core), world->now_us + SECOND);
    world->now_us += SECOND;
    tell(world, AGENT_IN_TICK);
    expect(world, "signal 7 term");
    tell(world, AGENT_IN_STOP); /* the first cause counts */
    expect(world, "");
    tell(world, AGENT_IN_EXITED);
    expect(world, "collect 7 time-limit");
}

static void test_silence_counts_from_the_last_output(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_STARTING);
    started(world, 0, 10 * SECOND);
    expect(world, "say-started 7");
    world->now_us += 9 * SECOND;
    tell(world, AGENT_IN_OUTPUT);
    expect(world, "");
    world->now_us += 9 * SECOND;
    tell(world, AGENT_IN_TICK);
    expect(world, "");
    world->now_us += SECOND;
    tell(world, AGENT_IN_TICK);
    expect(world, "signal 7 term");
    tell(world, AGENT_IN_EXITED);
    expect(world, "collect 7 no-output");
}

static void test_a_stop_condition_ends_what_runs(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_RUNNING);
    tell(world, AGENT_IN_CONDITION);
    expect(world, "signal 7 term");
    tell(world, AGENT_IN_EXITED);
    expect(world, "collect 7 stop-condition");
    tell(world, AGENT_IN_CONDITION);
    expect(world, "");
}

static void test_drop_forgets_an_attempt_in_every_state(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_ASSIGNED);
    tell(world, AGENT_IN_DROP);
    expect(world, "remove 7");
    gone(world);
    bring(world, AGENT_PREPARING);
    tell(world, AGENT_IN_DROP);
    expect(world, "cancel 7");
    prepared(world, true);
    expect(world, "remove 7");
    gone(world);
    bring(world, AGENT_STARTING);
    tell(world, AGENT_IN_DROP);
    expect(world, "");
    tell(world, AGENT_IN_UNSTARTED);
    expect(world, "remove 7");
    gone(world);
    bring(world, AGENT_RUNNING);
    tell(world, AGENT_IN_DROP);
    expect(world, "signal 7 term");
    tell(world, AGENT_IN_EXITED);
    expect(world, "remove 7");
    gone(world);
    bring(world, AGENT_COLLECTING);
    tell(world, AGENT_IN_DROP);
    expect(world, "");
    tell(world, AGENT_IN_COLLECTED);
    expect(world, "remove 7");
    gone(world);
    bring(world, AGENT_DONE);
    tell(world, AGENT_IN_DROP);
    expect(world, "remove 7");
    gone(world);
}

static void test_a_lost_process_is_forgotten_but_an_exit_that_was_seen_counts(
    void **state)
{
    struct world *world = *state;

    bring(world, AGENT_STARTING);
    tell(world, AGENT_IN_LOST);
    expect(world, "remove 7");
    bring(world, AGENT_RUNNING);
    tell(world, AGENT_IN_LOST);
    expect(world, "remove 7");
    gone(world);
    bring(world, AGENT_COLLECTING);
    tell(world, AGENT_IN_LOST);
    expect(world, "");
    tell(world, AGENT_IN_COLLECTED);
    expect(world, "report 7");
    tell(world, AGENT_IN_LOST);
    expect(world, "");
    assert_int_equal(agent_count(world->core), 1);
}

static void test_a_result_is_sent_again_until_it_is_taken(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_DONE);
    assert_int_equal(agent_deadline_us(world->core), world->now_us + AGENT_RESEND_US);
    world->now_us += AGENT_RESEND_US - 1;
    tell(world, AGENT_IN_TICK);
    expect(world, "");
    world->now_us++;
    tell(world, AGENT_IN_TICK);
    expect(world, "report 7");
    world->now_us++;
    tell(world, AGENT_IN_WELCOME);
    expect(world, "report 7");
    world->now_us += AGENT_RESEND_US;
    tell(world, AGENT_IN_TICK);
    expect(world, "report 7");
    tell(world, AGENT_IN_TAKEN);
    expect(world, "remove 7");
    tell(world, AGENT_IN_TAKEN);
    expect(world, "");
    gone(world);
}

static void test_a_result_that_is_not_there_cannot_be_taken(void **state)
{
    struct world *world = *state;

    bring(world, AGENT_RUNNING);
    tell(world, AGENT_IN_TAKEN);
    expect(world, "");
    tell(world, AGENT_IN_COLLECTED);
    expect(world, "");
    tell(world, AGENT_IN_WELCOME);
    expect(world, "say-started 7");
    assert_int_equal(agent_attempt(world->core, TOKEN)->state, AGENT_RUNNING);
}

static void test_messages_that_come_twice_or_too_late_change_nothing(void **state)
{
    static const enum agent_input_kind kinds[] = { AGENT_IN_UNSTARTED, AGENT_IN_EXITED,
                                                   AGENT_IN_STOP, AGENT_IN_CONDITION,
                                                   AGENT_IN_OUTPUT };
    struct world *world = *state;

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        tell(world, kinds[i]); /* of an attempt that nobody knows */
        expect(world, "");
    }
    bring(world, AGENT_DONE);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        tell(world, kinds[i]);
        expect(world, "");
    }
    assert_false(agent_attempt(world->core, TOKEN)->has_cause);
    prepared(world, true);
    expect(world, "");
    started(world, 1, 1);
    expect(world, "");
    assert_int_equal(agent_attempt(world->core, TOKEN)->time_limit_us, 0);
}

static void test_a_clock_that_is_set_neither_ends_nor_stretches_a_limit(void **state)
{
    struct world *world = *state;

    world->now_us += 100000ll * SECOND;
    for (int64_t jump = -3600ll * SECOND; jump <= 3600ll * SECOND;
         jump += 7200ll * SECOND) {
        assign(world, TOKEN, true);
        expect(world, "prepare 7");
        prepared(world, true);
        expect(world, "start 7");
        started(world, 60 * SECOND, 0);
        expect(world, "say-started 7");
        world->now_us += 20 * SECOND + jump;
        move(world, (struct agent_input){ .kind = AGENT_IN_CLOCK, .jump_us = jump });
        expect(world, "");
        tell(world, AGENT_IN_TICK);
        expect(world, "");
        assert_int_equal(agent_deadline_us(world->core), world->now_us + 40 * SECOND);
        world->now_us += 40 * SECOND;
        tell(world, AGENT_IN_TICK);
        expect(world, "signal 7 term");
        move(world, (struct agent_input){ .kind = AGENT_IN_CLOCK, .jump_us = jump });
        expect(world, "");
        world->now_us += jump + KILL_AFTER_US;
        tell(world, AGENT_IN_TICK);
        expect(world, "signal 7 kill");
        tell(world, AGENT_IN_LOST);
        expect(world, "remove 7");
    }
}

static void adopt(struct world *world, enum agent_state state)
{
    move(world, (struct agent_input){ .kind = AGENT_IN_ADOPT,
                                      .run = 1,
                                      .stage = 2,
                                      .index = 3,
                                      .number = 4,
                                      .state = state,
                                      .started_us = world->now_us - 50 * SECOND,
                                      .time_limit_us = 60 * SECOND,
                                      .no_output_us = 30 * SECOND });
    expect(world, "");
}

static void test_a_running_attempt_is_adopted_with_its_limits(void **state)
{
    struct world *world = *state;

    adopt(world, AGENT_RUNNING);
    adopt(world, AGENT_DONE); /* it is known */
    assert_int_equal(agent_attempt(world->core, TOKEN)->number, 4);
    tell(world, AGENT_IN_TICK); /* how long it was silent is not known */
    expect(world, "");
    tell(world, AGENT_IN_WELCOME);
    expect(world, "say-started 7");
    assert_int_equal(agent_deadline_us(world->core), world->now_us + 10 * SECOND);
    world->now_us += 10 * SECOND;
    tell(world, AGENT_IN_TICK);
    expect(world, "signal 7 term");
    tell(world, AGENT_IN_EXITED);
    expect(world, "collect 7 time-limit");
}

static void test_a_result_is_adopted_and_sent(void **state)
{
    struct world *world = *state;

    adopt(world, AGENT_DONE);
    tell(world, AGENT_IN_TICK);
    expect(world, "report 7");
    tell(world, AGENT_IN_TAKEN);
    expect(world, "remove 7");
    gone(world);
}

static void test_attempts_do_not_touch_each_other(void **state)
{
    struct world *world = *state;

    for (uint64_t token = 1; token <= 40; token++) {
        assign(world, token, true);
        world->effects.count = 0;
    }
    for (uint64_t token = 1; token <= 40; token += 2) {
        move(world, (struct agent_input){
                        .kind = AGENT_IN_PREPARED, .token = token, .is_good = true });
        world->effects.count = 0;
        move(world, (struct agent_input){ .kind = AGENT_IN_LOST, .token = token });
        world->effects.count = 0;
    }
    assert_int_equal(agent_count(world->core), 20);
    for (uint64_t token = 1; token <= 40; token++)
        assert_true((agent_attempt(world->core, token) == NULL) == (token % 2 == 1));
}

static void prepared_asking(struct world *self, uint64_t token, uint32_t cpu_milli,
                            uint32_t memory_mb)
{
    assign(self, token, true);
    self->effects.count = 0;
    move(self, (struct agent_input){ .kind = AGENT_IN_PREPARED,
                                     .token = token,
                                     .is_good = true,
                                     .cpu_milli = cpu_milli,
                                     .memory_mb = memory_mb });
}

static void about(struct world *self, enum agent_input_kind kind, uint64_t token)
{
    move(self, (struct agent_input){ .kind = kind, .token = token });
}

static void test_what_has_no_room_starts_when_something_ends_and_in_order(void **state)
{
    struct world *world = *state;

    move(world, (struct agent_input){
                    .kind = AGENT_IN_OFFER, .cpu_milli = 2000, .memory_mb = 100 });
    prepared_asking(world, 1, 1000, 60);
    expect(world, "start 1");
    prepared_asking(world, 4, 1000, 10);
    expect(world, "start 4");
    prepared_asking(world, 3, 1000, 0);
    expect(world, "");
    prepared_asking(world, 2, 1500, 0);
    expect(world, "");
    about(world, AGENT_IN_STARTED, 1);
    expect(world, "say-started 1");
    about(world, AGENT_IN_STARTED, 4);
    expect(world, "say-started 4");
    about(world, AGENT_IN_EXITED, 1);
    expect(world, "collect 1"); /* 2 needs more, and 3 does not pass it */
    about(world, AGENT_IN_EXITED, 4);
    expect(world, "start 2; collect 4");
    about(world, AGENT_IN_STOP, 2);
    about(world, AGENT_IN_UNSTARTED, 2);
    expect(world, "start 3; collect 2 stopped");
}

static void test_memory_is_room_too_and_one_alone_always_starts(void **state)
{
    struct world *world = *state;

    move(world, (struct agent_input){
                    .kind = AGENT_IN_OFFER, .cpu_milli = 8000, .memory_mb = 100 });
    prepared_asking(world, 1, 9000, 200);
    expect(world, "start 1");
    prepared_asking(world, 2, 100, 50);
    expect(world, "");
    about(world, AGENT_IN_UNSTARTED, 1);
    expect(world, "start 2; collect 1 start-failed");
    prepared_asking(world, 3, 100, 60);
    expect(world, "");
    move(world, (struct agent_input){
                    .kind = AGENT_IN_OFFER, .cpu_milli = 8000, .memory_mb = 110 });
    expect(world, "start 3");
}

int main(void)
{
#define WORLD_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_an_attempt_goes_its_way_to_the_end),
        WORLD_TEST(test_without_its_class_an_attempt_waits_for_it),
        WORLD_TEST(test_what_cannot_be_prepared_or_started_is_collected_with_its_cause),
        WORLD_TEST(test_stop_ends_an_attempt_in_every_state),
        WORLD_TEST(test_a_stop_while_preparing_is_kept_whatever_becomes_of_it),
        WORLD_TEST(test_a_stop_while_starting_comes_as_soon_as_it_runs),
        WORLD_TEST(test_what_does_not_end_is_killed_after_fifteen_seconds),
        WORLD_TEST(test_the_time_limit_counts_from_the_start),
        WORLD_TEST(test_silence_counts_from_the_last_output),
        WORLD_TEST(test_a_stop_condition_ends_what_runs),
        WORLD_TEST(test_drop_forgets_an_attempt_in_every_state),
        WORLD_TEST(test_a_lost_process_is_forgotten_but_an_exit_that_was_seen_counts),
        WORLD_TEST(test_a_result_is_sent_again_until_it_is_taken),
        WORLD_TEST(test_a_result_that_is_not_there_cannot_be_taken),
        WORLD_TEST(test_messages_that_come_twice_or_too_late_change_nothing),
        WORLD_TEST(test_a_clock_that_is_set_neither_ends_nor_stretches_a_limit),
        WORLD_TEST(test_a_running_attempt_is_adopted_with_its_limits),
        WORLD_TEST(test_a_result_is_adopted_and_sent),
        WORLD_TEST(test_attempts_do_not_touch_each_other),
        WORLD_TEST(test_what_has_no_room_starts_when_something_ends_and_in_order),
        WORLD_TEST(test_memory_is_room_too_and_one_alone_always_starts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
