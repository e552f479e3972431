/* test_keeper.c - what keepers do for one attempt after the other. */
#include "supervisor_world.h"

/* The keeper of an attempt that has ended, by what it wrote of its parent. */
static pid_t keeper_told(struct world *world, uint64_t token)
{
    char path[256], text[32] = { 0 };

    attempt_path(world, token, "stdout", path);

    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return (pid_t)atoi(text);
}

static void test_a_keeper_serves_one_attempt_after_the_other(void **state)
{
    struct world *world = *state;

    start_shell(world, 1,
                "echo $PPID; x=$(head -c 40000000 /dev/zero | tr '\\0' x); exit 2");
    expect(world, CHANNEL_STARTED, 1);

    struct channel_message first = expect(world, CHANNEL_EXITED, 1);

    tell(world, CHANNEL_SIGNAL, 1, SIGKILL); /* too late, and not for the next */
    start_shell(world, 2, "echo $PPID");
    expect(world, CHANNEL_STARTED, 2);

    struct channel_message second = expect(world, CHANNEL_EXITED, 2);

    assert_int_equal(WEXITSTATUS(first.status), 2);
    assert_true(first.usage.memory_peak_bytes > 40000000);
    assert_int_equal(second.status, 0);
    assert_true(second.usage.memory_peak_bytes < 40000000);
    assert_true(second.usage.user_us <= first.usage.user_us);
    assert_int_equal(keeper_told(world, 1), keeper_told(world, 2));
}

static void test_a_keeper_that_was_killed_while_it_rested_is_missed_by_nobody(
    void **state)
{
    struct world *world = *state;

    start_shell(world, 1, "echo $PPID");
    expect(world, CHANNEL_STARTED, 1);
    expect(world, CHANNEL_EXITED, 1);

    int keeper = pidfd_open(keeper_told(world, 1), 0);

    assert_true(keeper >= 0);
    assert_int_equal(pidfd_send_signal(keeper, SIGKILL, NULL, 0), 0);
    gone_wait(keeper);
    start_shell(world, 2, "echo $PPID");
    expect(world, CHANNEL_STARTED, 2);
    assert_int_equal(expect(world, CHANNEL_EXITED, 2).status, 0);
    assert_int_not_equal(keeper_told(world, 1), keeper_told(world, 2));
}

static void test_a_command_is_started_without_its_shell_if_that_works(void **state)
{
    struct world *world = *state;
    static const char *const shell[] = { "sh", "-c", "echo by the shell" };
    static const char *const direct[][2] = { { "expr", "1" },
                                             { "no-such-program", "1" } };
    static const char *const expected[] = { "1\n", "by the shell\n" };
    const char *const variables[] = { "PATH=/usr/bin:/bin" };
    char path[256];

    for (uint64_t token = 1; token <= COUNT_OF(direct); token++) {
        struct launch launch = { .arguments = shell,
                                 .argument_count = COUNT_OF(shell),
                                 .direct = direct[token - 1],
                                 .direct_count = 2,
                                 .variables = variables,
                                 .variable_count = 1,
                                 .working_directory = path };

        attempt_path(world, token, NULL, path);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(launch_write(path, &launch, NULL), RC_OK);
        tell(world, CHANNEL_START, token, 0);
        expect(world, CHANNEL_STARTED, token);
        assert_int_equal(expect(world, CHANNEL_EXITED, token).status, 0);
        assert_file(world, token, "stdout", expected[token - 1]);
    }
}

/* Runs the attempt with the folder shown as /valohai/inputs; false where no namespaces
 * are allowed. */
static bool shows(struct world *world, uint64_t token, const char *name,
                  const char *script, const char *expected)
{
    const char *const arguments[] = { "sh", "-c", script, NULL };
    char folder[128], file[160];
    struct launch_bind bind = { .source = folder,
                                .target = "/valohai/inputs",
                                .readonly = true };

    snprintf(folder, sizeof folder, "%s/%s", world->directory, name);
    snprintf(file, sizeof file, "%s/file", folder);
    if (mkdir(folder, 0755) == 0) {
        int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        assert_int_equal(write(fd, name, strlen(name)), strlen(name));
        close(fd);
    }
    prepare(world, token, arguments, &bind);
    tell(world, CHANNEL_START, token, 0);
    if (!expect(world, CHANNEL_STARTED, token).has_namespace)
        return false;
    assert_int_equal(expect(world, CHANNEL_EXITED, token).status, 0);
    assert_file(world, token, "stdout", expected);
    return true;
}

static void test_what_one_attempt_saw_or_mounted_is_not_there_for_the_next(void **state)
{
    static const char show[] = "cat /valohai/inputs/file";
    struct world *world = *state;

    if (!shows(world, 1, "one", show, "one"))
        skip();
    shows(world, 2, "one", show, "one");
    shows(world, 3, "two", show, "two");
    /* Root may mount; anybody else may not, and sees the same all the same. */
    shows(world, 4, "two",
          "cat /valohai/inputs/file; mount -t tmpfs none /valohai/inputs 2>/dev/null; :",
          "two");
    shows(world, 5, "two", show, "two");
    shows(
        world, 6, "two",
        "mount -o remount,bind,rw /valohai/inputs 2>/dev/null; cat /valohai/inputs/file",
        "two");
    shows(world, 7, "two", "touch /valohai/inputs/new 2>/dev/null || echo refused",
          "refused\n");
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "agent") == 0)
        return agent_main(argv[2]);

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_keeper_serves_one_attempt_after_the_other),
        WORLD_TEST(test_a_keeper_that_was_killed_while_it_rested_is_missed_by_nobody),
        WORLD_TEST(test_a_command_is_started_without_its_shell_if_that_works),
        WORLD_TEST(test_what_one_attempt_saw_or_mounted_is_not_there_for_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
