/* test_config_yaml.c - how scalars resolve, and what hostile documents are answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/config/read.h"
#include "codecs/config/yaml.h"

struct scalar_case {
    const char *text; /* NULL: the whole document is refused */
    enum value_kind kind;
    const char *form; /* as Python prints it */
};

static const struct scalar_case scalars[] = {
    { "", VALUE_NULL, "None" },
    { "~", VALUE_NULL, "None" },
    { "nULL", VALUE_STRING, "nULL" },
    { "yes", VALUE_BOOL, "True" },
    { "OFF", VALUE_BOOL, "False" },
    { "tRue", VALUE_STRING, "tRue" },
    { "y", VALUE_STRING, "y" },
    { "010", VALUE_INT, "8" },
    { "08", VALUE_STRING, "08" },
    { "0o10", VALUE_STRING, "0o10" },
    { "-0x1F", VALUE_INT, "-31" },
    { "0b1_01", VALUE_INT, "5" },
    { "1_000", VALUE_INT, "1000" },
    { "1:30", VALUE_INT, "90" },
    { "1:60", VALUE_STRING, "1:60" },
    { "-9223372036854775808", VALUE_INT, "-9223372036854775808" },
    { "9223372036854775808", VALUE_FLOAT, "9.223372036854776e+18" },
    { "1.", VALUE_FLOAT, "1.0" },
    { ".5", VALUE_FLOAT, "0.5" },
    { "-.5", VALUE_STRING, "-.5" },
    { "1e-7", VALUE_STRING, "1e-7" },
    { "1.5e3", VALUE_STRING, "1.5e3" },
    { "1.0e-7", VALUE_FLOAT, "1e-07" },
    { "1:30.5", VALUE_FLOAT, "90.5" },
    { "-.INF", VALUE_FLOAT, "-inf" },
    { ".nan", VALUE_FLOAT, "nan" },
    { "2020-01-02", VALUE_TIMESTAMP, "2020-01-02" },
    { "2020-1-2", VALUE_STRING, "2020-1-2" },
    { "2020-1-2 3:04:05.5 -5", VALUE_TIMESTAMP, "2020-01-02 03:04:05.500000-05:00" },
    { "2020-01-02T03:04:05Z", VALUE_TIMESTAMP, "2020-01-02 03:04:05+00:00" },
    { "'5'", VALUE_STRING, "5" },
    { "!!str 5", VALUE_STRING, "5" },
    { "!!float 5", VALUE_FLOAT, "5.0" },
    { "2020-13-02", VALUE_ABSENT, NULL },
    { "0b_", VALUE_ABSENT, NULL },
    { "=", VALUE_ABSENT, NULL },
    { "<<", VALUE_ABSENT, NULL },
    { "!!int x", VALUE_ABSENT, NULL },
    { "a\t# tab", VALUE_ABSENT, NULL },
    { "|# no space\n  a", VALUE_ABSENT, NULL },
};

static void check_scalar(const struct scalar_case *c)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf form = { 0 };
    const struct yaml_node *root, *value;
    struct yaml_fault fault;
    char text[200];
    enum rc rc;

    snprintf(text, sizeof text, "a: %s\n", c->text);
    rc = yaml_read(arena, text, strlen(text), &root, &fault);
    if (!c->form) {
        assert_int_equal(rc, RC_INVALID);
        return;
    }
    assert_int_equal(rc, RC_OK);
    value = yaml_get(root, "a");
    assert_non_null(value);
    buf_init(&form, 0);
    value_to_text(&form, &value->value);
    assert_string_equal(buf_string(&form), c->form);
    assert_int_equal(value->value.kind, c->kind);
}

static void test_plain_scalars_resolve_as_in_yaml_1_1(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scalars); i++)
        check_scalar(&scalars[i]);
}

static void test_the_last_of_two_equal_keys_wins_in_the_place_of_the_first(void **state)
{
    static const char text[] = "{a: 1, b: 2, a: 3, 1: x, 1.0: y, true: z, '1': w}";
    scoped(arena) arena = arena_create(1 << 20);
    const struct yaml_node *root;
    struct yaml_fault fault;

    (void)state;
    assert_int_equal(yaml_read(arena, text, sizeof text - 1, &root, &fault), RC_OK);
    assert_int_equal(root->count, 4);
    assert_int_equal(root->entries[0].value->value.integer, 3);
    assert_true(value_is_text(&root->entries[2].value->value, "z"));
}

static void test_own_entries_win_over_merged_ones_and_earlier_ones_over_later(
    void **state)
{
    static const char text[] = "- &x {a: 1, b: 1}\n- &y {b: 2, c: 2}\n"
                               "- {<<: [*x, *y], a: 3}\n";
    scoped(arena) arena = arena_create(1 << 20);
    const struct yaml_node *root, *merged;
    struct yaml_fault fault;

    (void)state;
    assert_int_equal(yaml_read(arena, text, sizeof text - 1, &root, &fault), RC_OK);
    merged = root->items[2];
    assert_int_equal(merged->count, 3);
    assert_int_equal(yaml_get(merged, "a")->value.integer, 3);
    assert_int_equal(yaml_get(merged, "b")->value.integer, 1);
    assert_int_equal(yaml_get(merged, "c")->value.integer, 2);
}

/* One error of the first stage, with that text in its message. */
static void assert_refused(const void *bytes, size_t size, const char *message)
{
    struct lint lint;

    assert_int_equal(lint_file("hostile", bytes, size, &lint, NULL), RC_OK);
    assert_int_equal(lint.error_count, 1);
    assert_int_equal(lint.finding_count, 1);
    assert_string_equal(lint.findings[0].id, "yaml");
    if (!strstr(lint.findings[0].message, message))
        fail_msg("%s", lint.findings[0].message);
    lint_fini(&lint);
}

static void test_a_file_beyond_the_limit_is_refused_unread(void **state)
{
    char *bytes = calloc(1, CONFIG_BYTES_MAX + 1);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, ' ', CONFIG_BYTES_MAX + 1);
    assert_refused(bytes, CONFIG_BYTES_MAX + 1, "larger than");
    free(bytes);
}

static void test_nesting_beyond_the_limit_is_refused(void **state)
{
    enum { DEPTH = 10000 };
    char *bytes = malloc(DEPTH * 2 + 1);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, '[', DEPTH);
    memset(bytes + DEPTH, ']', DEPTH);
    assert_refused(bytes, DEPTH * 2, "nested");
    for (size_t i = 0; i < DEPTH; i++)
        memcpy(bytes + i * 2, "- ", 2);
    assert_refused(bytes, DEPTH * 2, "nested");
    free(bytes);
}

static void test_an_alias_bomb_is_refused(void **state)
{
    char text[4000];
    size_t used = (size_t)snprintf(text, sizeof text, "- &a0 [x]\n");

    (void)state;
    for (int i = 1; i < 40; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "- &a%d [*a%d, *a%d, *a%d]\n", i, i - 1, i - 1, i - 1);
    assert_refused(text, used, "after alias expansion");
}

static void test_merges_of_merges_fold_equal_keys(void **state)
{
    char text[8000];
    size_t used = (size_t)snprintf(text, sizeof text, "- &a0 {x: 1, y: 2}\n");

    (void)state;
    for (int i = 1; i < 60; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "- &a%d {<<: [", i);
        for (int j = 0; j < 9; j++)
            used += (size_t)snprintf(text + used, sizeof text - used, "*a%d, ", i - 1);
        used += (size_t)snprintf(text + used, sizeof text - used, "], k%d: 1}\n", i);
    }

    struct lint lint;

    assert_int_equal(lint_file("merge", text, used, &lint, NULL), RC_OK);
    assert_int_equal(lint.error_count, 0);
    lint_fini(&lint);
}

static void test_bytes_that_are_no_text_are_refused(void **state)
{
    static const char binary[] = "\x7f"
                                 "ELF\x02\x01\x01\0\0\0";
    static const char utf_16[] = "\xff\xfe-\0 \0a\0";

    (void)state;
    assert_refused(binary, sizeof binary - 1, "");
    assert_refused(utf_16, sizeof utf_16 - 1, "");
    assert_refused("a: \0", 4, "");
    assert_refused("a: \x1b[0m", 7, "");
}

static void test_findings_never_move_the_cursor(void **state)
{
    static const char text[] = "- step: {\"na\\nme\\e[2J\": s}";
    struct lint lint;

    (void)state;
    assert_int_equal(lint_file("f", text, sizeof text - 1, &lint, NULL), RC_OK);
    for (size_t i = 0; i < lint.finding_count; i++)
        for (const char *p = lint.findings[i].message; *p; p++)
            assert_false((unsigned char)*p < 0x20);
    lint_fini(&lint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_scalars_resolve_as_in_yaml_1_1),
        cmocka_unit_test(test_the_last_of_two_equal_keys_wins_in_the_place_of_the_first),
        cmocka_unit_test(
            test_own_entries_win_over_merged_ones_and_earlier_ones_over_later),
        cmocka_unit_test(test_a_file_beyond_the_limit_is_refused_unread),
        cmocka_unit_test(test_nesting_beyond_the_limit_is_refused),
        cmocka_unit_test(test_an_alias_bomb_is_refused),
        cmocka_unit_test(test_merges_of_merges_fold_equal_keys),
        cmocka_unit_test(test_bytes_that_are_no_text_are_refused),
        cmocka_unit_test(test_findings_never_move_the_cursor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
