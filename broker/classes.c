/* classes.c - see classes.h. The one used longest ago makes room. */
#include "broker/classes.h"

#include "broker/broker_state.h"
#include "broker/reuse.h"

#include <stdlib.h>

enum { CLASSES_KEPT = 16, CLASS_ARENA_MAX = 1 << 30 };

struct kept {
    struct stage_class shown;
    uint64_t run, used;
    uint32_t stage;
    struct arena *arena; /* of the stage that the class is made of */
};

struct classes {
    struct kept kept[CLASSES_KEPT];
    uint64_t clock;
};

struct classes *classes_create(void)
{
    return calloc(1, sizeof(struct classes));
}

static void kept_fini(struct kept *kept)
{
    key_class_destroy(kept->shown.class);
    arena_destroy(kept->arena);
    *kept = (struct kept){ 0 };
}

void classes_forget(struct classes *classes)
{
    for (size_t i = 0; i < CLASSES_KEPT; i++)
        kept_fini(&classes->kept[i]);
}

void classes_destroy(struct classes *classes)
{
    if (!classes)
        return;
    classes_forget(classes);
    free(classes);
}

static enum rc kept_load(struct kept *kept, struct broker *broker, struct err *err)
{
    scoped_buf bytes = { 0 };
    const struct plan_input *input;
    struct plan_stage *stage = NULL;
    struct run_plan *plan = plan_of(broker, kept->run);
    enum rc rc;

    kept->arena = arena_create(CLASS_ARENA_MAX);
    if (!kept->arena || !plan)
        return err_set(err, RC_NO_MEMORY, "the key of a stage");
    buf_init(&bytes, CLASS_ARENA_MAX);
    rc = resolved_of(broker, kept->run, kept->stage, &bytes, err);
    if (rc == RC_OK)
        rc = plan_stage_decode(kept->arena, bytes.data, bytes.size, &stage, err);
    if (rc != RC_OK)
        return rc;
    kept->shown.stage = stage;
    kept->shown.is_open = key_unsettled(stage, &input) != NULL;
    if (plan_stage_task_count(stage) > REUSE_TASKS_MAX)
        return RC_OK;
    return key_class_create(stage, plan->plan->code.tree, broker->digester,
                            &kept->shown.class, err);
}

struct stage_class *classes_get(struct classes *classes, struct broker *broker,
                                uint64_t run, uint32_t stage)
{
    struct kept *oldest = &classes->kept[0];
    struct err err;

    classes->clock++;
    for (size_t i = 0; i < CLASSES_KEPT; i++) {
        struct kept *kept = &classes->kept[i];

        if (kept->run == run && kept->stage == stage) {
            kept->used = classes->clock;
            return &kept->shown;
        }
        if (kept->used < oldest->used)
            oldest = kept;
    }
    kept_fini(oldest);
    oldest->run = run;
    oldest->stage = stage;
    oldest->used = classes->clock;
    if (kept_load(oldest, broker, &err) == RC_OK)
        return &oldest->shown;
    kept_fini(oldest);
    return NULL;
}
