/* secrets.c - see secrets.h. */
#include "broker/store/secrets.h"

#include "broker/store/tables.h"

#include <string.h>

enum rc store_secrets_put(struct store *store, uint64_t run, uint32_t stage,
                          const struct plan_secrets *secrets, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_stage(run, stage);

    record_begin(&record, secrets->count);
    for (size_t i = 0; i < secrets->count; i++) {
        pack_list(&record, 2);
        pack_text(&record, secrets->items[i].name);
        pack_text(&record, secrets->items[i].value);
    }
    return db_put_buf(store, TABLE_SECRETS, &key, &record, err);
}

static enum rc read_secrets(const MDB_val *data, struct arena *arena,
                            struct plan_secrets *secrets, struct err *err)
{
    struct plan_secrets read = { 0 };
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_SECRETS, data, err);

    if (rc != RC_OK)
        return rc;
    read.items = arena_array(arena, data->mv_size, sizeof *read.items);
    if (!read.items)
        return err_set(err, RC_NO_MEMORY, "no memory for the secrets of a stage");
    while (reader_ok(&reader) && !reader_at_end(&reader)) {
        struct plan_secret *item = &read.items[read.count++];

        if (reader_list(&reader) != 2)
            reader_fail(&reader);
        item->name = reader_text(&reader, arena, PLAN_NAME_MAX);
        item->value = reader_text(&reader, arena, PLAN_TEXT_MAX);
    }
    rc = record_close(&reader, TABLE_SECRETS, err);
    if (rc == RC_OK)
        *secrets = read;
    return rc;
}

enum rc store_secrets(struct store *store, uint64_t run, uint32_t stage,
                      struct arena *arena, struct plan_secrets *secrets, struct err *err)
{
    struct view view;
    MDB_val data;
    struct key key = key_stage(run, stage);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_SECRETS, key.bytes, key.size, &data, err);
    if (rc == RC_OK) {
        rc = read_secrets(&data, arena, secrets, err);
    } else if (rc == RC_NOT_FOUND) {
        *secrets = (struct plan_secrets){ 0 };
        rc = RC_OK;
    }
    view_end(&view);
    return rc;
}

/* The first stage of the run, from `from` on, that has secrets. RC_NOT_FOUND. */
static enum rc next_stage(struct store *store, uint64_t run, struct key *from,
                          struct err *err)
{
    struct view view;
    MDB_val found, data;
    struct key prefix = key_run(run);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_SECRETS, from->bytes, from->size, &found, &data, err);
    if (rc == RC_OK
        && (found.mv_size != from->size
            || memcmp(found.mv_data, prefix.bytes, prefix.size) != 0))
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        memcpy(from->bytes, found.mv_data, from->size);
    view_end(&view);
    return rc;
}

enum rc store_secrets_remove(struct store *store, uint64_t run, struct err *err)
{
    struct key key = key_stage(run, 0);
    enum rc rc;

    while ((rc = next_stage(store, run, &key, err)) == RC_OK) {
        rc = db_remove(store, TABLE_SECRETS, key.bytes, key.size, err);
        if (rc != RC_OK)
            return rc;
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
