/* test_result.c - results and time marks as bytes. */
#include "codecs/pack/pack.h"
#include "codecs/wire/times.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct task_result *sample(struct arena *arena)
{
    struct task_result *result = arena_alloc(arena, sizeof *result);
    struct plan_source *outputs = arena_array(arena, 2, sizeof *outputs);
    struct value_entry *entries = arena_array(arena, 1, sizeof *entries);
    struct value *maps = arena_array(arena, 1, sizeof *maps);

    assert_non_null(result);
    assert_non_null(outputs);
    assert_non_null(entries);
    assert_non_null(maps);
    entries[0] = (struct value_entry){ "accuracy", { .kind = VALUE_FLOAT, .real = 0.5 } };
    maps[0] = (struct value){ .kind = VALUE_MAP, .map = { entries, 1 } };
    outputs[0] =
        (struct plan_source){ .uri = "",
                              .name = "models/a.bin",
                              .digest = DIGEST,
                              .md5 = "aa",
                              .sha1 = "bb",
                              .size = 7,
                              .metadata = { .kind = VALUE_LIST, .list = { maps, 1 } } };
    outputs[1] = (struct plan_source){ .uri = "",
                                       .name = "b",
                                       .digest = DIGEST,
                                       .etag = "\"e\"",
                                       .location = "s3://bucket/b",
                                       .node = "n1" };
    *result = (struct task_result){
        .cause = CAUSE_TIME_LIMIT,
        .exit_code = -1,
        .signal = 15,
        .message = "too slow",
        .started_us = 5,
        .ended_us = 1700000000000000,
        .usage = { 1, 2, 3, 4, 5, 6 },
        .outputs = outputs,
        .output_count = 2,
        .metadata = maps[0],
        .streams[STREAM_STDOUT] = { 12, DIGEST },
    };
    return result;
}

static void test_a_result_comes_back_as_it_was(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct task_result *from = sample(arena), *to;
    scoped_buf buf = { 0 };
    struct err err;

    (void)state;
    result_encode(&buf, from);
    assert_true(buf_ok(&buf));
    assert_int_equal(result_decode(arena, buf.data, buf.size, &to, &err), RC_OK);
    assert_int_equal(to->cause, CAUSE_TIME_LIMIT);
    assert_int_equal(to->exit_code, -1);
    assert_int_equal(to->signal, 15);
    assert_string_equal(to->message, "too slow");
    assert_int_equal(to->ended_us, 1700000000000000);
    assert_memory_equal(&to->usage, &from->usage, sizeof to->usage);
    assert_int_equal(to->output_count, 2);
    assert_string_equal(to->outputs[0].name, "models/a.bin");
    assert_string_equal(to->outputs[0].sha1, "bb");
    assert_true(value_equals(&to->outputs[0].metadata, &from->outputs[0].metadata));
    assert_null(to->outputs[0].etag);
    assert_null(to->outputs[0].location);
    assert_null(to->outputs[0].node);
    assert_string_equal(to->outputs[1].node, "n1");
    assert_string_equal(to->outputs[1].etag, "\"e\"");
    assert_string_equal(to->outputs[1].location, "s3://bucket/b");
    assert_null(to->outputs[1].md5);
    assert_int_equal(to->outputs[1].metadata.kind, VALUE_ABSENT);
    assert_int_equal(to->input_count, 0);
    assert_true(value_equals(&to->metadata, &from->metadata));
    assert_int_equal(to->streams[STREAM_STDOUT].size, 12);
    assert_null(to->streams[STREAM_STDERR].digest);
}

static void test_every_cut_of_a_result_is_refused(void **state)
{
    scoped(arena) arena = arena_create(64 << 20);
    scoped_buf buf = { 0 };
    struct task_result *untouched = NULL;
    struct err err;

    (void)state;
    result_encode(&buf, sample(arena));
    for (size_t size = 0; size < buf.size; size++)
        assert_int_equal(result_decode(arena, buf.data, size, &untouched, &err),
                         RC_PROTOCOL);
    buf_byte(&buf, 0);
    assert_int_equal(result_decode(arena, buf.data, buf.size, &untouched, &err),
                     RC_PROTOCOL);
    assert_null(untouched);
}

static void assert_refused(const struct task_result *result, const char *why)
{
    scoped(arena) arena = arena_create(8 << 20);
    scoped_buf buf = { 0 };
    struct task_result *decoded;
    struct err err = { .text = "" };

    result_encode(&buf, result);
    assert_int_equal(result_decode(arena, buf.data, buf.size, &decoded, &err),
                     RC_PROTOCOL);
    assert_non_null(strstr(err.text, why));
}

static void test_a_result_that_breaks_a_rule_is_refused_with_the_rule(void **state)
{
    scoped(arena) arena = arena_create(4 << 20);
    struct task_result *result = sample(arena);

    (void)state;
    result->outputs[0].name = "../a";
    assert_refused(result, "safe relative path");
    result->outputs[0].name = "a";
    result->outputs[0].digest = "sha256:0";
    assert_refused(result, "64 hex");
    result->outputs[0].digest = NULL;
    assert_refused(result, "no digest");
    result->outputs[0].digest = DIGEST;
    result->streams[STREAM_STDERR].size = 3;
    assert_refused(result, "size without digest");
    result->streams[STREAM_STDERR].size = 0;
    result->outputs[0].metadata = value_int(3);
    assert_refused(result, "not a list");
    result->outputs[0].metadata = (struct value){ .kind = VALUE_ABSENT };
    result->metadata = value_null();
    assert_refused(result, "not a map");
}

static void test_unknown_fields_are_skipped_and_missing_ones_are_zero(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct task_result *result;
    scoped_buf buf = { 0 };
    struct err err;

    (void)state;
    pack_map(&buf, 2);
    pack_text(&buf, "colour");
    pack_list(&buf, 2);
    pack_text(&buf, "red");
    pack_null(&buf);
    pack_text(&buf, "cause");
    pack_text(&buf, "lost");
    assert_int_equal(result_decode(arena, buf.data, buf.size, &result, &err), RC_OK);
    assert_int_equal(result->cause, CAUSE_LOST);
    assert_int_equal(result->exit_code, -1);
    assert_int_equal(result->metadata.kind, VALUE_MAP);
}

static void test_every_cause_has_a_status(void **state)
{
    (void)state;
    assert_int_equal(result_status_of(CAUSE_EXIT, 0), RESULT_COMPLETE);
    assert_int_equal(result_status_of(CAUSE_EXIT, 3), RESULT_ERROR);
    assert_int_equal(result_status_of(CAUSE_STOP_CONDITION, -1), RESULT_STOPPED);
    assert_int_equal(result_status_of(CAUSE_STOPPED, -1), RESULT_STOPPED);
    assert_int_equal(result_status_of(CAUSE_LOST, -1), RESULT_CRASHED);
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        assert_true((unsigned)result_status_of((enum cause)i, 1) < RESULT_STATUS_COUNT);
        assert_string_not_equal(cause_name((enum cause)i), "unknown");
    }
}

static void test_time_marks_are_little_endian_and_checked(void **state)
{
    struct time_mark mark = { 0x0102, 0x0304, STREAM_STDERR }, back;
    unsigned char bytes[TIME_MARK_BYTES];

    (void)state;
    time_mark_encode(&mark, bytes);
    assert_int_equal(bytes[0], 2);
    assert_int_equal(bytes[1], 1);
    assert_int_equal(bytes[8], 4);
    assert_int_equal(bytes[16], 1);
    assert_true(time_mark_decode(bytes, &back));
    assert_int_equal(back.unix_us, mark.unix_us);
    assert_int_equal(back.end, mark.end);
    assert_int_equal(back.stream, STREAM_STDERR);
    bytes[16] = STREAM_TIMES;
    assert_false(time_mark_decode(bytes, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_result_comes_back_as_it_was),
        cmocka_unit_test(test_every_cut_of_a_result_is_refused),
        cmocka_unit_test(test_a_result_that_breaks_a_rule_is_refused_with_the_rule),
        cmocka_unit_test(test_unknown_fields_are_skipped_and_missing_ones_are_zero),
        cmocka_unit_test(test_every_cause_has_a_status),
        cmocka_unit_test(test_time_marks_are_little_endian_and_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
