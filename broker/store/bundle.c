/* bundle.c - see bundle.h. */
#include "broker/store/bundle.h"

#include "broker/store/blocks.h"
#include "broker/store/executions.h"
#include "broker/store/layers.h"
#include "broker/store/tables.h"

#include <string.h>

enum { REUSED_ARENA_MAX = 1 << 28 };

/* Versions are found by the rows of their tasks, by the blocks and by the layers. */
static const enum table_id tables[BUNDLE_REUSED] = {
    [BUNDLE_HEAD] = TABLE_RUNS,
    [BUNDLE_ROW] = TABLE_RUN_ROWS,
    [BUNDLE_PLAN] = TABLE_PLANS,
    [BUNDLE_STAGES] = TABLE_STAGES,
    [BUNDLE_RESOLVED] = TABLE_RESOLVED,
    [BUNDLE_NOTES] = TABLE_NOTES,
    [BUNDLE_TASKS] = TABLE_TASKS,
    [BUNDLE_RESULTS] = TABLE_RESULTS,
    [BUNDLE_BLOCKS] = TABLE_BLOCKS,
    [BUNDLE_LAYERS] = TABLE_LAYERS,
    [BUNDLE_VERSIONS] = TABLE_TASKS,
    [BUNDLE_BLOCK_VERSIONS] = TABLE_BLOCKS,
    [BUNDLE_LAYER_VERSIONS] = TABLE_LAYERS,
};

struct page {
    struct store *store;
    struct view view;
    struct buf *rows;
    size_t count;
};

/* That of a task's row, of a block or of a layer. */
static enum rc version_of(enum table_id table, const MDB_val *value, uint64_t *version,
                          struct err *err)
{
    struct bytes bytes = { value->mv_data, value->mv_size }, block;
    struct task_row row;

    struct layer_record layer;
    enum rc rc;

    if (table == TABLE_BLOCKS)
        return store_block_decode(bytes, version, &block, err);
    if (table == TABLE_LAYERS) {
        rc = store_layer_decode(bytes, &layer, err);
        if (rc == RC_OK)
            *version = layer.version;
        return rc;
    }
    rc = store_task_decode(bytes, &row, err);
    if (rc == RC_OK)
        *version = row.version;
    return rc;
}

static enum rc add_version(struct page *page, enum table_id table, const MDB_val *value,
                           struct err *err)
{
    uint64_t version;
    MDB_val found;
    enum rc rc = version_of(table, value, &version, err);

    if (rc != RC_OK || version == 0)
        return rc;

    struct key key = key_run(version);

    rc = view_get(&page->view, TABLE_VERSIONS, key.bytes, key.size, &found, err);
    if (rc != RC_OK)
        return rc;
    bundle_row_encode(page->rows, BUNDLE_VERSIONS, key.bytes, key.size, found.mv_data,
                      found.mv_size);
    page->count++;
    return RC_OK;
}

static enum rc add_row(struct page *page, uint32_t part, const MDB_val *key,
                       const MDB_val *value, struct err *err)
{
    if (part == BUNDLE_VERSIONS || part == BUNDLE_BLOCK_VERSIONS
        || part == BUNDLE_LAYER_VERSIONS)
        return add_version(page, tables[part], value, err);
    bundle_row_encode(page->rows, (enum bundle_table)part,
                      (unsigned char *)key->mv_data + 8, key->mv_size - 8, value->mv_data,
                      value->mv_size);
    page->count++;
    return RC_OK;
}

/* Rows of one table. RC_NOT_FOUND at its end. */
static enum rc read_table(struct page *page, uint64_t run, struct bundle_cursor *cursor,
                          size_t size_max, struct err *err)
{
    struct key prefix = key_run(run), from = prefix;
    MDB_val key, value;

    memcpy(from.bytes + from.size, cursor->key, cursor->key_size);
    from.size += cursor->key_size;

    enum rc rc = view_seek(&page->view, tables[cursor->table], from.bytes, from.size,
                           &key, &value, err);

    while (rc == RC_OK && key.mv_size >= 8 && key.mv_size <= 8 + BUNDLE_KEY_MAX
           && memcmp(key.mv_data, prefix.bytes, 8) == 0) {
        if (page->rows->size >= size_max) {
            cursor->key_size = key.mv_size - 8;
            memcpy(cursor->key, (unsigned char *)key.mv_data + 8, cursor->key_size);
            return RC_OK;
        }
        rc = add_row(page, cursor->table, &key, &value, err);
        if (rc == RC_OK)
            rc = view_next(&page->view, MDB_NEXT, &key, &value, err);
        else if (rc == RC_NOT_FOUND)
            rc = err_set(err, RC_CORRUPT, "the store lacks a version that a task names");
    }
    return rc == RC_OK ? RC_NOT_FOUND : rc;
}

/* A task that used an earlier result, as if it had been its own. */
static enum rc add_reused(struct page *page, const struct key *task,
                          const struct origin *origin, struct err *err)
{
    scoped_buf result = { 0 };
    struct key key = *task;
    struct task_row row;
    enum rc rc =
        store_task(page->store, origin->run, origin->stage, origin->index, &row, err);

    if (rc == RC_OK)
        rc = store_result(page->store, origin->run, origin->stage, origin->index,
                          row.attempts, &result, err);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* it is gone, and so this task has none */
    if (rc != RC_OK)
        return rc;

    scoped_buf record = { 0 };

    row.version = row.token = 0;
    task_row_encode(&record, &row);
    bundle_row_encode(page->rows, BUNDLE_TASKS, key.bytes + 8, key.size - 8, record.data,
                      record.size);
    for (unsigned i = 0; i < 4; i++)
        key.bytes[key.size++] = (unsigned char)(row.attempts >> (24 - 8 * i));
    bundle_row_encode(page->rows, BUNDLE_RESULTS, key.bytes + 8, key.size - 8,
                      result.data, result.size);
    page->count += 2;
    return RC_OK;
}

/* Of one stage, from task `from` on. RC_NOT_FOUND at its end; *from is where to go on. */
static enum rc read_reused(struct page *page, uint64_t run, uint32_t stage,
                           uint64_t *from, size_t size_max, struct err *err)
{
    scoped(arena) arena = arena_create(REUSED_ARENA_MAX);
    struct reused_range *ranges;
    size_t count;
    enum rc rc = arena
                     ? store_reused(page->store, run, stage, arena, &ranges, &count, err)
                     : err_set(err, RC_NO_MEMORY, "no memory for a stage");

    for (size_t i = 0; rc == RC_OK && i < count; i++)
        for (uint64_t n = 0; rc == RC_OK && n < ranges[i].count; n++) {
            struct origin origin = ranges[i].origin;
            struct key key = key_task(run, stage, ranges[i].first + n);

            if (ranges[i].first + n < *from)
                continue;
            *from = ranges[i].first + n;
            if (page->rows->size >= size_max)
                return RC_OK;
            origin.index += n;
            rc = add_reused(page, &key, &origin, err);
        }
    return rc == RC_OK ? RC_NOT_FOUND : rc;
}

/* RC_NOT_FOUND at the end of the run. */
static enum rc read_all_reused(struct page *page, uint64_t run,
                               struct bundle_cursor *cursor, size_t size_max,
                               struct err *err)
{
    struct run_row row;
    struct run_totals totals;
    uint32_t stage = (uint32_t)key_number(cursor->key, cursor->key_size ? 4 : 0);
    uint64_t from = key_number(cursor->key + 4, cursor->key_size ? 8 : 0);
    enum rc rc = store_run_row(page->store, run, &row, &totals, err);

    if (rc != RC_OK)
        return rc;
    for (rc = RC_NOT_FOUND; rc == RC_NOT_FOUND && stage < row.stages; stage++, from = 0) {
        rc = read_reused(page, run, stage, &from, size_max, err);
        if (rc == RC_OK) {
            struct key key = key_task(run, stage, from);

            cursor->key_size = key.size - 8;
            memcpy(cursor->key, key.bytes + 8, cursor->key_size);
        }
    }
    return rc;
}

/* RC_NOT_FOUND at the end of the table. */
static enum rc read_some(struct page *page, uint64_t run, struct bundle_cursor *cursor,
                         size_t size_max, struct err *err)
{
    enum rc rc;

    if (cursor->table == BUNDLE_TAGS || cursor->table == BUNDLE_DATUM_TAGS)
        return cursor->has_tags ? store_bundle_tags(page->store, run, cursor, size_max,
                                                    page->rows, &page->count, err)
                                : RC_NOT_FOUND;
    if (cursor->table == BUNDLE_ALIASES || cursor->table == BUNDLE_DATASETS) {
        rc = cursor->has_names
                 ? store_bundle_names(page->store, run, (enum bundle_table)cursor->table,
                                      page->rows, &page->count, err)
                 : RC_OK;
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    }
    rc = view_begin(page->store, &page->view, err);
    if (rc != RC_OK)
        return rc;
    rc = read_table(page, run, cursor, size_max, err);
    view_end(&page->view);
    return rc;
}

enum rc store_bundle_read(struct store *store, uint64_t run, struct bundle_cursor *cursor,
                          size_t size_max, struct buf *rows, size_t *count,
                          struct err *err)
{
    struct page page = { .store = store, .rows = rows };
    enum rc rc = RC_NOT_FOUND;

    while (rc == RC_NOT_FOUND && cursor->table < BUNDLE_REUSED) {
        rc = read_some(&page, run, cursor, size_max, err);
        if (rc == RC_NOT_FOUND) {
            cursor->table++;
            cursor->key_size = 0;
        }
    }
    if (rc == RC_NOT_FOUND) {
        rc = read_all_reused(&page, run, cursor, size_max, err);
        if (rc == RC_NOT_FOUND)
            cursor->table = BUNDLE_END;
    }
    *count = page.count;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc put_row(struct store *store, uint64_t run, const struct bundle_row *row,
                       struct err *err)
{
    struct key key = key_run(run);

    memcpy(key.bytes + key.size, row->key.data, row->key.size);
    key.size += row->key.size;
    return db_put(store, tables[row->table], key.bytes, key.size, row->value.data,
                  row->value.size, err);
}

enum rc store_bundle_write(struct store *store, uint64_t run, const struct bundle *bundle,
                           const struct run_head *head, struct err *err)
{
    struct key key = key_run(run);
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < bundle->count; i++)
        if (bundle->rows[i].table < BUNDLE_VERSIONS
            && bundle->rows[i].table != BUNDLE_TASKS
            && bundle->rows[i].table != BUNDLE_BLOCKS
            && bundle->rows[i].table != BUNDLE_LAYERS)
            rc = put_row(store, run, &bundle->rows[i], err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_IDS, head->id, strlen(head->id), key.bytes, key.size,
                    err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_SUBMISSIONS, head->submission, sizeof head->submission,
                    key.bytes, key.size, err);
    return rc;
}
