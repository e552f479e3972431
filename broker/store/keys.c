/* keys.c - keys and the frame of records. */
#include "broker/store/tables.h"

static void key_add(struct key *key, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        key->bytes[key->size + i] = (unsigned char)(number >> (8 * (size - 1 - i)));
    key->size += size;
}

uint64_t key_number(const unsigned char *bytes, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

struct key key_run(uint64_t run)
{
    struct key key = { .size = 0 };

    key_add(&key, run, 8);
    return key;
}

struct key key_stage(uint64_t run, uint32_t stage)
{
    struct key key = key_run(run);

    key_add(&key, stage, 4);
    return key;
}

struct key key_task(uint64_t run, uint32_t stage, uint64_t index)
{
    struct key key = key_stage(run, stage);

    key_add(&key, index, 8);
    return key;
}

struct key key_result(uint64_t run, uint32_t stage, uint64_t index, uint32_t attempt)
{
    struct key key = key_task(run, stage, index);

    key_add(&key, attempt, 4);
    return key;
}

void record_begin(struct buf *record, size_t count)
{
    pack_list(record, count + 1);
    pack_uint(record, RECORD_VERSION);
}

enum rc record_open(struct reader *reader, enum table_id table, const MDB_val *data,
                    struct err *err)
{
    reader_init(reader, data->mv_data, data->mv_size);

    size_t count = reader_list(reader);
    uint64_t version = reader_uint(reader);

    if (!reader_ok(reader) || count == 0)
        return err_set(err, RC_CORRUPT, "store: a record of %s does not decode",
                       table_name(table));
    if (version != RECORD_VERSION)
        return err_set(err, RC_CORRUPT,
                       "store: a record of %s has version %lu: use a newer sluice",
                       table_name(table), (unsigned long)version);
    return RC_OK;
}

enum rc record_close(const struct reader *reader, enum table_id table, struct err *err)
{
    if (reader_ok(reader))
        return RC_OK;
    return err_set(err, RC_CORRUPT, "store: byte %zu of a record of %s does not decode",
                   reader->at, table_name(table));
}
