/* What gnuplot is given: no name of a task may mean anything to it. */
#include "client/cli/text/chart.h"

#include <math.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static void assert_quoted(const char *text, const char *expected)
{
    scoped_buf buf = { 0 };

    chart_quote(&buf, text);
    assert_string_equal(buf_string(&buf), expected);
}

static void test_names_stay_one_text_in_quotes(void **state)
{
    (void)state;
    assert_quoted("accuracy", "'accuracy'");
    assert_quoted("it's", "'it''s'");
    assert_quoted("'; system('x'); '", "'''; system(''x''); '''");
    assert_quoted("two\nlines\033[0m", "'two?lines?[0m'");
    assert_quoted("`id` @a \\\\", "'`id` @a \\\\'");
    assert_quoted("a]]>b", "'a] ]>b'");
}

static void test_a_script_holds_its_data_and_no_point_that_is_none(void **state)
{
    struct chart chart = { .x_name = "x", .y_name = "y's", .width = 80, .height = 23 };
    struct chart_curve *curve = chart_curve(&chart, "one");
    scoped_buf script = { 0 };

    (void)state;
    assert_non_null(curve);
    assert_true(chart_point(curve, 1, 0.5));
    assert_true(chart_point(curve, 2, NAN));
    assert_true(chart_point(curve, 3, INFINITY));
    assert_true(chart_point(curve, 4, -2));
    assert_non_null(chart_curve(&chart, "empty"));
    chart_script(&script, &chart);
    assert_non_null(
        strstr(buf_string(&script), "set terminal dumb noenhanced size 80,23\n"));
    assert_non_null(strstr(buf_string(&script), "set title 'y''s'\n"));
    assert_non_null(strstr(buf_string(&script), "$c0 << END\n1 0.5\n4 -2\nEND\n"));
    assert_non_null(
        strstr(buf_string(&script), "\nplot $c0 using 1:2 with lines title 'one'\n"));
    chart_fini(&chart);
}

static void test_a_picture_has_a_bounded_number_of_curves(void **state)
{
    struct chart chart = { .x_name = "x" };

    (void)state;
    for (int i = 0; i < CHART_CURVES_MAX; i++)
        assert_non_null(chart_curve(&chart, "c"));
    assert_null(chart_curve(&chart, "one more"));
    chart_fini(&chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_stay_one_text_in_quotes),
        cmocka_unit_test(test_a_script_holds_its_data_and_no_point_that_is_none),
        cmocka_unit_test(test_a_picture_has_a_bounded_number_of_curves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
