/* broker_fixture.h - a whole broker in a folder of its own, to which nobody connects: its
 * handlers are called as inbox.c calls them. */
#pragma once

#include "broker/broker_state.h"
#include "codecs/version/version.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 64 << 20 };

struct fixture {
    char folder[64];
    struct broker *broker;
    struct arena *arena;
};

static inline void say(struct broker *broker, enum message_type type,
                       const struct buf *body)
{
    node_message(broker, "node-1",
                 &(struct message_header){ .protocol = PROTOCOL_FIRST, .type = type },
                 &(struct link_frame){ body->data, body->size });
}

/* tokens: what the node has. */
static inline void join_with(struct broker *broker, uint64_t *tokens, size_t count)
{
    static uint64_t session;
    scoped_buf body = { 0 };

    node_hello_encode(&body, &(struct node_hello){ .name = "node-1",
                                                   .version = "1",
                                                   .cpu_milli = 8000,
                                                   .takes_any_label = true,
                                                   .empty_max = 100,
                                                   .session = ++session,
                                                   .tokens = tokens,
                                                   .token_count = count });
    say(broker, MESSAGE_JOIN, &body);
}

static inline void join(struct broker *broker)
{
    join_with(broker, NULL, 0);
}

static inline void open_broker(struct fixture *self)
{
    static const struct broker_limits limits = { .stages_max = 1000,
                                                 .answers_max = 1 << 20,
                                                 .turn_max = 1 << 20,
                                                 .message_max = 1 << 20,
                                                 .requests_max = 32,
                                                 .queue_max = 100,
                                                 .events_max = 100,
                                                 .nodes_max = 2,
                                                 .bulk_queue_max = 16,
                                                 .uploads_max = 1,
                                                 .uploads_peer_max = 1 };
    struct err err;

    must(broker_create(&(struct broker_settings){ .directory = self->folder,
                                                  .requests = "inproc://requests",
                                                  .events = "inproc://events",
                                                  .bulk = "inproc://bulk",
                                                  .node_timeout_ms = 10000,
                                                  .limits = limits,
                                                  .idle_exit_ms = 1000,
                                                  .ready_fd = -1 },
                       &self->broker, &err)
         == RC_OK);
    self->broker->scratch = self->arena;
}

static inline void close_broker(struct fixture *self)
{
    self->broker->scratch = NULL;
    broker_destroy(self->broker);
}

static inline int fixture_setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);

    must(self != NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/sluice-versions-XXXXXX");
    must(mkdtemp(self->folder) != NULL);
    self->arena = arena_create(ARENA_MAX);
    open_broker(self);
    *state = self;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *self = *state;
    char command[128];

    close_broker(self);
    snprintf(command, sizeof command, "rm -rf %s", self->folder);
    must(system(command) == 0);
    arena_destroy(self->arena);
    free(self);
    return 0;
}

/* What turn.c does at the end of a turn. */
static inline void commit(struct broker *broker)
{
    struct err err;

    core_flush(broker->core, &broker->changes);
    apply_changes(broker);
    assert_int_equal(broker->batch.rc, RC_OK);
    assert_int_equal(store_counters_put(broker->store, &broker->counters, &err), RC_OK);
    assert_int_equal(store_commit(broker->store, &err), RC_OK);
    core_forget(broker->core, &broker->changes);
    apply_changes(broker);
    broker->changes.count = broker->applied = 0;
}

static inline void submit_plan(struct broker *broker, const struct plan *plan)
{
    static uint8_t salt;
    const uint8_t submission[16] = { ++salt };
    scoped_buf bytes = { 0 }, body = { 0 };
    struct err err;

    plan_encode(&bytes, plan);
    must(request_submit(
             broker,
             &(struct request){ .submission = submission,
                                .plan = { (const char *)bytes.data, bytes.size } },
             &body, &err)
         == RC_OK);
    broker_step(broker, &(struct core_input){ .kind = INPUT_TICK });
}

static inline void finish(struct broker *broker, uint64_t token, int32_t exit_code)
{
    struct task_result result = { .cause = CAUSE_EXIT,
                                  .exit_code = exit_code,
                                  .started_us = 1,
                                  .ended_us = 2,
                                  .metadata = { .kind = VALUE_MAP } };
    scoped_buf bytes = { 0 }, results = { 0 };

    result_encode(&bytes, &result);
    results_encode(
        &results,
        &(struct result_item){ token, { (const char *)bytes.data, bytes.size } }, 1);
    say(broker, MESSAGE_RESULTS, &results);
}
