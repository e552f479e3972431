/* party.c - see party.h. */
#include "tests/chaos/party.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

const char *party_kind_name(enum party_kind kind)
{
    static const char *const names[PARTY_KINDS] = {
        [PARTY_BROKER] = "broker",      [PARTY_AGENT] = "agent",   [PARTY_NODE] = "node",
        [PARTY_WATCHER] = "subscriber", [PARTY_CLIENT] = "client",
    };

    return names[kind];
}

void party_init(struct party *party, enum party_kind kind, const char *folder,
                const char *name, const char *const *words)
{
    *party = (struct party){ .kind = kind, .fd = -1 };
    snprintf(party->name, sizeof party->name, "%s", name);
    snprintf(party->log, sizeof party->log, "%s/%s.log", folder, name);
    for (size_t i = 0; words[i]; i++) {
        must(i + 1 < PARTY_WORDS_MAX);
        snprintf(party->words[i], sizeof party->words[i], "%s", words[i]);
    }
}

enum rc party_start(struct party *party, struct err *err)
{
    char *words[PARTY_WORDS_MAX + 1] = { NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    int code;

    must(party->pid == 0);
    for (size_t i = 0; i < PARTY_WORDS_MAX && party->words[i][0]; i++)
        words[i] = party->words[i];
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, party->log,
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK
                                              | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setsigmask(&attributes, &none);
    code = posix_spawnp(&party->pid, words[0], &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    party->is_started_later = false;
    if (code != 0) {
        party->pid = 0;
        return err_set_sys(err, RC_IO, code, "cannot start %s", words[0]);
    }
    party->fd = (int)syscall(SYS_pidfd_open, party->pid, 0);
    if (party->fd < 0)
        return err_set_sys(err, RC_IO, errno, "pidfd of %s", party->name);
    return RC_OK;
}

int party_reap(struct party *party)
{
    int status = 0;

    if (party->pid == 0)
        return 0;
    while (waitpid(party->pid, &status, 0) < 0 && errno == EINTR)
        ;
    fd_scoped(&party->fd);
    party->fd = -1;
    party->pid = 0;
    return status;
}

void party_kill(struct party *party)
{
    if (party->pid == 0)
        return;
    kill(party->pid, SIGKILL);
    party_reap(party);
}

static ssize_t file_text(const char *path, char *text, size_t size)
{
    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

    text[got > 0 ? got : 0] = '\0';
    return got;
}

/* Whether one of the process's words, each ended by a NUL, is "--agent". */
static bool is_agent(pid_t pid)
{
    char path[64], text[4096];

    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);

    ssize_t got = file_text(path, text, sizeof text);

    for (ssize_t at = 0; at < got; at += (ssize_t)strlen(text + at) + 1)
        if (strcmp(text + at, "--agent") == 0)
            return true;
    return false;
}

pid_t party_agent(const struct party *node)
{
    char path[64], text[4096], *at = text;

    if (node->pid == 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)node->pid,
             (int)node->pid);
    file_text(path, text, sizeof text);
    for (;;) {
        char *end;
        long pid = strtol(at, &end, 10);

        if (end == at)
            return 0;
        if (is_agent((pid_t)pid))
            return (pid_t)pid;
        at = end;
    }
}
