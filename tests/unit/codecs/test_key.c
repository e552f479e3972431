/* test_key.c - every field that counts changes the key, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/digest/digest.h"
#include "codecs/key/key.h"

#define TREE  "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define THIRD "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

enum { LIMIT = 32 };

struct sample { /* a stage whose every part may be changed */
    struct plan_stage stage;
    struct plan_parameter parameters[3];
    struct plan_source sources[2];
    struct plan_input inputs[2];
    struct plan_variable variables[2];
    struct value_entry properties[2];
    struct value property_map;
    struct value learning_rates[3];
    struct plan_column columns[1];
    const char *commands[2];
    const char *tree;
    uint64_t index;
};

static void sample_fill(struct sample *s)
{
    *s = (struct sample){
        .parameters = { { .name = "lr",
                          .type = PARAMETER_FLOAT,
                          .value = { .kind = VALUE_FLOAT, .real = 0.1 } },
                        { .name = "epochs",
                          .type = PARAMETER_INTEGER,
                          .value = { .kind = VALUE_INT, .integer = 5 } },
                        { .name = "note", .value = { .kind = VALUE_ABSENT } } },
        .sources = { { .uri = "a/x.csv", .name = "x.csv", .digest = OTHER, .size = 1 },
                     { .uri = "a/y.csv", .name = "y.csv", .digest = THIRD, .size = 2 } },
        .inputs = { { .name = "data" }, { .name = "more", .optional = true } },
        .variables = { { .name = "MODE", .value = "fast" },
                       { .name = "UNSET", .value = NULL } },
        .properties = { { "origin", { .kind = VALUE_INT, .integer = 1 } },
                        { "valohai.tags", { .kind = VALUE_INT, .integer = 1 } } },
        .commands = { "python train.py {parameter:lr}", "ls" },
        .tree = TREE,
    };
    s->property_map = (struct value){ .kind = VALUE_MAP, .map = { s->properties, 2 } };
    s->sources[0].metadata =
        (struct value){ .kind = VALUE_LIST, .list = { &s->property_map, 1 } };
    s->inputs[0].sources = s->sources;
    s->inputs[0].source_count = 2;
    s->stage = (struct plan_stage){ .name = "train",
                                    .step = "train-step",
                                    .image = "debian:12",
                                    .commands = s->commands,
                                    .command_count = 2,
                                    .parameters = s->parameters,
                                    .parameter_count = 3,
                                    .inputs = s->inputs,
                                    .input_count = 2,
                                    .variables = s->variables,
                                    .variable_count = 2 };
}

static struct sample *sample_create(void)
{
    struct sample *s = malloc(sizeof *s);

    assert_non_null(s);
    sample_fill(s);
    return s;
}

/* lr from 0.1 to 0.3. */
static void sample_sweep(struct sample *s)
{
    for (int i = 0; i < 3; i++)
        s->learning_rates[i] = value_float(0.1 * (i + 1));
    s->columns[0] = (struct plan_column){ 0, s->learning_rates, 3 };
    s->stage.sweep = SWEEP_PRODUCT;
    s->stage.kind = STAGE_TASK;
    s->stage.columns = s->columns;
    s->stage.column_count = 1;
}

static void key_of(const struct sample *s, unsigned char key[KEY_SIZE])
{
    scoped(digester) digester = digester_create(false);
    scoped(key_class) class = NULL;
    struct err err;

    assert_non_null(digester);
    assert_int_equal(key_class_create(&s->stage, s->tree, digester, &class, &err), RC_OK);
    assert_int_equal(key_of_task(class, s->index, key, &err), RC_OK);
}

/* The changed sample has another key exactly if a field of that name differs. */
static void assert_changed(struct sample *changed, const char *name)
{
    struct sample *original = sample_create();
    scoped(arena) arena = arena_create(1 << 20);
    unsigned char before[KEY_SIZE], after[KEY_SIZE];
    struct key_fields old = { 0 }, new = { 0 };
    struct key_difference differences[LIMIT];
    struct err err;
    bool found = false;

    key_of(original, before);
    key_of(changed, after);
    assert_int_equal(
        key_fields_of_task(&original->stage, original->tree, 0, arena, &old, &err),
        RC_OK);
    assert_int_equal(key_fields_of_task(&changed->stage, changed->tree, changed->index,
                                        arena, &new, &err),
                     RC_OK);

    size_t count = key_compare(&old, &new, differences, LIMIT);

    for (size_t i = 0; i < count; i++)
        found |= name && strcmp(differences[i].name, name) == 0;
    if (name) {
        assert_true(found);
        assert_memory_not_equal(before, after, KEY_SIZE);
    } else {
        assert_int_equal(count, 0);
        assert_memory_equal(before, after, KEY_SIZE);
    }
    free(original);
    free(changed);
}

/* Makes a sample, changes it, and names the field that must differ; NULL: none may. */
#define CHANGE(field, ...)                                                               \
    do {                                                                                 \
        struct sample *s = sample_create();                                              \
        __VA_ARGS__;                                                                     \
        assert_changed(s, field);                                                        \
    } while (0)

static void test_an_image_with_a_digest_is_known_by_that(void **state)
{
    struct sample *one = sample_create(), *other = sample_create();
    unsigned char keys[2][KEY_SIZE];

    (void)state;
    CHANGE("image", s->stage.image = "debian:12@" OTHER);
    one->stage.image = "debian:12@" OTHER;
    other->stage.image = "mirror.example/debian@" OTHER;
    key_of(one, keys[0]);
    key_of(other, keys[1]);
    assert_memory_equal(keys[0], keys[1], KEY_SIZE);
    other->stage.image = "debian:12@" TREE;
    key_of(other, keys[1]);
    assert_memory_not_equal(keys[0], keys[1], KEY_SIZE);
    other->stage.image = "debian:12@sha256:short";
    one->stage.image = "debian@sha256:short";
    key_of(one, keys[0]);
    key_of(other, keys[1]);
    assert_memory_not_equal(keys[0], keys[1], KEY_SIZE);
    free(one);
    free(other);
}

static void test_what_a_command_sees_changes_the_key(void **state)
{
    (void)state;
    CHANGE("code", s->tree = OTHER);
    CHANGE("code", s->stage.code = OTHER);
    CHANGE("step", s->stage.step = "other");
    CHANGE("source-path", s->stage.source_path = "train.py");
    CHANGE("image", s->stage.image = "debian:13");
    CHANGE("stop-condition", s->stage.stop_condition = "metadata.loss < 1");
    CHANGE("command", s->commands[1] = "ls -l");
    CHANGE("command", s->stage.command_count = 1);
    CHANGE("parameter:lr", s->parameters[0].value.real = 0.2);
    CHANGE("parameter:epochs", s->parameters[1].value.integer = 6);
    CHANGE("parameter:note", s->parameters[2].value = value_text(""));
    CHANGE("parameter:note", s->parameters[2].value = value_null());
    CHANGE("passing:lr", s->parameters[0].pass_as = "-l {v}");
    CHANGE("passing:lr", s->parameters[0].type = PARAMETER_STRING);
    CHANGE("passing:lr", s->parameters[0].multiple = MULTIPLE_REPEAT);
    CHANGE("passing:lr", s->parameters[0].separator = ";");
    CHANGE("passing:lr", s->parameters[0].pass_true_as = "-t");
    CHANGE("passing:lr", s->parameters[0].pass_false_as = "-f");
    CHANGE("variable:MODE", s->variables[0].value = "slow");
    CHANGE("variable:MODE", s->variables[0].value = NULL);
    CHANGE("variable:UNSET", s->variables[1].value = "");
}

static void test_input_files_count_by_name_content_and_order(void **state)
{
    (void)state;
    CHANGE("input:data/x.csv", s->sources[0].digest = THIRD);
    CHANGE("input:data/x.csv", s->sources[0].name = "z.csv");
    CHANGE("input:data/z.csv", s->sources[0].name = "z.csv");
    CHANGE("input:data", s->inputs[0].keep_directories = KEEP_FULL);
    CHANGE("input:data", s->inputs[0].on_demand = true);
    CHANGE("input:data/y.csv", s->inputs[0].source_count = 1);
    CHANGE("input:data/f", s->inputs[0].source_count = 1; s->inputs[0].filename = "f");
    CHANGE("input:more", s->stage.input_count = 1);
    CHANGE("properties:data/x.csv", s->properties[0].value.integer = 2);
    CHANGE("input:data", struct plan_source first = s->sources[0];
           s->sources[0] = s->sources[1]; s->sources[1] = first);
    /* Without a name the URI gives it. */
    CHANGE("input:data/a/x.csv", s->sources[0].name = NULL);
}

static void test_names_places_and_resources_do_not_count(void **state)
{
    (void)state;
    CHANGE(NULL, s->stage.name = "other");
    CHANGE(NULL, s->stage.task = "sweep");
    CHANGE(NULL, s->stage.description = "text");
    CHANGE(NULL, s->stage.environment = "gpu");
    CHANGE(NULL, s->stage.upload_store = "bucket");
    CHANGE(NULL, s->stage.cpu_min = 4; s->stage.memory_min_mb = 100; s->stage.gpus = 1);
    CHANGE(NULL, s->stage.time_limit_s = 9; s->stage.no_output_timeout_s = 9);
    CHANGE(NULL, s->stage.on_error = ON_ERROR_RETRY; s->stage.queued_max = 1);
    CHANGE(NULL, s->stage.reuse = true; s->stage.merge_append = true);
    CHANGE(NULL, s->sources[0].uri = "elsewhere/x.csv");
    CHANGE(NULL, s->sources[0].size = 77; s->sources[0].md5 = "00");
    CHANGE(NULL, s->properties[1].value.integer = 2);
    CHANGE(NULL, s->stage.code = TREE); /* the same files, said otherwise */
    CHANGE(NULL, s->inputs[1].optional = false);
    CHANGE(NULL, s->parameters[0].has_min = true; s->parameters[0].optional = true);
}

static void swap_parameters(struct sample *s)
{
    struct plan_parameter first = s->parameters[0];

    s->parameters[0] = s->parameters[1];
    s->parameters[1] = first;
}

static void test_the_order_of_what_has_none_does_not_count(void **state)
{
    (void)state;
    CHANGE(NULL, struct plan_variable first = s->variables[0];
           s->variables[0] = s->variables[1]; s->variables[1] = first);
    CHANGE(NULL, struct plan_input first = s->inputs[0]; s->inputs[0] = s->inputs[1];
           s->inputs[1] = first);
    CHANGE(NULL, swap_parameters(s));
}

static void test_the_order_of_parameters_counts_where_a_command_shows_it(void **state)
{
    (void)state;
    unsigned char one[KEY_SIZE], other[KEY_SIZE];
    struct sample *s = sample_create();

    s->commands[0] = "python train.py {parameters}";
    key_of(s, one);
    swap_parameters(s);
    key_of(s, other);
    assert_memory_not_equal(one, other, KEY_SIZE);
    free(s);
}

static void test_a_task_of_a_sweep_equals_the_step_with_its_values(void **state)
{
    (void)state;
    unsigned char keys[3][KEY_SIZE], alone[KEY_SIZE];
    struct sample *swept = sample_create(), *single = sample_create();

    sample_sweep(swept);
    for (uint64_t i = 0; i < 3; i++) {
        swept->index = i;
        key_of(swept, keys[i]);
    }
    key_of(single, alone);
    assert_memory_equal(keys[0], alone, KEY_SIZE);
    assert_memory_not_equal(keys[1], alone, KEY_SIZE);
    single->parameters[0].value = swept->learning_rates[2];
    key_of(single, alone);
    assert_memory_equal(keys[2], alone, KEY_SIZE);
    free(swept);
    free(single);
}

static void test_a_number_written_as_text_is_the_number(void **state)
{
    (void)state;
    CHANGE(NULL, s->parameters[1].value = value_text("5"));
    CHANGE("parameter:epochs", s->parameters[1].value = value_text("6"));
}

static void test_a_secret_is_not_shown(void **state)
{
    (void)state;
    struct sample *s = sample_create();
    scoped(arena) arena = arena_create(1 << 20);
    struct key_fields fields;
    struct err err;
    bool found = false;

    s->variables[0] = (struct plan_variable){ .name = "api_token", .value = "hunter2" };
    assert_int_equal(key_fields_of_task(&s->stage, s->tree, 0, arena, &fields, &err),
                     RC_OK);
    for (size_t i = 0; i < fields.count; i++) {
        assert_null(strstr(fields.fields[i].text, "hunter2"));
        found |= strcmp(fields.fields[i].text, "a secret") == 0;
    }
    assert_true(found);
    free(s);
}

static void test_a_file_that_the_node_fetches_leaves_the_key_open(void **state)
{
    (void)state;
    struct sample *s = sample_create();
    const struct plan_input *input = NULL;

    assert_null(key_unsettled(&s->stage, &input));
    s->sources[1].digest = NULL;
    assert_ptr_equal(key_unsettled(&s->stage, &input), &s->sources[1]);
    assert_ptr_equal(input, &s->inputs[0]);
    free(s);
}

static void test_an_open_key_has_the_uri_and_not_the_password(void **state)
{
    (void)state;
    struct sample *s = sample_create();
    unsigned char known[KEY_SIZE], open[KEY_SIZE], again[KEY_SIZE];

    s->sources[1].uri = "http://h/y.csv";
    key_of(s, known);
    s->sources[1].digest = NULL;
    key_of(s, open);
    assert_memory_not_equal(open, known, KEY_SIZE);
    s->sources[1].uri = "http://u:p@h/y.csv";
    key_of(s, again);
    assert_memory_equal(open, again, KEY_SIZE);
    s->sources[1].uri = "http://h/z.csv";
    key_of(s, again);
    assert_memory_not_equal(open, again, KEY_SIZE);
    s->sources[1].digest = THIRD;
    s->sources[1].etag = "\"e\"";
    key_of(s, again);
    assert_memory_equal(known, again, KEY_SIZE);
    free(s);
}

static void test_a_task_that_is_not_there_has_no_fields(void **state)
{
    (void)state;
    struct sample *s = sample_create();
    scoped(arena) arena = arena_create(1 << 20);
    struct key_fields fields;
    struct err err;

    assert_int_equal(key_fields_of_task(&s->stage, s->tree, 1, arena, &fields, &err),
                     RC_INVALID);
    free(s);
}

/* Stored keys must mean the same in the next release: a change of this value needs
 * another marker in the key, and makes everything run again once. */
static void test_the_key_of_the_sample_stays(void **state)
{
    (void)state;
    unsigned char key[KEY_SIZE];
    char text[2 * KEY_SIZE + 1] = "";
    struct sample *s = sample_create();

    key_of(s, key);
    free(s);
    for (size_t i = 0; i < KEY_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
    assert_string_equal(
        text, "8e4dce1734ff27d716331f7914e2c793edc26c0b4d0adb71d97c614eef73f156");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_image_with_a_digest_is_known_by_that),
        cmocka_unit_test(test_what_a_command_sees_changes_the_key),
        cmocka_unit_test(test_input_files_count_by_name_content_and_order),
        cmocka_unit_test(test_names_places_and_resources_do_not_count),
        cmocka_unit_test(test_the_order_of_what_has_none_does_not_count),
        cmocka_unit_test(test_the_order_of_parameters_counts_where_a_command_shows_it),
        cmocka_unit_test(test_a_task_of_a_sweep_equals_the_step_with_its_values),
        cmocka_unit_test(test_a_number_written_as_text_is_the_number),
        cmocka_unit_test(test_a_secret_is_not_shown),
        cmocka_unit_test(test_a_file_that_the_node_fetches_leaves_the_key_open),
        cmocka_unit_test(test_an_open_key_has_the_uri_and_not_the_password),
        cmocka_unit_test(test_a_task_that_is_not_there_has_no_fields),
        cmocka_unit_test(test_the_key_of_the_sample_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
