/* test_staging.c - an attempt's folder before the start and after the end. */
#include "attempt_world.h"

#include "codecs/plan/tree.h"

static void assert_contains(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        print_error("'%s' is not in '%s'\n", part, text);
    assert_non_null(strstr(text, part));
}

static void test_a_task_is_prepared_run_and_collected(void **state)
{
    struct world *world = *state;
    struct task_result result;

    world_commands(world, "echo hello; echo oops >&2; pwd; mkdir $VH_OUTPUTS_DIR/models;"
                          " printf abc >$VH_OUTPUTS_DIR/models/a.bin; echo $TMPDIR");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    assert_contains(world_text(world, "stdout"), "hello\n");
    assert_contains(world_text(world, "stdout"), "/attempts/7/repository\n");
    assert_contains(world_text(world, "stdout"), "/attempts/7/tmp\n");
    result = world_collect(world);
    assert_int_equal(result.cause, CAUSE_EXIT);
    assert_int_equal(result.output_count, 1);
    assert_string_equal(result.outputs[0].name, "models/a.bin");
    assert_string_equal(result.outputs[0].md5, "900150983cd24fb0d6963f7d28e17f72");
    assert_string_equal(result.outputs[0].sha1,
                        "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_int_equal(result.outputs[0].size, 3);
    assert_string_equal(world_stored(world, result.outputs[0].digest), "abc");
    assert_contains(world_stored(world, result.streams[STREAM_STDOUT].digest), "hello");
    assert_string_equal(world_stored(world, result.streams[STREAM_STDERR].digest),
                        "oops\n");
    assert_null(result.streams[STREAM_METADATA].digest);
}

static void test_the_result_on_disk_is_the_one_given(void **state)
{
    struct world *world = *state;
    struct task_result result, *kept;
    scoped_buf given = { 0 }, read = { 0 };
    struct err err;

    world_commands(world, "echo a >$VH_OUTPUTS_DIR/a");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    result = world_collect(world);
    result_encode(&given, &result);
    assert_int_equal(
        result_decode(world->arena, world_text(world, "result"), given.size, &kept, &err),
        RC_OK);
    result_encode(&read, kept);
    assert_int_equal(given.size, read.size);
    assert_memory_equal(given.data, read.data, read.size);
}

static void test_a_plain_end_leaves_no_result_on_disk(void **state)
{
    struct world *world = *state;

    world_commands(world, "true");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    world_collect(world);
    assert_null(world_text(world, "result"));
}

static void test_a_task_of_a_sweep_is_recorded_without_the_others(void **state)
{
    static const struct value rates[] = {
        { .kind = VALUE_INT, .integer = 10 },
        { .kind = VALUE_INT, .integer = 20 },
        { .kind = VALUE_INT, .integer = 30 },
    };
    struct world *world = *state;
    struct plan_parameter parameter = {
        .name = "rate", .type = PARAMETER_INTEGER, .separator = ",", .value = value_int(1)
    };
    struct plan_column column = { 0, rates, 3 };
    struct attempt_identity identity;
    struct plan_stage *stage;
    struct err err;

    world->stage.kind = STAGE_TASK;
    world->stage.parameters = &parameter;
    world->stage.parameter_count = 1;
    world->stage.sweep = SWEEP_PRODUCT;
    world->stage.columns = &column;
    world->stage.column_count = 1;
    world->identity.task_index = 2;
    world->identity.task_count = 3;
    world_commands(world, "echo {parameter-value:rate}");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    assert_string_equal(world_text(world, "stdout"), "30\n");
    assert_string_equal(world_text(world, "config/parameters.json"), "{\"rate\": 30}\n");
    assert_int_equal(
        attempt_load(&world->staging, 7, world->arena, &identity, &stage, &err), RC_OK);
    assert_int_equal(identity.task_index, 2);
    assert_int_equal(stage->sweep, SWEEP_NONE);
    assert_int_equal(stage->column_count, 0);
    assert_int_equal(stage->parameters[0].value.integer, 30);
}

static void test_an_attempt_is_known_again_after_a_restart(void **state)
{
    struct world *world = *state;
    struct attempt_identity identity;
    struct plan_stage *stage;
    struct err err;

    world->identity.code.commit = "cafe";
    world_commands(world, "true");
    world_prepare(world);
    assert_int_equal(
        attempt_load(&world->staging, 7, world->arena, &identity, &stage, &err), RC_OK);
    assert_int_equal(identity.token, 7);
    assert_int_equal(identity.execution_counter, 12);
    assert_string_equal(identity.run_id, WORLD_RUN_ID);
    assert_string_equal(identity.code.commit, "cafe");
    assert_string_equal(stage->name, "train");
    assert_int_equal(
        attempt_load(&world->staging, 8, world->arena, &identity, &stage, &err),
        RC_NOT_FOUND);
}

static void test_an_attempt_of_a_newer_release_is_refused_and_stays(void **state)
{
    struct world *world = *state;
    struct attempt_identity identity;
    struct plan_stage *stage;
    char path[300];
    struct err err;

    world_commands(world, "true");
    world_prepare(world);
    snprintf(path, sizeof path, "%s/attempts/7/identity", world->staging.directory);

    scoped_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

    /* Behind the head of the list, of three bytes, stands the version. */
    assert_int_equal(pwrite(fd, "\x02", 1, 3), 1);
    assert_int_equal(
        attempt_load(&world->staging, 7, world->arena, &identity, &stage, &err),
        RC_UNSUPPORTED);
    assert_non_null(strstr(err.text, "start the newer noded again"));
    assert_int_equal(access(path, F_OK), 0);
}

static void test_the_code_is_there_with_modes_and_links_and_is_a_copy(void **state)
{
    struct world *world = *state;
    const char *digest = world_object(world, "print 1\n", 8);
    struct tree_entry entries[] = {
        { "a/b/run.sh", 0755, 8, digest, "" },
        { "main.py", 0644, 8, digest, "" },
        { "a/link", 0120000, 0, "", "../main.py" },
    };
    struct tree tree = { entries, 3 };
    scoped_buf buf = { 0 };
    struct stat found;

    tree_encode(&buf, &tree);
    world->identity.code.tree = world_object(world, buf.data, buf.size);
    world_commands(world, "cat a/link; echo changed >>main.py");
    world_prepare(world);
    assert_int_equal(stat(world_path(world, "repository/a/b/run.sh"), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0755);
    assert_int_equal(world_run(world), 0);
    assert_string_equal(world_text(world, "stdout"), "print 1\n");
    assert_string_equal(world_text(world, "repository/main.py"), "print 1\nchanged\n");
    assert_string_equal(world_stored(world, digest), "print 1\n");
    assert_true(objects_has(cache_objects(world->cache), digest, NULL));
}

static void test_code_that_the_store_lacks_is_an_error_and_is_said(void **state)
{
    struct world *world = *state;
    struct err err;

    world->identity.code.tree =
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    world_commands(world, "true");
    assert_int_equal(attempt_prepare(&world->staging, &world->port, &world->identity,
                                     &world->stage, &world->is_cancelled, &err),
                     RC_NOT_FOUND);
    assert_contains(world_text(world, "status"), "0123456789abcdef");
    world_collect(world);
}

static void test_a_cancelled_attempt_is_not_prepared(void **state)
{
    struct world *world = *state;
    struct err err;

    world->is_cancelled = true;
    world_commands(world, "true");
    assert_int_equal(attempt_prepare(&world->staging, &world->port, &world->identity,
                                     &world->stage, &world->is_cancelled, &err),
                     RC_CANCELLED);
}

static void test_the_variables_are_those_of_the_contract(void **state)
{
    struct world *world = *state;
    struct plan_variable variables[] = { { .name = "GREETING", .value = "a b" },
                                         { .name = "NOTHING" },
                                         { .name = "HOME", .value = "/nowhere" } };
    const char *text;

    setenv("VALOHAI_PORT", "1", 1);
    setenv("JPY_PARENT_PID", "1", 1);
    setenv("SECRET_OF_THE_NODE", "1", 1);
    world->stage.variables = variables;
    world->stage.variable_count = 3;
    world->stage.kind = STAGE_TASK;
    world->identity.is_pipeline = true;
    world_commands(world, "env");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    text = world_text(world, "stdout");
    assert_contains(text, "VH_JOB_ID=exec-aaaaaaaa-2222-4333-8444-555555555555\n");
    assert_contains(text, "VH_EXECUTION_ID=aaaaaaaa-2222-4333-8444-555555555555\n");
    assert_contains(text, "VH_PROJECT_ID=bbbb");
    assert_contains(text, "VH_PIPELINE_ID=" WORLD_RUN_ID "\n");
    assert_contains(text, "VH_PIPELINE_NODE_ID=");
    assert_contains(text, "VH_TASK_ID=");
    assert_contains(text, "VH_INPUTS_DIR=/");
    assert_contains(text, "PYTHONUNBUFFERED=1\n");
    assert_contains(text, "GREETING=a b\n");
    assert_contains(text, "HOME=/nowhere\n");
    assert_null(strstr(text, "NOTHING"));
    assert_null(strstr(text, "VALOHAI_PORT"));
    assert_null(strstr(text, "JPY_"));
    assert_null(strstr(text, "SECRET"));
}

static void test_a_task_sees_the_devices_that_are_its_own(void **state)
{
    struct world *world = *state;
    const char *text;

    world->identity.has_devices = true;
    world->identity.gpus = 0xa;
    world_commands(world, "env");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    text = world_text(world, "stdout");
    assert_contains(text, "CUDA_VISIBLE_DEVICES=1,3\n");
    assert_contains(text, "HIP_VISIBLE_DEVICES=1,3\n");
    assert_contains(text, "CUDA_DEVICE_ORDER=PCI_BUS_ID\n");
    assert_null(strstr(text, "ROCR_VISIBLE_DEVICES"));
}

static void test_the_config_files_exist_in_both_forms(void **state)
{
    static const char *const names[] = { "execution", "inputs", "parameters", "runtime",
                                         "api" };
    struct world *world = *state;
    struct plan_parameter parameters[] = {
        { .name = "lr",
          .type = PARAMETER_FLOAT,
          .separator = ",",
          .value = { .kind = VALUE_FLOAT, .real = 1e-7 } },
        { .name = "none",
          .type = PARAMETER_STRING,
          .separator = ",",
          .value = { .kind = VALUE_ABSENT } },
    };
    char file[64];

    world->stage.parameters = parameters;
    world->stage.parameter_count = 2;
    world_commands(world, "true");
    world_prepare(world);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(file, sizeof file, "config/%s.json", names[i]);
        assert_non_null(world_text(world, file));
        snprintf(file, sizeof file, "config/%s.yaml", names[i]);
        assert_non_null(world_text(world, file));
    }
    assert_string_equal(world_text(world, "config/parameters.yaml"), "\"lr\": 1.0e-07\n");
    assert_null(strstr(world_text(world, "config/parameters.json"), "none"));
    assert_contains(world_text(world, "config/execution.json"),
                    "2025-04-04T15:03:39.321000+00:00");
    assert_contains(world_text(world, "config/execution.yaml"),
                    "\"valohai.execution-counter\": 12\n");
    assert_string_equal(world_text(world, "config/inputs.json"), "{}\n");
}

static void test_a_command_with_an_interpreter_of_its_own_is_a_file(void **state)
{
    struct world *world = *state;

    world_commands(world, "#!/bin/cat\nhello {");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    assert_contains(world_text(world, "stdout"), "hello {");
}

static void test_a_command_longer_than_an_argument_may_be_runs(void **state)
{
    struct world *world = *state;
    scoped_buf command = { 0 };

    buf_text(&command, "echo start\n: ");
    for (unsigned i = 0; i < 200000; i++)
        buf_byte(&command, 'x');
    buf_text(&command, "\necho end");
    world_commands(world, buf_string(&command));
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    assert_string_equal(world_text(world, "stdout"), "start\nend\n");
}

static void test_removal_copes_with_read_only_and_deep_folders_and_links(void **state)
{
    struct world *world = *state;
    struct err err;
    char outside[128];

    snprintf(outside, sizeof outside, "%s/outside", world->directory);
    file_make(outside, "precious");
    world_commands(world, "cd $VH_OUTPUTS_DIR && mkdir -p ro/sub && touch ro/sub/f"
                          " && chmod 0 ro/sub && chmod 0555 ro"
                          " && i=0; while [ $i -lt 200 ]; do mkdir d && touch x && cd d;"
                          " i=$((i+1)); done; rm -rf $VH_INPUTS_DIR;"
                          " ln -s ../../../outside $VH_INPUTS_DIR; ln -s / $TMPDIR/root");
    world_prepare(world);
    assert_int_equal(world_run(world), 0);
    assert_int_equal(attempt_remove(&world->staging, 7, &err), RC_OK);
    assert_int_equal(access(world_path(world, "."), F_OK), -1);
    assert_string_equal(text_of(world, outside), "precious");
    assert_int_equal(attempt_remove(&world->staging, 7, &err), RC_OK);
}

static void test_a_stream_is_read_in_pieces(void **state)
{
    struct world *world = *state;
    scoped_buf out = { 0 };
    uint64_t size;
    struct err err;

    world_commands(world, "printf 0123456789");
    world_prepare(world);
    world_run(world);
    assert_int_equal(
        attempt_stream_read(&world->staging, 7, STREAM_STDOUT, 4, 3, &out, &size, &err),
        RC_OK);
    assert_int_equal(size, 10);
    assert_int_equal(out.size, 3);
    assert_memory_equal(out.data, "456", 3);
    assert_int_equal(
        attempt_stream_read(&world->staging, 9, STREAM_STDOUT, 0, 3, &out, &size, &err),
        RC_NOT_FOUND);
}

static void test_what_is_said_is_one_line_with_its_time(void **state)
{
    struct world *world = *state;
    const char *text;

    world_commands(world, "true");
    world_prepare(world);
    attempt_say(&world->staging, 7, "two\nlines and %d", 3);
    text = world_text(world, "status");
    assert_int_equal(text[4], '-');
    assert_int_equal(text[26], 'Z');
    assert_string_equal(text + 27, " two lines and 3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(test_a_task_is_prepared_run_and_collected),
        world_test(test_the_result_on_disk_is_the_one_given),
        world_test(test_a_plain_end_leaves_no_result_on_disk),
        world_test(test_a_task_of_a_sweep_is_recorded_without_the_others),
        world_test(test_an_attempt_is_known_again_after_a_restart),
        world_test(test_an_attempt_of_a_newer_release_is_refused_and_stays),
        world_test(test_the_code_is_there_with_modes_and_links_and_is_a_copy),
        world_test(test_code_that_the_store_lacks_is_an_error_and_is_said),
        world_test(test_a_cancelled_attempt_is_not_prepared),
        world_test(test_the_variables_are_those_of_the_contract),
        world_test(test_a_task_sees_the_devices_that_are_its_own),
        world_test(test_the_config_files_exist_in_both_forms),
        world_test(test_a_command_with_an_interpreter_of_its_own_is_a_file),
        world_test(test_a_command_longer_than_an_argument_may_be_runs),
        world_test(test_removal_copes_with_read_only_and_deep_folders_and_links),
        world_test(test_a_stream_is_read_in_pieces),
        world_test(test_what_is_said_is_one_line_with_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
