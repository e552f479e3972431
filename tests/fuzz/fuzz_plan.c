/* A plan that decodes encodes to something that decodes again, to the same bytes; and its
 * stages can be looked into without harm. */
#include "codecs/plan/task.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stage_probe(const struct plan_stage *stage)
{
    scoped(arena) arena = arena_create(1 << 22);
    uint64_t count = plan_stage_task_count(stage);
    struct plan_script script;
    struct value map;
    struct err err;

    must(arena);
    must(count <= PLAN_TASKS_MAX);
    if (count == 0)
        return;

    enum rc rc = plan_task_parameter_map(stage, count - 1, arena, &map, &err);

    must(rc == RC_OK || rc == RC_NO_MEMORY);
    rc = plan_task_script(stage, count - 1, arena, &script, &err);
    must(rc == RC_OK || rc == RC_NO_MEMORY || rc == RC_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(1 << 22);
    scoped_buf first = { 0 }, second = { 0 };
    struct plan *plan, *again;
    struct err err;

    must(arena);
    if (plan_decode(arena, data, size, &plan, &err) != RC_OK)
        return 0;
    plan_encode(&first, plan);

    enum rc rc = plan_decode(arena, first.data, first.size, &again, &err);

    must(rc == RC_OK || rc == RC_NO_MEMORY);
    if (rc != RC_OK)
        return 0;
    plan_encode(&second, again);
    must(first.size == second.size);
    must(first.size == 0 || memcmp(first.data, second.data, first.size) == 0);
    for (size_t i = 0; i < plan->stage_count; i++)
        stage_probe(&plan->stages[i]);
    return 0;
}
