/* test_two_values.c - what a person sees of two values that differ. */
#include "client/cli/text/two_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { WIDTH = 24 };

static void assert_shown(const char *before, const char *after, const char *expected)
{
    scoped_buf buf = { 0 };

    two_values_text(&buf, before, after, WIDTH);
    assert_string_equal(buf_string(&buf), expected);
}

static void test_short_values_stand_as_they_are(void **state)
{
    (void)state;
    assert_shown("1", "2", "1 -> 2");
    assert_shown(NULL, "2", "(none) -> 2");
    assert_shown("same words, one", "same words, two",
                 "same words, one -> same words, two");
}

static void test_lines_are_put_into_one(void **state)
{
    (void)state;
    assert_shown("a\nb\n", "a\tb", "a \u23ce b -> a?b");
}

static void test_of_digests_the_beginning_is_shown(void **state)
{
    (void)state;
    assert_shown(
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "sha256:short", "sha256:0123456789ab\u2026 -> sha256:short");
}

static void test_what_long_values_share_at_the_beginning_is_left_out(void **state)
{
    (void)state;
    assert_shown("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 11]",
                 "\u2026, 7, 8, 9, 10] -> \u2026, 7, 8, 9, 11]");
    assert_shown("a long value that is cut here", "b long value that is cut here",
                 "a long value that is cu\u2026 -> b long value that is cu\u2026");
}

static void test_characters_stay_whole_where_a_beginning_is_left_out(void **state)
{
    (void)state;
    assert_shown("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9 one and "
                 "a half",
                 "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9 two and "
                 "a half",
                 "\u2026\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9 one and a half -> "
                 "\u2026\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9 two and a half");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_values_stand_as_they_are),
        cmocka_unit_test(test_lines_are_put_into_one),
        cmocka_unit_test(test_of_digests_the_beginning_is_shown),
        cmocka_unit_test(test_what_long_values_share_at_the_beginning_is_left_out),
        cmocka_unit_test(test_characters_stay_whole_where_a_beginning_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
