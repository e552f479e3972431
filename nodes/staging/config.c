/* config.c - what the task reads about itself. */
#include "nodes/staging/config.h"

#include "codecs/plan/task.h"
#include "nodes/staging/environment.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/json.h"
#include "nodes/staging/streams.h"
#include "nodes/supervisor/own_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 512 << 20 };

static enum rc write_both(int folder, const char *name, const struct value *map,
                          struct err *err)
{
    char file[64];
    scoped_buf buf = { 0 };

    buf_init(&buf, CONFIG_MAX);
    value_to_json(&buf, map);
    buf_byte(&buf, '\n');
    snprintf(file, sizeof file, "%s.json", name);
    if (!buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY, "no memory to write %s", file);

    enum rc rc = own_file_write(folder, file, buf.data, buf.size, 0444, err);

    if (rc != RC_OK)
        return rc;
    buf_clear(&buf);
    value_to_yaml(&buf, map);
    snprintf(file, sizeof file, "%s.yaml", name);
    if (!buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY, "no memory to write %s", file);
    return own_file_write(folder, file, buf.data, buf.size, 0444, err);
}

static struct value checksums(struct arena *arena, const struct plan_source *source,
                              bool *failed)
{
    struct map_maker maker = { .arena = arena };

    if (source->md5 && source->md5[0])
        map_add_text(&maker, "md5", source->md5);
    if (source->sha1 && source->sha1[0])
        map_add_text(&maker, "sha1", source->sha1);
    if (source->digest)
        map_add_text(&maker, "sha256", strchr(source->digest, ':') + 1);
    *failed = *failed || maker.failed;
    return map_value(&maker);
}

static struct value file_value(struct arena *arena, const struct staged_file *file,
                               bool *failed)
{
    static const char datum[] = "datum://";
    const struct plan_source *source = &file->source;
    struct map_maker maker = { .arena = arena };

    map_add_text(&maker, "name", source->name);
    map_add_text(&maker, "path", file->path);
    map_add_text(&maker, "uri", file->uri);
    if (source->digest)
        map_add(&maker, "size", value_int((int64_t)source->size));
    map_add(&maker, "checksums", checksums(arena, source, failed));
    map_add(&maker, "metadata",
            source->metadata.kind == VALUE_LIST ? source->metadata
                                                : (struct value){ .kind = VALUE_LIST });
    if (strncmp(file->uri, datum, sizeof datum - 1) == 0)
        map_add_text(&maker, "datum_id", file->uri + sizeof datum - 1);
    map_add_text(&maker, "download_intent", file->is_here ? "always" : "on-demand");
    *failed = *failed || maker.failed;
    return map_value(&maker);
}

static enum rc inputs_value(const struct staged_inputs *inputs, struct arena *arena,
                            struct value *map, struct err *err)
{
    struct map_maker maker = { .arena = arena };
    bool failed = false;

    for (size_t i = 0; i < inputs->input_count; i++) {
        const struct staged_input *input = &inputs->inputs[i];
        struct map_maker entry = { .arena = arena };
        struct value *files = arena_array(arena, input->file_count, sizeof *files);

        if (!files)
            return err_set(err, RC_NO_MEMORY, "no memory for inputs.json");
        for (size_t k = 0; k < input->file_count; k++)
            files[k] = file_value(arena, &input->files[k], &failed);
        map_add(
            &entry, "files",
            (struct value){ .kind = VALUE_LIST, .list = { files, input->file_count } });
        map_add(&maker, input->name, map_value(&entry));
        failed = failed || entry.failed;
    }
    if (failed || maker.failed)
        return err_set(err, RC_NO_MEMORY, "no memory for inputs.json");
    *map = map_value(&maker);
    return RC_OK;
}

static void add_pipeline(struct map_maker *maker, const struct attempt_identity *identity,
                         const struct plan_stage *stage)
{
    char node[UUID_TEXT_SIZE];

    uuid_derive("pipeline-node", identity->run_id, stage->name, node);
    map_add(maker, "valohai.pipeline-counter", value_int((int64_t)identity->run_number));
    map_add_text(maker, "valohai.pipeline-id", identity->run_id);
    map_add_text(maker, "valohai.pipeline-node-id", arena_text(maker->arena, node));
    map_add(maker, "valohai.pipeline-tags", (struct value){ .kind = VALUE_LIST });
    map_add_text(maker, "valohai.pipeline-title", identity->title);
}

static void add_task(struct map_maker *maker, const struct attempt_identity *identity,
                     const struct plan_stage *stage)
{
    char task[UUID_TEXT_SIZE];

    uuid_derive("task", identity->run_id, stage->name, task);
    map_add(maker, "valohai.task-counter", value_int((int64_t)identity->run_number));
    map_add_text(maker, "valohai.task-id", arena_text(maker->arena, task));
}

static void add_machine(struct map_maker *maker, const struct staging *staging,
                        const struct plan_stage *stage)
{
    const char *environment = stage->environment ? stage->environment : "host";

    map_add_text(maker, "valohai.creator-email", "");
    map_add_text(maker, "valohai.creator-id", "");
    map_add_text(maker, "valohai.creator-name", getenv("USER") ? getenv("USER") : "");
    map_add_text(maker, "valohai.environment-id", staging->node_name);
    map_add_text(maker, "valohai.environment-name", environment);
    map_add_text(maker, "valohai.environment-slug", environment);
}

static enum rc execution_value(const struct staging *staging,
                               const struct attempt_identity *identity,
                               const struct plan_stage *stage, struct arena *arena,
                               struct value *map, struct err *err)
{
    struct map_maker maker = { .arena = arena };
    char time[TIME_TEXT_SIZE];

    time_text(identity->created_us, time);
    map_add_text(&maker, "valohai.commit-identifier",
                 identity->code.commit ? identity->code.commit : identity->code.tree);
    add_machine(&maker, staging, stage);
    map_add(&maker, "valohai.execution-counter",
            value_int((int64_t)identity->execution_counter));
    map_add_text(&maker, "valohai.execution-ctime",
                 arena_printf(arena, "%s+00:00", time));
    map_add(&maker, "valohai.execution-duration", value_null());
    map_add_text(&maker, "valohai.execution-id", identity->execution_id);
    map_add_text(&maker, "valohai.execution-image", stage->image);
    map_add(&maker, "valohai.execution-qtime", value_null());
    map_add_text(&maker, "valohai.execution-status", "created");
    map_add_text(&maker, "valohai.execution-step", stage->step);
    map_add(&maker, "valohai.execution-tags", (struct value){ .kind = VALUE_LIST });
    map_add_text(&maker, "valohai.execution-title", identity->title);
    map_add_text(&maker, "valohai.project-id", identity->project_id);
    map_add_text(&maker, "valohai.project-name",
                 identity->project && strchr(identity->project, '/')
                     ? identity->project
                     : arena_printf(arena, "local/%s",
                                    identity->project ? identity->project : ""));
    if (identity->is_pipeline)
        add_pipeline(&maker, identity, stage);
    if (stage->kind == STAGE_TASK)
        add_task(&maker, identity, stage);
    if (maker.failed)
        return err_set(err, RC_NO_MEMORY, "no memory for execution.json");
    *map = map_value(&maker);
    return RC_OK;
}

static struct value runtime_value(const struct staging *staging, struct arena *arena)
{
    struct map_maker maker = { .arena = arena };

    map_add_text(&maker, "runtime", "sluice");
    map_add_text(&maker, "version", SLUICE_VERSION);
    map_add_text(&maker, "node", staging->node_name);
    return map_value(&maker);
}

struct config_file {
    const char *name;
    const struct value *map;
};

static enum rc files_write(int folder, const struct config_file *files, size_t count,
                           struct err *err)
{
    scoped_fd int config = open_beneath(folder, "config", O_RDONLY | O_DIRECTORY);
    enum rc rc = RC_OK;

    if (config < 0)
        return err_set_sys(err, rc_of_errno(-config), -config, "cannot open config/");
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = write_both(config, files[i].name, files[i].map, err);
    return rc;
}

enum rc config_renew(const struct staging *staging,
                     const struct attempt_identity *identity,
                     const struct plan_stage *stage, int folder, struct arena *arena,
                     struct err *err)
{
    struct value execution, parameters;
    enum rc rc = execution_value(staging, identity, stage, arena, &execution, err);

    if (rc == RC_OK)
        rc =
            plan_task_parameter_map(stage, identity->task_index, arena, &parameters, err);
    if (rc != RC_OK)
        return rc;

    const struct config_file files[] = { { "execution", &execution },
                                         { "parameters", &parameters } };

    return files_write(folder, files, COUNT_OF(files), err);
}

enum rc config_write(const struct staging *staging,
                     const struct attempt_identity *identity,
                     const struct plan_stage *stage, const struct staged_inputs *inputs,
                     int folder, struct arena *arena, struct err *err)
{
    struct value files, runtime = runtime_value(staging, arena),
                        api = { .kind = VALUE_MAP };
    enum rc rc = inputs_value(inputs, arena, &files, err);

    if (rc != RC_OK)
        return rc;

    const struct config_file same[] = { { "inputs", &files },
                                        { "runtime", &runtime },
                                        { "api", &api } };

    rc = files_write(folder, same, COUNT_OF(same), err);
    return rc == RC_OK ? config_renew(staging, identity, stage, folder, arena, err) : rc;
}
