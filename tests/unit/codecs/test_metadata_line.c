/* test_metadata_line.c - which lines are metadata, and how they stand in the stream. */
#include "codecs/wire/metadata_line.h"
#include "codecs/wire/times.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_metadata(const char *line, size_t size)
{
    scoped(arena) arena = arena_create(16 << 20);
    struct value map;

    return metadata_line_read(arena, line, size, &map);
}

static void test_only_lines_that_are_one_whole_object_count(void **state)
{
    static const char *const no[] = { "",
                                      "  ",
                                      "{",
                                      "}",
                                      "{}x",
                                      "[1]",
                                      "1",
                                      "\"{}\"",
                                      "{\"a\": 1} {\"b\": 2}",
                                      "{\"a\": NaNs}",
                                      "{NaN: 1}",
                                      "{'a': 1}" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(no); i++)
        assert_false(is_metadata(no[i], strlen(no[i])));
    assert_true(is_metadata("{}", 2));
    assert_true(is_metadata(" \t{\"a\": {\"b\": [1]}}\r", 19));
    assert_false(is_metadata("{\0}", 3));
}

static void test_lines_above_the_bound_are_plain_output(void **state)
{
    size_t size = METADATA_LINE_MAX + 1;
    char *line = malloc(size);

    (void)state;
    memset(line, ' ', size);
    line[0] = '{';
    line[size - 1] = '}';
    assert_false(is_metadata(line, size));
    line[size - 2] = '}';
    assert_true(is_metadata(line, size - 1));
    free(line);
}

static const char *written(struct arena *arena, const char *json)
{
    scoped_buf buf = { 0 };
    struct value map;

    assert_true(metadata_line_read(arena, json, strlen(json), &map));
    metadata_line_write(&buf, &map, 1743779019321000);
    return arena_text(arena, buf_string(&buf));
}

static void test_numbers_that_only_python_writes_are_null(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    assert_string_equal(
        written(arena, "{\"_time\": 0, \"loss\": NaN, \"all\": [1, -Infinity, Infinity], "
                       "\"NaN\": \"is \\\"NaN\\\" here\", \"epoch\": 3}"),
        "{\"_time\": 0, \"loss\": null, \"all\": [1, null, null], "
        "\"NaN\": \"is \\\"NaN\\\" here\", \"epoch\": 3}\n");
}

static void test_a_line_of_the_stream_has_its_time(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    assert_string_equal(written(arena, "{\"a\": 1.0}"),
                        "{\"_time\": \"2025-04-04T15:03:39.321000\", \"a\": 1.0}\n");
    assert_string_equal(written(arena, "{}"),
                        "{\"_time\": \"2025-04-04T15:03:39.321000\"}\n");
    assert_string_equal(written(arena, "{\"_time\": 3}"), "{\"_time\": 3}\n");
}

static void test_times_before_1970_and_after_9999_are_no_harm(void **state)
{
    char text[TIME_TEXT_SIZE];

    (void)state;
    time_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999");
    time_text(INT64_MAX, text);
    assert_int_equal(strlen(text), 26);
    time_text(INT64_MIN, text);
    assert_true(strlen(text) < TIME_TEXT_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_lines_that_are_one_whole_object_count),
        cmocka_unit_test(test_lines_above_the_bound_are_plain_output),
        cmocka_unit_test(test_numbers_that_only_python_writes_are_null),
        cmocka_unit_test(test_a_line_of_the_stream_has_its_time),
        cmocka_unit_test(test_times_before_1970_and_after_9999_are_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
