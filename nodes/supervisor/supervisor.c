/* supervisor.c - the loop: signals, the agent, the keepers; stops in stages. */
#include "nodes/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nodes/supervisor/agent_process.h"
#include "nodes/supervisor/roster.h"

enum { EVENTS = 64, COMMANDS_PER_TURN = 256, LOCK_TRIES = 50, LOCK_PAUSE_MS = 2 };

enum stage {
    STAGE_RUN,
    STAGE_STOP_AGENT, /* it was asked to stop */
    STAGE_STOP_TASKS, /* no agent any more; tasks were sent SIGTERM */
    STAGE_KILL_TASKS, /* tasks were sent SIGKILL */
};

struct supervisor {
    struct supervisor_options options;
    char directory[PATH_MAX];
    int epoll_fd, signal_fd, lock_fd, keepers_fd;
    struct roster *roster;
    struct agent_process agent;
    enum stage stage;
    bool is_urgent;                       /* asked to stop twice */
    uint64_t kill_ms;                     /* STAGE_STOP_TASKS: when SIGKILL follows */
    struct channel_message note, refusal; /* owed to the agent if kind is not START */
    uint32_t agent_events;                /* as the epoll set has them */
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Who only looks whether the file is locked holds it for a moment. */
static int lock_try(int fd, int operation)
{
    int code = flock(fd, operation);

    for (int i = 0; code < 0 && errno == EWOULDBLOCK && i < LOCK_TRIES; i++) {
        poll(NULL, 0, LOCK_PAUSE_MS);
        code = flock(fd, operation);
    }
    return code;
}

static enum rc lock_open(const struct supervisor *self, const char *name, int *lock_fd,
                         int operation, struct err *err)
{
    char path[PATH_MAX + 16];

    snprintf(path, sizeof path, "%s/%s", self->directory, name);

    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s", path);
    *lock_fd = fd;
    if (lock_try(fd, operation) == 0)
        return RC_OK;
    if (errno == EWOULDBLOCK)
        return err_set(err, RC_CONFLICT, "%s: another supervisor runs in this directory",
                       path);
    return err_set_sys(err, RC_IO, errno, "%s", path);
}

/* The first lock is held by us alone and refuses a second supervisor at once. The second
 * is shared with the keepers: it is free when those of a supervisor that died have ended
 * their attempts, which they do at once. */
static enum rc locks_take(struct supervisor *self, struct err *err)
{
    enum rc rc = lock_open(self, "lock", &self->lock_fd, LOCK_EX | LOCK_NB, err);

    /* Our number, for those who want us to end. */
    if (rc == RC_OK
        && (ftruncate(self->lock_fd, 0) < 0
            || dprintf(self->lock_fd, "%d\n", getpid()) < 0))
        rc = err_set_sys(err, rc_of_errno(errno), errno, "cannot write %s/lock",
                         self->options.directory);
    return rc != RC_OK ? rc
                       : lock_open(self, "keepers.lock", &self->keepers_fd, LOCK_EX, err);
}

static enum rc watch_add(struct supervisor *self, int fd, void *tag, struct err *err)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = tag };

    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return err_set_sys(err, RC_IO, errno, "epoll");
    return RC_OK;
}

static enum rc signals_watch(struct supervisor *self, struct err *err)
{
    sigset_t watched, blocked;

    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigaddset(&watched, SIGUSR1);
    blocked = watched;
    sigaddset(&blocked, SIGPIPE);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    self->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->signal_fd < 0 || self->epoll_fd < 0)
        return err_set_sys(err, RC_IO, errno, "signals");
    return watch_add(self, self->signal_fd, &self->signal_fd, err);
}

/* One descriptor per running attempt: take all that we may have. */
static struct rlimit files_raise(void)
{
    struct rlimit before = { 0 }, all;

    if (getrlimit(RLIMIT_NOFILE, &before) == 0) {
        all = (struct rlimit){ .rlim_cur = before.rlim_max, .rlim_max = before.rlim_max };
        setrlimit(RLIMIT_NOFILE, &all);
    }
    return before;
}

static void agent_start(struct supervisor *self)
{
    struct err err;

    if (agent_process_start(&self->agent, &self->options, now_ms(), &err) != RC_OK
        || watch_add(self, self->agent.fd, &self->agent, &err) != RC_OK) {
        fprintf(stderr, "supervisor: %s\n", err.text);
        return;
    }
    self->agent_events = EPOLLIN;
}

/* The agent that would have read the refusal may be gone; the next asks again. */
static void agent_close(struct supervisor *self)
{
    /* Closing alone does not end the watch while a process that was just forked has a
     * copy of the descriptor. */
    if (self->agent.fd >= 0)
        epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, self->agent.fd, NULL);
    fd_scoped(&self->agent.fd);
    self->agent.fd = -1;
    self->refusal.kind = CHANNEL_START;
}

static void command_refuse(struct supervisor *self, uint64_t token, const struct err *err)
{
    self->refusal = (struct channel_message){ .kind = CHANNEL_FAILED,
                                              .token = token,
                                              .status = EAGAIN };
    snprintf(self->refusal.text, sizeof self->refusal.text, "%.*s", CHANNEL_TEXT_MAX - 1,
             err->text);
}

/* Agrees on a version with an agent, which may be of another release, and tells it all.
 * One with which we have none in common learns ours, and ends. */
static void list(struct supervisor *self, const struct channel_message *command)
{
    struct protocol_range theirs = command->speaks;
    uint32_t version;
    struct err err;

    if (theirs.highest == 0)
        theirs = (struct protocol_range){ command->version, command->version };
    if (protocol_agree("the supervisor", channel_ours(), "the agent", theirs, &version,
                       &err)
        == RC_OK) {
        roster_list(self->roster, version);
        return;
    }
    fprintf(stderr, "supervisor: %s\n", err.text);
    self->refusal =
        (struct channel_message){ .kind = CHANNEL_LISTED, .speaks = channel_ours() };
}

static void command_apply(struct supervisor *self, const struct channel_message *command)
{
    struct err err;

    switch (command->kind) {
    case CHANNEL_START:
        if (roster_start(self->roster, command->token, &err) != RC_OK)
            command_refuse(self, command->token, &err);
        break;
    case CHANNEL_SIGNAL:
        roster_signal(self->roster, command->token, command->signal);
        break;
    case CHANNEL_FORGET:
        roster_forget(self->roster, command->token);
        break;
    case CHANNEL_LIST:
        list(self, command);
        break;
    case CHANNEL_STARTED:
    case CHANNEL_FAILED:
    case CHANNEL_EXITED:
    case CHANNEL_LOST:
    case CHANNEL_LISTED:
    case CHANNEL_NOTE:
    case CHANNEL_KIND_COUNT:
        fprintf(stderr, "supervisor: the agent sent a message of kind %d\n",
                (int)command->kind);
    }
}

/* Reads commands; stops while a refusal is owed, so that at most one is. */
static void agent_ready(struct supervisor *self)
{
    struct channel_message command;
    struct err err;

    for (int i = 0; i < COMMANDS_PER_TURN; i++) {
        if (self->refusal.kind != CHANNEL_START)
            return;

        enum rc rc = channel_receive(self->agent.fd, &command, &err);

        if (rc == RC_OK) {
            command_apply(self, &command);
            continue;
        }
        if (rc == RC_UNSUPPORTED) {
            fprintf(stderr, "supervisor: %s is skipped\n", err.text);
            continue;
        }
        if (rc == RC_PROTOCOL) {
            fprintf(stderr, "supervisor: %s; the agent is ended\n", err.text);
            kill(self->agent.pid, SIGKILL);
        }
        if (rc != RC_NOT_FOUND)
            agent_close(self);
        return;
    }
}

static enum rc owed_send(struct supervisor *self, struct channel_message *owed)
{
    enum rc rc = RC_OK;

    if (owed->kind != CHANNEL_START)
        rc = channel_send(self->agent.fd, owed, NULL);
    if (rc == RC_OK)
        owed->kind = CHANNEL_START;
    return rc;
}

/* Says all that is owed as far as it fits and asks to be woken for the rest. */
static void agent_tell(struct supervisor *self)
{
    if (self->agent.fd < 0)
        return;

    enum rc rc = owed_send(self, &self->note);

    rc = rc != RC_OK ? rc : owed_send(self, &self->refusal);
    rc = rc != RC_OK ? rc : roster_tell(self->roster, self->agent.fd, NULL);
    if (rc != RC_OK && rc != RC_FULL) {
        agent_close(self);
        return;
    }

    uint32_t events = rc == RC_FULL ? EPOLLOUT : 0;

    if (self->refusal.kind == CHANNEL_START)
        events |= EPOLLIN;
    if (events == self->agent_events)
        return;
    self->agent_events = events;

    struct epoll_event event = { .events = events, .data.ptr = &self->agent };

    must(epoll_ctl(self->epoll_fd, EPOLL_CTL_MOD, self->agent.fd, &event) == 0);
}

static void tasks_stop(struct supervisor *self)
{
    self->stage = STAGE_STOP_TASKS;
    self->kill_ms = now_ms() + self->options.stop_grace_ms;
    roster_signal_all(self->roster, SIGTERM);
}

static void tasks_kill(struct supervisor *self)
{
    self->stage = STAGE_KILL_TASKS;
    roster_signal_all(self->roster, SIGKILL);
}

static void agent_ended(struct supervisor *self, int status)
{
    agent_close(self);
    agent_process_ended(&self->agent, &self->options, now_ms());
    if (self->stage == STAGE_STOP_AGENT
        || (self->stage == STAGE_RUN && WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        if (self->is_urgent)
            tasks_kill(self);
        else
            tasks_stop(self);
        return;
    }
    fprintf(stderr,
            "supervisor: the agent ended with %s %d and is started again in %u ms\n",
            WIFSIGNALED(status) ? "signal" : "status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
            self->agent.wait_ms);
}

static void children_reap(struct supervisor *self)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == self->agent.pid)
            agent_ended(self, status);
    roster_children_changed(self->roster, self->agent.pid);
}

/* Asked once: the agent is asked; twice: it is killed, and the tasks with it. */
static void stop_asked(struct supervisor *self)
{
    switch (self->stage) {
    case STAGE_RUN:
        if (self->agent.pid == 0) {
            tasks_stop(self);
            return;
        }
        self->stage = STAGE_STOP_AGENT;
        kill(self->agent.pid, SIGTERM);
        break;
    case STAGE_STOP_AGENT:
        self->is_urgent = true;
        kill(self->agent.pid, SIGKILL);
        break;
    case STAGE_STOP_TASKS:
    case STAGE_KILL_TASKS:
        tasks_kill(self);
    }
}

/* SIGUSR1: the agent begins anew, from the program as it is now. It loses nothing by a
 * sudden end, so there is no other one. */
static void agent_signal(struct supervisor *self, int signal)
{
    if (self->agent.pid > 0 && (signal == SIGHUP || self->stage == STAGE_RUN))
        kill(self->agent.pid, signal == SIGHUP ? SIGHUP : SIGKILL);
}

static void signals_ready(struct supervisor *self)
{
    struct signalfd_siginfo info;

    while (read(self->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            children_reap(self);
        else if (info.ssi_signo == SIGHUP || info.ssi_signo == SIGUSR1)
            agent_signal(self, (int)info.ssi_signo);
        else
            stop_asked(self);
    }
}

/* Milliseconds until something is due, -1 for never. */
static int time_left(const struct supervisor *self)
{
    uint64_t now = now_ms(), due;

    if (self->stage == STAGE_RUN && self->agent.pid == 0)
        due = self->agent.next_ms;
    else if (self->stage == STAGE_STOP_TASKS)
        due = self->kill_ms;
    else
        return -1;
    return due <= now ? 0 : (int)(due - now);
}

/* The same for what the agent is to be told. Not while it does not read. */
static int tell_left(const struct supervisor *self)
{
    return self->agent.fd < 0 || (self->agent_events & EPOLLOUT)
               ? -1
               : roster_wait_ms(self->roster);
}

static int wait_ms(const struct supervisor *self)
{
    int timer = time_left(self), tell = tell_left(self);

    if (timer < 0 || tell < 0)
        return timer < 0 ? tell : timer;
    return timer < tell ? timer : tell;
}

static void timers_run(struct supervisor *self)
{
    if (time_left(self) != 0)
        return;
    if (self->stage == STAGE_RUN)
        agent_start(self);
    else
        tasks_kill(self);
}

static void loop(struct supervisor *self)
{
    struct epoll_event events[EVENTS];

    while (self->stage < STAGE_STOP_TASKS || roster_running(self->roster) > 0) {
        int count = epoll_wait(self->epoll_fd, events, EVENTS, wait_ms(self));
        bool has_signal = false;

        for (int i = 0; i < count; i++) {
            void *tag = events[i].data.ptr;

            if (tag == &self->signal_fd)
                has_signal = true;
            else if (tag != &self->agent)
                roster_keeper_ready(self->roster, tag);
            else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                agent_ready(self);
        }
        /* Last, as it may end the agent whose event was in the same batch. */
        if (has_signal)
            signals_ready(self);
        timers_run(self);
        agent_tell(self);
    }
}

static enum rc supervisor_open(struct supervisor *self, struct err *err)
{
    if (!realpath(self->options.directory, self->directory))
        return err_set_sys(err, rc_of_errno(errno), errno, "%s", self->options.directory);

    enum rc rc = locks_take(self, err);

    rc = rc != RC_OK ? rc : signals_watch(self, err);
    if (rc != RC_OK)
        return rc;
    prctl(PR_SET_CHILD_SUBREAPER, 1);

    struct roster_options options = {
        .directory = self->directory,
        .epoll_fd = self->epoll_fd,
        .lock_fd = self->keepers_fd,
        .file_limit = files_raise(),
        .attempts_max = self->options.attempts_max,
        .start_delay_ms = self->options.start_delay_ms,
    };

    self->roster = roster_create(&options, err);
    return self->roster ? RC_OK : err->rc;
}

static void supervisor_close(struct supervisor *self)
{
    roster_destroy(self->roster);
    fd_scoped(&self->agent.fd);
    fd_scoped(&self->signal_fd);
    fd_scoped(&self->epoll_fd);
    fd_scoped(&self->keepers_fd);
    fd_scoped(&self->lock_fd);
}

int supervisor_run(const struct supervisor_options *options)
{
    struct supervisor self = {
        .options = *options,
        .epoll_fd = -1,
        .signal_fd = -1,
        .lock_fd = -1,
        .keepers_fd = -1,
        .agent = { .fd = -1 },
        .note = { .kind = CHANNEL_START },
        .refusal = { .kind = CHANNEL_START },
    };
    struct err err = { 0 };

    if (supervisor_open(&self, &err) != RC_OK) {
        fprintf(stderr, "supervisor: %s\n", err.text);
        supervisor_close(&self);
        return EXIT_FAILURE;
    }
    agent_start(&self);
    if (roster_prepare(self.roster, &err) != RC_OK) {
        self.note.kind = CHANNEL_NOTE;
        snprintf(self.note.text, sizeof self.note.text,
                 "this node may not use namespaces, so paths such as /valohai/inputs are "
                 "not shown to tasks (%.200s); use the VH_... variables",
                 err.text);
    }
    agent_tell(&self);
    loop(&self);
    supervisor_close(&self);
    return EXIT_SUCCESS;
}
