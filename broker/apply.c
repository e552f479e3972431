/* apply.c - the core's changes become store writes, events, node mail, and answers to its
 * questions.
 *
 * Answers add further changes, so the list is worked off by position until it is at its
 * end. */
#include "broker/broker_state.h"
#include "broker/name_results.h"

static const char *node_name(const struct broker *broker, uint32_t node)
{
    return node < broker->peer_count ? broker->peers[node].name : "?";
}

static void apply_run_new(struct broker *broker, uint64_t run)
{
    struct submission *submitting = broker->submitting;
    struct run_head head = submitting->plan.head;
    struct err err;

    submitting->run = run;
    broker->counters.run_next = run + 1;
    broker->counters_changed = true;
    batch_check(broker,
                store_run_put(broker->store, run, &head, submitting->bytes.data,
                              submitting->bytes.size, &err),
                &err);
    for (size_t i = 0; submitting->secrets && i < submitting->plan.plan->stage_count; i++)
        if (submitting->secrets[i].count > 0)
            batch_check(broker,
                        store_secrets_put(broker->store, run, (uint32_t)i,
                                          &submitting->secrets[i], &err),
                        &err);
    if (plan_keep(broker, run, &submitting->plan) != RC_OK) {
        err_set(&err, RC_NO_MEMORY, "no memory for a run's plan");
        batch_check(broker, RC_NO_MEMORY, &err);
    }
    announce(broker,
             &(struct announcement){ .kind = "run", .run = run, .state = "started" });
}

static void apply_run(struct broker *broker, const struct change *change)
{
    enum run_state state = (enum run_state)change->state;

    announce(broker,
             &(struct announcement){
                 .kind = "run",
                 .run = change->run,
                 .state = run_state_name(state),
                 .reason = state == RUN_COMPLETE ? NULL : reason_name(change->reason) });
}

static void apply_stage(struct broker *broker, const struct change *change)
{
    const struct stage_row *row = core_stage(broker->core, change->run, change->stage);

    if (layer_takes_stage(broker, change))
        return;
    announce(broker, &(struct announcement){
                         .kind = "stage",
                         .run = change->run,
                         .stage = stage_name(broker, change->run, change->stage),
                         .count = row->tasks,
                         .state = stage_state_name((enum stage_state)change->state),
                         .reason = reason_name(change->reason) });
    if (stage_state_is_final((enum stage_state)change->state))
        reuse_ended(broker, change->run, change->stage);
}

/* One event for a range of tasks whose results come from as many in a row. */
static void apply_reused(struct broker *broker, const struct change *change)
{
    struct origin origin;
    const char *stage = stage_name(broker, change->run, change->stage);

    reuse_origin(broker, change->run, change->stage, change->index, &origin);
    announce(broker, &(struct announcement){ .kind = "task",
                                             .run = change->run,
                                             .stage = stage,
                                             .has_index = true,
                                             .index = change->index,
                                             .count = change->count,
                                             .cause = "reused",
                                             .reason = reuse_reference(broker, &origin),
                                             .state = "complete" });
}

static struct task_row task_row_of(struct broker *broker, const struct change *change)
{
    struct task_row row = { 0 };
    struct err err;

    if (store_task(broker->store, change->run, change->stage, change->index, &row, &err)
        != RC_OK)
        row = (struct task_row){ .exit_code = -1 };
    row.attempts = change->number;
    row.node = change->node;
    row.token = change->token;
    return row;
}

static void put_task(struct broker *broker, const struct change *change,
                     const struct task_row *row)
{
    struct err err;

    batch_check(broker,
                store_task_put(broker->store, change->run, change->stage, change->index,
                               row, &err),
                &err);
}

static void assign_each(struct broker *broker, const struct change *change)
{
    struct err err;
    struct change one = *change;

    for (uint64_t i = 0; i < change->count; i++, one.index++, one.token++) {
        struct attempt_row attempt;
        struct task_row row = { .state = TASK_ASSIGNED,
                                .attempts = one.number,
                                .node = one.node,
                                .token = one.token,
                                .exit_code = -1 };

        put_task(broker, &one, &row);
        if (core_attempt(broker->core, one.token, &attempt))
            batch_check(broker, store_attempt_put(broker->store, &attempt, &err), &err);
    }
}

static void apply_assign(struct broker *broker, const struct change *change)
{
    bool is_gathered = layer_takes_assigned(broker, change);
    bool is_empty =
        is_gathered || core_stage_is_empty(broker->core, change->run, change->stage);

    broker->counters.token_next = core_token_next(broker->core);
    broker->counters_changed = true;
    if (is_gathered)
        ; /* stored and announced with the others */
    else if (is_empty && change->number == 1 && change->gpus == 0)
        span_assigned(broker, change);
    else
        assign_each(broker, change);
    mail_task(broker, change->node,
              &(struct assignment){
                  .run = change->run,
                  .stage = change->stage,
                  .index = change->index,
                  .count = change->count,
                  .token = change->token,
                  .number = change->number,
                  .gpus = change->gpus,
                  .is_empty = is_empty && broker->peers[change->node].takes_empty });
    if (is_gathered)
        return;
    announce(broker, &(struct announcement){
                         .kind = "attempt",
                         .run = change->run,
                         .stage = stage_name(broker, change->run, change->stage),
                         .has_index = true,
                         .index = change->index,
                         .count = change->count,
                         .token = change->token,
                         .attempt = change->number,
                         .node = node_name(broker, change->node),
                         .state = "assigned" });
}

static void announce_task(struct broker *broker, const struct change *change,
                          const char *kind, const char *state, bool has_exit)
{
    const struct task_result *result = broker->result;

    announce(broker, &(struct announcement){
                         .kind = kind,
                         .run = change->run,
                         .stage = stage_name(broker, change->run, change->stage),
                         .has_index = true,
                         .index = change->index,
                         .attempt = change->number,
                         .token = change->token,
                         .node = node_name(broker, change->node),
                         .cause = has_exit ? cause_name(result->cause) : NULL,
                         .has_exit = has_exit && result->exit_code >= 0,
                         .exit_code = has_exit ? result->exit_code : 0,
                         .reason = has_exit ? result->message : NULL,
                         .state = state });
}

static void apply_begun(struct broker *broker, const struct change *change)
{
    struct task_row row = task_row_of(broker, change);
    struct attempt_row attempt;
    struct err err;

    row.state = TASK_STARTED;
    row.started_us = broker->started_us;
    put_task(broker, change, &row);
    span_leave(broker, change);
    if (core_attempt(broker->core, change->token, &attempt))
        batch_check(broker, store_attempt_put(broker->store, &attempt, &err), &err);
    announce_task(broker, change, "task", "started", false);
}

static void attempt_gone(struct broker *broker, const struct change *change)
{
    struct err err;

    batch_check(broker, store_attempt_remove(broker->store, change->token, &err), &err);
    span_leave(broker, change);
}

static void apply_artifacts(struct broker *broker, const struct change *change)
{
    const struct task_result *result = broker->result;
    struct err err;

    for (size_t i = 0; i < result->output_count; i++) {
        const struct plan_source *output = &result->outputs[i];
        struct artifact_record record = { .digest = output->digest,
                                          .name = output->name,
                                          .size = output->size,
                                          .run = change->run,
                                          .stage = change->stage,
                                          .index = change->index,
                                          .created_us = broker->now_us };

        near_made(broker, change->node, output);
        batch_check(broker, store_artifact_put(broker->store, &record, &err), &err);
        announce(broker, &(struct announcement){
                             .kind = "artifact",
                             .run = change->run,
                             .stage = stage_name(broker, change->run, change->stage),
                             .has_index = true,
                             .index = change->index,
                             .name = output->name,
                             .digest = output->digest,
                             .size = output->size,
                             .state = "stored" });
    }
}

static enum task_state task_state_of(enum result_status status)
{
    switch (status) {
    case RESULT_COMPLETE:
        return TASK_COMPLETE;
    case RESULT_ERROR:
        return TASK_ERROR;
    case RESULT_STOPPED:
        return TASK_STOPPED;
    case RESULT_CRASHED:
    case RESULT_STATUS_COUNT:
        break;
    }
    return TASK_CRASHED;
}

void apply_ended(struct broker *broker, const struct change *change)
{
    const struct task_result *result = broker->result;
    struct task_row row = task_row_of(broker, change);
    enum task_state state = task_state_of(change->status);
    struct err err;

    must(result != NULL);
    row.state = change->will_retry ? TASK_QUEUED : state;
    row.cause = result->cause;
    row.exit_code = result->exit_code;
    row.signal = result->signal;
    row.started_us = result->started_us ? result->started_us : row.started_us;
    row.ended_us = result->ended_us;
    row.version = change->will_retry ? 0 : version_add(broker, change, &row, true);
    put_task(broker, change, &row);
    attempt_gone(broker, change);
    batch_check(broker,
                store_result_put(broker->store, change->run, change->stage, change->index,
                                 change->number, broker->result_bytes.data,
                                 broker->result_bytes.size, &err),
                &err);
    apply_artifacts(broker, change);
    if (state == TASK_COMPLETE)
        reuse_success(broker,
                      &(struct origin){ change->run, change->index, change->stage });
    if (!change->will_retry)
        batch_check(broker,
                    store_lineage_result(broker->store, change->run, change->stage,
                                         change->index, result, &err),
                    &err);
    if (!change->will_retry)
        names_apply(broker, &(struct named_task){
                                .run = change->run,
                                .index = change->index,
                                .stage = change->stage,
                                .name = stage_name(broker, change->run, change->stage) });
    announce_task(broker, change, "attempt", task_state_name(state), true);
    announce_task(broker, change, "task",
                  change->will_retry ? "retrying" : task_state_name(state), true);
}

static void apply_lost(struct broker *broker, const struct change *change)
{
    struct task_row row = task_row_of(broker, change);

    row.state = change->will_retry ? TASK_QUEUED : task_state_of(change->status);
    row.cause = CAUSE_LOST;
    row.ended_us = broker->now_us;
    row.version = change->will_retry ? 0 : version_add(broker, change, &row, false);
    put_task(broker, change, &row);
    attempt_gone(broker, change);
    announce_task(broker, change, "attempt", "lost", false);
    announce_task(broker, change, "task",
                  change->will_retry ? "retrying" : task_state_name(row.state), false);
}

static void apply_node(struct broker *broker, const struct change *change)
{
    struct node_view view = { 0 };
    struct peer *peer = &broker->peers[change->node];
    struct node_record record = { .name = peer->name,
                                  .version = peer->version,
                                  .seen_us = broker->now_us,
                                  .session = peer->session.number };
    struct err err;

    if (core_node(broker->core, change->node, &view))
        record.slots = view.cpu_milli / 1000;
    batch_check(broker, store_node_put(broker->store, change->node, &record, &err), &err);
    announce(broker, &(struct announcement){
                         .kind = "node",
                         .name = peer->name,
                         .count = record.slots,
                         .state = node_state_name((enum node_state)change->state) });
}

/* The sums are stored with the end of the run; while it goes on they are worked out when
 * asked for, because adding up all stages at every change would cost more than everything
 * else. */
static void apply_run_row(struct broker *broker, uint64_t run)
{
    const struct run_row *row = core_run(broker->core, run);
    struct run_totals totals = { 0 };
    uint64_t running;
    struct err err;

    if (run_state_is_final(row->state))
        run_totals(broker, run, row->stages, broker->scratch, &totals, &running);
    batch_check(broker, store_run_row_put(broker->store, row, &totals, &err), &err);
    if (run_state_is_final(row->state))
        batch_check(broker, store_secrets_remove(broker->store, run, &err), &err);
}

static void apply_stage_row(struct broker *broker, const struct change *change)
{
    const struct stage_row *row = core_stage(broker->core, change->run, change->stage);
    struct err err;

    batch_check(broker,
                store_stage_put(broker->store, change->run, change->stage, row, &err),
                &err);
}

static void tell_node(struct broker *broker, const struct change *change)
{
    if (change->kind == CHANGE_TAKEN)
        mail_taken(broker, change->node, change->token);
    else if (change->kind == CHANGE_STOP)
        mail_stop(broker, change->node, change->token);
    else
        mail_drop(broker, change->node, change->token);
}

static void apply_change(struct broker *broker, const struct change *change)
{
    switch (change->kind) {
    case CHANGE_REFUSED:
        broker->refused = change->rc;
        break;
    case CHANGE_RUN_NEW:
        apply_run_new(broker, change->run);
        break;
    case CHANGE_RUN:
        apply_run(broker, change);
        break;
    case CHANGE_STAGE:
        apply_stage(broker, change);
        break;
    case CHANGE_RESOLVE:
        answer_resolve(broker, change->run, change->stage);
        break;
    case CHANGE_EVALUATE:
        answer_evaluate(broker, change->run, change->stage, change->when);
        break;
    case CHANGE_REUSED:
        apply_reused(broker, change);
        break;
    case CHANGE_ASSIGN:
        apply_assign(broker, change);
        break;
    case CHANGE_BEGUN:
        apply_begun(broker, change);
        break;
    case CHANGE_ENDED:
        apply_ended(broker, change);
        break;
    case CHANGE_BLOCK:
        block_ended(broker, change);
        break;
    case CHANGE_LOST:
        apply_lost(broker, change);
        break;
    case CHANGE_TAKEN:
    case CHANGE_STOP:
    case CHANGE_DROP:
        tell_node(broker, change);
        break;
    case CHANGE_NODE:
        apply_node(broker, change);
        looks_wake(broker);
        break;
    case CHANGE_RUN_ROW:
        apply_run_row(broker, change->run);
        break;
    case CHANGE_STAGE_ROW:
        apply_stage_row(broker, change);
        break;
    case CHANGE_RUN_GONE:
        plan_drop(broker, change->run);
        break;
    case CHANGE_KIND_COUNT:
        unreachable_because("the core makes no such change");
    }
}

void apply_changes(struct broker *broker)
{
    while (broker->applied < broker->changes.count) {
        struct change change = broker->changes.items[broker->applied++];

        apply_change(broker, &change);
    }
    layer_flush(broker);
}
