/* test_config_samples.c - the counts of findings in the format's sample files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/config/read.h"

struct sample {
    const char *file;
    size_t errors, warnings;
    const char *rules; /* ids or paths in order, a blank between */
};

static const struct sample samples[] = {
    { "examples/endpoint-example", 0, 0, "" },
    { "examples/environment-variable-group-example", 0, 0, "" },
    { "examples/example1", 0, 0, "" },
    { "examples/flag-param-example", 0, 0, "" },
    { "examples/input-extras", 0, 0, "" },
    { "examples/mount-example", 0, 0, "" },
    { "examples/optional-default-param", 0, 0, "" },
    { "examples/pipeline-edge-types-example", 0, 0, "" },
    { "examples/pipeline-example", 0, 0, "" },
    { "examples/pipeline-with-automatic-deployment-creation", 0, 0, "" },
    { "examples/pipeline-with-override-only-preset", 0, 0, "" },
    { "examples/pipeline-with-parameters-example", 0, 0, "" },
    { "examples/pipeline-with-tasks-example", 0, 0, "" },
    { "examples/step-with-partial-resources", 0, 0, "" },
    { "examples/step-with-preset", 0, 0, "" },
    { "examples/task-example", 0, 0, "" },
    { "examples/timeouts-example", 0, 0, "" },
    { "valid/edge-merge-mode", 0, 0, "" },
    { "valid/task-stop-condition", 0, 0, "" },
    { "error/input-name-too-long", 1, 0, "0.step.inputs.0.name" },
    { "error/invalid-YAML-indentation", 1, 0, "3:10" },
    { "error/invalid-pipeline-with-override-example", 3, 0, "N4 N5 N1" },
    { "error/invalid-shorthand-edge", 1, 0, "E0" },
    { "error/invalid-task-blueprint-reference", 1, 0, "N2" },
    { "error/pipeline-with-preset-override-without-environment", 1, 0, "N6" },
    { "error/step-invalid-resources", 1, 0, "0.step.resources.cpu.min" },
    { "error/step-missing-required-properties", 4, 0,
      "0.step 0.step 0.step.image 1.step.command" },
    { "error/step-stop-condition", 1, 0, "S1" },
    { "error/wrong-edge-merge-mode", 1, 0, "1.pipeline.nodes.0" },
    { "warning/duplicate_step_names", 0, 1, "T2" },
    { "warning/invalid-numeric-parameter-default", 0, 1, "R5" },
    { "warning/nonsensical-task-bits", 0, 3, "K2 K3 K3" },
};

/* What a sample's list names of a finding: the place, the path or the rule. */
static void name_of(const struct finding *f, char *text, size_t size)
{
    if (strcmp(f->id, "yaml") == 0)
        snprintf(text, size, "%u:%u", f->place.line, f->place.column);
    else
        snprintf(text, size, "%s", strcmp(f->id, "schema") == 0 ? f->path : f->id);
}

static void read_sample(const char *name, char *bytes, size_t room, size_t *size)
{
    char path[400];

    snprintf(path, sizeof path, "%s/valohai-yaml/%s.yaml", TEST_DATA, name);

    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    *size = fread(bytes, 1, room, file);
    assert_true(*size < room);
    fclose(file);
}

static void check_sample(const struct sample *sample)
{
    static char bytes[65536];
    char rules[400] = "", name[200];
    struct lint lint;
    size_t size;

    read_sample(sample->file, bytes, sizeof bytes, &size);
    assert_int_equal(lint_file(sample->file, bytes, size, &lint, NULL), RC_OK);
    for (size_t i = 0; i < lint.finding_count; i++) {
        name_of(&lint.findings[i], name, sizeof name);
        if (i)
            strncat(rules, " ", sizeof rules - strlen(rules) - 1);
        strncat(rules, name, sizeof rules - strlen(rules) - 1);
    }
    if (lint.error_count != sample->errors || lint.warning_count != sample->warnings)
        fail_msg("%s: %zu errors, %zu warnings (%s)", sample->file, lint.error_count,
                 lint.warning_count, rules);
    if (strcmp(rules, sample->rules) != 0)
        fail_msg("%s: found %s", sample->file, rules);
    lint_fini(&lint);
}

static void test_each_sample_has_the_findings_of_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++)
        check_sample(&samples[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_sample_has_the_findings_of_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
