/* verdict.h - whether every task was done once, from the events and from the ledger. */
#pragma once

#include "tests/chaos/history.h"

/* A time in which a node was away, because it was killed or cut off. */
struct absence {
    char node[FACT_TEXT_MAX];
    int64_t from_us, to_us; /* Unix time; to_us 0: it is not over */
};

struct verdict {
    uint64_t runs, tasks, attempts;
    uint64_t starts;        /* lines of the ledger */
    uint64_t reruns;        /* lines beyond the first of a task */
    uint64_t lost_attempts; /* that the broker gave up */
    uint64_t undelivered;   /* of these, that had not begun */
    uint64_t given_up;   /* runs in which a task lost so many nodes that it is blamed */
    uint64_t skipped;    /* their tasks without a complete end */
    uint64_t duplicates; /* final events beyond the first of a task */
    uint64_t lost;       /* tasks without a complete end, or without a line */
    uint64_t doubled_starts; /* lines beyond the first of an attempt */
    uint64_t unexcused;      /* attempts that ran and were thrown away for no absence */
    uint64_t too_early;      /* tasks that began before what they wait for was complete */
    uint64_t strangers;      /* lines of attempts that were never handed out */
};

/* run_of[i] is the run of submission i. Prints each fault (some dozen of a kind). */
NODISCARD enum rc verdict_reach(const struct history *history,
                                const struct absence *absences, size_t absence_count,
                                const uint64_t *run_of, size_t run_count,
                                const char *ledger, struct verdict *verdict,
                                struct err *err);
bool verdict_is_good(const struct verdict *verdict);
void verdict_print(const struct verdict *verdict);
