/* trim.c - forgetting the oldest events. */
#include "broker/store/event_page.h"
#include "codecs/wire/event.h"

/* When the last event of a record happened; INT64_MAX, so that it stays, if it does not
 * decode. */
static int64_t last_time(uint64_t first, const MDB_val *data, uint64_t *count)
{
    struct event_walk walk;
    struct event_head head = { .time_us = INT64_MAX };
    struct bytes body;
    bool is_good = event_page_open(&walk, first, data->mv_data, data->mv_size);

    if (is_good && walk.kind == EVENT_RECORD_GROUP) {
        *count = walk.left;
        return walk.group.time_us;
    }
    while (is_good && event_page_next(&walk, &body))
        is_good = event_decode(body.data, body.size, &head);
    is_good = is_good && reader_ok(&walk.reader);
    if (is_good)
        *count = walk.next - first;
    event_page_close(&walk);
    return is_good ? head.time_us : INT64_MAX;
}

struct oldest { /* record */
    uint64_t number, count;
    int64_t time_us;
    bool is_last; /* no other follows */
};

/* RC_NOT_FOUND if there are no events. */
static enum rc read_oldest(struct store *store, struct oldest *oldest, struct err *err)
{
    struct view view;
    MDB_val found, body;
    enum rc rc = event_page_flush(store, err);

    if (rc == RC_OK)
        rc = view_begin(store, &view, err);
    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_EVENTS, "", 0, &found, &body, err);
    if (rc == RC_OK) {
        oldest->number = key_number(found.mv_data, found.mv_size);
        oldest->count = 1;
        oldest->time_us = last_time(oldest->number, &body, &oldest->count);
        rc = view_next(&view, MDB_NEXT, &found, &body, err);
        oldest->is_last = rc == RC_NOT_FOUND;
        if (oldest->is_last)
            rc = RC_OK;
    }
    view_end(&view);
    return rc;
}

uint64_t store_events_first(struct store *store)
{
    struct oldest oldest;
    struct err err;

    return read_oldest(store, &oldest, &err) == RC_OK ? oldest.number : 0;
}

enum rc store_events_trim(struct store *store, int64_t before_us, size_t limit,
                          size_t *removed, struct err *err)
{
    size_t count = 0;
    enum rc rc = RC_OK;

    while (count < limit) {
        struct oldest oldest;
        struct key key;

        rc = read_oldest(store, &oldest, err);
        if (rc != RC_OK || oldest.is_last || oldest.time_us >= before_us)
            break;
        key = key_run(oldest.number);
        rc = db_remove(store, TABLE_EVENTS, key.bytes, key.size, err);
        if (rc != RC_OK)
            break;
        count += oldest.count;
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    *removed = count;
    return RC_OK;
}
