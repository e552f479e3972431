/* environment.c - the whole environment of a command, from nothing. */
#include "nodes/staging/environment.h"

#include "nodes/staging/facts.h"
#include "nodes/staging/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

extern char **environ;

/* Of the host's variables those that a command on the host needs to find its programs,
 * its libraries, its devices and its way to the network. Nothing else is passed on, so
 * that the same step does the same on another node. */
static const char *const host_names[] = {
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "XDG_CACHE_HOME",
    "LD_LIBRARY_PATH",
    "MODULEPATH",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
};
static const char *const host_prefixes[] = { "LC_",   "CONDA_", "CUDA_", "NVIDIA_",
                                             "ROCM_", "HIP_",   "OMP_",  "MKL_" };

static bool is_passed_on(const char *text, size_t name_size)
{
    for (size_t i = 0; i < COUNT_OF(host_names); i++)
        if (strlen(host_names[i]) == name_size
            && memcmp(host_names[i], text, name_size) == 0)
            return true;
    for (size_t i = 0; i < COUNT_OF(host_prefixes); i++)
        if (strncmp(host_prefixes[i], text, strlen(host_prefixes[i])) == 0)
            return true;
    return false;
}

static enum rc variables_put(struct variables *variables, const char *text,
                             struct err *err)
{
    size_t name_size = text ? strcspn(text, "=") + 1 : 0;

    if (!text)
        return err_set(err, RC_NO_MEMORY, "no memory for the variables");
    for (size_t i = 0; i < variables->count; i++)
        if (strncmp(variables->texts[i], text, name_size) == 0) {
            variables->texts[i] = text;
            return RC_OK;
        }
    if (variables->count == variables->capacity) {
        size_t capacity = variables->capacity ? variables->capacity * 2 : 64;
        const char **texts = arena_array(variables->arena, capacity, sizeof *texts);

        if (!texts)
            return err_set(err, RC_NO_MEMORY, "no memory for the variables");
        if (variables->count > 0)
            memcpy(texts, variables->texts, variables->count * sizeof *texts);
        variables->texts = texts;
        variables->capacity = capacity;
    }
    variables->texts[variables->count++] = text;
    return RC_OK;
}

static enum rc variables_set(struct variables *variables, const char *name,
                             const char *value, struct err *err)
{
    return variables_put(variables, arena_printf(variables->arena, "%s=%s", name, value),
                         err);
}

static enum rc add_host(struct variables *variables, struct err *err)
{
    enum rc rc = RC_OK;

    if (!getenv("PATH"))
        rc = variables_set(variables, "PATH",
                           "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                           err);
    for (char **at = environ; rc == RC_OK && at && *at; at++)
        if (is_passed_on(*at, strcspn(*at, "=")))
            rc = variables_put(variables, arena_text(variables->arena, *at), err);
    return rc;
}

static enum rc add_folders(struct variables *variables, const struct staging *staging,
                           uint64_t token, struct err *err)
{
    static const char *const folders[][2] = {
        { "VH_CONFIG_DIR", "config" },   { "VH_INPUTS_DIR", "inputs" },
        { "VH_OUTPUTS_DIR", "outputs" }, { "VH_REPOSITORY_DIR", "repository" },
        { "PWD", "repository" },         { "TMPDIR", "tmp" }
    };
    char path[FOLDER_PATH_SIZE];
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(folders); i++) {
        rc = folder_path(staging, token, folders[i][1], path, err);
        if (rc == RC_OK)
            rc = variables_set(variables, folders[i][0], path, err);
    }
    return rc;
}

static enum rc add_identity(struct variables *variables, const struct staging *staging,
                            const struct attempt_identity *identity,
                            const struct plan_stage *stage, struct err *err)
{
    char task[UUID_TEXT_SIZE], node[UUID_TEXT_SIZE], address[FACTS_ADDRESS_SIZE];
    const char *job = arena_printf(variables->arena, "exec-%s", identity->execution_id);
    bool is_task = stage->kind == STAGE_TASK;

    if (!job)
        return err_set(err, RC_NO_MEMORY, "no memory for the variables");
    uuid_derive("task", identity->run_id, stage->name, task);
    uuid_derive("pipeline-node", identity->run_id, stage->name, node);
    facts_address(staging->facts, address);

    const struct {
        const char *name, *value;
        bool is_set;
    } facts[] = {
        { "VH_JOB_ID", job, true },
        { "VH_EXECUTION_ID", identity->execution_id, true },
        { "VH_PROJECT_ID", identity->project_id, true },
        { "VH_TASK_ID", task, is_task },
        { "VH_PIPELINE_ID", identity->run_id, identity->is_pipeline },
        { "VH_PIPELINE_NODE_ID", node, identity->is_pipeline },
        { "VH_LOCAL_IP", address, true },
        { "VH_PUBLIC_IP", address, true },
        { "PYTHONUNBUFFERED", "1", true },
    };
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(facts); i++)
        if (facts[i].is_set)
            rc = variables_set(variables, facts[i].name, facts[i].value, err);
    return rc;
}

/* The devices that the attempt may use, by index, as CUDA and HIP programs expect them.
 * A node that hands out devices hides the others. Indexes are those of the bus, as the
 * driver's tools count. ROCR_VISIBLE_DEVICES is left alone: HIP counts within what that
 * one lets through, so both together would hide what was given. */
static enum rc add_devices(struct variables *variables,
                           const struct attempt_identity *identity, struct err *err)
{
    static const char *const names[] = { "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES" };
    char list[256] = "";
    size_t used = 0;
    enum rc rc = RC_OK;

    if (!identity->has_devices)
        return RC_OK;
    for (unsigned i = 0; i < 64; i++)
        if (identity->gpus >> i & 1)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%u",
                                     used ? "," : "", i);
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(names); i++)
        rc = variables_set(variables, names[i], list, err);
    if (rc == RC_OK)
        rc = variables_set(variables, "CUDA_DEVICE_ORDER", "PCI_BUS_ID", err);
    return rc;
}

static enum rc add_step(struct variables *variables, const struct plan_stage *stage,
                        struct err *err)
{
    for (size_t i = 0; i < stage->variable_count; i++) {
        const struct plan_variable *variable = &stage->variables[i];

        if (!variable->value)
            continue;
        if (!variable->name[0] || strchr(variable->name, '='))
            return err_set(err, RC_INVALID,
                           "environment variable '%s': a name is not empty and has no =",
                           variable->name);

        enum rc rc = variables_set(variables, variable->name, variable->value, err);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc environment_build(const struct staging *staging,
                          const struct attempt_identity *identity,
                          const struct plan_stage *stage, struct arena *arena,
                          struct variables *variables, struct err *err)
{
    struct variables built = { .arena = arena };
    enum rc rc = add_host(&built, err);

    if (rc == RC_OK)
        rc = add_folders(&built, staging, identity->token, err);
    if (rc == RC_OK)
        rc = add_identity(&built, staging, identity, stage, err);
    if (rc == RC_OK)
        rc = add_devices(&built, identity, err);
    if (rc == RC_OK)
        rc = add_step(&built, stage, err);
    if (rc == RC_OK)
        *variables = built;
    return rc;
}

bool stage_flag_is_set(const struct plan_stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->variable_count; i++) {
        const struct plan_variable *variable = &stage->variables[i];

        if (strcmp(variable->name, name) == 0 && variable->value)
            return strcasecmp(variable->value, "1") == 0
                   || strcasecmp(variable->value, "yes") == 0
                   || strcasecmp(variable->value, "true") == 0;
    }
    return false;
}
