/* prepare.c - the folder of an attempt, from nothing to ready to start. */
#include "nodes/staging/config.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/identity.h"
#include "nodes/staging/repository.h"
#include "nodes/staging/script.h"
#include "nodes/staging/shelf.h"
#include "nodes/staging/streams.h"
#include "nodes/staging/upload.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PREPARE_MEMORY_MAX = 1 << 30 };

static enum rc folders_make(int folder, struct err *err)
{
    static const char *const names[] = { "repository", "inputs", "outputs", "config",
                                         "tmp" };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (mkdirat(folder, names[i], 0755) != 0 && errno != EEXIST)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot make %s/",
                               names[i]);
    return RC_OK;
}

static enum rc fill(const struct staging *staging, const struct store_port *port,
                    const struct attempt_identity *identity,
                    const struct plan_stage *stage, int folder,
                    const atomic_bool *cancelled, struct err *err)
{
    scoped(arena) arena = arena_create(PREPARE_MEMORY_MAX);
    struct staged_inputs inputs;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory to prepare the attempt");

    enum rc rc = identity_write(folder, identity, stage, arena, err);

    if (rc == RC_OK)
        rc = upload_check(staging, stage, err);
    if (rc == RC_OK)
        rc = folders_make(folder, err);
    if (rc == RC_OK)
        rc = repository_fill(staging, port, identity->token, folder,
                             stage->sees_own_code ? stage->code : identity->code.tree,
                             cancelled, err);
    if (rc == RC_OK)
        rc = inputs_stage(staging, port, identity, stage, folder, cancelled, arena,
                          &inputs, err);
    if (rc == RC_OK)
        rc = inputs_record(folder, &inputs, arena, err);
    if (rc == RC_OK)
        rc = config_write(staging, identity, stage, &inputs, folder, arena, err);
    if (rc == RC_OK)
        rc = script_write(staging, identity, stage, folder, arena, err);
    if (rc == RC_OK && *cancelled)
        rc = err_set(err, RC_CANCELLED, "stopped before the start");
    return rc;
}

enum rc attempt_prepare(const struct staging *staging, const struct store_port *port,
                        const struct attempt_identity *identity,
                        const struct plan_stage *stage, const atomic_bool *cancelled,
                        struct err *err)
{
    scoped_fd int folder = -1;
    struct err why = { .text = "" };
    enum rc rc = RC_OK;

    if (!shelf_take(staging, identity, stage, &folder))
        rc = folder_create(staging, identity->token, &folder, err);
    if (rc == RC_OK)
        rc = streams_create(folder, err);
    if (rc != RC_OK)
        return rc;
    rc = fill(staging, port, identity, stage, folder, cancelled, &why);
    if (rc == RC_OK)
        return RC_OK;
    attempt_say(staging, identity->token, "%s", why.text);
    if (err)
        *err = why;
    return rc;
}
