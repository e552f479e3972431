/* look.c - answers to questions, as structs. Each result is one arena with the struct in
 * it. */
#include "client/lib/fields.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_run(struct reader *reader, struct arena *arena, struct sluice_run *run)
{
    const struct field fields[] = {
        { "run", FIELD_UINT, &run->number },
        { "id", FIELD_TEXT, &run->id },
        { "title", FIELD_TEXT, &run->title },
        { "pipeline", FIELD_BOOL, &run->is_pipeline },
        { "state", FIELD_TEXT, &run->state },
        { "reason", FIELD_TEXT, &run->reason },
        { "commit", FIELD_TEXT, &run->commit },
        { "dirty", FIELD_BOOL, &run->is_dirty },
        { "tree", FIELD_TEXT, &run->tree },
        { "created", FIELD_INT, &run->created_us },
        { "ended", FIELD_INT, &run->ended_us },
        { "stages", FIELD_UINT32, &run->stage_count },
        { "tasks", FIELD_UINT, &run->tasks },
        { "complete", FIELD_UINT, &run->complete },
        { "failed", FIELD_UINT, &run->failed },
        { "stopped", FIELD_UINT, &run->stopped },
        { "running", FIELD_UINT, &run->running },
        { "reused", FIELD_UINT, &run->reused },
    };

    struct reader again = *reader;

    fields_read(reader, arena, fields, COUNT_OF(fields));
    for (size_t n = reader_map(&again); n > 0 && reader_ok(&again); n--) {
        if (bytes_are(reader_string(&again), "tags"))
            run->tags = fields_texts(&again, arena, &run->tag_count);
        else
            reader_skip(&again);
    }
}

static void read_stage(struct reader *reader, struct arena *arena,
                       struct sluice_stage *stage)
{
    const struct field fields[] = {
        { "name", FIELD_TEXT, &stage->name },
        { "step", FIELD_TEXT, &stage->step },
        { "sweep", FIELD_BOOL, &stage->is_task },
        { "state", FIELD_TEXT, &stage->state },
        { "reason", FIELD_TEXT, &stage->reason },
        { "resolved", FIELD_BOOL, &stage->is_resolved },
        { "tasks", FIELD_UINT, &stage->tasks },
        { "queued", FIELD_UINT, &stage->queued },
        { "running", FIELD_UINT, &stage->running },
        { "complete", FIELD_UINT, &stage->complete },
        { "failed", FIELD_UINT, &stage->failed },
        { "stopped", FIELD_UINT, &stage->stopped },
        { "started", FIELD_INT, &stage->started_us },
        { "ended", FIELD_INT, &stage->ended_us },
        { "reused", FIELD_UINT, &stage->reused },
        { "origin", FIELD_TEXT, &stage->origin },
    };

    fields_read(reader, arena, fields, COUNT_OF(fields));
}

/* What the public structs are embedded in, so that a free function finds the arena. */
struct runs_box {
    struct sluice_runs runs;
    struct arena *arena;
};
struct view_box {
    struct sluice_view view;
    struct arena *arena;
};
struct tasks_box {
    struct sluice_tasks tasks;
    struct arena *arena;
};
struct nodes_box {
    struct sluice_nodes nodes;
    struct arena *arena;
};

int sluice_status(struct sluice *sluice, struct sluice_info *info,
                  struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    struct sluice_info read = { 0 };
    const struct field fields[] = {
        { "version", FIELD_TEXT, &read.version },
        { "store", FIELD_TEXT, &read.store },
        { "requests", FIELD_TEXT, &read.endpoint },
        { "events", FIELD_TEXT, &read.events_endpoint },
        { "bulk", FIELD_TEXT, &read.bulk_endpoint },
        { "pid", FIELD_UINT32, &read.pid },
        { "started", FIELD_INT, &read.started_us },
        { "active", FIELD_UINT, &read.runs_active },
        { "runs", FIELD_UINT, &read.runs },
        { "event", FIELD_UINT, &read.last_event },
        { "nodes", FIELD_UINT32, &read.nodes },
    };
    struct reader reader;
    enum rc rc = sluice_greet(sluice, &reply, err);

    if (rc != RC_OK)
        return (int)rc;
    arena_destroy(sluice->info);
    sluice->info = arena_create(LOOK_ARENA_MAX);
    if (!sluice->info)
        return (int)err_set(err, RC_NO_MEMORY, "no memory for the broker's status");
    reader_init(&reader, reply.body, reply.size);
    fields_read(&reader, sluice->info, fields, COUNT_OF(fields));
    if (!reader_ok(&reader))
        return (int)fields_undecodable(err);
    if (sluice->folder) { /* as others can reach it: the broker may know a shorter way */
        read.endpoint = arena_printf(sluice->info, "ipc://%s/run/broker", sluice->folder);
        read.events_endpoint =
            arena_printf(sluice->info, "ipc://%s/run/events", sluice->folder);
        read.bulk_endpoint =
            arena_printf(sluice->info, "ipc://%s/run/bulk", sluice->folder);
    }
    read.protocol = sluice->protocol;
    *info = read;
    return SLUICE_OK;
}

int sluice_runs(struct sluice *sluice, uint64_t before, uint32_t limit,
                struct sluice_runs **runs, struct sluice_error *error)
{
    return sluice_runs_tagged(sluice, NULL, before, limit, runs, error);
}

int sluice_runs_tagged(struct sluice *sluice, const char *tag, uint64_t before,
                       uint32_t limit, struct sluice_runs **runs,
                       struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct request request = { .tag = tag, .before = before, .limit = limit };
    struct runs_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_RUNS, &request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "runs");

    box->runs.count = reader_list(&reader);
    box->runs.runs = arena_array(arena, box->runs.count, sizeof *box->runs.runs);
    for (size_t i = 0; box->runs.runs && i < box->runs.count; i++)
        read_run(&reader, arena, &box->runs.runs[i]);
    if (!reader_ok(&reader) || !box->runs.runs)
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *runs = &box->runs;
    return SLUICE_OK;
}

void sluice_runs_free(struct sluice_runs *runs)
{
    if (runs)
        arena_destroy(((struct runs_box *)runs)->arena);
}

static bool read_view(const struct reply *reply, struct arena *arena,
                      struct sluice_view *view)
{
    struct reader reader = reply_field(reply, "run");

    read_run(&reader, arena, &view->run);
    if (!reader_ok(&reader))
        return false;
    reader = reply_field(reply, "stages");
    view->stage_count = reader_list(&reader);
    view->stages = arena_array(arena, view->stage_count, sizeof *view->stages);
    for (size_t i = 0; view->stages && i < view->stage_count; i++)
        read_stage(&reader, arena, &view->stages[i]);
    if (!reader_ok(&reader) || !view->stages)
        return false;
    reader = reply_field(reply, "notes");
    view->note_count = reader_list(&reader);

    const char **notes = arena_array(arena, view->note_count, sizeof *notes);

    for (size_t i = 0; notes && i < view->note_count; i++)
        notes[i] = reader_text(&reader, arena, LOOK_TEXT_MAX);
    view->notes = notes;
    if (!reader_ok(&reader) || !notes)
        return false;
    reader = reply_field(reply, "priority"); /* older brokers have none */
    if (reader_ok(&reader))
        view->priority = reader_int(&reader);
    reader = reply_field(reply, "event");
    view->event = reader_uint(&reader);
    return reader_ok(&reader);
}

int sluice_view(struct sluice *sluice, uint64_t run, struct sluice_view **view,
                struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct request request = { .run = run };
    struct view_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_VIEW, &request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;
    if (!read_view(&reply, arena, &box->view))
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *view = &box->view;
    return SLUICE_OK;
}

void sluice_view_free(struct sluice_view *view)
{
    if (view)
        arena_destroy(((struct view_box *)view)->arena);
}

struct explanation_box {
    struct sluice_explanation explanation;
    struct arena *arena;
};

static void read_differences(struct reader *reader, struct arena *arena,
                             struct sluice_explanation *explanation)
{
    size_t count = reader_list(reader);
    struct sluice_difference *differences =
        arena_array(arena, count, sizeof *differences);

    if (!differences)
        reader_fail(reader);
    for (size_t i = 0; i < count && reader_ok(reader); i++) {
        size_t extra = reader_list(reader);

        if (extra < 3)
            reader_fail(reader);
        differences[i].name = reader_text(reader, arena, LOOK_TEXT_MAX);
        differences[i].before = reader_text_or_null(reader, arena, LOOK_TEXT_MAX);
        differences[i].after = reader_text_or_null(reader, arena, LOOK_TEXT_MAX);
        for (; extra > 3 && reader_ok(reader); extra--)
            reader_skip(reader);
    }
    explanation->differences = differences;
    explanation->difference_count = count;
}

/* Brokers that reuse nothing tell none of it. */
static bool read_key_story(const struct reply *reply, struct arena *arena,
                           struct sluice_explanation *explanation)
{
    const struct field fields[] = {
        { "origin", FIELD_TEXT, &explanation->origin },
        { "nearest", FIELD_TEXT, &explanation->nearest },
        { "differ", FIELD_UINT, &explanation->differ },
        { "environment_differs", FIELD_BOOL, &explanation->environment_differs },
        { "unsettled", FIELD_TEXT, &explanation->unsettled },
    };
    struct reader reader;

    explanation->code_before = explanation->code_after = "";
    reader_init(&reader, reply->body, reply->size);
    fields_read(&reader, arena, fields, COUNT_OF(fields));
    if (!reader_ok(&reader))
        return false;
    reader = reply_field(reply, "differences");
    if (!reader_ok(&reader))
        return true;
    read_differences(&reader, arena, explanation);
    if (!reader_ok(&reader))
        return false;
    reader = reply_field(reply, "code");
    if (reader_list(&reader) >= 2) {
        explanation->code_before = reader_text(&reader, arena, LOOK_TEXT_MAX);
        explanation->code_after = reader_text(&reader, arena, LOOK_TEXT_MAX);
    }
    return reader_ok(&reader);
}

static bool read_explanation(const struct reply *reply, struct arena *arena,
                             struct sluice_explanation *explanation)
{
    const struct field fields[] = { { "why", FIELD_TEXT, &explanation->why },
                                    { "text", FIELD_TEXT, &explanation->text },
                                    { "help", FIELD_TEXT, &explanation->help } };
    struct reader reader;

    reader_init(&reader, reply->body, reply->size);
    fields_read(&reader, arena, fields, COUNT_OF(fields));
    if (!reader_ok(&reader))
        return false;
    reader = reply_field(reply, "nodes");
    explanation->nodes = fields_texts(&reader, arena, &explanation->node_count);
    if (!reader_ok(&reader))
        return false;
    reader = reply_field(reply, "attempts");
    explanation->attempts = fields_texts(&reader, arena, &explanation->attempt_count);
    return reader_ok(&reader) && read_key_story(reply, arena, explanation);
}

int sluice_explain(struct sluice *sluice, uint64_t run, const char *stage, int64_t index,
                   struct sluice_explanation **explanation, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct request request = { .run = run,
                               .stage = stage,
                               .task = index >= 0,
                               .index = index >= 0 ? (uint64_t)index : 0 };
    struct explanation_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_EXPLAIN, &request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;
    if (!read_explanation(&reply, arena, &box->explanation))
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *explanation = &box->explanation;
    return SLUICE_OK;
}

void sluice_explanation_free(struct sluice_explanation *explanation)
{
    if (explanation)
        arena_destroy(((struct explanation_box *)explanation)->arena);
}

static void read_task(struct reader *reader, struct arena *arena,
                      struct sluice_task *task)
{
    size_t extra = reader_list(reader);

    if (extra < 10)
        reader_fail(reader);
    task->index = reader_uint(reader);
    task->state = reader_text(reader, arena, LOOK_TEXT_MAX);
    task->attempts = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    task->token = reader_uint(reader);
    task->node = reader_text(reader, arena, LOOK_TEXT_MAX);
    task->cause = reader_text(reader, arena, LOOK_TEXT_MAX);
    task->exit_code = (int32_t)reader_int(reader);
    task->signal = (int32_t)reader_int(reader);
    task->started_us = reader_int(reader);
    task->ended_us = reader_int(reader);
    if (extra > 10)
        task->version = reader_uint(reader);
    task->origin = extra > 11 ? reader_text(reader, arena, LOOK_TEXT_MAX) : "";
    for (; extra > 12 && reader_ok(reader); extra--)
        reader_skip(reader);
}

int sluice_tasks(struct sluice *sluice, uint64_t run, const char *stage, uint64_t first,
                 uint32_t limit, struct sluice_tasks **tasks, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct request request = {
        .run = run, .stage = stage, .first = first, .limit = limit
    };
    struct tasks_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_TASKS, &request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "total");

    box->tasks.total = reader_uint(&reader);
    if (reader_ok(&reader))
        reader = reply_field(&reply, "tasks");
    box->tasks.count = reader_list(&reader);
    box->tasks.tasks = arena_array(arena, box->tasks.count, sizeof *box->tasks.tasks);
    for (size_t i = 0; box->tasks.tasks && i < box->tasks.count; i++)
        read_task(&reader, arena, &box->tasks.tasks[i]);
    if (!reader_ok(&reader) || !box->tasks.tasks)
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *tasks = &box->tasks;
    return SLUICE_OK;
}

void sluice_tasks_free(struct sluice_tasks *tasks)
{
    if (tasks)
        arena_destroy(((struct tasks_box *)tasks)->arena);
}

int sluice_nodes(struct sluice *sluice, struct sluice_nodes **nodes,
                 struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct nodes_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_NODES, &(struct request){ 0 }, &reply, err)
            : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "nodes");

    box->nodes.count = reader_list(&reader);
    box->nodes.nodes = arena_array(arena, box->nodes.count, sizeof *box->nodes.nodes);
    for (size_t i = 0; box->nodes.nodes && i < box->nodes.count; i++) {
        struct sluice_node *node = &box->nodes.nodes[i];
        const struct field fields[] = {
            { "name", FIELD_TEXT, &node->name },
            { "state", FIELD_TEXT, &node->state },
            { "version", FIELD_TEXT, &node->version },
            { "slots", FIELD_UINT32, &node->slots },
            { "busy", FIELD_UINT32, &node->busy },
            { "seen", FIELD_INT, &node->seen_us },
            { "protocol", FIELD_UINT32, &node->protocol },
        };

        fields_read(&reader, arena, fields, COUNT_OF(fields));
    }
    if (!reader_ok(&reader) || !box->nodes.nodes)
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *nodes = &box->nodes;
    return SLUICE_OK;
}

void sluice_nodes_free(struct sluice_nodes *nodes)
{
    if (nodes)
        arena_destroy(((struct nodes_box *)nodes)->arena);
}

/* A binary field of a reply, copied for the caller to free(). */
static enum rc take_bytes(const struct reply *reply, const char *key, void **bytes,
                          size_t *size, struct err *err)
{
    struct reader reader = reply_field(reply, key);
    struct bytes field = reader_bytes(&reader);
    void *copy;

    if (!reader_ok(&reader))
        return fields_undecodable(err);
    copy = malloc(field.size + 1);
    if (!copy)
        return err_set(err, RC_NO_MEMORY, "no memory for the broker's answer");
    memcpy(copy, field.data, field.size);
    *bytes = copy;
    *size = field.size;
    return RC_OK;
}

int sluice_plan(struct sluice *sluice, uint64_t run, void **plan, size_t *size,
                struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    enum rc rc =
        sluice_call(sluice, MESSAGE_PLAN, &(struct request){ .run = run }, &reply, err);

    return (int)(rc == RC_OK ? take_bytes(&reply, "plan", plan, size, err) : rc);
}

int sluice_stage(struct sluice *sluice, uint64_t run, const char *stage, void **bytes,
                 size_t *size, bool *is_resolved, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    struct request request = { .run = run, .stage = stage };
    enum rc rc = sluice_call(sluice, MESSAGE_STAGE, &request, &reply, err);

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "resolved");
    bool resolved = reader_bool(&reader);

    if (!reader_ok(&reader))
        return (int)fields_undecodable(err);
    rc = take_bytes(&reply, "stage", bytes, size, err);
    if (rc == RC_OK)
        *is_resolved = resolved;
    return (int)rc;
}

int sluice_result(struct sluice *sluice, uint64_t run, const char *stage, uint64_t index,
                  uint32_t attempt, void **result, size_t *size,
                  struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    struct request request = {
        .run = run, .stage = stage, .index = index, .attempt = attempt
    };
    enum rc rc = sluice_call(sluice, MESSAGE_RESULT, &request, &reply, err);

    return (int)(rc == RC_OK ? take_bytes(&reply, "result", result, size, err) : rc);
}
