/* executions.c - see executions.h. */
#include "broker/store/executions.h"

#include "broker/store/tables.h"

#include <string.h>

enum { RANGE_FIELDS = 5 };

enum rc store_execution_put(struct store *store,
                            const unsigned char key[EXECUTION_KEY_SIZE],
                            const struct origin *origin, struct err *err)
{
    scoped_buf record = { 0 };

    record_begin(&record, 3);
    pack_uint(&record, origin->run);
    pack_uint(&record, origin->stage);
    pack_uint(&record, origin->index);
    return db_put(store, TABLE_EXECUTIONS, key, EXECUTION_KEY_SIZE, record.data,
                  record.size, err);
}

static void read_origin(struct reader *reader, struct origin *origin)
{
    origin->run = reader_uint(reader);
    origin->stage = (uint32_t)reader_uint_max(reader, CORE_STAGES_MAX);
    origin->index = reader_uint(reader);
}

enum rc store_execution(struct store *store, const unsigned char key[EXECUTION_KEY_SIZE],
                        struct origin *origin, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct origin read = { 0 };
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_EXECUTIONS, key, EXECUTION_KEY_SIZE, &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_EXECUTIONS, &data, err);
    if (rc == RC_OK) {
        read_origin(&reader, &read);
        rc = record_close(&reader, TABLE_EXECUTIONS, err);
    }
    view_end(&view);
    if (rc == RC_OK)
        *origin = read;
    return rc;
}

static struct key key_step(const unsigned char step[STEP_KEY_SIZE], uint64_t run,
                           uint32_t stage)
{
    struct key key, place = key_stage(run, stage);

    memcpy(key.bytes, step, STEP_KEY_SIZE);
    memcpy(key.bytes + STEP_KEY_SIZE, place.bytes, place.size);
    key.size = STEP_KEY_SIZE + place.size;
    return key;
}

enum rc store_step_put(struct store *store, const unsigned char step[STEP_KEY_SIZE],
                       uint64_t run, uint32_t stage, struct err *err)
{
    struct key key = key_step(step, run, stage);

    return db_put(store, TABLE_BY_STEP, key.bytes, key.size, "", 0, err);
}

enum rc store_steps_before(struct store *store, const unsigned char step[STEP_KEY_SIZE],
                           uint64_t run, uint32_t stage, struct origin *found,
                           size_t limit, size_t *count, struct err *err)
{
    struct view view;
    MDB_val at, data;
    struct key key = key_step(step, run, stage);
    size_t taken = 0;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_BY_STEP, key.bytes, key.size, &at, &data, err);
    rc = view_next(&view, rc == RC_OK ? MDB_PREV : MDB_LAST, &at, &data, err);
    while (rc == RC_OK && taken < limit && at.mv_size == key.size
           && memcmp(at.mv_data, step, STEP_KEY_SIZE) == 0) {
        const unsigned char *place = (unsigned char *)at.mv_data + STEP_KEY_SIZE;

        found[taken++] = (struct origin){ .run = key_number(place, 8),
                                          .stage = (uint32_t)key_number(place + 8, 4) };
        rc = view_next(&view, MDB_PREV, &at, &data, err);
    }
    view_end(&view);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    *count = taken;
    return RC_OK;
}

enum rc store_reused_put(struct store *store, uint64_t run, uint32_t stage,
                         const struct reused_range *ranges, size_t count, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_stage(run, stage);

    record_begin(&record, 1);
    pack_list(&record, count);
    for (size_t i = 0; i < count; i++) {
        pack_list(&record, RANGE_FIELDS);
        pack_uint(&record, ranges[i].first);
        pack_uint(&record, ranges[i].count);
        pack_uint(&record, ranges[i].origin.run);
        pack_uint(&record, ranges[i].origin.stage);
        pack_uint(&record, ranges[i].origin.index);
    }
    return db_put_buf(store, TABLE_REUSED, &key, &record, err);
}

static void read_range(struct reader *reader, struct reused_range *range)
{
    size_t extra = reader_list(reader);

    if (extra < RANGE_FIELDS)
        reader_fail(reader);
    range->first = reader_uint(reader);
    range->count = reader_uint(reader);
    read_origin(reader, &range->origin);
    for (; extra > RANGE_FIELDS && reader_ok(reader); extra--)
        reader_skip(reader);
}

enum rc store_reused(struct store *store, uint64_t run, uint32_t stage,
                     struct arena *arena, struct reused_range **ranges, size_t *count,
                     struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct key key = key_stage(run, stage);
    struct reused_range *read = NULL;
    size_t size = 0;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_REUSED, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_REUSED, &data, err);
    if (rc == RC_OK) {
        size = reader_list(&reader);
        read = arena_array(arena, size, sizeof *read);
        for (size_t i = 0; read && i < size; i++)
            read_range(&reader, &read[i]);
        rc = read ? record_close(&reader, TABLE_REUSED, err)
                  : err_set(err, RC_NO_MEMORY, "what run %lu reuses", (unsigned long)run);
    }
    view_end(&view);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    *ranges = read;
    *count = rc == RC_OK ? size : 0;
    return RC_OK;
}

enum rc store_stage_name(struct store *store, uint64_t run, uint32_t stage,
                         struct arena *arena, const char **name, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct key key = key_stage(run, stage);
    const char *found = NULL;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_RESOLVED, key.bytes, key.size, &data, err);
    if (rc == RC_OK) {
        reader_init(&reader, data.mv_data, data.mv_size);
        for (size_t n = reader_map(&reader); n > 0 && !found && reader_ok(&reader); n--)
            if (bytes_are(reader_string(&reader), "name"))
                found = reader_text(&reader, arena, PLAN_NAME_MAX);
            else
                reader_skip(&reader);
        if (!found || !reader_ok(&reader))
            rc = err_set(err, RC_CORRUPT, "store: a stage of run %lu has no name",
                         (unsigned long)run);
    }
    view_end(&view);
    if (rc == RC_OK)
        *name = found;
    return rc;
}

enum rc store_origin(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                     struct origin *origin, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct key key = key_stage(run, stage);
    struct reused_range range = { 0 };
    bool found = false;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_REUSED, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_REUSED, &data, err);
    if (rc == RC_OK) {
        for (size_t n = reader_list(&reader); n > 0 && !found && reader_ok(&reader);
             n--) {
            read_range(&reader, &range);
            found = index >= range.first && index - range.first < range.count;
        }
        rc = record_close(&reader, TABLE_REUSED, err);
    }
    view_end(&view);
    if (rc != RC_OK)
        return rc;
    if (!found)
        return err_set(err, RC_NOT_FOUND, "store: the task uses no other's result");
    *origin = range.origin;
    origin->index += index - range.first;
    return RC_OK;
}
