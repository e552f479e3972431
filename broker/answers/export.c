/* export.c - a run's rows, a page at a time, for whoever takes it elsewhere. */
#include "broker/broker_state.h"
#include "broker/store/bundle.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 4 << 20, CURSOR_TEXT_MAX = 2 + 2 * BUNDLE_KEY_MAX };

/* The cursor as hex digits: the table, then the key. */
static enum rc cursor_read(const char *text, struct bundle_cursor *cursor,
                           struct err *err)
{
    size_t size = text ? strlen(text) : 0;
    unsigned byte;

    *cursor = (struct bundle_cursor){ 0 };
    if (size > CURSOR_TEXT_MAX || size % 2
        || strspn(text ? text : "", "0123456789abcdef") != size)
        return err_set(err, RC_INVALID, "records: after is what the last answer gave");
    for (size_t at = 0; at < size; at += 2) {
        if (sscanf(text + at, "%2x", &byte) != 1)
            return err_set(err, RC_INVALID, "records: after does not decode");
        if (at == 0)
            cursor->table = byte;
        else
            cursor->key[cursor->key_size++] = (unsigned char)byte;
    }
    return RC_OK;
}

static void cursor_write(const struct bundle_cursor *cursor, struct buf *body)
{
    scoped_buf text = { 0 };

    if (cursor->table < BUNDLE_END) {
        buf_printf(&text, "%02x", cursor->table);
        for (size_t i = 0; i < cursor->key_size; i++)
            buf_printf(&text, "%02x", cursor->key[i]);
    }
    pack_text(body, buf_string(&text));
}

enum rc query_records(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    struct bundle_cursor cursor;
    scoped_buf rows = { 0 };
    struct run_row row;
    struct run_totals totals;
    size_t count = 0;
    enum rc rc = cursor_read(request->after, &cursor, err);

    cursor.has_tags = request->yes;
    cursor.has_names = request->force;
    if (rc == RC_OK && core_run(broker->core, request->run))
        rc = err_set(err, RC_CONFLICT,
                     "run %lu goes on: only one that has ended can be "
                     "exported",
                     (unsigned long)request->run);
    if (rc == RC_OK)
        rc = store_run_row(broker->store, request->run, &row, &totals, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, rc, "there is no run %lu", (unsigned long)request->run);
    if (rc == RC_OK)
        rc = store_bundle_read(broker->store, request->run, &cursor, PAGE_BYTES_MAX,
                               &rows, &count, err);
    if (rc != RC_OK)
        return rc;
    if (!buf_ok(&rows))
        return err_set(err, RC_FULL, "the records are larger than an answer may be");
    pack_map(body, 2);
    pack_text(body, "after");
    cursor_write(&cursor, body);
    pack_text(body, "rows");
    pack_list(body, count);
    buf_add(body, rows.data, rows.size);
    return RC_OK;
}
