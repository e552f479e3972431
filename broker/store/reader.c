/* reader.c - a store for another thread, which only reads. */
#include "broker/store/store_state.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store *store_reader(struct store *store)
{
    struct store *reader = calloc(1, sizeof *reader);

    if (!reader)
        return NULL;
    reader->owner = store;
    reader->lock_fd = -1;
    pthread_mutex_init(&reader->moves, NULL);
    snprintf(reader->path, sizeof reader->path, "%s", store->path);
    return reader;
}

/* LMDB's map must not be changed while somebody reads it. */
enum rc store_reader_begin(struct store *reader, struct view *view, struct err *err)
{
    struct store *owner = reader->owner;
    int code;

    pthread_mutex_lock(&owner->moves);
    memcpy(reader->tables, owner->tables, sizeof reader->tables);
    code = owner->env ? mdb_txn_begin(owner->env, NULL, MDB_RDONLY, &view->txn) : EAGAIN;
    if (code == 0)
        return RC_OK;
    pthread_mutex_unlock(&owner->moves);
    view->txn = NULL;
    return store_failed(reader, err, code, "read");
}

void store_reader_end(struct view *view)
{
    mdb_txn_abort(view->txn);
    pthread_mutex_unlock(&view->store->owner->moves);
}
