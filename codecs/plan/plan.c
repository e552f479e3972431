/* plan.c - what can be said of a plan by looking at it. */
#include "codecs/plan/plan.h"

uint64_t plan_stage_task_count(const struct plan_stage *stage)
{
    uint64_t count = stage->sweep == SWEEP_ZIP ? 0 : 1;

    for (size_t i = 0; i < stage->column_count; i++) {
        uint64_t values = stage->columns[i].value_count;

        if (stage->sweep == SWEEP_ZIP)
            count = values > count ? values : count;
        else if (values == 0)
            return 0;
        else
            count = values > PLAN_TASKS_MAX / count ? PLAN_TASKS_MAX + 1 : count * values;
    }
    return stage->sweep == SWEEP_NONE ? 1
           : count > PLAN_TASKS_MAX   ? PLAN_TASKS_MAX + 1
                                      : count;
}

enum rc plan_edges_sort(struct arena *arena, struct plan *plan, struct err *err)
{
    size_t i = 1;

    while (i < plan->edge_count && plan->edges[i - 1].target <= plan->edges[i].target)
        i++;
    if (i >= plan->edge_count)
        return RC_OK;

    struct plan_edge *sorted = arena_array(arena, plan->edge_count, sizeof *sorted);
    uint32_t *starts = arena_array(arena, plan->stage_count + 1, sizeof *starts);

    if (!sorted || !starts)
        return err_set(err, RC_NO_MEMORY, "plan: no memory to sort %zu edges",
                       plan->edge_count);
    for (i = 0; i < plan->edge_count; i++)
        starts[plan->edges[i].target + 1]++;
    for (i = 1; i <= plan->stage_count; i++)
        starts[i] += starts[i - 1];
    for (i = 0; i < plan->edge_count; i++)
        sorted[starts[plan->edges[i].target]++] = plan->edges[i];
    plan->edges = sorted;
    return RC_OK;
}
