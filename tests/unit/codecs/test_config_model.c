/* test_config_model.c - what a file becomes: defaults, durations, lookups, places. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/config/read.h"

static const char file[] =
    "- step:\n"
    "    name: train\n"
    "    image: i\n"
    "    command: python t.py {parameters}\n"
    "    time-limit: 1h 30m\n"
    "    resources: {cpu: {min: 2}, devices: {}}\n"
    "    mounts: ['/a:/b:/c', {source: x, destination: /y, type: NFS, options: {a: 1, b: "
    "~}}]\n"
    "    parameters:\n"
    "      - {name: lr, type: float, default: 1e-5, min: 0}\n"
    "      - {name: many, multiple: repeat, default: one}\n"
    "      - {name: fast, type: flag, pass-true-as: --yes}\n"
    "      - {name: lr, type: float, default: 0.5}\n"
    "    inputs:\n"
    "      - {name: data, default: [a, b], keep-directories: yes, download: on-demand}\n"
    "    environment-variables: [{name: V}, {name: W, optional: false}]\n"
    "- task:\n"
    "    name: sweep\n"
    "    step: train\n"
    "    type: Random-Search\n"
    "    execution-count: 7\n"
    "    parameters: [{name: lr, style: linear, rules: {start: 0, end: 1, step: 0.5}}]\n"
    "- pipeline:\n"
    "    name: line\n"
    "    nodes:\n"
    "      - {name: a, type: execution, step: train, on-error: retry}\n"
    "      - name: b\n"
    "        type: task\n"
    "        task: sweep\n"
    "        edge-merge-mode: append\n"
    "        override: {inputs: [{name: data}]}\n"
    "        actions: [{when: [Node-Error, node-error], then: noop}]\n"
    "    edges:\n"
    "      - [a.output.*.pkl.gz, b.input.data]\n"
    "    parameters:\n"
    "      - {name: rate, target: a.parameter.lr, default: 3}\n";

static struct lint setup(void)
{
    struct lint lint;

    assert_int_equal(lint_file("f.yaml", file, sizeof file - 1, &lint, NULL), RC_OK);
    assert_int_equal(lint.error_count + lint.warning_count, 0);
    assert_non_null(lint.config);
    return lint;
}

static void test_a_step_has_its_defaults_filled_in(void **state)
{
    struct lint lint = setup();
    const struct config_step *step = config_step_find(lint.config, "train");

    (void)state;
    assert_non_null(step);
    assert_null(config_step_find(lint.config, "nosuch"));
    assert_int_equal(step->command_count, 1);
    assert_int_equal(step->time_limit_s, 5400);
    assert_int_equal(step->no_output_timeout_s, 0);
    assert_true(step->resources.cpu.min == 2 && isnan(step->resources.cpu.max));
    assert_int_equal(step->resources.devices.kind, VALUE_MAP);
    assert_string_equal(step->mounts[0].source, "/a");
    assert_string_equal(step->mounts[0].destination, "/b:/c");
    assert_string_equal(step->mounts[1].type, "nfs");
    assert_int_equal(step->mounts[1].options.map.count, 1);
    assert_true(step->variables[0].optional);
    assert_false(step->variables[1].optional);
    assert_int_equal(step->place.line, 2);
    lint_fini(&lint);
}

static void test_a_later_parameter_replaces_an_earlier_one_in_its_place(void **state)
{
    struct lint lint = setup();
    const struct config_step *step = config_step_find(lint.config, "train");

    (void)state;
    assert_int_equal(step->parameter_count, 3);
    assert_string_equal(step->parameters[0].name, "lr");
    assert_int_equal(step->parameters[0].fallback.kind, VALUE_FLOAT);
    assert_false(step->parameters[0].has_min);
    assert_int_equal(step->parameters[0].place.line, 12);
    lint_fini(&lint);
}

static void test_parameters_of_other_kinds(void **state)
{
    struct lint lint = setup();
    const struct config_step *step = config_step_find(lint.config, "train");
    const struct config_parameter *many = config_parameter_find(step, "many");
    const struct config_parameter *fast = config_parameter_find(step, "fast");

    (void)state;
    assert_int_equal(many->fallback.kind, VALUE_LIST);
    assert_int_equal(many->fallback.list.count, 1);
    assert_string_equal(many->separator, ",");
    assert_true(fast->optional);
    assert_int_equal(fast->choices.list.count, 2);
    assert_string_equal(fast->pass_true_as, "--yes");
    assert_int_equal(fast->fallback.kind, VALUE_ABSENT);

    const struct config_input *data = config_input_find(step, "data");

    assert_int_equal(data->uri_count, 2);
    assert_int_equal(data->keep_directories, KEEP_FULL);
    assert_true(data->on_demand);
    lint_fini(&lint);
}

static void test_a_task_and_its_variants(void **state)
{
    struct lint lint = setup();
    const struct config_task *task = config_task_find(lint.config, "sweep");

    (void)state;
    assert_int_equal(task->type, TASK_RANDOM);
    assert_int_equal(task->execution_count, 7);
    assert_int_equal(task->variants[0].style, VARIANT_LINEAR);
    assert_int_equal(value_get(&task->variants[0].rules, "end")->integer, 1);
    lint_fini(&lint);
}

static void test_a_pipeline_with_its_stages_and_edges(void **state)
{
    struct lint lint = setup();
    const struct config_pipeline *line = config_pipeline_find(lint.config, "line");
    const struct config_stage *b = config_stage_find(line, "b");

    (void)state;
    assert_int_equal(line->stages[0].on_error, ON_ERROR_RETRY);
    assert_int_equal(b->kind, STAGE_TASK);
    assert_true(b->merge_append && b->has_override);
    assert_int_equal(b->override.input_count, 1);
    assert_int_equal(b->override.inputs[0].uri_count, 0);
    assert_int_equal(b->actions[0].when_count, 1);
    assert_string_equal(b->actions[0].when[0], "node-error");
    assert_int_equal(line->edges[0].source_type, EDGE_OUTPUT);
    assert_string_equal(line->edges[0].source_key, "*.pkl.gz");
    assert_string_equal(line->parameters[0].targets[0].parameter, "lr");
    assert_int_equal(line->parameters[0].fallback.integer, 3);
    lint_fini(&lint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_has_its_defaults_filled_in),
        cmocka_unit_test(test_a_later_parameter_replaces_an_earlier_one_in_its_place),
        cmocka_unit_test(test_parameters_of_other_kinds),
        cmocka_unit_test(test_a_task_and_its_variants),
        cmocka_unit_test(test_a_pipeline_with_its_stages_and_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
