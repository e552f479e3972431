#include "codecs/value/utf8.h"
#include "codecs/value/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct value json(struct arena *arena, const char *text)
{
    struct value value;
    struct err err;

    if (value_from_json(arena, text, strlen(text), &value, &err) != RC_OK)
        fail_msg("%s: %s", text, err.text);
    return value;
}

static void test_floats_print_as_python_prints_them(void **state)
{
    static const struct {
        double real;
        const char *text;
    } cases[] = {
        { 0.001, "0.001" },
        { 1e-7, "1e-07" },
        { 1e22, "1e+22" },
        { 100000.0, "100000.0" },
        { 0.0, "0.0" },
        { -0.0, "-0.0" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 1e15, "1000000000000000.0" },
        { 9999999999999998.0, "9999999999999998.0" },
        { 1e16, "1e+16" },
        { 0.0001, "0.0001" },
        { 0.00012345, "0.00012345" },
        { 0.00001, "1e-05" },
        { 123456.789, "123456.789" },
        { 5e-324, "5e-324" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { 0x1p-44, "5.684341886080802e-14" }, /* the gap below is the smaller one */
        { INFINITY, "inf" },
        { -INFINITY, "-inf" },
        { NAN, "nan" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped_buf buf = { 0 };

        value_float_text(&buf, cases[i].real);
        assert_string_equal(buf_string(&buf), cases[i].text);
    }
}

static void test_values_print_as_python_prints_them(void **state)
{
    static const struct {
        const char *json, *text, *repr;
    } cases[] = {
        { "1", "1", "1" },
        { "1.0", "1.0", "1.0" },
        { "true", "True", "True" },
        { "null", "None", "None" },
        { "\"a b\"", "a b", "'a b'" },
        { "\"it's\"", "it's", "\"it's\"" },
        { "\"'\\\"\"", "'\"", "'\\'\"'" },
        { "\"\\n\\t\\u0007\\\\\"", "\n\t\a\\", "'\\n\\t\\x07\\\\'" },
        { "\"\\u00e9\\u00a0\\u2028\"", "\xc3\xa9\xc2\xa0\xe2\x80\xa8",
          "'\xc3\xa9\\xa0\\u2028'" },
        { "[\"a\", \"b c\"]", "['a', 'b c']", "['a', 'b c']" },
        { "{\"k\": [1, {}], \"l\": false}", "{'k': [1, {}], 'l': False}",
          "{'k': [1, {}], 'l': False}" },
    };
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value value = json(arena, cases[i].json);
        scoped_buf text = { 0 }, repr = { 0 };

        value_to_text(&text, &value);
        value_repr(&repr, &value);
        assert_string_equal(buf_string(&text), cases[i].text);
        assert_string_equal(buf_string(&repr), cases[i].repr);
    }
}

static void test_bytes_that_are_not_utf8_are_shown_as_surrogates(void **state)
{
    const struct value value = value_text("a\xff");
    scoped_buf buf = { 0 };

    (void)state;
    value_repr(&buf, &value);
    assert_string_equal(buf_string(&buf), "'a\\udcff'");
}

static void test_json_comes_back_as_it_was(void **state)
{
    static const char *const texts[] = {
        "{\"b\": 1, \"a\": [1.0, -2, null, true], \"c\": {}}",
        "9223372036854775807",
        "-9223372036854775808",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\xc3\xa9\"",
        "[]",
        "1e+22",
        "0.001",
    };
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct value value = json(arena, texts[i]);
        scoped_buf buf = { 0 };

        value_to_json(&buf, &value);
        assert_string_equal(buf_string(&buf), texts[i]);
    }
}

static void test_json_has_no_word_for_values_that_are_not_finite(void **state)
{
    const struct value items[] = { value_float(NAN),
                                   value_float(INFINITY),
                                   { .kind = VALUE_ABSENT } };
    const struct value list = { .kind = VALUE_LIST,
                                .list = { .items = items, .count = 3 } };
    scoped_buf buf = { 0 };

    (void)state;
    value_to_json(&buf, &list);
    assert_string_equal(buf_string(&buf), "[null, null, null]");
}

static void test_json_strings_are_always_utf8(void **state)
{
    scoped_buf buf = { 0 };

    (void)state;
    value_json_string(&buf, "a\0\xff\xed\xa0\x80z", 7);
    assert_string_equal(buf_string(&buf), "\"a\\u0000\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                                          "\xef\xbf\xbdz\"");
}

static void test_integers_beyond_64_bits_become_floats(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    struct value value =
        json(arena, "[1, -99999999999999999999, \"12345678901234567890\\\"5\", 2.5]");

    (void)state;
    assert_int_equal(value.list.items[0].kind, VALUE_INT);
    assert_int_equal(value.list.items[1].kind, VALUE_FLOAT);
    assert_true(value.list.items[1].real == -1e20);
    assert_true(value_is_text(&value.list.items[2], "12345678901234567890\"5"));
    assert_true(value.list.items[3].real == 2.5);
}

static void test_the_last_of_equal_keys_wins_in_the_place_of_the_first(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    struct value value = json(arena, "{\"a\": 1, \"b\": 2, \"a\": 3}");

    (void)state;
    assert_int_equal(value.map.count, 2);
    assert_string_equal(value.map.entries[0].key, "a");
    assert_int_equal(value_get(&value, "a")->integer, 3);
    assert_null(value_get(&value, "c"));
    assert_null(value_get(value_get(&value, "a"), "a"));
}

static void test_a_string_may_hold_a_nul_and_a_key_may_not(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    struct value value = json(arena, "\"a\\u0000b\"");
    struct err err;

    (void)state;
    assert_int_equal(value.string.size, 3);
    assert_memory_equal(value.string.data, "a\0b", 4);
    assert_int_equal(value_from_json(arena, "{\"\\u0000\": 1}", 13, &value, &err),
                     RC_INVALID);
}

static void test_wrong_json_is_refused_with_line_and_column(void **state)
{
    static const char *const texts[] = { "",         "{",     "[1,]",        "{\"a\" 1}",
                                         "01",       "NaN",   "1 2",         "'a'",
                                         "\"\xff\"", "1e400", "\"\\ud800\"", "nul" };
    scoped(arena) arena = arena_create(1 << 16);
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct value value = value_int(7);

        assert_int_equal(value_from_json(arena, texts[i], strlen(texts[i]), &value, &err),
                         RC_INVALID);
        assert_non_null(strstr(err.text, "line "));
        assert_int_equal(value.integer, 7);
    }
    assert_int_equal(value_from_json(arena, "[1,\n x]", 7, &(struct value){ 0 }, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.text, "line 2"));
}

static void test_json_depth_is_bounded(void **state)
{
    enum { DEEP = 100000 };
    static char text[DEEP];
    scoped(arena) arena = arena_create(1 << 20);
    struct value value;
    struct err err;

    (void)state;
    memset(text, '[', DEEP);
    assert_int_equal(value_from_json(arena, text, DEEP, &value, &err), RC_INVALID);
    memset(text + VALUE_DEPTH_MAX, ']', VALUE_DEPTH_MAX);
    assert_int_equal(value_from_json(arena, text, 2 * VALUE_DEPTH_MAX, &value, &err),
                     RC_OK);
    memset(text + VALUE_DEPTH_MAX, '[', 1);
    memset(text + VALUE_DEPTH_MAX + 1, ']', VALUE_DEPTH_MAX + 1);
    assert_int_equal(value_from_json(arena, text, 2 * VALUE_DEPTH_MAX + 2, &value, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.text, "64 levels"));
}

static void test_an_arena_at_its_limit_is_reported(void **state)
{
    static const char text[] = "{\"key\": [1, \"a text\"]}";

    (void)state;
    for (size_t limit = 0; limit < 96; limit += 16) {
        scoped(arena) arena = arena_create(limit);
        struct value value = value_int(7);

        assert_int_equal(value_from_json(arena, text, strlen(text), &value, NULL),
                         RC_NO_MEMORY);
        assert_int_equal(value.integer, 7);
    }
}

static void test_equality_knows_kinds_and_loosely_as_python_does(void **state)
{
    static const struct {
        const char *a, *b;
        bool strict, loose;
    } cases[] = {
        { "1", "1", true, true },
        { "1", "1.0", false, true },
        { "1", "true", false, true },
        { "0.0", "false", false, true },
        { "\"1\"", "1", false, false },
        { "null", "false", false, false },
        { "9007199254740993", "9007199254740992.0", false, false },
        { "9223372036854775807", "9223372036854775808.0", false, false },
        { "[1, 2]", "[1, 2.0]", false, true },
        { "[1]", "[1, 2]", false, false },
        { "{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}", true, true },
        { "{\"a\": 1}", "{\"b\": 1}", false, false },
        { "\"a\"", "\"b\"", false, false },
    };
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value a = json(arena, cases[i].a), b = json(arena, cases[i].b);

        assert_int_equal(value_equals(&a, &b), cases[i].strict);
        assert_int_equal(value_equals_loosely(&a, &b), cases[i].loose);
        assert_int_equal(value_equals_loosely(&b, &a), cases[i].loose);
    }
}

static void test_order_is_exact_and_refuses_what_has_none(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        { "1", "2", -1 },
        { "2", "1.5", 1 },
        { "-2", "-1.5", -1 },
        { "true", "0", 1 },
        { "9007199254740993", "9007199254740992.0", 1 },
        { "9223372036854775807", "1e300", -1 },
        { "-9223372036854775808", "-1e300", 1 },
        { "\"ab\"", "\"abc\"", -1 },
        { "\"b\"", "\"abc\"", 1 },
        { "1", "1.0", 0 },
    };
    scoped(arena) arena = arena_create(1 << 20);
    struct value nan = value_float(NAN), one = value_int(1), text = value_text("1");
    int order = 7;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value a = json(arena, cases[i].a), b = json(arena, cases[i].b);

        assert_true(value_order(&a, &b, &order));
        assert_int_equal(order, cases[i].order);
        assert_true(value_order(&b, &a, &order));
        assert_int_equal(order, -cases[i].order);
    }
    order = 7;
    assert_false(value_order(&nan, &one, &order));
    assert_false(value_order(&one, &nan, &order));
    assert_false(value_order(&one, &text, &order));
    assert_int_equal(order, 7);
}

static void test_truth_is_pythons(void **state)
{
    static const char *const truthy[] = { "true",  "1",   "0.1",
                                          "\"0\"", "[0]", "{\"a\": null}" };
    static const char *const falsy[] = { "false", "0",  "0.0", "-0.0",
                                         "\"\"",  "[]", "{}",  "null" };
    scoped(arena) arena = arena_create(1 << 16);
    struct value value = { .kind = VALUE_ABSENT };

    (void)state;
    assert_false(value_is_truthy(&value));
    for (size_t i = 0; i < COUNT_OF(truthy); i++) {
        value = json(arena, truthy[i]);
        assert_true(value_is_truthy(&value));
    }
    for (size_t i = 0; i < COUNT_OF(falsy); i++) {
        value = json(arena, falsy[i]);
        assert_false(value_is_truthy(&value));
    }
}

static void test_a_copy_shares_nothing_with_its_source(void **state)
{
    scoped(arena) from = arena_create(1 << 16);
    scoped(arena) to = arena_create(1 << 16);
    scoped(arena) small = arena_create(32);
    struct value value = json(from, "{\"a\": [1, \"text\", null], \"b\": {\"c\": 0.5}}");
    struct value copy = value_null(), none = value_int(7);
    scoped_buf buf = { 0 };

    (void)state;
    assert_int_equal(value_copy(small, &value, &none), RC_NO_MEMORY);
    assert_int_equal(none.integer, 7);
    assert_int_equal(value_copy(to, &value, &copy), RC_OK);
    arena_destroy(steal(&from));
    value_to_json(&buf, &copy);
    assert_string_equal(buf_string(&buf),
                        "{\"a\": [1, \"text\", null], \"b\": {\"c\": 0.5}}");
}

static void test_ill_formed_utf8_is_taken_a_byte_at_a_time(void **state)
{
    static const char *const bad[] = { "\x80",         "\xc0\x80",
                                       "\xc1\xbf",     "\xe0\x80\x80",
                                       "\xed\xa0\x80", "\xf0\x80\x80\x80",
                                       "\xf5",         "\xf4\x90\x80\x80",
                                       "\xe2\x82" };
    size_t length;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(utf8_next(bad[i], strlen(bad[i]), &length), UTF8_BAD);
        assert_int_equal(length, 1);
    }
    assert_int_equal(utf8_next("\xe2\x82\xac", 3, &length), 0x20ac);
    assert_int_equal(length, 3);
    assert_int_equal(utf8_next("\xf0\x9f\x98\x80", 4, &length), 0x1f600);
    assert_int_equal(length, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats_print_as_python_prints_them),
        cmocka_unit_test(test_values_print_as_python_prints_them),
        cmocka_unit_test(test_bytes_that_are_not_utf8_are_shown_as_surrogates),
        cmocka_unit_test(test_json_comes_back_as_it_was),
        cmocka_unit_test(test_json_has_no_word_for_values_that_are_not_finite),
        cmocka_unit_test(test_json_strings_are_always_utf8),
        cmocka_unit_test(test_integers_beyond_64_bits_become_floats),
        cmocka_unit_test(test_the_last_of_equal_keys_wins_in_the_place_of_the_first),
        cmocka_unit_test(test_a_string_may_hold_a_nul_and_a_key_may_not),
        cmocka_unit_test(test_wrong_json_is_refused_with_line_and_column),
        cmocka_unit_test(test_json_depth_is_bounded),
        cmocka_unit_test(test_an_arena_at_its_limit_is_reported),
        cmocka_unit_test(test_equality_knows_kinds_and_loosely_as_python_does),
        cmocka_unit_test(test_order_is_exact_and_refuses_what_has_none),
        cmocka_unit_test(test_truth_is_pythons),
        cmocka_unit_test(test_a_copy_shares_nothing_with_its_source),
        cmocka_unit_test(test_ill_formed_utf8_is_taken_a_byte_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
