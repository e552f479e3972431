/* model_memory.c - what the core may use: docs/limits.md, "Memory of the broker". */
#include "tests/sim/memory.h"
#include "tests/sim/sim.h"

#include <string.h>

enum { /* bytes, as the page says */
       RUN_BYTES = 100,
       STAGE_BYTES = 300,
       ATTEMPT_BYTES = 100,
       NODE_BYTES = 700,
       RETRY_BYTES = 24,
       ROOM = 2, /* tables double, and never shrink */
       PACE_BYTES = 4,
       FIRST_ROOM = 16384, /* tables begin with 16 or 64 places */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The most of each that this core had at once. */
static void count(const struct sim *sim, struct population *most)
{
    const struct rows *rows = &sim->rows;
    struct population now = { .attempts = rows_live(rows) };

    for (uint64_t run = 1; run <= SIM_RUNS; run++) {
        const struct run_row *row = core_run(sim->broker.core, run);

        now.runs += row != NULL;
        now.stages += row ? row->stages : 0;
        for (uint32_t i = 0; row && i < row->stages; i++)
            now.retries += core_stage(sim->broker.core, run, i)->retry_count;
    }
    most->runs = larger(most->runs, now.runs);
    most->stages = larger(most->stages, now.stages);
    most->attempts = larger(most->attempts, now.attempts);
    most->retries = larger(most->retries, now.retries);
}

/* Changes are of a turn, and their list belongs to the shell. */
static size_t core_bytes(const struct sim *sim)
{
    return counted_bytes() - sim->broker.changes.capacity * sizeof(struct change);
}

void model_memory(struct sim *sim)
{
    struct population *most = &sim->broker.most;
    size_t used = core_bytes(sim), may;

    count(sim, most);
    may = FIRST_ROOM + CORE_PACES * PACE_BYTES
          + ROOM
                * (most->runs * RUN_BYTES + most->stages * STAGE_BYTES
                   + most->attempts * ATTEMPT_BYTES + most->retries * RETRY_BYTES
                   + (size_t)sim->node_count * NODE_BYTES);
    if (used > may)
        sim_fail(sim,
                 "the core has %zu bytes, for %zu runs, %zu stages, %zu attempts and %zu "
                 "retries at most, and may have %zu",
                 used, most->runs, most->stages, most->attempts, most->retries, may);
}

void model_no_memory(struct sim *sim)
{
    if (core_bytes(sim) != 0)
        sim_fail(sim, "%zu bytes are left of a core that is gone", core_bytes(sim));
    memset(sim->model.told_node, 0, sizeof sim->model.told_node);
}
