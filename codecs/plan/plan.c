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
