/* core.c - the entry of the machine: dispatch of inputs, the change list, flush and rows.
 */
#include "broker/core/core_state.h"

#include <stdlib.h>
#include <string.h>

void changes_fini(struct changes *changes)
{
    free(changes->items);
    *changes = (struct changes){ 0 };
}

void *grown(void *items, uint32_t *capacity, size_t size)
{
    *capacity = *capacity ? *capacity * 2 : 16;
    items = reallocarray(items, *capacity, size);
    must(items != NULL);
    return items;
}

struct change *change_add(struct changes *changes, enum change_kind kind)
{
    if (changes->count == changes->capacity) {
        changes->capacity = changes->capacity ? changes->capacity * 2 : 64;
        changes->items =
            reallocarray(changes->items, changes->capacity, sizeof *changes->items);
        must(changes->items != NULL);
    }

    struct change *change = &changes->items[changes->count++];

    *change = (struct change){ .kind = kind };
    return change;
}

void refuse(struct changes *changes, enum rc rc)
{
    change_add(changes, CHANGE_REFUSED)->rc = rc;
}

void stage_touch(struct core *core, struct stage *stage)
{
    if (stage->is_changed)
        return;
    stage->is_changed = true;
    if (core->changed_count == core->changed_capacity)
        core->changed =
            grown(core->changed, &core->changed_capacity, sizeof(struct stage *));
    core->changed[core->changed_count++] = stage;
}

void run_touch(struct core *core, struct run *run)
{
    if (run->is_changed)
        return;
    run->is_changed = true;
    if (core->changed_run_count == core->changed_run_capacity)
        core->changed_runs =
            grown(core->changed_runs, &core->changed_run_capacity, sizeof(struct run *));
    core->changed_runs[core->changed_run_count++] = run;
}

struct core *core_create(const struct core_options *options)
{
    struct core *core = calloc(1, sizeof *core);

    if (!core || !(core->paces = calloc(CORE_PACES, sizeof *core->paces))) {
        core_destroy(core);
        return NULL;
    }
    core->options = *options;
    core->run_next = core->token_next = 1;
    core->attempt_free = UINT32_MAX;
    core->nodes_changed = 1;
    core->watch_us = INT64_MAX;
    return core;
}

void core_configure(struct core *core, const struct core_options *options)
{
    core->options = *options;
    nodes_watch(core);
}

void core_destroy(struct core *core)
{
    if (!core)
        return;
    for (uint32_t i = 0; i < core->run_count; i++)
        run_destroy(core->runs[i]);
    free(core->runs);
    free(core->attempts);
    free(core->batches);
    for (uint32_t i = 0; i < core->node_capacity; i++)
        free(core->nodes[i].labels);
    free(core->nodes);
    free(core->changed);
    free(core->changed_runs);
    free(core->sleepers);
    free(core->paces);
    lines_fini(core);
    table_clear(&core->run_slots);
    table_clear(&core->attempt_slots);
    free(core);
}

void core_step(struct core *core, const struct core_input *input, struct changes *changes)
{
    must(input->now_us >= core->now_us);
    core->now_us = input->now_us;
    must(core->token_next > 0);

    switch (input->kind) {
    case INPUT_SUBMIT:
        run_submit(core, input, changes);
        break;
    case INPUT_CANCEL:
        run_cancel(core, input, changes);
        break;
    case INPUT_APPROVE:
        stage_approve(core, input, changes);
        break;
    case INPUT_RESOLVED:
        stage_resolved(core, input, changes);
        break;
    case INPUT_UNRESOLVED:
        stage_unresolved(core, input, changes);
        break;
    case INPUT_TWIN:
        stage_twin(core, input);
        break;
    case INPUT_AGAIN:
        stage_again(core, input, changes);
        break;
    case INPUT_VERDICT:
        stage_verdict(core, input, changes);
        break;
    case INPUT_JOIN:
        node_join(core, input, changes);
        break;
    case INPUT_LEAVE:
        node_leave(core, input->node, changes);
        break;
    case INPUT_BEAT:
        node_beat(core, input->node);
        node_hears(core, input->node, input->deaf_us);
        if (input->yes)
            node_cpu(core, input, changes);
        break;
    case INPUT_STARTED:
        attempt_started(core, input, changes);
        break;
    case INPUT_FINISHED:
        attempt_finished(core, input, changes);
        break;
    case INPUT_BLOCK:
        attempts_block(core, input, changes);
        break;
    case INPUT_TICK:
        nodes_time_out(core, changes);
        sleepers_wake(core);
        assign(core, changes);
        break;
    case INPUT_KIND_COUNT:
        unreachable_because("the shell makes no such input");
    }
}

bool stage_row_follows(const struct stage_row *row)
{
    if (row->pending != PENDING_NONE || row->reason != REASON_NONE || row->tasks != 1
        || row->retry_count > 0 || row->failed + row->stopped > 0)
        return false;
    return row->state == STAGE_QUEUED
               ? row->complete == 0 && row->next == row->running
               : row->state == STAGE_COMPLETE && row->started_us == row->ended_us;
}

void core_flush(struct core *core, struct changes *changes)
{
    for (uint32_t i = 0; i < core->changed_count; i++) {
        struct stage *stage = core->changed[i];
        struct change *change;

        stage->is_changed = false;
        if (stage->shape.demand.is_plain && !stage->row.has_row
            && stage_row_follows(&stage->row))
            continue;
        stage->row.has_row = true;
        change = change_add(changes, CHANGE_STAGE_ROW);
        change->run = stage->run->row.run;
        change->stage = stage->index;
    }
    core->changed_count = 0;
    for (uint32_t i = 0; i < core->changed_run_count; i++)
        change_add(changes, CHANGE_RUN_ROW)->run = core->changed_runs[i]->row.run;
}

void core_forget(struct core *core, struct changes *changes)
{
    must(core->changed_count == 0);
    for (uint32_t i = 0; i < core->changed_run_count; i++) {
        struct run *run = core->changed_runs[i];

        run->is_changed = false;
        if (run_state_is_final(run->row.state) && run->live == 0) {
            change_add(changes, CHANGE_RUN_GONE)->run = run->row.run;
            run_remove(core, run);
        }
    }
    core->changed_run_count = 0;
}

const struct run_row *core_run(const struct core *core, uint64_t number)
{
    const struct run *run = core_find_run(core, number);

    return run ? &run->row : NULL;
}

const struct stage_row *core_stage(const struct core *core, uint64_t number,
                                   uint32_t stage)
{
    const struct run *run = core_find_run(core, number);

    return run && stage < run->row.stages ? &run->stages[stage].row : NULL;
}

bool core_stage_is_empty(const struct core *core, uint64_t number, uint32_t stage)
{
    const struct run *run = core_find_run(core, number);

    return run && stage < run->row.stages && run->stages[stage].shape.demand.is_empty;
}

bool core_stage_is_plain(const struct core *core, uint64_t number, uint32_t stage)
{
    const struct run *run = core_find_run(core, number);

    return run && stage < run->row.stages && run->stages[stage].shape.demand.is_plain;
}

bool core_attempt(const struct core *core, uint64_t token, struct attempt_row *row)
{
    return attempt_row_find(core, token, row);
}

void core_labels(const struct core *core, void (*visit)(void *, uint32_t label),
                 void *context)
{
    for (uint32_t i = 0; i < core->run_count; i++)
        for (uint32_t s = 0; s < core->runs[i]->row.stages; s++)
            if (core->runs[i]->stages[s].shape.demand.label != 0)
                visit(context, core->runs[i]->stages[s].shape.demand.label);
    for (uint32_t i = 0; i < core->node_capacity; i++)
        for (size_t k = 0; k < core->nodes[i].offer.label_count; k++)
            visit(context, core->nodes[i].labels[k]);
}

uint64_t core_stop_steps(const struct core *core)
{
    return core->stop_steps;
}

uint64_t core_run_next(const struct core *core)
{
    return core->run_next;
}

uint64_t core_token_next(const struct core *core)
{
    return core->token_next;
}

uint32_t core_active(const struct core *core)
{
    return core->run_count;
}

void core_attempts(const struct core *core,
                   void (*visit)(void *, const struct attempt_row *), void *context)
{
    for (uint32_t i = 0; i < core->attempt_capacity; i++) {
        struct attempt_row row = core->attempts[i].row;

        for (uint64_t n = 0; row.token != 0 && n < core->attempts[i].count; n++) {
            visit(context, &row);
            row.index++;
            row.token++;
        }
    }
}
