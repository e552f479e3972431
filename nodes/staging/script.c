/* script.c - one shell for the whole command list, or the file that it asks to be. */
#include "nodes/staging/script.h"

#include "codecs/plan/task.h"
#include "nodes/staging/environment.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/words.h"
#include "nodes/supervisor/own_file.h"

#include <string.h>

enum {
    ARGUMENT_MAX = 128 << 10 /* bytes of one argument that Linux takes, with its NUL */
};

static const char *path_in_arena(const struct staging *staging, uint64_t token,
                                 const char *name, struct arena *arena, struct err *err)
{
    char path[FOLDER_PATH_SIZE];

    if (folder_path(staging, token, name, path, err) != RC_OK)
        return NULL;

    const char *copy = arena_text(arena, path);

    if (!copy)
        err_set(err, RC_NO_MEMORY, "no memory for the command");
    return copy;
}

static enum rc arguments_choose(const struct plan_script *script, const char *file,
                                int folder, const char *arguments[3], size_t *count,
                                struct err *err)
{
    size_t size = strlen(script->text);

    arguments[0] = "/bin/sh";
    if (!script->is_file && size < ARGUMENT_MAX) {
        arguments[1] = "-c";
        arguments[2] = script->text;
        *count = 3;
        return RC_OK;
    }
    if (script->is_file)
        arguments[0] = file;
    else
        arguments[1] = file;
    *count = script->is_file ? 1 : 2;
    return own_file_write(folder, "script", script->text, size, 0755, err);
}

enum rc script_write(const struct staging *staging,
                     const struct attempt_identity *identity,
                     const struct plan_stage *stage, int folder, struct arena *arena,
                     struct err *err)
{
    static const char *const shown[] = { "repository", "inputs", "outputs", "config" };
    const char *arguments[3], *directory, *file;
    struct launch_bind binds[COUNT_OF(shown)];
    struct variables variables;
    struct plan_script script;
    struct launch launch = { .arguments = arguments };
    uint64_t token = identity->token;
    enum rc rc = plan_task_script(stage, identity->task_index, arena, &script, err);

    if (rc == RC_OK)
        rc = environment_build(staging, identity, stage, arena, &variables, err);
    if (rc != RC_OK)
        return rc;
    if (!(directory = path_in_arena(staging, token, NULL, arena, err))
        || !(file = path_in_arena(staging, token, "script", arena, err)))
        return err ? err->rc : RC_NO_MEMORY;
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        binds[i].source = path_in_arena(staging, token, shown[i], arena, err);
        binds[i].target = arena_printf(arena, "/valohai/%s", shown[i]);
        binds[i].readonly =
            strcmp(shown[i], "inputs") == 0 || strcmp(shown[i], "config") == 0;
        if (!binds[i].source || !binds[i].target)
            return err_set(err, RC_NO_MEMORY, "no memory for the command");
    }
    rc = arguments_choose(&script, file, folder, arguments, &launch.argument_count, err);
    if (rc != RC_OK)
        return rc;
    if (!script.is_file)
        (void)words_split(script.text, arena, &launch.direct, &launch.direct_count);
    launch.variables = variables.texts;
    launch.variable_count = variables.count;
    launch.working_directory = binds[0].source;
    launch.binds = binds;
    launch.bind_count = staging->has_namespaces ? COUNT_OF(binds) : 0;
    return launch_write(directory, &launch, err);
}
