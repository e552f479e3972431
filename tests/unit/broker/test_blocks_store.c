/* test_blocks_store.c - tasks in spans and blocks: put, taken out, found, checked. */
#include "broker/store/blocks.h"
#include "broker/store/check.h"
#include "broker/store/versions.h"
#include "broker/store_fixture.h"
#include "codecs/digest/digest.h"
#include "codecs/version/version.h"
#include "codecs/wire/result.h"

enum { RUN = 3, STAGE = 2, ARENA_MAX = 1 << 20 };

static void put_span(struct fixture *self, uint64_t first, uint64_t count, uint64_t token)
{
    struct span span = { .count = count, .token = token, .node = 1 };
    struct err err;

    expect_ok(store_span_put(self->store, RUN, STAGE, first, &span, &err), &err);
}

static void take(struct fixture *self, uint64_t index, uint64_t count)
{
    struct err err;

    expect_ok(store_span_take(self->store, RUN, STAGE, index, count, &err), &err);
}

/* Each task begins one microsecond after the one before, and takes two. */
static struct task_block block_of(uint64_t token, uint64_t count, struct buf *times)
{
    struct task_block block = { .token = token, .count = count, .started_us = 1000 };
    int64_t last = 1000;

    for (uint64_t i = 0; i < count; i++)
        block_add(times, &last, last + 1, last + 3);
    block.times = (struct bytes){ (const char *)times->data, times->size };
    return block;
}

static void put_block(struct fixture *self, uint64_t first, uint64_t count,
                      uint64_t token, uint32_t node, uint64_t version)
{
    scoped_buf times = { 0 }, bytes = { 0 };
    struct task_block block = block_of(token, count, &times);
    struct err err;

    block_encode(&bytes, &block);
    expect_ok(store_block_put(self->store, RUN, STAGE, first, node, version,
                              (struct bytes){ (const char *)bytes.data, bytes.size },
                              &err),
              &err);
}

static enum rc say_span(void *context, const struct attempt_row *row, struct err *err)
{
    (void)err;
    assert_int_equal(row->run, RUN);
    assert_int_equal(row->stage, STAGE);
    assert_int_equal(row->number, 1);
    buf_printf(context, "%lu:%lu ", (unsigned long)row->index, (unsigned long)row->token);
    return RC_OK;
}

static void expect_spans(struct fixture *self, const char *expected)
{
    scoped_buf out = { 0 };
    struct err err;

    expect_ok(store_spans(self->store, say_span, &out, &err), &err);
    assert_string_equal(buf_string(&out), expected);
}

static void say_task(void *context, uint64_t index, const struct task_row *row)
{
    buf_printf(context, "%lu %s t%lu v%lu; ", (unsigned long)index,
               task_state_name(row->state), (unsigned long)row->token,
               (unsigned long)row->version);
}

static void expect_tasks(struct fixture *self, uint64_t first, size_t limit,
                         const char *expected)
{
    scoped_buf out = { 0 };
    struct err err;

    expect_ok(store_tasks(self->store, RUN, STAGE, first, limit, say_task, &out, &err),
              &err);
    assert_string_equal(buf_string(&out), expected);
}

static void test_tasks_leave_a_span_at_its_ends_in_its_middle_and_all(void **state)
{
    struct fixture *self = *state;

    put_span(self, 10, 6, 100);
    take(self, 10, 1);
    expect_spans(self, "11:101 12:102 13:103 14:104 15:105 ");
    take(self, 15, 1);
    expect_spans(self, "11:101 12:102 13:103 14:104 ");
    take(self, 12, 2);
    expect_spans(self, "11:101 14:104 ");
    take(self, 12, 2); /* they are out already */
    take(self, 99, 5);
    expect_spans(self, "11:101 14:104 ");
    take(self, 0, 100);
    expect_spans(self, "");
}

static void test_tasks_are_taken_out_of_several_spans_at_once(void **state)
{
    struct fixture *self = *state;

    put_span(self, 0, 3, 100);
    put_span(self, 3, 3, 200);
    put_span(self, 8, 3, 300);
    take(self, 2, 7);
    expect_spans(self, "0:100 1:101 9:301 10:302 ");
}

static bool has(struct fixture *self, uint64_t index, uint64_t count)
{
    bool is_there;
    struct err err;

    expect_ok(store_span_has(self->store, RUN, STAGE, index, count, &is_there, &err),
              &err);
    return is_there;
}

static void test_a_span_has_what_it_has_as_a_whole(void **state)
{
    struct fixture *self = *state;

    assert_false(has(self, 0, 1));
    put_span(self, 4, 3, 100);
    put_span(self, 7, 3, 103);
    assert_true(has(self, 4, 3) && has(self, 5, 2) && has(self, 9, 1));
    assert_false(has(self, 3, 2) || has(self, 4, 4) || has(self, 6, 2)
                 || has(self, 10, 1));
}

static void test_a_task_is_found_in_a_row_a_block_and_a_span(void **state)
{
    struct fixture *self = *state;
    struct task_row row = { .state = TASK_ERROR, .attempts = 2, .version = 5 };
    struct err err;

    put_block(self, 0, 3, 10, 4, 8);
    put_span(self, 5, 2, 20);
    expect_ok(store_task_put(self->store, RUN, STAGE, 4, &row, &err), &err);
    for (int i = 0; i < 2; i++) { /* in the open batch, and after it */
        expect_ok(store_task(self->store, RUN, STAGE, 2, &row, &err), &err);
        assert_int_equal(row.state, TASK_COMPLETE);
        assert_int_equal(row.cause, CAUSE_EXIT);
        assert_int_equal(row.exit_code, 0);
        assert_int_equal(row.attempts, 1);
        assert_int_equal(row.node, 4);
        assert_int_equal(row.token, 12);
        assert_int_equal(row.version, 8);
        assert_int_equal(row.started_us, 1007);
        assert_int_equal(row.ended_us, 1009);
        expect_ok(store_task(self->store, RUN, STAGE, 6, &row, &err), &err);
        assert_int_equal(row.state, TASK_ASSIGNED);
        assert_int_equal(row.token, 21);
        assert_int_equal(row.exit_code, -1);
        expect_ok(store_task(self->store, RUN, STAGE, 4, &row, &err), &err);
        assert_int_equal(row.state, TASK_ERROR);
        assert_int_equal(store_task(self->store, RUN, STAGE, 3, &row, &err),
                         RC_NOT_FOUND);
        assert_int_equal(store_task(self->store, RUN, STAGE, 7, &row, &err),
                         RC_NOT_FOUND);
        assert_int_equal(store_task(self->store, RUN, STAGE + 1, 0, &row, &err),
                         RC_NOT_FOUND);
        expect_ok(store_commit(self->store, &err), &err);
    }
}

static void test_tasks_of_all_three_are_listed_in_order(void **state)
{
    struct fixture *self = *state;
    struct task_row row = { .state = TASK_ERROR, .token = 1, .version = 2 };
    struct err err;

    put_block(self, 0, 2, 10, 4, 8);
    put_block(self, 3, 2, 13, 4, 9);
    put_span(self, 6, 2, 16);
    expect_ok(store_task_put(self->store, RUN, STAGE, 2, &row, &err), &err);
    expect_ok(store_task_put(self->store, RUN, STAGE, 8, &row, &err), &err);
    expect_ok(store_commit(self->store, &err), &err);
    expect_tasks(self, 0, 100,
                 "0 complete t10 v8; 1 complete t11 v8; 2 error t1 v2; "
                 "3 complete t13 v9; 4 complete t14 v9; 6 queued t16 v0; "
                 "7 queued t17 v0; 8 error t1 v2; ");
    expect_tasks(self, 1, 3, "1 complete t11 v8; 2 error t1 v2; 3 complete t13 v9; ");
    expect_tasks(self, 4, 2, "4 complete t14 v9; 6 queued t16 v0; ");
    expect_tasks(self, 7, 2, "7 queued t17 v0; 8 error t1 v2; ");
    expect_tasks(self, 9, 2, "");
}

static void test_a_task_of_a_block_has_a_result(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped_buf bytes = { 0 }, last = { 0 }, none = { 0 };
    struct task_result *result;
    struct err err;

    put_block(self, 0, 3, 10, 4, 8);
    put_span(self, 3, 1, 20);
    expect_ok(store_result(self->store, RUN, STAGE, 1, 1, &bytes, &err), &err);
    expect_ok(result_decode(arena, bytes.data, bytes.size, &result, &err), &err);
    assert_int_equal(result->cause, CAUSE_EXIT);
    assert_int_equal(result->exit_code, 0);
    assert_int_equal(result->started_us, 1004);
    assert_int_equal(result->ended_us, 1006);
    assert_int_equal(result->output_count, 0);
    expect_ok(store_result(self->store, RUN, STAGE, 1, 0, &last, &err), &err);
    assert_int_equal(last.size, bytes.size);
    assert_int_equal(store_result(self->store, RUN, STAGE, 1, 2, &none, &err),
                     RC_NOT_FOUND);
    assert_int_equal(store_result(self->store, RUN, STAGE, 3, 1, &none, &err),
                     RC_NOT_FOUND);
}

static void test_a_block_of_an_imported_run_has_no_tokens(void **state)
{
    struct fixture *self = *state;
    struct task_row row;
    struct err err;

    put_block(self, 0, 3, 10, UINT32_MAX, 8);
    expect_ok(store_task(self->store, RUN, STAGE, 1, &row, &err), &err);
    assert_int_equal(row.node, UINT32_MAX);
    assert_int_equal(row.token, 0);
}

/* ---- What `sluice check` says ---- */

static void count_fault(void *context, const char *table, const char *key,
                        const char *text)
{
    (void)key;
    if (strcmp(table, "spans") == 0 || strcmp(table, "blocks") == 0)
        buf_printf(context, "%s: %s; ", table, text);
}

static void expect_faults(struct fixture *self, const char *expected)
{
    scoped_buf out = { 0 };
    uint64_t rows;
    struct err err;

    expect_ok(store_check(self->store, count_fault, &out, &rows, &err), &err);
    assert_string_equal(buf_string(&out), expected);
}

static void put_version(struct fixture *self, uint64_t number, uint64_t index,
                        uint64_t count, uint64_t token)
{
    scoped(digester) digester = digester_create(false);
    scoped_buf times = { 0 }, bytes = { 0 }, record = { 0 };
    struct task_block block = block_of(token, count, &times);
    struct version version = { .run = RUN,
                               .stage = STAGE,
                               .index = index,
                               .attempt = 1,
                               .node = "n",
                               .count = count };
    struct err err;

    block_encode(&bytes, &block);
    version_hash(digester, bytes.data, bytes.size, version.result_hash);
    version_encode(&record, &version);
    expect_ok(store_version_put(self->store, number, record.data, record.size, &err),
              &err);
}

/* A run that goes on, with 10 tasks of the stage handed out, and node 1. */
static void put_world(struct fixture *self)
{
    const struct counters counters = {
        .run_next = 4, .token_next = 100, .node_next = 2, .version_next = 3
    };
    const struct run_row run = { .run = RUN, .stages = 3, .open = 3 };
    const struct run_totals totals = { 0 };
    const struct stage_row stage = {
        .state = STAGE_STARTED, .is_resolved = true, .tasks = 12, .next = 10
    };
    const struct node_record node = { .name = "n", .version = "1" };
    struct err err;

    expect_ok(store_counters_put(self->store, &counters, &err), &err);
    expect_ok(store_run_row_put(self->store, &run, &totals, &err), &err);
    expect_ok(store_stage_put(self->store, RUN, STAGE, &stage, &err), &err);
    expect_ok(store_node_put(self->store, 1, &node, &err), &err);
    put_version(self, 1, 0, 3, 10);
    put_version(self, 2, 3, 2, 13);
}

static void test_sound_spans_and_blocks_have_no_fault(void **state)
{
    struct fixture *self = *state;

    put_world(self);
    put_block(self, 0, 3, 10, 1, 1);
    put_block(self, 3, 2, 13, UINT32_MAX, 2);
    put_span(self, 5, 5, 20);
    expect_faults(self, "");
}

static void test_tasks_that_stand_twice_are_faults(void **state)
{
    struct fixture *self = *state;
    struct task_row row = { .state = TASK_ERROR };
    struct err err;

    put_world(self);
    put_block(self, 0, 3, 10, 1, 1);
    put_span(self, 2, 2, 20);
    put_span(self, 3, 2, 30);
    put_span(self, 6, 2, 40);
    expect_ok(store_task_put(self->store, RUN, STAGE, 7, &row, &err), &err);
    expect_faults(self, "spans: some of its tasks stand elsewhere, too; "
                        "spans: one of its tasks has a row of its own; "
                        "blocks: some of its tasks stand elsewhere, too; ");
}

static void test_spans_of_what_is_not_there_are_faults(void **state)
{
    struct fixture *self = *state;
    struct span nowhere = { .count = 1, .token = 20, .node = 7 };
    struct err err;

    put_world(self);
    put_span(self, 0, 1, 0);
    put_span(self, 1, 1, 100);
    put_span(self, 2, 2, 99);
    put_span(self, 4, 0, 20);
    put_span(self, 9, 2, 20);
    expect_ok(store_span_put(self->store, RUN, STAGE, 5, &nowhere, &err), &err);
    expect_ok(store_span_put(self->store, RUN + 1, 0, 0, &nowhere, &err), &err);
    expect_faults(self, "spans: the counters do not know of its tokens; "
                        "spans: the counters do not know of its tokens; "
                        "spans: the counters do not know of its tokens; "
                        "spans: the stage has not handed out so many tasks; "
                        "spans: the node of its attempts is not there; "
                        "spans: the stage has not handed out so many tasks; "
                        "spans: the run of its attempts does not go on; ");
}

static void test_blocks_that_their_version_does_not_tell_of_are_faults(void **state)
{
    struct fixture *self = *state;
    struct err err;

    put_world(self);
    put_block(self, 0, 3, 11, 1, 1); /* other bytes */
    put_block(self, 3, 2, 13, 1, 9); /* no such version */
    put_block(self, 5, 2, 13, 1, 2); /* another task's */
    put_block(self, 7, 1, 20, 5, 2); /* no such node */
    expect_ok(store_block_put(self->store, RUN, STAGE, 8, 1, 2,
                              (struct bytes){ "\x94\x01", 2 }, &err),
              &err);
    expect_faults(self, "blocks: its version is not there, or is of something else; "
                        "blocks: its version is not there, or is of something else; "
                        "blocks: its version is not there, or is of something else; "
                        "blocks: the node of its tasks is not there; "
                        "blocks: the block does not decode; ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tasks_leave_a_span_at_its_ends_in_its_middle_and_all),
        TEST(test_tasks_are_taken_out_of_several_spans_at_once),
        TEST(test_a_span_has_what_it_has_as_a_whole),
        TEST(test_a_task_is_found_in_a_row_a_block_and_a_span),
        TEST(test_tasks_of_all_three_are_listed_in_order),
        TEST(test_a_task_of_a_block_has_a_result),
        TEST(test_a_block_of_an_imported_run_has_no_tokens),
        TEST(test_sound_spans_and_blocks_have_no_fault),
        TEST(test_tasks_that_stand_twice_are_faults),
        TEST(test_spans_of_what_is_not_there_are_faults),
        TEST(test_blocks_that_their_version_does_not_tell_of_are_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
