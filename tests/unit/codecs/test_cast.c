#include "codecs/command/command.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct value json(struct arena *arena, const char *text)
{
    struct value value;

    assert_int_equal(value_from_json(arena, text, strlen(text), &value, NULL), RC_OK);
    return value;
}

static const struct {
    enum parameter_type type;
    enum parameter_multiple multiple;
    const char *given, *repr; /* repr NULL: refused */
} cast_cases[] = {
    { PARAMETER_INTEGER, MULTIPLE_NONE, "5", "5" },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "5.0", "5" },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\" 1_000 \"", "1000" },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\"-7\"", "-7" },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "5.3", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "1e30", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\"1.0\"", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\"0x10\"", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\"1__0\"", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\"1 2\"", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\"9223372036854775808\"", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\"\"", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "\"-\"", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "true", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "null", NULL },
    { PARAMETER_INTEGER, MULTIPLE_NONE, "[1]", NULL },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "0.5", "0.5" },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "3", "3" },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\"3\"", "3.0" },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\" 1e-5 \"", "1e-05" },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\"-Infinity\"", "-inf" },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\"nan\"", "nan" },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\"1_0.5\"", "10.5" },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\"0x10\"", NULL },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\"nan(1)\"", NULL },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\"1.5.2\"", NULL },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\"e5\"", NULL },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "\" \"", NULL },
    { PARAMETER_FLOAT, MULTIPLE_NONE, "false", NULL },
    { PARAMETER_FLAG, MULTIPLE_NONE, "true", "True" },
    { PARAMETER_FLAG, MULTIPLE_NONE, "0", "False" },
    { PARAMETER_FLAG, MULTIPLE_NONE, "\"YES\"", "True" },
    { PARAMETER_FLAG, MULTIPLE_NONE, "\"1\"", "True" },
    { PARAMETER_FLAG, MULTIPLE_NONE, "\"False\"", "False" },
    { PARAMETER_FLAG, MULTIPLE_NONE, "\"no\"", "False" },
    { PARAMETER_FLAG, MULTIPLE_NONE, "\"maybe\"", NULL },
    { PARAMETER_FLAG, MULTIPLE_NONE, "\"\"", NULL },
    { PARAMETER_STRING, MULTIPLE_NONE, "\"a\"", "'a'" },
    { PARAMETER_STRING, MULTIPLE_NONE, "\"\"", "''" },
    { PARAMETER_STRING, MULTIPLE_NONE, "5", "'5'" },
    { PARAMETER_STRING, MULTIPLE_NONE, "1.0", "'1.0'" },
    { PARAMETER_STRING, MULTIPLE_NONE, "null", NULL },
    { PARAMETER_STRING, MULTIPLE_REPEAT, "\"a\"", "['a']" },
    { PARAMETER_INTEGER, MULTIPLE_SEPARATE, "[\"1\", 2.0, 3]", "[1, 2, 3]" },
    { PARAMETER_INTEGER, MULTIPLE_SEPARATE, "[]", "[]" },
    { PARAMETER_INTEGER, MULTIPLE_SEPARATE, "[1, \"x\"]", NULL },
    { PARAMETER_INTEGER, MULTIPLE_SEPARATE, "null", NULL },
};

static void test_given_values_become_the_parameters_type(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cast_cases); i++) {
        const struct plan_parameter parameter = { .name = "epochs",
                                                  .type = cast_cases[i].type,
                                                  .multiple = cast_cases[i].multiple };
        struct value given = json(arena, cast_cases[i].given),
                     cast = value_text("untouched");
        struct err err = { 0 };
        enum rc rc = parameter_cast(arena, &parameter, &given, &cast, &err);
        scoped_buf buf = { 0 };

        if (rc != (cast_cases[i].repr ? RC_OK : RC_INVALID))
            fail_msg("%s: %s %s", cast_cases[i].given, rc_name(rc), err.text);
        value_repr(&buf, &cast);
        assert_string_equal(buf_string(&buf),
                            cast_cases[i].repr ? cast_cases[i].repr : "'untouched'");
        if (rc != RC_OK)
            assert_non_null(strstr(err.text, "'epochs'"));
    }
}

static void test_bounds_are_inclusive_and_named(void **state)
{
    const struct plan_parameter p = { .name = "lr",
                                      .type = PARAMETER_FLOAT,
                                      .has_min = true,
                                      .min = 0.1,
                                      .has_max = true,
                                      .max = 2 };
    scoped(arena) arena = arena_create(1 << 16);
    struct value given, cast;
    struct err err;

    (void)state;
    given = value_float(0.1);
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_OK);
    given = value_int(2);
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_OK);
    given = value_text("0.05");
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_INVALID);
    assert_string_equal(err.text, "parameter 'lr': 0.05 is below the minimum, 0.1");
    given = value_int(3);
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_INVALID);
    assert_string_equal(err.text, "parameter 'lr': 3 is above the maximum, 2");
    given = value_text("nan"); /* has no order, so no bound excludes it */
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_OK);
}

static void test_bounds_of_a_string_are_skipped(void **state)
{
    const struct plan_parameter p = { .name = "s", .has_min = true, .min = 5 };
    const struct value given = value_text("1");
    scoped(arena) arena = arena_create(1 << 16);
    struct value cast;

    (void)state;
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, NULL), RC_OK);
}

static void test_choices_are_compared_by_value_and_type(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    struct plan_parameter p = { .name = "n", .type = PARAMETER_INTEGER };
    struct value given = value_text("1"), cast;
    struct err err;

    (void)state;
    p.choices = json(arena, "[\"1\", \"2\"]");
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_INVALID);
    assert_string_equal(err.text, "parameter 'n': 1 is none of the choices ['1', '2']");
    p.choices = json(arena, "[1, 2]");
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_OK);
    p.choices = json(arena, "[]");
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_OK);
    p.type = PARAMETER_FLAG;
    p.choices = json(arena, "[true, false]");
    given = value_int(1);
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, &err), RC_OK);
}

static void test_an_arena_at_its_limit_is_reported(void **state)
{
    scoped(arena) arena = arena_create(0);
    const struct plan_parameter p = { .name = "s" };
    const struct value given = value_text("text");
    struct value cast;

    (void)state;
    assert_int_equal(parameter_cast(arena, &p, &given, &cast, NULL), RC_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_values_become_the_parameters_type),
        cmocka_unit_test(test_bounds_are_inclusive_and_named),
        cmocka_unit_test(test_bounds_of_a_string_are_skipped),
        cmocka_unit_test(test_choices_are_compared_by_value_and_type),
        cmocka_unit_test(test_an_arena_at_its_limit_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
