/* event_page.c - see event_page.h. */
#include "broker/store/event_page.h"

#include "broker/store/store_state.h"

enum rc event_page_flush(struct store *store, struct err *err)
{
    struct event_page *page = &store->page;
    struct key key = key_run(page->first);
    scoped_buf record = { 0 };
    enum rc rc = RC_OK;

    if (page->count == 0)
        return RC_OK;
    if (page->count > 1)
        record_begin(&record, page->count);
    buf_add(&record, page->bodies.data, page->bodies.size);
    if (!buf_ok(&record) || !buf_ok(&page->bodies))
        rc = err_set(err, RC_NO_MEMORY, "store: no memory for events");
    if (rc == RC_OK && page->count == 1) {
        struct reader reader;
        struct bytes body;

        reader_init(&reader, record.data, record.size);
        body = reader_bytes(&reader);
        rc = db_put(store, TABLE_EVENTS, key.bytes, key.size, body.data, body.size, err);
    } else if (rc == RC_OK) {
        rc = db_put(store, TABLE_EVENTS, key.bytes, key.size, record.data, record.size,
                    err);
    }
    page->count = 0;
    buf_clear(&page->bodies);
    return rc;
}

enum rc store_event_put(struct store *store, uint64_t number, const void *bytes,
                        size_t size, struct err *err)
{
    struct event_page *page = &store->page;
    enum rc rc = store_batch_begin(store, err);

    if (rc == RC_OK && page->count > 0
        && (number != page->first + page->count || size >= EVENT_PAGE_BYTES))
        rc = event_page_flush(store, err);
    if (rc != RC_OK)
        return rc;
    if (page->count == 0)
        page->first = number;
    page->count++;
    pack_bytes(&page->bodies, bytes, size);
    return page->bodies.size >= EVENT_PAGE_BYTES ? event_page_flush(store, err) : RC_OK;
}

/* A list: an event's body is a map. */
static bool is_page(const unsigned char *bytes, size_t size)
{
    return size > 0 && ((*bytes & 0xf0) == 0x90 || *bytes == 0xdc || *bytes == 0xdd);
}

bool event_page_open(struct event_walk *walk, uint64_t first, const void *bytes,
                     size_t size)
{
    *walk = (struct event_walk){ .next = first, .left = 1 };
    reader_init(&walk->reader, bytes, size);
    walk->is_one = !is_page(bytes, size);
    if (walk->is_one)
        return true;
    walk->left = reader_list(&walk->reader);
    return walk->left-- > 1 && reader_uint(&walk->reader) == RECORD_VERSION;
}

bool event_page_next(struct event_walk *walk, struct bytes *body)
{
    if (walk->left == 0)
        return false;
    walk->left--;
    walk->next++;
    if (walk->is_one)
        *body = (struct bytes){ (const char *)walk->reader.data, walk->reader.size };
    else
        *body = reader_bytes(&walk->reader);
    return reader_ok(&walk->reader);
}
