/* questions.c - what the core cannot know: a stage's values and the verdict of its
 * actions.
 *
 * Reads finished stages from the store (and what this turn has written), and answers with
 * an input of its own. The answer's changes are applied by the caller's loop. */
#include "broker/broker_state.h"

#include <stdio.h>
#include <string.h>

enum {
    QUESTION_ARENA_MAX = 1 << 30,
    RESOLVED_BYTES_MAX = 60 << 20, /* so that a class message has room around it */
};

struct reading {
    struct broker *broker;
    uint64_t run;
};

static uint64_t read_task_count(void *context, uint32_t stage)
{
    struct reading *reading = context;
    const struct stage_row *row = core_stage(reading->broker->core, reading->run, stage);

    return row ? row->tasks : 0;
}

static enum rc read_resolved(void *context, uint32_t stage, struct arena *arena,
                             const struct plan_stage **resolved, struct err *err)
{
    struct reading *reading = context;
    scoped_buf bytes = { 0 };
    struct plan_stage *read;
    enum rc rc = resolved_of(reading->broker, reading->run, stage, &bytes, err);

    if (rc == RC_OK)
        rc = plan_stage_decode(arena, bytes.data, bytes.size, &read, err);
    if (rc == RC_OK)
        rc = stage_unmask(reading->broker, reading->run, stage, arena, read, err);
    if (rc == RC_OK)
        *resolved = read;
    return rc;
}

/* The last result of a task; *result NULL when it has none. */
static enum rc read_result(struct reading *reading, uint32_t stage, uint64_t task,
                           struct arena *arena, struct task_result **result,
                           struct err *err)
{
    scoped_buf bytes = { 0 };
    struct origin from;

    reuse_origin(reading->broker, reading->run, stage, task, &from);

    enum rc rc = store_result(reading->broker->store, from.run, from.stage, from.index, 0,
                              &bytes, err);

    if (rc == RC_NOT_FOUND) {
        *result = NULL;
        return RC_OK;
    }
    if (rc != RC_OK)
        return rc;

    void *kept = arena_copy(arena, bytes.data, bytes.size);

    if (!kept)
        return err_set(err, RC_NO_MEMORY, "result of task %lu", (unsigned long)task);
    return result_decode(arena, kept, bytes.size, result, err);
}

static enum rc read_metadata(void *context, uint32_t stage, uint64_t task,
                             const char *key, struct arena *arena, struct value *value,
                             struct err *err)
{
    scoped(arena) held = arena_create(QUESTION_ARENA_MAX);
    struct task_result *result = NULL;
    enum rc rc = held ? read_result(context, stage, task, held, &result, err)
                      : err_set(err, RC_NO_MEMORY, "metadata of stage %u", stage);

    if (rc != RC_OK)
        return rc;

    const struct value *found = result ? value_get(&result->metadata, key) : NULL;

    if (!found) {
        *value = (struct value){ .kind = VALUE_ABSENT };
        return RC_OK;
    }
    return value_copy(arena, found, value) == RC_OK
               ? RC_OK
               : err_set(err, RC_NO_MEMORY, "metadata %s of stage %u", key, stage);
}

static enum rc read_outputs(void *context, uint32_t stage, uint64_t task,
                            struct arena *arena, const struct plan_source **outputs,
                            size_t *count, struct err *err)
{
    struct task_result *result;
    enum rc rc = read_result(context, stage, task, arena, &result, err);

    if (rc != RC_OK)
        return rc;
    *outputs = result ? result->outputs : NULL;
    *count = result ? result->output_count : 0;
    return RC_OK;
}

/* Edges may have brought further secrets than the plan had. */
static enum rc mask(struct broker *broker, uint64_t run, uint32_t number,
                    struct arena *arena, struct plan_stage *stage, struct err *err)
{
    struct plan_secrets secrets;
    enum rc rc =
        plan_stage_mask(arena, store_mask_key(broker->store), stage, &secrets, err);

    if (rc != RC_OK || secrets.count == 0)
        return rc;
    return store_secrets_put(broker->store, run, number, &secrets, err);
}

static enum rc resolve(struct broker *broker, struct core_input *input, struct buf *notes,
                       struct err *err)
{
    uint64_t run = input->run;
    uint32_t stage = input->stage;
    scoped(arena) arena = arena_create(QUESTION_ARENA_MAX);
    struct reading reading = { broker, run };
    struct upstream upstream = { .context = &reading,
                                 .task_count = read_task_count,
                                 .resolved = read_resolved,
                                 .metadata = read_metadata,
                                 .outputs = read_outputs };
    struct run_plan *plan = plan_of(broker, run);
    struct plan_stage *resolved;
    scoped_buf bytes = { 0 };
    enum rc rc;

    if (!arena || !plan)
        return err_set(err, RC_NO_MEMORY, "no memory to resolve the stage");
    rc = plan_resolve(plan->plan, stage, &upstream, arena, &resolved, notes, err);
    if (rc != RC_OK)
        return rc;
    input->tasks = plan_stage_task_count(resolved);
    if (input->tasks > PLAN_TASKS_MAX)
        return err_set(err, RC_INVALID,
                       "stage %s has more than %d tasks; split the sweep", resolved->name,
                       PLAN_TASKS_MAX);
    rc = mask(broker, run, stage, arena, resolved, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&bytes, RESOLVED_BYTES_MAX);
    plan_stage_encode(&bytes, resolved);
    if (!buf_ok(&bytes))
        return err_set(err, RC_INVALID, "stage %s is larger than %d bytes when resolved",
                       resolved->name, RESOLVED_BYTES_MAX);
    rc = store_resolved_put(broker->store, run, stage, bytes.data, bytes.size, err);
    if (rc == RC_OK)
        class_resolved(broker, run, stage, &bytes);
    if (rc == RC_OK)
        rc = store_lineage_class(broker->store, run, stage, plan->head.tree, resolved,
                                 err);
    if (rc == RC_OK) {
        reuse_settle(broker, resolved, input, notes);
        near_find(broker, resolved, input);
    }
    return rc;
}

void answer_resolve(struct broker *broker, uint64_t run, uint32_t stage)
{
    struct core_input input = {
        .kind = INPUT_RESOLVED, .now_us = broker->now_us, .run = run, .stage = stage
    };
    scoped_buf notes = { 0 };
    struct err err;
    enum rc rc = resolve(broker, &input, &notes, &err);

    if (rc != RC_OK) {
        input.kind = INPUT_UNRESOLVED;
        buf_printf(&notes, "%s\n", err.text);
    }
    if (rc == RC_FULL || rc == RC_IO)
        batch_check(broker, rc, &err);
    if (notes.size > 0)
        batch_check(broker,
                    store_note_put(broker->store, run, stage, buf_string(&notes), &err),
                    &err);
    core_step(broker->core, &input, &broker->changes);
}

struct merge { /* latest values over the tasks of a stage */
    struct arena *arena;
    struct value_entry *entries;
    size_t count, capacity;
};

static bool merge_has(const struct merge *merge, const char *key)
{
    for (size_t i = 0; i < merge->count; i++)
        if (strcmp(merge->entries[i].key, key) == 0)
            return true;
    return false;
}

static enum rc merge_add(struct merge *merge, const struct value_entry *entry,
                         struct err *err)
{
    struct value_entry *added;

    if (merge->count == merge->capacity) {
        size_t capacity = merge->capacity ? merge->capacity * 2 : 16;
        struct value_entry *larger = arena_array(merge->arena, capacity, sizeof *larger);

        if (!larger)
            return err_set(err, RC_NO_MEMORY, "too many metadata keys");
        if (merge->count > 0)
            memcpy(larger, merge->entries, merge->count * sizeof *larger);
        merge->entries = larger;
        merge->capacity = capacity;
    }
    added = &merge->entries[merge->count];
    added->key = arena_text(merge->arena, entry->key);
    if (!added->key || value_copy(merge->arena, &entry->value, &added->value) != RC_OK)
        return err_set(err, RC_NO_MEMORY, "too much metadata");
    merge->count++;
    return RC_OK;
}

/* Latest values over all tasks of the stage; where several have a key, the last task's
 * counts. Each result is let go of before the next is read. */
static enum rc merged_metadata(struct reading *reading, uint32_t stage,
                               struct arena *arena, struct value *map, struct err *err)
{
    struct merge merge = { .arena = arena };

    for (uint64_t task = read_task_count(reading, stage); task-- > 0;) {
        scoped(arena) held = arena_create(QUESTION_ARENA_MAX);
        struct task_result *result = NULL;
        enum rc rc = held ? read_result(reading, stage, task, held, &result, err)
                          : err_set(err, RC_NO_MEMORY, "metadata of stage %u", stage);

        for (size_t i = 0; rc == RC_OK && result && result->metadata.kind == VALUE_MAP
                           && i < result->metadata.map.count;
             i++)
            if (!merge_has(&merge, result->metadata.map.entries[i].key))
                rc = merge_add(&merge, &result->metadata.map.entries[i], err);
        if (rc != RC_OK)
            return rc;
    }
    *map = (struct value){ .kind = VALUE_MAP, .map = { merge.entries, merge.count } };
    return RC_OK;
}

static enum rc evaluate(struct broker *broker, uint64_t run, uint32_t stage,
                        unsigned when, unsigned *then, struct err *err)
{
    scoped(arena) arena = arena_create(QUESTION_ARENA_MAX);
    struct reading reading = { broker, run };
    const struct plan_stage *resolved;
    struct value metadata;
    enum rc rc;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "actions of stage %u", stage);
    rc = read_resolved(&reading, stage, arena, &resolved, err);
    if (rc == RC_OK)
        rc = merged_metadata(&reading, stage, arena, &metadata, err);
    for (size_t i = 0; rc == RC_OK && i < resolved->action_count; i++) {
        const struct plan_action *action = &resolved->actions[i];

        if (!(action->when & when) || !plan_action_holds(action, resolved, &metadata))
            continue;
        for (size_t t = 0; t < action->then_count; t++)
            *then |= 1u << action->then[t];
    }
    return rc;
}

void answer_evaluate(struct broker *broker, uint64_t run, uint32_t stage, unsigned when)
{
    struct core_input input = {
        .kind = INPUT_VERDICT, .now_us = broker->now_us, .run = run, .stage = stage
    };
    struct err err;

    if (evaluate(broker, run, stage, when, &input.then, &err) != RC_OK) {
        /* What guards the pipeline cannot be read: going on would be the unsafe choice.
         */
        input.then = 1u << THEN_ERROR;
        fprintf(stderr, "brokerd: actions of run %lu stage %u: %s\n", (unsigned long)run,
                stage, err.text);
    }
    core_step(broker->core, &input, &broker->changes);
}
