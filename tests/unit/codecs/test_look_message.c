/* test_look_message.c - what nodes are asked about inputs, and what they tell. */
#include "codecs/wire/look.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void encode(struct buf *bytes, const char *text)
{
    struct plan_source file = { .uri = "s3://b/k",
                                .name = "k",
                                .digest = DIGEST,
                                .size = 5,
                                .etag = "\"e\"",
                                .input = "in",
                                .place = 2 };

    look_encode(
        bytes, &(struct look_message){
                   .run = 7, .stage = 3, .files = &file, .file_count = 1, .text = text });
}

static void test_what_is_told_comes_back_as_it_was(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf bytes = { 0 };
    struct look_message read;
    struct err err;

    (void)state;
    encode(&bytes, "changed");
    assert_int_equal(look_decode(bytes.data, bytes.size, arena, &read, &err), RC_OK);
    assert_int_equal(read.run, 7);
    assert_int_equal(read.stage, 3);
    assert_string_equal(read.text, "changed");
    assert_int_equal(read.file_count, 1);
    assert_string_equal(read.files[0].etag, "\"e\"");
    assert_string_equal(read.files[0].input, "in");
    assert_int_equal(read.files[0].place, 2);
}

static void test_a_text_may_be_left_out(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf bytes = { 0 };
    struct look_message read;
    struct err err;

    (void)state;
    encode(&bytes, NULL);
    assert_int_equal(look_decode(bytes.data, bytes.size, arena, &read, &err), RC_OK);
    assert_null(read.text);
}

static void test_every_cut_is_refused_and_changes_nothing(void **state)
{
    scoped_buf bytes = { 0 };
    struct err err;

    (void)state;
    encode(&bytes, "changed");
    for (size_t size = 0; size < bytes.size; size++) {
        scoped(arena) arena = arena_create(1 << 20);
        struct look_message read = { .run = 99 };

        assert_int_equal(look_decode(bytes.data, size, arena, &read, &err), RC_PROTOCOL);
        assert_int_equal(read.run, 99);
    }
}

static void test_a_file_without_a_digest_is_refused(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct plan_source file = { .uri = "s3://b/k", .name = "k" };
    scoped_buf bytes = { 0 };
    struct look_message read;
    struct err err;

    (void)state;
    look_encode(&bytes, &(struct look_message){ .files = &file, .file_count = 1 });
    assert_int_equal(look_decode(bytes.data, bytes.size, arena, &read, &err),
                     RC_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told_comes_back_as_it_was),
        cmocka_unit_test(test_a_text_may_be_left_out),
        cmocka_unit_test(test_every_cut_is_refused_and_changes_nothing),
        cmocka_unit_test(test_a_file_without_a_digest_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
