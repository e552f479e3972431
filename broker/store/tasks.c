/* tasks.c - rows and results of tasks, and live attempts. */
#include "broker/store/bundle.h"
#include "broker/store/ranges.h"

#include <string.h>

const char *task_state_name(enum task_state state)
{
    static const char *const names[TASK_STATE_COUNT] = {
        [TASK_QUEUED] = "queued",   [TASK_ASSIGNED] = "queued",
        [TASK_STARTED] = "started", [TASK_COMPLETE] = "complete",
        [TASK_ERROR] = "error",     [TASK_STOPPED] = "stopped",
        [TASK_CRASHED] = "crashed",
    };
    return (unsigned)state < TASK_STATE_COUNT ? names[state] : "unknown";
}

void task_row_encode(struct buf *record, const struct task_row *row)
{
    record_begin(record, 10);
    pack_uint(record, row->state);
    pack_uint(record, row->attempts);
    pack_uint(record, row->node);
    pack_uint(record, row->token);
    pack_uint(record, row->cause);
    pack_int(record, row->exit_code);
    pack_int(record, row->signal);
    pack_int(record, row->started_us);
    pack_int(record, row->ended_us);
    pack_uint(record, row->version);
}

enum rc store_task_put(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                       const struct task_row *row, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_task(run, stage, index);

    task_row_encode(&record, row);
    return db_put_buf(store, TABLE_TASKS, &key, &record, err);
}

enum rc store_task_decode(struct bytes value, struct task_row *row, struct err *err)
{
    MDB_val data = { value.size, (void *)(uintptr_t)value.data };

    return task_row_read(&data, row, err);
}

enum rc task_row_read(const MDB_val *data, struct task_row *row, struct err *err)
{
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_TASKS, data, err);

    if (rc != RC_OK)
        return rc;
    row->state = (enum task_state)reader_uint_max(&reader, TASK_STATE_COUNT - 1);
    row->attempts = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    row->node = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    row->token = reader_uint(&reader);
    row->cause = (enum cause)reader_uint_max(&reader, CAUSE_COUNT - 1);
    row->exit_code = (int32_t)reader_int(&reader);
    row->signal = (int32_t)reader_int(&reader);
    row->started_us = reader_int(&reader);
    row->ended_us = reader_int(&reader);
    row->version = reader_at_end(&reader) ? 0 : reader_uint(&reader); /* came later */
    return record_close(&reader, TABLE_TASKS, err);
}

enum rc store_task(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                   struct task_row *row, struct err *err)
{
    struct view view;
    MDB_val data;
    struct task_row read;
    struct key key = key_task(run, stage, index);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_TASKS, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = task_row_read(&data, &read, err);
    view_end(&view);
    if (rc == RC_NOT_FOUND)
        return range_task(store, run, stage, index, row, err);
    if (rc == RC_OK)
        *row = read;
    return rc;
}

enum rc store_tasks(struct store *store, uint64_t run, uint32_t stage, uint64_t first,
                    size_t limit,
                    void (*visit)(void *context, uint64_t index,
                                  const struct task_row *row),
                    void *context, struct err *err)
{
    return range_tasks(store, run, stage, first, limit, visit, context, err);
}

/* Whether a found key begins with the 20 bytes of the task. */
static bool is_of_task(const MDB_val *found, const struct key *task)
{
    return found->mv_size >= task->size
           && memcmp(found->mv_data, task->bytes, task->size) == 0;
}

/* That of a task in a block says no more than its row. */
static enum rc result_in_block(struct store *store, uint64_t run, uint32_t stage,
                               uint64_t index, struct buf *bytes, struct err *err)
{
    struct task_row row;
    enum rc rc = range_task(store, run, stage, index, &row, err);

    if (rc == RC_OK && row.state != TASK_COMPLETE)
        rc = err_set(err, RC_NOT_FOUND, "store: results has no such record");
    if (rc == RC_OK)
        result_encode(bytes, &(struct task_result){ .cause = row.cause,
                                                    .exit_code = row.exit_code,
                                                    .started_us = row.started_us,
                                                    .ended_us = row.ended_us,
                                                    .metadata = { .kind = VALUE_MAP } });
    return rc;
}

enum rc store_result_put(struct store *store, uint64_t run, uint32_t stage,
                         uint64_t index, uint32_t attempt, const void *bytes, size_t size,
                         struct err *err)
{
    struct key key = key_result(run, stage, index, attempt);

    return db_put(store, TABLE_RESULTS, key.bytes, key.size, bytes, size, err);
}

enum rc store_result(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                     uint32_t attempt, struct buf *bytes, struct err *err)
{
    struct view view;
    MDB_val found, data;
    struct key key = key_result(run, stage, index, attempt ? attempt : UINT32_MAX);
    struct key task = key_task(run, stage, index);
    enum rc rc;

    if (attempt > 0) {
        rc = db_get(store, TABLE_RESULTS, &key, bytes, err);
        return rc == RC_NOT_FOUND && attempt == 1
                   ? result_in_block(store, run, stage, index, bytes, err)
                   : rc;
    }
    rc = view_begin(store, &view, err);
    if (rc != RC_OK)
        return rc;
    /* The last attempt is just before where attempt 2^32-1 would be. */
    rc = view_seek(&view, TABLE_RESULTS, key.bytes, key.size, &found, &data, err);
    rc = view_next(&view, rc == RC_OK ? MDB_PREV : MDB_LAST, &found, &data, err);
    bool is_there = rc == RC_OK && is_of_task(&found, &task);

    if (is_there)
        buf_add(bytes, data.mv_data, data.mv_size);
    view_end(&view);
    if (!is_there && (rc == RC_OK || rc == RC_NOT_FOUND))
        rc = result_in_block(store, run, stage, index, bytes, err);
    if (rc == RC_OK && !buf_ok(bytes))
        return err_set(err, RC_NO_MEMORY, "store: a result is too large");
    return rc;
}

enum rc store_attempt_put(struct store *store, const struct attempt_row *row,
                          struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_run(row->token);

    record_begin(&record, 10);
    pack_uint(&record, row->run);
    pack_uint(&record, row->stage);
    pack_uint(&record, row->index);
    pack_uint(&record, row->node);
    pack_uint(&record, row->number);
    pack_uint(&record, row->failures);
    pack_uint(&record, row->losses);
    pack_bool(&record, row->has_started);
    pack_bool(&record, row->is_stopping);
    pack_uint(&record, row->gpus);
    return db_put_buf(store, TABLE_ATTEMPTS, &key, &record, err);
}

enum rc store_attempt_remove(struct store *store, uint64_t token, struct err *err)
{
    struct key key = key_run(token);

    return db_remove(store, TABLE_ATTEMPTS, key.bytes, key.size, err);
}

static enum rc read_attempt(const MDB_val *found, const MDB_val *data,
                            struct attempt_row *row, struct err *err)
{
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_ATTEMPTS, data, err);

    if (rc != RC_OK)
        return rc;
    row->token = key_number(found->mv_data, found->mv_size);
    row->run = reader_uint(&reader);
    row->stage = (uint32_t)reader_uint_max(&reader, CORE_STAGES_MAX);
    row->index = reader_uint(&reader);
    row->node = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    row->number = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    row->failures = (uint8_t)reader_uint_max(&reader, UINT8_MAX);
    row->losses = (uint8_t)reader_uint_max(&reader, UINT8_MAX);
    row->has_started = reader_bool(&reader);
    row->is_stopping = reader_bool(&reader);
    row->gpus = reader_at_end(&reader) ? 0 : reader_uint(&reader); /* came later */
    return record_close(&reader, TABLE_ATTEMPTS, err);
}

enum rc store_attempts(struct store *store,
                       enum rc (*visit)(void *context, const struct attempt_row *row,
                                        struct err *err),
                       void *context, struct err *err)
{
    struct view view;
    MDB_val found, data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_ATTEMPTS, "", 0, &found, &data, err);
    while (rc == RC_OK) {
        struct attempt_row row;

        rc = read_attempt(&found, &data, &row, err);
        if (rc == RC_OK)
            rc = visit(context, &row, err);
        if (rc == RC_OK)
            rc = view_next(&view, MDB_NEXT, &found, &data, err);
    }
    view_end(&view);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
