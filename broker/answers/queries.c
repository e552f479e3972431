/* queries.c - what clients may look at. Reads only; bodies are documented in
 * docs/protocol.md. */
#include "broker/broker_state.h"
#include "broker/store/names.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RUNS_MAX = 10000,
    TASKS_MAX = 10000,
    EVENTS_MAX = 10000,
    EVENT_BYTES_MAX = 4 << 20,
    FAILURES_LOOKED_AT = 10000
};

static void field_text(struct buf *body, const char *key, const char *text)
{
    pack_text(body, key);
    pack_text(body, text ? text : "");
}

static void field_uint(struct buf *body, const char *key, uint64_t number)
{
    pack_text(body, key);
    pack_uint(body, number);
}

static void field_int(struct buf *body, const char *key, int64_t number)
{
    pack_text(body, key);
    pack_int(body, number);
}

static void field_bool(struct buf *body, const char *key, bool boolean)
{
    pack_text(body, key);
    pack_bool(body, boolean);
}

static enum rc no_such_run(uint64_t run, struct err *err)
{
    return err_set(err, RC_NOT_FOUND, "there is no run %lu", (unsigned long)run);
}

enum rc stage_by_name(struct broker *broker, const struct request *request,
                      struct run_plan **plan, uint32_t *stage, struct err *err)
{
    struct run_plan *found = plan_of(broker, request->run);

    if (!found)
        return no_such_run(request->run, err);
    for (size_t i = 0; request->stage && i < found->plan->stage_count; i++)
        if (strcmp(found->plan->stages[i].name, request->stage) == 0) {
            *plan = found;
            *stage = (uint32_t)i;
            return RC_OK;
        }
    return err_set(err, RC_NOT_FOUND, "run %lu has no stage \"%s\"",
                   (unsigned long)request->run, request->stage ? request->stage : "");
}

enum rc query_status(struct broker *broker, const struct request *request,
                     struct buf *body, struct err *err)
{
    struct node_view view;
    uint32_t online = 0, protocol = 0;
    enum rc rc = protocol_agree("the broker", protocol_ours(), "the client",
                                request->speaks, &protocol, err);

    if (rc != RC_OK)
        return rc;
    for (uint32_t i = 0; i < broker->peer_count; i++)
        online += core_node(broker->core, i, &view) && view.state == NODE_ONLINE;
    pack_map(body, 14);
    field_text(body, "version", SLUICE_VERSION);
    field_text(body, "store", store_id(broker->store));
    field_text(body, "requests", broker->requests_at);
    field_text(body, "events", broker->events_at);
    field_text(body, "bulk", broker->bulk_at);
    field_uint(body, "pid", (uint64_t)getpid());
    field_int(body, "started", broker->started_at_us);
    field_uint(body, "active", core_active(broker->core));
    field_uint(body, "runs", core_run_next(broker->core) - 1);
    field_uint(body, "event", broker->counters.event_next - 1);
    field_uint(body, "nodes", online);
    field_uint(body, "protocol", protocol);
    field_uint(body, "message_max", broker->settings.limits.message_max);
    pack_text(body, "speaks");
    protocol_range_pack(body, protocol_ours());
    return RC_OK;
}

enum rc query_find(struct broker *broker, const struct request *request, struct buf *body,
                   struct err *err)
{
    const char *text = request->text ? request->text : "";
    uint64_t last = core_run_next(broker->core) - 1, run;
    char *end;
    enum rc rc = RC_OK;

    if (strcmp(text, "last") == 0) {
        run = last;
        if (run == 0)
            return err_set(err, RC_NOT_FOUND, "there are no runs yet");
    } else {
        run = strtoull(text, &end, 10);
        if (*text == '\0' || *end != '\0' || run == 0 || run > last)
            rc =
                strlen(text) >= 4
                    ? store_run_by_id(broker->store, text, &run, err)
                    : err_set(err, RC_NOT_FOUND,
                              "there is no run \"%s\": give a number, last, or 4 or more "
                              "characters of an id",
                              text);
    }
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    field_uint(body, "run", run);
    return RC_OK;
}

/* What one task of a stage asks of a node. */
const char *demand_text(struct broker *broker, const struct plan_stage *stage)
{
    scoped_buf text = { 0 };

    buf_printf(&text, "%g CPU", stage->cpu_min > 0 ? stage->cpu_min : 1);
    if (stage->memory_min_mb > 0)
        buf_printf(&text, ", %g MB of memory", stage->memory_min_mb);
    if (stage->gpus > 0)
        buf_printf(&text, ", %g GPU", stage->gpus);
    if (stage->environment && stage->environment[0])
        buf_printf(&text, ", environment %s", stage->environment);

    const char *kept = arena_text(broker->scratch, buf_string(&text));

    return kept ? kept : "";
}

static const char *reason_text(struct broker *broker, struct run_plan *plan,
                               enum reason reason, uint32_t stage)
{
    const char *name =
        stage < plan->plan->stage_count ? plan->plan->stages[stage].name : "?";
    const char *format = "%s";

    switch (reason) {
    case REASON_NONE:
    case REASON_COUNT:
        return "";
    case REASON_TASK_FAILED:
        format = "stage %s failed";
        break;
    case REASON_UNRESOLVED:
        format = "stage %s could not be given its values";
        break;
    case REASON_UPSTREAM:
        format = "stage %s did not succeed";
        break;
    case REASON_CONDITION:
        format = "the stop-condition of %s was met";
        break;
    case REASON_ACTION:
        format = "an action of stage %s ended the run";
        break;
    case REASON_UNFIT:
        return arena_printf(broker->scratch, "no node has what stage %s asks for: %s",
                            name,
                            stage < plan->plan->stage_count
                                ? demand_text(broker, &plan->plan->stages[stage])
                                : "?");
    case REASON_POISON:
        format = "a task of stage %s lost one node after the other and was given up";
        break;
    case REASON_REJECTED:
        format = "stage %s was rejected";
        break;
    case REASON_CANCELLED:
        return "cancelled";
    }
    /* The formats are the literals above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const char *text = arena_printf(broker->scratch, format, name);
#pragma GCC diagnostic pop
    return text ? text : "";
}

/* Names the stage that ended the run. A plan that is read only for that is not kept,
 * since a list may need many. */
static const char *run_reason(struct broker *broker, const struct run_row *row)
{
    struct run_plan *plan;
    const char *text;

    if (row->state == RUN_COMPLETE || row->reason == REASON_NONE)
        return "";
    plan = plan_of(broker, row->run);
    text = plan ? reason_text(broker, plan, row->reason, row->reason_stage) : "";
    if (!core_run(broker->core, row->run))
        plan_drop(broker, row->run);
    return text;
}

static enum rc run_fields(struct broker *broker, uint64_t run, struct buf *body,
                          struct err *err)
{
    const struct run_row *live = core_run(broker->core, run);
    struct run_head head;
    struct run_row row;
    struct run_totals totals;
    const char *const *tags;
    uint64_t running = 0;
    size_t tag_count;
    enum rc rc = store_run(broker->store, run, broker->scratch, &head, err);

    if (rc == RC_NOT_FOUND)
        return no_such_run(run, err);
    if (rc == RC_OK && !live)
        rc = store_run_row(broker->store, run, &row, &totals, err);
    if (rc != RC_OK)
        return rc;
    if (live) {
        row = *live;
        run_totals(broker, run, row.stages, broker->scratch, &totals, &running);
    }
    rc = store_tags(broker->store, TAGGED_RUN, run, broker->scratch, &tags, &tag_count,
                    err);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 19);
    field_uint(body, "run", run);
    field_text(body, "id", head.id);
    field_text(body, "title", head.title);
    field_bool(body, "pipeline", head.is_pipeline);
    field_text(body, "state", run_state_name(row.state));
    field_text(body, "reason", run_reason(broker, &row));
    field_text(body, "commit", head.commit);
    field_bool(body, "dirty", head.is_dirty);
    field_text(body, "tree", head.tree);
    field_int(body, "created", row.created_us);
    field_int(body, "ended", row.ended_us);
    field_uint(body, "stages", row.stages);
    field_uint(body, "tasks", totals.tasks);
    field_uint(body, "complete", totals.complete);
    field_uint(body, "failed", totals.failed);
    field_uint(body, "stopped", totals.stopped);
    field_uint(body, "running", running);
    pack_text(body, "tags");
    pack_list(body, tag_count);
    for (size_t i = 0; i < tag_count; i++)
        pack_text(body, tags[i]);
    field_uint(body, "reused", totals.reused);
    return RC_OK;
}

enum rc query_runs(struct broker *broker, const struct request *request, struct buf *body,
                   struct err *err)
{
    uint64_t runs[RUNS_MAX];
    size_t limit =
        request->limit && request->limit < RUNS_MAX ? request->limit : RUNS_MAX;
    size_t count = request->tag ? store_tagged(broker->store, TAGGED_RUN, request->tag,
                                               request->before, runs, limit)
                                : store_runs(broker->store, request->before, runs, limit);

    pack_map(body, 1);
    pack_text(body, "runs");
    pack_list(body, count);
    for (size_t i = 0; i < count; i++) {
        enum rc rc = run_fields(broker, runs[i], body, err);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

struct first_failure {
    uint64_t index;
    struct task_row row;
    bool is_found;
};

static void visit_failure(void *context, uint64_t index, const struct task_row *row)
{
    struct first_failure *failure = context;

    if (failure->is_found || (row->state != TASK_ERROR && row->state != TASK_CRASHED))
        return;
    *failure = (struct first_failure){ index, *row, true };
}

/* The first task that failed, as far as it is among the first ones. */
static const char *failure_text(struct broker *broker, uint64_t run, uint32_t stage)
{
    struct first_failure failure = { 0 };
    const char *text;
    struct err err;

    if (store_tasks(broker->store, run, stage, 0, FAILURES_LOOKED_AT, visit_failure,
                    &failure, &err)
            != RC_OK
        || !failure.is_found)
        return "a task failed";
    if (failure.row.cause == CAUSE_EXIT)
        text = arena_printf(broker->scratch, "task %lu: exit code %d",
                            (unsigned long)failure.index, failure.row.exit_code);
    else if (failure.row.cause == CAUSE_SIGNAL)
        text = arena_printf(broker->scratch, "task %lu: killed by signal %d",
                            (unsigned long)failure.index, failure.row.signal);
    else
        text = arena_printf(broker->scratch, "task %lu: %s", (unsigned long)failure.index,
                            cause_name(failure.row.cause));
    return text ? text : "";
}

const char *stage_reason(struct broker *broker, struct run_plan *plan, uint64_t run,
                         uint32_t stage, const struct stage_row *row)
{
    scoped_buf note = { 0 };
    struct err err;

    if (row->reason == REASON_TASK_FAILED && row->reason_stage == stage)
        return failure_text(broker, run, stage);
    if (row->reason != REASON_UNRESOLVED)
        return reason_text(broker, plan, row->reason, row->reason_stage);
    if (store_note(broker->store, run, stage, &note, &err) != RC_OK)
        return "";

    const char *text = arena_text(broker->scratch, buf_string(&note));

    return text ? text : "";
}

/* Of the first task that uses another's result: "12/train/0". */
static const char *origin_text(struct broker *broker, uint64_t run, uint32_t stage,
                               const struct stage_row *row)
{
    struct reused_range *ranges;
    size_t count;
    struct err err;

    if (row->reused == 0
        || store_reused(broker->store, run, stage, broker->scratch, &ranges, &count, &err)
               != RC_OK
        || count == 0)
        return "";
    return reuse_reference(broker, &ranges[0].origin);
}

static void stage_fields(struct broker *broker, struct run_plan *plan, uint64_t run,
                         uint32_t stage, struct buf *body)
{
    struct stage_row row = stage_row_of(broker, run, stage, broker->scratch);
    const struct plan_stage *planned = &plan->plan->stages[stage];
    uint64_t over = row.complete + row.failed + row.stopped + row.running;
    bool is_open = !stage_state_is_final(row.state);

    pack_map(body, 16);
    field_text(body, "name", planned->name);
    field_text(body, "step", planned->step);
    field_bool(body, "sweep", planned->kind == STAGE_TASK);
    field_text(body, "state", stage_state_name(row.state));
    field_text(body, "reason", stage_reason(broker, plan, run, stage, &row));
    field_bool(body, "resolved", row.is_resolved);
    field_uint(body, "tasks",
               row.is_resolved ? row.tasks : plan_stage_task_count(planned));
    field_uint(body, "queued", row.is_resolved && is_open ? row.tasks - over : 0);
    field_uint(body, "running", row.running);
    field_uint(body, "complete", row.complete);
    field_uint(body, "failed", row.failed);
    field_uint(body, "stopped", stage_stopped(&row));
    field_int(body, "started", row.started_us);
    field_int(body, "ended", row.ended_us);
    field_uint(body, "reused", row.reused);
    field_text(body, "origin", origin_text(broker, run, stage, &row));
}

/* The plan's notes, then one a line that came up while stages were resolved. */
static void note_fields(struct broker *broker, struct run_plan *plan, uint64_t run,
                        struct buf *body)
{
    scoped_buf lines = { 0 };
    struct err err;
    size_t count = plan->plan->note_count;

    for (uint32_t i = 0; i < plan->plan->stage_count; i++)
        if (store_note(broker->store, run, i, &lines, &err) != RC_OK)
            break;

    const char *text = buf_string(&lines);

    for (const char *at = text; *at; at++)
        count += *at == '\n';
    pack_list(body, count);
    for (size_t i = 0; i < plan->plan->note_count; i++)
        pack_text(body, plan->plan->notes[i]);
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
        pack_string(body, text, (size_t)(end - text));
}

enum rc query_view(struct broker *broker, const struct request *request, struct buf *body,
                   struct err *err)
{
    struct run_plan *plan;
    enum rc rc;

    pack_map(body, 5);
    pack_text(body, "run");
    rc = run_fields(broker, request->run, body, err);
    if (rc != RC_OK)
        return rc;
    plan = plan_of(broker, request->run);
    if (!plan)
        return no_such_run(request->run, err);
    pack_text(body, "stages");
    pack_list(body, plan->plan->stage_count);
    for (uint32_t i = 0; i < plan->plan->stage_count; i++)
        stage_fields(broker, plan, request->run, i, body);
    pack_text(body, "notes");
    note_fields(broker, plan, request->run, body);
    field_int(body, "priority", (int64_t)plan->plan->priority);
    field_uint(body, "event", broker->counters.event_next - 1);
    return RC_OK;
}

static void bytes_field(struct buf *body, const char *key, const struct buf *bytes)
{
    pack_text(body, key);
    pack_bytes(body, bytes->data, bytes->size);
}

enum rc query_plan(struct broker *broker, const struct request *request, struct buf *body,
                   struct err *err)
{
    scoped_buf plan = { 0 };
    enum rc rc = store_plan(broker->store, request->run, &plan, err);

    if (rc == RC_NOT_FOUND)
        return no_such_run(request->run, err);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    bytes_field(body, "plan", &plan);
    return RC_OK;
}

enum rc query_stage(struct broker *broker, const struct request *request,
                    struct buf *body, struct err *err)
{
    struct run_plan *plan;
    uint32_t stage;
    scoped_buf bytes = { 0 };
    enum rc rc = stage_by_name(broker, request, &plan, &stage, err);

    if (rc != RC_OK)
        return rc;
    rc = resolved_of(broker, request->run, stage, &bytes, err);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (rc == RC_NOT_FOUND) {
        struct plan_stage planned = plan->plan->stages[stage];
        struct plan_secrets secrets;

        if (plan_stage_mask(broker->scratch, store_mask_key(broker->store), &planned,
                            &secrets, err)
            != RC_OK)
            return RC_NO_MEMORY;
        plan_stage_encode(&bytes, &planned);
    }
    pack_map(body, 2);
    field_bool(body, "resolved", rc == RC_OK);
    bytes_field(body, "stage", &bytes);
    return RC_OK;
}

struct task_writer {
    struct broker *broker;
    struct buf *body;
    uint64_t at, end; /* the next index to write, and the one to stop before */
    bool is_over;     /* the stage has ended: what still waits will not start */
    const struct reused_range *reused; /* those that at has not passed */
    size_t reused_count;
};

static void write_task(struct task_writer *writer, uint64_t index,
                       const struct task_row *row)
{
    const char *node = row->attempts && row->node < writer->broker->peer_count
                           ? writer->broker->peers[row->node].name
                           : "";
    enum task_state state =
        row->state == TASK_QUEUED && writer->is_over ? TASK_STOPPED : row->state;

    pack_list(writer->body, 12);
    pack_uint(writer->body, index);
    pack_text(writer->body, task_state_name(state));
    pack_uint(writer->body, row->attempts);
    pack_uint(writer->body, row->token);
    pack_text(writer->body, node);
    pack_text(writer->body, row->ended_us ? cause_name(row->cause) : "");
    pack_int(writer->body, row->exit_code);
    pack_int(writer->body, row->signal);
    pack_int(writer->body, row->started_us);
    pack_int(writer->body, row->ended_us);
    pack_uint(writer->body, row->version);
    pack_text(writer->body, "");
}

static void write_reused(struct task_writer *writer, const struct reused_range *range)
{
    struct origin origin = range->origin;

    origin.index += writer->at - range->first;
    pack_list(writer->body, 12);
    pack_uint(writer->body, writer->at);
    pack_text(writer->body, task_state_name(TASK_COMPLETE));
    pack_uint(writer->body, 0); /* attempts, token, node */
    pack_uint(writer->body, 0);
    pack_text(writer->body, "");
    pack_text(writer->body, "reused");
    pack_int(writer->body, 0); /* exit, signal, started, ended */
    pack_int(writer->body, 0);
    pack_int(writer->body, 0);
    pack_int(writer->body, 0);
    pack_uint(writer->body, 0); /* version */
    pack_text(writer->body, reuse_reference(writer->broker, &origin));
}

/* Tasks that were never handed out have no row. */
static void write_queued(struct task_writer *writer, uint64_t until)
{
    for (; writer->at < until; writer->at++) {
        while (writer->reused_count > 0
               && writer->reused->first + writer->reused->count <= writer->at) {
            writer->reused++;
            writer->reused_count--;
        }
        if (writer->reused_count > 0 && writer->reused->first <= writer->at)
            write_reused(writer, writer->reused);
        else
            write_task(writer, writer->at, &(struct task_row){ .exit_code = -1 });
    }
}

static void visit_task(void *context, uint64_t index, const struct task_row *row)
{
    struct task_writer *writer = context;

    if (index >= writer->end)
        return;
    write_queued(writer, index);
    write_task(writer, index, row);
    writer->at = index + 1;
}

enum rc query_tasks(struct broker *broker, const struct request *request,
                    struct buf *body, struct err *err)
{
    struct run_plan *plan;
    uint32_t stage;
    uint64_t limit =
        request->limit && request->limit < TASKS_MAX ? request->limit : TASKS_MAX;
    enum rc rc = stage_by_name(broker, request, &plan, &stage, err);

    if (rc != RC_OK)
        return rc;

    struct stage_row row = stage_row_of(broker, request->run, stage, broker->scratch);
    uint64_t first = request->first < row.tasks ? request->first : row.tasks;
    uint64_t end = row.tasks - first < limit ? row.tasks : first + limit;
    struct task_writer writer = {
        broker, body, first, end, stage_state_is_final(row.state), NULL, 0
    };
    struct reused_range *reused;

    if (row.reused > 0
        && store_reused(broker->store, request->run, stage, broker->scratch, &reused,
                        &writer.reused_count, err)
               == RC_OK)
        writer.reused = reused;

    pack_map(body, 2);
    field_uint(body, "total", row.tasks);
    pack_text(body, "tasks");
    pack_list(body, end - first);
    rc = store_tasks(broker->store, request->run, stage, first, end - first, visit_task,
                     &writer, err);
    write_queued(&writer, end);
    return rc;
}

enum rc query_result(struct broker *broker, const struct request *request,
                     struct buf *body, struct err *err)
{
    struct run_plan *plan;
    uint32_t stage;
    struct origin from;
    scoped_buf bytes = { 0 };
    enum rc rc = stage_by_name(broker, request, &plan, &stage, err);

    if (rc == RC_OK) {
        reuse_origin(broker, request->run, stage, request->index, &from);
        rc = store_result(broker->store, from.run, from.stage, from.index,
                          request->attempt, &bytes, err);
    }
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_NOT_FOUND, "task %lu of stage %s has no result yet",
                       (unsigned long)request->index,
                       request->stage ? request->stage : "");
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    bytes_field(body, "result", &bytes);
    return RC_OK;
}

static void write_streams(struct broker *broker, const struct buf *bytes,
                          struct buf *body)
{
    struct task_result *result;
    struct err err;

    if (bytes->size == 0
        || result_decode(broker->scratch, bytes->data, bytes->size, &result, &err)
               != RC_OK) {
        pack_list(body, 0);
        return;
    }
    pack_list(body, STREAM_COUNT);
    for (unsigned i = 0; i < STREAM_COUNT; i++) {
        pack_list(body, 2);
        pack_uint(body, result->streams[i].size);
        pack_text(body, result->streams[i].digest ? result->streams[i].digest : "");
    }
}

enum rc query_locate(struct broker *broker, const struct request *request,
                     struct buf *body, struct err *err)
{
    struct run_plan *plan;
    uint32_t stage;
    struct task_row row = { 0 };
    struct attempt_row attempt;
    struct origin from;
    scoped_buf bytes = { 0 };
    enum rc rc = stage_by_name(broker, request, &plan, &stage, err);

    if (rc != RC_OK)
        return rc;

    struct stage_row stage_now =
        stage_row_of(broker, request->run, stage, broker->scratch);

    if (stage_now.is_resolved && request->index >= stage_now.tasks)
        return err_set(err, RC_NOT_FOUND, "stage %s has no task %lu", request->stage,
                       (unsigned long)request->index);
    if (reuse_origin(broker, request->run, stage, request->index, &from))
        stage_now = stage_row_of(broker, from.run, from.stage, broker->scratch);
    rc = store_task(broker->store, from.run, from.stage, from.index, &row, err);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    rc = store_result(broker->store, from.run, from.stage, from.index, row.attempts,
                      &bytes, err);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    pack_map(body, 5);
    field_uint(body, "attempt", row.attempts);
    field_uint(body, "token", row.token);
    field_text(body, "node",
               row.attempts && row.node < broker->peer_count
                   ? broker->peers[row.node].name
                   : "");
    field_bool(
        body, "running",
        (row.token != 0 && core_attempt(broker->core, row.token, &attempt))
            || (row.state == TASK_QUEUED && !stage_state_is_final(stage_now.state)));
    pack_text(body, "streams");
    write_streams(broker, &bytes, body);
    return RC_OK;
}

enum rc query_nodes(struct broker *broker, const struct request *request,
                    struct buf *body, struct err *err)
{
    (void)request;
    (void)err;
    pack_map(body, 1);
    pack_text(body, "nodes");
    pack_list(body, broker->peer_count);
    for (uint32_t i = 0; i < broker->peer_count; i++) {
        struct node_view view = { 0 };
        struct node_record record = { 0 };

        (void)core_node(broker->core, i, &view);
        if (store_node(broker->store, i, broker->scratch, &record, err) != RC_OK)
            record = (struct node_record){ 0 };
        pack_map(body, 11);
        field_text(body, "name", broker->peers[i].name);
        field_text(body, "state", node_state_name(view.state));
        field_text(body, "version", broker->peers[i].version);
        field_uint(body, "protocol",
                   view.state == NODE_ONLINE ? broker->peers[i].protocol : 0);
        field_uint(body, "slots", view.cpu_milli / 1000);
        field_uint(body, "busy", view.attempts);
        field_int(body, "seen",
                  view.state == NODE_ONLINE ? broker->now_us : record.seen_us);
        field_uint(body, "memory", view.memory_mb);
        field_uint(body, "gpus", (uint64_t)__builtin_popcountll(view.gpus));
        field_int(body, "cpu_free", view.cpu_free);
        field_uint(body, "gpus_free", (uint64_t)__builtin_popcountll(view.gpus_free));
    }
    return RC_OK;
}

struct event_writer {
    struct buf bytes;
    uint64_t count, limit;
};

static bool visit_event(void *context, uint64_t number, const void *bytes, size_t size)
{
    struct event_writer *writer = context;

    (void)number;
    pack_bytes(&writer->bytes, bytes, size);
    writer->count++;
    return writer->count < writer->limit && writer->bytes.size < EVENT_BYTES_MAX;
}

struct active_list {
    uint64_t *runs;
    size_t count, capacity;
};

static enum rc visit_active(void *context, uint64_t run, struct err *err)
{
    struct active_list *active = context;

    (void)err;
    if (active->count < active->capacity)
        active->runs[active->count++] = run;
    return RC_OK;
}

/* What somebody who missed events that are forgotten needs to know: the runs that go on.
 */
static enum rc write_snapshot(struct broker *broker, uint64_t first, struct buf *body,
                              struct err *err)
{
    struct active_list active = { .capacity = RUNS_MAX };
    enum rc rc;

    active.runs = arena_array(broker->scratch, active.capacity, sizeof *active.runs);
    if (!active.runs)
        return err_set(err, RC_NO_MEMORY, "no memory for the list of active runs");
    rc = store_active_runs(broker->store, visit_active, &active, err);
    pack_text(body, "snapshot");
    pack_map(body, 2);
    field_uint(body, "first", first);
    pack_text(body, "runs");
    pack_list(body, active.count);
    for (size_t i = 0; i < active.count && rc == RC_OK; i++)
        rc = run_fields(broker, active.runs[i], body, err);
    return rc;
}

enum rc query_events(struct broker *broker, const struct request *request,
                     struct buf *body, struct err *err)
{
    struct event_writer writer = { .limit = request->limit && request->limit < EVENTS_MAX
                                                ? request->limit
                                                : EVENTS_MAX };
    uint64_t kept = store_events_first(broker->store);
    uint64_t first = kept ? kept : broker->counters.event_next;
    bool is_behind = request->since < first - 1;
    enum rc rc = store_events(broker->store, request->since, visit_event, &writer, err);

    pack_map(body, is_behind ? 4 : 3);
    field_uint(body, "last", broker->counters.event_next - 1);
    field_uint(body, "first", first);
    pack_text(body, "events");
    pack_list(body, writer.count);
    buf_add(body, writer.bytes.data, writer.bytes.size);
    buf_fini(&writer.bytes);
    if (rc == RC_OK && is_behind)
        rc = write_snapshot(broker, first, body, err);
    return rc;
}
