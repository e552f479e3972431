/* The expected texts are those of Python 3.11's format(). */
#include "codecs/command/format.h"

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void assert_format(const struct value *value, const char *spec, const char *text)
{
    scoped_buf buf = { 0 };
    struct err err;

    if (format_value(&buf, value, spec, strlen(spec), &err) != RC_OK)
        fail_msg("%s: %s", spec, err.text);
    assert_string_equal(buf_string(&buf), text);
}

static void test_integers_by_spec(void **state)
{
    static const struct {
        int64_t integer;
        const char *spec, *text;
    } cases[] = {
        { 5, "", "5" },
        { 5, "3", "  5" },
        { 5, "<3", "5  " },
        { 5, "^4", " 5  " },
        { 5, "*>4", "***5" },
        { 5, "\xc3\xa9>3",
          "\xc3\xa9\xc3\xa9"
          "5" },
        { -5, "05", "-0005" },
        { 5, "=+4", "+  5" },
        { 12, "<05", "12000" },
        { 5, " d", " 5" },
        { -255, "x", "-ff" },
        { 255, "#X", "0XFF" },
        { -255, "#010x", "-0x00000ff" },
        { 8, "#o", "0o10" },
        { 5, "b", "101" },
        { 0, "b", "0" },
        { 1234567, ",", "1,234,567" },
        { 123456789, "_x", "75b_cd15" },
        { 1234, "08,", "0,001,234" },
        { -1234, "010_d", "-0_001_234" },
        { 5, ".2f", "5.00" },
        { INT64_MIN, "d", "-9223372036854775808" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct value value = value_int(cases[i].integer);

        assert_format(&value, cases[i].spec, cases[i].text);
    }
}

static void test_floats_by_spec(void **state)
{
    static const struct {
        double real;
        const char *spec, *text;
    } cases[] = {
        { 0.5, "", "0.5" },
        { 0.5, ".3f", "0.500" },
        { 2.5, ".0f", "2" },
        { 2.5, "#.0f", "2." },
        { 12345.678, "e", "1.234568e+04" },
        { 0.0, "E", "0.000000E+00" },
        { 1e20, "G", "1E+20" },
        { 1.0, "#g", "1.00000" },
        { 0.25, "%", "25.000000%" },
        { 0.256, ".1%", "25.6%" },
        { 1e6, ",", "1,000,000.0" },
        { 1234.5, "012,.2f", "0,001,234.50" },
        { 3.14159, "10.3", "      3.14" },
        { 100.0, ".4", "100.0" },
        { 100.0, ".3", "1e+02" },
        { 9.996, ".3", "10.0" },
        { 5.0, ".1", "5e+00" },
        { 0.1, ".17", "0.10000000000000001" },
        { 1e20, "5", "1e+20" },
        { 1.5, "+", "+1.5" },
        { INFINITY, "06", "000inf" },
        { NAN, "F", "NAN" },
        { -INFINITY, ".1f", "-inf" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct value value = value_float(cases[i].real);

        assert_format(&value, cases[i].spec, cases[i].text);
    }
}

static void test_strings_and_flags_by_spec(void **state)
{
    const struct value text = value_text("a\xc3\xa9z"), yes = value_bool(true);

    (void)state;
    assert_format(&text, "5", "a\xc3\xa9z  ");
    assert_format(&text, ">5s", "  a\xc3\xa9z");
    assert_format(&text, ".2", "a\xc3\xa9");
    assert_format(&text, "05", "a\xc3\xa9z00");
    assert_format(&yes, "", "True");
    assert_format(&yes, "5", "    1");
    assert_format(&yes, ".1f", "1.0");
}

static void test_specs_that_do_not_fit_are_refused(void **state)
{
    const struct value text = value_text("a"), integer = value_int(1),
                       real = value_float(1), none = value_null(),
                       list = { .kind = VALUE_LIST };
    const struct {
        const struct value *value;
        const char *spec;
    } cases[] = {
        { &text, "d" },       { &text, "=5" },
        { &text, "+" },       { &text, "#" },
        { &text, "," },       { &integer, "s" },
        { &integer, ".2" },   { &integer, ",x" },
        { &integer, "c" },    { &integer, "q" },
        { &integer, "5 " },   { &real, "d" },
        { &real, "x" },       { &real, "." },
        { &none, "5" },       { &list, "5" },
        { &integer, "9999" }, { &real, ".9999f" },
        { &integer, "{}" },   { &integer, "99999999999999999999999" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped_buf buf = { 0 };
        struct err err = { 0 };

        assert_int_equal(format_value(&buf, cases[i].value, cases[i].spec,
                                      strlen(cases[i].spec), &err),
                         RC_INVALID);
        assert_non_null(strstr(err.text, "format spec"));
    }
}

static void test_the_largest_widths_and_precisions_fit(void **state)
{
    const struct value real = value_float(-1.7976931348623157e308);
    scoped_buf buf = { 0 };

    (void)state;
    assert_int_equal(format_value(&buf, &real, "04096,.1024f", 12, NULL), RC_OK);
    assert_true(buf.size >= FORMAT_WIDTH_MAX);
    buf_clear(&buf);
    assert_int_equal(format_value(&buf, &real, ",.1024%", 7, NULL), RC_OK);
}

static void test_templates_tell_lone_braces_from_other_faults(void **state)
{
    static const struct {
        const char *template, *text; /* text NULL: refused */
        bool lone_brace;
    } cases[] = {
        { "{name}={v}{value!s:>3}", "n=7  7", false },
        { "{{{v}}}", "{7}", false },
        { "{v:}{v!r:}", "77", false },
        { "{v", NULL, true },
        { "v}", NULL, true },
        { "{v{", NULL, true },
        { "{v:}}", NULL, true },
        { "{", NULL, true },
        { "}", NULL, true },
        { "{v!}", NULL, true },
        { "{v!rr}", NULL, true },
        { "{v:{", NULL, true },
        { "{v!r", NULL, true },
        { "{v:{name}}", NULL, false },
        { "{}", NULL, false },
        { "{a b}", NULL, false },
        { "{v!a}", NULL, false },
    };
    const struct value value = value_int(7);
    const struct format_fields fields = { .name = "n", .value = &value };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *template = cases[i].template;
        scoped_buf buf = { 0 };
        bool lone_brace = !cases[i].lone_brace;
        enum rc rc =
            format_template(&buf, template, strlen(template), &fields, &lone_brace, NULL);

        assert_int_equal(rc, cases[i].text ? RC_OK : RC_INVALID);
        assert_int_equal(lone_brace, cases[i].lone_brace);
        if (cases[i].text)
            assert_string_equal(buf_string(&buf), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_by_spec),
        cmocka_unit_test(test_floats_by_spec),
        cmocka_unit_test(test_strings_and_flags_by_spec),
        cmocka_unit_test(test_specs_that_do_not_fit_are_refused),
        cmocka_unit_test(test_the_largest_widths_and_precisions_fit),
        cmocka_unit_test(test_templates_tell_lone_braces_from_other_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
