/* requests.c - the commands of clients: submit, cancel, approve, shut down. */
#include "broker/broker_state.h"
#include "broker/space/gone.h"

#include <stdio.h>
#include <string.h>

enum { SUBMIT_ARENA_MAX = 1 << 30 };

static void reply_run(struct buf *body, uint64_t run)
{
    pack_map(body, 1);
    pack_text(body, "run");
    pack_uint(body, run);
}

static const char *new_id(struct arena *arena)
{
    char *id = arena_alloc(arena, STORE_ID_SIZE);

    if (id)
        store_new_id(id);
    return id;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* The plan as it is stored, when it has secrets: with masks. */
static enum rc mask(struct broker *broker, struct arena *arena,
                    struct submission *submission, struct err *err)
{
    const struct plan *plan = submission->plan.plan;
    struct plan masked = *plan;
    size_t count = plan->stage_count;
    scoped_buf bytes = { 0 };
    enum rc rc = RC_OK;

    masked.stages = arena_array(arena, count, sizeof *masked.stages);
    submission->secrets = arena_array(arena, count, sizeof *submission->secrets);
    if (!masked.stages || !submission->secrets)
        return err_set(err, RC_NO_MEMORY, "no memory for the plan");
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        masked.stages[i] = plan->stages[i];
        rc = plan_stage_mask(arena, store_mask_key(broker->store), &masked.stages[i],
                             &submission->secrets[i], err);
    }
    if (rc != RC_OK)
        return rc;
    buf_init(&bytes, SUBMIT_ARENA_MAX);
    plan_encode(&bytes, &masked);
    submission->bytes =
        (struct bytes){ buf_ok(&bytes) ? arena_copy(arena, bytes.data, bytes.size) : NULL,
                        bytes.size };
    return submission->bytes.data ? RC_OK
                                  : err_set(err, RC_NO_MEMORY, "no memory for the plan");
}

static bool has_secrets(const struct plan *plan)
{
    for (size_t i = 0; i < plan->stage_count; i++)
        if (plan_stage_has_secrets(&plan->stages[i]))
            return true;
    return false;
}

/* Decodes the plan and works out the run's head. */
static enum rc submission_open(struct broker *broker, const struct request *request,
                               struct submission *submission, struct err *err)
{
    scoped(arena) arena = arena_create(SUBMIT_ARENA_MAX);
    struct plan *plan;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory for the plan");

    enum rc rc = plan_decode(arena, request->plan.data, request->plan.size, &plan, err);

    if (rc != RC_OK)
        return rc;
    submission->plan.plan = plan;
    submission->plan.head = (struct run_head){ .id = new_id(arena),
                                               .title = or_empty(plan->title),
                                               .project = or_empty(plan->project),
                                               .commit = or_empty(plan->code.commit),
                                               .branch = or_empty(plan->code.branch),
                                               .tree = or_empty(plan->code.tree),
                                               .is_pipeline = plan->is_pipeline,
                                               .is_dirty = plan->code.is_dirty };
    memcpy(submission->plan.head.submission, request->submission, 16);
    submission->bytes = request->plan;
    if (!submission->plan.head.id)
        return err_set(err, RC_NO_MEMORY, "no memory for the plan");
    if (has_secrets(plan))
        rc = mask(broker, arena, submission, err);
    if (rc != RC_OK)
        return rc;
    submission->plan.arena = steal(&arena);
    return RC_OK;
}

/* A plan is stored as it is, and once more stage by stage when it is resolved. */
static enum rc submission_fits(struct broker *broker, const struct request *request,
                               struct err *err)
{
    if (store_room(broker->store) > 2 * (uint64_t)request->plan.size)
        return RC_OK;
    return err_set(err, RC_FULL,
                   "the store is as large as store-max (%llu MiB) allows, and takes no "
                   "further runs; what runs goes on: raise store-max (SIGHUP is enough), "
                   "or lower events-keep",
                   (unsigned long long)broker->settings.limits.store_max >> 20);
}

enum rc request_submit(struct broker *broker, const struct request *request,
                       struct buf *body, struct err *err)
{
    struct submission submission = { 0 };
    struct core_input input = { .kind = INPUT_SUBMIT };
    struct stage_shape *shapes;
    struct core_edge *edges;
    uint64_t run;
    enum rc rc;

    if (!request->submission)
        return err_set(err, RC_INVALID,
                       "submit: the field submission (16 bytes) is missing");
    rc = store_run_by_submission(broker->store, request->submission, &run, err);
    if (rc == RC_OK)
        reply_run(body, run);
    if (rc != RC_NOT_FOUND)
        return rc;
    rc = submission_fits(broker, request, err);
    if (rc == RC_OK)
        rc = submission_open(broker, request, &submission, err);
    if (rc == RC_OK)
        rc = plan_use_files(broker, submission.plan.plan, err);
    if (rc == RC_OK
        && plan_shapes(broker, submission.plan.plan, broker->scratch, &shapes, &edges)
               != RC_OK)
        rc = err_set(err, RC_NO_MEMORY, "no memory for the run's stages");
    if (rc != RC_OK) {
        arena_destroy(submission.plan.arena);
        return rc;
    }
    input.shapes = shapes;
    input.shape_count = submission.plan.plan->stage_count;
    input.edges = edges;
    input.edge_count = submission.plan.plan->edge_count;
    broker->submitting = &submission;
    broker_step(broker, &input);
    broker->submitting = NULL;
    arena_destroy(submission.plan.arena); /* NULL once the run has taken it */
    if (submission.run == 0)
        return err_set(
            err, RC_FULL,
            "the broker holds as many unfinished stages as it may; try again later");
    reply_run(body, submission.run);
    return RC_OK;
}

static enum rc run_exists(struct broker *broker, uint64_t run, struct err *err)
{
    return run != 0 && plan_of(broker, run)
               ? RC_OK
               : err_set(err, RC_NOT_FOUND, "there is no run %lu", (unsigned long)run);
}

enum rc request_cancel(struct broker *broker, const struct request *request,
                       struct buf *body, struct err *err)
{
    enum rc rc = run_exists(broker, request->run, err);

    if (rc != RC_OK)
        return rc;
    broker_step(broker,
                &(struct core_input){ .kind = INPUT_CANCEL, .run = request->run });
    if (broker->refused != RC_OK)
        return err_set(err, RC_CONFLICT, "run %lu has ended already",
                       (unsigned long)request->run);
    reply_run(body, request->run);
    return RC_OK;
}

enum rc request_approve(struct broker *broker, const struct request *request,
                        struct buf *body, struct err *err)
{
    struct run_plan *plan;
    uint32_t stage;
    enum rc rc = stage_by_name(broker, request, &plan, &stage, err);

    if (rc != RC_OK)
        return rc;
    broker_step(broker, &(struct core_input){ .kind = INPUT_APPROVE,
                                              .run = request->run,
                                              .stage = stage,
                                              .yes = request->yes });
    if (broker->refused != RC_OK)
        return err_set(err, RC_CONFLICT, "stage %s of run %lu does not wait for approval",
                       request->stage, (unsigned long)request->run);
    reply_run(body, request->run);
    return RC_OK;
}

enum rc request_shutdown(struct broker *broker, const struct request *request,
                         struct buf *body, struct err *err)
{
    if (broker->settings.idle_exit_ms == 0)
        return err_set(
            err, RC_DENIED,
            "this broker is a service: stop it where it was started (SIGTERM)");
    if (core_active(broker->core) > 0 && !request->force)
        return err_set(err, RC_CONFLICT,
                       "%u runs are going on; wait for them, cancel them, or use force",
                       core_active(broker->core));
    broker->is_ending = true;
    pack_map(body, 0);
    return RC_OK;
}
