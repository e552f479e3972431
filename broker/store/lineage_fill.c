/* lineage_fill.c - the lineage of what an older program left, read from its records. */
#include "broker/store/lineage.h"
#include "broker/store/tables.h"

#include <string.h>

enum { FILL_ROWS = 1000 /* in one commit */, FILL_ARENA_MAX = 1 << 30 };

struct page { /* keys of rows, copied, since writing ends what LMDB gave */
    struct key keys[FILL_ROWS];
    size_t count;
};

/* The next rows, of one run, or of all if run is 0. */
static enum rc read_page(struct store *store, enum table_id table, uint64_t run,
                         struct page *page, struct err *err)
{
    struct key after = page->count > 0 ? page->keys[page->count - 1]
                       : run > 0       ? key_run(run)
                                       : (struct key){ 0 };
    struct view view;
    MDB_val found, data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    page->count = 0;
    rc = view_seek(&view, table, after.bytes, after.size, &found, &data, err);
    for (; rc == RC_OK && page->count < FILL_ROWS;
         rc = view_next(&view, MDB_NEXT, &found, &data, err)) {
        struct key *key = &page->keys[page->count];

        if (run > 0 && key_number(found.mv_data, 8) != run)
            break;
        if (found.mv_size > sizeof key->bytes
            || (after.size == found.mv_size
                && memcmp(after.bytes, found.mv_data, after.size) == 0))
            continue;
        memcpy(key->bytes, found.mv_data, found.mv_size);
        key->size = found.mv_size;
        page->count++;
    }
    view_end(&view);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc fill_stage(struct store *store, const struct key *key, struct err *err)
{
    scoped(arena) arena = arena_create(FILL_ARENA_MAX);
    scoped_buf bytes = { 0 };
    struct run_head head = { 0 };
    struct plan_stage *stage;
    uint64_t run = key_number(key->bytes, 8);
    enum rc rc = arena ? db_get(store, TABLE_RESOLVED, key, &bytes, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a stage");

    if (rc == RC_OK)
        rc = store_run(store, run, arena, &head, err);
    if (rc != RC_OK)
        return rc;
    if (plan_stage_decode(arena, bytes.data, bytes.size, &stage, err) != RC_OK)
        return RC_OK; /* who looks at the stage is told */
    return store_lineage_class(store, run, (uint32_t)key_number(key->bytes + 8, 4),
                               head.tree, stage, err);
}

/* Only the attempt that counted made something. */
static enum rc fill_result(struct store *store, const struct key *key, struct err *err)
{
    scoped(arena) arena = arena_create(FILL_ARENA_MAX);
    scoped_buf bytes = { 0 };
    struct task_result *result;
    struct task_row row;
    uint64_t run = key_number(key->bytes, 8), index = key_number(key->bytes + 12, 8);
    uint32_t stage = (uint32_t)key_number(key->bytes + 8, 4);
    enum rc rc = arena ? store_task(store, run, stage, index, &row, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a result");

    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc != RC_OK)
        return rc;
    if (row.attempts != key_number(key->bytes + 20, 4) || row.state < TASK_COMPLETE)
        return RC_OK;
    rc = db_get(store, TABLE_RESULTS, key, &bytes, err);
    if (rc != RC_OK)
        return rc;
    if (result_decode(arena, bytes.data, bytes.size, &result, err) != RC_OK)
        return RC_OK;
    return store_lineage_result(store, run, stage, index, result, err);
}

typedef enum rc fill_row(struct store *store, const struct key *key, struct err *err);

/* Of all runs: many rows, so it commits as it goes. */
static enum rc fill(struct store *store, enum table_id table, uint64_t run, fill_row *row,
                    struct err *err)
{
    struct page page = { .count = 0 };
    enum rc rc;

    do {
        rc = read_page(store, table, run, &page, err);
        for (size_t i = 0; rc == RC_OK && i < page.count; i++)
            rc = row(store, &page.keys[i], err);
        if (rc == RC_OK && run == 0)
            rc = store_commit(store, err);
    } while (rc == RC_OK && page.count == FILL_ROWS);
    return rc;
}

static enum rc fill_all(struct store *store, uint64_t run, struct err *err)
{
    enum rc rc = fill(store, TABLE_RESOLVED, run, fill_stage, err);

    return rc == RC_OK ? fill(store, TABLE_RESULTS, run, fill_result, err) : rc;
}

enum rc store_lineage_run(struct store *store, uint64_t run, struct err *err)
{
    must(run > 0);
    return fill_all(store, run, err);
}

static struct key key_done(void)
{
    return (struct key){ .bytes = "lineage", .size = 7 };
}

enum rc store_lineage_complete(struct store *store, struct err *err)
{
    scoped_buf known = { 0 }, record = { 0 };
    struct key key = key_done();
    enum rc rc = db_get(store, TABLE_META, &key, &known, err);

    if (rc != RC_NOT_FOUND)
        return rc;
    rc = fill_all(store, 0, err);
    record_begin(&record, 0);
    if (rc == RC_OK)
        rc = db_put_buf(store, TABLE_META, &key, &record, err);
    if (rc == RC_OK)
        rc = store_commit(store, err);
    if (rc != RC_OK)
        store_abort(store);
    return rc;
}
