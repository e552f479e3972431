/* roster.h - the attempts of a node: table, journal and keepers kept in step.
 *
 * Rule: a fact is in the journal before the agent is told of it. If the journal cannot be
 * written, nothing is started, and ends are told all the same (the journal is written
 * anew as soon as that works). Single-threaded. */
#pragma once

#include "nodes/supervisor/attempts.h"

#include <sys/resource.h>

struct roster;

struct roster_options {
    const char *directory; /* of the node, absolute; borrowed */
    int epoll_fd;          /* keepers are added to it with their attempt as data.ptr */
    int lock_fd;           /* for keepers, see keeper.h */
    struct rlimit file_limit;
    uint32_t attempts_max;   /* beyond, none is started; 0: ATTEMPT_MAX */
    uint32_t start_delay_ms; /* so long a start waits for more to be told */
};

/* Reads <directory>/journal, kills what is left of attempts without an end and holds
 * them as lost. NULL on failure. */
struct roster *roster_create(const struct roster_options *options, struct err *err);
void roster_destroy(struct roster *roster); /* NULL is fine */
SCOPED(roster)

/* Builds the namespaces that later attempts use; they do without if this fails. */
NODISCARD enum rc roster_prepare(struct roster *roster, struct err *err);

/* A known token is told again. RC_FULL at attempts_max, RC_NO_MEMORY: nothing was done
 * and nothing will be told. Any other failure is told as FAILED. */
NODISCARD enum rc roster_start(struct roster *roster, uint64_t token, struct err *err);
/* Without effect on what does not run. */
void roster_signal(struct roster *roster, uint64_t token, int signal);
void roster_signal_all(struct roster *roster, int signal);
void roster_forget(struct roster *roster, uint64_t token);
/* version: of the channel, agreed. */
void roster_list(struct roster *roster,
                 uint32_t version); /* all are told again, then LISTED */
size_t roster_running(const struct roster *roster);

/* The keeper of this attempt (data.ptr) can be read. */
void roster_keeper_ready(struct roster *roster, struct attempt *attempt);
/* Some child of ours was reaped; agent: its pid or 0. Kills what dead keepers left. */
void roster_children_changed(struct roster *roster, pid_t agent);

/* Sends to the agent what it has not been told. A start alone waits: of a short
 * attempt only the end is told, which wakes the agent once and not twice.
 * RC_FULL: more when fd is writable. */
NODISCARD enum rc roster_tell(struct roster *roster, int fd, struct err *err);
/* Milliseconds until roster_tell has something to send; -1: it has not. */
int roster_wait_ms(const struct roster *roster);
