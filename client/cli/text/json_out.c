/* json_out.c - see json_out.h. */
#include "client/cli/text/json_out.h"

#include "client/cli/text/human.h"

#include <inttypes.h>
#include <string.h>

enum { JSON_BYTES_MAX = 1 << 30 };

void json_fini(struct json *json)
{
    buf_fini(&json->buf);
}

static void begin(struct json *json, const char *key)
{
    if (json->buf.limit == 0)
        json->buf.limit = JSON_BYTES_MAX;
    if (json->needs_comma)
        buf_text(&json->buf, ", ");
    if (key) {
        value_json_string(&json->buf, key, strlen(key));
        buf_text(&json->buf, ": ");
    }
    json->needs_comma = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin(json, key);
    buf_byte(&json->buf, (unsigned char)bracket);
    json->needs_comma = false;
}

void json_close(struct json *json, char bracket)
{
    buf_byte(&json->buf, (unsigned char)bracket);
    json->needs_comma = true;
}

void json_text(struct json *json, const char *key, const char *text)
{
    begin(json, key);
    if (text)
        value_json_string(&json->buf, text, strlen(text));
    else
        buf_text(&json->buf, "null");
}

void json_uint(struct json *json, const char *key, uint64_t number)
{
    begin(json, key);
    buf_printf(&json->buf, "%" PRIu64, number);
}

void json_int(struct json *json, const char *key, int64_t number)
{
    begin(json, key);
    buf_printf(&json->buf, "%" PRId64, number);
}

void json_bool(struct json *json, const char *key, bool boolean)
{
    begin(json, key);
    buf_text(&json->buf, boolean ? "true" : "false");
}

void json_time(struct json *json, const char *key, int64_t time_us)
{
    json_text(json, key, time_us ? human_rfc3339(time_us).text : NULL);
}

void json_duration(struct json *json, const char *key, int64_t start_us, int64_t end_us)
{
    begin(json, key);
    if (!start_us)
        buf_text(&json->buf, "null");
    else
        buf_printf(&json->buf, "%.6f",
                   (double)((end_us ? end_us : now_us()) - start_us) / 1e6);
}

void json_value(struct json *json, const char *key, const struct value *value)
{
    begin(json, key);
    if (value->kind == VALUE_ABSENT)
        buf_text(&json->buf, "null");
    else
        value_to_json(&json->buf, value);
}

void json_print(struct json *json, FILE *to)
{
    buf_byte(&json->buf, '\n');
    if (buf_ok(&json->buf))
        fwrite(json->buf.data, 1, json->buf.size, to);
    else
        fputs("{\"error\": {\"code\": \"no-memory\", \"message\": \"too much for one "
              "JSON text\", \"exit\": 1}}\n",
              stderr);
    fflush(to);
    buf_clear(&json->buf);
    json->needs_comma = false;
}

void json_run(struct json *json, const char *key, const struct sluice_run *run)
{
    json_open(json, key, '{');
    json_uint(json, "number", run->number);
    json_text(json, "id", run->id);
    json_text(json, "title", run->title);
    json_text(json, "kind", run->is_pipeline ? "pipeline" : "step");
    json_text(json, "state", run->state);
    json_text(json, "reason", *run->reason ? run->reason : NULL);
    json_text(json, "commit", *run->commit ? run->commit : NULL);
    json_bool(json, "dirty", run->is_dirty);
    json_text(json, "tree", run->tree);
    json_time(json, "created", run->created_us);
    json_time(json, "ended", run->ended_us);
    json_duration(json, "seconds", run->created_us, run->ended_us);
    json_uint(json, "stages", run->stage_count);
    json_uint(json, "tasks", run->tasks);
    json_uint(json, "complete", run->complete);
    json_uint(json, "failed", run->failed);
    json_uint(json, "stopped", run->stopped);
    json_uint(json, "running", run->running);
    json_open(json, "tags", '[');
    for (size_t i = 0; i < run->tag_count; i++)
        json_text(json, NULL, run->tags[i]);
    json_close(json, ']');
    json_uint(json, "reused", run->reused);
    json_close(json, '}');
}

void json_stage(struct json *json, const char *key, const struct sluice_stage *stage)
{
    json_open(json, key, '{');
    json_text(json, "name", stage->name);
    json_text(json, "step", stage->step);
    json_bool(json, "sweep", stage->is_task);
    json_text(json, "state", stage->state);
    json_text(json, "reason", *stage->reason ? stage->reason : NULL);
    json_bool(json, "resolved", stage->is_resolved);
    json_uint(json, "tasks", stage->tasks);
    json_uint(json, "queued", stage->queued);
    json_uint(json, "running", stage->running);
    json_uint(json, "complete", stage->complete);
    json_uint(json, "failed", stage->failed);
    json_uint(json, "stopped", stage->stopped);
    json_time(json, "started", stage->started_us);
    json_time(json, "ended", stage->ended_us);
    json_duration(json, "seconds", stage->started_us, stage->ended_us);
    json_uint(json, "reused", stage->reused);
    json_text(json, "origin", stage->origin && *stage->origin ? stage->origin : NULL);
    json_close(json, '}');
}

void json_task(struct json *json, const char *key, const struct sluice_task *task)
{
    bool has_ended = task->cause && *task->cause;

    json_open(json, key, '{');
    json_uint(json, "task", task->index);
    json_text(json, "state", task->state);
    json_uint(json, "attempts", task->attempts);
    json_text(json, "node", *task->node ? task->node : NULL);
    json_text(json, "cause", has_ended ? task->cause : NULL);
    if (has_ended) {
        json_int(json, "exit_code", task->exit_code);
        json_int(json, "signal", task->signal);
    }
    json_time(json, "started", task->started_us);
    json_time(json, "ended", task->ended_us);
    json_duration(json, "seconds", task->started_us, task->ended_us);
    json_text(json, "origin", task->origin && *task->origin ? task->origin : NULL);
    json_close(json, '}');
}

void json_view_fields(struct json *json, const struct sluice_view *view)
{
    json_run(json, "run", &view->run);
    json_open(json, "stages", '[');
    for (size_t i = 0; i < view->stage_count; i++)
        json_stage(json, NULL, &view->stages[i]);
    json_close(json, ']');
    json_open(json, "notes", '[');
    for (size_t i = 0; i < view->note_count; i++)
        json_text(json, NULL, view->notes[i]);
    json_close(json, ']');
    json_int(json, "priority", view->priority);
    json_uint(json, "event", view->event);
}

void json_usage(struct json *json, const struct usage *usage)
{
    json_open(json, "usage", '{');
    json_uint(json, "wall_us", usage->wall_us);
    json_uint(json, "user_us", usage->user_us);
    json_uint(json, "system_us", usage->system_us);
    json_uint(json, "memory_peak_bytes", usage->memory_peak_bytes);
    json_uint(json, "read_bytes", usage->read_bytes);
    json_uint(json, "written_bytes", usage->written_bytes);
    json_close(json, '}');
}
