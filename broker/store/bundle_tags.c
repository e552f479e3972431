/* bundle_tags.c - the tags of a run and of the files that it made, as rows of a bundle.
 */
#include "broker/store/bundle.h"

#include "broker/store/names.h"
#include "broker/store/tables.h"

#include <string.h>

enum { TAGS_ARENA_MAX = 64 << 20, DATUMS_MAX = 10000 /* that one page looks at */ };

static enum rc add_tags(struct store *store, enum tagged what, uint64_t number,
                        enum bundle_table table, struct bytes key, struct arena *arena,
                        struct buf *rows, size_t *count, struct err *err)
{
    const char *const *tags;
    scoped_buf list = { 0 };
    size_t found;
    enum rc rc = store_tags(store, what, number, arena, &tags, &found, err);

    if (rc != RC_OK || found == 0)
        return rc;
    pack_list(&list, found);
    for (size_t i = 0; i < found; i++)
        pack_text(&list, tags[i]);
    bundle_row_encode(rows, table, key.data, key.size, list.data, list.size);
    ++*count;
    return RC_OK;
}

static enum rc add_datum(struct store *store, uint64_t number, struct buf *rows,
                         size_t *count, struct err *err)
{
    scoped(arena) arena = arena_create(TAGS_ARENA_MAX);
    struct datum datum;
    enum rc rc = arena ? store_datum(store, number, arena, &datum, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a datum");

    if (rc != RC_OK)
        return rc;
    return add_tags(store, TAGGED_DATUM, number, BUNDLE_DATUM_TAGS,
                    (struct bytes){ (const char *)datum.id, sizeof datum.id }, arena,
                    rows, count, err);
}

static enum rc add_run(struct store *store, uint64_t run, struct buf *rows, size_t *count,
                       struct err *err)
{
    scoped(arena) arena = arena_create(TAGS_ARENA_MAX);
    enum rc rc = arena ? add_tags(store, TAGGED_RUN, run, BUNDLE_TAGS,
                                  (struct bytes){ "", 0 }, arena, rows, count, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for tags");

    return rc == RC_OK ? RC_NOT_FOUND : rc; /* the table ends here */
}

/* The cursor's key is the number of the datum that was looked at last. */
enum rc store_bundle_tags(struct store *store, uint64_t run, struct bundle_cursor *cursor,
                          size_t size_max, struct buf *rows, size_t *count,
                          struct err *err)
{
    uint64_t before = cursor->key_size == 8 ? key_number(cursor->key, 8) : 0,
             numbers[100];
    size_t got = COUNT_OF(numbers), seen = 0;
    struct key key;
    enum rc rc = RC_OK;

    if (cursor->table == BUNDLE_TAGS)
        return add_run(store, run, rows, count, err);
    while (got == COUNT_OF(numbers) && seen < DATUMS_MAX && rows->size < size_max) {
        got = store_datums(store, run, before, numbers, COUNT_OF(numbers));
        for (size_t i = 0; rc == RC_OK && i < got; i++, seen++) {
            before = numbers[i];
            rc = add_datum(store, before, rows, count, err);
        }
        if (rc != RC_OK)
            return rc;
    }
    if (got < COUNT_OF(numbers))
        return RC_NOT_FOUND;
    key = key_run(before);
    memcpy(cursor->key, key.bytes, key.size);
    cursor->key_size = key.size;
    return RC_OK;
}
