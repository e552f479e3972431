/* blocks.c - see blocks.h. */
#include "broker/store/ranges.h"

enum rc store_span_put(struct store *store, uint64_t run, uint32_t stage, uint64_t first,
                       const struct span *span, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_task(run, stage, first);

    record_begin(&record, 3);
    pack_uint(&record, span->node);
    pack_uint(&record, span->token);
    pack_uint(&record, span->count);
    return db_put_buf(store, TABLE_SPANS, &key, &record, err);
}

/* The span that has index, or the next one of the stage. */
static enum rc span_find(struct store *store, uint64_t run, uint32_t stage,
                         uint64_t index, struct task_range *range, struct err *err)
{
    struct view view;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = range_seek(&view, TABLE_SPANS, run, stage, index, range, err);
    view_end(&view);
    return rc;
}

enum rc store_span_has(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                       uint64_t count, bool *is_there, struct err *err)
{
    struct task_range range;
    enum rc rc = span_find(store, run, stage, index, &range, err);

    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    *is_there = rc == RC_OK && range.first <= index
                && count <= range.count - (index - range.first);
    return RC_OK;
}

/* The tasks of the range from its place `from` on, as a span of their own. */
static enum rc span_rest(struct store *store, uint64_t run, uint32_t stage,
                         const struct task_range *range, uint64_t from, uint64_t count,
                         struct err *err)
{
    struct span rest = { .count = count,
                         .token = range->block.token + from,
                         .node = range->node };

    return count > 0 ? store_span_put(store, run, stage, range->first + from, &rest, err)
                     : RC_OK;
}

/* Removes the span if it has just these tasks, as it mostly does. */
static enum rc span_take_whole(struct store *store, uint64_t run, uint32_t stage,
                               uint64_t index, uint64_t count, bool *is_taken,
                               struct err *err)
{
    struct key key = key_task(run, stage, index);
    struct view view;
    struct reader reader;
    MDB_val data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_SPANS, key.bytes, key.size, &data, err);
    *is_taken = rc == RC_OK && record_open(&reader, TABLE_SPANS, &data, err) == RC_OK;
    if (*is_taken) {
        (void)reader_uint(&reader); /* the node */
        (void)reader_uint(&reader); /* the token */
        *is_taken = reader_uint(&reader) == count && reader_ok(&reader);
    }
    view_end(&view);
    if (*is_taken)
        return db_remove(store, TABLE_SPANS, key.bytes, key.size, err);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_span_take(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                        uint64_t count, struct err *err)
{
    bool is_taken;
    uint64_t end = index + count;
    struct task_range range;
    enum rc rc = span_take_whole(store, run, stage, index, count, &is_taken, err);

    if (rc != RC_OK || is_taken)
        return rc;
    while ((rc = span_find(store, run, stage, index, &range, err)) == RC_OK
           && range.first < end) {
        uint64_t range_end = range.first + range.count;
        uint64_t from = range.first < index ? index : range.first;
        uint64_t to = range_end < end ? range_end : end;
        struct key key = key_task(run, stage, range.first);

        rc = db_remove(store, TABLE_SPANS, key.bytes, key.size, err);
        if (rc == RC_OK)
            rc = span_rest(store, run, stage, &range, 0, from - range.first, err);
        if (rc == RC_OK)
            rc = span_rest(store, run, stage, &range, to - range.first, range_end - to,
                           err);
        if (rc != RC_OK || to == end)
            return rc;
        index = to;
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc span_visit(const MDB_val *key, const MDB_val *data,
                          enum rc (*visit)(void *context, const struct attempt_row *row,
                                           struct err *err),
                          void *context, struct err *err)
{
    struct attempt_row row = { .number = 1 };
    struct reader reader;
    uint64_t count;
    enum rc rc = record_open(&reader, TABLE_SPANS, data, err);

    if (rc == RC_OK && key->mv_size != 20)
        rc = err_set(err, RC_CORRUPT, "store: a key of spans does not decode");
    if (rc != RC_OK)
        return rc;
    row.run = key_number(key->mv_data, 8);
    row.stage = (uint32_t)key_number((unsigned char *)key->mv_data + 8, 4);
    row.index = key_number((unsigned char *)key->mv_data + 12, 8);
    row.node = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    row.token = reader_uint(&reader);
    count = reader_uint_max(&reader, PLAN_TASKS_MAX);
    rc = record_close(&reader, TABLE_SPANS, err);
    for (; rc == RC_OK && count > 0; count--, row.token++, row.index++)
        rc = visit(context, &row, err);
    return rc;
}

enum rc store_spans(struct store *store,
                    enum rc (*visit)(void *context, const struct attempt_row *row,
                                     struct err *err),
                    void *context, struct err *err)
{
    struct view view;
    MDB_val found, data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_SPANS, "", 0, &found, &data, err);
    while (rc == RC_OK) {
        rc = span_visit(&found, &data, visit, context, err);
        if (rc == RC_OK)
            rc = view_next(&view, MDB_NEXT, &found, &data, err);
    }
    view_end(&view);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_block_put(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                        uint32_t node, uint64_t version, struct bytes block,
                        struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_task(run, stage, index);

    record_begin(&record, 3);
    pack_uint(&record, node);
    pack_uint(&record, version);
    pack_bytes(&record, block.data, block.size);
    return db_put_buf(store, TABLE_BLOCKS, &key, &record, err);
}

enum rc store_block_decode(struct bytes value, uint64_t *version, struct bytes *block,
                           struct err *err)
{
    MDB_val data = { value.size, (void *)(uintptr_t)value.data };
    struct task_range range;
    enum rc rc = range_record(TABLE_BLOCKS, &data, &range, err);

    if (rc != RC_OK)
        return rc;
    *version = range.version;
    *block = range.bytes;
    return RC_OK;
}

enum rc store_block(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                    struct buf *block, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_task(run, stage, index);
    struct bytes bytes = { 0 };
    uint64_t version;
    enum rc rc = db_get(store, TABLE_BLOCKS, &key, &record, err);

    if (rc == RC_OK)
        rc = store_block_decode((struct bytes){ (const char *)record.data, record.size },
                                &version, &bytes, err);
    if (rc != RC_OK)
        return rc;
    buf_add(block, bytes.data, bytes.size);
    return buf_ok(block) ? RC_OK
                         : err_set(err, RC_NO_MEMORY, "store: a block is too large");
}
