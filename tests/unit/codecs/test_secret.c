/* test_secret.c - which variables are secret, and that masks tell a change and no more.
 */
#include "codecs/plan/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[SECRET_KEY_SIZE] = { 1, 2, 3 };

static void test_names_tell_what_is_secret(void **state)
{
    static const char *const secret[] = {
        "API_TOKEN",      "token",       "DB_PASSWORD", "MY_secret_1", "AWS_ACCESS_KEY",
        "OPENAI_API_KEY", "Credentials", "PASSWD",      "apikey"
    };
    static const char *const open[] = { "TOKENIZER", "MAX_TOKENS", "PATH",  "KEY",
                                        "",          "SORT_KEY",   "SECRE", "PASS" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(secret); i++)
        if (!variable_is_secret(secret[i]))
            fail_msg("%s is to be secret", secret[i]);
    for (size_t i = 0; i < COUNT_OF(open); i++)
        if (variable_is_secret(open[i]))
            fail_msg("%s is not to be secret", open[i]);
}

static void test_a_mask_changes_with_the_value_the_name_and_the_key(void **state)
{
    static const uint8_t other[SECRET_KEY_SIZE] = { 9 };
    char mask[MASK_SIZE], again[MASK_SIZE];

    (void)state;
    secret_mask(key, "TOKEN", "abc", mask);
    assert_int_equal(strlen(mask), MASK_SIZE - 1);
    assert_null(strstr(mask, "abc"));
    secret_mask(key, "TOKEN", "abc", again);
    assert_string_equal(mask, again);
    secret_mask(key, "TOKEN", "abd", again);
    assert_string_not_equal(mask, again);
    secret_mask(key, "TOKE", "Nabc", again);
    assert_string_not_equal(mask, again);
    secret_mask(other, "TOKEN", "abc", again);
    assert_string_not_equal(mask, again);
}

static void test_a_stage_is_masked_once_and_given_its_values_back(void **state)
{
    struct plan_variable variables[] = { { .name = "A", .value = "1" },
                                         { .name = "B_TOKEN", .value = "hush" },
                                         { .name = "C_TOKEN" } };
    struct plan_stage stage = { .name = "s",
                                .variables = variables,
                                .variable_count = 3 };
    struct plan_stage twice;
    struct plan_secrets secrets, none;
    scoped(arena) arena = arena_create(1 << 20);
    struct err err;

    (void)state;
    assert_true(plan_stage_has_secrets(&stage));
    assert_false(plan_stage_is_masked(&stage));
    assert_int_equal(plan_stage_mask(arena, key, &stage, &secrets, &err), RC_OK);
    assert_true(plan_stage_is_masked(&stage));
    assert_false(plan_stage_has_secrets(&stage));
    assert_string_equal(variables[1].value, "hush"); /* the caller's are untouched */
    assert_int_equal(secrets.count, 1);
    assert_string_equal(secrets.items[0].value, "hush");
    assert_string_equal(stage.variables[0].value, "1");
    assert_memory_equal(stage.variables[1].value, "masked:", 7);
    assert_false(stage.variables[2].masked);
    twice = stage;
    assert_int_equal(plan_stage_mask(arena, key, &twice, &none, &err), RC_OK);
    assert_int_equal(none.count, 0);
    assert_ptr_equal(twice.variables, stage.variables);
    plan_stage_unmask(&stage, &secrets);
    assert_false(plan_stage_is_masked(&stage));
    assert_string_equal(stage.variables[1].value, "hush");
}

static void test_without_memory_nothing_changes(void **state)
{
    struct plan_variable variable = { .name = "TOKEN", .value = "x" };
    struct plan_stage stage = { .name = "s",
                                .variables = &variable,
                                .variable_count = 1 };
    struct plan_secrets secrets = { 0 };
    scoped(arena) arena = arena_create(8);
    struct err err;

    (void)state;
    assert_int_equal(plan_stage_mask(arena, key, &stage, &secrets, &err), RC_NO_MEMORY);
    assert_ptr_equal(stage.variables, &variable);
    assert_int_equal(secrets.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_tell_what_is_secret),
        cmocka_unit_test(test_a_mask_changes_with_the_value_the_name_and_the_key),
        cmocka_unit_test(test_a_stage_is_masked_once_and_given_its_values_back),
        cmocka_unit_test(test_without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
