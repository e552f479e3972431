/* space_settings.c - removing by the settings gc-*. */
#include "broker/space/space_state.h"

#include "broker/broker_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
    RETRY_US = 60000000, /* after a removal by settings that could not be done */
    ASIDE_US = 2000000,  /* while somebody else counts */
    FETCH_US = 60000000, /* so long a report waits for whoever asked for it */
};

/* The lock's file was written last when a removal began: also that of an earlier process.
 */
static int64_t last_removal_us(const struct broker *broker)
{
    char path[PATH_MAX];
    struct stat status;

    if (snprintf(path, sizeof path, "%s/removal.lock", broker->settings.directory)
            >= PATH_MAX
        || stat(path, &status) != 0)
        return 0;
    return (int64_t)status.st_mtim.tv_sec * 1000000 + status.st_mtim.tv_nsec / 1000;
}

int64_t space_due_us(const struct broker *broker)
{
    const struct space *self = broker->space;
    int64_t every_us = (int64_t)broker->settings.gc.every_ms * 1000;

    if (every_us == 0)
        return INT64_MAX;
    return self->tried_us ? self->tried_us + every_us : 0;
}

/* What was removed is said once the thread has ended. */
static void tell_own(struct space *self)
{
    enum phase phase = space_phase(self);

    if (self->own_job == 0 || phase == PHASE_WORK)
        return;
    if (self->own_job == self->job && phase == PHASE_FAILED)
        fprintf(stderr, "brokerd: gc: %s\n", self->err.text);
    else if (self->own_job == self->job && self->removed > 0)
        fprintf(stderr,
                "brokerd: gc removed %" PRIu64 " files, %" PRIu64
                " bytes, by the settings gc-*\n",
                self->removed, self->removed_bytes);
    self->own_job = 0;
}

static void try_own(struct broker *broker, struct space *self)
{
    const struct broker_gc *gc = &broker->settings.gc;
    const struct space_order order = { .is_gc = true,
                                       .is_real = true,
                                       .grace_s = gc->grace_s,
                                       .older_than_s = gc->older_than_s,
                                       .keep_last = gc->keep_last };
    int64_t every_us = (int64_t)gc->every_ms * 1000;
    int64_t again_us = every_us < RETRY_US ? every_us : RETRY_US;
    struct err err;

    self->tried_us = broker->now_us;
    if (space_phase(self) == PHASE_WORK
        || (!self->is_fetched && broker->now_us < self->began_us + FETCH_US)) {
        self->tried_us -= every_us - (again_us < ASIDE_US ? again_us : ASIDE_US);
    } else if (space_begin(broker, &order, &err) == RC_OK) {
        self->own_job = self->job;
        self->is_fetched = true; /* nobody asks for it */
    } else {
        fprintf(stderr, "brokerd: gc: %s\n", err.text);
        self->tried_us -= every_us - again_us;
    }
}

void space_step(struct broker *broker)
{
    struct space *self = broker->space;

    tell_own(self);
    if (broker->settings.gc.every_ms == 0)
        return;
    if (self->tried_us == 0) {
        int64_t last_us = last_removal_us(broker);

        self->tried_us = last_us > 0 && last_us < broker->now_us ? last_us : 1;
    }
    if (broker->now_us >= space_due_us(broker))
        try_own(broker, self);
}
