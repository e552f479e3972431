/* keeper.c - a fork without exec, for one attempt after the other. */
#include "nodes/supervisor/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
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
#include "nodes/supervisor/spawn.h"
#include "nodes/supervisor/views.h"

enum {
    CHANNEL_FD = 3,
    LOCK_FD,
    SANDBOX_FD, /* and the one behind it */
    KEPT_FDS = SANDBOX_FD + 2,
    LAUNCH_MEMORY_MAX = 64 << 20,
    BLOCK = 512
};

struct attempt_process {
    const struct keeper_setup *setup;
    uint64_t token;
    char directory[PATH_MAX];
    struct views views;
    int signal_fd;
    pid_t main;
    int status; /* of main, once it has ended */
    bool has_namespace;
    uint64_t started_us, ended_us; /* monotonic */
    struct usage usage;            /* of what was reaped */
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Only the descriptors of the setup survive, and the channel: a copy of another keeper's
 * channel would hide the supervisor's end from that keeper. */
static void descriptors_keep(const struct keeper_setup *setup, int channel)
{
    int high_channel = fcntl(channel, F_DUPFD_CLOEXEC, KEPT_FDS);
    int high_lock = fcntl(setup->lock_fd, F_DUPFD_CLOEXEC, KEPT_FDS);

    if (setup->sandbox && sandbox_move(setup->sandbox, SANDBOX_FD, NULL) != RC_OK)
        _exit(1);
    if (dup3(high_channel, CHANNEL_FD, O_CLOEXEC) < 0
        || dup3(high_lock, LOCK_FD, O_CLOEXEC) < 0)
        _exit(1);
    close_range(setup->sandbox ? KEPT_FDS : SANDBOX_FD, ~0u, 0);
}

static void signals_block(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static uint64_t time_us(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

/* As waitpid of any child, with its usage, and that of its own children, added up. */
static pid_t child_reap(struct attempt_process *attempt, int options)
{
    struct usage *usage = &attempt->usage;
    struct rusage used;
    int status;
    pid_t pid = wait4(-1, &status, options, &used);

    if (pid <= 0)
        return pid;
    usage->user_us += time_us(&used.ru_utime);
    usage->system_us += time_us(&used.ru_stime);
    usage->read_bytes += (uint64_t)used.ru_inblock * BLOCK;
    usage->written_bytes += (uint64_t)used.ru_oublock * BLOCK;
    if ((uint64_t)used.ru_maxrss * 1024 > usage->memory_peak_bytes)
        usage->memory_peak_bytes = (uint64_t)used.ru_maxrss * 1024;
    if (pid == attempt->main) {
        attempt->status = status;
        attempt->main = 0;
    }
    return pid;
}

/* Ends and reaps all that is left. Each pass signals every descendant there is; what was
 * forked meanwhile becomes our child at the latest when its parent has died, and so is
 * found by a later pass. */
static void tree_end(struct attempt_process *attempt)
{
    pid_t pid = child_reap(attempt, WNOHANG);

    while (pid >= 0 || errno == EINTR) {
        if (pid == 0)
            process_signal_tree(getpid(), SIGKILL);
        pid = child_reap(attempt, pid == 0 ? 0 : WNOHANG);
    }
}

/* Reaps what has ended; true when the main process is among it. */
static bool children_reap(struct attempt_process *attempt)
{
    while (attempt->main != 0 && child_reap(attempt, WNOHANG) > 0)
        continue;
    return attempt->main == 0;
}

static enum rc view_enter(struct attempt_process *attempt, const struct launch *launch,
                          struct err *err)
{
    struct sandbox *sandbox = attempt->setup->sandbox;

    attempt->has_namespace = sandbox && launch->bind_count > 0;
    return attempt->has_namespace ? views_enter(&attempt->views, sandbox, launch, err)
                                  : RC_OK;
}

static enum rc attempt_start(struct attempt_process *attempt, struct spawned *spawned,
                             struct err *err)
{
    scoped(arena) arena = arena_create(LAUNCH_MEMORY_MAX);
    struct launch launch;
    enum rc rc = RC_NO_MEMORY;

    if (arena)
        rc = launch_read(attempt->directory, arena, &launch, err);
    else
        err_set(err, rc, "no memory to start an attempt");
    if (rc == RC_OK)
        rc = view_enter(attempt, &launch, err);
    if (rc != RC_OK)
        return rc;

    scoped_fd int directory_fd =
        open(attempt->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (directory_fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s", attempt->directory);
    attempt->started_us = clock_us(CLOCK_MONOTONIC);
    return spawn_process(&launch, directory_fd, &attempt->setup->file_limit, spawned,
                         err);
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
        .token = attempt->token,
        .status = attempt->status,
        .time_us = (int64_t)clock_us(CLOCK_REALTIME),
        .usage = attempt->usage,
    };

    message.usage.wall_us = attempt->ended_us - attempt->started_us;
    tell(&message);
}

/* False when the supervisor is gone. */
static bool command_take(const struct attempt_process *attempt)
{
    struct channel_message message;

    if (channel_receive(CHANNEL_FD, &message, NULL) != RC_OK)
        return false;
    if (message.kind == CHANNEL_SIGNAL && message.token == attempt->token)
        process_signal_tree(getpid(), message.signal);
    return true;
}

/* Until the main process has ended or the supervisor is gone (false). */
static bool attempt_watch(struct attempt_process *attempt)
{
    struct pollfd polls[] = { { .fd = attempt->signal_fd, .events = POLLIN },
                              { .fd = CHANNEL_FD, .events = POLLIN } };
    struct signalfd_siginfo info;

    while (!children_reap(attempt)) {
        if (poll(polls, COUNT_OF(polls), -1) < 0)
            continue;
        if (polls[0].revents)
            (void)!read(attempt->signal_fd, &info, sizeof info);
        if (polls[1].revents && !command_take(attempt))
            return false;
    }
    return true;
}

/* One attempt from its start to its end; false when there can be no other after it. */
static bool attempt_run(struct attempt_process *attempt)
{
    struct channel_message message = { .kind = CHANNEL_STARTED, .token = attempt->token };
    struct spawned spawned;
    struct err err = { 0 };
    enum rc rc = attempt_start(attempt, &spawned, &err);

    message.time_us = (int64_t)clock_us(CLOCK_REALTIME);
    if (rc != RC_OK) {
        message.kind = CHANNEL_FAILED;
        message.status = err.sys;
        snprintf(message.text, sizeof message.text, "%.*s", CHANNEL_TEXT_MAX - 1,
                 err.text);
        tell(&message);
        return false;
    }
    attempt->main = message.pid = spawned.pid;
    message.start_ticks = spawned.start_ticks;
    message.has_namespace = attempt->has_namespace;
    tell(&message);

    bool is_wanted = attempt_watch(attempt);

    attempt->ended_us = clock_us(CLOCK_MONOTONIC);
    tree_end(attempt);
    if (is_wanted)
        tell_end(attempt);
    return is_wanted;
}

/* The next token to start; false when the supervisor is gone. */
static bool attempt_await(struct attempt_process *attempt)
{
    const struct keeper_setup *setup = attempt->setup;
    struct channel_message message = { .kind = CHANNEL_SIGNAL };

    /* A signal may have come too late for the attempt before. */
    while (message.kind == CHANNEL_SIGNAL)
        if (channel_receive(CHANNEL_FD, &message, NULL) != RC_OK)
            return false;
    if (message.kind != CHANNEL_START)
        return false;
    attempt->token = message.token;
    attempt->usage = (struct usage){ 0 };
    snprintf(attempt->directory, sizeof attempt->directory, "%s/attempts/%" PRIu64,
             setup->directory, message.token);
    return true;
}

static _Noreturn void keeper_run(const struct keeper_setup *setup, int channel)
{
    struct attempt_process attempt = { .setup = setup };
    sigset_t child;

    setsid();
    prctl(PR_SET_NAME, "sluice-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signals_block();
    spawn_signals_reset();
    descriptors_keep(setup, channel);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    attempt.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    while (attempt_await(&attempt) && attempt_run(&attempt))
        continue;
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
