#include "client/cli/cli.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/plan/plan.h"
#include "codecs/wire/times.h"
#include "fake_sluice.h"
#include "project_fixture.h"

#include <setjmp.h>
#include <cmocka.h>

enum { SECOND = 1000000 };

static const char pipeline_file[] =
    "- step:\n"
    "    name: train\n"
    "    image: debian:12\n"
    "    command: cat {parameters}\n"
    "    parameters:\n"
    "      - {name: C, type: float, default: 1}\n"
    "    inputs:\n"
    "      - {name: data, default: data/*.csv}\n"
    "- pipeline:\n"
    "    name: all\n"
    "    nodes:\n"
    "      - {name: first, type: execution, step: train}\n"
    "    edges: []\n";

static struct sluice_stage stages[3];
static struct sluice_view views[3];

/* A run of one stage that starts, then ends in the given state. */
static void script_run(const char *end_state)
{
    static const char *const before[] = { "waiting", "started" };

    for (size_t i = 0; i < 3; i++) {
        const char *state = i < 2 ? before[i] : end_state;

        stages[i] = (struct sluice_stage){ .name = "first",
                                           .step = "train",
                                           .state = state,
                                           .reason = "",
                                           .is_resolved = true,
                                           .tasks = 1,
                                           .started_us = i ? SECOND : 0,
                                           .ended_us = i == 2 ? 2 * SECOND : 0 };
        views[i] = (struct sluice_view){ .run = { .number = 1,
                                                  .id = "id",
                                                  .title = "all",
                                                  .state = i < 2 ? "started" : end_state,
                                                  .reason = "",
                                                  .commit = "",
                                                  .tree = "",
                                                  .created_us = SECOND,
                                                  .ended_us = i == 2 ? 3 * SECOND : 0 },
                                         .stages = &stages[i],
                                         .stage_count = 1 };
    }
    stages[2].complete = strcmp(end_state, "complete") == 0;
    stages[2].failed = strcmp(end_state, "error") == 0;
    fake.views = views;
    fake.view_count = 3;
}

static int setup(void **state)
{
    fake_reset();
    unsetenv("SLUICE_BROKER");
    setenv("TERM", "dumb", 1);
    if (fixture_setup(state) != 0)
        return -1;
    fixture_file("valohai.yaml", pipeline_file);
    fixture_file("data/a.csv", "1,2\n");
    fixture_file("data/b.csv", "3,4\n");
    script_run("complete");
    return 0;
}

static struct plan *submitted(struct arena *arena)
{
    struct plan *plan;
    struct err err;

    if (plan_decode(arena, fake.plan.data, fake.plan.size, &plan, &err) != RC_OK)
        fail_msg("%s", err.text);
    return plan;
}

#define assert_prints(fixture, text)                                                     \
    do {                                                                                 \
        if (!strstr((fixture)->printed, text))                                           \
            fail_msg("no \"%s\" in:\n%s", text, (fixture)->printed);                     \
    } while (0)

static void test_a_run_is_submitted_with_its_code_and_files(void **state)
{
    struct fixture *fixture = *state;
    scoped(arena) arena = arena_create(1 << 20);

    assert_int_equal(
        RUN(fixture, verb_run, "run", "-p", "first.C=2.5", "--title", "mine"), EXIT_DONE);

    const struct plan *plan = submitted(arena);
    const struct plan_stage *stage = &plan->stages[0];

    assert_string_equal(plan->title, "mine");
    assert_int_equal(plan->code.file_count, 3);
    assert_non_null(fake_find(plan->code.tree));
    assert_int_equal(stage->inputs[0].source_count, 2);
    assert_string_equal(stage->inputs[0].sources[1].name, "b.csv");
    assert_string_equal(stage->inputs[0].sources[1].uri, "data/b.csv");
    assert_int_equal(strlen(stage->inputs[0].sources[1].md5), 32);
    assert_non_null(fake_find(stage->inputs[0].sources[0].digest));
    assert_true(stage->parameters[0].value.real == 2.5);
    assert_prints(fixture, "stage first  started\n");
    assert_prints(fixture, "stage first  complete in 1.0s\n");
    assert_prints(fixture, "run 1 complete after 2.0s\n");
}

static const char hello_digest[] =
    "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

static void give_datum(void)
{
    static const char *const tags[] = { "good" };

    fake.datum = (struct sluice_datum){ .number = 1,
                                        .id = "12345678-1234-8234-8234-123456789abc",
                                        .name = "deep/model.bin",
                                        .digest = hello_digest,
                                        .md5 = "",
                                        .sha1 = "",
                                        .size = 5,
                                        .run = 3,
                                        .stage = "train",
                                        .by = "",
                                        .tags = tags,
                                        .tag_count = 1 };
}

static void test_an_input_that_is_named_is_looked_up_before_the_run(void **state)
{
    struct fixture *fixture = *state;
    scoped(arena) arena = arena_create(1 << 20);
    char digest[72];
    struct sluice_error error;

    give_datum();
    assert_int_equal(RUN(fixture, verb_run, "run", "-i", "first.data=datum://other"),
                     EXIT_WRONG);
    assert_prints(fixture, "input data of stage first: no such alias");
    assert_int_equal(RUN(fixture, verb_run, "run", "-i", "first.data=datum://known"),
                     EXIT_WRONG);
    assert_prints(fixture, "the bytes of deep/model.bin are gone");
    assert_int_equal(fake.puts, 0);
    assert_int_equal(sluice_put_bytes(NULL, "hello", 5, digest, &error), SLUICE_OK);
    assert_int_equal(RUN(fixture, verb_run, "run", "-i", "first.data=datum://known"),
                     EXIT_DONE);

    const struct plan_source *source = submitted(arena)->stages[0].inputs[0].sources;

    assert_string_equal(source->uri, "datum://known");
    assert_string_equal(source->datum, "12345678-1234-8234-8234-123456789abc");
    assert_string_equal(source->name, "model.bin");
    assert_string_equal(source->digest, hello_digest);
    assert_int_equal(source->size, 5);
}

static void test_verbs_of_names_print_texts_and_data(void **state)
{
    struct fixture *fixture = *state;

    fixture_file(".sluice/store", "");
    assert_int_equal(RUN(fixture, verb_datum, "datum", "ls"), EXIT_DONE);
    assert_prints(fixture, "no datums");
    give_datum();
    RUN(fixture, verb_datum, "datum", "ls");
    assert_prints(fixture, "deep/model.bin");
    RUN(fixture, verb_datum, "datum", "ls", "--json");
    assert_prints(fixture, "\"stage\": \"train\", \"task\": 0, \"by\": null, \"tags\": "
                           "[\"good\"], \"properties\": null}]}");
    assert_int_equal(RUN(fixture, verb_datum, "datum", "show", "other"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_datum, "datum", "show", "known"), EXIT_DONE);
    assert_prints(fixture, "from      3/train/0");
    assert_int_equal(RUN(fixture, verb_datum, "datum", "show"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_datum, "datum", "look"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_datum, "datum", "add", "data/a.csv"), EXIT_DONE);
    assert_prints(fixture, "datum://12345678-");
    assert_int_equal(RUN(fixture, verb_alias, "alias", "ls"), EXIT_DONE);
    assert_int_equal(RUN(fixture, verb_alias, "alias", "set", "a", "known"), EXIT_DONE);
    assert_int_equal(RUN(fixture, verb_alias, "alias", "set", "a", "b"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_alias, "alias", "set", "a"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_tag, "tag", "add", "1", "x"), EXIT_DONE);
    assert_int_equal(RUN(fixture, verb_tag, "tag", "add", "1"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_dataset, "dataset", "ls", "--json"), EXIT_DONE);
    assert_string_equal(fixture->printed, "{\"datasets\": []}\n");
    assert_int_equal(RUN(fixture, verb_dataset, "dataset", "show", "a/b"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_dataset, "dataset", "add", "a/b"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_dataset, "dataset", "create", "a/b"), EXIT_DONE);
}

static void test_what_the_store_has_is_not_sent_again(void **state)
{
    RUN(*state, verb_run, "run");

    unsigned puts = fake.puts;

    assert_int_equal(puts, 3);
    fake.view = 0;
    RUN(*state, verb_run, "run");
    assert_int_equal(fake.puts, puts);
}

static void test_a_failed_run_says_why_and_where_to_look(void **state)
{
    struct fixture *fixture = *state;
    struct sluice_task task = { .index = 0,
                                .state = "error",
                                .cause = "exit",
                                .exit_code = 3,
                                .node = "",
                                .ended_us = 2 * SECOND };

    script_run("error");
    fake.tasks = &task;
    fake.task_count = 1;
    fake.streams[SLUICE_STDERR] = "no such column\n";
    fake.stream_sizes[SLUICE_STDERR] = strlen("no such column\n");
    assert_int_equal(RUN(fixture, verb_run, "run"), EXIT_FAILED);
    assert_prints(fixture, "task first/0  error: exit code 3\n");
    assert_prints(fixture, "         | no such column\n");
    assert_prints(fixture, "see: sluice logs 1/first\n");
}

static void test_a_note_is_told_once_when_it_comes(void **state)
{
    struct fixture *fixture = *state;
    static const char *const notes[] = { "commands run on this host" };

    for (size_t i = 1; i < 3; i++) {
        views[i].notes = notes;
        views[i].note_count = 1;
    }
    assert_int_equal(RUN(fixture, verb_run, "run"), EXIT_DONE);
    assert_prints(fixture, "sluice: commands run on this host\n");

    const char *first = strstr(fixture->printed, notes[0]);

    assert_null(strstr(first + 1, notes[0]));
}

static void test_a_stopped_run_has_its_own_exit_code(void **state)
{
    script_run("stopped");
    assert_int_equal(RUN(*state, verb_run, "run"), EXIT_STOPPED);
}

static void test_a_run_as_data_is_a_line_of_json_for_each_change(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(RUN(fixture, verb_run, "run", "--json"), EXIT_DONE);
    assert_prints(fixture,
                  "{\"change\": \"run\", \"time\": \"1970-01-01T00:00:01.000000Z\"");
    assert_prints(fixture, "{\"change\": \"end\", \"run\": {\"number\": 1,");
}

static void test_what_is_wrong_is_found_before_a_broker_is_asked(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(RUN(fixture, verb_run, "run", "nothing"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_run, "run", "-p", "first.D=1"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_run, "run", "-p", "C"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_run, "run", "all", "--step", "train"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_run, "run", "-i", "first.data=gone.csv"),
                     EXIT_WRONG);
    assert_prints(fixture, "input data of stage first: there is no file");
    assert_prints(fixture, "gone.csv");
    fixture_file("valohai.yaml", "- step:\n    name: a\n");
    assert_int_equal(RUN(fixture, verb_run, "run"), EXIT_WRONG);
    assert_prints(fixture, "valohai.yaml:2:5: error: ");
    assert_int_equal(RUN(fixture, verb_run, "run", "--json"), EXIT_WRONG);
    assert_prints(fixture, "valohai.yaml:2:5: ");
    unlink("valohai.yaml");
    assert_int_equal(RUN(fixture, verb_run, "run"), EXIT_WRONG);
    assert_prints(fixture, "valohai.yaml");
    assert_int_equal(fake.connects, 0);
    assert_int_equal(access(".sluice", F_OK), -1);
}

static void test_without_a_broker_the_exit_code_is_three(void **state)
{
    struct fixture *fixture = *state;

    fake.open_code = SLUICE_UNREACHABLE;
    assert_int_equal(RUN(fixture, verb_run, "run"), EXIT_UNREACHABLE);
    assert_int_equal(RUN(fixture, verb_run, "run", "--json"), EXIT_UNREACHABLE);
    assert_prints(fixture, "{\"error\": {\"code\": \"unreachable\", \"message\": ");
}

static void test_looking_starts_nothing_where_nothing_was_run(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(RUN(fixture, verb_ls, "ls"), EXIT_DONE);
    assert_prints(fixture, "no runs yet");
    assert_int_equal(RUN(fixture, verb_ls, "ls", "--json"), EXIT_DONE);
    assert_string_equal(fixture->printed, "{\"runs\": []}\n");
    assert_int_equal(RUN(fixture, verb_show, "show", "last"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_stop, "stop"), EXIT_DONE);
    assert_int_equal(fake.connects, 0);
}

static void test_a_reference_to_nothing_is_wrong_usage(void **state)
{
    struct fixture *fixture = *state;

    fixture_file(".sluice/store", "");
    assert_int_equal(RUN(fixture, verb_show, "show", "99"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_logs, "logs", "last/x"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_logs, "logs", "last/first/9"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_logs, "logs"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_show, "show", "last"), EXIT_DONE);
    assert_prints(fixture, "first  waiting");
}

static void test_a_run_is_enough_where_it_has_one_stage(void **state)
{
    struct fixture *fixture = *state;
    struct sluice_stage two[] = { stages[2], stages[2] };

    fixture_file(".sluice/store", "");
    assert_int_equal(RUN(fixture, verb_metadata, "metadata", "last"), EXIT_DONE);
    two[1].name = "second";
    for (size_t i = 0; i < 3; i++) {
        views[i].stages = two;
        views[i].stage_count = 2;
    }
    assert_int_equal(RUN(fixture, verb_metadata, "metadata", "last"), EXIT_WRONG);
    assert_prints(fixture, "name one, as in last/first (there are: first, second)");
}

static void add_mark(struct buf *marks, enum stream stream, uint64_t end, int64_t time_us)
{
    unsigned char bytes[TIME_MARK_BYTES];

    time_mark_encode(
        &(struct time_mark){ .unix_us = time_us, .end = end, .stream = stream }, bytes);
    buf_add(marks, bytes, sizeof bytes);
}

static void give(enum sluice_stream stream, const void *bytes, size_t size)
{
    fake.streams[stream] = bytes;
    fake.stream_sizes[stream] = size;
}

static void test_logs_are_merged_in_the_order_of_time(void **state)
{
    struct fixture *fixture = *state;
    scoped_buf marks = { 0 };

    fixture_file(".sluice/store", "");
    give(SLUICE_STDOUT, "one\ntwo\0!\nend", 13);
    give(SLUICE_STDERR, "warning\n", 8);
    add_mark(&marks, STREAM_STDOUT, 6, SECOND);
    add_mark(&marks, STREAM_STDERR, 8, 2 * SECOND);
    add_mark(&marks, STREAM_STDOUT, 13, 3 * SECOND);
    give(SLUICE_TIMES, marks.data, marks.size);
    assert_int_equal(RUN(fixture, verb_logs, "logs", "1/first"), EXIT_DONE);
    assert_int_equal(fixture->printed_size, 21);
    assert_memory_equal(fixture->printed, "one\nwarning\ntwo\0!\nend", 21);
    RUN(fixture, verb_logs, "logs", "--stdout", "1/first");
    assert_int_equal(fixture->printed_size, 13);
    RUN(fixture, verb_logs, "logs", "--json", "1/first");
    assert_prints(fixture, "{\"stream\": \"stderr\", \"time\": "
                           "\"1970-01-01T00:00:02.000000Z\", \"text\": \"warning\"}\n");
}

/* A result with outputs of the given names, all with the content "hello". */
static void give_outputs(const char *const *names, size_t count, struct buf *bytes)
{
    struct plan_source outputs[4] = { 0 };
    struct task_result result = { .outputs = outputs,
                                  .output_count = count,
                                  .metadata = { .kind = VALUE_MAP } };
    static char digest[72];
    struct sluice_error error;

    assert_int_equal(sluice_put_bytes(NULL, "hello", 5, digest, &error), SLUICE_OK);
    for (size_t i = 0; i < count; i++)
        outputs[i] = (struct plan_source){
            .uri = "", .name = names[i], .digest = digest, .size = 5
        };
    result_encode(bytes, &result);
    fake.result = bytes->data;
    fake.result_size = bytes->size;
    fixture_file(".sluice/store", "");
}

static void test_outputs_are_downloaded_into_the_folder_only(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = { "model.bin", "deep/er/file" };
    scoped_buf bytes = { 0 };

    give_outputs(names, 2, &bytes);
    assert_int_equal(RUN(fixture, verb_outputs, "outputs", "1/first", "-d", "out"),
                     EXIT_DONE);
    assert_int_equal(access("out/model.bin", F_OK), 0);
    assert_int_equal(access("out/deep/er/file", F_OK), 0);
    assert_int_equal(RUN(fixture, verb_outputs, "outputs", "1/first", "-d", "out"),
                     EXIT_WRONG);
    assert_prints(fixture, "--overwrite");
    assert_int_equal(
        RUN(fixture, verb_outputs, "outputs", "1/first", "-d", "out", "--overwrite"),
        EXIT_DONE);

    assert_int_equal(mkdir("trap", 0777) || symlink("../data", "trap/deep"), 0);
    assert_int_equal(RUN(fixture, verb_outputs, "outputs", "1/first", "-d", "trap"),
                     EXIT_WRONG);
    assert_int_equal(access("data/er", F_OK), -1);
}

static void test_equal_names_of_several_tasks_get_folders(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = { "model.bin" };
    scoped_buf bytes = { 0 };

    give_outputs(names, 1, &bytes);
    stages[0].tasks = 2;
    assert_int_equal(RUN(fixture, verb_outputs, "outputs", "1/first", "-d", "out"),
                     EXIT_DONE);
    assert_int_equal(access("out/0/model.bin", F_OK), 0);
    assert_int_equal(access("out/1/model.bin", F_OK), 0);
}

static void test_metadata_of_a_running_task_is_what_it_printed_last(void **state)
{
    struct fixture *fixture = *state;
    static const char series[] = "{\"a\": 1, \"b\": 2}\n{\"a\": 3}\n{\"cut";

    fixture_file(".sluice/store", "");
    give(SLUICE_METADATA, series, sizeof series - 1);
    assert_int_equal(RUN(fixture, verb_metadata, "metadata", "1/first"), EXIT_DONE);
    assert_string_equal(fixture->printed, "a = 3\nb = 2\n");
    RUN(fixture, verb_metadata, "metadata", "--series", "--json", "1/first");
    assert_string_equal(fixture->printed,
                        "{\"task\": 0, \"metadata\": {\"a\": 1, \"b\": 2}}\n"
                        "{\"task\": 0, \"metadata\": {\"a\": 3}}\n");
}

static void test_an_explanation_is_a_sentence_with_what_it_rests_on(void **state)
{
    struct fixture *fixture = *state;

    fixture_file(".sluice/store", "");
    assert_int_equal(RUN(fixture, verb_explain, "explain", "1/first"), EXIT_DONE);
    assert_string_equal(fixture->printed, "it waits\n"
                                          "  attempt 1: exit code 3\n"
                                          "  node n1: 0 of 2 CPU free\n"
                                          "  parameter:lr             0.1 \u23ce 2 -> "
                                          "(none)\n"
                                          "  ... and 2 more fields\n"
                                          "  (the nodes' environments differ, too; that "
                                          "does not count)\n"
                                          "what would help: wait\n");
    RUN(fixture, verb_explain, "explain", "--json", "1");
    assert_string_equal(
        fixture->printed,
        "{\"run\": 1, \"stage\": null, \"task\": null, \"why\": \"busy\", "
        "\"text\": \"it waits\", \"help\": \"wait\", "
        "\"nodes\": [\"n1: 0 of 2 CPU free\"], "
        "\"attempts\": [\"attempt 1: exit code 3\"], \"origin\": null, "
        "\"nearest\": \"2/first/0\", \"differ\": 3, "
        "\"differences\": [{\"field\": \"parameter:lr\", \"before\": \"0.1\\n2\\n\", "
        "\"after\": null}], \"files\": null, \"environment_differs\": true, "
        "\"unsettled\": null, \"stages\": []}\n");
}

static void test_completion_lists_names_and_never_complains(void **state)
{
    struct fixture *fixture = *state;

    RUN(fixture, verb_complete, "__complete", "pipelines");
    assert_string_equal(fixture->printed, "all\n");
    RUN(fixture, verb_complete, "__complete", "parameters", "all");
    assert_string_equal(fixture->printed, "first.C\n");
    RUN(fixture, verb_complete, "__complete", "parameters", "train");
    assert_string_equal(fixture->printed, "C\n");
    RUN(fixture, verb_complete, "__complete", "runs");
    assert_string_equal(fixture->printed, "");
    fixture_file("valohai.yaml", "{");
    assert_int_equal(RUN(fixture, verb_complete, "__complete", "steps"), EXIT_DONE);
    assert_string_equal(fixture->printed, "");
}

static void test_lint_prints_findings_of_all_files(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(RUN(fixture, verb_lint, "lint"), EXIT_DONE);
    assert_string_equal(fixture->printed, "valohai.yaml: 0 errors, 0 warnings\n");
    fixture_file("bad.yaml", "- step:\n    name: a\n");
    assert_int_equal(RUN(fixture, verb_lint, "lint", "bad.yaml", "valohai.yaml"),
                     EXIT_FAILED);
    assert_prints(fixture, "bad.yaml:2:5: error: ");
    assert_prints(fixture, "bad.yaml: 2 errors, 0 warnings\n");
    assert_int_equal(RUN(fixture, verb_lint, "lint", "--json", "bad.yaml", "gone.yaml"),
                     EXIT_WRONG);
    assert_prints(fixture, "[{\"file\": \"bad.yaml\", \"errors\": 2, \"warnings\": 0, ");
    assert_prints(fixture, "cannot read gone.yaml");
}

static void test_help_is_there_for_every_verb(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(RUN(fixture, verb_help, "help"), EXIT_DONE);
    assert_prints(fixture, "Look\n  ls ");
    assert_prints(fixture, "  metadata   print metadata\n");
    assert_prints(fixture, "Other\n  help       explain a verb\n");
    assert_int_equal(RUN(fixture, verb_logs, "logs", "-h"), EXIT_DONE);
    assert_prints(fixture, "usage: sluice logs [-f]");
    assert_int_equal(RUN(fixture, verb_help, "help", "x"), EXIT_WRONG);
    assert_int_equal(RUN(fixture, verb_ls, "ls", "x"), EXIT_WRONG);
    assert_prints(fixture, "usage: sluice ls [-n N]");
}

#define VERB_TEST(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VERB_TEST(test_a_run_is_submitted_with_its_code_and_files),
        VERB_TEST(test_an_input_that_is_named_is_looked_up_before_the_run),
        VERB_TEST(test_verbs_of_names_print_texts_and_data),
        VERB_TEST(test_what_the_store_has_is_not_sent_again),
        VERB_TEST(test_a_failed_run_says_why_and_where_to_look),
        VERB_TEST(test_a_note_is_told_once_when_it_comes),
        VERB_TEST(test_a_stopped_run_has_its_own_exit_code),
        VERB_TEST(test_a_run_as_data_is_a_line_of_json_for_each_change),
        VERB_TEST(test_what_is_wrong_is_found_before_a_broker_is_asked),
        VERB_TEST(test_without_a_broker_the_exit_code_is_three),
        VERB_TEST(test_looking_starts_nothing_where_nothing_was_run),
        VERB_TEST(test_a_reference_to_nothing_is_wrong_usage),
        VERB_TEST(test_a_run_is_enough_where_it_has_one_stage),
        VERB_TEST(test_logs_are_merged_in_the_order_of_time),
        VERB_TEST(test_outputs_are_downloaded_into_the_folder_only),
        VERB_TEST(test_equal_names_of_several_tasks_get_folders),
        VERB_TEST(test_metadata_of_a_running_task_is_what_it_printed_last),
        VERB_TEST(test_an_explanation_is_a_sentence_with_what_it_rests_on),
        VERB_TEST(test_completion_lists_names_and_never_complains),
        VERB_TEST(test_lint_prints_findings_of_all_files),
        VERB_TEST(test_help_is_there_for_every_verb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
