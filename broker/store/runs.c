/* runs.c - runs, their indexes, and the counters. */
#include "broker/store/bundle.h"
#include "broker/store/tables.h"

#include <string.h>

enum { TEXT_MAX = 1 << 16 };

/* Came later. */
static void read_chain(struct reader *reader, struct counters *counters)
{
    bool is_there = !reader_at_end(reader);
    struct bytes head = { 0 };

    counters->version_next = is_there ? reader_uint(reader) : 1;
    memset(counters->version_head, 0, sizeof counters->version_head);
    if (is_there)
        head = reader_bytes(reader);
    if (is_there && head.size == sizeof counters->version_head)
        memcpy(counters->version_head, head.data, head.size);
    else if (is_there)
        reader_fail(reader);
}

enum rc store_counters(struct store *store, struct counters *counters, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct counters read;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_META, "counters", 8, &data, err);
    if (rc == RC_NOT_FOUND) {
        *counters = (struct counters){
            .run_next = 1, .token_next = 1, .event_next = 1, .version_next = 1
        };
        rc = RC_OK;
    } else if (rc == RC_OK
               && (rc = record_open(&reader, TABLE_META, &data, err)) == RC_OK) {
        read.run_next = reader_uint(&reader);
        read.token_next = reader_uint(&reader);
        read.event_next = reader_uint(&reader);
        read.node_next = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
        read_chain(&reader, &read);
        rc = record_close(&reader, TABLE_META, err);
        if (rc == RC_OK)
            *counters = read;
    }
    view_end(&view);
    return rc;
}

enum rc store_counters_put(struct store *store, const struct counters *counters,
                           struct err *err)
{
    scoped_buf record = { 0 };

    record_begin(&record, 6);
    pack_uint(&record, counters->run_next);
    pack_uint(&record, counters->token_next);
    pack_uint(&record, counters->event_next);
    pack_uint(&record, counters->node_next);
    pack_uint(&record, counters->version_next);
    pack_bytes(&record, counters->version_head, sizeof counters->version_head);
    return db_put(store, TABLE_META, "counters", 8, record.data, record.size, err);
}

enum rc store_run_put(struct store *store, uint64_t run, const struct run_head *head,
                      const void *plan, size_t plan_size, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_run(run);
    enum rc rc;

    record_begin(&record, 9);
    pack_text(&record, head->id);
    pack_text(&record, head->title);
    pack_text(&record, head->project);
    pack_text(&record, head->commit);
    pack_text(&record, head->branch);
    pack_text(&record, head->tree);
    pack_bytes(&record, head->submission, sizeof head->submission);
    pack_bool(&record, head->is_pipeline);
    pack_bool(&record, head->is_dirty);
    rc = db_put_buf(store, TABLE_RUNS, &key, &record, err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_PLANS, key.bytes, key.size, plan, plan_size, err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_IDS, head->id, strlen(head->id), key.bytes, key.size,
                    err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_SUBMISSIONS, head->submission, sizeof head->submission,
                    key.bytes, key.size, err);
    return rc;
}

static void read_head(struct reader *reader, struct arena *arena, struct run_head *head)
{
    head->id = reader_text(reader, arena, 36);
    head->title = reader_text(reader, arena, TEXT_MAX);
    head->project = reader_text(reader, arena, TEXT_MAX);
    head->commit = reader_text(reader, arena, TEXT_MAX);
    head->branch = reader_text(reader, arena, TEXT_MAX);
    head->tree = reader_text(reader, arena, TEXT_MAX);

    struct bytes submission = reader_bytes(reader);

    if (submission.size == sizeof head->submission)
        memcpy(head->submission, submission.data, submission.size);
    else
        reader_fail(reader);
    head->is_pipeline = reader_bool(reader);
    head->is_dirty = reader_bool(reader);
}

enum rc store_run(struct store *store, uint64_t run, struct arena *arena,
                  struct run_head *head, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct run_head read;
    struct key key = key_run(run);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_RUNS, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_RUNS, &data, err);
    if (rc == RC_OK) {
        read_head(&reader, arena, &read);
        rc = record_close(&reader, TABLE_RUNS, err);
    }
    view_end(&view);
    if (rc == RC_OK)
        *head = read;
    return rc;
}

enum rc store_plan(struct store *store, uint64_t run, struct buf *plan, struct err *err)
{
    struct key key = key_run(run);

    return db_get(store, TABLE_PLANS, &key, plan, err);
}

enum rc store_run_row_put(struct store *store, const struct run_row *row,
                          const struct run_totals *totals, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_run(row->run);
    enum rc rc;

    record_begin(&record, 14);
    pack_uint(&record, row->state);
    pack_uint(&record, row->outcome);
    pack_uint(&record, row->reason);
    pack_uint(&record, row->reason_stage);
    pack_uint(&record, row->stages);
    pack_uint(&record, row->open);
    pack_bool(&record, row->has_failed);
    pack_int(&record, row->created_us);
    pack_int(&record, row->ended_us);
    pack_uint(&record, totals->tasks);
    pack_uint(&record, totals->complete);
    pack_uint(&record, totals->failed);
    pack_uint(&record, totals->stopped);
    pack_uint(&record, totals->reused);
    rc = db_put_buf(store, TABLE_RUN_ROWS, &key, &record, err);
    if (rc != RC_OK)
        return rc;
    if (run_state_is_final(row->state))
        return db_remove(store, TABLE_ACTIVE, key.bytes, key.size, err);
    return db_put(store, TABLE_ACTIVE, key.bytes, key.size, "", 0, err);
}

static void read_row(struct reader *reader, struct run_row *row,
                     struct run_totals *totals)
{
    row->state = (enum run_state)reader_uint_max(reader, RUN_STATE_COUNT - 1);
    row->outcome = (enum run_state)reader_uint_max(reader, RUN_STATE_COUNT - 1);
    row->reason = (enum reason)reader_uint_max(reader, REASON_COUNT - 1);
    row->reason_stage = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    row->stages = (uint32_t)reader_uint_max(reader, CORE_STAGES_MAX);
    row->open = (uint32_t)reader_uint_max(reader, CORE_STAGES_MAX);
    row->has_failed = reader_bool(reader);
    row->created_us = reader_int(reader);
    row->ended_us = reader_int(reader);
    totals->tasks = reader_uint(reader);
    totals->complete = reader_uint(reader);
    totals->failed = reader_uint(reader);
    totals->stopped = reader_uint(reader);
    totals->reused = reader_at_end(reader) ? 0 : reader_uint(reader); /* came later */
}

enum rc store_run_row(struct store *store, uint64_t run, struct run_row *row,
                      struct run_totals *totals, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct run_row read = { .run = run };
    struct run_totals sums;
    struct key key = key_run(run);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_RUN_ROWS, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_RUN_ROWS, &data, err);
    if (rc == RC_OK) {
        read_row(&reader, &read, &sums);
        rc = record_close(&reader, TABLE_RUN_ROWS, err);
    }
    view_end(&view);
    if (rc != RC_OK)
        return rc;
    *row = read;
    *totals = sums;
    return RC_OK;
}

enum rc store_run_by_submission(struct store *store, const uint8_t submission[16],
                                uint64_t *run, struct err *err)
{
    struct view view;
    MDB_val data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_SUBMISSIONS, submission, 16, &data, err);
    if (rc == RC_OK)
        *run = key_number(data.mv_data, data.mv_size);
    view_end(&view);
    return rc;
}

static bool begins_with(const MDB_val *key, const char *prefix)
{
    return key->mv_size >= strlen(prefix)
           && memcmp(key->mv_data, prefix, strlen(prefix)) == 0;
}

enum rc store_run_by_id(struct store *store, const char *prefix, uint64_t *run,
                        struct err *err)
{
    struct view view;
    MDB_val key, data;
    uint64_t found = 0;
    enum rc rc;

    if (strlen(prefix) < 4 || strlen(prefix) > 36)
        return err_set(err, RC_NOT_FOUND, "an id has 4 to 36 characters; \"%s\" has not",
                       prefix);
    rc = view_begin(store, &view, err);
    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_IDS, prefix, strlen(prefix), &key, &data, err);
    if (rc == RC_OK && begins_with(&key, prefix)) {
        found = key_number(data.mv_data, data.mv_size);
        rc = view_next(&view, MDB_NEXT, &key, &data, err);
        if (rc == RC_OK && begins_with(&key, prefix))
            rc = err_set(err, RC_CONFLICT, "several runs have an id that begins with %s",
                         prefix);
        else if (rc == RC_NOT_FOUND)
            rc = RC_OK;
    }
    view_end(&view);
    if (rc == RC_OK && found > 0)
        *run = found;
    else if (rc == RC_OK || rc == RC_NOT_FOUND)
        rc = err_set(err, RC_NOT_FOUND,
                     "there is no run \"%s\": give a number, last, or 4 or more "
                     "characters of an id",
                     prefix);
    return rc;
}

size_t store_runs(struct store *store, uint64_t before, uint64_t *runs, size_t limit)
{
    struct view view;
    MDB_val found, data;
    struct key key = key_run(before ? before : UINT64_MAX);
    struct err err;
    size_t count = 0;

    if (limit == 0 || view_begin(store, &view, &err) != RC_OK)
        return 0;

    enum rc rc = view_seek(&view, TABLE_RUNS, key.bytes, key.size, &found, &data, &err);

    rc = view_next(&view, rc == RC_OK ? MDB_PREV : MDB_LAST, &found, &data, &err);
    while (rc == RC_OK && count < limit) {
        runs[count++] = key_number(found.mv_data, found.mv_size);
        rc = view_next(&view, MDB_PREV, &found, &data, &err);
    }
    view_end(&view);
    return count;
}

/* The next active run above after; 0 when there is none. */
static enum rc next_active(struct store *store, uint64_t after, uint64_t *run,
                           struct err *err)
{
    struct view view;
    MDB_val found, data;
    struct key key = key_run(after + 1);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    *run = 0;
    rc = view_seek(&view, TABLE_ACTIVE, key.bytes, key.size, &found, &data, err);
    if (rc == RC_OK)
        *run = key_number(found.mv_data, found.mv_size);
    view_end(&view);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_active_runs(struct store *store,
                          enum rc (*visit)(void *context, uint64_t run, struct err *err),
                          void *context, struct err *err)
{
    uint64_t run = 0;
    enum rc rc;

    while ((rc = next_active(store, run, &run, err)) == RC_OK && run != 0) {
        rc = visit(context, run, err);
        if (rc != RC_OK)
            return rc;
    }
    return rc;
}

enum rc store_head_decode(struct bytes value, struct arena *arena, struct run_head *head,
                          struct err *err)
{
    MDB_val data = { value.size, (void *)(uintptr_t)value.data };
    struct run_head read;
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_RUNS, &data, err);

    if (rc != RC_OK)
        return rc;
    read_head(&reader, arena, &read);
    rc = record_close(&reader, TABLE_RUNS, err);
    if (rc == RC_OK)
        *head = read;
    return rc;
}

enum rc store_run_row_decode(struct bytes value, struct run_row *row,
                             struct run_totals *totals, struct err *err)
{
    MDB_val data = { value.size, (void *)(uintptr_t)value.data };
    struct run_row read = { 0 };
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_RUN_ROWS, &data, err);

    if (rc != RC_OK)
        return rc;
    read_row(&reader, &read, totals);
    rc = record_close(&reader, TABLE_RUN_ROWS, err);
    if (rc == RC_OK)
        *row = read;
    return rc;
}
