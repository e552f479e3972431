/* test_follow.c - streams, metadata and live outputs of an attempt that runs. */
#include "attempt_world.h"

#include "codecs/wire/times.h"
#include "nodes/staging/follow.h"

#include <poll.h>

struct followed {
    struct world *world;
    struct follower *follower;
    unsigned met;
};

static void condition_met(void *context, uint64_t token, const char *condition)
{
    struct followed *followed = context;

    assert_int_equal(token, 7);
    assert_string_equal(condition, followed->world->stage.stop_condition);
    followed->met++;
}

static void follower_start(struct followed *followed)
{
    struct follow_events events = { followed, condition_met };
    struct err err;

    assert_int_equal(
        follower_create(&followed->world->staging, &events, &followed->follower, &err),
        RC_OK);
    assert_int_equal(follow_add(followed->follower, 7, 0, &followed->world->stage, &err),
                     RC_OK);
}

static int setup(void **state)
{
    struct followed *followed = calloc(1, sizeof *followed);

    followed->world = world_create();
    world_commands(followed->world, "true");
    world_prepare(followed->world);
    followed->world->stage.stop_condition = "metadata.loss < 0.5";
    follower_start(followed);
    *state = followed;
    return 0;
}

static int teardown(void **state)
{
    struct followed *followed = *state;

    follower_destroy(followed->follower);
    world_destroy(followed->world);
    free(followed);
    return 0;
}

static void append_bytes(struct followed *followed, const char *name, const void *bytes,
                         size_t size)
{
    FILE *file = fopen(world_path(followed->world, name), "a");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void append(struct followed *followed, const char *name, const char *text)
{
    append_bytes(followed, name, text, strlen(text));
}

static void steps(struct followed *followed, int64_t now_us)
{
    struct pollfd polled = { follower_fd(followed->follower), POLLIN, 0 };

    while (follow_step(followed->follower, now_us) || poll(&polled, 1, 0) > 0)
        continue;
}

static const char *latest(struct followed *followed)
{
    scoped_buf buf = { 0 };
    struct value map;
    struct err err;

    assert_int_equal(
        follow_metadata(followed->follower, 7, followed->world->arena, &map, &err),
        RC_OK);
    value_to_json(&buf, &map);
    return arena_text(followed->world->arena, buf_string(&buf));
}

static void test_metadata_lines_make_the_stream_and_the_latest_values(void **state)
{
    struct followed *followed = *state;

    append(followed, "stdout",
           "hello\n\n  {\"epoch\": 1, \"loss\": 0.75}  \r\n[1]\n7\n"
           "{\"a\": 1} {\"b\": 2}\n{\"epoch\": 2");
    steps(followed, 1743779019321000);
    assert_string_equal(latest(followed), "{\"epoch\": 1, \"loss\": 0.75}");
    append(followed, "stdout", ", \"tags\": [1, \"x\"]}\n");
    steps(followed, 1743779020000001);
    assert_string_equal(latest(followed),
                        "{\"epoch\": 2, \"loss\": 0.75, \"tags\": [1, \"x\"]}");
    assert_string_equal(
        world_text(followed->world, "metadata"),
        "{\"_time\": \"2025-04-04T15:03:39.321000\", \"epoch\": 1, \"loss\": 0.75}\n"
        "{\"_time\": \"2025-04-04T15:03:40.000001\", \"epoch\": 2, \"tags\": [1, \"x\"]}"
        "\n");
    assert_int_equal(followed->met, 0);
}

static void test_metadata_on_stderr_is_plain_text(void **state)
{
    struct followed *followed = *state;

    append(followed, "stderr", "{\"loss\": 0.1}\n");
    steps(followed, 5);
    assert_string_equal(latest(followed), "{}");
    assert_int_equal(follow_last_output_us(followed->follower, 7), 5);
}

static void test_a_stop_condition_is_told_once(void **state)
{
    struct followed *followed = *state;

    append(followed, "stdout", "{\"loss\": 0.6}\n");
    steps(followed, 1);
    assert_int_equal(followed->met, 0);
    append(followed, "stdout", "{\"loss\": 0.4}\n{\"loss\": 0.9}\n");
    steps(followed, 2);
    append(followed, "stdout", "{\"loss\": 0.3}\n");
    steps(followed, 3);
    assert_int_equal(followed->met, 1);
}

static void test_the_times_index_tells_when_bytes_came(void **state)
{
    struct followed *followed = *state;
    struct time_mark mark;
    const char *times;
    static const struct time_mark expected[] = { { 10, 3, STREAM_STDOUT },
                                                 { 20, 4, STREAM_STDERR },
                                                 { 20, 5, STREAM_STDOUT } };

    assert_int_equal(follow_last_output_us(followed->follower, 7), 0);
    append(followed, "stdout", "ab\n");
    steps(followed, 10);
    append(followed, "stdout", "c\n");
    append(followed, "stderr", "oops");
    steps(followed, 20);
    steps(followed, 30);
    assert_int_equal(follow_last_output_us(followed->follower, 7), 20);
    times = world_text(followed->world, "times");
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(
            time_mark_decode((const unsigned char *)times + i * TIME_MARK_BYTES, &mark));
        assert_int_equal(mark.unix_us, expected[i].unix_us);
        assert_int_equal(mark.end, expected[i].end);
        assert_int_equal(mark.stream, expected[i].stream);
    }
}

static void test_a_last_line_without_newline_counts_at_the_end(void **state)
{
    struct followed *followed = *state;
    struct err err;

    append(followed, "stdout", "{\"loss\": 0.25}");
    steps(followed, 10);
    assert_string_equal(latest(followed), "{}");
    assert_int_equal(follow_finish(followed->follower, 7, 11, &err), RC_OK);
    assert_string_equal(latest(followed), "{\"loss\": 0.25}");
    assert_int_equal(followed->met, 1);
    assert_int_equal(follow_finish(followed->follower, 8, 11, &err), RC_NOT_FOUND);
}

static void test_any_bytes_and_very_long_lines_pass(void **state)
{
    struct followed *followed = *state;
    size_t size = 3 << 20;
    char *line = malloc(size);

    memset(line, 'x', size);
    line[0] = '{';
    line[size - 2] = '}';
    line[size - 1] = '\n';
    append_bytes(followed, "stdout", line, size);
    append_bytes(followed, "stdout", "\0\xff{\"a\": 1}\n{\"b\": \"\xff\"}\n{\0}\n", 26);
    append(followed, "stdout", "{\"c\": 3}\n");
    free(line);
    steps(followed, 10);
    assert_non_null(strstr(latest(followed), "\"c\": 3"));
    assert_null(strstr(latest(followed), "\"a\""));
}

static void test_latest_values_are_bounded_and_that_is_said_once(void **state)
{
    struct followed *followed = *state;
    struct value map;
    struct err err;

    for (unsigned i = 0; i < 4; i++) {
        scoped_buf line = { 0 };

        buf_printf(&line, "{\"k%u\": \"", i);
        for (unsigned n = 0; n < 400000; n++)
            buf_byte(&line, 'v');
        buf_text(&line, "\"}\n");
        append_bytes(followed, "stdout", line.data, line.size);
    }
    append(followed, "stdout", "{\"small\": 1}\n");
    steps(followed, 10);
    assert_int_equal(
        follow_metadata(followed->follower, 7, followed->world->arena, &map, &err),
        RC_OK);
    assert_non_null(value_get(&map, "k1"));
    assert_null(value_get(&map, "k2"));
    assert_non_null(value_get(&map, "small"));

    const char *status = world_text(followed->world, "status");
    const char *first = strstr(status, "more metadata");

    assert_non_null(first);
    assert_null(strstr(first + 1, "more metadata"));
}

static void test_a_restarted_agent_finds_the_same_metadata_and_times(void **state)
{
    struct followed *followed = *state;
    const char *stream, *values, *times;
    struct stat before, after;

    append(followed, "stdout", "{\"a\": 1}\n{\"b\":");
    steps(followed, 1000000);
    append(followed, "stderr", "x");
    append(followed, "stdout", " 2}\n{\"a\": 3}\n");
    steps(followed, 2000000);
    stream = world_text(followed->world, "metadata");
    times = world_text(followed->world, "times");
    values = latest(followed);
    follower_destroy(followed->follower);
    /* Half a mark and half a metadata line, as a crash would leave them. */
    append_bytes(followed, "times", "half a", 6);
    assert_int_equal(truncate(world_path(followed->world, "metadata"), 20), 0);
    follower_start(followed);
    assert_int_equal(follow_last_output_us(followed->follower, 7), 2000000);
    steps(followed, 9000000);
    assert_string_equal(world_text(followed->world, "metadata"), stream);
    assert_string_equal(latest(followed), values);
    assert_int_equal(stat(world_path(followed->world, "times"), &before), 0);
    assert_memory_equal(world_text(followed->world, "times"), times,
                        (size_t)before.st_size);
    append(followed, "stdout", "more\n");
    steps(followed, 9000001);
    assert_int_equal(stat(world_path(followed->world, "times"), &after), 0);
    assert_int_equal(after.st_size, before.st_size + TIME_MARK_BYTES);
}

static void output_make(struct followed *followed, const char *name, const char *text,
                        mode_t mode)
{
    file_make(world_path(followed->world, name), text);
    assert_int_equal(chmod(world_path(followed->world, name), mode), 0);
}

static bool is_there(struct followed *followed, const char *name)
{
    return access(world_path(followed->world, name), F_OK) == 0;
}

static void test_a_file_made_read_only_is_taken_at_once(void **state)
{
    struct followed *followed = *state;
    struct task_result result;

    output_make(followed, "outputs/a.txt", "one", 0444);
    output_make(followed, "outputs/b.txt", "stays", 0644);
    steps(followed, 1);
    assert_false(is_there(followed, "outputs/a.txt"));
    assert_true(is_there(followed, "outputs/b.txt"));
    output_make(followed, "outputs/a.txt", "two", 0444);
    steps(followed, 2);
    assert_false(is_there(followed, "outputs/a.txt"));
    output_make(followed, "outputs/a.txt", "three", 0644);
    result = world_collect(followed->world);
    assert_int_equal(result.output_count, 4);
    assert_string_equal(result.outputs[0].name, "a.txt");
    assert_string_equal(world_stored(followed->world, result.outputs[0].digest), "one");
    assert_string_equal(result.outputs[1].name, "a.txt");
    assert_string_equal(world_stored(followed->world, result.outputs[1].digest), "two");
    assert_string_equal(world_stored(followed->world, result.outputs[2].digest), "three");
    assert_string_equal(result.outputs[3].name, "b.txt");
}

static void test_new_and_moved_folders_are_watched_too(void **state)
{
    struct followed *followed = *state;
    char from[4096];

    assert_int_equal(mkdir(world_path(followed->world, "outputs/d"), 0755), 0);
    assert_int_equal(mkdir(world_path(followed->world, "outputs/d/e"), 0755), 0);
    output_make(followed, "outputs/d/e/early", "1", 0444);
    steps(followed, 1);
    assert_false(is_there(followed, "outputs/d/e/early"));
    output_make(followed, "outputs/d/e/late", "2", 0444);
    steps(followed, 2);
    assert_false(is_there(followed, "outputs/d/e/late"));
    snprintf(from, sizeof from, "%s", world_path(followed->world, "outputs/d"));
    assert_int_equal(rename(from, world_path(followed->world, "outputs/m")), 0);
    steps(followed, 3);
    output_make(followed, "outputs/m/e/moved", "3", 0444);
    steps(followed, 4);
    assert_false(is_there(followed, "outputs/m/e/moved"));
    assert_true(is_there(followed, "taken/3/m/e/moved"));
}

static void test_what_was_taken_before_a_restart_is_kept_beside_the_new(void **state)
{
    struct followed *followed = *state;

    output_make(followed, "outputs/a", "one", 0444);
    steps(followed, 1);
    follower_destroy(followed->follower);
    output_make(followed, "outputs/a", "two", 0444);
    follower_start(followed);
    steps(followed, 2);
    assert_string_equal(world_text(followed->world, "taken/1/a"), "one");
    assert_string_equal(world_text(followed->world, "taken/2/a"), "two");
}

static void test_sidecars_links_and_what_lies_outside_are_not_taken(void **state)
{
    struct followed *followed = *state;
    char precious[128];

    snprintf(precious, sizeof precious, "%s/precious", followed->world->directory);
    assert_int_equal(mkdir(precious, 0755), 0);
    snprintf(precious, sizeof precious, "%s/precious/f", followed->world->directory);
    output_make(followed, "outputs/a.metadata.json", "{}", 0444);
    output_make(followed, "outputs/valohai.metadata.jsonl", "{}", 0444);
    snprintf(precious, sizeof precious, "%s/precious", followed->world->directory);
    assert_int_equal(symlink(precious, world_path(followed->world, "outputs/link")), 0);
    steps(followed, 1);
    snprintf(precious, sizeof precious, "%s/precious/f", followed->world->directory);
    file_make(precious, "x");
    assert_int_equal(chmod(precious, 0444), 0);
    steps(followed, 2);
    assert_true(is_there(followed, "outputs/a.metadata.json"));
    assert_true(is_there(followed, "outputs/valohai.metadata.jsonl"));
    assert_int_equal(access(precious, F_OK), 0);
}

static void test_after_the_end_the_files_are_left_to_be_collected(void **state)
{
    struct followed *followed = *state;
    struct task_result result;
    struct stat before, after;
    struct err err;

    output_make(followed, "outputs/late", "x", 0444);
    append(followed, "stdout", "one\n");
    assert_int_equal(follow_finish(followed->follower, 7, 5, &err), RC_OK);
    assert_int_equal(stat(world_path(followed->world, "times"), &before), 0);
    append(followed, "stdout", "two\n");
    steps(followed, 9);
    assert_true(is_there(followed, "outputs/late"));
    assert_int_equal(stat(world_path(followed->world, "times"), &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    result = world_collect(followed->world);
    assert_int_equal(result.output_count, 1);
}

static void test_an_attempt_is_followed_once_and_can_be_left(void **state)
{
    struct followed *followed = *state;
    struct err err;

    assert_int_equal(follow_add(followed->follower, 7, 0, &followed->world->stage, &err),
                     RC_CONFLICT);
    assert_int_equal(follow_add(followed->follower, 8, 0, &followed->world->stage, &err),
                     RC_NOT_FOUND);
    follow_remove(followed->follower, 7);
    follow_remove(followed->follower, 7);
    append(followed, "stdout", "{\"loss\": 0}\n");
    steps(followed, 1);
    assert_int_equal(followed->met, 0);
    assert_int_equal(follow_last_output_us(followed->follower, 7), 0);
}

static void test_a_silent_attempt_gives_its_place_to_the_next(void **state)
{
    struct followed *followed = *state;
    struct follower *follower = followed->follower;
    char from[128], to[160];
    struct value map;
    struct err err;

    followed->world->stage.stop_condition = NULL;
    follow_remove(follower, 7);
    assert_int_equal(follow_add(follower, 7, 0, &followed->world->stage, &err), RC_OK);
    assert_false(follow_is_silent(follower, 7)); /* it has not ended */
    assert_int_equal(follow_finish(follower, 7, 1, &err), RC_OK);
    assert_true(follow_is_silent(follower, 7));
    snprintf(from, sizeof from, "%s/attempts/7", followed->world->directory);
    snprintf(to, sizeof to, "%s/attempts/8", followed->world->directory);
    assert_int_equal(rename(from, to), 0);
    follow_renew(follower, 7, 8);
    assert_int_equal(rename(to, from), 0); /* where append looks for it */
    append(followed, "stdout", "{\"loss\": 3}\n");
    steps(followed, 5);
    assert_int_equal(follow_last_output_us(follower, 8), 5);
    assert_int_equal(follow_finish(follower, 8, 6, &err), RC_OK);
    assert_int_equal(follow_metadata(follower, 8, followed->world->arena, &map, &err),
                     RC_OK);
    assert_int_equal(map.map.count, 1);
    assert_false(follow_is_silent(follower, 8));
    assert_false(follow_is_silent(follower, 7));
}

#define follow_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        follow_test(test_metadata_lines_make_the_stream_and_the_latest_values),
        follow_test(test_metadata_on_stderr_is_plain_text),
        follow_test(test_a_stop_condition_is_told_once),
        follow_test(test_the_times_index_tells_when_bytes_came),
        follow_test(test_a_last_line_without_newline_counts_at_the_end),
        follow_test(test_any_bytes_and_very_long_lines_pass),
        follow_test(test_latest_values_are_bounded_and_that_is_said_once),
        follow_test(test_a_restarted_agent_finds_the_same_metadata_and_times),
        follow_test(test_a_file_made_read_only_is_taken_at_once),
        follow_test(test_new_and_moved_folders_are_watched_too),
        follow_test(test_what_was_taken_before_a_restart_is_kept_beside_the_new),
        follow_test(test_sidecars_links_and_what_lies_outside_are_not_taken),
        follow_test(test_after_the_end_the_files_are_left_to_be_collected),
        follow_test(test_an_attempt_is_followed_once_and_can_be_left),
        follow_test(test_a_silent_attempt_gives_its_place_to_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
