#include "client/cli/change.h"
#include "client/cli/text/human.h"
#include "client/cli/run_view.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

enum { SECOND = 1000000 };

static void test_durations_are_short(void **state)
{
    (void)state;
    assert_string_equal(human_duration(400000).text, "400ms");
    assert_string_equal(human_duration(2500000).text, "2.5s");
    assert_string_equal(human_duration(12 * SECOND).text, "12s");
    assert_string_equal(human_duration(185LL * SECOND).text, "3m 05s");
    assert_string_equal(human_duration(7380LL * SECOND).text, "2h 03m");
    assert_string_equal(human_duration(90000LL * SECOND).text, "1d 01h");
    assert_string_equal(human_duration(-5).text, "0ms");
}

static void test_sizes_have_units(void **state)
{
    (void)state;
    assert_string_equal(human_size(0).text, "0 B");
    assert_string_equal(human_size(1023).text, "1023 B");
    assert_string_equal(human_size(1536).text, "1.5 KiB");
    assert_string_equal(human_size(UINT64_MAX).text, "16 EiB");
}

static void test_times_are_local_and_data_is_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC-2", 1);
    tzset();
    assert_string_equal(human_time(SECOND).text, "1970-01-01 02:00:01");
    assert_string_equal(human_clock(SECOND).text, "02:00:01");
    assert_string_equal(human_rfc3339(SECOND + 5).text, "1970-01-01T00:00:01.000005Z");
    assert_string_equal(human_time(0).text, "-");
}

static void assert_fits(const char *text, size_t width, const char *expected)
{
    scoped_buf buf = { 0 };
    size_t columns = text_fit(&buf, text, width);

    assert_string_equal(buf_string(&buf), expected);
    assert_true(columns <= width);
}

static void test_text_is_cut_to_columns_and_cleaned(void **state)
{
    (void)state;
    assert_fits("abc", 3, "abc");
    assert_fits("abcd", 3, "ab\u2026");
    assert_fits("a\033[2Jb\n", 9, "a?[2Jb?");
    assert_fits("\xff!", 9, "?!");
    assert_fits("\u65e5\u672c\u8a9e", 5, "\u65e5\u672c\u2026");
    assert_fits("abc", 0, "");
}

static struct sluice_stage stage(const char *name, const char *state, uint64_t tasks,
                                 uint64_t complete)
{
    return (struct sluice_stage){ .name = name,
                                  .step = name,
                                  .state = state,
                                  .reason = "",
                                  .tasks = tasks,
                                  .complete = complete,
                                  .started_us = strcmp(state, "waiting") ? SECOND : 0,
                                  .ended_us =
                                      strcmp(state, "complete") ? 0 : 3 * SECOND };
}

static struct sluice_view view_of(struct sluice_stage *stages, size_t count,
                                  const char *state)
{
    return (struct sluice_view){
        .run = { .number = 7,
                 .id = "x",
                 .title = "digits",
                 .state = state,
                 .reason = "",
                 .commit = "",
                 .tree = "",
                 .created_us = SECOND,
                 .ended_us = strcmp(state, "complete") ? 0 : 4 * SECOND },
        .stages = stages,
        .stage_count = count
    };
}

static void test_the_view_of_a_run_has_a_line_for_each_stage(void **state)
{
    struct sluice_stage stages[] = { stage("prepare", "complete", 1, 1),
                                     stage("sweep", "started", 16, 4),
                                     stage("choose", "waiting", 1, 0) };
    struct sluice_view view = view_of(stages, 3, "started");
    struct term term = { .is_terminal = true, .width = 100, .height = 24 };
    scoped_buf buf = { 0 };

    (void)state;
    run_view_render(&buf, &term, &view, 5 * SECOND);
    assert_non_null(strstr(buf_string(&buf), "run 7 digits  started  4.0s\n"));
    assert_non_null(strstr(buf_string(&buf), " 4/16  1.0/s  4.0s  ~12s left\n"));
    assert_non_null(strstr(buf_string(&buf), "  prepare  complete  "));
    assert_non_null(strstr(buf_string(&buf), "  choose   waiting   \n"));
    assert_int_equal(stage_left_us(&stages[1], 5 * SECOND), 12 * SECOND);
}

static void test_on_a_narrow_screen_the_bar_gives_way_to_the_numbers(void **state)
{
    struct sluice_stage stages[] = { stage("sweep", "started", 16, 4) };
    struct sluice_view view = view_of(stages, 1, "started");
    struct term term = { .is_terminal = true, .height = 24 };

    (void)state;
    for (term.width = 47; term.width <= 100; term.width++) {
        scoped_buf buf = { 0 };

        run_view_render(&buf, &term, &view, 5 * SECOND);
        assert_non_null(strstr(buf_string(&buf), "4/16  1.0/s  4.0s  ~12s left\n"));
    }
}

static void test_the_view_of_a_run_keeps_to_the_screen(void **state)
{
    struct sluice_stage stages[50];
    struct sluice_view view = view_of(stages, 50, "started");
    struct term term = { .is_terminal = true, .width = 30, .height = 10 };
    scoped_buf buf = { 0 };
    size_t lines = 0;

    (void)state;
    for (size_t i = 0; i < 50; i++)
        stages[i] =
            stage("a-long-name-of-a-stage", i == 40 ? "started" : "waiting", 1, 0);
    run_view_render(&buf, &term, &view, 5 * SECOND);
    for (const char *line = buf_string(&buf), *end; (end = strchr(line, '\n'));
         line = end + 1, lines++) {
        char text[512];

        memcpy(text, line, (size_t)(end - line));
        text[end - line] = '\0';
        assert_true(text_columns(text) <= 44);
    }
    assert_true(lines < 10);
    assert_non_null(strstr(buf_string(&buf), "started"));
    assert_non_null(strstr(buf_string(&buf), "and 43 more"));
}

struct told {
    char text[4096];
    size_t failures;
};

static void tell(void *context, const struct change *change)
{
    struct told *told = context;
    scoped_buf line = { 0 };
    const struct term plain = { .width = 80, .height = 24 };

    if (change->kind == CHANGE_FAILED) {
        told->failures++;
        return;
    }
    change_line(&line, &plain, change);
    /* Without the clock, so that the text is the same in every time zone. */
    strncat(told->text, strchr(buf_string(&line), ' '),
            sizeof told->text - strlen(told->text) - 1);
}

static void test_changes_are_told_once_and_in_order(void **state)
{
    struct sluice_stage stages[] = { stage("a", "started", 1, 0),
                                     stage("b", "waiting", 0, 0) };
    struct sluice_view view = view_of(stages, 2, "started");
    scoped(tracker) tracker = tracker_create();
    struct told told = { 0 };

    (void)state;
    assert_true(tracker_update(tracker, &view, SECOND, tell, &told));
    assert_true(tracker_update(tracker, &view, SECOND, tell, &told));
    stages[0] = stage("a", "complete", 1, 1);
    stages[1] = stage("b", "complete", 3, 2);
    stages[1].failed = 1;
    view = view_of(stages, 2, "complete");
    assert_true(tracker_update(tracker, &view, 2 * SECOND, tell, &told));
    assert_string_equal(told.text, " run 7 digits  started\n"
                                   " stage a  started\n"
                                   " stage a  complete in 2.0s\n"
                                   " stage b  started, 3 tasks\n"
                                   " stage b  complete in 2.0s\n"
                                   " run 7 digits  complete in 3.0s\n");
    assert_int_equal(told.failures, 1);
}

static void test_a_failed_task_shows_the_end_of_its_log(void **state)
{
    struct sluice_stage stages[] = { stage("a", "error", 1, 0) };
    struct sluice_view view = view_of(stages, 1, "started");
    struct sluice_task task = { .index = 3, .state = "error" };
    const struct term plain = { .width = 80, .height = 24 };
    struct change change = { .kind = CHANGE_TASK,
                             .time_us = SECOND,
                             .view = &view,
                             .stage = stages,
                             .task = &task,
                             .why = "exit code 3",
                             .tail = "first\nsecond \033[2J\n" };
    scoped_buf line = { 0 };

    (void)state;
    change_line(&line, &plain, &change);
    assert_string_equal(strchr(buf_string(&line), ' '), " task a/3  error: exit code 3\n"
                                                        "         | first\n"
                                                        "         | second ?[2J\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_short),
        cmocka_unit_test(test_sizes_have_units),
        cmocka_unit_test(test_times_are_local_and_data_is_utc),
        cmocka_unit_test(test_text_is_cut_to_columns_and_cleaned),
        cmocka_unit_test(test_the_view_of_a_run_has_a_line_for_each_stage),
        cmocka_unit_test(test_on_a_narrow_screen_the_bar_gives_way_to_the_numbers),
        cmocka_unit_test(test_the_view_of_a_run_keeps_to_the_screen),
        cmocka_unit_test(test_changes_are_told_once_and_in_order),
        cmocka_unit_test(test_a_failed_task_shows_the_end_of_its_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
