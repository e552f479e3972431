/* batch.c - tasks without a command that were handed out together and have come to
 * nothing yet: one entry for all of them, so that they cost what one costs.
 *
 * They end as they were handed out, nearly always: from the first on, many at once. As
 * soon as anything else happens to one of them, each gets an entry of its own.
 *
 * Tokens are given in order, so the list of batches is in the order of theirs. What has
 * ended stays in it, with no slot, until half of the list is such. */
#include "broker/core/core_state.h"

enum { TIDY_MIN = 16 };

/* The last batch that begins at the token or before; batch_count if none does. */
static uint32_t place_of(const struct core *core, uint64_t token)
{
    uint32_t low = 0, high = core->batch_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (core->batches[middle].token <= token)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : core->batch_count;
}

struct attempt *batch_find(const struct core *core, uint64_t token)
{
    uint32_t place = place_of(core, token);

    if (place == core->batch_count || core->batches[place].slot == BATCH_NONE)
        return NULL;

    struct attempt *attempt = &core->attempts[core->batches[place].slot];

    must(attempt->row.token == core->batches[place].token);
    return token - attempt->row.token < attempt->count ? attempt : NULL;
}

static void tidy(struct core *core)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < core->batch_count; i++)
        if (core->batches[i].slot != BATCH_NONE)
            core->batches[kept++] = core->batches[i];
    core->batch_count = kept;
    core->batches_over = 0;
}

/* New tokens come at the end, those of a restart anywhere. */
void batch_note(struct core *core, uint32_t slot)
{
    uint64_t token = core->attempts[slot].row.token;
    uint32_t place = core->batch_count;

    if (core->batch_count == core->batch_capacity)
        core->batches =
            grown(core->batches, &core->batch_capacity, sizeof *core->batches);
    while (place > 0 && core->batches[place - 1].token > token) {
        core->batches[place] = core->batches[place - 1];
        place--;
    }
    must(place == 0 || core->batches[place - 1].token < token);
    core->batches[place] = (struct batch){ token, slot };
    core->batch_count++;
}

bool batch_extend(struct core *core, uint32_t slot, const struct attempt_row *row,
                  const struct run *run)
{
    struct attempt *first = slot < core->attempt_capacity ? &core->attempts[slot] : NULL;

    if (!first || first->row.token == 0 || first->owner != run
        || !run->stages[row->stage].shape.demand.is_empty
        || row->stage != first->row.stage || row->node != first->row.node
        || row->number != 1 || first->row.number != 1 || row->has_started
        || first->row.has_started || row->is_stopping != first->row.is_stopping
        || row->gpus || first->row.gpus || row->token != first->row.token + first->count
        || row->index != first->row.index + first->count)
        return false;
    if (first->count++ == 1) {
        table_remove(&core->attempt_slots, first->row.token);
        batch_note(core, slot);
    }
    return true;
}

void batch_forget(struct core *core, uint64_t token)
{
    uint32_t place = place_of(core, token);

    must(place < core->batch_count && core->batches[place].token == token);
    core->batches[place].slot = BATCH_NONE;
    core->batches_over++;
    if (core->batches_over >= TIDY_MIN && core->batches_over >= core->batch_count / 2)
        tidy(core);
}

void batch_trim(struct core *core, struct attempt *attempt, uint64_t count)
{
    uint32_t slot = (uint32_t)(attempt - core->attempts);
    uint32_t place = place_of(core, attempt->row.token);

    must(count < attempt->count);
    must(place < core->batch_count && core->batches[place].slot == slot);
    attempt->row.token += count;
    attempt->row.index += count;
    attempt->count -= count;
    core->batches[place].token = attempt->row.token;
    if (attempt->count > 1)
        return;
    batch_forget(core, attempt->row.token);
    table_put(&core->attempt_slots, attempt->row.token, slot);
}

void batch_part(struct core *core, struct attempt *attempt)
{
    uint32_t slot = (uint32_t)(attempt - core->attempts);
    struct attempt_row row = attempt->row;
    struct run *run = attempt->owner;
    uint32_t join_mark = attempt->join_mark;
    uint64_t count = attempt->count;

    if (count == 1)
        return;
    batch_forget(core, row.token);
    core->attempts[slot].count = 1;
    table_put(&core->attempt_slots, row.token, slot);
    for (uint64_t i = 1; i < count; i++) {
        row.index++;
        row.token++;
        slot = attempt_enter(core, &row, run, 1);
        core->attempts[slot].join_mark = join_mark;
    }
}

uint64_t batch_named(struct core *core, uint32_t node, const uint64_t *tokens,
                     size_t count)
{
    struct attempt *batch = batch_find(core, tokens[0]);

    if (!batch || batch->row.node != node || batch->row.token != tokens[0]
        || batch->count > count)
        return 0;
    for (uint64_t i = 1; i < batch->count; i++)
        if (tokens[i] != tokens[0] + i)
            return 0;
    batch->join_mark = core->join_mark;
    return batch->count;
}

void batches_part(struct core *core, uint32_t node)
{
    for (uint32_t i = core->batch_count; i-- > 0;) {
        uint32_t slot = i < core->batch_count ? core->batches[i].slot : BATCH_NONE;

        if (slot != BATCH_NONE && core->attempts[slot].row.node == node
            && core->attempts[slot].join_mark != core->join_mark)
            batch_part(core, &core->attempts[slot]);
    }
}

void batches_check(const struct core *core)
{
    uint32_t over = 0, batches = 0;

    for (uint32_t i = 0; i < core->batch_count; i++) {
        const struct batch *batch = &core->batches[i];

        must(i == 0 || core->batches[i - 1].token < batch->token);
        over += batch->slot == BATCH_NONE;
        must(batch->slot == BATCH_NONE
             || core->attempts[batch->slot].row.token == batch->token);
    }
    for (uint32_t i = 0; i < core->attempt_capacity; i++)
        batches += core->attempts[i].row.token != 0 && core->attempts[i].count > 1;
    must(over == core->batches_over && batches + over == core->batch_count);
}
