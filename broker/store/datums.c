/* datums.c - files with their names, numbered as they came. */
#include "broker/store/names_key.h"

#include <string.h>

enum { PROPERTIES_ARENA_MAX = 64 << 20 };

static enum rc read_datum(const MDB_val *data, struct arena *arena, struct datum *datum,
                          struct err *err)
{
    struct reader reader;
    struct bytes id;
    enum rc rc = record_open(&reader, TABLE_DATUMS, data, err);

    if (rc != RC_OK)
        return rc;
    id = reader_bytes(&reader);
    if (id.size == UUID_BYTES)
        memcpy(datum->id, id.data, UUID_BYTES);
    else
        reader_fail(&reader);
    datum->digest = reader_text(&reader, arena, PLAN_NAME_MAX);
    datum->name = reader_text(&reader, arena, PLAN_NAME_MAX);
    datum->size = reader_uint(&reader);
    datum->md5 = reader_text(&reader, arena, PLAN_NAME_MAX);
    datum->sha1 = reader_text(&reader, arena, PLAN_NAME_MAX);
    datum->run = reader_uint(&reader);
    datum->stage = reader_text(&reader, arena, PLAN_NAME_MAX);
    datum->index = reader_uint(&reader);
    datum->created_us = reader_int(&reader);
    datum->by = reader_text(&reader, arena, PLAN_NAME_MAX);
    reader_value(&reader, arena, &datum->properties);
    return record_close(&reader, TABLE_DATUMS, err);
}

enum rc store_datum(struct store *store, uint64_t number, struct arena *arena,
                    struct datum *datum, struct err *err)
{
    struct view view;
    MDB_val data;
    struct datum read = { .number = number };
    struct key key = key_run(number);
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_DATUMS, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = read_datum(&data, arena, &read, err);
    view_end(&view);
    if (rc == RC_OK)
        *datum = read;
    return rc;
}

enum rc store_datum_find(struct store *store, const uint8_t id[UUID_BYTES],
                         uint64_t *number, struct err *err)
{
    struct view view;
    MDB_val data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_DATUM_IDS, id, UUID_BYTES, &data, err);
    if (rc == RC_OK && data.mv_size != 8)
        rc = err_set(err, RC_CORRUPT, "store: a record of datum_ids has %zu bytes",
                     data.mv_size);
    if (rc == RC_OK)
        *number = key_number(data.mv_data, 8);
    view_end(&view);
    return rc;
}

static enum rc write_datum(struct store *store, const struct datum *datum,
                           struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_run(datum->number);

    record_begin(&record, 12);
    pack_bytes(&record, datum->id, UUID_BYTES);
    pack_text(&record, datum->digest);
    pack_text(&record, datum->name);
    pack_uint(&record, datum->size);
    pack_text(&record, datum->md5);
    pack_text(&record, datum->sha1);
    pack_uint(&record, datum->run);
    pack_text(&record, datum->stage);
    pack_uint(&record, datum->index);
    pack_int(&record, datum->created_us);
    pack_text(&record, datum->by);
    pack_value(&record, &datum->properties);
    if (!buf_ok(&record))
        return err_set(err, RC_NO_MEMORY, "store: a datum's record is too large");
    return db_put(store, TABLE_DATUMS, key.bytes, key.size, record.data, record.size,
                  err);
}

/* Entries of both, those of with winning; in arena, or NULL. */
static struct value_entry *merge(struct arena *arena, const struct value *base,
                                 const struct value *with, size_t *count)
{
    size_t most = (base->kind == VALUE_MAP ? base->map.count : 0) + with->map.count;
    struct value_entry *entries = arena_array(arena, most, sizeof *entries);

    *count = 0;
    for (size_t i = 0; entries && base->kind == VALUE_MAP && i < base->map.count; i++)
        if (!value_get(with, base->map.entries[i].key))
            entries[(*count)++] = base->map.entries[i];
    for (size_t i = 0; entries && i < with->map.count; i++)
        entries[(*count)++] = with->map.entries[i];
    return entries;
}

static enum rc update(struct store *store, const struct datum *given, struct err *err)
{
    scoped(arena) arena = arena_create(PROPERTIES_ARENA_MAX);
    struct datum datum;
    enum rc rc = arena ? store_datum(store, given->number, arena, &datum, err)
                       : err_set(err, RC_NO_MEMORY, "properties of %s", given->name);
    size_t count;

    if (rc != RC_OK)
        return rc;

    struct value_entry *entries =
        merge(arena, &datum.properties, &given->properties, &count);

    if (!entries)
        return err_set(err, RC_NO_MEMORY, "properties of %s", given->name);

    struct value merged = { .kind = VALUE_MAP, .map = { entries, count } };

    if (value_equals(&merged, &datum.properties))
        return RC_OK;
    datum.properties = merged;
    return write_datum(store, &datum, err);
}

static enum rc add(struct store *store, struct datum *datum, struct err *err)
{
    uint64_t last = 0;
    struct key key;
    enum rc rc;

    if (store_datums(store, 0, 0, &last, 1) == 0)
        last = 0;
    datum->number = last + 1;
    key = key_run(datum->number);
    rc = write_datum(store, datum, err);
    if (rc == RC_OK)
        rc = db_put(store, TABLE_DATUM_IDS, datum->id, UUID_BYTES, key.bytes, key.size,
                    err);
    return rc;
}

enum rc store_datum_put(struct store *store, struct datum *datum, bool *is_new,
                        struct err *err)
{
    enum rc rc = store_datum_find(store, datum->id, &datum->number, err);
    bool is_known = rc == RC_OK;

    if (is_known && datum->properties.kind == VALUE_MAP)
        rc = update(store, datum, err);
    else if (rc == RC_NOT_FOUND)
        rc = add(store, datum, err);
    if (rc == RC_OK && datum->run) {
        struct name_key key = { .size = 0 };

        name_key_number(&key, datum->run, 8);
        name_key_number(&key, datum->number, 8);
        rc = db_put(store, TABLE_DATUM_RUNS, key.bytes, key.size, "", 0, err);
    }
    if (rc == RC_OK && is_new)
        *is_new = !is_known;
    return rc;
}

size_t store_datums(struct store *store, uint64_t run, uint64_t before, uint64_t *numbers,
                    size_t limit)
{
    struct name_key prefix = { .size = 0 };

    if (run == 0)
        return name_numbers(store, TABLE_DATUMS, &prefix, before, numbers, limit);
    name_key_number(&prefix, run, 8);
    return name_numbers(store, TABLE_DATUM_RUNS, &prefix, before, numbers, limit);
}
