/* test_outputs.c - which files become outputs, with which properties. */
#include "attempt_world.h"

static void prepare(struct world *world)
{
    world_commands(world, "true");
    world_prepare(world);
}

static void output_make(struct world *world, const char *name, const char *text)
{
    file_make(world_path(world, name), text);
}

static const struct plan_source *output_find(const struct task_result *result,
                                             const char *name)
{
    for (size_t i = 0; i < result->output_count; i++)
        if (strcmp(result->outputs[i].name, name) == 0)
            return &result->outputs[i];
    return NULL;
}

static const char *properties_text(struct world *world, const struct plan_source *output)
{
    scoped_buf buf = { 0 };

    assert_non_null(output);
    if (output->metadata.kind == VALUE_ABSENT)
        return "";
    value_to_json(&buf, &output->metadata);
    return arena_text(world->arena, buf_string(&buf));
}

static void test_outputs_are_sorted_and_empty_files_count(void **state)
{
    struct world *world = *state;
    struct task_result result;

    prepare(world);
    output_make(world, "outputs/b", "");
    output_make(world, "outputs/a", "x");
    assert_int_equal(mkdir(world_path(world, "outputs/empty folder"), 0755), 0);
    result = world_collect(world);
    assert_int_equal(result.output_count, 2);
    assert_string_equal(result.outputs[0].name, "a");
    assert_string_equal(result.outputs[1].name, "b");
    assert_int_equal(result.outputs[1].size, 0);
    assert_string_equal(result.outputs[1].md5, "d41d8cd98f00b204e9800998ecf8427e");
}

static void test_properties_come_from_sidecar_and_list_the_list_winning(void **state)
{
    struct world *world = *state;
    struct task_result result;

    prepare(world);
    output_make(world, "outputs/m.bin", "x");
    output_make(world, "outputs/m.bin.metadata.json", "{\"a\": 1, \"b\": 1}");
    output_make(world, "outputs/plain", "x");
    output_make(world, "outputs/caf\xc3\xa9", "x");
    output_make(world, "outputs/valohai.metadata.jsonl",
                "{\"file\": \"m.bin\", \"metadata\": {\"b\": 2, \"c\": 3}}\n"
                "nonsense\n{\"file\": 3}\n\n"
                "{\"file\": \"caf\\u00e9\", \"metadata\": {\"valohai.tags\": [\"t\"]}}\n"
                "{\"file\": \"m.bin\", \"metadata\": {\"c\": 4}}");
    result = world_collect(world);
    assert_int_equal(result.cause, CAUSE_EXIT);
    assert_int_equal(result.output_count, 3);
    assert_string_equal(properties_text(world, output_find(&result, "m.bin")),
                        "[{\"a\": 1, \"b\": 2, \"c\": 4}]");
    assert_string_equal(properties_text(world, output_find(&result, "caf\xc3\xa9")),
                        "[{\"valohai.tags\": [\"t\"]}]");
    assert_string_equal(properties_text(world, output_find(&result, "plain")), "");
}

static void test_a_sidecar_of_nothing_is_an_output_and_a_bad_one_is_said(void **state)
{
    struct world *world = *state;
    struct task_result result;

    prepare(world);
    output_make(world, "outputs/alone.metadata.json", "{}");
    output_make(world, "outputs/x", "x");
    output_make(world, "outputs/x.metadata.json", "[1]");
    result = world_collect(world);
    assert_int_equal(result.output_count, 2);
    assert_non_null(output_find(&result, "alone.metadata.json"));
    assert_non_null(strstr(world_text(world, "status"), "x.metadata.json"));
}

static void test_links_and_special_files_are_left_out_with_a_word(void **state)
{
    struct world *world = *state;
    struct task_result result;

    prepare(world);
    output_make(world, "outputs/real", "x");
    assert_int_equal(symlink("real", world_path(world, "outputs/to-file")), 0);
    assert_int_equal(symlink("/etc", world_path(world, "outputs/to-folder")), 0);
    assert_int_equal(mkfifo(world_path(world, "outputs/pipe"), 0600), 0);
    result = world_collect(world);
    assert_int_equal(result.output_count, 1);
    assert_int_equal(result.cause, CAUSE_EXIT);
    assert_non_null(strstr(world_text(world, "status"), "outputs/pipe\" is a special"));
    assert_non_null(strstr(world_text(world, "status"), "to-folder\" is a symbolic"));
}

static void test_a_bad_name_fails_the_attempt_and_keeps_the_others(void **state)
{
    struct world *world = *state;
    struct task_result result;

    prepare(world);
    output_make(world, "outputs/good", "x");
    output_make(world, "outputs/new\nline", "x");
    output_make(world, "outputs/bad\xff", "x");
    result = world_collect(world);
    assert_int_equal(result.cause, CAUSE_OUTPUT_FAILED);
    assert_non_null(strstr(result.message, "cannot be kept"));
    assert_int_equal(result.output_count, 1);
    assert_string_equal(result.outputs[0].name, "good");
}

static void test_a_replaced_outputs_folder_is_not_followed(void **state)
{
    struct world *world = *state;
    struct task_result result;

    prepare(world);
    assert_int_equal(rmdir(world_path(world, "outputs")), 0);
    assert_int_equal(symlink("/etc", world_path(world, "outputs")), 0);
    assert_int_equal(unlink(world_path(world, "stdout")), 0);
    assert_int_equal(symlink("/etc/passwd", world_path(world, "stdout")), 0);
    result = world_collect(world);
    assert_int_equal(result.cause, CAUSE_OUTPUT_FAILED);
    assert_int_equal(result.output_count, 0);
    assert_null(result.streams[STREAM_STDOUT].digest);
}

static void test_a_store_that_refuses_fails_the_output_by_name(void **state)
{
    struct world *world = *state;
    struct task_result result;

    prepare(world);
    output_make(world, "outputs/a", "x");
    world->put_rc = RC_DENIED;
    result = world_collect(world);
    assert_int_equal(result.cause, CAUSE_OUTPUT_FAILED);
    assert_non_null(strstr(result.message, "\"a\""));
    assert_int_equal(result.output_count, 0);
}

/* RC_CANCELLED: the agent ends, and the next one collects. */
static void test_a_full_or_absent_store_decides_nothing(void **state)
{
    static const enum rc passing[] = { RC_FULL, RC_UNREACHABLE, RC_TIMEOUT,
                                       RC_CANCELLED };
    struct world *world = *state;
    struct task_result result = { .cause = CAUSE_EXIT,
                                  .exit_code = 5,
                                  .metadata = { .kind = VALUE_MAP } };
    struct err err;

    prepare(world);
    output_make(world, "outputs/a", "x");
    for (size_t i = 0; i < COUNT_OF(passing); i++) {
        world->put_rc = passing[i];
        assert_int_equal(attempt_collect(&world->staging, &world->port, &world->stage, 7,
                                         world->arena, &result, &err),
                         passing[i]);
        assert_int_equal(result.output_count, 0);
        assert_int_equal(access(world_path(world, "result"), F_OK), -1);
    }
    world->put_rc = RC_OK;
    result = world_collect(world);
    assert_int_equal(result.output_count, 1);
}

static void test_a_failed_command_keeps_its_cause_and_its_outputs(void **state)
{
    struct world *world = *state;
    struct task_result result = { .cause = CAUSE_EXIT,
                                  .exit_code = 5,
                                  .metadata = { .kind = VALUE_MAP } };
    struct err err;

    prepare(world);
    output_make(world, "outputs/a", "x");
    output_make(world, "outputs/b\n", "x");
    assert_int_equal(attempt_collect(&world->staging, &world->port, &world->stage, 7,
                                     world->arena, &result, &err),
                     RC_OK);
    assert_int_equal(result.cause, CAUSE_EXIT);
    assert_int_equal(result.exit_code, 5);
    assert_int_equal(result.output_count, 1);
}

static void test_very_deep_folders_do_no_harm(void **state)
{
    struct world *world = *state;
    struct task_result result;
    struct err err;

    world_commands(world, "cd $VH_OUTPUTS_DIR && p=$(printf 'd/%.0s' $(seq 1050)) &&"
                          " mkdir -p $p && cd $p && echo x >f && mkdir -p $p");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    result = world_collect(world);
    assert_int_equal(result.cause, CAUSE_OUTPUT_FAILED);
    assert_non_null(strstr(result.message, "too deep"));
    assert_int_equal(result.output_count, 1);
    assert_int_equal(strlen(result.outputs[0].name), 2101);
    assert_int_equal(attempt_remove(&world->staging, 7, &err), RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_outputs_are_sorted_and_empty_files_count),
        world_test(test_properties_come_from_sidecar_and_list_the_list_winning),
        world_test(test_a_sidecar_of_nothing_is_an_output_and_a_bad_one_is_said),
        world_test(test_links_and_special_files_are_left_out_with_a_word),
        world_test(test_a_bad_name_fails_the_attempt_and_keeps_the_others),
        world_test(test_a_replaced_outputs_folder_is_not_followed),
        world_test(test_a_store_that_refuses_fails_the_output_by_name),
        world_test(test_a_full_or_absent_store_decides_nothing),
        world_test(test_a_failed_command_keeps_its_cause_and_its_outputs),
        world_test(test_very_deep_folders_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
