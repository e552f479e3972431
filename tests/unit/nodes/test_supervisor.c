/* The supervisor in a process of its own. Its agent is this program again: it hands its
 * channel over a socket to the test, which then plays the agent, and ends when told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nodes/supervisor/channel.h"
#include "nodes/supervisor/launch.h"
#include "nodes/supervisor/process.h"
#include "nodes/supervisor/sandbox.h"
#include "nodes/supervisor/supervisor.h"

enum { PATIENCE_MS = 60000 };

struct world {
    char directory[64];
    int listen_fd;
    pid_t supervisor;
    pid_t agent;
    int control_fd; /* a byte ends the agent with that status */
    int channel_fd; /* the agent's */
    char note[CHANNEL_TEXT_MAX];
};

static void readable_wait(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
}

static struct sockaddr_un address_of(const char *directory)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof address.sun_path, "%s/test", directory);
    return address;
}

/* The other life of this program. */
static int agent_main(const char *directory)
{
    struct sockaddr_un address = address_of(directory);
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    pid_t pid = getpid();
    struct iovec body = { .iov_base = &pid, .iov_len = sizeof pid };
    struct msghdr message = { .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), channel = SUPERVISOR_CHANNEL_FD;
    unsigned char status = 1;

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof channel);
    memcpy(CMSG_DATA(head), &channel, sizeof channel);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0
        || sendmsg(fd, &message, 0) < 0 || read(fd, &status, 1) != 1)
        return 1;
    return status;
}

/* Waits for the agent that the supervisor starts next and takes its place. */
static void agent_meet(struct world *world)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec body = { .iov_base = &world->agent, .iov_len = sizeof world->agent };
    struct msghdr message = { .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };

    readable_wait(world->listen_fd);
    world->control_fd = accept4(world->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(world->control_fd >= 0);
    assert_int_equal(recvmsg(world->control_fd, &message, MSG_CMSG_CLOEXEC),
                     sizeof world->agent);
    memcpy(&world->channel_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)),
           sizeof world->channel_fd);
}

static void agent_part(struct world *world)
{
    close(world->channel_fd);
    close(world->control_fd);
}

static void supervisor_start(struct world *world)
{
    char program[4096];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);

    assert_true(size > 0);
    program[size] = '\0';
    world->supervisor = fork();
    if (world->supervisor == 0) {
        const char *const agent[] = { program, "agent", world->directory, NULL };
        struct supervisor_options options = { .directory = world->directory,
                                              .agent = agent,
                                              .stop_grace_ms = 15000,
                                              .restart_wait_ms = 1 };

        _exit(supervisor_run(&options));
    }
    agent_meet(world);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    char path[128];

    snprintf(world->directory, sizeof world->directory, "/tmp/sluice-supervisor-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    snprintf(path, sizeof path, "%s/attempts", world->directory);
    assert_int_equal(mkdir(path, 0755), 0);

    struct sockaddr_un address = address_of(world->directory);

    world->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(world->listen_fd, (struct sockaddr *)&address, sizeof address),
                     0);
    assert_int_equal(listen(world->listen_fd, 4), 0);
    supervisor_start(world);
    *state = world;
    return 0;
}

static int supervisor_wait(struct world *world)
{
    int status;
    int fd = pidfd_open(world->supervisor, 0);

    readable_wait(fd);
    close(fd);
    assert_int_equal(waitpid(world->supervisor, &status, 0), world->supervisor);
    return status;
}

static int entry_remove(const char *path, const struct stat *state, int kind,
                        struct FTW *walk)
{
    (void)state, (void)kind, (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *world = *state;
    unsigned char status = 0;

    /* The agent ends with status 0, so the supervisor does. */
    assert_int_equal(write(world->control_fd, &status, 1), 1);
    assert_int_equal(supervisor_wait(world), 0);
    agent_part(world);
    close(world->listen_fd);
    nftw(world->directory, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(world);
    return 0;
}

static void tell(struct world *world, enum channel_kind kind, uint64_t token, int signal)
{
    struct channel_message message = { .kind = kind, .token = token, .signal = signal };

    assert_int_equal(channel_send(world->channel_fd, &message, NULL), RC_OK);
}

/* The next message, which must be this one; notes are kept aside. */
static struct channel_message expect(struct world *world, enum channel_kind kind,
                                     uint64_t token)
{
    struct channel_message message;

    do {
        readable_wait(world->channel_fd);
        assert_int_equal(channel_receive(world->channel_fd, &message, NULL), RC_OK);
        if (message.kind == CHANNEL_NOTE)
            snprintf(world->note, sizeof world->note, "%s", message.text);
    } while (message.kind == CHANNEL_NOTE);
    if (message.kind != kind)
        print_error("kind %d: %s\n", (int)message.kind, message.text);
    assert_int_equal(message.kind, kind);
    assert_int_equal(message.token, token);
    return message;
}

static void attempt_path(const struct world *world, uint64_t token, const char *name,
                         char path[256])
{
    snprintf(path, 256, "%s/attempts/%" PRIu64 "%s%s", world->directory, token,
             name ? "/" : "", name ? name : "");
}

/* Prepares the directory of an attempt that runs these arguments. */
static void prepare(struct world *world, uint64_t token, const char *const *arguments,
                    const struct launch_bind *bind)
{
    const char *variables[] = { "PATH=/usr/bin:/bin", "SLUICE=test one" };
    struct launch launch = { .arguments = arguments,
                             .variables = variables,
                             .variable_count = 2,
                             .binds = bind,
                             .bind_count = bind ? 1 : 0 };
    char path[256];

    while (arguments[launch.argument_count])
        launch.argument_count++;
    attempt_path(world, token, NULL, path);
    assert_int_equal(mkdir(path, 0755), 0);
    launch.working_directory = path;
    assert_int_equal(launch_write(path, &launch, NULL), RC_OK);
}

static void start_shell(struct world *world, uint64_t token, const char *script)
{
    const char *const arguments[] = { "sh", "-c", script, NULL };

    prepare(world, token, arguments, NULL);
    tell(world, CHANNEL_START, token, 0);
}

/* A pipe in the attempt's directory, which is the task's working directory. */
static int fifo_open(struct world *world, uint64_t token, const char *name)
{
    char path[256];

    attempt_path(world, token, name, path);
    assert_int_equal(mkfifo(path, 0600), 0);

    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* The pid that a script wrote as a line, as a descriptor to wait for its end. */
static int pid_wait(int fd)
{
    char text[32] = { 0 };

    readable_wait(fd);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);

    int process = pidfd_open((pid_t)atoi(text), 0);

    assert_true(process >= 0);
    return process;
}

static void gone_wait(int process)
{
    readable_wait(process);
    close(process);
}

static void assert_file(struct world *world, uint64_t token, const char *name,
                        const char *expected)
{
    char path[256], text[1024] = { 0 };

    attempt_path(world, token, name, path);

    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    assert_string_equal(text, expected);
}

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
        WORLD_TEST(test_what_one_attempt_saw_or_mounted_is_not_there_for_the_next),
        WORLD_TEST(test_a_keeper_serves_one_attempt_after_the_other),
        WORLD_TEST(test_a_keeper_that_was_killed_while_it_rested_is_missed_by_nobody),
        WORLD_TEST(test_a_command_is_started_without_its_shell_if_that_works),
        WORLD_TEST(test_two_hundred_tasks_at_once_all_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
