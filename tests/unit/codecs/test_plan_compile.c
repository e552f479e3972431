/* test_plan_compile.c - from a file's text and a request to a plan, or to what is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/config/read.h"
#include "codecs/plan/compile.h"
#include "codecs/plan/task.h"

static const char file[] =
    "- step:\n"
    "    name: prep/a\n"
    "    image: i\n"
    "    command: prep {parameters}\n"
    "    parameters:\n"
    "      - {name: rows, type: integer, default: 10, min: 1, max: 99}\n"
    "      - {name: fast, type: flag, default: true}\n"
    "      - {name: tags, multiple: repeat, default: [a, b]}\n"
    "    mounts: ['/a:/b']\n"
    "- step:\n"
    "    name: train\n"
    "    image: i\n"
    "    command: [train, more]\n"
    "    resources: {cpu: {min: 2}, memory: {min: 512}, devices: {nvidia.com/gpu: 1}}\n"
    "    time-limit: 60\n"
    "    inputs:\n"
    "      - {name: data, default: own.csv}\n"
    "      - {name: extra, optional: true}\n"
    "    parameters:\n"
    "      - {name: lr, type: float, default: 1e-5}\n"
    "      - {name: depth, type: integer}\n"
    "    environment-variables:\n"
    "      - {name: MODE, default: x, optional: false}\n"
    "- task:\n"
    "    name: sweep\n"
    "    step: train\n"
    "    maximum-queued-executions: 3\n"
    "    on-child-error: continue-and-complete\n"
    "    parameters:\n"
    "      - {name: lr, style: multiple, rules: {items: [0.1, 0.2]}}\n"
    "      - {name: depth, style: linear, rules: {start: 1, end: 3, step: 1}}\n"
    "- pipeline:\n"
    "    name: all\n"
    "    parameters:\n"
    "      - {name: depth, targets: [one.parameter.depth], default: 4}\n"
    "      - {name: tags, targets: [first.parameter.tags]}\n"
    "    nodes:\n"
    "      - {name: first, type: execution, step: prep/a, on-error: retry}\n"
    "      - name: one\n"
    "        type: execution\n"
    "        step: train\n"
    "        edge-merge-mode: append\n"
    "        override:\n"
    "          image: other\n"
    "          command: changed\n"
    "          inputs: [{name: data}]\n"
    "        actions:\n"
    "          - {when: [node-complete, node-error], if: metadata.a > 1,\n"
    "             then: [stop-pipeline, require-approval]}\n"
    "      - {name: many, type: task, task: sweep}\n"
    "    edges:\n"
    "      - [one.parameter.depth, many.parameter.lr]\n"
    "      - [first.output.*.csv, one.input.data]\n"
    "      - [one.output.*, many.input.nosuch]\n"
    "- pipeline:\n"
    "    name: alone\n"
    "    nodes:\n"
    "      - {name: only, type: task, step: prep/a}\n"
    "    edges: []\n";

struct fixture {
    struct lint lint;
    struct arena *arena;
    struct plan *plan;
    struct err err;
};

static void fixture_setup(struct fixture *fixture, const char *text)
{
    *fixture = (struct fixture){ .arena = arena_create(64 << 20) };
    assert_non_null(fixture->arena);
    assert_int_equal(
        lint_file("f.yaml", text, strlen(text), &fixture->lint, &fixture->err), RC_OK);
    if (!fixture->lint.config)
        fail_msg("%s", fixture->lint.findings[0].message);
}

static void fixture_teardown(struct fixture *fixture)
{
    lint_fini(&fixture->lint);
    arena_destroy(fixture->arena);
}

static enum rc compile(struct fixture *fixture, const struct plan_request *request)
{
    enum rc rc = plan_compile(fixture->lint.config, request, fixture->arena,
                              &fixture->plan, &fixture->err);

    if (rc == RC_OK) {
        struct buf buf = { 0 };
        struct plan *back = NULL;

        plan_encode(&buf, fixture->plan);
        assert_int_equal(
            plan_decode(fixture->arena, buf.data, buf.size, &back, &fixture->err), RC_OK);
        buf_fini(&buf);
    }
    return rc;
}

static const struct plan_stage *stage_named(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->stage_count; i++)
        if (strcmp(plan->stages[i].name, name) == 0)
            return &plan->stages[i];
    fail_msg("no stage '%s'", name);
    return NULL;
}

static const struct plan_edge *edge_into(const struct plan *plan, const char *name,
                                         enum edge_end type)
{
    for (size_t i = 0; i < plan->edge_count; i++)
        if (strcmp(plan->stages[plan->edges[i].target].name, name) == 0
            && plan->edges[i].target_type == type)
            return &plan->edges[i];
    return NULL;
}

static bool has_note(const struct plan *plan, const char *text)
{
    for (size_t i = 0; i < plan->note_count; i++)
        if (strstr(plan->notes[i], text))
            return true;
    return false;
}

static void assert_wrong(struct fixture *fixture, const struct plan_request *request,
                         enum rc rc, const char *text)
{
    struct plan *before = fixture->plan;

    assert_int_equal(compile(fixture, request), rc);
    assert_ptr_equal(fixture->plan, before);
    if (!strstr(fixture->err.text, text))
        fail_msg("'%s' does not hold '%s'", fixture->err.text, text);
}

static void test_a_step_alone_is_a_plan_of_one_stage(void **state)
{
    (void)state;
    struct fixture fixture;

    fixture_setup(&fixture, file);
    assert_int_equal(compile(&fixture, &(struct plan_request){ .step = "pre" }), RC_OK);

    const struct plan_stage *stage = stage_named(fixture.plan, "prep-a");
    const char *const *commands;

    assert_int_equal(fixture.plan->stage_count, 1);
    assert_false(fixture.plan->is_pipeline);
    assert_string_equal(fixture.plan->title, "prep/a");
    assert_string_equal(stage->step, "prep/a");
    assert_true(has_note(fixture.plan, "mounts"));
    assert_int_equal(plan_task_commands(stage, 0, fixture.arena, &commands, NULL), RC_OK);
    assert_string_equal(commands[0], "prep --rows=10 --fast --tags=a --tags=b");
    fixture_teardown(&fixture);
}

static void test_given_values_are_cast_and_checked(void **state)
{
    (void)state;
    struct fixture fixture;
    struct plan_assignment given[] = { { "rows", value_text("12") },
                                       { "fast", value_text("no") },
                                       { "tags", value_text("x") },
                                       { "tags", value_text("y") } };
    struct plan_request request = { .step = "prep/a",
                                    .parameters = given,
                                    .parameter_count = 4 };

    fixture_setup(&fixture, file);
    assert_int_equal(compile(&fixture, &request), RC_OK);

    const struct plan_stage *stage = &fixture.plan->stages[0];

    assert_int_equal(stage->parameters[0].value.integer, 12);
    assert_int_equal(stage->parameters[1].value.kind, VALUE_BOOL);
    assert_false(stage->parameters[1].value.boolean);
    assert_int_equal(stage->parameters[2].value.list.count, 2);
    given[0].value = value_text("100");
    assert_wrong(&fixture, &request, RC_INVALID, "99");
    given[0].value = value_text("many");
    assert_wrong(&fixture, &request, RC_INVALID, "rows");
    given[0].name = "row";
    assert_wrong(&fixture, &request, RC_INVALID, "'rows', 'fast', 'tags'");
    fixture_teardown(&fixture);
}

static void test_names_may_be_unique_prefixes(void **state)
{
    (void)state;
    struct fixture fixture;

    fixture_setup(&fixture, file);
    assert_wrong(&fixture, &(struct plan_request){ .pipeline = "al" }, RC_INVALID,
                 "'all', 'alone'");
    assert_wrong(&fixture, &(struct plan_request){ .pipeline = "x" }, RC_INVALID,
                 "there is no pipeline 'x'");
    assert_wrong(&fixture, &(struct plan_request){ .step = "x" }, RC_INVALID, "'train'");
    assert_int_equal(compile(&fixture, &(struct plan_request){ .pipeline = "alo" }),
                     RC_OK);
    assert_int_equal(fixture.plan->stages[0].kind, STAGE_TASK);
    assert_int_equal(plan_stage_task_count(&fixture.plan->stages[0]), 1);
    fixture_teardown(&fixture);
}

static void test_a_pipeline_has_all_its_parts(void **state)
{
    (void)state;
    struct fixture fixture;

    fixture_setup(&fixture, file);
    if (compile(&fixture, &(struct plan_request){ .pipeline = "all", .project = "p" })
        != RC_OK)
        fail_msg("%s", fixture.err.text);

    const struct plan_stage *one = stage_named(fixture.plan, "one");
    const struct plan_stage *many = stage_named(fixture.plan, "many");

    assert_true(fixture.plan->is_pipeline);
    assert_string_equal(fixture.plan->project, "p");
    assert_string_equal(one->image, "other");
    assert_string_equal(one->commands[0], "changed");
    assert_int_equal(one->command_count, 1);
    assert_int_equal(one->inputs[0].source_count, 0);
    assert_true(one->merge_append);
    assert_true(one->cpu_min > 1.9 && one->memory_min_mb > 511 && one->gpus > 0.9);
    assert_int_equal(one->time_limit_s, 60);
    assert_true(
        value_is_text(&one->parameters[0].value, "1e-5")); /* as the file has it */
    assert_int_equal(one->parameters[1].value.integer, 4);
    assert_int_equal(one->actions[0].when, WHEN_COMPLETE | WHEN_ERROR);
    assert_int_equal(one->actions[0].then[1], THEN_APPROVAL);
    assert_int_equal(fixture.plan->stages[0].on_error, ON_ERROR_RETRY);
    assert_string_equal(many->task, "sweep");
    assert_int_equal(many->queued_max, 3);
    assert_int_equal(many->on_child_error, CHILD_ERROR_CONTINUE_AND_COMPLETE);
    assert_int_equal(plan_stage_task_count(many), 6);
    assert_int_equal(fixture.plan->edge_count, 3);
    assert_string_equal(edge_into(fixture.plan, "one", EDGE_INPUT)->source_key, "*.csv");
    assert_true(has_note(fixture.plan, "no such input"));
    assert_non_null(edge_into(fixture.plan, "many", EDGE_DEPENDENCY));
    assert_int_equal(value_get(&fixture.plan->parameters, "depth")->integer, 4);
    fixture_teardown(&fixture);
}

static void test_what_is_given_to_a_stage_wins(void **state)
{
    (void)state;
    struct fixture fixture;
    struct plan_assignment given[] = { { "many.lr", value_text("0.5") },
                                       { "one.depth", value_text("9") },
                                       { "tags", value_text("t") },
                                       { "tags", value_text("u") } };
    struct plan_uri uris[] = { { "one.data", "a.csv" }, { "one.data", "b.csv" } };
    struct plan_request request = { .pipeline = "all",
                                    .parameters = given,
                                    .parameter_count = 4,
                                    .inputs = uris,
                                    .input_count = 2 };

    fixture_setup(&fixture, file);
    assert_int_equal(compile(&fixture, &request), RC_OK);

    const struct plan_stage *one = stage_named(fixture.plan, "one");
    const struct plan_stage *many = stage_named(fixture.plan, "many");

    assert_int_equal(one->parameters[1].value.integer, 9);
    assert_int_equal(one->inputs[0].source_count, 2);
    assert_string_equal(one->inputs[0].sources[1].uri, "b.csv");
    assert_int_equal(plan_stage_task_count(many), 3);
    assert_null(edge_into(fixture.plan, "many", EDGE_PARAMETER));
    assert_null(edge_into(fixture.plan, "one", EDGE_INPUT));
    assert_int_equal(fixture.plan->stages[0].parameters[2].value.list.count, 2);
    given[0].name = "mny.lr";
    assert_wrong(&fixture, &request, RC_INVALID, "'many'");
    given[0].name = "dept";
    assert_wrong(&fixture, &request, RC_INVALID, "'depth'");
    given[0].name = "many.lr";
    uris[0].name = "one.dat";
    assert_wrong(&fixture, &request, RC_INVALID, "'data'");
    fixture_teardown(&fixture);
}

static void test_a_blueprint_can_be_run_by_its_name(void **state)
{
    (void)state;
    struct fixture fixture;

    fixture_setup(&fixture, file);
    assert_int_equal(compile(&fixture, &(struct plan_request){ .pipeline = "sweep" }),
                     RC_OK);
    assert_false(fixture.plan->is_pipeline);
    assert_string_equal(fixture.plan->stages[0].name, "sweep");
    assert_int_equal(plan_stage_task_count(&fixture.plan->stages[0]), 6);
    fixture_teardown(&fixture);
}

static void test_what_must_have_a_value_is_missed(void **state)
{
    (void)state;
    struct fixture fixture;

    fixture_setup(&fixture, file);
    assert_wrong(&fixture, &(struct plan_request){ .step = "train" }, RC_INVALID,
                 "f.yaml:21: train: parameter 'depth' needs a value");
    fixture_teardown(&fixture);
}

static const char graph[] = "- step: {name: s, image: i, command: c,\n"
                            "    parameters: [{name: p, optional: true}],\n"
                            "    inputs: [{name: in, optional: true}]}\n"
                            "- pipeline:\n"
                            "    name: g\n"
                            "    nodes:\n"
                            "    - {name: a, type: execution, step: s}\n"
                            "    - {name: b, type: execution, step: s}\n"
                            "    - {name: c, type: execution, step: s%s}\n"
                            "    edges:\n"
                            "    - [a.output.x, b.input.in]\n"
                            "    - [%s]\n";

struct graph_case {
    const char *node, *edge;
    enum rc rc;
    const char *text;
};

static void test_edges_without_meaning_are_refused(void **state)
{
    (void)state;
    static const struct graph_case cases[] = {
        { "", "b.output.x, a.input.in", RC_INVALID, "f.yaml:5" },
        { "", "b.dependency.x, a.dependency.in", RC_INVALID, "cycle: " },
        { "", "b.output.x, b.input.in", RC_INVALID, "f.yaml:12" },
        { "", "b.output.x, c.parameter.p", RC_INVALID, "b.output.x -> c.parameter.p" },
        { "", "b.output.x, c.file.p", RC_UNSUPPORTED, "deployment" },
        { "", "b.parameter.p, c.parameter.p", RC_OK, NULL },
        { ", commit: abc", "b.parameter.p, c.parameter.p", RC_UNSUPPORTED, "commit" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture fixture;
        char text[2000];
        struct plan_request request = { .pipeline = "g" };

        snprintf(text, sizeof text, graph, cases[i].node, cases[i].edge);
        fixture_setup(&fixture, text);
        if (cases[i].rc == RC_OK)
            assert_int_equal(compile(&fixture, &request), RC_OK);
        else
            assert_wrong(&fixture, &request, cases[i].rc, cases[i].text);
        fixture_teardown(&fixture);
    }
}

struct wrong_case {
    const char *text;
    enum rc rc;
    const char *what;
};

static void test_files_that_cannot_run_say_where(void **state)
{
    (void)state;
    static const struct wrong_case cases[] = {
        { "- step: {name: s, image: i, command: c,\n"
          "    environment-variables: [{name: V, optional: false}]}\n",
          RC_INVALID, "f.yaml:1: s: environment variable 'V' needs a value" },
        { "- step: {name: s, image: i, command: c,\n"
          "    parameters: [{name: p, type: integer, default: 9, max: 5}]}\n",
          RC_INVALID, "f.yaml:2: s: parameter 'p'" },
        { "- step: {name: s, image: i, command: c,\n"
          "    inputs: [{name: ../x, default: a}]}\n",
          RC_INVALID, "f.yaml:2: input '../x'" },
        { "- step: {name: s, image: i, command: c, inputs: [{name: in}]}\n", RC_INVALID,
          "f.yaml:1: s: input 'in' needs a file" },
        { "- step: {name: s, image: i, command: c,\n"
          "    resources: {cpu: {min: -1}}}\n",
          RC_INVALID, "resources" },
        { "- step: {name: s, image: i, command: c,\n"
          "    parameters: [{name: p, type: float, default: maybe}]}\n",
          RC_INVALID, "maybe" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture fixture;

        fixture_setup(&fixture, cases[i].text);
        assert_wrong(&fixture, &(struct plan_request){ .step = "s" }, cases[i].rc,
                     cases[i].what);
        fixture_teardown(&fixture);
    }
}

static void test_a_pipeline_parameter_replaces_what_a_sweep_had(void **state)
{
    (void)state;
    static const char text[] =
        "- step: {name: s, image: i, command: c, parameters: [{name: p, type: integer},\n"
        "    {name: q, optional: true}]}\n"
        "- task: {name: t, step: s, type: manual_search,\n"
        "    parameter-sets: [{p: 1, q: a}, {p: 2, q: b}, {p: 3}]}\n"
        "- pipeline:\n"
        "    name: x\n"
        "    parameters: [{name: p, target: n.parameter.p}]\n"
        "    nodes: [{name: n, type: task, task: t}]\n"
        "    edges: []\n";
    struct fixture fixture;
    struct plan_assignment given = { "p", value_text("7") };
    struct plan_request request = { .pipeline = "x", .parameters = &given };
    const struct plan_stage *stage;

    fixture_setup(&fixture, text);
    assert_int_equal(compile(&fixture, &request), RC_OK);
    stage = &fixture.plan->stages[0];
    assert_int_equal(plan_task_parameter(stage, 2, 0).integer, 3);
    assert_int_equal(plan_task_parameter(stage, 2, 1).kind, VALUE_ABSENT);
    request.parameter_count = 1;
    assert_int_equal(compile(&fixture, &request), RC_OK);
    stage = &fixture.plan->stages[0];
    assert_int_equal(plan_stage_task_count(stage), 3);
    assert_int_equal(plan_task_parameter(stage, 2, 0).integer, 7);
    assert_int_equal(plan_task_parameter(stage, 0, 0).integer, 7);
    fixture_teardown(&fixture);
}

static void test_an_override_entry_without_a_default_takes_the_value_away(void **state)
{
    (void)state;
    static const char text[] =
        "- step: {name: s, image: i, command: 'x {parameter-value:p}',\n"
        "    parameters: [{name: p, default: a}]}\n"
        "- pipeline:\n"
        "    name: x\n"
        "    nodes: [{name: n, type: execution, step: s,\n"
        "      override: {parameters: [{name: p%s}]}}]\n"
        "    edges: []\n";
    struct fixture fixture;
    struct plan_request request = { .pipeline = "x" };
    char filled[1000];

    snprintf(filled, sizeof filled, text, ", optional: true");
    fixture_setup(&fixture, filled);
    assert_int_equal(compile(&fixture, &request), RC_OK);
    assert_int_equal(fixture.plan->stages[0].parameters[0].value.kind, VALUE_NULL);
    fixture_teardown(&fixture);
    snprintf(filled, sizeof filled, text, "");
    fixture_setup(&fixture, filled);
    assert_wrong(&fixture, &request, RC_INVALID, "'p' needs a value");
    fixture_teardown(&fixture);
}

/* Whatever the limit of the arena is, the answer is a plan or that memory ran out. */
static void test_a_lack_of_memory_is_an_answer_at_every_point(void **state)
{
    (void)state;
    struct fixture fixture;
    struct plan_assignment given[] = { { "many.lr", value_text("0.5") },
                                       { "tags", value_text("t") } };
    struct plan_uri uris[] = { { "one.data", "a.csv" } };
    struct plan_request request = { .pipeline = "all",
                                    .parameters = given,
                                    .parameter_count = 2,
                                    .inputs = uris,
                                    .input_count = 1 };
    enum rc rc = RC_NO_MEMORY;

    fixture_setup(&fixture, file);
    for (size_t limit = 0; rc != RC_OK && limit < 1 << 20; limit += 48) {
        scoped(arena) arena = arena_create(limit);
        struct plan *plan = NULL;
        struct err err = { 0 };

        rc = plan_compile(fixture.lint.config, &request, arena, &plan, &err);
        assert_true(rc == RC_OK || rc == RC_NO_MEMORY);
        assert_true(rc == RC_OK || (!plan && err.text[0] != '\0'));
    }
    assert_int_equal(rc, RC_OK);
    fixture_teardown(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_alone_is_a_plan_of_one_stage),
        cmocka_unit_test(test_given_values_are_cast_and_checked),
        cmocka_unit_test(test_names_may_be_unique_prefixes),
        cmocka_unit_test(test_a_pipeline_has_all_its_parts),
        cmocka_unit_test(test_what_is_given_to_a_stage_wins),
        cmocka_unit_test(test_a_blueprint_can_be_run_by_its_name),
        cmocka_unit_test(test_what_must_have_a_value_is_missed),
        cmocka_unit_test(test_edges_without_meaning_are_refused),
        cmocka_unit_test(test_files_that_cannot_run_say_where),
        cmocka_unit_test(test_a_lack_of_memory_is_an_answer_at_every_point),
        cmocka_unit_test(test_a_pipeline_parameter_replaces_what_a_sweep_had),
        cmocka_unit_test(test_an_override_entry_without_a_default_takes_the_value_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
