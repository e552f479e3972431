/* test_versions.c - tasks that end become a chain of records. */
#include "broker/store/versions.h"
#include "broker/broker_fixture.h"

static void submit(struct broker *broker, enum on_error on_error)
{
    const char *commands[] = { "true" };
    struct plan_variable variable = { .name = "API_TOKEN", .value = "hush" };
    struct plan_stage stage = { .name = "train",
                                .commands = commands,
                                .command_count = 1,
                                .variables = &variable,
                                .variable_count = 1,
                                .on_error = on_error };

    submit_plan(broker,
                &(struct plan){ .title = "t", .stages = &stage, .stage_count = 1 });
}

static struct version version_of(struct fixture *self, uint64_t number,
                                 uint8_t hash[DIGEST_SIZE])
{
    scoped_buf bytes = { 0 };
    struct version version;
    struct err err;

    assert_int_equal(store_version(self->broker->store, number, &bytes, &err), RC_OK);

    void *kept = arena_copy(self->arena, bytes.data, bytes.size);

    assert_int_equal(version_decode(self->arena, kept, bytes.size, &version, &err),
                     RC_OK);
    version_hash(self->broker->digester, bytes.data, bytes.size, hash);
    return version;
}

static void test_each_task_that_ended_adds_a_link_that_outlives_the_broker(void **state)
{
    struct fixture *self = *state;
    uint8_t first[DIGEST_SIZE], second[DIGEST_SIZE];
    struct task_row row;
    struct version version;
    struct err err;

    join(self->broker);
    submit(self->broker, ON_ERROR_STOP_ALL);
    finish(self->broker, 1, 0);
    commit(self->broker);
    close_broker(self);
    open_broker(self);
    join(self->broker);
    assert_int_equal(self->broker->counters.version_next, 2);
    submit(self->broker, ON_ERROR_STOP_ALL);
    finish(self->broker, self->broker->counters.token_next - 1, 3);
    commit(self->broker);

    version = version_of(self, 1, first);
    assert_true(hash_is_zero(version.previous));
    assert_int_equal(version.status, RESULT_COMPLETE);
    assert_string_equal(version.node, "node-1");
    assert_int_equal(version.ended_us, 2);
    version = version_of(self, 2, second);
    assert_memory_equal(version.previous, first, DIGEST_SIZE);
    assert_int_equal(version.run, 2);
    assert_int_equal(version.status, RESULT_ERROR);
    assert_memory_equal(self->broker->counters.version_head, second, DIGEST_SIZE);
    assert_int_equal(store_task(self->broker->store, 2, 0, 0, &row, &err), RC_OK);
    assert_int_equal(row.version, 2);
}

static void test_an_attempt_that_is_tried_again_is_no_version(void **state)
{
    struct fixture *self = *state;
    struct task_row row;
    struct err err;

    join(self->broker);
    submit(self->broker, ON_ERROR_RETRY);
    finish(self->broker, 1, 1);
    commit(self->broker);
    assert_int_equal(self->broker->counters.version_next, 1);
    assert_int_equal(store_task(self->broker->store, 1, 0, 0, &row, &err), RC_OK);
    assert_int_equal(row.version, 0);
}

static void test_what_was_not_committed_is_no_link(void **state)
{
    struct fixture *self = *state;
    uint8_t head[DIGEST_SIZE];
    scoped_buf bytes = { 0 };
    struct err err;

    join(self->broker);
    submit(self->broker, ON_ERROR_STOP_ALL);
    submit(self->broker, ON_ERROR_STOP_ALL);
    finish(self->broker, 1, 0);
    commit(self->broker);
    memcpy(head, self->broker->counters.version_head, DIGEST_SIZE);
    finish(self->broker, 2, 0);
    assert_int_equal(self->broker->counters.version_next, 3);
    store_abort(self->broker->store);
    assert_int_equal(broker_restore(self->broker, &err), RC_OK);
    assert_int_equal(self->broker->counters.version_next, 2);
    assert_memory_equal(self->broker->counters.version_head, head, DIGEST_SIZE);
    assert_int_equal(store_version(self->broker->store, 2, &bytes, &err), RC_NOT_FOUND);
}

static bool holds(const struct buf *bytes, const char *text)
{
    return memmem(bytes->data, bytes->size, text, strlen(text)) != NULL;
}

static void test_secrets_stand_in_no_answer_but_reach_the_node(void **state)
{
    struct fixture *self = *state;
    scoped_buf plan = { 0 }, stage = { 0 }, origin = { 0 }, kept = { 0 };
    struct request request = { .run = 1, .stage = "train" };
    struct plan_secrets secrets;
    struct err err;

    join(self->broker);
    submit(self->broker, ON_ERROR_STOP_ALL);
    assert_true(mail_class(self->broker, 0, 1, 0));
    assert_true(holds(&self->broker->outbox.bytes, "hush"));
    assert_int_equal(query_plan(self->broker, &request, &plan, &err), RC_OK);
    assert_int_equal(query_stage(self->broker, &request, &stage, &err), RC_OK);
    assert_int_equal(query_origin(self->broker, &request, &origin, &err), RC_OK);
    assert_true(holds(&plan, "masked:") && !holds(&plan, "hush"));
    assert_true(holds(&stage, "masked:") && !holds(&stage, "hush"));
    assert_true(holds(&origin, "masked:") && !holds(&origin, "hush"));
    commit(self->broker);
    plan_drop(self->broker, 1); /* read back from the store, it is whole */
    assert_string_equal(plan_of(self->broker, 1)->plan->stages[0].variables[0].value,
                        "hush");
    finish(self->broker, 1, 0);
    commit(self->broker);
    assert_int_equal(
        store_secrets(self->broker->store, 1, 0, self->arena, &secrets, &err), RC_OK);
    assert_int_equal(secrets.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_task_that_ended_adds_a_link_that_outlives_the_broker),
        TEST(test_an_attempt_that_is_tried_again_is_no_version),
        TEST(test_what_was_not_committed_is_no_link),
        TEST(test_secrets_stand_in_no_answer_but_reach_the_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
