/* events.c - events, nodes and artifacts. */
#include "broker/store/tables.h"

#include <string.h>

enum { NAME_MAX_BYTES = 1 << 16 };

enum rc store_event_put(struct store *store, uint64_t number, const void *bytes,
                        size_t size, struct err *err)
{
    struct key key = key_run(number);

    return db_put(store, TABLE_EVENTS, key.bytes, key.size, bytes, size, err);
}

enum rc store_events(struct store *store, uint64_t since,
                     bool (*visit)(void *context, uint64_t number, const void *bytes,
                                   size_t size),
                     void *context, struct err *err)
{
    struct view view;
    MDB_val found, data;
    struct key key = key_run(since + 1);
    enum rc rc;

    if (since == UINT64_MAX)
        return RC_OK;
    rc = view_begin(store, &view, err);
    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_EVENTS, key.bytes, key.size, &found, &data, err);
    while (rc == RC_OK
           && visit(context, key_number(found.mv_data, found.mv_size), data.mv_data,
                    data.mv_size))
        rc = view_next(&view, MDB_NEXT, &found, &data, err);
    view_end(&view);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_node_put(struct store *store, uint32_t node,
                       const struct node_record *record, struct err *err)
{
    scoped_buf bytes = { 0 };
    struct key key = key_run(node);

    record_begin(&bytes, 5);
    pack_text(&bytes, record->name);
    pack_text(&bytes, record->version);
    pack_uint(&bytes, record->slots);
    pack_int(&bytes, record->seen_us);
    pack_uint(&bytes, record->session);
    return db_put_buf(store, TABLE_NODES, &key, &bytes, err);
}

enum rc store_node(struct store *store, uint32_t node, struct arena *arena,
                   struct node_record *record, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct node_record read;
    struct key key = key_run(node);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_NODES, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_NODES, &data, err);
    if (rc == RC_OK) {
        read.name = reader_text(&reader, arena, NAME_MAX_BYTES);
        read.version = reader_text(&reader, arena, NAME_MAX_BYTES);
        read.slots = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
        read.seen_us = reader_int(&reader);
        read.session = reader.at < reader.size ? reader_uint(&reader) : 0;
        rc = record_close(&reader, TABLE_NODES, err);
    }
    view_end(&view);
    if (rc == RC_OK)
        *record = read;
    return rc;
}

enum rc store_artifact_put(struct store *store, const struct artifact_record *record,
                           struct err *err)
{
    scoped_buf bytes = { 0 };
    struct view view;
    MDB_val data;
    size_t size = strlen(record->digest);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_ARTIFACTS, record->digest, size, &data, err);
    view_end(&view);
    if (rc != RC_NOT_FOUND)
        return rc;
    record_begin(&bytes, 6);
    pack_text(&bytes, record->name);
    pack_uint(&bytes, record->size);
    pack_uint(&bytes, record->run);
    pack_uint(&bytes, record->stage);
    pack_uint(&bytes, record->index);
    pack_int(&bytes, record->created_us);
    return db_put(store, TABLE_ARTIFACTS, record->digest, size, bytes.data, bytes.size,
                  err);
}

enum rc store_artifact(struct store *store, const char *digest, struct arena *arena,
                       struct artifact_record *record, struct err *err)
{
    struct view view;
    MDB_val data;
    struct reader reader;
    struct artifact_record read = { .digest = digest };
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_ARTIFACTS, digest, strlen(digest), &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_ARTIFACTS, &data, err);
    if (rc == RC_OK) {
        read.name = reader_text(&reader, arena, NAME_MAX_BYTES);
        read.size = reader_uint(&reader);
        read.run = reader_uint(&reader);
        read.stage = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
        read.index = reader_uint(&reader);
        read.created_us = reader_int(&reader);
        rc = record_close(&reader, TABLE_ARTIFACTS, err);
    }
    view_end(&view);
    if (rc == RC_OK)
        *record = read;
    return rc;
}
