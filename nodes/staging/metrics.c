/* metrics.c - metadata lines at work. */
#include "nodes/staging/metrics.h"

#include "codecs/expression/expression.h"
#include "codecs/plan/task.h"
#include "codecs/wire/metadata_line.h"
#include "nodes/staging/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    SETTINGS_MEMORY_MAX = 64 << 20,
    LINE_MEMORY_MAX = 64 << 20 /* for the values of one line of at most 1 MiB */
};

static enum rc condition_open(struct metrics *metrics, uint64_t task_index,
                              const struct plan_stage *stage, struct err *err)
{
    struct err why;

    if (!stage->stop_condition || !stage->stop_condition[0])
        return RC_OK;
    metrics->arena = arena_create(SETTINGS_MEMORY_MAX);
    if (!metrics->arena)
        return err_set(err, RC_NO_MEMORY, "no memory to follow the attempt");

    /* A stage that was loaded from the attempt's folder holds this task only. */
    enum rc rc =
        plan_task_parameter_map(stage, stage->sweep == SWEEP_NONE ? 0 : task_index,
                                metrics->arena, &metrics->parameters, err);

    if (rc != RC_OK)
        return rc;
    if (expression_parse(metrics->arena, stage->stop_condition, &metrics->condition, &why)
        != RC_OK) {
        metrics->condition = NULL;
        attempt_say(metrics->staging, metrics->token, "the stop-condition is ignored: %s",
                    why.text);
    }
    return RC_OK;
}

enum rc metrics_open(struct metrics *metrics, const struct staging *staging,
                     uint64_t token, uint64_t task_index, const struct plan_stage *stage,
                     int folder, struct err *err)
{
    *metrics = (struct metrics){ .staging = staging, .token = token, .folder = folder };
    metrics->file =
        open_beneath(folder, stream_name(STREAM_METADATA), O_RDWR | O_NONBLOCK);
    if (metrics->file < 0 && metrics->file != -ENOENT)
        return err_set_sys(err, RC_IO, -metrics->file, "cannot open the metadata stream");

    enum rc rc = condition_open(metrics, task_index, stage, err);

    if (rc != RC_OK)
        metrics_close(metrics);
    return rc;
}

void metrics_close(struct metrics *metrics)
{
    fd_scoped(&metrics->file);
    latest_fini(&metrics->latest);
    arena_destroy(metrics->arena);
    *metrics = (struct metrics){ .file = -1 };
}

static void stream_write(struct metrics *metrics, const struct value *map,
                         int64_t unix_us)
{
    scoped_buf line = { 0 };

    buf_init(&line, 16 * METADATA_LINE_MAX);
    metadata_line_write(&line, map, unix_us);
    if (metrics->file < 0)
        metrics->file =
            openat(metrics->folder, stream_name(STREAM_METADATA),
                   O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (!buf_ok(&line) || metrics->file < 0)
        return;
    for (size_t done = 0; done < line.size;) {
        ssize_t put = pwrite(metrics->file, line.data + done, line.size - done,
                             (off_t)(metrics->at + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return;
        done += (size_t)put;
    }
    metrics->at += line.size;
}

static void latest_update(struct metrics *metrics, const struct value *map)
{
    for (size_t i = 0; i < map->map.count; i++) {
        const struct value_entry *entry = &map->map.entries[i];

        if (latest_set(&metrics->latest, entry->key, &entry->value)
            || metrics->has_dropped)
            continue;
        metrics->has_dropped = true;
        attempt_say(metrics->staging, metrics->token,
                    "there is more metadata than %d bytes: values that do not fit, as of "
                    "the key %.100s, are only in the stream",
                    RESULT_METADATA_MAX, entry->key);
    }
}

struct lookup {
    const struct metrics *metrics;
    struct arena *arena;
};

static bool name_find(void *context, const char *name, struct value *value)
{
    static const char metadata[] = "metadata.", parameter[] = "parameter.";
    const struct lookup *lookup = context;

    if (strncmp(name, parameter, sizeof parameter - 1) == 0) {
        const struct value *found =
            value_get(&lookup->metrics->parameters, name + sizeof parameter - 1);

        if (found)
            *value = *found;
        return found != NULL;
    }
    if (strncmp(name, metadata, sizeof metadata - 1) == 0)
        name += sizeof metadata - 1;
    return latest_get(&lookup->metrics->latest, name, lookup->arena, value);
}

void metrics_take(struct metrics *metrics, const char *line, size_t size, int64_t unix_us)
{
    scoped(arena) arena = NULL;
    struct value map;

    if (!memchr(line, '{', size) || !(arena = arena_create(LINE_MEMORY_MAX))
        || !metadata_line_read(arena, line, size, &map))
        return;
    stream_write(metrics, &map, unix_us);
    latest_update(metrics, &map);
    if (!metrics->condition || metrics->is_met)
        return;

    struct lookup lookup = { metrics, arena };
    struct expression_names names = { &lookup, name_find };

    metrics->is_met = expression_is_met(metrics->condition, &names);
}
