/* plan_check.c - references, names and numbers of a decoded plan. */
#include "codecs/plan/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/digest/digest.h"
#include "codecs/digest/uuid.h"
#include "codecs/plan/tree.h"

enum { SCRATCH_MAX = 1 << 30 };

bool plan_stage_name_is_fine(const char *name)
{
    size_t size = strnlen(name, PLAN_NAME_MAX + 1);

    if (size == 0 || size > PLAN_NAME_MAX || strcmp(name, ".") == 0
        || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < size; i++)
        if (name[i] == '/' || (unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return false;
    return true;
}

static bool is_amount(double number)
{
    return isfinite(number) && number >= 0;
}

static bool is_list_or_absent(const struct value *value)
{
    return value->kind == VALUE_LIST || value->kind == VALUE_ABSENT;
}

static const char *input_fault(const struct plan_input *input)
{
    uint8_t id[UUID_BYTES];

    if (!tree_path_is_safe(input->name))
        return "an input whose name is no relative path";
    if (input->filename && !tree_path_is_safe(input->filename))
        return "a file name that is no relative path";
    for (size_t i = 0; i < input->source_count; i++) {
        const struct plan_source *source = &input->sources[i];

        if (!source->uri && !source->digest)
            return "a source without URI and digest";
        if (source->digest && !digest_is_valid(source->digest, strlen(source->digest)))
            return "a digest that is not sha256:<64 hex>";
        if (source->name && !tree_path_is_safe(source->name))
            return "a source whose name is no relative path";
        if (source->datum && !uuid_read(source->datum, id))
            return "a source whose datum is no UUID";
        if (!is_list_or_absent(&source->metadata))
            return "metadata that is no list";
    }
    return NULL;
}

static const char *sweep_fault(const struct plan_stage *stage)
{
    if (stage->sweep == SWEEP_NONE && stage->column_count > 0)
        return "columns without a sweep";
    for (size_t i = 0; i < stage->column_count; i++)
        if (stage->columns[i].parameter >= stage->parameter_count)
            return "a column of a parameter that it lacks";
    if (plan_stage_task_count(stage) > PLAN_TASKS_MAX)
        return "too many tasks";
    return NULL;
}

static const char *stage_fault(const struct plan_stage *stage)
{
    if (!plan_stage_name_is_fine(stage->name))
        return "a name that cannot stand in an address";
    if (!is_amount(stage->cpu_min) || !is_amount(stage->memory_min_mb)
        || !is_amount(stage->gpus))
        return "a resource that is no finite amount";
    if (stage->code && !digest_is_valid(stage->code, strlen(stage->code)))
        return "code that is not sha256:<64 hex>";
    if (stage->sees_own_code && !stage->code)
        return "no code of its own, which it should see";
    for (size_t i = 0; i < stage->input_count; i++) {
        const char *fault = input_fault(&stage->inputs[i]);

        if (fault)
            return fault;
    }
    for (size_t i = 0; i < stage->parameter_count; i++)
        if (!is_list_or_absent(&stage->parameters[i].choices))
            return "choices that are no list";
    return sweep_fault(stage);
}

enum rc plan_stage_check(const struct plan_stage *stage, struct err *err)
{
    const char *fault = stage_fault(stage);

    if (fault)
        return err_set(err, RC_PROTOCOL, "plan: stage '%.80s' has %s", stage->name,
                       fault);
    return RC_OK;
}

static int name_order(const void *a, const void *b, void *context)
{
    const struct plan *plan = context;

    return strcmp(plan->stages[*(const uint32_t *)a].name,
                  plan->stages[*(const uint32_t *)b].name);
}

enum rc plan_twins_find(const struct plan *plan, bool *found, size_t *first,
                        size_t *second, struct err *err)
{
    scoped(arena) scratch = arena_create(SCRATCH_MAX);
    uint32_t *order =
        scratch ? arena_array(scratch, plan->stage_count, sizeof *order) : NULL;

    if (!order)
        return err_set(err, RC_NO_MEMORY, "plan: no memory to sort %zu stages",
                       plan->stage_count);
    for (size_t i = 0; i < plan->stage_count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, plan->stage_count, sizeof *order, name_order, (void *)plan);
    *found = false;
    for (size_t i = 1; i < plan->stage_count && !*found; i++) {
        if (name_order(&order[i - 1], &order[i], (void *)plan) != 0)
            continue;
        *found = true;
        *first = order[i - 1] < order[i] ? order[i - 1] : order[i];
        *second = order[i - 1] < order[i] ? order[i] : order[i - 1];
    }
    return RC_OK;
}

static enum rc edges_check(const struct plan *plan, struct err *err)
{
    for (size_t i = 0; i < plan->edge_count; i++) {
        const struct plan_edge *edge = &plan->edges[i];

        if (edge->source >= plan->stage_count || edge->target >= plan->stage_count
            || edge->source == edge->target)
            return err_set(err, RC_PROTOCOL, "plan: edge %zu goes from stage %u to %u", i,
                           edge->source, edge->target);
        if (!edge->source_key || !edge->target_key)
            return err_set(err, RC_PROTOCOL, "plan: edge %zu lacks a key", i);
    }
    return RC_OK;
}

static enum rc cycle_check(const struct plan *plan, struct err *err)
{
    scoped(arena) scratch = arena_create(SCRATCH_MAX);
    uint32_t *cycle = NULL;
    size_t count = 0;

    if (!scratch)
        return err_set(err, RC_NO_MEMORY, "plan: no memory to look for a cycle");

    enum rc rc = plan_cycle_find(plan, scratch, &cycle, &count, err);

    if (rc == RC_OK && count > 0)
        rc = err_set(err, RC_PROTOCOL, "plan: stage '%.80s' is in a cycle",
                     plan->stages[cycle[0]].name);
    return rc;
}

enum rc plan_check(const struct plan *plan, struct err *err)
{
    bool found;
    size_t first, second;

    if (plan->stage_count == 0)
        return err_set(err, RC_PROTOCOL, "plan: it has no stages");
    if (plan->parameters.kind != VALUE_MAP && plan->parameters.kind != VALUE_ABSENT)
        return err_set(err, RC_PROTOCOL, "plan: its parameters are no map");
    for (size_t i = 0; i < plan->stage_count; i++) {
        enum rc rc = plan_stage_check(&plan->stages[i], err);

        if (rc != RC_OK)
            return rc;
    }

    enum rc rc = plan_twins_find(plan, &found, &first, &second, err);

    if (rc == RC_OK && found)
        rc = err_set(err, RC_PROTOCOL, "plan: stages %zu and %zu are both named '%.80s'",
                     first, second, plan->stages[first].name);
    if (rc == RC_OK)
        rc = edges_check(plan, err);
    if (rc == RC_OK)
        rc = cycle_check(plan, err);
    return rc;
}
