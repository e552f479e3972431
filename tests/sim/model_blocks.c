/* model_blocks.c - each task is kept in one way: in a span, in a block, or in a row of
 * its own, which it never loses. */
#include "tests/sim/sim.h"

static void must_lack(struct sim *sim, const struct put *put, uint64_t index, bool has,
                      const char *what)
{
    if (has)
        sim_fail(sim, "run %lu stage %u task %lu is stored again, and has %s",
                 (unsigned long)put->run, put->stage, (unsigned long)index, what);
}

void model_rows(struct sim *sim, const struct put *put)
{
    bool *rows = sim->model.has_row[put->run][put->stage];
    bool *blocks = sim->model.in_block[put->run][put->stage];
    bool is_range = put->kind == PUT_SPAN || put->kind == PUT_BLOCK;
    uint64_t count = is_range ? put->count : 1;

    for (uint64_t i = put->index; i < put->index + count; i++) {
        must(i < SIM_TASKS);
        must_lack(sim, put, i, blocks[i], "a block");
        if (is_range)
            must_lack(sim, put, i, rows[i], "a row");
        rows[i] = rows[i] || !is_range;
        blocks[i] = put->kind == PUT_BLOCK;
    }
}
