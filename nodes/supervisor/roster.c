/* roster.c - see roster.h. */
#include "nodes/supervisor/roster.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nodes/supervisor/journal.h"
#include "nodes/supervisor/memory.h"
#include "nodes/supervisor/process.h"
#include "nodes/supervisor/recovery.h"
#include "nodes/supervisor/sandbox.h"

enum { JOURNAL_SLACK = 64 << 10, SHELL_SIGNALLED = 128, RESTING_MAX = 64 };

struct roster {
    struct roster_options options;
    struct attempts *attempts;
    struct journal *journal;
    struct sandbox *sandbox; /* NULL: not permitted, or not prepared */
    struct memory_watch memory;
    struct keeper resting[RESTING_MAX]; /* without an attempt, the last to rest behind */
    size_t resting_count;
    size_t running;   /* attempts with a keeper */
    size_t orphaned;  /* attempts with is_orphaned */
    uint32_t version; /* of the channel to the agent; 0: not agreed yet */
    bool is_listing;  /* LISTED is owed once nobody waits to be told */
    bool has_news;    /* more than starts is to be told */
    int64_t start_us; /* of the oldest start that is to be told; 0: none */
    bool is_journal_stale;
    bool has_failed; /* while the journal is read */
    pid_t agent;     /* for the search for what dead keepers left */
    size_t strays;
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void attempt_append(void *context, struct attempt *attempt)
{
    struct roster *roster = context;

    /* A failure is remembered by the journal until journal_compact_end. */
    (void)!journal_append(roster->journal, &attempt->fact, NULL);
}

static enum rc journal_renew(struct roster *roster, struct err *err)
{
    enum rc rc = journal_compact_begin(roster->journal, err);

    if (rc != RC_OK)
        return rc;
    attempts_each(roster->attempts, attempt_append, roster);
    rc = journal_compact_end(roster->journal, err);
    roster->is_journal_stale = rc != RC_OK;
    return rc;
}

/* Writes a fact down. If that fails, the whole table is written at the next occasion. */
static void fact_keep(struct roster *roster, const struct channel_message *fact)
{
    struct err err;

    if (roster->is_journal_stale && journal_renew(roster, NULL) == RC_OK)
        return;
    if (journal_append(roster->journal, fact, &err) == RC_OK)
        return;
    if (!roster->is_journal_stale)
        fprintf(stderr, "supervisor: %s\n", err.text);
    roster->is_journal_stale = true;
}

static void fact_set(struct roster *roster, struct attempt *attempt,
                     const struct channel_message *fact)
{
    must(fact->token == attempt->fact.token);
    attempt->fact = *fact;
    fact_keep(roster, fact);
    attempts_tell(roster->attempts, attempt);
    if (fact->kind != CHANNEL_STARTED)
        roster->has_news = true;
    else if (roster->start_us == 0)
        roster->start_us = now_us();
}

static void record_apply(void *context, const struct channel_message *record)
{
    struct roster *roster = context;
    struct attempt *attempt = attempts_find(roster->attempts, record->token);

    if (record->kind == CHANNEL_FORGET) {
        if (attempt)
            attempts_drop(roster->attempts, attempt);
        return;
    }
    if (!attempt)
        attempt = attempts_add(roster->attempts, record->token);
    if (attempt)
        attempt->fact = *record;
    else
        roster->has_failed = true;
}

static void attempt_lose(void *context, struct attempt *attempt)
{
    (void)context;
    if (attempt_has_ended(attempt))
        return;
    attempt->fact.kind = CHANNEL_LOST;
    attempt->fact.time_us = now_us();
}

static enum rc roster_recover(struct roster *roster, const char *path, struct err *err)
{
    bool same_boot;

    roster->journal = journal_open(path, record_apply, roster, &same_boot, err);
    if (!roster->journal)
        return err ? err->rc : RC_IO;
    if (roster->has_failed)
        return err_set(err, RC_NO_MEMORY, "%s: no memory for its attempts", path);

    enum rc rc = RC_OK;

    if (same_boot)
        rc = recovery_end_strays(roster->options.directory, roster->attempts, err);
    if (rc != RC_OK)
        return rc;
    attempts_each(roster->attempts, attempt_lose, roster);
    return journal_renew(roster, err);
}

struct roster *roster_create(const struct roster_options *options, struct err *err)
{
    scoped(roster) roster = calloc(1, sizeof *roster);
    char *path = NULL;

    if (!roster || !(roster->attempts = attempts_create())
        || asprintf(&path, "%s/journal", options->directory) < 0) {
        err_set(err, RC_NO_MEMORY, "no memory for the table of attempts");
        return NULL;
    }
    roster->options = *options;
    memory_watch_init(&roster->memory);

    enum rc rc = roster_recover(roster, path, err);

    free(path);
    return rc == RC_OK ? steal(&roster) : NULL;
}

/* The attempt has its keeper no more. Closing alone is not enough to end the watch: a
 * process that was just forked may still have a copy of the descriptor. */
static struct keeper keeper_part(struct roster *roster, struct attempt *attempt)
{
    struct keeper keeper = attempt->keeper;

    must(roster->running > 0);
    must(epoll_ctl(roster->options.epoll_fd, EPOLL_CTL_DEL, keeper.fd, NULL) == 0);
    attempt->keeper.fd = -1;
    roster->running--;
    return keeper;
}

static void keeper_close(struct roster *roster, struct attempt *attempt)
{
    close(keeper_part(roster, attempt).fd);
}

/* It can have another attempt, or ends when its channel is closed. */
static void keeper_rest(struct roster *roster, struct attempt *attempt)
{
    struct keeper keeper = keeper_part(roster, attempt);

    if (roster->resting_count < RESTING_MAX)
        roster->resting[roster->resting_count++] = keeper;
    else
        close(keeper.fd);
}

static void attempt_release(void *context, struct attempt *attempt)
{
    if (attempt->keeper.fd >= 0)
        keeper_close(context, attempt);
}

/* They have nothing to end any more, so they need not be asked. */
static void resting_end(struct roster *roster)
{
    for (size_t i = 0; i < roster->resting_count; i++) {
        kill(roster->resting[i].pid, SIGKILL);
        close(roster->resting[i].fd);
        while (waitpid(roster->resting[i].pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    roster->resting_count = 0;
}

void roster_destroy(struct roster *roster)
{
    if (!roster)
        return;
    if (roster->attempts)
        attempts_each(roster->attempts, attempt_release, roster);
    resting_end(roster);
    attempts_destroy(roster->attempts);
    journal_close(roster->journal);
    sandbox_destroy(roster->sandbox);
    memory_watch_fini(&roster->memory);
    free(roster);
}

enum rc roster_prepare(struct roster *roster, struct err *err)
{
    roster->sandbox = sandbox_create(roster->options.directory, err);
    return roster->sandbox ? RC_OK : RC_DENIED;
}

/* What the attempt's folder is, whatever its name: 0 if that is not known. */
static uint64_t folder_of(const struct roster *roster, uint64_t token)
{
    char path[PATH_MAX];
    struct stat found;

    snprintf(path, sizeof path, "%s/attempts/%" PRIu64, roster->options.directory, token);
    return stat(path, &found) == 0 ? found.st_ino : 0;
}

static void resting_remove(struct roster *roster, size_t index)
{
    roster->resting_count--;
    memmove(&roster->resting[index], &roster->resting[index + 1],
            (roster->resting_count - index) * sizeof *roster->resting);
}

/* One that rests starts the attempt: the one that had its folder before, else the last.
 * false: there is none. */
static bool keeper_wake(struct roster *roster, const struct channel_message *start,
                        uint64_t folder, struct keeper *keeper)
{
    while (roster->resting_count > 0) {
        size_t index = roster->resting_count - 1;

        for (size_t i = 0; i < roster->resting_count; i++)
            if (roster->resting[i].folder == folder)
                index = i;
        *keeper = roster->resting[index];
        resting_remove(roster, index);
        if (channel_send(keeper->fd, start, NULL) == RC_OK)
            return true;
        close(keeper->fd); /* somebody killed it */
    }
    return false;
}

static enum rc keeper_find(struct roster *roster, uint64_t token, struct keeper *keeper,
                           struct err *err)
{
    const struct keeper_setup setup = {
        .directory = roster->options.directory,
        .sandbox = roster->sandbox,
        .file_limit = roster->options.file_limit,
        .lock_fd = roster->options.lock_fd,
    };
    const struct channel_message start = { .kind = CHANNEL_START, .token = token };
    uint64_t folder = folder_of(roster, token);
    enum rc rc = RC_OK;

    if (!keeper_wake(roster, &start, folder, keeper)) {
        rc = keeper_start(&setup, keeper, err);
        if (rc != RC_OK)
            return rc;
        rc = channel_send(keeper->fd, &start, err);
        if (rc != RC_OK)
            close(keeper->fd);
    }
    keeper->folder = folder;
    return rc;
}

static enum rc attempt_launch(struct roster *roster, struct attempt *attempt,
                              struct err *err)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = attempt };
    struct keeper keeper;
    enum rc rc = journal_reserve(roster->journal, 2 * (roster->running + 1), err);

    rc = rc != RC_OK ? rc : journal_append(roster->journal, &attempt->fact, err);
    rc = rc != RC_OK ? rc : keeper_find(roster, attempt->fact.token, &keeper, err);
    if (rc != RC_OK)
        return rc;
    if (epoll_ctl(roster->options.epoll_fd, EPOLL_CTL_ADD, keeper.fd, &event) != 0) {
        int sys = errno;

        close(keeper.fd);
        return err_set_sys(err, rc_of_errno(sys), sys, "watching an attempt");
    }
    attempt->keeper = keeper;
    roster->running++;
    return RC_OK;
}

static size_t attempts_max(const struct roster *roster)
{
    return roster->options.attempts_max ? roster->options.attempts_max : ATTEMPT_MAX;
}

enum rc roster_start(struct roster *roster, uint64_t token, struct err *err)
{
    struct attempt *attempt = attempts_find(roster->attempts, token);
    struct err why = { 0 };

    if (attempt) {
        if (attempt->fact.kind != CHANNEL_START) {
            attempts_tell(roster->attempts, attempt);
            roster->has_news = true;
        }
        return RC_OK;
    }
    if (attempts_count(roster->attempts) < attempts_max(roster))
        attempt = attempts_add(roster->attempts, token);
    if (!attempt)
        return err_set(err, RC_FULL,
                       "more than %zu attempts on this node (attempts-max), or no memory",
                       attempts_max(roster));
    attempt->fact.time_us = now_us();
    if (roster->is_journal_stale)
        (void)!journal_renew(roster, NULL);
    if (attempt_launch(roster, attempt, &why) != RC_OK) {
        struct channel_message fact = {
            .kind = CHANNEL_FAILED,
            .token = token,
            .status = why.sys,
            .time_us = now_us(),
        };

        snprintf(fact.text, sizeof fact.text, "%.*s", CHANNEL_TEXT_MAX - 1, why.text);
        fact_set(roster, attempt, &fact);
    }
    return RC_OK;
}

static void attempt_signal(struct attempt *attempt, int signal)
{
    struct channel_message message = {
        .kind = CHANNEL_SIGNAL,
        .token = attempt->fact.token,
        .signal = signal,
    };

    if (attempt->keeper.fd < 0)
        return;
    if (signal == SIGKILL)
        attempt->is_killed = true;
    /* A keeper that is gone tells so by its channel; one that has hundreds of signals
     * unread needs no other. */
    (void)!channel_send(attempt->keeper.fd, &message, NULL);
}

void roster_signal(struct roster *roster, uint64_t token, int signal)
{
    struct attempt *attempt = attempts_find(roster->attempts, token);

    if (attempt)
        attempt_signal(attempt, signal);
}

static void signal_visit(void *context, struct attempt *attempt)
{
    attempt_signal(attempt, *(const int *)context);
}

void roster_signal_all(struct roster *roster, int signal)
{
    attempts_each(roster->attempts, signal_visit, &signal);
}

void roster_forget(struct roster *roster, uint64_t token)
{
    struct attempt *attempt = attempts_find(roster->attempts, token);
    struct channel_message fact = { .kind = CHANNEL_FORGET, .token = token };

    if (!attempt || !attempt_has_ended(attempt))
        return;
    attempts_drop(roster->attempts, attempt);
    fact_keep(roster, &fact);
    if (journal_size(roster->journal)
        > JOURNAL_SLACK + 2 * JOURNAL_ROOM * attempts_count(roster->attempts))
        (void)!journal_renew(roster, NULL);
}

static void tell_visit(void *context, struct attempt *attempt)
{
    struct roster *roster = context;

    if (attempt->fact.kind != CHANNEL_START)
        attempts_tell(roster->attempts, attempt);
}

void roster_list(struct roster *roster, uint32_t version)
{
    roster->version = version;
    attempts_each(roster->attempts, tell_visit, roster);
    roster->is_listing = roster->has_news = true;
}

size_t roster_running(const struct roster *roster)
{
    return roster->running + roster->orphaned;
}

/* Whether an end by SIGKILL, or a shell's report of one, can be the kernel's doing. */
static bool is_out_of_memory(struct roster *roster, const struct attempt *attempt,
                             int status)
{
    bool by_kill =
        (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        || (WIFEXITED(status) && WEXITSTATUS(status) == SHELL_SIGNALLED + SIGKILL);

    return by_kill && !attempt->is_killed && memory_watch_grew(&roster->memory);
}

/* The channel ended without an end being told: the keeper was killed. */
static void keeper_died(struct roster *roster, struct attempt *attempt)
{
    /* It is about to be gone, and from then on its children are ours. */
    while (waitpid(attempt->keeper.pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    keeper_close(roster, attempt);
    attempt->is_orphaned = true;
    roster->orphaned++;
    roster_children_changed(roster, roster->agent);
}

void roster_keeper_ready(struct roster *roster, struct attempt *attempt)
{
    struct channel_message message;
    enum rc rc = channel_receive(attempt->keeper.fd, &message, NULL);

    if (rc == RC_NOT_FOUND)
        return;
    if (rc != RC_OK) {
        keeper_died(roster, attempt);
        return;
    }
    must(message.token == attempt->fact.token);
    if (message.kind == CHANNEL_EXITED)
        message.out_of_memory = is_out_of_memory(roster, attempt, message.status);
    fact_set(roster, attempt, &message);
    if (message.kind == CHANNEL_EXITED)
        keeper_rest(roster, attempt);
    else if (attempt_has_ended(attempt))
        keeper_close(roster, attempt);
}

struct keeper_search {
    pid_t pid;
    bool is_found;
};

static void keeper_match(void *context, struct attempt *attempt)
{
    struct keeper_search *search = context;

    if (attempt->keeper.fd >= 0 && attempt->keeper.pid == search->pid)
        search->is_found = true;
}

static void stray_end(void *context, const struct process *process)
{
    struct roster *roster = context;
    struct keeper_search search = { .pid = process->pid };

    if (process->parent != getpid() || process->is_zombie
        || process->pid == roster->agent)
        return;
    attempts_each(roster->attempts, keeper_match, &search);
    for (size_t i = 0; i < roster->resting_count; i++)
        search.is_found |= roster->resting[i].pid == process->pid;
    if (search.is_found)
        return;
    process_signal_tree(process->pid, SIGKILL);
    kill(process->pid, SIGKILL);
    roster->strays++;
}

static void orphan_settle(void *context, struct attempt *attempt)
{
    struct roster *roster = context;
    struct channel_message fact = {
        .kind = attempt->fact.kind == CHANNEL_START ? CHANNEL_FAILED : CHANNEL_EXITED,
        .token = attempt->fact.token,
        .status = SIGKILL,
        .time_us = now_us(),
        .text = "the process that watched over it was killed, and it with that",
    };

    if (!attempt->is_orphaned)
        return;
    attempt->is_orphaned = false;
    roster->orphaned--;
    if (fact.kind == CHANNEL_FAILED)
        fact.status = EINTR;
    else
        fact.out_of_memory = is_out_of_memory(roster, attempt, SIGKILL);
    fact_set(roster, attempt, &fact);
}

void roster_children_changed(struct roster *roster, pid_t agent)
{
    roster->agent = agent;
    if (roster->orphaned == 0)
        return;
    roster->strays = 0;
    if (process_each(stray_end, roster, NULL) == RC_OK && roster->strays == 0)
        attempts_each(roster->attempts, orphan_settle, roster);
}

int roster_wait_ms(const struct roster *roster)
{
    int64_t delay_us = (int64_t)roster->options.start_delay_ms * 1000, left_us;

    if (roster->has_news)
        return 0;
    if (roster->start_us == 0)
        return -1;
    left_us = roster->start_us + delay_us - now_us();
    /* A clock that was set back must not make it longer. */
    if (left_us > delay_us)
        left_us = delay_us;
    return left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
}

enum rc roster_tell(struct roster *roster, int fd, struct err *err)
{
    struct channel_message listed = { .kind = CHANNEL_LISTED, .speaks = channel_ours() };
    struct attempt *attempt;
    enum rc rc = RC_OK;

    if (roster_wait_ms(roster) != 0)
        return RC_OK;
    while (rc == RC_OK && (attempt = attempts_waiting(roster->attempts))) {
        struct channel_message fact = attempt->fact;

        fact.version = roster->version;
        rc = channel_send(fd, &fact, err);
        if (rc == RC_OK)
            attempts_told(roster->attempts, attempt);
    }
    if (rc == RC_OK && roster->is_listing) {
        rc = channel_send(fd, &listed, err);
        roster->is_listing = rc != RC_OK;
    }
    if (rc == RC_OK) {
        roster->has_news = false;
        roster->start_us = 0;
    }
    return rc;
}
