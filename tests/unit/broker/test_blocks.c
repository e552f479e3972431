/* test_blocks.c - tasks without a command in a whole broker: what is stored of them. */
#include "broker/broker_fixture.h"
#include "broker/store/blocks.h"
#include "broker/store/check.h"
#include "broker/store/versions.h"

enum { TASKS = 5 };

/* A sweep of TASKS tasks. */
static void submit(struct broker *broker, const char *command)
{
    struct value values[TASKS];
    struct plan_parameter parameter = { .name = "i",
                                        .type = PARAMETER_INTEGER,
                                        .separator = "," };
    struct plan_column column = { .values = values, .value_count = TASKS };
    struct plan_stage stage = { .name = "sweep",
                                .commands = &command,
                                .command_count = 1,
                                .parameters = &parameter,
                                .parameter_count = 1,
                                .sweep = SWEEP_PRODUCT,
                                .columns = &column,
                                .column_count = 1,
                                .on_error = ON_ERROR_RETRY };

    for (int i = 0; i < TASKS; i++)
        values[i] = (struct value){ .kind = VALUE_INT, .integer = i };
    submit_plan(broker,
                &(struct plan){ .title = "t", .stages = &stage, .stage_count = 1 });
    commit(broker);
}

/* The node says that so many tasks from the token on have ended. */
static void end_block(struct broker *broker, uint64_t token, uint64_t count)
{
    struct task_block block = { .token = token, .count = count, .started_us = 1000 };
    scoped_buf times = { 0 }, body = { 0 };
    int64_t last = 1000;

    for (uint64_t i = 0; i < count; i++)
        block_add(&times, &last, last + 1, last + 3);
    block.times = (struct bytes){ (const char *)times.data, times.size };
    blocks_encode(&body, &block, 1);
    say(broker, MESSAGE_BLOCKS, &body);
    commit(broker);
}

static void say_started(struct broker *broker, uint64_t token)
{
    scoped_buf body = { 0 };

    started_encode(&body, &(struct started_item){ token, 7 }, 1);
    say(broker, MESSAGE_STARTED, &body);
    commit(broker);
}

static void leave_and_join(struct broker *broker)
{
    scoped_buf none = { 0 };

    say(broker, MESSAGE_LEAVE, &none);
    commit(broker);
    join(broker);
    broker_step(broker, &(struct core_input){ .kind = INPUT_TICK });
    commit(broker);
}

static enum rc count_row(void *context, const struct attempt_row *row, struct err *err)
{
    (void)row;
    (void)err;
    ++*(size_t *)context;
    return RC_OK;
}

/* Live attempts as the store has them. */
static void expect_live(struct broker *broker, size_t spans, size_t attempts)
{
    size_t count = 0;
    struct err err;

    assert_int_equal(store_spans(broker->store, count_row, &count, &err), RC_OK);
    assert_int_equal(count, spans);
    count = 0;
    assert_int_equal(store_attempts(broker->store, count_row, &count, &err), RC_OK);
    assert_int_equal(count, attempts);
}

/* The version is of count tasks from index on; 0: of that one. */
static void expect_version(struct fixture *self, uint64_t number, uint64_t index,
                           uint64_t count)
{
    scoped_buf bytes = { 0 };
    struct version version;
    struct err err;

    assert_int_equal(store_version(self->broker->store, number, &bytes, &err), RC_OK);
    assert_int_equal(version_decode(self->arena, bytes.data, bytes.size, &version, &err),
                     RC_OK);
    assert_int_equal(version.index, index);
    assert_int_equal(version.count, count);
}

static void expect_complete(struct broker *broker, uint64_t index, uint32_t attempt,
                            uint64_t version)
{
    struct task_row row;
    struct err err;

    assert_int_equal(store_task(broker->store, 1, 0, index, &row, &err), RC_OK);
    assert_int_equal(row.state, TASK_COMPLETE);
    assert_int_equal(row.attempts, attempt);
    assert_int_equal(row.version, version);
}

static void no_fault(void *context, const char *table, const char *key, const char *text)
{
    (void)context;
    fail_msg("%s %s: %s", table, key, text);
}

/* The run is over, and its records are sound. */
static void expect_end(struct fixture *self)
{
    struct run_row row;
    struct run_totals totals;
    uint64_t rows;
    struct err err;

    expect_live(self->broker, 0, 0);
    assert_int_equal(store_run_row(self->broker->store, 1, &row, &totals, &err), RC_OK);
    assert_int_equal(row.state, RUN_COMPLETE);
    assert_int_equal(totals.complete, TASKS);
    /* A check reads twice at once: what may be done in a batch. */
    assert_int_equal(
        store_counters_put(self->broker->store, &self->broker->counters, &err), RC_OK);
    assert_int_equal(store_check(self->broker->store, no_fault, NULL, &rows, &err),
                     RC_OK);
}

static void test_tasks_that_end_together_have_one_version_and_one_event(void **state)
{
    struct fixture *self = *state;
    uint64_t events;

    join(self->broker);
    submit(self->broker, ":");
    expect_live(self->broker, TASKS, 0);
    events = self->broker->counters.event_next;
    end_block(self->broker, 1, TASKS);
    assert_int_equal(self->broker->counters.event_next - events,
                     1 + 3); /* of the stage two, and of the run one */
    assert_int_equal(self->broker->counters.version_next, 2);
    expect_version(self, 1, 0, TASKS);
    for (uint64_t i = 0; i < TASKS; i++)
        expect_complete(self->broker, i, 1, 1);
    expect_end(self);
}

static void test_a_block_that_comes_in_parts_is_kept_in_parts(void **state)
{
    struct fixture *self = *state;

    join(self->broker);
    submit(self->broker, ":");
    end_block(self->broker, 2, 2);
    expect_live(self->broker, TASKS - 2, 0);
    end_block(self->broker, 1, TASKS);
    expect_version(self, 1, 1, 2);
    expect_version(self, 2, 0, 1);
    expect_version(self, 3, 3, 2);
    expect_complete(self->broker, 4, 1, 3);
    expect_end(self);
}

static void test_spans_outlive_the_broker(void **state)
{
    struct fixture *self = *state;
    uint64_t tokens[] = { 1, 2, 3, 4, 5 };

    join(self->broker);
    submit(self->broker, ":");
    close_broker(self);
    open_broker(self);
    join_with(self->broker, tokens, TASKS);
    expect_live(self->broker, TASKS, 0);
    end_block(self->broker, 1, TASKS);
    expect_version(self, 1, 0, TASKS);
    expect_end(self);
}

static void test_what_was_not_committed_is_handed_out_still(void **state)
{
    struct fixture *self = *state;
    struct err err;

    join(self->broker);
    submit(self->broker, ":");
    end_block(self->broker, 1, 2);
    broker_step(self->broker,
                &(struct core_input){ .kind = INPUT_BLOCK, .token = 99, .tasks = 1 });
    store_abort(self->broker->store);
    assert_int_equal(broker_restore(self->broker, &err), RC_OK);
    expect_live(self->broker, TASKS - 2, 0);
    assert_int_equal(core_stage(self->broker->core, 1, 0)->running, TASKS - 2);
}

static void test_tasks_that_were_lost_get_rows_of_their_own(void **state)
{
    struct fixture *self = *state;

    join(self->broker);
    submit(self->broker, ":");
    end_block(self->broker, 1, 2);
    leave_and_join(self->broker);
    expect_live(self->broker, 0, TASKS - 2);
    end_block(self->broker, TASKS + 1, TASKS - 2);
    expect_version(self, 1, 0, 2);
    for (uint64_t i = 2; i < TASKS; i++) {
        expect_version(self, i, i, 0);
        expect_complete(self->broker, i, 2, i);
    }
    expect_end(self);
}

static void test_tasks_that_were_said_to_have_started_get_rows_of_their_own(void **state)
{
    struct fixture *self = *state;

    join(self->broker);
    submit(self->broker, ":");
    say_started(self->broker, 3);
    expect_live(self->broker, TASKS - 1, 1);
    end_block(self->broker, 1, TASKS);
    expect_complete(self->broker, 0, 1, 1);
    expect_complete(self->broker, 2, 1, 3);
    expect_version(self, 3, 2, 0);
    expect_end(self);
}

static void test_a_block_of_tasks_with_a_command_makes_rows(void **state)
{
    struct fixture *self = *state;

    join(self->broker);
    submit(self->broker, "true");
    expect_live(self->broker, 0, TASKS);
    end_block(self->broker, 1, TASKS);
    expect_version(self, TASKS, TASKS - 1, 0);
    expect_end(self);
}

static void test_a_result_of_a_task_in_a_span_makes_a_row(void **state)
{
    struct fixture *self = *state;

    join(self->broker);
    submit(self->broker, ":");
    finish(self->broker, 3, 0);
    commit(self->broker);
    expect_live(self->broker, TASKS - 1, 0);
    end_block(self->broker, 1, TASKS);
    expect_version(self, 1, 2, 0);
    expect_version(self, 2, 0, 2);
    expect_version(self, 3, 3, 2);
    expect_end(self);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tasks_that_end_together_have_one_version_and_one_event),
        TEST(test_a_block_that_comes_in_parts_is_kept_in_parts),
        TEST(test_spans_outlive_the_broker),
        TEST(test_what_was_not_committed_is_handed_out_still),
        TEST(test_tasks_that_were_lost_get_rows_of_their_own),
        TEST(test_tasks_that_were_said_to_have_started_get_rows_of_their_own),
        TEST(test_a_block_of_tasks_with_a_command_makes_rows),
        TEST(test_a_result_of_a_task_in_a_span_makes_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
