/* names_key.c - see names_key.h. */
#include "broker/store/names_key.h"

#include <string.h>

void name_key_text(struct name_key *key, const char *text, size_t max)
{
    size_t size = strnlen(text, max);

    must(key->size + size + 1 <= sizeof key->bytes);
    memcpy(key->bytes + key->size, text, size);
    key->size += size;
    key->bytes[key->size++] = '\0';
}

void name_key_number(struct name_key *key, uint64_t number, size_t size)
{
    must(key->size + size <= sizeof key->bytes);
    for (size_t i = 0; i < size; i++)
        key->bytes[key->size + i] = (unsigned char)(number >> (8 * (size - 1 - i)));
    key->size += size;
}

struct name_key name_key_of(const char *project, const char *name)
{
    struct name_key key = { .size = 0 };

    name_key_text(&key, project, PROJECT_BYTES_MAX);
    name_key_text(&key, name, NAME_BYTES_MAX);
    return key;
}

bool name_key_begins(const MDB_val *found, const struct name_key *prefix)
{
    return found->mv_size >= prefix->size
           && memcmp(found->mv_data, prefix->bytes, prefix->size) == 0;
}

uint64_t name_key_last(const MDB_val *found)
{
    return found->mv_size < 8
               ? 0
               : key_number((unsigned char *)found->mv_data + found->mv_size - 8, 8);
}

size_t name_numbers(struct store *store, enum table_id table,
                    const struct name_key *prefix, uint64_t before, uint64_t *numbers,
                    size_t limit)
{
    struct view view;
    MDB_val found, data;
    struct name_key key = *prefix;
    struct err err;
    size_t count = 0;

    if (limit == 0 || view_begin(store, &view, &err) != RC_OK)
        return 0;
    name_key_number(&key, before ? before : UINT64_MAX, 8);

    enum rc rc = view_seek(&view, table, key.bytes, key.size, &found, &data, &err);

    rc = view_next(&view, rc == RC_OK ? MDB_PREV : MDB_LAST, &found, &data, &err);
    while (rc == RC_OK && count < limit && name_key_begins(&found, prefix)) {
        numbers[count++] = name_key_last(&found);
        rc = view_next(&view, MDB_PREV, &found, &data, &err);
    }
    view_end(&view);
    return count;
}

enum rc name_put(struct store *store, enum table_id table, const struct name_key *key,
                 const struct buf *record, struct err *err)
{
    if (!buf_ok(record))
        return err_set(err, RC_NO_MEMORY, "store: %s: a record is too large",
                       table_name(table));
    return db_put(store, table, key->bytes, key->size, record->data, record->size, err);
}

enum rc name_visit(struct store *store, enum table_id table,
                   const struct name_key *prefix, const struct name_key *after,
                   name_visitor *visit, void *context, struct err *err)
{
    const struct name_key *from = after ? after : prefix;
    struct view view;
    MDB_val found, data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, table, from->bytes, from->size, &found, &data, err);
    if (rc == RC_OK && after && found.mv_size == after->size
        && name_key_begins(&found, after))
        rc = view_next(&view, MDB_NEXT, &found, &data, err);
    while (rc == RC_OK && name_key_begins(&found, prefix)) {
        rc = visit(context, &found, &data, err);
        if (rc == RC_OK)
            rc = view_next(&view, MDB_NEXT, &found, &data, err);
    }
    view_end(&view);
    return rc == RC_NOT_FOUND || rc == RC_CANCELLED ? RC_OK : rc;
}
