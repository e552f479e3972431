/* stages.c - rows, resolved forms and notes of stages. */
#include "broker/store/bundle.h"
#include "broker/store/layer_find.h"

#include <string.h>

enum { RETRIES_MAX = 100000000 };

enum rc store_stage_put(struct store *store, uint64_t run, uint32_t stage,
                        const struct stage_row *row, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_stage(run, stage);

    record_begin(&record, 19);
    pack_uint(&record, row->state);
    pack_uint(&record, row->outcome);
    pack_uint(&record, row->pending);
    pack_uint(&record, row->reason);
    pack_uint(&record, row->reason_stage);
    pack_uint(&record, row->waits);
    pack_bool(&record, row->is_resolved);
    pack_bool(&record, row->is_met);
    pack_uint(&record, row->tasks);
    pack_uint(&record, row->next);
    pack_uint(&record, row->running);
    pack_uint(&record, row->complete);
    pack_uint(&record, row->failed);
    pack_uint(&record, row->stopped);
    pack_int(&record, row->started_us);
    pack_int(&record, row->ended_us);
    pack_list(&record, row->retry_count);
    for (uint32_t i = 0; i < row->retry_count; i++) {
        pack_list(&record, 5);
        pack_uint(&record, row->retries[i].index);
        pack_uint(&record, row->retries[i].attempts);
        pack_uint(&record, row->retries[i].failures);
        pack_uint(&record, row->retries[i].losses);
        pack_int(&record, row->retries[i].not_before_us);
    }
    pack_uint(&record, row->reused);
    pack_uint(&record, row->ahead);
    return db_put_buf(store, TABLE_STAGES, &key, &record, err);
}

static void read_retries(struct reader *reader, struct arena *arena,
                         struct stage_row *row)
{
    size_t count = reader_list(reader);

    row->retries =
        count <= RETRIES_MAX ? arena_array(arena, count, sizeof *row->retries) : NULL;
    if (!row->retries) {
        reader_fail(reader);
        return;
    }
    row->retry_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        size_t fields = reader_list(reader);

        if (fields != 4 && fields != 5) /* 4: written before retries waited */
            reader_fail(reader);
        row->retries[i].index = reader_uint(reader);
        row->retries[i].attempts = (uint32_t)reader_uint_max(reader, UINT32_MAX);
        row->retries[i].failures = (uint8_t)reader_uint_max(reader, UINT8_MAX);
        row->retries[i].losses = (uint8_t)reader_uint_max(reader, UINT8_MAX);
        row->retries[i].not_before_us = fields == 5 ? reader_int(reader) : 0;
    }
}

static void read_row(struct reader *reader, struct arena *arena, struct stage_row *row)
{
    row->state = (enum stage_state)reader_uint_max(reader, STAGE_STATE_COUNT - 1);
    row->outcome = (enum stage_state)reader_uint_max(reader, STAGE_STATE_COUNT - 1);
    row->pending = (enum pending)reader_uint_max(reader, PENDING_COUNT - 1);
    row->reason = (enum reason)reader_uint_max(reader, REASON_COUNT - 1);
    row->reason_stage = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    row->waits = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    row->is_resolved = reader_bool(reader);
    row->is_met = reader_bool(reader);
    row->tasks = reader_uint(reader);
    row->next = reader_uint(reader);
    row->running = reader_uint(reader);
    row->complete = reader_uint(reader);
    row->failed = reader_uint(reader);
    row->stopped = reader_uint(reader);
    row->started_us = reader_int(reader);
    row->ended_us = reader_int(reader);
    row->has_row = true;
    read_retries(reader, arena, row);
    if (reader_at_end(reader))
        return; /* written before results were reused */
    row->reused = reader_uint(reader);
    row->ahead = reader_uint(reader);
}

enum rc store_stage(struct store *store, uint64_t run, uint32_t stage,
                    struct arena *arena, struct stage_row *row, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct stage_row read = { 0 };
    struct key key = key_stage(run, stage);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_STAGES, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_STAGES, &data, err);
    if (rc == RC_OK) {
        read_row(&reader, arena, &read);
        rc = record_close(&reader, TABLE_STAGES, err);
    }
    view_end(&view);
    if (rc == RC_NOT_FOUND)
        return layer_row_of_stage(store, run, stage, row, err);
    if (rc == RC_OK)
        *row = read;
    return rc;
}

enum rc store_resolved_put(struct store *store, uint64_t run, uint32_t stage,
                           const void *bytes, size_t size, struct err *err)
{
    struct key key = key_stage(run, stage);

    return db_put(store, TABLE_RESOLVED, key.bytes, key.size, bytes, size, err);
}

enum rc store_resolved(struct store *store, uint64_t run, uint32_t stage,
                       struct buf *bytes, struct err *err)
{
    struct key key = key_stage(run, stage);

    return db_get(store, TABLE_RESOLVED, &key, bytes, err);
}

enum rc store_note_put(struct store *store, uint64_t run, uint32_t stage,
                       const char *text, struct err *err)
{
    struct key key = key_stage(run, stage);

    return db_put(store, TABLE_NOTES, key.bytes, key.size, text, strlen(text), err);
}

enum rc store_note(struct store *store, uint64_t run, uint32_t stage, struct buf *out,
                   struct err *err)
{
    struct key key = key_stage(run, stage);
    enum rc rc = db_get(store, TABLE_NOTES, &key, out, err);

    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_stage_decode(struct bytes value, struct arena *arena, struct stage_row *row,
                           struct err *err)
{
    MDB_val data = { value.size, (void *)(uintptr_t)value.data };
    struct stage_row read = { 0 };
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_STAGES, &data, err);

    if (rc != RC_OK)
        return rc;
    read_row(&reader, arena, &read);
    rc = record_close(&reader, TABLE_STAGES, err);
    if (rc == RC_OK)
        *row = read;
    return rc;
}
