/* work.h - the pipeline that is run, and what is left outside of sluice by its tasks.
 *
 * Each task appends "<token's folder>" as a line to <ledger>/<tag>-<stage>-<n>, where tag
 * is of the run and n counts from 1; so what ran can be counted without asking sluice. */
#pragma once

#include "codecs/base/base.h"
#include "codecs/base/buf.h"

enum { WORK_STAGES = 4, WORK_TASKS = 100 /* of a run */ };

struct work_stage {
    const char *name;
    uint64_t tasks;
    const char *after; /* initials of the stages that it waits for */
};
extern const struct work_stage work_stages[WORK_STAGES];

/* The index of the stage of that name; WORK_STAGES if there is none. */
size_t work_stage_find(const char *name);
void work_write(const char *ledger, struct buf *yaml);
