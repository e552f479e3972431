/* The tables are those of sections 8.4 and 8.5 of the file format's specification. */
#include "codecs/command/command.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { PARAMETERS_MAX = 8 };

static struct value json(struct arena *arena, const char *text)
{
    struct value value;
    struct err err;

    if (value_from_json(arena, text, strlen(text), &value, &err) != RC_OK)
        fail_msg("%s: %s", text, err.text);
    return value;
}

/* Fills the command with the declared parameters' own values, overlaid by the given ones;
 * those of no declared parameter are passed beside them. */
static const char *filled(struct arena *arena, const char *command,
                          const struct plan_parameter *parameters, size_t count,
                          const char *given, const char *source_path)
{
    struct value overlay = json(arena, given), values[PARAMETERS_MAX];
    struct command_values all = { .parameters = parameters,
                                  .values = values,
                                  .count = count,
                                  .extra = &overlay,
                                  .source_path = source_path };
    const char *result;
    struct err err;

    for (size_t i = 0; i < count; i++) {
        const struct value *mine = value_get(&overlay, parameters[i].name);

        values[i] = mine ? *mine : parameters[i].value;
    }
    if (command_fill(arena, command, &all, &result, &err) != RC_OK)
        fail_msg("%s: %s", command, err.text);
    return result;
}

static void test_placeholders_of_a_step_with_five_parameters(void **state)
{
    static const struct {
        const char *command, *given, *result;
    } cases[] = {
        { "x {parameters}", "{}", "x --lr=0.001 --epochs=5 '--name=a b'" },
        { "x {params}", "{}", "x --lr=0.001 --epochs=5 '--name=a b'" },
        { "x {parameters}", "{\"fast\": true}",
          "x --lr=0.001 --epochs=5 '--name=a b' --fast" },
        { "x {parameters}", "{\"fast\": false}", "x --lr=0.001 --epochs=5 '--name=a b'" },
        { "x {parameters}", "{\"opt\": \"\", \"lr\": null}",
          "x --epochs=5 '--name=a b' --opt=" },
        { "x {parameter:lr} {parameter:nosuch} {parameter:opt} {parameter:fast}", "{}",
          "x --lr=0.001 {parameter:nosuch}" },
        { "x {parameter-value:lr} {parameter-value:name} {parameter-value:opt}", "{}",
          "x 0.001 'a b' {parameter-value:opt}" },
        { "x {parameter-value:fast} {parameter-value:opt}",
          "{\"fast\": true, \"opt\": null}", "x True None" },
        { "x {parameter-value:opt}", "{\"opt\": \"\"}", "x ''" },
        { "x {parameter-value:extra} {parameter:extra}", "{\"extra\": \"zzz\"}",
          "x zzz {parameter:extra}" },
        { "x {lr} ${lr} {} {{lr}}", "{}", "x {lr} ${lr} {} {{lr}}" },
        { "x { parameters } {Parameters} {parameter: lr} {parameter:LR}", "{}",
          "x { parameters } {Parameters} {parameter: lr} {parameter:LR}" },
        { "awk \"{print $1}\" f {parameter:epochs}", "{}",
          "awk \"{print $1}\" f --epochs=5" },
        { "awk \"{ {parameter:epochs} }\"", "{}", "awk \"{ {parameter:epochs} }\"" },
        { "a {} {parameter:epochs} {parameter:epochs}", "{}",
          "a {} {parameter:epochs} --epochs=5" },
        { "x ${parameter:epochs} y", "{}", "x $--epochs=5 y" },
        { "{parameter:epochs}{parameter-value:epochs}", "{}", "--epochs=55" },
        { "echo \"{parameter:name}\"", "{}", "echo \"'--name=a b'\"" },
        { "x {parameter-value:name}", "{\"name\": \"it's\"}", "x 'it'\"'\"'s'" },
        { "  a {parameter:epochs}  ", "{}", "a --epochs=5" },
        { "", "{}", "" },
        { "b", "{}", "b" },
        { "echo {parameter:epochs\n} {parameter:epochs}", "{}",
          "echo {parameter:epochs\n} --epochs=5" },
        { "{{parameters}}", "{}", "{{parameters}}" },
        { "{ {parameters} }", "{}", "{ {parameters} }" },
        { "{", "{}", "{" },
        { "{{{\n{}", "{}", "{{{\n{}" },
    };
    scoped(arena) arena = arena_create(1 << 20);
    const struct plan_parameter parameters[] = {
        { .name = "lr", .type = PARAMETER_FLOAT, .value = value_float(0.001) },
        { .name = "epochs", .type = PARAMETER_INTEGER, .value = value_int(5) },
        { .name = "name", .value = value_text("a b") },
        { .name = "fast", .type = PARAMETER_FLAG },
        { .name = "opt", .optional = true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(
            filled(arena, cases[i].command, parameters, 5, cases[i].given, NULL),
            cases[i].result);
}

static const struct {
    struct plan_parameter parameter;
    const char *given, *result;
} template_cases[] = {
    { { .name = "n", .type = PARAMETER_INTEGER, .pass_as = "-n {v}" },
      "{\"n\": 3}",
      "x -n 3" },
    { { .name = "n", .type = PARAMETER_STRING, .pass_as = "-n   {value} --name={name}" },
      "{\"n\": \"a b\"}",
      "x -n 'a b' --name=n" },
    { { .name = "n", .type = PARAMETER_STRING, .pass_as = "'-n {v}'" },
      "{\"n\": \"a b\"}",
      "x ''\"'\"'-n' 'a b'\"'\"''" },
    { { .name = "n", .type = PARAMETER_STRING, .pass_as = "--x={{v}}={v}" },
      "{\"n\": \"q\"}",
      "x '--x={v}=q'" },
    { { .name = "n", .type = PARAMETER_FLOAT, .pass_as = "--x={v:.3f}" },
      "{\"n\": 0.5}",
      "x --x=0.500" },
    { { .name = "n", .type = PARAMETER_STRING, .pass_as = "--const" },
      "{\"n\": \"q\"}",
      "x --const" },
    { { .name = "n", .type = PARAMETER_STRING, .pass_as = "   " },
      "{\"n\": \"q\"}",
      "x" },
    { { .name = "n", .type = PARAMETER_STRING },
      "{\"n\": \"{v} {parameters}\"}",
      "x '--n={v} {parameters}'" },
    { { .name = "f",
        .type = PARAMETER_FLAG,
        .pass_true_as = "--yes",
        .pass_false_as = "--no --really" },
      "{\"f\": true}",
      "x --yes" },
    { { .name = "f",
        .type = PARAMETER_FLAG,
        .pass_true_as = "--yes",
        .pass_false_as = "--no --really" },
      "{\"f\": false}",
      "x --no --really" },
    { { .name = "f",
        .type = PARAMETER_FLAG,
        .pass_true_as = "--yes",
        .pass_false_as = "--no --really" },
      "{}",
      "x" },
    { { .name = "f", .type = PARAMETER_FLAG, .pass_true_as = "--yes" },
      "{\"f\": false}",
      "x" },
    { { .name = "f", .type = PARAMETER_FLAG, .pass_as = "--set-{name} {v}" },
      "{\"f\": true}",
      "x --set-f True" },
    { { .name = "m",
        .type = PARAMETER_STRING,
        .multiple = MULTIPLE_REPEAT,
        .separator = "," },
      "{\"m\": [\"a\", \"b c\"]}",
      "x --m=a '--m=b c'" },
    { { .name = "m",
        .type = PARAMETER_STRING,
        .multiple = MULTIPLE_REPEAT,
        .separator = "," },
      "{\"m\": []}",
      "x" },
    { { .name = "m",
        .type = PARAMETER_STRING,
        .multiple = MULTIPLE_REPEAT,
        .separator = "," },
      "{\"m\": \"one\"}",
      "x --m=one" },
    { { .name = "m",
        .type = PARAMETER_STRING,
        .multiple = MULTIPLE_SEPARATE,
        .separator = ",",
        .pass_as = "-m {v}" },
      "{\"m\": [\"a\", \"b c\"]}",
      "x -m 'a,b c'" },
    { { .name = "m",
        .type = PARAMETER_STRING,
        .multiple = MULTIPLE_SEPARATE,
        .separator = "," },
      "{\"m\": []}",
      "x" },
    { { .name = "m",
        .type = PARAMETER_INTEGER,
        .multiple = MULTIPLE_SEPARATE,
        .separator = " " },
      "{\"m\": [1, 2]}",
      "x '--m=1 2'" },
    { { .name = "v", .type = PARAMETER_FLOAT }, "{\"v\": 1e-7}", "x --v=1e-07" },
    { { .name = "v", .type = PARAMETER_FLOAT }, "{\"v\": 1e22}", "x --v=1e+22" },
    { { .name = "v", .type = PARAMETER_FLOAT }, "{\"v\": 100000.0}", "x --v=100000.0" },
    { { .name = "v", .type = PARAMETER_FLOAT }, "{\"v\": 3}", "x --v=3" },
    { { .name = "v", .type = PARAMETER_FLOAT }, "{\"v\": -1.5}", "x --v=-1.5" },
    /* a lone brace leaves the command as it was */
    { { .name = "n", .type = PARAMETER_STRING, .pass_as = "--n={v" },
      "{\"n\": \"q\"}",
      "x {parameters}" },
    { { .name = "n", .type = PARAMETER_STRING, .pass_as = "--n=v}" },
      "{\"n\": \"q\"}",
      "x {parameters}" },
};

static void test_templates_of_one_parameter(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(template_cases); i++)
        assert_string_equal(filled(arena, "x {parameters}", &template_cases[i].parameter,
                                   1, template_cases[i].given, NULL),
                            template_cases[i].result);
}

static void test_a_list_prints_as_python_shows_it(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    const struct plan_parameter m = { .name = "m", .multiple = MULTIPLE_REPEAT };

    (void)state;
    assert_string_equal(
        filled(arena, "{parameter-value:m}", &m, 1, "{\"m\": [\"a\", \"b c\"]}", NULL),
        "'['\"'\"'a'\"'\"', '\"'\"'b c'\"'\"']'");
}

static void test_a_name_with_a_blank_is_quoted(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    const struct plan_parameter p = { .name = "a b" };

    (void)state;
    assert_string_equal(filled(arena, "{parameter:a b}", &p, 1, "{\"a b\": \"z\"}", NULL),
                        "'--a b=z'");
}

static void test_the_source_path_is_filled_in_only_if_there_is_one(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);

    (void)state;
    assert_string_equal(
        filled(arena, "python {source-path}", NULL, 0, "{}", "dir with space/t.py"),
        "python 'dir with space/t.py'");
    assert_string_equal(filled(arena, "python {source-path}", NULL, 0, "{}", NULL),
                        "python {source-path}");
}

static void test_a_template_with_an_unknown_field_is_an_error(void **state)
{
    static const char *const templates[] = {
        "--x={nosuch}", "{}", "{0}", "{v.real}", "{v[0]}", "{v:d}", "{v!x}", "{v:.2d}"
    };
    scoped(arena) arena = arena_create(1 << 16);
    const struct value value = value_text("q");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(templates); i++) {
        struct plan_parameter p = { .name = "epochs", .pass_as = templates[i] };
        struct command_values values = { .parameters = &p, .values = &value, .count = 1 };
        const char *result = "untouched";
        struct err err;

        assert_int_equal(command_fill(arena, "x {parameters}", &values, &result, &err),
                         RC_INVALID);
        assert_string_equal(result, "untouched");
        assert_non_null(strstr(err.text, "epochs"));
        assert_non_null(strstr(err.text, templates[i]));
    }
}

static void test_a_list_for_a_single_parameter_is_an_error(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    const struct plan_parameter p = { .name = "epochs" };
    const struct value list = json(arena, "[1]");
    const char *const *words;
    size_t count;
    struct err err;

    (void)state;
    assert_int_equal(command_format_parameter(arena, &p, &list, &words, &count, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.text, "'epochs'"));
}

static void test_words_are_given_without_quotes(void **state)
{
    scoped(arena) arena = arena_create(1 << 16);
    const struct plan_parameter p = { .name = "n", .pass_as = "-n {v} {v!r} {v:>4}" };
    const struct value value = value_text("a b");
    const char *const *words;
    size_t count = 0;

    (void)state;
    assert_int_equal(command_format_parameter(arena, &p, &value, &words, &count, NULL),
                     RC_OK);
    assert_int_equal(count, 4);
    assert_string_equal(words[0], "-n");
    assert_string_equal(words[1], "a b");
    assert_string_equal(words[2], "'a b'");
    assert_string_equal(words[3], " a b");
}

static void test_words_are_quoted_only_where_the_shell_needs_it(void **state)
{
    static const struct {
        const char *word, *quoted;
    } cases[] = {
        { "", "''" },           { "a_@%+=:,./-Z9", "a_@%+=:,./-Z9" },
        { "a b", "'a b'" },     { "'", "''\"'\"''" },
        { "$HOME", "'$HOME'" }, { "\xc3\xa9", "'\xc3\xa9'" },
        { "a\nb", "'a\nb'" },   { "*", "'*'" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped_buf buf = { 0 };

        command_quote(&buf, cases[i].word, strlen(cases[i].word));
        assert_string_equal(buf_string(&buf), cases[i].quoted);
    }
}

static void test_commands_are_joined_into_a_script(void **state)
{
    static const struct {
        const char *commands[3];
        size_t count;
        const char *joiner, *script;
    } cases[] = {
        { { "a", "", "b" }, 3, " && ", "a && b" },
        { { "#!/bin/sh\nfoo", " ", "bar" }, 3, " && ", "#!/bin/sh\nfoo && bar" },
        { { "#!/bin/sh", "foo", "bar" }, 3, " && ", "#!/bin/sh\nfoo && bar" },
        { { "#!/bin/sh" }, 1, " && ", "#!/bin/sh\n" },
        { { " #!/bin/sh", "x" }, 2, " && ", " #!/bin/sh && x" },
        { { "a", "#!/bin/sh" }, 2, " && ", "a && #!/bin/sh" },
        { { "a", "b" }, 2, "\n", "a\nb" },
        { { "", " \n" }, 2, " && ", "" },
        { { NULL }, 0, " && ", "" },
    };
    scoped(arena) arena = arena_create(1 << 16);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *script = NULL;

        assert_int_equal(command_join(arena, cases[i].commands, cases[i].count,
                                      cases[i].joiner, &script, NULL),
                         RC_OK);
        assert_string_equal(script, cases[i].script);
    }
}

static void test_many_open_braces_take_no_time(void **state)
{
    enum { SIZE = 4 << 20 };
    scoped(arena) arena = arena_create(64 << 20);
    char *command = arena_alloc(arena, SIZE + 1);
    struct command_values values = { .count = 0 };
    const char *result;

    (void)state;
    memset(command, '{', SIZE);
    assert_int_equal(command_fill(arena, command, &values, &result, NULL), RC_OK);
    assert_int_equal(strlen(result), SIZE);
}

static void test_an_arena_at_its_limit_is_reported(void **state)
{
    scoped(arena) arena = arena_create(32);
    const struct plan_parameter p = { .name = "n" };
    const struct value value = value_text("a text that is longer than the limit allows");
    struct command_values values = { .parameters = &p, .values = &value, .count = 1 };
    const char *result;
    struct err err;

    (void)state;
    assert_int_equal(command_fill(arena, "{parameters}", &values, &result, &err),
                     RC_NO_MEMORY);
}

static void test_an_open_brace_hides_the_placeholder_behind_it(void **state)
{
    static const struct {
        const char *command, *hidden;
    } cases[] = {
        { "echo {parameter-value:a}", NULL },
        { "echo '{\"a\": {parameter-value:a}}'", "{parameter-value:a}" },
        { "awk '{ {parameter:a} }'", "{parameter:a}" },
        { "a {} {parameters}", "{parameters}" },
        { "printf '{\"a\":%s}' {parameter-value:a}", NULL },
        { "f() {\n echo {parameter:a}\n}", NULL },
        { "${HOME} {x {y} {parameter:a}", NULL },
        { "{", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t size = 0;
        const char *hidden = command_hidden(cases[i].command, &size);

        assert_true((hidden != NULL) == (cases[i].hidden != NULL));
        if (hidden) {
            assert_int_equal(size, strlen(cases[i].hidden));
            assert_memory_equal(hidden, cases[i].hidden, size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placeholders_of_a_step_with_five_parameters),
        cmocka_unit_test(test_templates_of_one_parameter),
        cmocka_unit_test(test_an_open_brace_hides_the_placeholder_behind_it),
        cmocka_unit_test(test_a_list_prints_as_python_shows_it),
        cmocka_unit_test(test_a_name_with_a_blank_is_quoted),
        cmocka_unit_test(test_the_source_path_is_filled_in_only_if_there_is_one),
        cmocka_unit_test(test_a_template_with_an_unknown_field_is_an_error),
        cmocka_unit_test(test_a_list_for_a_single_parameter_is_an_error),
        cmocka_unit_test(test_words_are_given_without_quotes),
        cmocka_unit_test(test_words_are_quoted_only_where_the_shell_needs_it),
        cmocka_unit_test(test_commands_are_joined_into_a_script),
        cmocka_unit_test(test_many_open_braces_take_no_time),
        cmocka_unit_test(test_an_arena_at_its_limit_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
