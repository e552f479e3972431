/* restore.c - the core from the store: at the start, and after a commit that failed. */
#include "broker/broker_state.h"
#include "broker/store/blocks.h"
#include "broker/store/layers.h"

#include <stdio.h>

enum { RESTORE_ARENA_MAX = 1 << 30 };

static enum rc corrupt(uint64_t run, struct err *err)
{
    return err_set(err, RC_CORRUPT,
                   "the stored rows of run %lu contradict each other: restore a backup",
                   (unsigned long)run);
}

static enum rc restore_run(void *context, uint64_t run, struct err *err)
{
    struct broker *broker = context;
    scoped(arena) arena = arena_create(RESTORE_ARENA_MAX);
    struct run_plan *plan = plan_of(broker, run);
    struct run_row row;
    struct run_totals totals;
    struct stage_shape *shapes;
    struct core_edge *edges;
    enum rc rc;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "run %lu", (unsigned long)run);
    rc = store_run_row(broker->store, run, &row, &totals, err);
    if (rc != RC_OK)
        return rc;
    if (!plan || plan->plan->stage_count != row.stages)
        return corrupt(run, err);

    struct stage_row *stages = arena_array(arena, row.stages, sizeof *stages);

    if (!stages || plan_shapes(broker, plan->plan, arena, &shapes, &edges) != RC_OK)
        return err_set(err, RC_NO_MEMORY, "run %lu", (unsigned long)run);
    for (uint32_t i = 0; rc == RC_OK && i < row.stages; i++) {
        stages[i] = (struct stage_row){ .state = STAGE_WAITING };
        rc = store_stage(broker->store, run, i, arena, &stages[i], err);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc; /* it waits, as it was made */
    }
    if (rc == RC_OK)
        rc = reuse_restore(broker, run, plan->plan, stages, row.stages, arena, err);
    if (rc != RC_OK)
        return rc;
    rc = core_restore_run(broker->core, &row, shapes, stages, edges,
                          plan->plan->edge_count);
    return rc == RC_OK ? RC_OK : corrupt(run, err);
}

static enum rc restore_attempt(void *context, const struct attempt_row *row,
                               struct err *err)
{
    struct broker *broker = context;

    if (core_restore_attempt(broker->core, row) != RC_OK)
        return corrupt(row->run, err);
    return RC_OK;
}

static enum rc restore_layers(void *context, uint64_t run, struct err *err)
{
    struct broker *broker = context;

    return store_layer_attempts(broker->store, run, restore_attempt, broker, err);
}

static enum rc restore_nodes(struct broker *broker, struct err *err)
{
    scoped(arena) arena = arena_create(RESTORE_ARENA_MAX);

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "nodes");
    peers_fini(broker);
    for (uint32_t i = 0; i < broker->counters.node_next; i++) {
        struct node_record record;
        enum rc rc = store_node(broker->store, i, arena, &record, err);

        if (rc != RC_OK)
            return rc;

        struct peer *peer = peer_add(broker, i, record.name);

        if (!peer)
            return err_set(err, RC_NO_MEMORY, "no memory for node %s", record.name);
        snprintf(peer->version, sizeof peer->version, "%s", record.version);
        core_restore_node(broker->core, i);
        session_begin(&peer->session, record.session);
    }
    return RC_OK;
}

struct core_options core_options_of(const struct broker_settings *settings)
{
    return (struct core_options){ .node_timeout_us = settings->node_timeout_ms * 1000,
                                  .stages_max = settings->limits.stages_max,
                                  .retry_first_us = settings->retry_wait_ms * 1000,
                                  .retry_max_us = settings->retry_wait_max_ms * 1000 };
}

enum rc broker_restore(struct broker *broker, struct err *err)
{
    struct core_options options = core_options_of(&broker->settings);
    enum rc rc;

    core_destroy(broker->core);
    plans_fini(broker);
    reuse_begin_again(broker);
    broker->changes.count = broker->applied = 0;
    broker->counters_changed = false;
    broker->core = core_create(&options);
    if (!broker->core)
        return err_set(err, RC_NO_MEMORY, "no memory for the core");
    rc = store_counters(broker->store, &broker->counters, err);
    if (rc != RC_OK)
        return rc;
    core_restore_counters(broker->core, broker->counters.run_next,
                          broker->counters.token_next);
    rc = restore_nodes(broker, err);
    if (rc == RC_OK)
        rc = store_active_runs(broker->store, restore_run, broker, err);
    if (rc == RC_OK)
        rc = store_attempts(broker->store, restore_attempt, broker, err);
    if (rc == RC_OK)
        rc = store_spans(broker->store, restore_attempt, broker, err);
    if (rc == RC_OK)
        rc = store_active_runs(broker->store, restore_layers, broker, err);
    if (rc != RC_OK)
        return rc;
    if (core_restored(broker->core, broker->now_us) != RC_OK)
        return err_set(
            err, RC_CORRUPT,
            "stored stages and attempts contradict each other: restore a backup");
    return RC_OK;
}
