/* bundle.c - see bundle.h. */
#include "broker/store/bundle.h"

#include "broker/store/tables.h"

#include <string.h>

/* Versions are found by the rows of their tasks. */
static const enum table_id tables[BUNDLE_TABLE_COUNT] = {
    [BUNDLE_HEAD] = TABLE_RUNS,         [BUNDLE_ROW] = TABLE_RUN_ROWS,
    [BUNDLE_PLAN] = TABLE_PLANS,        [BUNDLE_STAGES] = TABLE_STAGES,
    [BUNDLE_RESOLVED] = TABLE_RESOLVED, [BUNDLE_NOTES] = TABLE_NOTES,
    [BUNDLE_TASKS] = TABLE_TASKS,       [BUNDLE_RESULTS] = TABLE_RESULTS,
    [BUNDLE_VERSIONS] = TABLE_TASKS,
};

struct page {
    struct store *store;
    struct view view;
    struct buf *rows;
    size_t count;
};

static enum rc add_version(struct page *page, const MDB_val *task, struct err *err)
{
    struct task_row row;
    MDB_val found;
    enum rc rc =
        store_task_decode((struct bytes){ task->mv_data, task->mv_size }, &row, err);

    if (rc != RC_OK || row.version == 0)
        return rc;

    struct key key = key_run(row.version);

    rc = view_get(&page->view, TABLE_VERSIONS, key.bytes, key.size, &found, err);
    if (rc != RC_OK)
        return rc;
    bundle_row_encode(page->rows, BUNDLE_VERSIONS, key.bytes, key.size, found.mv_data,
                      found.mv_size);
    page->count++;
    return RC_OK;
}

static enum rc add_row(struct page *page, enum bundle_table table, const MDB_val *key,
                       const MDB_val *value, struct err *err)
{
    if (table == BUNDLE_VERSIONS)
        return add_version(page, value, err);
    bundle_row_encode(page->rows, table, (unsigned char *)key->mv_data + 8,
                      key->mv_size - 8, value->mv_data, value->mv_size);
    page->count++;
    return RC_OK;
}

/* Rows of one table. RC_NOT_FOUND at its end. */
static enum rc read_table(struct page *page, uint64_t run, struct bundle_cursor *cursor,
                          size_t size_max, struct err *err)
{
    enum bundle_table table = (enum bundle_table)cursor->table;
    struct key prefix = key_run(run), from = prefix;
    MDB_val key, value;

    memcpy(from.bytes + from.size, cursor->key, cursor->key_size);
    from.size += cursor->key_size;

    enum rc rc =
        view_seek(&page->view, tables[table], from.bytes, from.size, &key, &value, err);

    while (rc == RC_OK && key.mv_size >= 8 && key.mv_size <= 8 + BUNDLE_KEY_MAX
           && memcmp(key.mv_data, prefix.bytes, 8) == 0) {
        if (page->rows->size >= size_max) {
            cursor->key_size = key.mv_size - 8;
            memcpy(cursor->key, (unsigned char *)key.mv_data + 8, cursor->key_size);
            return RC_OK;
        }
        rc = add_row(page, table, &key, &value, err);
        if (rc == RC_OK)
            rc = view_next(&page->view, MDB_NEXT, &key, &value, err);
        else if (rc == RC_NOT_FOUND)
            rc = err_set(err, RC_CORRUPT, "the store lacks a version that a task names");
    }
    return rc == RC_OK ? RC_NOT_FOUND : rc;
}

enum rc store_bundle_read(struct store *store, uint64_t run, struct bundle_cursor *cursor,
                          size_t size_max, struct buf *rows, size_t *count,
                          struct err *err)
{
    struct page page = { .store = store, .rows = rows };
    enum rc rc = RC_NOT_FOUND;

    while (rc == RC_NOT_FOUND && cursor->table < BUNDLE_TABLE_COUNT) {
        rc = view_begin(store, &page.view, err);
        if (rc != RC_OK)
            return rc;
        rc = read_table(&page, run, cursor, size_max, err);
        view_end(&page.view);
        if (rc == RC_NOT_FOUND) {
            cursor->table++;
            cursor->key_size = 0;
        }
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
                  row->value.size, false, err);
}

enum rc store_bundle_write(struct store *store, uint64_t run, const struct bundle *bundle,
                           const struct run_head *head, struct err *err)
{
    struct key key = key_run(run);
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < bundle->count; i++)
        if (bundle->rows[i].table != BUNDLE_TASKS
            && bundle->rows[i].table != BUNDLE_VERSIONS)
            rc = put_row(store, run, &bundle->rows[i], err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_IDS, head->id, strlen(head->id), key.bytes, key.size,
                    false, err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_SUBMISSIONS, head->submission, sizeof head->submission,
                    key.bytes, key.size, false, err);
    return rc;
}
