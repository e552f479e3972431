/* append.c - what lies behind the last key of a table is appended: LMDB then searches
 * nothing, and fills pages instead of halving them. Which key is the last is a guess from
 * what was put before; LMDB itself says so when it is wrong, and nothing depends on it.
 */
#include "broker/store/store_state.h"

#include <string.h>

static bool is_above(const struct top *top, const void *key, size_t size)
{
    size_t common = size < top->size ? size : top->size;
    int order = memcmp(key, top->bytes, common);

    return order > 0 || (order == 0 && size > top->size);
}

static void top_set(struct top *top, const void *key, size_t size)
{
    must(size <= sizeof top->bytes);
    memcpy(top->bytes, key, size);
    top->size = size;
}

/* The guess was wrong: what is last is looked up. */
static void top_learn(struct store *store, enum table_id table)
{
    MDB_cursor *cursor;
    MDB_val key, data;

    if (mdb_cursor_open(store->batch, store->tables[table], &cursor))
        return;
    if (mdb_cursor_get(cursor, &key, &data, MDB_LAST) == 0)
        top_set(&store->tops[table], key.mv_data, key.mv_size);
    mdb_cursor_close(cursor);
}

int store_put(struct store *store, enum table_id table, MDB_val *key, MDB_val *data)
{
    struct top *top = &store->tops[table];
    int code;

    if (!is_above(top, key->mv_data, key->mv_size))
        return mdb_put(store->batch, store->tables[table], key, data, 0);
    code = mdb_put(store->batch, store->tables[table], key, data, MDB_APPEND);
    if (code == 0)
        top_set(top, key->mv_data, key->mv_size);
    if (code != MDB_KEYEXIST)
        return code;
    top_learn(store, table);
    return mdb_put(store->batch, store->tables[table], key, data, 0);
}
