/* supervisor_world.h - for tests: the supervisor in a process of its own. Its agent is
 * this program again: it hands its channel over a socket to the test, which then plays
 * the agent, and ends when told. */
#pragma once

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
    uint32_t start_delay_ms;
    char note[CHANNEL_TEXT_MAX];
};

static inline void readable_wait(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
}

static inline struct sockaddr_un address_of(const char *directory)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof address.sun_path, "%s/test", directory);
    return address;
}

/* The other life of this program. */
static inline int agent_main(const char *directory)
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
static inline void agent_meet(struct world *world)
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

static inline void agent_part(struct world *world)
{
    close(world->channel_fd);
    close(world->control_fd);
}

static inline void supervisor_start(struct world *world)
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
                                              .start_delay_ms = world->start_delay_ms,
                                              .restart_wait_ms = 1 };

        _exit(supervisor_run(&options));
    }
    agent_meet(world);
}

static inline int setup_delayed(void **state, uint32_t start_delay_ms)
{
    struct world *world = calloc(1, sizeof *world);
    char path[128];

    world->start_delay_ms = start_delay_ms;

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

static inline int setup(void **state)
{
    return setup_delayed(state, 0);
}

static inline int supervisor_wait(struct world *world)
{
    int status;
    int fd = pidfd_open(world->supervisor, 0);

    readable_wait(fd);
    close(fd);
    assert_int_equal(waitpid(world->supervisor, &status, 0), world->supervisor);
    return status;
}

static inline int entry_remove(const char *path, const struct stat *state, int kind,
                               struct FTW *walk)
{
    (void)state, (void)kind, (void)walk;
    return remove(path);
}

static inline int teardown(void **state)
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

static inline void tell(struct world *world, enum channel_kind kind, uint64_t token,
                        int signal)
{
    struct channel_message message = { .kind = kind, .token = token, .signal = signal };

    assert_int_equal(channel_send(world->channel_fd, &message, NULL), RC_OK);
}

/* The next message, which must be this one; notes are kept aside. */
static inline struct channel_message expect(struct world *world, enum channel_kind kind,
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

static inline void attempt_path(const struct world *world, uint64_t token,
                                const char *name, char path[256])
{
    snprintf(path, 256, "%s/attempts/%" PRIu64 "%s%s", world->directory, token,
             name ? "/" : "", name ? name : "");
}

/* Prepares the directory of an attempt that runs these arguments. */
static inline void prepare(struct world *world, uint64_t token,
                           const char *const *arguments, const struct launch_bind *bind)
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

static inline void start_shell(struct world *world, uint64_t token, const char *script)
{
    const char *const arguments[] = { "sh", "-c", script, NULL };

    prepare(world, token, arguments, NULL);
    tell(world, CHANNEL_START, token, 0);
}

/* A pipe in the attempt's directory, which is the task's working directory. */
static inline int fifo_open(struct world *world, uint64_t token, const char *name)
{
    char path[256];

    attempt_path(world, token, name, path);
    assert_int_equal(mkfifo(path, 0600), 0);

    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* The pid that a script wrote as a line, as a descriptor to wait for its end. */
static inline int pid_wait(int fd)
{
    char text[32] = { 0 };

    readable_wait(fd);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);

    int process = pidfd_open((pid_t)atoi(text), 0);

    assert_true(process >= 0);
    return process;
}

static inline void gone_wait(int process)
{
    readable_wait(process);
    close(process);
}

static inline void assert_file(struct world *world, uint64_t token, const char *name,
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
