/* test_store.c - what is put comes back, in order; also what is not there. */
#include "broker/store_fixture.h"
#include "codecs/wire/event_group.h"

static const struct run_head head_of_one = {
    .id = "0123abcd-0000-4000-8000-000000000001",
    .title = "train",
    .project = "digits",
    .commit = "abc",
    .branch = "",
    .tree = "sha256:00",
    .submission = { 1, 2, 3 },
    .is_pipeline = true,
    .is_dirty = true,
};

static void put_run(struct fixture *self, uint64_t run, const char *id)
{
    struct run_head head = head_of_one;
    struct err err;

    head.id = id;
    head.submission[15] = (uint8_t)run;
    expect_ok(store_run_put(self->store, run, &head, "plan", 4, &err), &err);
}

static void test_a_new_store_has_an_id_and_counters_from_one(void **state)
{
    struct fixture *self = *state;
    struct counters counters, put = { 5, 6, 7, 8, 9, { 10 } };
    char id[37];
    struct err err;

    snprintf(id, sizeof id, "%s", store_id(self->store));
    assert_int_equal(strlen(id), 36);
    expect_ok(store_counters(self->store, &counters, &err), &err);
    assert_int_equal(counters.run_next, 1);
    assert_int_equal(counters.token_next, 1);
    assert_int_equal(counters.event_next, 1);
    assert_int_equal(counters.node_next, 0);
    assert_false(store_is_dirty(self->store));
    expect_ok(store_counters_put(self->store, &put, &err), &err);
    assert_true(store_is_dirty(self->store));
    expect_ok(store_commit(self->store, &err), &err);
    assert_false(store_is_dirty(self->store));
    fixture_reopen(self);
    assert_string_equal(store_id(self->store), id);
    expect_ok(store_counters(self->store, &counters, &err), &err);
    assert_int_equal(counters.version_next, 9);
    assert_int_equal(counters.version_head[0], 10);
    assert_int_equal(counters.run_next, 5);
    assert_int_equal(counters.token_next, 6);
    assert_int_equal(counters.event_next, 7);
    assert_int_equal(counters.node_next, 8);
}

static void test_an_open_batch_is_seen_and_an_aborted_one_is_not(void **state)
{
    struct fixture *self = *state;
    struct counters counters;
    struct err err;

    expect_ok(store_counters_put(
                  self->store,
                  &(struct counters){
                      .run_next = 9, .token_next = 9, .event_next = 9, .node_next = 9 },
                  &err),
              &err);
    expect_ok(store_counters(self->store, &counters, &err), &err);
    assert_int_equal(counters.run_next, 9);
    store_abort(self->store);
    expect_ok(store_counters(self->store, &counters, &err), &err);
    assert_int_equal(counters.run_next, 1);
    expect_ok(store_commit(self->store, &err), &err); /* nothing to do */
}

static void test_a_run_comes_back_with_its_plan_and_its_row(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(1 << 20);
    const struct run_row row = { .run = 3,
                                 .state = RUN_STOPPING,
                                 .outcome = RUN_ERROR,
                                 .reason = REASON_ACTION,
                                 .reason_stage = 4,
                                 .stages = 6,
                                 .open = 5,
                                 .has_failed = true,
                                 .created_us = 7,
                                 .ended_us = -8 };
    struct run_row row_read;
    struct run_totals totals_read;
    struct run_head head;
    scoped_buf plan = { 0 };
    struct err err;

    put_run(self, 3, head_of_one.id);
    expect_ok(
        store_run_row_put(self->store, &row, &(struct run_totals){ 1, 2, 3, 4, 0 }, &err),
        &err);
    expect_ok(store_commit(self->store, &err), &err);
    expect_ok(store_run(self->store, 3, arena, &head, &err), &err);
    assert_string_equal(head.id, head_of_one.id);
    assert_string_equal(head.title, "train");
    assert_string_equal(head.project, "digits");
    assert_string_equal(head.commit, "abc");
    assert_string_equal(head.branch, "");
    assert_string_equal(head.tree, "sha256:00");
    assert_int_equal(head.submission[15], 3);
    assert_true(head.is_pipeline && head.is_dirty);
    expect_ok(store_plan(self->store, 3, &plan, &err), &err);
    assert_string_equal(buf_string(&plan), "plan");
    expect_ok(store_run_row(self->store, 3, &row_read, &totals_read, &err), &err);
    assert_int_equal(row_read.run, 3);
    assert_int_equal(row_read.state, RUN_STOPPING);
    assert_int_equal(row_read.outcome, RUN_ERROR);
    assert_int_equal(row_read.reason, REASON_ACTION);
    assert_int_equal(row_read.reason_stage, 4);
    assert_int_equal(row_read.stages, 6);
    assert_int_equal(row_read.open, 5);
    assert_true(row_read.has_failed);
    assert_int_equal(row_read.created_us, 7);
    assert_int_equal(row_read.ended_us, -8);
    assert_int_equal(totals_read.tasks, 1);
    assert_int_equal(totals_read.stopped, 4);
    assert_int_equal(store_run(self->store, 4, arena, &head, &err), RC_NOT_FOUND);
    assert_int_equal(store_plan(self->store, 4, &plan, &err), RC_NOT_FOUND);
    assert_int_equal(store_run_row(self->store, 4, &row_read, &totals_read, &err),
                     RC_NOT_FOUND);
}

static void test_a_run_is_found_by_a_prefix_that_only_it_has(void **state)
{
    struct fixture *self = *state;
    uint64_t run = 77;
    struct err err;

    put_run(self, 1, "aaaa0000-0000-4000-8000-000000000000");
    put_run(self, 2, "aaaa1000-0000-4000-8000-000000000000");
    put_run(self, 3, "ffff0000-0000-4000-8000-000000000000");
    assert_int_equal(store_run_by_id(self->store, "aaaa", &run, &err), RC_CONFLICT);
    assert_int_equal(store_run_by_id(self->store, "aaa", &run, &err), RC_NOT_FOUND);
    assert_int_equal(store_run_by_id(self->store, "bbbb", &run, &err), RC_NOT_FOUND);
    assert_int_equal(store_run_by_id(self->store, "ffff1", &run, &err), RC_NOT_FOUND);
    assert_int_equal(
        store_run_by_id(self->store, "ffff0000-0000-4000-8000-0000000000000", &run, &err),
        RC_NOT_FOUND);
    assert_int_equal(run, 77);
    expect_ok(store_run_by_id(self->store, "aaaa1", &run, &err), &err);
    assert_int_equal(run, 2);
    expect_ok(store_run_by_id(self->store, "ffff", &run, &err), &err);
    assert_int_equal(run, 3);
    expect_ok(
        store_run_by_id(self->store, "aaaa0000-0000-4000-8000-000000000000", &run, &err),
        &err);
    assert_int_equal(run, 1);
}

static void test_a_run_is_found_by_its_submission(void **state)
{
    struct fixture *self = *state;
    uint8_t submission[16] = { 1, 2, 3 };
    uint64_t run = 0;
    struct err err;

    put_run(self, 5, head_of_one.id);
    assert_int_equal(store_run_by_submission(self->store, submission, &run, &err),
                     RC_NOT_FOUND);
    submission[15] = 5;
    expect_ok(store_run_by_submission(self->store, submission, &run, &err), &err);
    assert_int_equal(run, 5);
}

static void test_runs_are_listed_newest_first(void **state)
{
    struct fixture *self = *state;
    uint64_t runs[8];
    char id[37];

    assert_int_equal(store_runs(self->store, 0, runs, 8), 0);
    for (uint64_t run = 1; run <= 300; run++) {
        snprintf(id, sizeof id, "%08lx-0000-4000-8000-000000000000", (unsigned long)run);
        put_run(self, run, id);
    }
    assert_int_equal(store_runs(self->store, 0, runs, 8), 8);
    assert_int_equal(runs[0], 300);
    assert_int_equal(runs[7], 293);
    assert_int_equal(store_runs(self->store, 257, runs, 2), 2);
    assert_int_equal(runs[0], 256);
    assert_int_equal(runs[1], 255);
    assert_int_equal(store_runs(self->store, 1000, runs, 1), 1);
    assert_int_equal(runs[0], 300);
    assert_int_equal(store_runs(self->store, 3, runs, 8), 2);
    assert_int_equal(store_runs(self->store, 1, runs, 8), 0);
    assert_int_equal(store_runs(self->store, 0, runs, 0), 0);
}

static enum rc sum_runs(void *context, uint64_t run, struct err *err)
{
    uint64_t *sum = context;

    *sum = *sum * 10 + run;
    return run == 9 ? err_set(err, RC_CANCELLED, "enough") : RC_OK;
}

static void test_only_runs_that_go_on_are_active(void **state)
{
    struct fixture *self = *state;
    const struct run_totals none = { 0 };
    uint64_t sum = 0;
    struct err err;

    for (uint64_t run = 1; run <= 4; run++)
        expect_ok(
            store_run_row_put(self->store, &(struct run_row){ .run = run }, &none, &err),
            &err);
    expect_ok(store_run_row_put(self->store,
                                &(struct run_row){ .run = 2, .state = RUN_COMPLETE },
                                &none, &err),
              &err);
    expect_ok(store_active_runs(self->store, sum_runs, &sum, &err), &err);
    assert_int_equal(sum, 134);
    expect_ok(store_run_row_put(self->store, &(struct run_row){ .run = 9 }, &none, &err),
              &err);
    assert_int_equal(store_active_runs(self->store, sum_runs, &sum, &err), RC_CANCELLED);
}

static void test_a_stage_comes_back_with_its_retries(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(1 << 20);
    struct retry retries[] = { { 4, 1, 1, 0, 0 },
                               { UINT64_MAX, UINT32_MAX, 255, 255, INT64_MAX } };
    const struct stage_row row = { .state = STAGE_APPROVAL,
                                   .outcome = STAGE_ERROR,
                                   .pending = PENDING_END,
                                   .reason = REASON_UPSTREAM,
                                   .reason_stage = 1,
                                   .waits = 2,
                                   .is_resolved = true,
                                   .is_met = true,
                                   .tasks = 1000000,
                                   .next = 8,
                                   .running = 7,
                                   .complete = 6,
                                   .failed = 5,
                                   .stopped = 4,
                                   .started_us = 3,
                                   .ended_us = 2,
                                   .retries = retries,
                                   .retry_count = 2 };
    struct stage_row read;
    struct err err;

    expect_ok(store_stage_put(self->store, 1, 2, &row, &err), &err);
    expect_ok(store_stage(self->store, 1, 2, arena, &read, &err), &err);
    assert_int_equal(read.retry_count, 2);
    assert_int_equal(read.retries[1].index, UINT64_MAX);
    assert_int_equal(read.retries[1].attempts, UINT32_MAX);
    assert_int_equal(read.retries[1].losses, 255);
    assert_int_equal(read.retries[1].not_before_us, INT64_MAX);
    assert_int_equal(read.retries[0].failures, 1);
    assert_int_equal(read.state, STAGE_APPROVAL);
    assert_int_equal(read.outcome, STAGE_ERROR);
    assert_int_equal(read.pending, PENDING_END);
    assert_int_equal(read.reason, REASON_UPSTREAM);
    assert_int_equal(read.reason_stage, 1);
    assert_int_equal(read.waits, 2);
    assert_true(read.is_resolved && read.is_met);
    assert_int_equal(read.tasks, 1000000);
    assert_int_equal(read.next, 8);
    assert_int_equal(read.running, 7);
    assert_int_equal(read.complete, 6);
    assert_int_equal(read.failed, 5);
    assert_int_equal(read.stopped, 4);
    assert_int_equal(read.started_us, 3);
    assert_int_equal(read.ended_us, 2);
    assert_int_equal(store_stage(self->store, 1, 3, arena, &read, &err), RC_NOT_FOUND);
}

static void test_resolved_forms_and_notes_come_back(void **state)
{
    struct fixture *self = *state;
    scoped_buf out = { 0 };
    struct err err;

    assert_int_equal(store_resolved(self->store, 1, 0, &out, &err), RC_NOT_FOUND);
    expect_ok(store_note(self->store, 1, 0, &out, &err), &err);
    assert_int_equal(out.size, 0);
    expect_ok(store_resolved_put(self->store, 1, 0, "form", 4, &err), &err);
    expect_ok(store_note_put(self->store, 1, 0, "note", &err), &err);
    expect_ok(store_resolved(self->store, 1, 0, &out, &err), &err);
    expect_ok(store_note(self->store, 1, 0, &out, &err), &err);
    assert_string_equal(buf_string(&out), "formnote");
}

static void add_index(void *context, uint64_t index, const struct task_row *row)
{
    uint64_t *sums = context;

    sums[0]++;
    sums[1] += index;
    sums[2] += row->token;
}

static void test_a_hundred_thousand_tasks_are_kept_in_their_order(void **state)
{
    struct fixture *self = *state;
    enum { TASKS = 100000 };
    struct task_row row = { .state = TASK_COMPLETE,
                            .attempts = 2,
                            .node = 3,
                            .cause = CAUSE_SIGNAL,
                            .exit_code = -1,
                            .signal = 9,
                            .started_us = 5,
                            .ended_us = 6 };
    struct task_row read;
    uint64_t sums[3] = { 0 };
    struct err err;

    for (uint64_t i = 0; i < TASKS; i++) {
        row.token = i + 1;
        expect_ok(store_task_put(self->store, 1, 1, TASKS - 1 - i, &row, &err), &err);
    }
    expect_ok(store_task_put(self->store, 1, 2, 0, &row, &err), &err);
    expect_ok(store_commit(self->store, &err), &err);
    expect_ok(store_task(self->store, 1, 1, 0, &read, &err), &err);
    assert_int_equal(read.token, TASKS);
    assert_int_equal(read.state, TASK_COMPLETE);
    assert_int_equal(read.attempts, 2);
    assert_int_equal(read.node, 3);
    assert_int_equal(read.cause, CAUSE_SIGNAL);
    assert_int_equal(read.exit_code, -1);
    assert_int_equal(read.signal, 9);
    assert_int_equal(read.started_us, 5);
    assert_int_equal(read.ended_us, 6);
    assert_int_equal(store_task(self->store, 1, 1, TASKS, &read, &err), RC_NOT_FOUND);
    expect_ok(store_tasks(self->store, 1, 1, 0, SIZE_MAX, add_index, sums, &err), &err);
    assert_int_equal(sums[0], TASKS);
    assert_int_equal(sums[1], (uint64_t)TASKS * (TASKS - 1) / 2);
    sums[0] = sums[1] = 0;
    expect_ok(store_tasks(self->store, 1, 1, 255, 2, add_index, sums, &err), &err);
    assert_int_equal(sums[0], 2);
    assert_int_equal(sums[1], 255 + 256);
    sums[0] = 0;
    expect_ok(store_tasks(self->store, 1, 0, 0, 5, add_index, sums, &err), &err);
    expect_ok(store_tasks(self->store, 2, 0, 0, 5, add_index, sums, &err), &err);
    assert_int_equal(sums[0], 0);
}

static void test_every_task_state_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(task_state_name(TASK_ASSIGNED), "queued");
    assert_string_equal(task_state_name(TASK_CRASHED), "crashed");
    assert_string_equal(task_state_name(TASK_STATE_COUNT), "unknown");
}

static void test_the_last_result_is_the_one_of_the_last_attempt(void **state)
{
    struct fixture *self = *state;
    scoped_buf out = { 0 };
    struct err err;

    assert_int_equal(store_result(self->store, 1, 0, 0, 0, &out, &err), RC_NOT_FOUND);
    expect_ok(store_result_put(self->store, 1, 0, 0, 1, "a", 1, &err), &err);
    expect_ok(store_result_put(self->store, 1, 0, 0, 3, "c", 1, &err), &err);
    expect_ok(store_result_put(self->store, 1, 0, 2, 1, "x", 1, &err), &err);
    expect_ok(store_result(self->store, 1, 0, 0, 0, &out, &err), &err);
    expect_ok(store_result(self->store, 1, 0, 0, 1, &out, &err), &err);
    expect_ok(store_result(self->store, 1, 0, 2, 0, &out, &err), &err);
    assert_string_equal(buf_string(&out), "cax");
    assert_int_equal(store_result(self->store, 1, 0, 0, 2, &out, &err), RC_NOT_FOUND);
    assert_int_equal(store_result(self->store, 1, 0, 1, 0, &out, &err), RC_NOT_FOUND);
    assert_int_equal(store_result(self->store, 1, 0, 3, 0, &out, &err), RC_NOT_FOUND);
}

struct seen {
    struct attempt_row rows[4];
    size_t count;
};

static enum rc see_attempt(void *context, const struct attempt_row *row, struct err *err)
{
    struct seen *seen = context;

    (void)err;
    seen->rows[seen->count++] = *row;
    return RC_OK;
}

static void test_live_attempts_come_back_by_token(void **state)
{
    struct fixture *self = *state;
    const struct attempt_row row = { .token = 300,
                                     .run = 1,
                                     .index = 2,
                                     .stage = 3,
                                     .node = 4,
                                     .number = 5,
                                     .failures = 6,
                                     .losses = 7,
                                     .has_started = true };
    struct attempt_row other = row;
    struct seen seen = { 0 };
    struct err err;

    other.token = 9;
    expect_ok(store_attempt_put(self->store, &row, &err), &err);
    expect_ok(store_attempt_put(self->store, &other, &err), &err);
    expect_ok(store_attempts(self->store, see_attempt, &seen, &err), &err);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.rows[0].token, 9);
    assert_int_equal(seen.rows[1].token, 300);
    assert_int_equal(seen.rows[1].run, 1);
    assert_int_equal(seen.rows[1].index, 2);
    assert_int_equal(seen.rows[1].stage, 3);
    assert_int_equal(seen.rows[1].node, 4);
    assert_int_equal(seen.rows[1].number, 5);
    assert_int_equal(seen.rows[1].failures, 6);
    assert_int_equal(seen.rows[1].losses, 7);
    assert_true(seen.rows[1].has_started && !seen.rows[1].is_stopping);
    expect_ok(store_attempt_remove(self->store, 9, &err), &err);
    expect_ok(store_attempt_remove(self->store, 9, &err), &err); /* none is fine */
    seen.count = 0;
    expect_ok(store_attempts(self->store, see_attempt, &seen, &err), &err);
    assert_int_equal(seen.count, 1);
}

static void test_nodes_and_artifacts_come_back(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(1 << 20);
    struct artifact_record first = { "sha256:11", "model", 9, 1, 2, 3, 4 }, read;
    struct node_record node;
    char huge[2000];
    struct err err;

    expect_ok(
        store_node_put(self->store, 7, &(struct node_record){ "n", "v", 4, 5, 6 }, &err),
        &err);
    expect_ok(store_node(self->store, 7, arena, &node, &err), &err);
    assert_string_equal(node.name, "n");
    assert_string_equal(node.version, "v");
    assert_int_equal(node.slots, 4);
    assert_int_equal(node.seen_us, 5);
    assert_int_equal(store_node(self->store, 8, arena, &node, &err), RC_NOT_FOUND);
    expect_ok(store_artifact_put(self->store, &first, &err), &err);
    first.name = "again";
    expect_ok(store_artifact_put(self->store, &first, &err), &err);
    expect_ok(store_artifact(self->store, "sha256:11", arena, &read, &err), &err);
    assert_string_equal(read.name, "model");
    assert_int_equal(read.size, 9);
    assert_int_equal(read.run, 1);
    assert_int_equal(read.index, 2);
    assert_int_equal(read.stage, 3);
    assert_int_equal(read.created_us, 4);
    assert_int_equal(store_artifact(self->store, "sha256:1", arena, &read, &err),
                     RC_NOT_FOUND);
    memset(huge, 'a', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    first.digest = huge;
    assert_int_equal(store_artifact_put(self->store, &first, &err), RC_INVALID);
    assert_int_equal(store_artifact(self->store, huge, arena, &read, &err), RC_INVALID);
}

static bool see_event(void *context, uint64_t number, const void *bytes, size_t size)
{
    uint64_t *last = context;

    assert_int_equal(size, sizeof number);
    assert_memory_equal(bytes, &number, sizeof number);
    assert_int_equal(number, *last + 1);
    *last = number;
    return number % 500 != 0;
}

static bool count_up(void *context, uint64_t number, const void *bytes, size_t size)
{
    uint64_t *last = context;

    (void)bytes;
    assert_true(size > 0);
    assert_int_equal(number, *last + 1);
    *last = number;
    return true;
}

static void test_events_are_replayed_from_where_a_reader_stopped(void **state)
{
    struct fixture *self = *state;
    uint64_t last = 0;
    struct err err;

    expect_ok(store_events(self->store, 0, see_event, &last, &err), &err);
    assert_int_equal(last, 0);
    for (uint64_t number = 1; number <= 1200; number++)
        expect_ok(store_event_put(self->store, number, &number, sizeof number, &err),
                  &err);
    expect_ok(store_commit(self->store, &err), &err);
    expect_ok(store_events(self->store, 0, see_event, &last, &err), &err);
    assert_int_equal(last, 500);
    expect_ok(store_events(self->store, last, see_event, &last, &err), &err);
    assert_int_equal(last, 1000);
    expect_ok(store_events(self->store, last, see_event, &last, &err), &err);
    assert_int_equal(last, 1200);
    expect_ok(store_events(self->store, last, see_event, &last, &err), &err);
    expect_ok(store_events(self->store, UINT64_MAX, see_event, &last, &err), &err);
    expect_ok(store_event_put(self->store, 1201, &(uint64_t){ 1201 }, 8, &err), &err);
    expect_ok(store_events(self->store, last, see_event, &last, &err), &err);
    assert_int_equal(last, 1201);
}

static void test_events_of_a_batch_lie_in_pages_and_are_trimmed_with_them(void **state)
{
    struct fixture *self = *state;
    uint64_t last = 0, first = 1;
    size_t removed;
    struct err err;

    for (uint64_t batch = 1; batch <= 3; batch++) {
        for (uint64_t i = 0; i < 10; i++, first++) {
            scoped_buf topic = { 0 }, body = { 0 };

            event_encode(
                &(struct announcement){ .kind = "run", .run = batch, .state = "started" },
                first, (int64_t)batch * 1000, &topic, &body);
            expect_ok(store_event_put(self->store, first, body.data, body.size, &err),
                      &err);
        }
        expect_ok(store_commit(self->store, &err), &err);
    }
    for (uint64_t since = 0; since < 30; since++) {
        last = since;
        expect_ok(store_events(self->store, since, count_up, &last, &err), &err);
        assert_int_equal(last, 30);
    }
    expect_ok(store_events_trim(self->store, 1500, 200, &removed, &err), &err);
    assert_int_equal(removed, 10);
    assert_int_equal(store_events_first(self->store), 11);
    expect_ok(store_events_trim(self->store, INT64_MAX, 200, &removed, &err), &err);
    assert_int_equal(store_events_first(self->store), 21); /* the newest page stays */
    expect_ok(store_commit(self->store, &err), &err);
}

static bool sees_stage(void *context, uint64_t number, const void *bytes, size_t size)
{
    uint64_t *last = context;
    struct event_head head;

    assert_true(event_decode(bytes, size, &head));
    assert_int_equal(number, *last + 1);
    assert_int_equal(head.number, number);
    if (number > 3 && number <= 9) {
        char topic[40];

        snprintf(topic, sizeof topic, "run/4/%s",
                 (const char *const[]){ "task/a/0/complete", "stage/a/started",
                                        "stage/a/complete", "task/b/0/complete",
                                        "stage/b/started",
                                        "stage/b/complete" }[number - 4]);
        assert_true(bytes_are(head.topic, topic));
        assert_int_equal(head.time_us, 2000);
    }
    *last = number;
    return true;
}

static void put_started(struct fixture *self, uint64_t number, int64_t time_us)
{
    scoped_buf topic = { 0 }, body = { 0 };
    struct err err;

    event_encode(&(struct announcement){ .kind = "run", .run = 4, .state = "started" },
                 number, time_us, &topic, &body);
    expect_ok(store_event_put(self->store, number, body.data, body.size, &err), &err);
}

static void test_events_of_a_group_are_read_one_by_one(void **state)
{
    struct fixture *self = *state;
    struct event_group group = { .kind = EVENTS_ENDED,
                                 .time_us = 2000,
                                 .run = 4,
                                 .token = 5,
                                 .count = 2,
                                 .texts = { "n\0a\0b", 6 } };
    uint64_t last;
    size_t removed;
    struct err err;

    for (uint64_t number = 1; number <= 3; number++)
        put_started(self, number, 1000);
    expect_ok(store_event_group_put(self->store, 4, &group, &err), &err);
    put_started(self, 10, 3000);
    for (uint64_t since = 0; since < 10; since++) {
        last = since;
        expect_ok(store_events(self->store, since, sees_stage, &last, &err), &err);
        assert_int_equal(last, 10);
    }
    expect_ok(store_events_trim(self->store, 1500, 200, &removed, &err), &err);
    assert_int_equal(removed, 3);
    expect_ok(store_events_trim(self->store, 2500, 200, &removed, &err), &err);
    assert_int_equal(removed, 6);
    assert_int_equal(store_events_first(self->store), 10);
    expect_ok(store_commit(self->store, &err), &err);
}

static void test_a_page_that_is_cut_is_told_as_corrupt(void **state)
{
    struct fixture *self = *state;
    uint64_t last = 0;
    struct err err;

    /* A list that promises one body more than there is. */
    expect_ok(store_event_put(self->store, 1, "\x93\x01\xc4\x01x", 5, &err), &err);
    expect_ok(store_commit(self->store, &err), &err);
    assert_int_equal(store_events(self->store, 0, count_up, &last, &err), RC_CORRUPT);
}

int main(void)
{
#define STORE_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_new_store_has_an_id_and_counters_from_one),
        STORE_TEST(test_an_open_batch_is_seen_and_an_aborted_one_is_not),
        STORE_TEST(test_a_run_comes_back_with_its_plan_and_its_row),
        STORE_TEST(test_a_run_is_found_by_a_prefix_that_only_it_has),
        STORE_TEST(test_a_run_is_found_by_its_submission),
        STORE_TEST(test_runs_are_listed_newest_first),
        STORE_TEST(test_only_runs_that_go_on_are_active),
        STORE_TEST(test_a_stage_comes_back_with_its_retries),
        STORE_TEST(test_resolved_forms_and_notes_come_back),
        STORE_TEST(test_a_hundred_thousand_tasks_are_kept_in_their_order),
        STORE_TEST(test_every_task_state_has_a_name),
        STORE_TEST(test_the_last_result_is_the_one_of_the_last_attempt),
        STORE_TEST(test_live_attempts_come_back_by_token),
        STORE_TEST(test_nodes_and_artifacts_come_back),
        STORE_TEST(test_events_are_replayed_from_where_a_reader_stopped),
        STORE_TEST(test_events_of_a_batch_lie_in_pages_and_are_trimmed_with_them),
        STORE_TEST(test_events_of_a_group_are_read_one_by_one),
        STORE_TEST(test_a_page_that_is_cut_is_told_as_corrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
