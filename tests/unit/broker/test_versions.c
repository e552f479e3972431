/* test_versions.c - tasks that end become a chain of records; a whole broker is made, but
 * nobody connects: its handlers are called as inbox.c calls them. */
#include "broker/broker_state.h"
#include "broker/store/versions.h"
#include "codecs/version/version.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 64 << 20 };

struct fixture {
    char folder[64];
    struct broker *broker;
    struct arena *arena;
};

static void say(struct broker *broker, enum message_type type, const struct buf *body)
{
    node_message(broker, "node-1",
                 &(struct message_header){ .protocol = PROTOCOL_FIRST, .type = type },
                 &(struct link_frame){ body->data, body->size });
}

static void join(struct broker *broker)
{
    static uint64_t session;
    scoped_buf body = { 0 };

    node_hello_encode(&body, &(struct node_hello){ .name = "node-1",
                                                   .version = "1",
                                                   .cpu_milli = 8000,
                                                   .takes_any_label = true,
                                                   .session = ++session });
    say(broker, MESSAGE_JOIN, &body);
}

static void open_broker(struct fixture *self)
{
    static const struct broker_limits limits = { .stages_max = 1000,
                                                 .answers_max = 1 << 20,
                                                 .turn_max = 1 << 20,
                                                 .message_max = 1 << 20,
                                                 .requests_max = 32,
                                                 .queue_max = 100,
                                                 .events_max = 100,
                                                 .nodes_max = 2,
                                                 .bulk_queue_max = 16,
                                                 .uploads_max = 1,
                                                 .uploads_peer_max = 1 };
    struct err err;

    must(broker_create(&(struct broker_settings){ .directory = self->folder,
                                                  .requests = "inproc://requests",
                                                  .events = "inproc://events",
                                                  .bulk = "inproc://bulk",
                                                  .node_timeout_ms = 10000,
                                                  .limits = limits,
                                                  .idle_exit_ms = 1000,
                                                  .ready_fd = -1 },
                       &self->broker, &err)
         == RC_OK);
    self->broker->scratch = self->arena;
}

static void close_broker(struct fixture *self)
{
    self->broker->scratch = NULL;
    broker_destroy(self->broker);
}

static int fixture_setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);

    must(self != NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-versions-XXXXXX");
    must(mkdtemp(self->folder) != NULL);
    self->arena = arena_create(ARENA_MAX);
    open_broker(self);
    *state = self;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *self = *state;
    char command[128];

    close_broker(self);
    snprintf(command, sizeof command, "rm -rf %s", self->folder);
    must(system(command) == 0);
    arena_destroy(self->arena);
    free(self);
    return 0;
}

/* What turn.c does at the end of a turn. */
static void commit(struct broker *broker)
{
    struct err err;

    core_flush(broker->core, &broker->changes);
    apply_changes(broker);
    assert_int_equal(broker->batch.rc, RC_OK);
    assert_int_equal(store_counters_put(broker->store, &broker->counters, &err), RC_OK);
    assert_int_equal(store_commit(broker->store, &err), RC_OK);
    core_forget(broker->core, &broker->changes);
    apply_changes(broker);
    broker->changes.count = broker->applied = 0;
}

static uint64_t submit(struct broker *broker, enum on_error on_error)
{
    static uint8_t salt;
    const uint8_t submission[16] = { ++salt };
    const char *commands[] = { "true" };
    struct plan_variable variable = { .name = "API_TOKEN", .value = "hush" };
    struct plan_stage stage = { .name = "train",
                                .commands = commands,
                                .command_count = 1,
                                .variables = &variable,
                                .variable_count = 1,
                                .on_error = on_error };
    struct plan plan = { .title = "t", .stages = &stage, .stage_count = 1 };
    scoped_buf bytes = { 0 }, body = { 0 };
    struct err err;

    plan_encode(&bytes, &plan);
    must(request_submit(
             broker,
             &(struct request){ .submission = submission,
                                .plan = { (const char *)bytes.data, bytes.size } },
             &body, &err)
         == RC_OK);
    broker_step(broker, &(struct core_input){ .kind = INPUT_TICK });
    return core_run_next(broker->core) - 1;
}

static void finish(struct broker *broker, uint64_t token, int32_t exit_code)
{
    struct task_result result = { .cause = CAUSE_EXIT,
                                  .exit_code = exit_code,
                                  .started_us = 1,
                                  .ended_us = 2,
                                  .metadata = { .kind = VALUE_MAP } };
    scoped_buf bytes = { 0 }, results = { 0 };

    result_encode(&bytes, &result);
    results_encode(
        &results,
        &(struct result_item){ token, { (const char *)bytes.data, bytes.size } }, 1);
    say(broker, MESSAGE_RESULTS, &results);
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
