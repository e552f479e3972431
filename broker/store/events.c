/* events.c - events, nodes and artifacts. */
#include "broker/store/event_page.h"

#include <string.h>

enum { NAME_MAX_BYTES = 1 << 16 };

/* The record that has the event, or the first one behind it. */
static enum rc seek_event(struct view *view, uint64_t number, MDB_val *found,
                          MDB_val *data, struct err *err)
{
    struct key key = key_run(number);
    bool is_in = false;
    enum rc rc = view_seek(view, TABLE_EVENTS, key.bytes, key.size, found, data, err);

    if ((rc == RC_OK && key_number(found->mv_data, found->mv_size) == number)
        || (rc != RC_OK && rc != RC_NOT_FOUND))
        return rc;
    rc = view_next(view, rc == RC_OK ? MDB_PREV : MDB_LAST, found, data, err);
    if (rc == RC_OK) {
        struct event_walk walk;

        if (event_page_open(&walk, key_number(found->mv_data, found->mv_size),
                            data->mv_data, data->mv_size))
            event_page_skip(&walk, number);
        is_in = walk.next == number && walk.left > 0 && reader_ok(&walk.reader);
        event_page_close(&walk);
    }
    if (is_in)
        return RC_OK;
    *found = (MDB_val){ key.size, key.bytes };
    return rc == RC_OK || rc == RC_NOT_FOUND
               ? view_next(view, MDB_SET_RANGE, found, data, err)
               : rc;
}

enum rc store_events(struct store *store, uint64_t since,
                     bool (*visit)(void *context, uint64_t number, const void *bytes,
                                   size_t size),
                     void *context, struct err *err)
{
    struct view view;
    MDB_val found, data;
    bool goes_on = true;
    enum rc rc;

    if (since == UINT64_MAX)
        return RC_OK;
    rc = event_page_flush(store, err);
    if (rc == RC_OK)
        rc = view_begin(store, &view, err);
    if (rc != RC_OK)
        return rc;
    rc = seek_event(&view, since + 1, &found, &data, err);
    while (rc == RC_OK && goes_on) {
        struct event_walk walk;
        struct bytes body;
        uint64_t first = key_number(found.mv_data, found.mv_size);

        if (!event_page_open(&walk, first, data.mv_data, data.mv_size))
            rc = err_set(err, RC_CORRUPT, "store: events from %lu on do not decode",
                         (unsigned long)first);
        else
            event_page_skip(&walk, since + 1);
        while (rc == RC_OK && goes_on && event_page_next(&walk, &body))
            goes_on = visit(context, walk.next - 1, body.data, body.size);
        if (rc == RC_OK && !reader_ok(&walk.reader))
            rc = err_set(err, RC_CORRUPT, "store: event %lu does not decode",
                         (unsigned long)walk.next - 1);
        event_page_close(&walk);
        if (rc == RC_OK && goes_on)
            rc = view_next(&view, MDB_NEXT, &found, &data, err);
    }
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
