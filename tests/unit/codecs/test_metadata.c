#include "codecs/command/metadata.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_a_line_that_is_one_object_is_metadata(void **state)
{
    static const char *const lines[] = {
        "{\"epoch\": 1, \"loss\": 0.2}",
        "  {\"a\": [1, {\"b\": null}]} \t\r",
        "{}",
    };
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct value map = value_null();

        assert_true(metadata_line_parse(arena, lines[i], strlen(lines[i]), &map));
        assert_int_equal(map.kind, VALUE_MAP);
    }
}

static void test_keys_keep_their_values(void **state)
{
    static const char line[] = "{\"epoch\": 1, \"loss\": 0.25, \"epoch\": 2}";
    scoped(arena) arena = arena_create(1 << 20);
    struct value map;

    (void)state;
    assert_true(metadata_line_parse(arena, line, strlen(line), &map));
    assert_int_equal(map.map.count, 2);
    assert_int_equal(value_get(&map, "epoch")->integer, 2);
    assert_true(value_get(&map, "loss")->real == 0.25);
}

static void test_any_other_line_is_not(void **state)
{
    static const char *const lines[] = {
        "",
        " ",
        "{",
        "}",
        "epoch 1",
        "[1]",
        "1",
        "\"a\"",
        "{\"a\": 1} {\"b\": 2}",
        "{\"a\": 1},",
        "{a: 1}",
        "{'a': 1}",
        "x {\"a\": 1}",
        "{\"a\": NaN}",
        "{\"a\": \"\xff\"}",
    };
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct value map = value_int(7);

        assert_false(metadata_line_parse(arena, lines[i], strlen(lines[i]), &map));
        assert_int_equal(map.kind, VALUE_INT);
    }
}

static void test_lines_above_a_mebibyte_are_not(void **state)
{
    enum { SIZE = METADATA_LINE_MAX };
    scoped(arena) arena = arena_create(4 << 20);
    char *line = arena_alloc(arena, SIZE + 2);
    struct value map;

    (void)state;
    memset(line, ' ', SIZE + 1);
    line[0] = '{';
    line[SIZE - 1] = '}';
    assert_true(metadata_line_parse(arena, line, SIZE, &map));
    assert_false(metadata_line_parse(arena, line, SIZE + 1, &map));
}

static void test_times_are_written_in_utc_with_microseconds(void **state)
{
    static const struct {
        int64_t unix_us;
        const char *text;
    } cases[] = {
        { 1743779019321000, "2025-04-04T15:03:39.321000" },
        { 0, "1970-01-01T00:00:00.000000" },
        { -1, "1969-12-31T23:59:59.999999" },
        { 951782400000000, "2000-02-29T00:00:00.000000" },
        { 4107542400000000, "2100-03-01T00:00:00.000000" },
        { -86400000000, "1969-12-31T00:00:00.000000" },
        { INT64_MAX, "9999-12-31T23:59:59.999999" },
        { INT64_MIN, "0000-03-01T00:00:00.000000" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[METADATA_TIME_SIZE];

        metadata_time_text(cases[i].unix_us, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_that_is_one_object_is_metadata),
        cmocka_unit_test(test_keys_keep_their_values),
        cmocka_unit_test(test_any_other_line_is_not),
        cmocka_unit_test(test_lines_above_a_mebibyte_are_not),
        cmocka_unit_test(test_times_are_written_in_utc_with_microseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
