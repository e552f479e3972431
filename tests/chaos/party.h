/* party.h - a process of the test: started, killed, started again, waited for.
 *
 * Time comes from outside: now_ms of the monotonic clock. A party belongs to one thread.
 * Words of a process go to <folder>/<name>.log. */
#pragma once

#include "codecs/base/base.h"

#include <limits.h>
#include <sys/types.h>

enum { PARTY_WORDS_MAX = 12, PARTY_NAME_MAX = 32, PARTY_PATH_MAX = PATH_MAX + 128 };

enum party_kind { PARTY_BROKER, PARTY_AGENT, PARTY_NODE, PARTY_WATCHER, PARTY_CLIENT };
enum { PARTY_KINDS = PARTY_CLIENT + 1 };

struct party {
    enum party_kind kind;
    char name[PARTY_NAME_MAX];
    char log[PARTY_PATH_MAX];
    char words[PARTY_WORDS_MAX][PARTY_PATH_MAX]; /* of the command line */
    pid_t pid;                                   /* 0: does not run */
    int fd;                                      /* pidfd; -1: does not run */
    bool is_started_later;
    uint64_t start_ms; /* if is_started_later: when */
};

const char *party_kind_name(enum party_kind kind);
/* Words end with a NULL. */
void party_init(struct party *party, enum party_kind kind, const char *folder,
                const char *name, const char *const *words);
NODISCARD enum rc party_start(struct party *party, struct err *err);
/* Takes the exit status of one that ended; blocks until it has. */
int party_reap(struct party *party);
/* SIGKILL, and waits for the end. */
void party_kill(struct party *party);
/* The agent below a running supervisor; 0 while there is none. */
pid_t party_agent(const struct party *node);
