/* test_environment.c - UUIDs made from names, flags for the node, and YAML of values. */
#include "nodes/staging/environment.h"
#include "nodes/staging/json.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_a_derived_uuid_is_of_version_8_and_repeats(void **state)
{
    char uuid[UUID_TEXT_SIZE], same[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];

    (void)state;
    uuid_derive("task", "run", "train", uuid);
    uuid_derive("task", "run", "train", same);
    uuid_derive("pipeline-node", "run", "train", other);
    assert_string_equal(uuid, same);
    assert_string_not_equal(uuid, other);
    assert_int_equal(strlen(uuid), 36);
    assert_int_equal(uuid[14], '8');
    assert_non_null(strchr("89ab", uuid[19]));
    assert_int_equal(strspn(uuid, "0123456789abcdef-"), 36);
    assert_int_equal(uuid[8], '-');
    assert_int_equal(uuid[13], '-');
    assert_int_equal(uuid[18], '-');
    assert_int_equal(uuid[23], '-');
}

static void test_a_flag_of_the_step_is_set_by_1_yes_or_true(void **state)
{
    struct plan_variable variable = { .name = "VH_CLEAN", .value = "1" };
    struct plan_stage stage = { .variables = &variable, .variable_count = 1 };

    (void)state;
    assert_true(stage_flag_is_set(&stage, "VH_CLEAN"));
    variable.value = "yes";
    assert_true(stage_flag_is_set(&stage, "VH_CLEAN"));
    variable.value = "True";
    assert_true(stage_flag_is_set(&stage, "VH_CLEAN"));
    variable.value = "0";
    assert_false(stage_flag_is_set(&stage, "VH_CLEAN"));
    variable.value = NULL;
    assert_false(stage_flag_is_set(&stage, "VH_CLEAN"));
    assert_false(stage_flag_is_set(&stage, "VH_OTHER"));
}

static void assert_yaml(const char *json, const char *yaml)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 };
    struct value value;
    struct err err;

    assert_int_equal(value_from_json(arena, json, strlen(json), &value, &err), RC_OK);
    value_to_yaml(&buf, &value);
    assert_string_equal(buf_string(&buf), yaml);
}

static void test_yaml_avoids_the_traps_of_version_1_1(void **state)
{
    (void)state;
    assert_yaml("{}", "{}\n");
    assert_yaml("{\"a\": 1, \"b\": [true, null, \"yes\"]}",
                "\"a\": 1\n\"b\": [true, null, \"yes\"]\n");
    assert_yaml("{\"a\": 1e-7, \"b\": 1e22, \"c\": 0.5, \"d\": 1.0}",
                "\"a\": 1.0e-07\n\"b\": 1.0e+22\n\"c\": 0.5\n\"d\": 1.0\n");
    assert_yaml("{\"a\": {\"b\": \"x\\ny\\u2028\\u007f\\u0085\"}}",
                "\"a\": {\"b\" : \"x\\u000ay\\u2028\\u007f\\u0085\"}\n");
    assert_yaml("{\"a\": \"caf\\u00e9 \\ud83d\\ude00\"}",
                "\"a\": \"caf\xc3\xa9 \xf0\x9f\x98\x80\"\n");
}

static void test_a_long_key_gets_its_question_mark(void **state)
{
    char json[200], yaml[200];

    (void)state;
    snprintf(json, sizeof json, "{\"%0120d\": 1}", 0);
    snprintf(yaml, sizeof yaml, "? \"%0120d\"\n: 1\n", 0);
    assert_yaml(json, yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_derived_uuid_is_of_version_8_and_repeats),
        cmocka_unit_test(test_a_flag_of_the_step_is_set_by_1_yes_or_true),
        cmocka_unit_test(test_yaml_avoids_the_traps_of_version_1_1),
        cmocka_unit_test(test_a_long_key_gets_its_question_mark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
