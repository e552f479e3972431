/* test_supervisor.c - attempts from start to end, and the ends of who is in charge. */
#include "supervisor_world.h"

#include "nodes/supervisor/process.h"

static void test_a_task_tells_its_status_usage_and_output(void **state)
{
    struct world *world = *state;

    start_shell(world, 7, "echo out; echo err >&2; cat; exit 3");

    struct channel_message started = expect(world, CHANNEL_STARTED, 7);
    struct channel_message exited = expect(world, CHANNEL_EXITED, 7);

    assert_true(started.pid > 0);
    assert_true(started.start_ticks > 0);
    assert_true(WIFEXITED(exited.status));
    assert_int_equal(WEXITSTATUS(exited.status), 3);
    assert_true(exited.usage.wall_us > 0);
    assert_true(exited.usage.memory_peak_bytes > 100000);
    assert_true(exited.time_us >= started.time_us);
    assert_false(exited.out_of_memory);
    assert_file(world, 7, "stdout", "out\n");
    assert_file(world, 7, "stderr", "err\n");
}

static void test_a_task_gets_its_environment_alone_and_no_descriptors(void **state)
{
    struct world *world = *state;
    const char *const arguments[] = { "env", NULL };

    prepare(world, 1, arguments, NULL);
    tell(world, CHANNEL_START, 1, 0);
    expect(world, CHANNEL_STARTED, 1);
    expect(world, CHANNEL_EXITED, 1);
    assert_file(world, 1, "stdout", "PATH=/usr/bin:/bin\nSLUICE=test one\n");

    start_shell(world, 2,
                "ls /proc/$$/fd; exec grep -E 'SigBlk|SigIgn' /proc/self/status");
    expect(world, CHANNEL_STARTED, 2);
    expect(world, CHANNEL_EXITED, 2);
    assert_file(world, 2, "stdout",
                "0\n1\n2\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void test_a_missing_command_fails_with_its_name_and_the_path(void **state)
{
    struct world *world = *state;
    const char *const missing[] = { "no-such-trainer", "--fast", NULL };
    const char *const folder[] = { "/etc", NULL };

    prepare(world, 1, missing, NULL);
    tell(world, CHANNEL_START, 1, 0);

    struct channel_message failed = expect(world, CHANNEL_FAILED, 1);

    assert_int_equal(failed.status, ENOENT);
    assert_non_null(strstr(failed.text, "no-such-trainer"));
    assert_non_null(strstr(failed.text, "/usr/bin:/bin"));

    prepare(world, 2, folder, NULL);
    tell(world, CHANNEL_START, 2, 0);
    failed = expect(world, CHANNEL_FAILED, 2);
    assert_int_equal(failed.status, EACCES);
    assert_non_null(strstr(failed.text, "/etc"));

    tell(world, CHANNEL_START, 3, 0);
    failed = expect(world, CHANNEL_FAILED, 3);
    assert_non_null(strstr(failed.text, "attempts/3"));
}

static void test_a_signal_reaches_children_in_sessions_of_their_own(void **state)
{
    struct world *world = *state;
    const char *const script =
        "trap : TERM; setsid sh -c 'trap \"echo asked > asked; exit\" TERM; echo $$ > "
        "child; "
        "while :; do sleep 1000 & wait; done' & wait $!; wait $!; exit 9";
    const char *const arguments[] = { "sh", "-c", script, NULL };

    prepare(world, 1, arguments, NULL);

    int child = fifo_open(world, 1, "child"), asked = fifo_open(world, 1, "asked");

    tell(world, CHANNEL_START, 1, 0);
    expect(world, CHANNEL_STARTED, 1);
    child = pid_wait(child);
    tell(world, CHANNEL_SIGNAL, 1, SIGTERM);

    struct channel_message exited = expect(world, CHANNEL_EXITED, 1);

    assert_int_equal(WEXITSTATUS(exited.status), 9);
    readable_wait(asked);
    close(asked);
    gone_wait(child);
}

static void test_what_the_main_process_leaves_behind_is_killed(void **state)
{
    struct world *world = *state;
    const char *const script = "setsid sh -c 'echo $$ > child; trap \"\" TERM HUP INT; "
                               "exec sleep 1000' & read line < go; exit 0";
    const char *const arguments[] = { "sh", "-c", script, NULL };

    prepare(world, 1, arguments, NULL);

    int child = fifo_open(world, 1, "child"), go = fifo_open(world, 1, "go");

    tell(world, CHANNEL_START, 1, 0);
    expect(world, CHANNEL_STARTED, 1);
    child = pid_wait(child);
    assert_int_equal(write(go, "\n", 1), 1);

    struct channel_message exited = expect(world, CHANNEL_EXITED, 1);
    struct pollfd poll_fd = { .fd = child, .events = POLLIN };

    assert_int_equal(exited.status, 0);
    assert_int_equal(poll(&poll_fd, 1, 0), 1);
    close(child);
    close(go);
}

static void test_the_next_agent_takes_over_when_one_is_killed(void **state)
{
    struct world *world = *state;
    const char *const arguments[] = { "sh", "-c", "read line < go; exit 5", NULL };

    prepare(world, 1, arguments, NULL);

    int go = fifo_open(world, 1, "go");

    tell(world, CHANNEL_START, 1, 0);

    struct channel_message started = expect(world, CHANNEL_STARTED, 1);

    kill(world->agent, SIGKILL);
    agent_part(world);
    agent_meet(world);
    tell(world, CHANNEL_LIST, 0, 0);
    assert_int_equal(expect(world, CHANNEL_STARTED, 1).pid, started.pid);
    expect(world, CHANNEL_LISTED, 0);
    assert_int_equal(write(go, "\n", 1), 1);
    assert_int_equal(WEXITSTATUS(expect(world, CHANNEL_EXITED, 1).status), 5);
    close(go);

    /* Ended attempts are told until they are forgotten. */
    tell(world, CHANNEL_LIST, 0, 0);
    expect(world, CHANNEL_EXITED, 1);
    expect(world, CHANNEL_LISTED, 0);
    tell(world, CHANNEL_FORGET, 1, 0);
    tell(world, CHANNEL_LIST, 0, 0);
    expect(world, CHANNEL_LISTED, 0);
}

/* Starts a task with a child in another session; gives both as descriptors. */
static pid_t start_family(struct world *world, uint64_t token, int family[2])
{
    const char *const script =
        "setsid sh -c 'echo $$ > child; exec sleep 1000' & wait; exit 1";
    const char *const arguments[] = { "sh", "-c", script, NULL };

    prepare(world, token, arguments, NULL);

    int child = fifo_open(world, token, "child");

    tell(world, CHANNEL_START, token, 0);

    pid_t pid = expect(world, CHANNEL_STARTED, token).pid;

    family[0] = pidfd_open(pid, 0);
    family[1] = pid_wait(child);
    return pid;
}

static void test_a_killed_supervisor_ends_its_tasks_and_the_next_tells_them_lost(
    void **state)
{
    struct world *world = *state;
    int family[2];

    start_shell(world, 1, "exit 4");
    expect(world, CHANNEL_STARTED, 1);
    expect(world, CHANNEL_EXITED, 1);
    start_family(world, 2, family);

    kill(world->supervisor, SIGKILL);
    supervisor_wait(world);
    gone_wait(family[0]);
    gone_wait(family[1]);
    agent_part(world);

    supervisor_start(world);
    tell(world, CHANNEL_LIST, 0, 0);

    int found = 0;

    for (int i = 0; i < 2; i++) {
        struct channel_message message;

        readable_wait(world->channel_fd);
        assert_int_equal(channel_receive(world->channel_fd, &message, NULL), RC_OK);
        if (message.token == 1) {
            assert_int_equal(message.kind, CHANNEL_EXITED);
            assert_int_equal(WEXITSTATUS(message.status), 4);
            found |= 1;
        } else {
            assert_int_equal(message.kind, CHANNEL_LOST);
            assert_int_equal(message.token, 2);
            found |= 2;
        }
    }
    assert_int_equal(found, 3);
    expect(world, CHANNEL_LISTED, 0);
}

static pid_t keeper_of(pid_t task)
{
    struct process process;

    assert_true(process_read(task, &process));
    return process.parent;
}

static void test_what_dead_keepers_left_is_ended_by_the_next_supervisor(void **state)
{
    struct world *world = *state;
    int family[2];
    pid_t keeper = keeper_of(start_family(world, 1, family));

    kill(keeper, SIGSTOP);
    kill(world->supervisor, SIGKILL);
    supervisor_wait(world);
    kill(keeper, SIGKILL);
    gone_wait(family[0]);
    agent_part(world);

    supervisor_start(world);
    gone_wait(family[1]);
    tell(world, CHANNEL_LIST, 0, 0);
    expect(world, CHANNEL_LOST, 1);
    expect(world, CHANNEL_LISTED, 0);
}

static void test_a_killed_keeper_takes_its_attempt_with_it(void **state)
{
    struct world *world = *state;
    int family[2];
    pid_t keeper = keeper_of(start_family(world, 1, family));

    kill(keeper, SIGKILL);

    struct channel_message exited = expect(world, CHANNEL_EXITED, 1);

    assert_int_equal(exited.status, SIGKILL);
    gone_wait(family[0]);
    gone_wait(family[1]);
}

static void test_a_second_supervisor_is_refused(void **state)
{
    struct world *world = *state;
    const char *const agent[] = { "false", NULL };
    struct supervisor_options options = { .directory = world->directory, .agent = agent };

    assert_int_equal(supervisor_run(&options), EXIT_FAILURE);
}

static void test_sigterm_ends_the_agent_then_the_tasks(void **state)
{
    struct world *world = *state;
    int family[2];

    start_family(world, 1, family);
    kill(world->supervisor, SIGTERM);
    assert_int_equal(supervisor_wait(world), 0);
    gone_wait(family[0]);
    gone_wait(family[1]);
    agent_part(world);

    supervisor_start(world);
    tell(world, CHANNEL_LIST, 0, 0);
    assert_int_equal(WTERMSIG(expect(world, CHANNEL_EXITED, 1).status), SIGTERM);
    expect(world, CHANNEL_LISTED, 0);
}

static void test_binds_are_shown_where_namespaces_are_allowed(void **state)
{
    struct world *world = *state;
    const char *const arguments[] = {
        "sh", "-c",
        "cat /valohai/inputs/file && ! touch /valohai/inputs/new; ls /valohai", NULL
    };
    char folder[128], file[160];

    snprintf(folder, sizeof folder, "%s/inputs", world->directory);
    snprintf(file, sizeof file, "%s/file", folder);
    assert_int_equal(mkdir(folder, 0755), 0);

    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_int_equal(write(fd, "shown\n", 6), 6);
    close(fd);

    struct launch_bind bind = { .source = folder,
                                .target = "/valohai/inputs",
                                .readonly = true };

    prepare(world, 1, arguments, &bind);
    tell(world, CHANNEL_START, 1, 0);

    struct channel_message started = expect(world, CHANNEL_STARTED, 1);
    struct channel_message exited = expect(world, CHANNEL_EXITED, 1);

    if (!started.has_namespace) {
        assert_non_null(strstr(world->note, "namespaces"));
        skip();
    }
    assert_int_equal(exited.status, 0);
    assert_file(world, 1, "stdout", "shown\ninputs\n");
    assert_int_equal(access("/valohai/inputs", F_OK), -1);
}

static void test_two_hundred_tasks_at_once_all_end(void **state)
{
    enum { TASKS = 200 };
    struct world *world = *state;
    const char *const arguments[] = { "/bin/true", NULL };
    int ended = 0;

    for (uint64_t token = 1; token <= TASKS; token++)
        prepare(world, token, arguments, NULL);
    for (uint64_t token = 1; token <= TASKS; token++)
        tell(world, CHANNEL_START, token, 0);
    while (ended < TASKS) {
        struct channel_message message;

        readable_wait(world->channel_fd);
        assert_int_equal(channel_receive(world->channel_fd, &message, NULL), RC_OK);
        if (message.kind == CHANNEL_EXITED) {
            assert_int_equal(message.status, 0);
            tell(world, CHANNEL_FORGET, message.token, 0);
            ended++;
        }
    }
    tell(world, CHANNEL_LIST, 0, 0);
    expect(world, CHANNEL_LISTED, 0);
}

static int setup_minute(void **state)
{
    return setup_delayed(state, 60000);
}

static void test_a_short_task_is_told_by_its_end_and_others_when_asked(void **state)
{
    struct world *world = *state;

    start_shell(world, 1, "exit 3");
    assert_int_equal(WEXITSTATUS(expect(world, CHANNEL_EXITED, 1).status), 3);
    start_shell(world, 2, "exec sleep 1000");
    tell(world, CHANNEL_FORGET, 1, 0);
    tell(world, CHANNEL_LIST, 0, 0);
    tell(world, CHANNEL_SIGNAL, 2, SIGKILL);

    struct channel_message message = { .kind = CHANNEL_NOTE };

    /* It may have been started after LIST, and is told by its end then. */
    while (message.kind != CHANNEL_EXITED) {
        readable_wait(world->channel_fd);
        assert_int_equal(channel_receive(world->channel_fd, &message, NULL), RC_OK);
        assert_true(message.token == 2 || message.kind == CHANNEL_LISTED);
    }
}

static int setup_moment(void **state)
{
    return setup_delayed(state, 1);
}

static void test_a_start_is_told_in_time(void **state)
{
    struct world *world = *state;
    struct channel_message started;
    struct process process;

    start_shell(world, 1, "exec sleep 1000");
    started = expect(world, CHANNEL_STARTED, 1);
    assert_true(process_read(started.pid, &process));
    assert_int_equal(process.start_ticks, started.start_ticks);
    tell(world, CHANNEL_SIGNAL, 1, SIGKILL);
    expect(world, CHANNEL_EXITED, 1);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "agent") == 0)
        return agent_main(argv[2]);

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_task_tells_its_status_usage_and_output),
        WORLD_TEST(test_a_task_gets_its_environment_alone_and_no_descriptors),
        WORLD_TEST(test_a_missing_command_fails_with_its_name_and_the_path),
        WORLD_TEST(test_a_signal_reaches_children_in_sessions_of_their_own),
        WORLD_TEST(test_what_the_main_process_leaves_behind_is_killed),
        WORLD_TEST(test_the_next_agent_takes_over_when_one_is_killed),
        WORLD_TEST(test_a_killed_supervisor_ends_its_tasks_and_the_next_tells_them_lost),
        WORLD_TEST(test_what_dead_keepers_left_is_ended_by_the_next_supervisor),
        WORLD_TEST(test_a_killed_keeper_takes_its_attempt_with_it),
        WORLD_TEST(test_a_second_supervisor_is_refused),
        WORLD_TEST(test_sigterm_ends_the_agent_then_the_tasks),
        WORLD_TEST(test_binds_are_shown_where_namespaces_are_allowed),
        WORLD_TEST(test_two_hundred_tasks_at_once_all_end),
        cmocka_unit_test_setup_teardown(
            test_a_short_task_is_told_by_its_end_and_others_when_asked, setup_minute,
            teardown),
        cmocka_unit_test_setup_teardown(test_a_start_is_told_in_time, setup_moment,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
