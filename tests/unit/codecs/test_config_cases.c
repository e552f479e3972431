/* test_config_cases.c - small files and how many findings each has; section 14 of
 * docs/valohai-yaml.md, and cases beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/config/read.h"

struct small_case {
    const char *text;
    size_t errors, warnings;
};

static void check_text(const char *text, size_t errors, size_t warnings)
{
    struct lint lint;

    assert_int_equal(lint_file("small", text, strlen(text), &lint, NULL), RC_OK);
    if (lint.error_count != errors || lint.warning_count != warnings) {
        for (size_t i = 0; i < lint.finding_count; i++)
            print_message("%s %s: %s\n", lint.findings[i].id, lint.findings[i].path,
                          lint.findings[i].message);
        fail_msg("%zu errors, %zu warnings in:\n%s", lint.error_count, lint.warning_count,
                 text);
    }
    lint_fini(&lint);
}

/* Each text stands where the form has its %s. */
static void check_within(const char *form, const struct small_case *cases, size_t count)
{
    char text[2000];

    for (size_t i = 0; i < count; i++) {
        const char *hole = strstr(form, "%s");

        assert_non_null(hole);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(hole - form), form, cases[i].text,
                 hole + 2);
        check_text(text, cases[i].errors, cases[i].warnings);
    }
}

#define CHECK_WITHIN(form, cases) check_within(form, cases, COUNT_OF(cases))
#define STEP                      "- step: {name: s, image: i, command: c}\n"

static void test_the_document_itself(void **state)
{
    static const struct small_case cases[] = {
        { "", 1, 0 },
        { "# only a comment\n", 1, 0 },
        { "[]", 0, 0 },
        { "step: {}", 1, 0 },
        { "- foo", 1, 0 },
        { "- foo: {a: 1}", 0, 1 },
        { "- {}", 0, 1 },
        { STEP "  pipeline: {name: p, nodes: [], edges: []}", 0, 0 },
        { STEP "  pipeline: {name: p}", 2, 0 },
        { STEP "---\n" STEP, 1, 0 },
        { "- step:\n\tname: s", 1, 0 },
        { "- step: *nowhere", 1, 0 },
        { "- step: &a {name: s, image: i, command: c}\n- step: *a", 0, 1 },
        { "- step: !strange {name: s}", 1, 0 },
        { "- step: {name: s, image: i, command: c, name: t}", 0, 0 },
        { "- step: {<<: {name: s, image: i}, command: c}", 0, 0 },
        { "- step: {<<: text, name: s, image: i, command: c}", 1, 0 },
        { "- step: =", 1, 0 },
        { "- step: \"\xff\"", 1, 0 },
        { "\xef\xbb\xbf" STEP, 0, 0 },
        { "- deployment: {name: d}", 0, 1 },
        { "- deployment: {name: d, defaults: {target: t}}", 0, 0 },
        { "- deployment: {defaults: {target: t}}", 1, 0 },
        { "- deployment: {name: d, target: t}", 1, 0 },
        { "- blueprint: {name: b, nodes: [{name: n, type: execution, step: x}]}", 1, 0 },
        { "- blueprint: null", 1, 0 },
        { STEP "- blueprint: {name: b, nodes: [{name: n, type: execution, step: s, "
               "override: {strange: 1}}]}",
          0, 1 },
    };

    (void)state;
    CHECK_WITHIN("%s", cases);
}

static void test_fields_of_a_step(void **state)
{
    static const struct small_case cases[] = {
        { "name: s, image: i, command: []", 0, 0 },
        { "name: s, image: i, command: ''", 0, 0 },
        { "name: 1, image: i, command: c", 1, 0 },
        { "name: s, image: i, command: [1]", 1, 0 },
        { "name: s, image: i, command:", 1, 0 },
        { "name: s, image: yes, command: c", 1, 0 },
        { "Name: s, images: i, command: c", 3, 0 },
        { "name: s, image: i, command: c, time_limit: 1", 1, 0 },
        { "name: s, image: i, command: c, 1: 2, 3: 4", 1, 0 },
        { "name: s, image: i, command: c, mounts: ['foo:bar']", 1, 0 },
        { "name: s, image: i, command: c, mounts: ['/a:/b:/c', {source: x, destination: "
          "/y}]",
          0, 0 },
        { "name: s, image: i, command: c, mounts: [{source: x, destination: y, what: "
          "1}]",
          1, 0 },
        { "name: s, image: i, command: c, resources: {devices: {gpu: 0}}", 1, 0 },
        { "name: s, image: i, command: c, resources: {devices: {}}", 0, 0 },
        { "name: s, image: i, command: c, resources: {gpu: 1, cpu: {min: a, max: b}}", 3,
          0 },
        { "name: s, image: i, command: c, inputs: [{name: i, default: 3}]", 1, 0 },
        { "name: s, image: i, command: c, inputs: [{name: i, keep-directories: some}]", 1,
          0 },
        { "name: s, image: i, command: c, inputs: [{name: i, keep-directories: yes, "
          "download: never}]",
          1, 0 },
        { "name: s, image: i, command: c, environment-variables: [{name: v, default: 1}]",
          1, 0 },
        { "name: s, image: i, command: c, outputs: [{}]", 1, 0 },
        { "name: s, image: i, command: c, runtime-config-preset: p", 1, 0 },
        { "name: s, image: i, command: c, runtime-config-preset: ''", 0, 0 },
        { "name: s, image: i, command: c, runtime-config-preset: p, environment: e", 0,
          0 },
    };

    (void)state;
    CHECK_WITHIN("- step: {%s}", cases);
}

static void test_durations(void **state)
{
    static const struct small_case cases[] = {
        { "72", 0, 0 },          { "0", 0, 0 },      { "-5", 0, 0 },
        { "90s", 0, 0 },         { "90 sec", 0, 0 }, { "1h,10m", 0, 0 },
        { "''", 0, 0 },          { "'  '", 0, 0 },   { "1.5d 2hörs", 0, 0 },
        { ".5h", 0, 0 },         { "500ms", 0, 0 },  { "1:30", 0, 0 },
        { "1.5", 1, 0 },         { "true", 1, 0 },   { "'300'", 1, 0 },
        { "2.0", 1, 0 },         { "0s", 1, 0 },     { "soon", 1, 0 },
        { "1H", 1, 0 },          { "1h30", 1, 0 },   { "3 fortnights", 1, 0 },
        { "'1:30'", 1, 0 },      { "1.2.3s", 1, 0 }, { "-5s", 0, 0 },
        { "9999999999w", 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[200];

        snprintf(text, sizeof text,
                 "- step:\n    name: s\n    image: i\n    command: c\n"
                 "    time-limit: %s\n",
                 cases[i].text);
        check_text(text, cases[i].errors, cases[i].warnings);
    }
}

static void test_parameters(void **state)
{
    static const struct small_case cases[] = {
        { "type: Integer", 1, 0 },
        { "multiple: Repeat", 1, 0 },
        { "type: 5", 2, 0 }, /* neither text nor one of the words */
        { "default: {a: 1}, type: integer", 0, 1 },
        { "type: integer, default: 1.0", 0, 1 },
        { "type: integer, default: true", 0, 1 },
        { "type: integer, default: true, min: 5", 0, 2 },
        { "type: integer, default: ' 12 '", 0, 0 },
        { "type: integer, default: '1_000'", 0, 0 },
        { "type: integer, default: '1__0'", 0, 1 },
        { "type: integer, default: ''", 0, 0 },
        { "type: integer, default: 0, min: 5", 0, 0 },
        { "type: integer, default: [1, 2]", 0, 0 },
        { "type: integer, default: ['']", 0, 1 },
        { "type: integer, default: 2, min: 5, max: 1", 0, 2 },
        { "type: integer, default: '2', min: 5, max: 1", 0, 0 },
        { "type: integer, default: 1, choices: ['1', '2']", 0, 1 },
        { "type: integer, default: 1, choices: []", 0, 0 },
        { "type: float, default: 1e-5", 0, 0 },
        { "type: float, default: inf", 0, 0 },
        { "type: float, default: .5.", 0, 1 },
        { "type: float, default: true", 0, 1 },
        { "type: float, default: 1, choices: [1.0]", 0, 0 },
        { "default: 5", 0, 1 },
        { "default: 2020-01-02", 0, 1 },
        { "default: [a, 5, b, 6], multiple: repeat", 0, 2 },
        { "type: flag, default: maybe", 0, 1 },
        { "type: flag, default: 1", 0, 0 },
        { "type: flag, optional: true", 0, 1 },
        { "type: flag, optional: false", 0, 0 },
        { "type: flag, pass-as: a, pass-true-as: b, pass-false-as: c", 0, 1 },
        { "pass-true-as: b, pass-false-as: c", 0, 2 },
        { "type: flag, multiple: repeat", 1, 0 },
        { "type: flag, multiple: none", 0, 0 },
        { "widget: {settings: {}}", 1, 0 },
        { "widget: {type: a, other: 1}", 0, 0 },
        { "widget: 1", 1, 0 },
        { "default: a}, {name: p, default: b", 0, 0 },
    };

    (void)state;
    CHECK_WITHIN("- step: {name: s, image: i, command: c, parameters: [{name: p, %s}]}",
                 cases);
}

static void test_stop_conditions(void **state)
{
    static const struct small_case cases[] = {
        { "a in (1,2)", 0, 0 },
        { "not a and (b or c)", 0, 0 },
        { "foo(1)", 0, 0 },
        { "metadata.val-loss < 3", 0, 0 },
        { "metadata.class == 3", 0, 0 },
        { "", 1, 0 },
        { "1 < a < 3", 1, 0 },
        { "a in [1,2]", 1, 0 },
        { "a % 2 == 0", 1, 0 },
        { "a[1] == 0", 1, 0 },
        { "1 if a else 2", 1, 0 },
        { "not not not not not not not not not a", 1, 0 },
    };

    (void)state;
    CHECK_WITHIN("- step: {name: s, image: i, command: c, stop-condition: '%s'}", cases);
    CHECK_WITHIN("- task: {name: t, step: s, parameters: [], stop-condition: '%s'}",
                 cases);
}

static void test_endpoints(void **state)
{
    static const struct small_case cases[] = {
        { "name: ab, image: i, wsgi: w", 0, 0 },
        { "name: e, image: i, wsgi: w", 1, 0 },
        { "name: ab, image: i", 1, 0 },
        { "name: ab, image: i, wsgi: w, server-command: c", 1, 0 },
        { "name: ab, image: i, wsgi: w, port: 80", 1, 0 },
        { "name: ab, image: i, wsgi: w, node-selector: x", 1, 0 },
        { "name: ab, image: i, wsgi: w, tolerations: [{operator: Equal}]", 1, 0 },
        { "name: ab, image: i, wsgi: w, tolerations: [{key: k, operator: Equal}, {}]", 0,
          0 },
        { "name: ab, image: i, wsgi: w, resources: {ephemeral-storage: {min: 1.5}}", 1,
          0 },
    };

    (void)state;
    CHECK_WITHIN("- endpoint: {%s}", cases);
    check_text("- endpoint: text", 2, 0); /* no mapping, and both forms are met */
    check_text("- task: text", 1, 0);
}

static void test_tasks(void **state)
{
    static const struct small_case cases[] = {
        { "x: 1", 2, 0 },
        { "parameters: []", 0, 0 },
        { "parameters: [{name: p, style: single, rules: {}}]", 0, 0 },
        { "parameters: [{name: p, style: Single, rules: {}}]", 1, 0 },
        { "parameters: [{name: p, style: single, rules: {value: abc}}]", 1, 0 },
        { "parameters: [{name: p, style: single, rules: {foo: 1}}]", 1, 0 },
        { "parameters: [{name: p, style: multiple, rules: {items: [1, a, true, []]}}]", 1,
          0 },
        { "parameters: [], type: foo", 1, 0 },
        { "parameters: [], type: Random-Search", 0, 0 },
        { "parameters: [], type: ''", 0, 0 },
        { "parameters: [], on-child-error: foo", 1, 0 },
        { "parameters: [], on-child-error: Stop_all-and-error", 0, 0 },
        { "parameter-sets: [{}]", 0, 0 },
        { "parameter-sets: [{a: 1}]", 0, 1 },
        { "parameter-sets: [{a: 1}], type: manual-search", 0, 0 },
        { "parameters: [], engine: '', type: bayesian_tpe", 0, 0 },
        { "parameters: [], engine: ''", 0, 1 },
    };

    (void)state;
    check_text("- task: {name: t, step: s}", 1, 0);
    CHECK_WITHIN("- task: {name: t, step: nosuch, %s}", cases);
}

#define NODE "{name: n, type: execution, step: s}"

static void test_nodes(void **state)
{
    static const struct small_case cases[] = {
        { NODE, 0, 0 },
        { NODE ", " NODE ", " NODE, 1, 0 },
        { "{name: n, type: execution, step: nosuch}", 1, 0 },
        { "{name: n, type: execution, step: nosuch, commit: abc}", 0, 0 },
        { "{name: n, type: Execution, step: s, more: 1}", 1, 0 },
        { "{name: n, type: deployment, deployment: d, on-error: retry}", 1, 0 },
        { "{name: n, type: deployment, deployment: ''}", 1, 0 },
        { "{name: n, type: task, step: s, task: t}", 1, 0 },
        { "{name: n, type: task}", 1, 0 },
        { "{name: n, type: task, task: t}", 1, 0 },
        { "{name: n, type: execution, step: s, actions: [{when: [Node-Complete, foo], "
          "then: [require-approval, noop]}]}",
          0, 2 },
        { "{name: n, type: execution, step: s, override: {inputs: [{name: x}], "
          "parameters: [{name: p}, {name: q}]}}",
          2, 0 },
        { "{name: n, type: execution, step: s, override: {strange: 1}}", 1, 0 },
        { "{name: n, type: execution, step: s, override: {runtime-config-preset: p}}", 1,
          0 },
        { "text", 1, 0 },
    };

    (void)state;
    CHECK_WITHIN("- step: {name: s, image: i, command: c, parameters: [{name: p}]}\n"
                 "- pipeline: {name: l, edges: [], nodes: [%s]}",
                 cases);
    check_text(
        "- task: {name: t, step: gone, parameters: []}\n"
        "- pipeline: {name: l, edges: [], nodes: [{name: n, type: task, task: t}]}",
        1, 0);
}

static void test_edges(void **state)
{
    static const struct small_case cases[] = {
        { "[n.output.a, n.input.b]", 0, 0 },
        { "[x.output.a, y.input.b]", 2, 0 },
        { "[n.outputs.a, n.inputs.b]", 2, 0 },
        { "[n.x.output.a, n.x.input.in]", 2, 0 },
        { "[m.x.output.a, m.x.input.in]", 4, 0 },
        { "[n.output, n.input.b]", 1, 0 },
        { "[n.output.a]", 1, 0 },
        { "[]", 1, 0 },
        { "[a, b, c]", 1, 0 },
        { "[1, 2]", 1, 0 },
        { "{source: n.output.a}", 1, 0 },
        { "{source: n.output.a, target: n.input.b, configuration: {x: 1}}", 0, 0 },
        { "{source: n.output.a, target: n.input.b, other: 1}", 1, 0 },
    };

    (void)state;
    CHECK_WITHIN(STEP "- pipeline: {name: l, nodes: [" NODE "], edges: [%s]}", cases);
}

static void test_pipeline_parameters(void **state)
{
    static const struct small_case cases[] = {
        { "name: q", 0, 1 },
        { "name: q, targets: []", 0, 1 },
        { "name: q, targets: n.parameter.p", 0, 0 },
        { "name: q, target: n.parameters.p", 0, 0 },
        { "name: q, targets: [n.input.in]", 2, 0 },
        { "name: q, targets: [n.parameter.nosuch, x.parameter.p]", 2, 0 },
        { "name: q, targets: [t.parameter.nosuch]", 0, 0 },
        { "name: q, targets: [u.parameter.p]", 1, 0 }, /* alone: the step is unknown */
        { "name: q, target: n.parameter", 1, 0 },
        { "name: q, target: n.parameter.p, targets: []", 1, 0 },
        { "targets: n.parameter.p", 1, 0 },
        { "name: q, value: 1, targets: n.parameter.p", 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[700];
        bool unknown_step = strstr(cases[i].text, "u.parameter") != NULL;

        snprintf(text, sizeof text,
                 "- step: {name: s, image: i, command: c, parameters: [{name: p}]}\n"
                 "- pipeline:\n    name: l\n    edges: []\n    nodes:\n"
                 "    - " NODE "\n    - {name: t, type: task, step: s}\n%s"
                 "    parameters: [{%s}]\n",
                 unknown_step ? "    - {name: u, type: execution, step: nosuch}\n" : "",
                 cases[i].text);
        check_text(text, cases[i].errors, cases[i].warnings);
    }
}

static void test_an_empty_item_gets_a_hint_for_each_error(void **state)
{
    static const char text[] = "- step:\n  name: s\n- pipeline: {}\n";
    struct lint lint;

    (void)state;
    assert_int_equal(lint_file("f", text, sizeof text - 1, &lint, NULL), RC_OK);
    assert_int_equal(lint.error_count, 4);
    assert_int_equal(lint.finding_count, 8);
    assert_int_equal(lint.findings[1].level, FINDING_HINT);
    assert_string_equal(lint.findings[1].path, "0.step");
    assert_null(lint.config);
    lint_fini(&lint);
}

static void test_a_misspelt_key_names_its_place_and_the_nearest_key(void **state)
{
    static const char text[] = "- step:\n    name: s\n    image: i\n    comand: c\n";
    struct lint lint;

    (void)state;
    assert_int_equal(lint_file("f", text, sizeof text - 1, &lint, NULL), RC_OK);
    assert_int_equal(lint.error_count, 2);
    assert_string_equal(lint.findings[1].path, "0.step");
    assert_string_equal(lint.findings[1].nearest, "command");
    assert_int_equal(lint.findings[1].place.line, 4);
    assert_int_equal(lint.findings[1].place.column, 5);
    assert_non_null(lint.findings[1].hint);
    lint_fini(&lint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_document_itself),
        cmocka_unit_test(test_fields_of_a_step),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_stop_conditions),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_pipeline_parameters),
        cmocka_unit_test(test_an_empty_item_gets_a_hint_for_each_error),
        cmocka_unit_test(test_a_misspelt_key_names_its_place_and_the_nearest_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
