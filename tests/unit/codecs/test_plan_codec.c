/* test_plan_codec.c - plans to bytes and back, and bytes that are no plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/pack/pack.h"
#include "codecs/plan/shape.h"

static const char digest[] =
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct arena *arena_setup(void)
{
    struct arena *arena = arena_create(512 << 20);

    assert_non_null(arena);
    return arena;
}

static struct value rates[] = {
    { .kind = VALUE_FLOAT, .real = 0.5 },
    { .kind = VALUE_ABSENT },
};
static struct plan_column columns[] = {
    { .parameter = 1, .values = rates, .value_count = 2 }
};
static struct plan_parameter parameters[] = {
    { .name = "epochs",
      .type = PARAMETER_INTEGER,
      .has_min = true,
      .min = 1,
      .value = { .kind = VALUE_INT, .integer = 5 } },
    { .name = "rate",
      .type = PARAMETER_FLOAT,
      .multiple = MULTIPLE_REPEAT,
      .separator = ",",
      .value = { .kind = VALUE_NULL } },
};
static struct plan_source sources[] = {
    { .uri = "data.csv", .name = "in/data.csv", .digest = digest, .size = 12 },
    { .uri = "https://localhost/x" },
};
static struct plan_input inputs[] = {
    { .name = "data", .sources = sources, .source_count = 2, .on_demand = true }
};
static struct plan_variable variables[] = { { .name = "A", .value = "1" },
                                            { .name = "B", .optional = true } };
static const char *const conditions[] = { "metadata.a > 1" };
static const enum then then[] = { THEN_STOP, THEN_APPROVAL };
static struct plan_action actions[] = { { .when = WHEN_COMPLETE | WHEN_ERROR,
                                          .conditions = conditions,
                                          .condition_count = 1,
                                          .then = then,
                                          .then_count = 2 } };
static const char *const commands[] = { "true", "echo {parameters}" };
static const char *const notes[] = { "a note" };

static void plan_small(struct plan *plan, struct plan_stage stages[2],
                       struct plan_edge edges[1])
{
    stages[0] = (struct plan_stage){ .name = "train",
                                     .kind = STAGE_TASK,
                                     .step = "s",
                                     .image = "i",
                                     .commands = commands,
                                     .command_count = 2,
                                     .parameters = parameters,
                                     .parameter_count = 2,
                                     .inputs = inputs,
                                     .input_count = 1,
                                     .variables = variables,
                                     .variable_count = 2,
                                     .cpu_min = 1.5,
                                     .time_limit_s = 60,
                                     .sweep = SWEEP_ZIP,
                                     .columns = columns,
                                     .column_count = 1,
                                     .queued_max = 3,
                                     .on_child_error = CHILD_ERROR_STOP_ALL_AND_ERROR,
                                     .on_error = ON_ERROR_RETRY,
                                     .merge_append = true,
                                     .actions = actions,
                                     .action_count = 1 };
    stages[1] = (struct plan_stage){ .name = "pick", .step = "t" };
    edges[0] = (struct plan_edge){ .source = 0,
                                   .target = 1,
                                   .source_type = EDGE_METADATA,
                                   .target_type = EDGE_PARAMETER,
                                   .source_key = "acc",
                                   .target_key = "best" };
    *plan = (struct plan){
        .project = "p",
        .title = "t",
        .is_pipeline = true,
        .code = { .tree = digest, .commit = "c0", .file_count = 3, .bytes = 99 },
        .stages = stages,
        .stage_count = 2,
        .edges = edges,
        .edge_count = 1,
        .notes = notes,
        .note_count = 1
    };
}

static enum rc plan_through(struct arena *arena, const struct plan *plan,
                            struct plan **decoded, struct err *err)
{
    struct buf buf;

    buf_init(&buf, 0);
    plan_encode(&buf, plan);
    assert_true(buf_ok(&buf));

    enum rc rc = plan_decode(arena, buf.data, buf.size, decoded, err);

    buf_fini(&buf);
    return rc;
}

static void assert_refused(struct arena *arena, const struct plan *plan, const char *why)
{
    struct plan *decoded = NULL;
    struct err err = { 0 };

    assert_int_equal(plan_through(arena, plan, &decoded, &err), RC_PROTOCOL);
    assert_null(decoded);
    if (!strstr(err.text, why))
        fail_msg("'%s' does not hold '%s'", err.text, why);
}

static void test_a_plan_comes_back_as_it_was(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan plan, *back = NULL;
    struct plan_stage stages[2];
    struct plan_edge edges[1];
    struct err err = { 0 };
    struct buf first = { 0 }, second = { 0 };

    plan_small(&plan, stages, edges);
    assert_int_equal(plan_through(arena, &plan, &back, &err), RC_OK);
    plan_encode(&first, &plan);
    plan_encode(&second, back);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    assert_string_equal(back->code.tree, digest);
    assert_int_equal(back->stages[0].columns[0].values[1].kind, VALUE_ABSENT);
    assert_int_equal(back->stages[0].parameters[1].value.kind, VALUE_NULL);
    assert_int_equal(back->stages[0].actions[0].then[1], THEN_APPROVAL);
    assert_string_equal(back->stages[0].inputs[0].sources[0].name, "in/data.csv");
    assert_null(back->stages[0].inputs[0].sources[1].digest);
    assert_int_equal(plan_stage_task_count(&back->stages[0]), 2);
    buf_fini(&first);
    buf_fini(&second);
}

static void test_a_stage_comes_back_alone(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan plan;
    struct plan_stage stages[2], *back = NULL;
    struct plan_edge edges[1];
    struct buf buf = { 0 };

    plan_small(&plan, stages, edges);
    plan_stage_encode(&buf, &stages[0]);
    assert_int_equal(plan_stage_decode(arena, buf.data, buf.size, &back, NULL), RC_OK);
    assert_string_equal(back->name, "train");
    assert_int_equal(back->queued_max, 3);
    buf_byte(&buf, 0);
    assert_int_equal(plan_stage_decode(arena, buf.data, buf.size, &back, NULL),
                     RC_PROTOCOL);
    buf_fini(&buf);
}

static void test_unknown_fields_are_skipped(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan_stage *back = NULL;
    struct buf buf = { 0 };

    pack_map(&buf, 3);
    pack_text(&buf, "colour");
    pack_list(&buf, 2);
    pack_uint(&buf, 1);
    pack_map(&buf, 0);
    pack_text(&buf, "name");
    pack_text(&buf, "a");
    pack_text(&buf, "step");
    pack_null(&buf);
    assert_int_equal(plan_stage_decode(arena, buf.data, buf.size, &back, NULL), RC_OK);
    assert_string_equal(back->name, "a");
    assert_null(back->step);
    buf_fini(&buf);
}

static void test_what_cannot_be_a_plan_is_refused(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan plan;
    struct plan_stage stages[2];
    struct plan_edge edges[2];

    plan_small(&plan, stages, edges);
    plan.stage_count = 0;
    assert_refused(arena, &plan, "no stages");
    plan_small(&plan, stages, edges);
    stages[1].name = "train";
    assert_refused(arena, &plan, "both named 'train'");
    plan_small(&plan, stages, edges);
    stages[1].name = "a/b";
    assert_refused(arena, &plan, "address");
    stages[1].name = NULL;
    assert_refused(arena, &plan, "'name' of a stage is missing");
    plan_small(&plan, stages, edges);
    edges[0].target = 2;
    assert_refused(arena, &plan, "edge 0");
    edges[0].target = 0;
    assert_refused(arena, &plan, "edge 0");
    plan_small(&plan, stages, edges);
    edges[0].source_type = EDGE_END_COUNT;
    assert_refused(arena, &plan, "'st'");
    plan_small(&plan, stages, edges);
    stages[1].kind = STAGE_DEPLOYMENT;
    assert_refused(arena, &plan, "kind");
    plan_small(&plan, stages, edges);
    stages[0].parameter_count = 1;
    assert_refused(arena, &plan, "column");
    plan_small(&plan, stages, edges);
    stages[0].sweep = SWEEP_NONE;
    assert_refused(arena, &plan, "without a sweep");
    plan_small(&plan, stages, edges);
    stages[0].cpu_min = -1;
    assert_refused(arena, &plan, "amount");
}

static void test_a_cycle_is_refused(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan plan;
    struct plan_stage stages[2];
    struct plan_edge edges[2];

    plan_small(&plan, stages, edges);
    edges[1] = edges[0];
    edges[1].source = 1;
    edges[1].target = 0;
    plan.edge_count = 2;
    assert_refused(arena, &plan, "cycle");
}

/* Whatever is done to single bytes, or cut off: an answer, never a crash. */
static void test_damaged_bytes_are_answered(void **state)
{
    (void)state;
    struct plan plan;
    struct plan_stage stages[2];
    struct plan_edge edges[1];
    struct buf buf = { 0 };

    plan_small(&plan, stages, edges);
    plan_encode(&buf, &plan);
    for (size_t i = 0; i < buf.size; i++) {
        for (int change = 0; change < 8; change++) {
            scoped(arena) arena = arena_create(1 << 20);
            struct plan *back = NULL;
            struct err err = { 0 };
            unsigned char held = buf.data[i];

            buf.data[i] ^= (unsigned char)(1 << change);
            if (plan_decode(arena, buf.data, buf.size, &back, &err) != RC_OK)
                assert_true(err.text[0] != '\0');
            buf.data[i] = held;
            assert_int_not_equal(plan_decode(arena, buf.data, i, &back, &err), RC_OK);
        }
    }
    buf_fini(&buf);
}

static void test_a_large_plan_goes_through(void **state)
{
    (void)state;
    enum { STAGES = 200000, EDGES = 600000 };
    scoped(arena) arena = arena_setup();
    struct plan plan = { .stages = arena_array(arena, STAGES, sizeof *plan.stages),
                         .stage_count = STAGES,
                         .edges = arena_array(arena, EDGES, sizeof *plan.edges),
                         .edge_count = EDGES };
    struct plan *back = NULL;

    for (uint32_t i = 0; i < STAGES; i++)
        plan.stages[i] = (struct plan_stage){ .name = arena_printf(arena, "stage-%u", i),
                                              .step = "s",
                                              .commands = commands,
                                              .command_count = 2 };
    for (uint32_t i = 0; i < EDGES; i++)
        plan.edges[i] = (struct plan_edge){ .source = i % (STAGES - 1),
                                            .target = i % (STAGES - 1) + 1,
                                            .source_type = EDGE_DEPENDENCY,
                                            .target_type = EDGE_DEPENDENCY,
                                            .source_key = "*",
                                            .target_key = "*" };

    struct err err = { 0 };

    assert_int_equal(plan_through(arena, &plan, &back, &err), RC_OK);
    assert_int_equal(back->edge_count, EDGES);
    assert_string_equal(back->stages[STAGES - 1].name, "stage-199999");
    plan.edges[0].source = STAGES - 1;
    plan.edges[0].target = 0;
    assert_refused(arena, &plan, "cycle");
}

static void test_task_counts_have_an_upper_end(void **state)
{
    (void)state;
    struct plan_column many[] = { { .value_count = 1000000 },
                                  { .value_count = 1000000 },
                                  { .value_count = 1000000 } };
    struct plan_stage stage = { .sweep = SWEEP_PRODUCT,
                                .columns = many,
                                .column_count = 3 };

    assert_int_equal(plan_stage_task_count(&stage), PLAN_TASKS_MAX + 1);
    many[2].value_count = 0;
    assert_int_equal(plan_stage_task_count(&stage), 0);
    stage.sweep = SWEEP_ZIP;
    assert_int_equal(plan_stage_task_count(&stage), 1000000);
    stage.column_count = 0;
    assert_int_equal(plan_stage_task_count(&stage), 0);
    stage.sweep = SWEEP_NONE;
    assert_int_equal(plan_stage_task_count(&stage), 1);
}

/* The section of docs/plan.md for a shape, up to the next heading, or NULL. */
static const char *section_of(const char *text, const char *noun, size_t *size)
{
    char heading[100];
    const char *start, *end;

    snprintf(heading, sizeof heading, "\n## %s\n", noun);
    start = strstr(text, heading);
    if (!start)
        return NULL;
    start += strlen(heading);
    end = strstr(start, "\n## ");
    *size = end ? (size_t)(end - start) : strlen(start);
    return start;
}

/* Every field of the shape is in its section, and every name there is a field. */
static void assert_documented(const char *text, const struct shape *shape)
{
    size_t size = 0, named = 0;
    const char *section = section_of(text, shape->noun, &size);

    if (!section)
        fail_msg("docs/plan.md has no section '%s'", shape->noun);
    for (const char *at = section; at < section + size; at = strchr(at, '\n') + 1) {
        size_t length = strcspn(at, "\n"), cell = 1 + strcspn(at + 1, "|");

        for (const char *tick = at;
             strncmp(at, "| `", 3) == 0 && tick && tick < at + cell;
             tick = memchr(tick + 1, '`', (size_t)(at + cell - tick - 1)))
            named += *tick == '`';
        if (at[length] == '\0')
            break;
    }
    assert_int_equal(named, 2 * shape->field_count);
    for (size_t i = 0; i < shape->field_count; i++) {
        char name[100];
        const char *found;

        snprintf(name, sizeof name, "`%s`", shape->fields[i].key);
        found = strstr(section, name);
        if (!found || found >= section + size)
            fail_msg("docs/plan.md: '%s' lacks %s", shape->noun, name);
        if (shape->fields[i].shape)
            assert_documented(text, shape->fields[i].shape);
    }
}

static void test_the_document_names_every_field_and_no_other(void **state)
{
    (void)state;
    static char text[64 << 10];
    FILE *document = fopen(SOURCE_ROOT "/docs/plan.md", "r");

    assert_non_null(document);

    size_t size = fread(text, 1, sizeof text - 1, document);

    fclose(document);
    text[size] = '\0';
    assert_documented(text, &plan_shape);
}

static void test_edges_come_back_sorted_by_target(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan_stage stages[] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
    struct plan_edge edges[] = {
        { .source = 0, .target = 2, .source_key = "1", .target_key = "" },
        { .source = 0, .target = 1, .source_key = "2", .target_key = "" },
        { .source = 1, .target = 2, .source_key = "3", .target_key = "" },
    };
    struct plan plan = {
        .stages = stages, .stage_count = 3, .edges = edges, .edge_count = 3
    };
    struct plan *back = NULL;

    assert_int_equal(plan_through(arena, &plan, &back, NULL), RC_OK);
    assert_string_equal(back->edges[0].source_key, "2");
    assert_string_equal(back->edges[1].source_key, "1");
    assert_string_equal(back->edges[2].source_key, "3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plan_comes_back_as_it_was),
        cmocka_unit_test(test_a_stage_comes_back_alone),
        cmocka_unit_test(test_unknown_fields_are_skipped),
        cmocka_unit_test(test_what_cannot_be_a_plan_is_refused),
        cmocka_unit_test(test_a_cycle_is_refused),
        cmocka_unit_test(test_damaged_bytes_are_answered),
        cmocka_unit_test(test_a_large_plan_goes_through),
        cmocka_unit_test(test_task_counts_have_an_upper_end),
        cmocka_unit_test(test_the_document_names_every_field_and_no_other),
        cmocka_unit_test(test_edges_come_back_sorted_by_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
