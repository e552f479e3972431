/* test_sweep.c - the values of variants and the columns of blueprints. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/sweep/sweep.h"

static struct arena *arena_setup(void)
{
    struct arena *arena = arena_create(64 << 20);

    assert_non_null(arena);
    return arena;
}

static struct config_variant variant_of(struct arena *arena, const char *name,
                                        enum variant_style style, const char *rules)
{
    struct config_variant variant = { .name = name, .style = style };

    assert_int_equal(value_from_json(arena, rules, strlen(rules), &variant.rules, NULL),
                     RC_OK);
    return variant;
}

struct values_case {
    enum variant_style style;
    const char *rules;
    enum parameter_type type;
    const char *values; /* as a JSON list; NULL: refused */
};

static const struct values_case values_cases[] = {
    { VARIANT_SINGLE, "{\"value\": 3}", PARAMETER_FLOAT, "[3]" },
    { VARIANT_SINGLE, "{\"value\": 3.0}", PARAMETER_INTEGER, "[3]" },
    { VARIANT_SINGLE, "{\"value\": 3.0}", PARAMETER_FLOAT, "[3.0]" },
    { VARIANT_SINGLE, "{}", PARAMETER_FLOAT, NULL },
    { VARIANT_MULTIPLE, "{\"items\": [1, \"a\", true]}", PARAMETER_STRING,
      "[1, \"a\", true]" },
    { VARIANT_MULTIPLE, "{\"items\": [\"1\", \"2.5\", \"x\"], \"numberify\": true}",
      PARAMETER_STRING, "[1, 2.5, \"x\"]" },
    { VARIANT_MULTIPLE, "{\"items\": []}", PARAMETER_STRING, NULL },
    { VARIANT_MULTIPLE, "{}", PARAMETER_STRING, NULL },
    { VARIANT_LINEAR, "{\"start\": 0.8, \"end\": 0.9, \"step\": 0.01}", PARAMETER_FLOAT,
      "[0.8, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86, 0.87, 0.88, 0.89, 0.9]" },
    { VARIANT_LINEAR, "{\"start\": 0.001, \"end\": 0.002, \"step\": 0.0002}",
      PARAMETER_FLOAT, "[0.001, 0.0012, 0.0014, 0.0016, 0.0018, 0.002]" },
    { VARIANT_LINEAR, "{\"start\": 1, \"end\": 10, \"step\": 4}", PARAMETER_INTEGER,
      "[1, 5, 9]" },
    { VARIANT_LINEAR, "{\"start\": 3, \"end\": 1, \"step\": -1}", PARAMETER_INTEGER,
      "[3, 2, 1]" },
    { VARIANT_LINEAR, "{\"start\": 3, \"end\": 1, \"step\": 1}", PARAMETER_INTEGER,
      NULL },
    { VARIANT_LINEAR, "{\"start\": 3, \"end\": 4, \"step\": 0}", PARAMETER_INTEGER,
      NULL },
    { VARIANT_LINEAR, "{\"start\": 0, \"end\": 1e9, \"step\": 0.001}", PARAMETER_FLOAT,
      NULL },
    { VARIANT_LINEAR, "{\"start\": 3, \"end\": 4}", PARAMETER_INTEGER, NULL },
    { VARIANT_LOGSPACE, "{\"start\": 2, \"end\": 8, \"count\": 4, \"base\": 2}",
      PARAMETER_INTEGER, "[4, 16, 64, 256]" },
    { VARIANT_LOGSPACE, "{\"min\": -3, \"max\": -1, \"count\": 3}", PARAMETER_FLOAT,
      "[0.001, 0.01, 0.1]" },
    { VARIANT_LOGSPACE,
      "{\"start\": 0, \"end\": 1, \"count\": 8, \"base\": 2, \"integerify\": true}",
      PARAMETER_FLOAT, "[1, 2]" },
    { VARIANT_LOGSPACE, "{\"start\": 0, \"end\": 1, \"count\": 0}", PARAMETER_FLOAT,
      NULL },
    { VARIANT_LOGSPACE, "{\"start\": 0, \"end\": 900, \"count\": 3}", PARAMETER_FLOAT,
      NULL },
    { VARIANT_RANDOM, "{\"min\": 0, \"max\": 1}", PARAMETER_FLOAT, NULL },
    { VARIANT_RANDOM, "{\"min\": 2, \"max\": 1, \"count\": 3}", PARAMETER_FLOAT, NULL },
    { VARIANT_RANDOM,
      "{\"min\": 0, \"max\": 1, \"count\": 3, \"distribution\": \"zipf\"}",
      PARAMETER_FLOAT, NULL },
    { VARIANT_RANDOM, "{\"min\": 7, \"max\": 7, \"count\": 3}", PARAMETER_INTEGER,
      "[7, 7, 7]" },
    { VARIANT_RANDOM, "{\"min\": 7, \"max\": 7.5, \"count\": 9, \"integerify\": true}",
      PARAMETER_INTEGER, "[7]" },
};

static void test_styles_give_their_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values_cases); i++) {
        scoped(arena) arena = arena_setup();
        const struct values_case *one = &values_cases[i];
        struct config_variant variant = variant_of(arena, "p", one->style, one->rules);
        struct value list = { .kind = VALUE_LIST };
        struct err err = { 0 };
        struct buf buf = { 0 };
        enum rc rc = sweep_values(arena, &variant, one->type, 1, &list.list.items,
                                  &list.list.count, &err);

        assert_int_equal(rc, one->values ? RC_OK : RC_INVALID);
        if (one->values) {
            struct value wanted;
            struct buf again = { 0 };

            assert_int_equal(
                value_from_json(arena, one->values, strlen(one->values), &wanted, NULL),
                RC_OK);
            value_to_json(&buf, &list);
            value_to_json(&again, &wanted);
            assert_string_equal(buf_string(&buf), buf_string(&again));
            buf_fini(&again);
        } else {
            assert_non_null(strstr(err.text, "'p'"));
        }
        buf_fini(&buf);
    }
}

static void test_an_unknown_distribution_is_told_which_is_known(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct config_variant variant =
        variant_of(arena, "p", VARIANT_RANDOM,
                   "{\"min\":0,\"max\":1,\"count\":1,\"distribution\":\"zipf\"}");
    const struct value *values;
    size_t count;
    struct err err;

    assert_int_equal(
        sweep_values(arena, &variant, PARAMETER_FLOAT, 1, &values, &count, &err),
        RC_INVALID);
    assert_non_null(strstr(err.text, "uniform"));
}

static void test_draws_repeat_for_a_seed_and_lie_within(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct config_variant variant = variant_of(
        arena, "p", VARIANT_RANDOM, "{\"min\": -2, \"max\": 5, \"count\": 1000}");
    const struct value *first, *same, *other;
    size_t count;
    double sum = 0;

    assert_int_equal(
        sweep_values(arena, &variant, PARAMETER_FLOAT, 7, &first, &count, NULL), RC_OK);
    assert_int_equal(
        sweep_values(arena, &variant, PARAMETER_FLOAT, 7, &same, &count, NULL), RC_OK);
    assert_int_equal(
        sweep_values(arena, &variant, PARAMETER_FLOAT, 8, &other, &count, NULL), RC_OK);
    assert_int_equal(count, 1000);
    for (size_t i = 0; i < count; i++) {
        assert_true(first[i].real >= -2 && first[i].real <= 5);
        assert_true(value_equals(&first[i], &same[i]));
        sum += first[i].real;
    }
    assert_false(value_equals(&first[0], &other[0]));
    assert_true(fabs(sum / 1000 - 1.5) < 0.25);

    struct config_variant seeded =
        variant_of(arena, "p", VARIANT_RANDOM,
                   "{\"min\": -2, \"max\": 5, \"count\": 9, \"seed\": 3}");

    assert_int_equal(
        sweep_values(arena, &seeded, PARAMETER_FLOAT, 7, &first, &count, NULL), RC_OK);
    assert_int_equal(
        sweep_values(arena, &seeded, PARAMETER_FLOAT, 8, &same, &count, NULL), RC_OK);
    assert_true(value_equals(&first[8], &same[8]));
}

static struct plan_parameter parameters[] = {
    { .name = "a", .type = PARAMETER_FLOAT, .separator = "," },
    { .name = "b",
      .type = PARAMETER_INTEGER,
      .separator = ",",
      .has_max = true,
      .max = 100 },
};

static enum rc expand(struct arena *arena, struct config_task *task, const char *a,
                      const char *b, struct plan_stage *stage, struct err *err)
{
    struct config_variant *variants = arena_array(arena, 2, sizeof *variants);

    *stage = (struct plan_stage){ .name = "s",
                                  .parameters = parameters,
                                  .parameter_count = 2 };
    variants[0] = variant_of(arena, "a", VARIANT_RANDOM, a);
    variants[1] = variant_of(arena, "b", VARIANT_MULTIPLE, b);
    task->name = "t";
    task->step = "st";
    task->variants = variants;
    task->variant_count = 2;
    return sweep_expand(arena, task, 1, stage, err);
}

static void test_a_grid_is_a_product(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct config_task task = { .type = TASK_GRID };
    struct plan_stage stage;
    struct err err;

    assert_int_equal(expand(arena, &task, "{\"min\":0,\"max\":1,\"count\":3}",
                            "{\"items\": [1, 2]}", &stage, &err),
                     RC_OK);
    assert_int_equal(stage.sweep, SWEEP_PRODUCT);
    assert_int_equal(plan_stage_task_count(&stage), 6);
    assert_int_equal(expand(arena, &task, "{\"min\":0,\"max\":1,\"count\":3}",
                            "{\"items\": [1, 200]}", &stage, &err),
                     RC_INVALID);
}

static void test_a_random_search_draws_as_many_as_it_says(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct config_task task = { .type = TASK_RANDOM, .execution_count = 50 };
    struct plan_stage stage;
    struct err err;

    assert_int_equal(expand(arena, &task, "{\"min\":0,\"max\":1}", "{\"items\": [1, 2]}",
                            &stage, &err),
                     RC_OK);
    assert_int_equal(stage.sweep, SWEEP_ZIP);
    assert_int_equal(plan_stage_task_count(&stage), 50);
    task.execution_count = 0;
    assert_int_equal(expand(arena, &task, "{\"min\":0,\"max\":1}", "{\"items\": [1, 2]}",
                            &stage, &err),
                     RC_OK);
    assert_int_equal(plan_stage_task_count(&stage), 100);
    assert_int_equal(expand(arena, &task, "{\"min\":0,\"max\":1,\"count\":5}",
                            "{\"items\": [1, 2]}", &stage, &err),
                     RC_OK);
    assert_int_equal(plan_stage_task_count(&stage), 10);
}

static void test_what_is_not_run_yet_is_refused(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct config_task task = { .type = TASK_BAYESIAN, .execution_count = 21 };
    struct plan_stage stage;
    struct err err;

    assert_int_equal(expand(arena, &task, "{\"min\":0,\"max\":1}", "{\"items\": [1, 2]}",
                            &stage, &err),
                     RC_UNSUPPORTED);
    task.execution_count = 0;
    assert_int_equal(expand(arena, &task, "{\"min\":0,\"max\":1}", "{\"items\": [1, 2]}",
                            &stage, &err),
                     RC_OK);
    assert_int_equal(plan_stage_task_count(&stage), 20);
    task.type = TASK_DISTRIBUTED;
    assert_int_equal(expand(arena, &task, "{\"min\":0,\"max\":1}", "{\"items\": [1, 2]}",
                            &stage, &err),
                     RC_UNSUPPORTED);
}

static void test_parameter_sets_are_zipped_with_holes(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct value sets[2];
    struct config_task task = {
        .name = "t", .step = "st", .type = TASK_MANUAL, .sets = sets, .set_count = 2
    };
    struct plan_stage stage = { .name = "s",
                                .parameters = parameters,
                                .parameter_count = 2 };
    struct err err;

    assert_int_equal(value_from_json(arena, "{\"b\": 1}", 8, &sets[0], NULL), RC_OK);
    assert_int_equal(value_from_json(arena, "{\"a\":2,\"b\":3}", 13, &sets[1], NULL),
                     RC_OK);
    assert_int_equal(sweep_expand(arena, &task, 1, &stage, &err), RC_OK);
    assert_int_equal(stage.sweep, SWEEP_ZIP);
    assert_int_equal(stage.column_count, 2);
    assert_int_equal(stage.columns[0].parameter, 1);
    assert_int_equal(stage.columns[1].values[0].kind, VALUE_ABSENT);
    assert_int_equal(stage.columns[0].values[1].integer, 3);
    assert_int_equal(value_from_json(arena, "{\"c\": 1}", 8, &sets[0], NULL), RC_OK);
    assert_int_equal(sweep_expand(arena, &task, 1, &stage, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "'c'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_styles_give_their_values),
        cmocka_unit_test(test_an_unknown_distribution_is_told_which_is_known),
        cmocka_unit_test(test_draws_repeat_for_a_seed_and_lie_within),
        cmocka_unit_test(test_a_grid_is_a_product),
        cmocka_unit_test(test_a_random_search_draws_as_many_as_it_says),
        cmocka_unit_test(test_what_is_not_run_yet_is_refused),
        cmocka_unit_test(test_parameter_sets_are_zipped_with_holes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
