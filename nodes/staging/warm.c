/* warm.c - see warm.h. */
#include "nodes/staging/warm.h"

#include "nodes/staging/config.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/identity.h"
#include "nodes/staging/look.h"
#include "nodes/staging/script.h"
#include "nodes/staging/streams.h"

#include <poll.h>
#include <stdlib.h>

enum { MEMORY_MAX = 1 << 30, LOOKS_MAX = 16, LOOK_PAUSE_MS = 1 };

/* Written for each attempt. */
static const char *const own_files[] = { "identity",
                                         "launch",
                                         "script",
                                         "config/execution.json",
                                         "config/execution.yaml",
                                         "config/parameters.json",
                                         "config/parameters.yaml",
                                         NULL };

bool warm_suits(const struct plan_stage *stage)
{
    return stage->input_count == 0 && !stage->upload_store
           && !(stage->stop_condition && stage->stop_condition[0])
           && plan_stage_task_count(stage) >= WARM_TASKS_MIN;
}

struct warm *warm_create(const struct staging *staging, uint64_t token)
{
    scoped(warm) warm = calloc(1, sizeof *warm);
    bool is_early = true;
    struct err err;

    if (!warm)
        return NULL;
    *warm = (struct warm){ .staging = staging, .token = token, .folder = -1 };
    if (folder_open(staging, token, &warm->folder, &err) != RC_OK)
        return NULL;
    for (int i = 0; i < LOOKS_MAX && is_early; i++) {
        if (i > 0)
            poll(NULL, 0, LOOK_PAUSE_MS);
        warm->look = look_take(warm->folder, own_files, &is_early);
    }
    return warm->look ? steal(&warm) : NULL;
}

void warm_destroy(struct warm *warm)
{
    if (!warm)
        return;
    look_destroy(warm->look);
    fd_scoped(&warm->folder);
    free(warm);
}

bool warm_holds(const struct warm *warm)
{
    return look_holds(warm->look, warm->folder);
}

enum rc warm_prepare(struct warm *warm, const struct attempt_identity *identity,
                     const struct plan_stage *stage, struct err *err)
{
    const struct staging *staging = warm->staging;
    scoped(arena) arena = arena_create(MEMORY_MAX);
    enum rc rc;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory to prepare the attempt");
    rc = folder_rename(staging, warm->token, identity->token, err);
    if (rc != RC_OK)
        return rc;
    warm->token = identity->token;
    rc = identity_write(warm->folder, identity, stage, arena, err);
    if (rc == RC_OK)
        rc = config_renew(staging, identity, stage, warm->folder, arena, err);
    if (rc == RC_OK)
        rc = script_write(staging, identity, stage, warm->folder, arena, err);
    return rc;
}
