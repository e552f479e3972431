/* test_plan_resolve.c - edges applied to a stage, with upstream stages made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codecs/digest/uuid.h"
#include "codecs/plan/resolve.h"

static const char digest[] =
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* Stage 0 and 1 are finished, stage 2 is resolved. Every task of a finished stage has the
 * same outputs and, except the first of several, the metadata of `metadata`. */
struct world {
    struct arena *arena;
    struct plan plan;
    struct plan_stage stages[3];
    struct plan_edge edges[6];
    uint64_t tasks;
    const char *outputs[4];
    struct value metadata;
    struct upstream upstream;
    struct buf notes;
    struct err err;
    struct plan_stage *resolved;
};

static uint64_t world_task_count(void *context, uint32_t stage)
{
    (void)stage;
    return ((struct world *)context)->tasks;
}

static enum rc world_resolved(void *context, uint32_t stage, struct arena *arena,
                              const struct plan_stage **resolved, struct err *err)
{
    struct world *world = context;

    (void)arena;
    (void)err;
    *resolved = &world->stages[stage];
    return RC_OK;
}

static enum rc world_metadata(void *context, uint32_t stage, uint64_t task,
                              const char *key, struct arena *arena, struct value *value,
                              struct err *err)
{
    struct world *world = context;

    (void)stage;
    (void)arena;
    (void)err;
    *value = (struct value){ .kind = VALUE_ABSENT };
    if (strcmp(key, "acc") == 0 && (task > 0 || world->tasks == 1))
        *value = world->metadata;
    return RC_OK;
}

static enum rc world_outputs(void *context, uint32_t stage, uint64_t task,
                             struct arena *arena, const struct plan_source **outputs,
                             size_t *count, struct err *err)
{
    struct world *world = context;
    struct plan_source *sources =
        arena_array(arena, COUNT_OF(world->outputs), sizeof *sources);
    size_t found = 0;

    (void)stage;
    if (!sources)
        return err_set(err, RC_NO_MEMORY, "no memory for outputs");
    for (; found < COUNT_OF(world->outputs) && world->outputs[found]; found++)
        sources[found] = (struct plan_source){
            .uri = arena_printf(arena, "datum://%llu", (unsigned long long)task),
            .name = world->outputs[found],
            .digest = digest,
            .size = task,
        };
    *outputs = sources;
    *count = found;
    return RC_OK;
}

static struct plan_source own_sources[] = { { .uri = "own.csv", .name = "own.csv" } };

static void world_setup(struct world *world)
{
    struct plan_parameter *parameters;
    struct plan_input *inputs;

    *world = (struct world){ .arena = arena_create(64 << 20), .tasks = 1 };
    assert_non_null(world->arena);
    parameters = arena_array(world->arena, 2, sizeof *parameters);
    inputs = arena_array(world->arena, 2, sizeof *inputs);
    parameters[0] = (struct plan_parameter){ .name = "best",
                                             .type = PARAMETER_INTEGER,
                                             .separator = ",",
                                             .has_max = true,
                                             .max = 100 };
    parameters[1] = (struct plan_parameter){
        .name = "many", .optional = true, .multiple = MULTIPLE_REPEAT, .separator = ","
    };
    inputs[0] =
        (struct plan_input){ .name = "data", .sources = own_sources, .source_count = 1 };
    inputs[1] = (struct plan_input){ .name = "extra", .optional = true };
    world->stages[0] = (struct plan_stage){ .name = "a" };
    world->stages[1] = (struct plan_stage){ .name = "b" };
    world->stages[2] = (struct plan_stage){ .name = "c",
                                            .parameters = parameters,
                                            .parameter_count = 2,
                                            .inputs = inputs,
                                            .input_count = 2 };
    world->plan =
        (struct plan){ .stages = world->stages, .stage_count = 3, .edges = world->edges };
    world->upstream = (struct upstream){ .context = world,
                                         .task_count = world_task_count,
                                         .resolved = world_resolved,
                                         .metadata = world_metadata,
                                         .outputs = world_outputs };
    world->metadata = value_int(7);
}

static void world_teardown(struct world *world)
{
    buf_fini(&world->notes);
    arena_destroy(world->arena);
}

static void edge_add(struct world *world, uint32_t source, enum edge_end source_type,
                     const char *source_key, enum edge_end target_type,
                     const char *target_key)
{
    world->edges[world->plan.edge_count++] =
        (struct plan_edge){ .source = source,
                            .target = 2,
                            .source_type = source_type,
                            .source_key = source_key,
                            .target_type = target_type,
                            .target_key = target_key };
}

static enum rc resolve(struct world *world)
{
    return plan_resolve(&world->plan, 2, &world->upstream, world->arena, &world->resolved,
                        &world->notes, &world->err);
}

static void test_a_metadata_value_becomes_a_parameter(void **state)
{
    (void)state;
    struct world world;

    world_setup(&world);
    world.metadata = value_text("12");
    edge_add(&world, 0, EDGE_METADATA, "acc", EDGE_PARAMETER, "best");
    assert_int_equal(resolve(&world), RC_OK);
    assert_int_equal(world.resolved->parameters[0].value.kind, VALUE_INT);
    assert_int_equal(world.resolved->parameters[0].value.integer, 12);
    assert_int_equal(world.stages[2].parameters[0].value.kind, VALUE_ABSENT);
    world_teardown(&world);
}

static void test_a_value_that_does_not_fit_names_edge_and_value(void **state)
{
    (void)state;
    struct world world;

    world_setup(&world);
    world.metadata = value_int(101);
    edge_add(&world, 0, EDGE_METADATA, "acc", EDGE_PARAMETER, "best");
    assert_int_equal(resolve(&world), RC_INVALID);
    assert_non_null(strstr(world.err.text, "a.metadata.acc -> c.parameter.best"));
    assert_non_null(strstr(world.err.text, "101"));
    assert_null(world.resolved);
    world_teardown(&world);
}

static void test_no_value_is_noted_and_then_missed(void **state)
{
    (void)state;
    struct world world;

    world_setup(&world);
    edge_add(&world, 0, EDGE_METADATA, "nothing", EDGE_PARAMETER, "best");
    assert_int_equal(resolve(&world), RC_INVALID);
    assert_non_null(strstr(world.err.text, "'best' has no value"));
    assert_non_null(strstr(buf_string(&world.notes), "brings nothing"));
    world.stages[2].parameters[0].optional = true;
    assert_int_equal(resolve(&world), RC_OK);
    world_teardown(&world);
}

static void test_several_tasks_give_the_list_of_what_there_is(void **state)
{
    (void)state;
    struct world world;

    world_setup(&world);
    world.tasks = 3;
    world.stages[2].parameters[0].value = value_int(1);
    edge_add(&world, 0, EDGE_METADATA, "acc", EDGE_PARAMETER, "many");
    assert_int_equal(resolve(&world), RC_OK);
    assert_int_equal(world.resolved->parameters[1].value.kind, VALUE_LIST);
    assert_int_equal(world.resolved->parameters[1].value.list.count, 2);
    world_teardown(&world);
}

static void test_a_list_at_a_task_stage_is_a_sweep(void **state)
{
    (void)state;
    struct world world;
    struct value items[] = { { .kind = VALUE_INT, .integer = 4 },
                             { .kind = VALUE_STRING, .string = { "5", 1 } } };

    world_setup(&world);
    world.stages[2].kind = STAGE_TASK;
    world.metadata =
        (struct value){ .kind = VALUE_LIST, .list = { .items = items, .count = 2 } };
    edge_add(&world, 0, EDGE_METADATA, "acc", EDGE_PARAMETER, "best");
    assert_int_equal(resolve(&world), RC_OK);
    assert_int_equal(plan_stage_task_count(world.resolved), 2);
    assert_int_equal(world.resolved->sweep, SWEEP_PRODUCT);
    assert_int_equal(world.resolved->columns[0].values[1].integer, 5);
    assert_int_equal(world.stages[2].column_count, 0);
    world.metadata.list.count = 0;
    world.stages[2].parameters[0].value = value_int(1);
    assert_int_equal(resolve(&world), RC_OK);
    assert_int_equal(plan_stage_task_count(world.resolved), 0);
    world_teardown(&world);
}

static void test_parameters_and_variables_are_copied(void **state)
{
    (void)state;
    struct world world;
    struct plan_parameter from = { .name = "p", .value = value_int(9) };
    struct plan_variable variable = { .name = "V", .value = "x" };

    world_setup(&world);
    world.stages[1].parameters = &from;
    world.stages[1].parameter_count = 1;
    world.stages[1].variables = &variable;
    world.stages[1].variable_count = 1;
    edge_add(&world, 1, EDGE_PARAMETER, "p", EDGE_PARAMETER, "best");
    edge_add(&world, 1, EDGE_VARIABLE, "V", EDGE_VARIABLE, "W");
    edge_add(&world, 1, EDGE_DEPENDENCY, "*", EDGE_DEPENDENCY, "*");
    assert_int_equal(resolve(&world), RC_OK);
    assert_int_equal(world.resolved->parameters[0].value.integer, 9);
    assert_int_equal(world.resolved->variable_count, 1);
    assert_string_equal(world.resolved->variables[0].name, "W");
    assert_string_equal(world.resolved->variables[0].value, "x");
    assert_int_equal(world.notes.size, 0);
    world_teardown(&world);
}

static void test_outputs_replace_an_inputs_own_files_or_add_to_them(void **state)
{
    (void)state;
    struct world world;

    world_setup(&world);
    world.stages[2].parameters[0].optional = true;
    world.outputs[0] = "m/x.bin";
    world.outputs[1] = "log.txt";
    edge_add(&world, 0, EDGE_OUTPUT, "*.bin", EDGE_INPUT, "data");
    edge_add(&world, 1, EDGE_OUTPUT, "*.bin", EDGE_INPUT, "data");
    assert_int_equal(resolve(&world), RC_OK);
    assert_int_equal(world.resolved->inputs[0].source_count, 2);
    assert_string_equal(world.resolved->inputs[0].sources[0].name, "x.bin");
    assert_string_equal(world.resolved->inputs[0].sources[1].name, "x-2.bin");
    world.stages[2].merge_append = true;
    assert_int_equal(resolve(&world), RC_OK);
    assert_int_equal(world.resolved->inputs[0].source_count, 3);
    assert_string_equal(world.resolved->inputs[0].sources[0].name, "own.csv");
    assert_int_equal(world.stages[2].inputs[0].source_count, 1);
    world_teardown(&world);
}

static void test_outputs_of_all_tasks_get_names_that_differ(void **state)
{
    (void)state;
    struct world world;

    world_setup(&world);
    world.stages[2].parameters[0].optional = true;
    world.tasks = 1000;
    world.outputs[0] = "d/model-2.bin";
    world.outputs[1] = "d/model.bin";
    world.stages[2].inputs[0].keep_directories = KEEP_FULL;
    edge_add(&world, 0, EDGE_OUTPUT, "*", EDGE_INPUT, "data");
    assert_int_equal(resolve(&world), RC_OK);

    struct plan_input *input = &world.resolved->inputs[0];

    assert_int_equal(input->source_count, 2000);
    assert_string_equal(input->sources[0].name, "d/model-2.bin");
    assert_string_equal(input->sources[1].name, "d/model.bin");
    assert_string_equal(input->sources[2].name, "d/model-2-2.bin");
    assert_string_equal(input->sources[3].name, "d/model-3.bin");
    world_teardown(&world);
}

static void test_a_file_keeps_its_id_whatever_it_is_called_at_the_end(void **state)
{
    (void)state;
    char id[UUID_TEXT_SIZE];
    struct world world;

    world_setup(&world);
    world.stages[2].parameters[0].optional = true;
    world.tasks = 2;
    world.outputs[0] = "deep/model.bin";
    edge_add(&world, 0, EDGE_OUTPUT, "*", EDGE_INPUT, "data");
    assert_int_equal(resolve(&world), RC_OK);

    const struct plan_source *sources = world.resolved->inputs[0].sources;

    datum_id_derive(digest, "deep/model.bin", id);
    assert_string_equal(sources[0].name, "model.bin");
    assert_string_equal(sources[0].datum, id);
    assert_string_equal(sources[1].name, "model-2.bin");
    assert_string_equal(sources[1].datum, id);
    world_teardown(&world);
}

struct place_case {
    const char *glob;
    enum keep_directories keep;
    const char *name;
};

static void test_keep_directories_says_what_stays_of_the_path(void **state)
{
    (void)state;
    static const struct place_case cases[] = {
        { "foo/bar/**.jpg", KEEP_FULL, "foo/bar/x/a.jpg" },
        { "foo/bar/**.jpg", KEEP_SUFFIX, "x/a.jpg" },
        { "foo/ba*", KEEP_SUFFIX, "bar/x/a.jpg" },
        { "*", KEEP_SUFFIX, "foo/bar/x/a.jpg" },
        { "foo/bar/x/a.jpg", KEEP_SUFFIX, "a.jpg" },
        { "*", KEEP_NONE, "a.jpg" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world world;

        world_setup(&world);
        world.stages[2].parameters[0].optional = true;
        world.outputs[0] = "foo/bar/x/a.jpg";
        world.stages[2].inputs[0].keep_directories = cases[i].keep;
        edge_add(&world, 0, EDGE_OUTPUT, cases[i].glob, EDGE_INPUT, "data");
        assert_int_equal(resolve(&world), RC_OK);
        assert_string_equal(world.resolved->inputs[0].sources[0].name, cases[i].name);
        world_teardown(&world);
    }
}

static void test_inputs_match_by_name_and_else_by_file(void **state)
{
    (void)state;
    struct world world;
    struct plan_source train[] = { { .uri = "in/train.csv", .name = "train.csv" },
                                   { .uri = "in/labels.csv" } };
    struct plan_input from = { .name = "training", .sources = train, .source_count = 2 };

    world_setup(&world);
    world.stages[2].parameters[0].optional = true;
    world.stages[0].inputs = &from;
    world.stages[0].input_count = 1;
    edge_add(&world, 0, EDGE_INPUT, "train*", EDGE_INPUT, "data");
    edge_add(&world, 0, EDGE_INPUT, "labels*", EDGE_INPUT, "extra");
    edge_add(&world, 0, EDGE_INPUT, "zzz*", EDGE_INPUT, "extra");
    assert_int_equal(resolve(&world), RC_OK);
    assert_int_equal(world.resolved->inputs[0].source_count, 2);
    assert_int_equal(world.resolved->inputs[1].source_count, 1);
    assert_string_equal(world.resolved->inputs[1].sources[0].uri, "in/labels.csv");
    assert_non_null(strstr(buf_string(&world.notes), "no input file matches"));
    world_teardown(&world);
}

static void test_an_input_that_got_nothing_cannot_run(void **state)
{
    (void)state;
    struct world world;

    world_setup(&world);
    world.stages[2].parameters[0].optional = true;
    edge_add(&world, 0, EDGE_OUTPUT, "*.bin", EDGE_INPUT, "data");
    assert_int_equal(resolve(&world), RC_INVALID);
    assert_non_null(strstr(world.err.text, "'data' has no files"));
    world_teardown(&world);
}

static void test_actions_hold_when_all_conditions_do(void **state)
{
    (void)state;
    struct plan_parameter parameter = { .name = "lr", .value = value_float(0.5) };
    struct plan_stage stage = { .name = "s",
                                .parameters = &parameter,
                                .parameter_count = 1 };
    struct value_entry entry = { .key = "acc", .value = value_float(0.9) };
    struct value metadata = { .kind = VALUE_MAP,
                              .map = { .entries = &entry, .count = 1 } };
    const char *conditions[] = { "metadata.acc > 0.8", "parameter.lr == 0.5" };
    struct plan_action action = { .conditions = conditions };

    assert_true(plan_action_holds(&action, &stage, NULL));
    action.condition_count = 2;
    assert_true(plan_action_holds(&action, &stage, &metadata));
    assert_false(plan_action_holds(&action, &stage, NULL));
    conditions[0] = "acc < 0.8";
    assert_false(plan_action_holds(&action, &stage, &metadata));
    conditions[0] = "acc <";
    assert_false(plan_action_holds(&action, &stage, &metadata));
}

static void test_a_lack_of_memory_is_an_answer_at_every_point(void **state)
{
    (void)state;
    struct world world;
    enum rc rc = RC_NO_MEMORY;

    world_setup(&world);
    world.tasks = 5;
    world.stages[2].kind = STAGE_TASK;
    world.outputs[0] = "model.bin";
    edge_add(&world, 0, EDGE_METADATA, "acc", EDGE_PARAMETER, "best");
    edge_add(&world, 0, EDGE_OUTPUT, "*", EDGE_INPUT, "data");
    for (size_t limit = 0; rc != RC_OK && limit < 1 << 16; limit += 16) {
        scoped(arena) arena = arena_create(limit);
        struct plan_stage *resolved = NULL;
        struct err err = { 0 };

        rc = plan_resolve(&world.plan, 2, &world.upstream, arena, &resolved, NULL, &err);
        assert_true(rc == RC_OK || (rc == RC_NO_MEMORY && !resolved));
    }
    assert_int_equal(rc, RC_OK);
    world_teardown(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_metadata_value_becomes_a_parameter),
        cmocka_unit_test(test_a_value_that_does_not_fit_names_edge_and_value),
        cmocka_unit_test(test_no_value_is_noted_and_then_missed),
        cmocka_unit_test(test_several_tasks_give_the_list_of_what_there_is),
        cmocka_unit_test(test_a_list_at_a_task_stage_is_a_sweep),
        cmocka_unit_test(test_parameters_and_variables_are_copied),
        cmocka_unit_test(test_outputs_replace_an_inputs_own_files_or_add_to_them),
        cmocka_unit_test(test_outputs_of_all_tasks_get_names_that_differ),
        cmocka_unit_test(test_a_file_keeps_its_id_whatever_it_is_called_at_the_end),
        cmocka_unit_test(test_keep_directories_says_what_stays_of_the_path),
        cmocka_unit_test(test_inputs_match_by_name_and_else_by_file),
        cmocka_unit_test(test_an_input_that_got_nothing_cannot_run),
        cmocka_unit_test(test_actions_hold_when_all_conditions_do),
        cmocka_unit_test(test_a_lack_of_memory_is_an_answer_at_every_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
