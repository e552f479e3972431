/* test_plan_task.c - one task of a stage: its values, and its script under real shells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "codecs/plan/task.h"

static struct arena *arena_setup(void)
{
    struct arena *arena = arena_create(64 << 20);

    assert_non_null(arena);
    return arena;
}

static const struct value letters[] = {
    { .kind = VALUE_STRING, .string = { "a", 1 } },
    { .kind = VALUE_STRING, .string = { "b", 1 } },
};
static const struct value numbers[] = {
    { .kind = VALUE_INT, .integer = 1 },
    { .kind = VALUE_INT, .integer = 2 },
    { .kind = VALUE_INT, .integer = 3 },
};
static struct plan_column columns[] = {
    { .parameter = 0, .values = letters, .value_count = 2 },
    { .parameter = 1, .values = numbers, .value_count = 3 },
};
static struct plan_parameter parameters[] = {
    { .name = "letter", .separator = "," },
    { .name = "number", .type = PARAMETER_INTEGER, .separator = "," },
    { .name = "none", .optional = true, .separator = "," },
};

static struct plan_stage swept(enum sweep_mode sweep)
{
    return (struct plan_stage){ .name = "s",
                                .parameters = parameters,
                                .parameter_count = 3,
                                .sweep = sweep,
                                .columns = columns,
                                .column_count = 2 };
}

static void assert_pair(const struct plan_stage *stage, uint64_t index,
                        const char *letter, int64_t number)
{
    scoped(arena) arena = arena_setup();
    struct value *values = NULL;

    assert_int_equal(plan_task_parameters(stage, index, arena, &values, NULL), RC_OK);
    assert_true(value_is_text(&values[0], letter));
    assert_int_equal(values[1].integer, number);
    assert_int_equal(values[2].kind, VALUE_ABSENT);

    struct value alone = plan_task_parameter(stage, index, 1);

    assert_true(value_equals(&alone, &values[1]));
}

static void test_in_a_product_the_last_column_varies_fastest(void **state)
{
    (void)state;
    struct plan_stage stage = swept(SWEEP_PRODUCT);

    assert_int_equal(plan_stage_task_count(&stage), 6);
    assert_pair(&stage, 0, "a", 1);
    assert_pair(&stage, 1, "a", 2);
    assert_pair(&stage, 3, "b", 1);
    assert_pair(&stage, 5, "b", 3);
}

static void test_in_a_zip_a_short_column_repeats_its_last(void **state)
{
    (void)state;
    struct plan_stage stage = swept(SWEEP_ZIP);

    assert_int_equal(plan_stage_task_count(&stage), 3);
    assert_pair(&stage, 0, "a", 1);
    assert_pair(&stage, 1, "b", 2);
    assert_pair(&stage, 2, "b", 3);
}

static void test_a_task_that_is_not_there_is_invalid(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan_stage stage = swept(SWEEP_ZIP);
    struct value *values = NULL;

    assert_int_equal(plan_task_parameters(&stage, 3, arena, &values, NULL), RC_INVALID);
    assert_null(values);
}

static void test_the_map_leaves_out_what_has_no_value(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan_stage stage = swept(SWEEP_PRODUCT);
    struct value map;

    assert_int_equal(plan_task_parameter_map(&stage, 4, arena, &map, NULL), RC_OK);
    assert_int_equal(map.map.count, 2);
    assert_true(value_is_text(value_get(&map, "letter"), "b"));
}

static void test_a_uri_is_filled_with_bare_values(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan_stage stage = swept(SWEEP_PRODUCT);
    const char *uri = NULL;
    struct err err;

    assert_int_equal(plan_task_uri(&stage, 5,
                                   "s3://{parameter:letter}/{parameter:number}"
                                   "/{parameter:x}/{parameter:",
                                   arena, &uri, &err),
                     RC_OK);
    assert_string_equal(uri, "s3://b/3/{parameter:x}/{parameter:");
    assert_int_equal(plan_task_uri(&stage, 5, "{parameter:none}", arena, &uri, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.text, "none"));
}

static struct plan_script script_of(struct arena *arena, const char *const *commands,
                                    size_t count)
{
    struct plan_stage stage = { .name = "s",
                                .commands = commands,
                                .command_count = count };
    struct plan_script script = { 0 };

    assert_int_equal(plan_task_script(&stage, 0, arena, &script, NULL), RC_OK);
    return script;
}

/* Runs "shell -c text" and gives what it wrote to stdout and its status. */
static int shell_run(const char *shell, const char *text, char *output, size_t size)
{
    int pipe_fds[2], status;
    size_t used = 0;
    ssize_t got;

    assert_int_equal(pipe(pipe_fds), 0);

    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        dup2(pipe_fds[1], STDOUT_FILENO);
        close(STDERR_FILENO);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        execlp(shell, shell, "-c", text, (char *)NULL);
        _exit(126);
    }
    close(pipe_fds[1]);
    while (used + 1 < size
           && (got = read(pipe_fds[0], output + used, size - 1 - used)) > 0)
        used += (size_t)got;
    output[used] = '\0';
    close(pipe_fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct shell_case {
    const char *items[4];
    const char *output;
    int status;
};

static const struct shell_case shell_cases[] = {
    { { "echo a", "echo b" }, "a\nb\n", 0 },
    { { "echo a # said", "echo b" }, "a\nb\n", 0 },
    { { "cat <<X\nhi\nX", "echo b" }, "hi\nb\n", 0 },
    { { "cat <<X\nhi", "echo b" }, "hi\nb\n", 0 },
    { { "echo a \\", "echo b" }, "a\nb\n", 0 },
    { { "echo a\\\\", "echo b \\" }, "a\\\nb\n", 0 },
    { { "(exit 7) &", "echo b" }, "b\n", 0 },
    { { "echo a;", "echo b" }, "a\nb\n", 0 },
    { { "false || true", "false && true", "echo no" }, "", 1 },
    { { "echo 'open", "echo no" }, "", 2 },
    { { "if true; then", "echo no" }, "", 2 },
    { { "set -e\nfalse\necho no", "echo no" }, "", 1 },
    { { "set -e", "false\necho no", "echo no" }, "", 1 },
    { { "false\ntrue", "echo b" }, "b\n", 0 },
    { { "cd /", "export A='x y'", "f() {\necho \"$A\" $PWD\n}", "f" }, "x y /\n", 0 },
    { { "echo a", "(exit 9)", "echo no" }, "a\n", 9 },
    { { "echo a", "exit 3", "echo no" }, "a\n", 3 },
    { { "echo a", "", "  ", "exit 4" }, "a\n", 4 },
    { { "trap 'echo bye' EXIT", "(exit 4)", "echo no" }, "bye\n", 4 },
    { { "no-such-command-here", "echo no" }, "", 127 },
    { { "-x", "echo no" }, "", 127 },
    { { "echo \"it's\" 'a  b'", "echo $1$#" }, "it's a  b\n0\n", 0 },
    { { "# only said", "echo b" }, "b\n", 0 },
    { { "kill -9 $$", "echo no" }, "", -9 },
    { { "printf 'a\\nb\\n' |\nwhile read x; do\necho \"<$x>\"\ndone", "echo c" },
      "<a>\n<b>\nc\n",
      0 },
};

static void test_items_run_in_one_shell_until_one_fails(void **state)
{
    (void)state;
    static const char *const shells[] = { "/bin/sh", "bash" };

    for (size_t i = 0; i < COUNT_OF(shell_cases) * COUNT_OF(shells); i++) {
        scoped(arena) arena = arena_setup();
        const struct shell_case *one = &shell_cases[i / COUNT_OF(shells)];
        size_t count = 0;
        char output[4096];

        while (count < COUNT_OF(one->items) && one->items[count])
            count++;

        struct plan_script script = script_of(arena, one->items, count);
        int status =
            shell_run(shells[i % COUNT_OF(shells)], script.text, output, sizeof output);

        assert_false(script.is_file);
        if (status != one->status || strcmp(output, one->output) != 0)
            fail_msg("%s: %s: status %d, output '%s'\n%s", shells[i % COUNT_OF(shells)],
                     one->items[0], status, output, script.text);
    }
}

static void test_a_single_command_stays_as_it_is(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();

    assert_string_equal(script_of(arena, (const char *const[]){ " true " }, 1).text,
                        "true");
    assert_string_equal(script_of(arena, (const char *const[]){ "", "a", " " }, 3).text,
                        "a");
    assert_string_equal(script_of(arena, NULL, 0).text, "");
}

static void test_a_first_line_that_names_an_interpreter_makes_a_file(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    struct plan_script script =
        script_of(arena, (const char *const[]){ "#!/bin/sh", "foo" }, 2);

    assert_true(script.is_file);
    assert_string_equal(script.text, "#!/bin/sh\nfoo");
    script = script_of(arena, (const char *const[]){ "#!/bin/sh\nfoo", " ", "bar" }, 3);
    assert_string_equal(script.text, "#!/bin/sh\neval '\nfoo\n'\n"
                                     "case $? in 0) ;; *) exit $? ;; esac\nbar");
    script = script_of(arena, (const char *const[]){ "#!/bin/sh" }, 1);
    assert_string_equal(script.text, "#!/bin/sh\n");
    script = script_of(
        arena, (const char *const[]){ "#!/usr/bin/env -S A=1 bash -e\na", "b" }, 2);
    assert_non_null(strstr(script.text, "eval"));
    script =
        script_of(arena, (const char *const[]){ "#!/usr/bin/env python3", "a", "b" }, 3);
    assert_string_equal(script.text, "#!/usr/bin/env python3\na\nb");
}

static void test_a_long_script_is_run_from_a_file(void **state)
{
    (void)state;
    scoped(arena) arena = arena_setup();
    size_t size = 200000;
    char *command = arena_alloc(arena, size + 1);

    memset(command, 'x', size);
    command[0] = '#';

    struct plan_script script = script_of(arena, (const char *const *)&command, 1);

    assert_true(script.is_file);
    assert_int_equal(strncmp(script.text, "#!/bin/sh\n#xxx", 14), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_a_product_the_last_column_varies_fastest),
        cmocka_unit_test(test_in_a_zip_a_short_column_repeats_its_last),
        cmocka_unit_test(test_a_task_that_is_not_there_is_invalid),
        cmocka_unit_test(test_the_map_leaves_out_what_has_no_value),
        cmocka_unit_test(test_a_uri_is_filled_with_bare_values),
        cmocka_unit_test(test_items_run_in_one_shell_until_one_fails),
        cmocka_unit_test(test_a_single_command_stays_as_it_is),
        cmocka_unit_test(test_a_first_line_that_names_an_interpreter_makes_a_file),
        cmocka_unit_test(test_a_long_script_is_run_from_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
