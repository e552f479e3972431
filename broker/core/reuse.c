/* reuse.c - tasks whose result is there before they were handed out.
 *
 * A stage's satisfied tasks are ranges of indexes. They are complete from the moment the
 * stage is resolved; its cursor passes over them. Of those behind the cursor the stage's
 * row knows only how many there are (ahead); which they are, the shell has stored and
 * gives back after a restart.
 *
 * A stage that equals one at work elsewhere waits for that one's end, and is then
 * resolved again: what the other has made is there by then, or the stage runs itself.
 * Only the shell knows who equals whom. */
#include "broker/core/core_state.h"

#include <stdlib.h>
#include <string.h>

/* Moves the cursor to the next task that is not satisfied. */
void satisfied_pass(struct stage *stage)
{
    struct stage_row *row = &stage->row;

    while (stage->satisfied_at < row->satisfied_count
           && row->satisfied[stage->satisfied_at].first == row->next) {
        uint64_t count = row->satisfied[stage->satisfied_at++].count;

        must(count <= row->ahead);
        row->next += count;
        row->ahead -= count;
    }
    must(row->next + row->ahead <= row->tasks);
}

uint64_t satisfied_until(const struct stage *stage)
{
    return stage->satisfied_at < stage->row.satisfied_count
               ? stage->row.satisfied[stage->satisfied_at].first
               : stage->row.tasks;
}

/* Ranges in order, none empty, none beyond the tasks. */
static bool ranges_are_sane(const struct core_range *ranges, size_t count, uint64_t tasks)
{
    uint64_t at = 0;

    for (size_t i = 0; i < count; i++) {
        if (ranges[i].count == 0 || ranges[i].first < at || ranges[i].first > tasks
            || ranges[i].count > tasks - ranges[i].first)
            return false;
        at = ranges[i].first + ranges[i].count;
    }
    return true;
}

static void ranges_keep(struct stage *stage, const struct core_range *ranges,
                        size_t count)
{
    stage->row.satisfied = NULL;
    stage->row.satisfied_count = 0;
    stage->satisfied_at = 0;
    if (count == 0)
        return;
    stage->row.satisfied = calloc(count, sizeof *ranges);
    must(stage->row.satisfied != NULL);
    memcpy(stage->row.satisfied, ranges, count * sizeof *ranges);
    stage->row.satisfied_count = count;
}

void satisfied_take(struct stage *stage, const struct core_input *input,
                    struct changes *changes)
{
    must(ranges_are_sane(input->reused, input->reused_count, input->tasks));
    must(stage->row.next == 0 && stage->row.complete == 0);
    ranges_keep(stage, input->reused, input->reused_count);
    for (size_t i = 0; i < input->reused_count; i++) {
        struct change *change = change_add(changes, CHANGE_REUSED);

        change->run = stage->run->row.run;
        change->stage = stage->index;
        change->index = input->reused[i].first;
        change->count = input->reused[i].count;
        stage->row.ahead += input->reused[i].count;
    }
    stage->row.reused = stage->row.complete = stage->row.ahead;
    satisfied_pass(stage);
}

bool satisfied_restore(struct stage *stage, const struct stage_row *row)
{
    uint64_t ahead = 0;

    stage->row.satisfied = NULL;
    stage->row.satisfied_count = 0;
    if (row->ahead == 0)
        return true;
    if (!ranges_are_sane(row->satisfied, row->satisfied_count, row->tasks))
        return false;
    ranges_keep(stage, row->satisfied, row->satisfied_count);
    for (size_t i = row->satisfied_count; i-- > 0;)
        if (row->satisfied[i].first >= row->next) {
            stage->satisfied_at = i;
            ahead += row->satisfied[i].count;
        }
    return ahead == row->ahead && row->satisfied[stage->satisfied_at].first > row->next;
}

void stage_twin(struct core *core, const struct core_input *input)
{
    struct run *run = core_find_run(core, input->run);
    struct stage *stage =
        run && input->stage < run->row.stages ? &run->stages[input->stage] : NULL;

    if (!stage || stage->row.state != STAGE_RESOLVING || stage->row.is_resolved)
        return; /* the run ended while the question was open */
    stage->row.state = STAGE_WAITING;
    stage->row.pending = PENDING_TWIN;
    stage_touch(core, stage);
}

void stage_again(struct core *core, const struct core_input *input,
                 struct changes *changes)
{
    struct run *run = core_find_run(core, input->run);
    struct stage *stage =
        run && input->stage < run->row.stages ? &run->stages[input->stage] : NULL;

    if (!stage || stage->row.state != STAGE_WAITING || stage->row.pending != PENDING_TWIN)
        return; /* it was stopped meanwhile */
    stage->row.pending = PENDING_NONE;
    stage_begin(core, stage, changes);
}
