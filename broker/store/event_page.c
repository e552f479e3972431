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

enum rc store_event_group_put(struct store *store, uint64_t number,
                              const struct event_group *group, struct err *err)
{
    struct key key = key_run(number);
    scoped_buf record = { 0 };
    enum rc rc = store_batch_begin(store, err);

    if (rc == RC_OK)
        rc = event_page_flush(store, err);
    if (rc != RC_OK)
        return rc;
    event_group_encode(&record, group);
    return db_put_buf(store, TABLE_EVENTS, &key, &record, err);
}

/* A list: an event's body is a map. */
static bool is_list(const unsigned char *bytes, size_t size)
{
    return size > 0 && ((*bytes & 0xf0) == 0x90 || *bytes == 0xdc || *bytes == 0xdd);
}

bool event_page_open(struct event_walk *walk, uint64_t first, const void *bytes,
                     size_t size)
{
    uint64_t version;

    *walk = (struct event_walk){ .next = first, .left = 1 };
    reader_init(&walk->reader, bytes, size);
    if (!is_list(bytes, size))
        return true;
    walk->kind = EVENT_RECORD_PAGE;
    walk->left = reader_list(&walk->reader);
    version = reader_uint(&walk->reader);
    if (version != EVENT_GROUP_FORMAT)
        return walk->left-- > 1 && version == RECORD_VERSION;
    walk->kind = EVENT_RECORD_GROUP;
    if (!event_group_decode(bytes, size, &walk->group))
        return false;
    walk->left = event_group_events(&walk->group);
    event_group_begin(&walk->members, &walk->group);
    return true;
}

void event_page_close(struct event_walk *walk)
{
    buf_fini(&walk->topic);
    buf_fini(&walk->body);
}

static struct bytes member_body(struct event_walk *walk, uint64_t number)
{
    struct announcement what;

    must(event_group_next(&walk->members, &what));
    buf_clear(&walk->topic);
    buf_clear(&walk->body);
    event_encode(&what, number, walk->group.time_us, &walk->topic, &walk->body);
    return (struct bytes){ (const char *)walk->body.data, walk->body.size };
}

bool event_page_next(struct event_walk *walk, struct bytes *body)
{
    uint64_t number = walk->next;

    if (walk->left == 0)
        return false;
    walk->left--;
    walk->next++;
    switch (walk->kind) {
    case EVENT_RECORD_ONE:
        *body = (struct bytes){ (const char *)walk->reader.data, walk->reader.size };
        break;
    case EVENT_RECORD_PAGE:
        *body = reader_bytes(&walk->reader);
        break;
    case EVENT_RECORD_GROUP:
        *body = member_body(walk, number);
        break;
    }
    return reader_ok(&walk->reader);
}

void event_page_skip(struct event_walk *walk, uint64_t number)
{
    struct announcement what;

    for (; walk->left > 0 && walk->next < number; walk->left--, walk->next++)
        if (walk->kind == EVENT_RECORD_GROUP)
            (void)event_group_next(&walk->members, &what);
        else if (walk->kind == EVENT_RECORD_PAGE)
            (void)reader_bytes(&walk->reader);
}
