/* attempts.h - the supervisor's table: what it knows of each attempt, by token, and what
 * the agent has still to be told, in order. Bounded by ATTEMPT_MAX. No I/O. */
#pragma once

#include "nodes/supervisor/keeper.h"

enum { ATTEMPT_MAX = 16384 };

struct attempt {
    /* The newest fact: START (accepted), STARTED, FAILED, EXITED or LOST. */
    struct channel_message fact;
    struct keeper keeper; /* fd -1: none */
    bool is_killed;       /* SIGKILL was asked for */
    bool is_orphaned;     /* its keeper was killed; told when its processes are gone */
    bool is_waiting;      /* to be told */
    struct attempt *next_in_bucket;
    struct attempt *before, *after; /* among those that wait to be told */
};

struct attempts;

struct attempts *attempts_create(void); /* NULL when out of memory */
void attempts_destroy(struct attempts *attempts);
SCOPED(attempts)

size_t attempts_count(const struct attempts *attempts);
struct attempt *attempts_find(const struct attempts *attempts, uint64_t token);
/* A new one with kind START; NULL at ATTEMPT_MAX or when out of memory. The token must
 * not be there. Lives until attempts_drop. */
struct attempt *attempts_add(struct attempts *attempts, uint64_t token);
void attempts_drop(struct attempts *attempts, struct attempt *attempt);

/* In no particular order. visit may not add or drop. */
void attempts_each(const struct attempts *attempts,
                   void (*visit)(void *context, struct attempt *attempt), void *context);

/* Puts it behind all that wait; one that waits already keeps its place. */
void attempts_tell(struct attempts *attempts, struct attempt *attempt);
/* The first that waits, or NULL; attempts_told takes it out. */
struct attempt *attempts_waiting(const struct attempts *attempts);
void attempts_told(struct attempts *attempts, struct attempt *attempt);

/* Whether it has ended and no keeper is left. */
bool attempt_has_ended(const struct attempt *attempt);
