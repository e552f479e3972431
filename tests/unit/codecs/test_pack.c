#include "codecs/pack/pack.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* The bytes of the examples and boundaries in the format's specification. */
static void test_numbers_take_their_shortest_form(void **state)
{
    static const struct {
        int64_t integer;
        const char *bytes;
        size_t size;
    } cases[] = {
        { 0, "\x00", 1 },
        { 127, "\x7f", 1 },
        { 128, "\xcc\x80", 2 },
        { 65535, "\xcd\xff\xff", 3 },
        { 65536, "\xce\x00\x01\x00\x00", 5 },
        { 4294967296, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9 },
        { -1, "\xff", 1 },
        { -32, "\xe0", 1 },
        { -33, "\xd0\xdf", 2 },
        { -129, "\xd1\xff\x7f", 3 },
        { -32769, "\xd2\xff\xff\x7f\xff", 5 },
        { INT64_MIN, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped_buf buf = { 0 };
        struct reader reader;

        pack_int(&buf, cases[i].integer);
        assert_int_equal(buf.size, cases[i].size);
        assert_memory_equal(buf.data, cases[i].bytes, buf.size);
        reader_init(&reader, buf.data, buf.size);
        assert_int_equal(reader_int(&reader), cases[i].integer);
        assert_true(reader_at_end(&reader));
    }
}

static void test_longer_forms_of_numbers_are_read_too(void **state)
{
    struct reader reader;

    (void)state;
    reader_init(&reader, "\xd3\x00\x00\x00\x00\x00\x00\x00\x05", 9);
    assert_int_equal(reader_uint(&reader), 5);
    assert_true(reader_at_end(&reader));
    reader_init(&reader, "\xca\x3f\x80\x00\x00", 5);
    assert_true(reader_float(&reader) == 1.0);
    assert_true(reader_at_end(&reader));
}

static void test_everything_written_reads_back(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    scoped_buf buf = { 0 };
    struct reader r;

    (void)state;
    pack_null(&buf);
    pack_bool(&buf, true);
    pack_uint(&buf, UINT64_MAX);
    pack_float(&buf, 0.25);
    pack_text(&buf, "text");
    pack_text(&buf, NULL);
    pack_string(&buf, "a\0b", 3);
    pack_bytes(&buf, "\0\1", 2);
    pack_list(&buf, 1);
    pack_map(&buf, 1);
    pack_text(&buf, "key");
    pack_int(&buf, -5);
    assert_true(buf_ok(&buf));

    reader_init(&r, buf.data, buf.size);
    assert_true(reader_is_null(&r));
    assert_false(reader_is_null(&r));
    assert_true(reader_bool(&r));
    assert_true(reader_uint(&r) == UINT64_MAX);
    assert_true(reader_float(&r) == 0.25);
    assert_string_equal(reader_text(&r, arena, 4), "text");
    assert_null(reader_text_or_null(&r, arena, 4));
    assert_int_equal(reader_string(&r).size, 3);
    assert_int_equal(reader_bytes(&r).size, 2);
    assert_int_equal(reader_list(&r), 1);
    assert_int_equal(reader_map(&r), 1);
    assert_true(bytes_are(reader_string(&r), "key"));
    assert_int_equal(reader_int(&r), -5);
    assert_true(reader_at_end(&r));
}

static struct value json(struct arena *arena, const char *text)
{
    struct value value;

    assert_int_equal(value_from_json(arena, text, strlen(text), &value, NULL), RC_OK);
    return value;
}

static void test_values_of_every_kind_come_back(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 };
    struct value from = json(arena, "{\"a\": [1, -2, 2.5, true, null, \"text\", []], "
                                    "\"b\": {\"c\": {}}, \"d\": 9223372036854775807}");
    struct value absent = { .kind = VALUE_ABSENT }, to;
    struct reader reader;

    (void)state;
    pack_value(&buf, &from);
    pack_value(&buf, &absent);
    reader_init(&reader, buf.data, buf.size);
    reader_value(&reader, arena, &to);
    assert_true(value_equals(&from, &to));
    to = value_int(1);
    reader_value(&reader, arena, &to);
    assert_int_equal(to.kind, VALUE_ABSENT);
    assert_true(reader_at_end(&reader));
    reader_init(&reader, buf.data, buf.size);
    reader_skip(&reader);
    reader_skip(&reader);
    assert_true(reader_at_end(&reader));
}

static void test_after_a_failure_every_read_gives_nothing(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    struct value value = value_int(7);
    struct reader r;

    (void)state;
    reader_init(&r, "\x01\xa1x\x02", 4);
    assert_int_equal(reader_uint(&r), 1);
    assert_int_equal(reader_uint(&r), 0); /* it is a string */
    assert_false(reader_ok(&r));
    assert_int_equal(r.at, 1);
    assert_int_equal(reader_int(&r), 0);
    assert_int_equal(reader_string(&r).size, 0);
    assert_string_equal(reader_text(&r, arena, 9), "");
    assert_int_equal(reader_list(&r), 0);
    assert_int_equal(reader_map(&r), 0);
    assert_false(reader_bool(&r));
    assert_false(reader_is_null(&r));
    assert_true(reader_float(&r) == 0);
    reader_skip(&r);
    reader_value(&r, arena, &value);
    assert_int_equal(value.kind, VALUE_ABSENT);
    assert_int_equal(r.at, 1);
    assert_false(reader_at_end(&r));
}

static void test_numbers_outside_their_range_fail(void **state)
{
    struct reader r;

    (void)state;
    reader_init(&r, "\xff", 1);
    assert_int_equal(reader_uint(&r), 0);
    assert_false(reader_ok(&r));
    reader_init(&r, "\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9);
    assert_int_equal(reader_int(&r), 0);
    assert_false(reader_ok(&r));
    reader_init(&r, "\x06", 1);
    assert_int_equal(reader_uint_max(&r, 5), 0);
    assert_false(reader_ok(&r));
    assert_int_equal(r.at, 0);
    reader_init(&r, "\x05", 1);
    assert_int_equal(reader_uint_max(&r, 5), 5);
    assert_true(reader_at_end(&r));
}

static void test_a_text_with_a_nul_or_above_its_limit_fails(void **state)
{
    scoped(arena) arena = arena_create(16);
    struct reader r;

    (void)state;
    reader_init(&r,
                "\xa3"
                "a\0b",
                4);
    assert_string_equal(reader_text(&r, arena, 9), "");
    assert_false(reader_ok(&r));
    reader_init(&r,
                "\xa3"
                "abc",
                4);
    assert_string_equal(reader_text(&r, arena, 2), "");
    assert_false(reader_ok(&r));
    assert_false(r.no_memory);
    reader_init(&r,
                "\xaf"
                "abcdefghijklmno\xa1x",
                18);
    assert_string_equal(reader_text(&r, arena, 99), "abcdefghijklmno");
    assert_string_equal(reader_text(&r, arena, 99), "");
    assert_true(r.no_memory);
}

static void test_counts_are_bounded_by_the_bytes_that_are_left(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        { "\xdd\xff\xff\xff\xff", 5 },
        { "\xdf\xff\xff\xff\xff", 5 },
        { "\xdb\xff\xff\xff\xff", 5 },
        { "\xc6\xff\xff\xff\xff", 5 },
        { "\xc9\xff\xff\xff\xff\x01", 6 },
        { "\x92\x01", 2 },
        { "\x81\x01", 2 },
        { "\xa2x", 2 },
        { "\xcd\x01", 2 },
        { "\xd9", 1 },
        { "\xc1", 1 },
        { "", 0 },
        { "\x82\x01\x02\x03", 4 },
        { "\xd6\x01\x02", 3 },
    };
    scoped(arena) arena = arena_create(1 << 16);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value value;
        struct reader r;

        reader_init(&r, cases[i].bytes, cases[i].size);
        reader_skip(&r);
        assert_false(reader_ok(&r));
        reader_init(&r, cases[i].bytes, cases[i].size);
        reader_value(&r, arena, &value);
        assert_false(reader_ok(&r));
    }
    assert_true(arena_used(arena) < 1024);
}

static void test_depth_is_bounded_when_values_are_built_but_not_when_skipped(void **state)
{
    enum { DEEP = 100000 };
    static char bytes[DEEP + 1];
    scoped(arena) arena = arena_create(1 << 20);
    struct value value;
    struct reader r;

    (void)state;
    memset(bytes, 0x91, DEEP);
    reader_init(&r, bytes, sizeof bytes);
    reader_skip(&r);
    assert_true(reader_at_end(&r));
    reader_init(&r, bytes, sizeof bytes);
    reader_value(&r, arena, &value);
    assert_false(reader_ok(&r));
    reader_init(&r, bytes + DEEP - VALUE_DEPTH_MAX, VALUE_DEPTH_MAX + 1);
    reader_value(&r, arena, &value);
    assert_true(reader_at_end(&r));
}

static void test_a_map_with_a_key_twice_is_no_value(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    struct value value;
    struct reader r;

    (void)state;
    reader_init(&r,
                "\x83\xa1"
                "a\x01\xa1"
                "b\x02\xa1"
                "a\x03",
                10);
    reader_value(&r, arena, &value);
    assert_false(reader_ok(&r));
    reader_init(&r, "\x81\x01\x02", 3); /* keys are strings */
    reader_value(&r, arena, &value);
    assert_false(reader_ok(&r));
}

static void test_a_map_is_read_by_its_keys(void **state)
{
    static const char bytes[] = "\x82\xa4name\xa1x\xa5other\x92\x01\xa1y";
    scoped(arena) arena = arena_create(1 << 16);
    const char *name = NULL;
    struct reader r;

    (void)state;
    reader_init(&r, bytes, sizeof bytes - 1);
    for (size_t n = reader_map(&r); n > 0 && reader_ok(&r); n--) {
        struct bytes key = reader_string(&r);

        if (bytes_are(key, "name"))
            name = reader_text(&r, arena, 9);
        else
            reader_skip(&r);
    }
    assert_true(reader_at_end(&r));
    assert_string_equal(name, "x");
}

static void test_a_full_buffer_is_noticed(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 3);
    pack_text(&buf, "text");
    assert_false(buf_ok(&buf));
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_take_their_shortest_form),
        cmocka_unit_test(test_longer_forms_of_numbers_are_read_too),
        cmocka_unit_test(test_everything_written_reads_back),
        cmocka_unit_test(test_values_of_every_kind_come_back),
        cmocka_unit_test(test_after_a_failure_every_read_gives_nothing),
        cmocka_unit_test(test_numbers_outside_their_range_fail),
        cmocka_unit_test(test_a_text_with_a_nul_or_above_its_limit_fails),
        cmocka_unit_test(test_counts_are_bounded_by_the_bytes_that_are_left),
        cmocka_unit_test(
            test_depth_is_bounded_when_values_are_built_but_not_when_skipped),
        cmocka_unit_test(test_a_map_with_a_key_twice_is_no_value),
        cmocka_unit_test(test_a_map_is_read_by_its_keys),
        cmocka_unit_test(test_a_full_buffer_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
