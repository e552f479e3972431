/* test_version.c - records of ended tasks, as bytes and as a chain. */
#include "codecs/version/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct version sample = { .previous = { 1 },
                                       .run = 7,
                                       .stage = 2,
                                       .index = 5,
                                       .attempt = 3,
                                       .status = RESULT_ERROR,
                                       .node = "n",
                                       .started_us = 10,
                                       .ended_us = 20,
                                       .class_hash = { 2 },
                                       .result_hash = { 3 } };

static void test_a_record_is_read_back_with_and_without_its_origin(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct version version = sample, read;
        scoped_buf bytes = { 0 }, again = { 0 };
        struct err err;

        if (i)
            version.origin = (struct bytes){ "before", 6 };
        version_encode(&bytes, &version);
        assert_int_equal(version_decode(arena, bytes.data, bytes.size, &read, &err),
                         RC_OK);
        assert_int_equal(read.index, 5);
        assert_int_equal(read.status, RESULT_ERROR);
        assert_string_equal(read.node, "n");
        assert_int_equal(read.origin.size, i ? 6 : 0);
        version_encode(&again, &read);
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.data, bytes.data, bytes.size);
    }
}

static void test_a_record_that_is_cut_or_continued_is_refused(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf bytes = { 0 };
    struct version read = { .run = 99 };
    struct err err;

    (void)state;
    version_encode(&bytes, &sample);
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(version_decode(arena, bytes.data, size, &read, &err),
                         RC_CORRUPT);
    buf_byte(&bytes, 0);
    assert_int_equal(version_decode(arena, bytes.data, bytes.size, &read, &err),
                     RC_CORRUPT);
    assert_int_equal(read.run, 99);
}

static void test_each_part_changes_the_hash_of_the_class(void **state)
{
    scoped(digester) digester = digester_create(false);
    uint8_t a[DIGEST_SIZE] = { 1 }, b[DIGEST_SIZE] = { 2 }, c[DIGEST_SIZE] = { 3 };
    uint8_t first[DIGEST_SIZE], other[DIGEST_SIZE];

    (void)state;
    version_class_hash(digester, a, b, c, first);
    assert_false(hash_is_zero(first));
    version_class_hash(digester, a, b, c, other);
    assert_memory_equal(first, other, DIGEST_SIZE);
    version_class_hash(digester, b, a, c, other);
    assert_memory_not_equal(first, other, DIGEST_SIZE);
    version_class_hash(digester, a, b, b, other);
    assert_memory_not_equal(first, other, DIGEST_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_is_read_back_with_and_without_its_origin),
        cmocka_unit_test(test_a_record_that_is_cut_or_continued_is_refused),
        cmocka_unit_test(test_each_part_changes_the_hash_of_the_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
