/* copy.c - see copy.h. */
#include "broker/store/copy.h"

#include "broker/store/store_state.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COPY_MARK "copy"

static enum rc read_tables(struct store *store, struct err *err)
{
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->batch);
    enum rc rc;

    if (code) {
        store->batch = NULL;
        return store_failed(store, err, code, "begin");
    }
    rc = store_read_format(store, store->batch, store->path, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, rc, "the store in %s is empty", store->path);
    for (unsigned i = 0; rc == RC_OK && i < TABLE_COUNT; i++) {
        code = mdb_dbi_open(store->batch, table_name((enum table_id)i), 0,
                            &store->tables[i]);
        if (code == MDB_NOTFOUND)
            store->tables[i] = TABLE_ABSENT;
        else if (code)
            rc = store_failed(store, err, code, table_name((enum table_id)i));
    }
    return rc;
}

enum rc store_open_reading(const char *directory, struct store **store, struct err *err)
{
    scoped(store) made = calloc(1, sizeof *made);
    enum rc rc;

    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for the store");
    made->lock_fd = -1;
    pthread_mutex_init(&made->moves, NULL);
    made->is_reading = true;
    made->map = (struct store_map){ .first = (size_t)1 << 30, .margin = (size_t)1 << 28 };
    if (snprintf(made->path, sizeof made->path, "%s/data.mdb", directory)
        >= (int)sizeof made->path)
        return err_set(err, RC_INVALID, "the store's path is too long: %s", directory);
    if (access(made->path, R_OK) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno,
                           "there is no store to read: %s", made->path);
    snprintf(made->path, sizeof made->path, "%s", directory);
    rc = store_check_foreign(directory, err);
    if (rc == RC_OK)
        rc = store_open_env(made, directory, err);
    if (rc == RC_OK)
        rc = read_tables(made, err);
    if (rc != RC_OK)
        return rc;
    *store = steal(&made);
    return RC_OK;
}

/* In a copy that nobody else knows of yet. */
static int mark_write(MDB_env *env, int64_t now_us)
{
    scoped_buf record = { 0 };
    MDB_val key = { strlen(COPY_MARK), (void *)(uintptr_t)COPY_MARK }, data;
    MDB_txn *txn;
    MDB_dbi meta;
    int code;

    record_begin(&record, 1);
    pack_int(&record, now_us);
    data = (MDB_val){ record.size, record.data };
    code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code)
        return code;
    code = mdb_dbi_open(txn, table_name(TABLE_META), 0, &meta);
    if (code == 0)
        code = mdb_put(txn, meta, &key, &data, 0);
    if (code == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

static enum rc mark(const char *directory, int64_t now_us, struct err *err)
{
    MDB_env *env = NULL;
    int code = mdb_env_create(&env);

    if (code == 0)
        code = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (code == 0)
        code = mdb_env_open(env, directory, MDB_NOTLS, 0600);
    if (code == 0)
        code = mark_write(env, now_us);
    if (code == 0)
        code = mdb_env_sync(env, 1);
    if (env)
        mdb_env_close(env);
    return code ? err_set(err, RC_IO, "the copy in %s cannot be written: %s", directory,
                          mdb_strerror(code))
                : RC_OK;
}

enum rc store_copy(const char *directory, const char *into, int64_t now_us,
                   struct store_copied *copied, struct err *err)
{
    scoped(store) from = NULL;
    scoped(store) made = NULL;
    struct store_copied read = { .id = "" };
    enum rc rc = store_open_reading(directory, &from, err);
    int code;

    if (rc != RC_OK)
        return rc;
    mdb_txn_abort(
        from->batch); /* it holds another snapshot than the one that is copied */
    from->batch = NULL;
    code = mdb_env_copy2(from->env, into, MDB_CP_COMPACT);
    if (code)
        return store_failed(from, err, code, "copy");
    rc = mark(into, now_us, err);
    if (rc == RC_OK)
        rc = store_open_reading(into, &made, err);
    if (rc == RC_OK)
        rc = store_counters(made, &read.counters, err);
    if (rc != RC_OK)
        return rc;
    memcpy(read.id, store_id(made), sizeof read.id);
    *copied = read;
    return RC_OK;
}

int64_t store_copied_us(struct store *store)
{
    struct view view;
    struct reader reader;
    struct err err;
    MDB_val data;
    int64_t at_us = 0;

    if (view_begin(store, &view, &err) != RC_OK)
        return 0;
    if (view_get(&view, TABLE_META, COPY_MARK, strlen(COPY_MARK), &data, &err) == RC_OK
        && record_open(&reader, TABLE_META, &data, &err) == RC_OK) {
        at_us = reader_int(&reader);
        if (!reader_ok(&reader) || at_us <= 0)
            at_us = 1;
    }
    view_end(&view);
    return at_us;
}

static uint64_t later(uint64_t number, uint64_t other)
{
    return number > other ? number : other;
}

/* Who follows events is ahead of this store, or thinks of other events by these numbers:
 * the log begins anew, so that all of them are given a picture of the present. */
static enum rc forget_events(struct store *store, struct err *err)
{
    int code = mdb_drop(store->batch, store->tables[TABLE_EVENTS], 0);

    return code ? store_failed(store, err, code, table_name(TABLE_EVENTS)) : RC_OK;
}

enum rc store_settle(struct store *store, struct err *err)
{
    uint64_t beyond = (uint64_t)time(NULL) * RESTORED_A_SECOND;
    scoped_buf format = { 0 };
    struct counters counters;
    char id[37];
    enum rc rc;

    if (store_copied_us(store) == 0)
        return RC_OK;
    rc = store_counters(store, &counters, err);
    if (rc != RC_OK)
        return rc;
    counters.run_next = (counters.run_next / RESTORED_RUNS + 1) * RESTORED_RUNS;
    counters.token_next = later(counters.token_next, beyond);
    counters.event_next = later(counters.event_next, beyond);
    store_new_id(id);
    record_begin(&format, 2);
    pack_text(&format, STORE_MAGIC);
    pack_text(&format, id);
    rc = store_counters_put(store, &counters, err);
    if (rc == RC_OK)
        rc = forget_events(store, err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_META, "format", 6, format.data, format.size, err);
    if (rc == RC_OK)
        rc = db_remove(store, TABLE_META, COPY_MARK, strlen(COPY_MARK), err);
    if (rc == RC_OK)
        rc = store_commit(store, err);
    if (rc == RC_OK)
        memcpy(store->id, id, sizeof id);
    return rc;
}

void store_forget_readers(struct store *store)
{
    int dead;

    if (store->env)
        (void)mdb_reader_check(store->env, &dead);
}
