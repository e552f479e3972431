/* rank.c - which stages of a run go first: those with the most still behind them.
 *
 * A stage's way is the time from its start to the end of the last stage that waits for
 * it, directly or not. Where more is ready than fits, who starts the longest way first
 * ends the run soonest, nearly always. How long tasks take nobody knows before; but
 * stages are run again and again, so what they took of late is kept, by their pace. That
 * is a guess and no more: a restart forgets it, two stages may share one, and without
 * it stages count as equally long.
 *
 * Ways that differ by a few percent are one rank, so that equal sweeps take turns. Of
 * equal ways those go first that more stages wait for. */
#include "broker/core/core_state.h"

#include <stdlib.h>

enum {
    PACE_UNIT_US = 100,
    STEPS = 4, /* bits: so many ranks lie between a way and twice of it */
    FOLLOWERS_BITS = 16,
    UNKNOWN = 1 << STEPS, /* how long stages count where none was ever timed: the first
                             ways have ranks of their own */
};

void pace_note(struct core *core, const struct stage *stage)
{
    int64_t units = stage->mean_us / PACE_UNIT_US;

    must(stage->shape.pace < CORE_PACES);
    if (stage->shape.pace == 0 || stage->timed == 0)
        return;
    core->paces[stage->shape.pace] = units < 1            ? 1
                                     : units < UINT32_MAX ? (uint32_t)units
                                                          : UINT32_MAX;
}

int64_t pace_us(const struct core *core, const struct stage *stage)
{
    return (int64_t)core->paces[stage->shape.pace] * PACE_UNIT_US;
}

/* How long the stages of the run took that were timed before, on average. */
static uint64_t usual_length(const struct core *core, const struct run *run)
{
    uint64_t sum = 0, count = 0;

    for (uint32_t i = 0; i < run->row.stages; i++) {
        uint32_t pace = core->paces[run->stages[i].shape.pace];

        sum += pace;
        count += pace > 0;
    }
    return count > 0 ? sum / count : UNKNOWN;
}

static uint64_t length_of(const struct core *core, const struct stage *stage,
                          uint64_t usual)
{
    uint32_t pace = core->paces[stage->shape.pace];

    return stage->shape.demand.is_empty ? 0 : pace > 0 ? pace : usual;
}

/* The stages so that each stands before those that wait for it, in run->work; how many
 * there are. waits: of each stage, all of which come to 0. */
static uint32_t sort(struct run *run, uint64_t *waits)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < run->row.stages; i++) {
        waits[i] = run->stages[i].row.waits;
        if (waits[i] == 0)
            run->work[count++] = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct stage *stage = &run->stages[run->work[i]];

        for (uint32_t k = 0; k < stage->target_count; k++)
            if (--waits[stage->targets[k]] == 0)
                run->work[count++] = stage->targets[k];
    }
    return count;
}

/* Rises with the way, ever more slowly. */
static uint32_t rank_of(uint64_t way, uint32_t followers)
{
    uint32_t most = (1u << FOLLOWERS_BITS) - 1, bits = 63, rank = 0;

    if (way > 0) {
        bits -= (uint32_t)__builtin_clzll(way);
        rank = bits <= STEPS
                   ? (uint32_t)way
                   : ((bits - STEPS) << STEPS) + (uint32_t)(way >> (bits - STEPS));
    }
    return rank << FOLLOWERS_BITS | (followers < most ? followers : most);
}

static bool has_order(const struct run *run)
{
    for (uint32_t i = 0; run->row.stages > 1 && i < run->row.stages; i++)
        if (!run->stages[i].shape.demand.is_empty)
            return true;
    return false;
}

bool stages_rank(const struct core *core, struct run *run)
{
    uint64_t *ways, usual;

    if (!has_order(run))
        return true;
    ways = calloc(run->row.stages, sizeof *ways);
    if (!ways)
        return false;
    usual = usual_length(core, run);
    for (uint32_t i = sort(run, ways); i-- > 0;) {
        struct stage *stage = &run->stages[run->work[i]];
        uint64_t longest = 0;

        for (uint32_t k = 0; k < stage->target_count; k++)
            if (ways[stage->targets[k]] > longest)
                longest = ways[stage->targets[k]];
        ways[run->work[i]] = longest + length_of(core, stage, usual);
        stage->rank = rank_of(ways[run->work[i]], stage->target_count);
    }
    free(ways);
    return true;
}
