/* warm.h - the folder of an attempt that nobody has changed, for the next attempt of its
 * stage without a worker.
 *
 * Most of what a short task costs is its folder. When the attempts of a sweep need
 * nothing from elsewhere, and one has ended without having left anything - not a byte of
 * output, no file, no changed mode (look.h) - there is nothing to collect, and the folder
 * is ready for the next one but for its new name and the few files that tell its
 * identity. All that is quick enough for the agent's loop. Whatever else an attempt has
 * done is the work of collect.c, and of shelf.h after it. */
#pragma once

#include "nodes/staging/staging.h"

enum { WARM_TASKS_MIN = 16 /* a stage of fewer tasks is not worth it */ };

struct warm {
    const struct staging *staging;
    uint64_t token; /* whose name it has */
    int folder;
    struct look *look;
    int64_t since_us;  /* for who keeps it */
    struct warm *next; /* the same */
};

/* Whether attempts of the stage are prepared from what is at hand. */
bool warm_suits(const struct plan_stage *stage);
/* On a worker, after attempt_prepare. Waits for a tick of the clock, at most some
 * milliseconds. NULL: the folder cannot be used so. */
struct warm *warm_create(const struct staging *staging, uint64_t token);
void warm_destroy(struct warm *warm); /* the folder stays */
SCOPED(warm)

/* Whether the folder is as it was prepared. */
bool warm_holds(const struct warm *warm);
/* Makes it the folder of another attempt of the stage. The caller has seen that it holds.
 * On failure it is to be removed; it has the name of warm->token. */
NODISCARD enum rc warm_prepare(struct warm *warm, const struct attempt_identity *identity,
                               const struct plan_stage *stage, struct err *err);
