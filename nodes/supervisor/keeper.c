/* keeper.c - a fork without exec: the supervisor is small, so its copy is cheap. */
#include "nodes/supervisor/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nodes/supervisor/process.h"
#include "nodes/supervisor/sandbox.h"
#include "nodes/supervisor/spawn.h"

enum { CHANNEL_FD = 3, LOCK_FD, KEPT_FDS, LAUNCH_MEMORY_MAX = 64 << 20, BLOCK = 512 };

struct attempt_process {
    const struct keeper_setup *setup;
    pid_t main;
    int status; /* of main, once it has ended */
    bool has_namespace;
    uint64_t started_us, ended_us; /* monotonic */
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Only the two descriptors of the setup survive, at CHANNEL_FD and LOCK_FD: a copy of
 * another keeper's channel would hide the supervisor's end from that keeper. */
static void descriptors_keep(int channel, int lock)
{
    int high_channel = fcntl(channel, F_DUPFD_CLOEXEC, KEPT_FDS);
    int high_lock = fcntl(lock, F_DUPFD_CLOEXEC, KEPT_FDS);

    if (dup3(high_channel, CHANNEL_FD, O_CLOEXEC) < 0
        || dup3(high_lock, LOCK_FD, O_CLOEXEC) < 0)
        _exit(1);
    close_range(KEPT_FDS, ~0u, 0);
}

static void signals_block(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Ends and reaps all that is left. Each pass signals every descendant there is; what was
 * forked meanwhile becomes our child at the latest when its parent has died, and so is
 * found by a later pass. */
static void tree_end(struct attempt_process *attempt)
{
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);

    while (pid >= 0 || errno == EINTR) {
        if (pid > 0 && pid == attempt->main) {
            attempt->status = status;
            attempt->main = 0;
        }
        if (pid == 0)
            process_signal_tree(getpid(), SIGKILL);
        pid = waitpid(-1, &status, pid == 0 ? 0 : WNOHANG);
    }
}

/* Reaps what has ended; true when the main process is among it. */
static bool children_reap(struct attempt_process *attempt)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == attempt->main) {
            attempt->status = status;
            attempt->main = 0;
            return true;
        }
    return false;
}

/* Up to the moment before the fork. The sandbox's descriptors are needed for this, and
 * only then are all that are not ours closed. */
static enum rc attempt_prepare(struct attempt_process *attempt, struct arena *arena,
                               struct launch *launch, int channel, struct err *err)
{
    const struct keeper_setup *setup = attempt->setup;
    enum rc rc = launch_read(setup->directory, arena, launch, err);

    attempt->has_namespace = rc == RC_OK && setup->sandbox && launch->bind_count > 0;
    if (attempt->has_namespace)
        rc = sandbox_enter(setup->sandbox, launch, err);
    descriptors_keep(channel, setup->lock_fd);
    return rc;
}

static enum rc attempt_start(struct attempt_process *attempt, int channel,
                             struct spawned *spawned, struct err *err)
{
    const struct keeper_setup *setup = attempt->setup;
    scoped(arena) arena = arena_create(LAUNCH_MEMORY_MAX);
    struct launch launch;
    enum rc rc = RC_NO_MEMORY;

    if (arena)
        rc = attempt_prepare(attempt, arena, &launch, channel, err);
    else
        err_set(err, rc, "no memory to start an attempt");
    if (rc != RC_OK)
        return rc;

    scoped_fd int directory_fd = open(setup->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (directory_fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s", setup->directory);
    attempt->started_us = clock_us(CLOCK_MONOTONIC);
    return spawn_process(&launch, directory_fd, &setup->file_limit, spawned, err);
}

static void tell(const struct channel_message *message)
{
    /* Nobody is left to be told, or to read an error, when this fails. */
    (void)!channel_send(CHANNEL_FD, message, NULL);
}

static void tell_end(const struct attempt_process *attempt)
{
    struct channel_message message = {
        .kind = CHANNEL_EXITED,
        .token = attempt->setup->token,
        .status = attempt->status,
        .time_us = (int64_t)clock_us(CLOCK_REALTIME),
    };
    struct usage *usage = &message.usage;
    struct rusage all;

    usage->wall_us = attempt->ended_us - attempt->started_us;
    if (getrusage(RUSAGE_CHILDREN, &all) == 0) {
        usage->user_us =
            (uint64_t)all.ru_utime.tv_sec * 1000000 + (uint64_t)all.ru_utime.tv_usec;
        usage->system_us =
            (uint64_t)all.ru_stime.tv_sec * 1000000 + (uint64_t)all.ru_stime.tv_usec;
        usage->memory_peak_bytes = (uint64_t)all.ru_maxrss * 1024;
        usage->read_bytes = (uint64_t)all.ru_inblock * BLOCK;
        usage->written_bytes = (uint64_t)all.ru_oublock * BLOCK;
    }
    tell(&message);
}

/* False when the supervisor is gone. */
static bool command_take(void)
{
    struct channel_message message;

    if (channel_receive(CHANNEL_FD, &message, NULL) != RC_OK)
        return false;
    if (message.kind == CHANNEL_SIGNAL)
        process_signal_tree(getpid(), message.signal);
    return true;
}

/* Until the main process has ended or the supervisor is gone (false). */
static bool attempt_watch(struct attempt_process *attempt)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);

    int signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    struct pollfd polls[] = { { .fd = signal_fd, .events = POLLIN },
                              { .fd = CHANNEL_FD, .events = POLLIN } };
    struct signalfd_siginfo info;

    while (!children_reap(attempt)) {
        if (poll(polls, COUNT_OF(polls), -1) < 0)
            continue;
        if (polls[0].revents)
            (void)!read(signal_fd, &info, sizeof info);
        if (polls[1].revents && !command_take())
            return false;
    }
    return true;
}

static _Noreturn void keeper_run(const struct keeper_setup *setup, int channel)
{
    struct attempt_process attempt = { .setup = setup };
    struct channel_message message = { .kind = CHANNEL_STARTED, .token = setup->token };
    struct spawned spawned;
    struct err err = { 0 };

    setsid();
    prctl(PR_SET_NAME, "sluice-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);

    signals_block();

    enum rc rc = attempt_start(&attempt, channel, &spawned, &err);

    message.time_us = (int64_t)clock_us(CLOCK_REALTIME);
    if (rc != RC_OK) {
        message.kind = CHANNEL_FAILED;
        message.status = err.sys;
        snprintf(message.text, sizeof message.text, "%.*s", CHANNEL_TEXT_MAX - 1,
                 err.text);
        tell(&message);
        _exit(0);
    }
    attempt.main = message.pid = spawned.pid;
    message.start_ticks = spawned.start_ticks;
    message.has_namespace = attempt.has_namespace;
    tell(&message);

    bool is_wanted = attempt_watch(&attempt);

    attempt.ended_us = clock_us(CLOCK_MONOTONIC);
    tree_end(&attempt);
    if (is_wanted)
        tell_end(&attempt);
    _exit(0);
}

enum rc keeper_start(const struct keeper_setup *setup, struct keeper *keeper,
                     struct err *err)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "a channel for an attempt");

    pid_t pid = fork();

    if (pid == 0)
        keeper_run(setup, ends[1]);

    int sys = errno;

    close(ends[1]);
    if (pid < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        close(ends[0]);
        return err_set_sys(err, rc_of_errno(sys), sys, "a process for an attempt");
    }
    *keeper = (struct keeper){ .pid = pid, .fd = ends[0] };
    return RC_OK;
}
