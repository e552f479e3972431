/* versions.c - see versions.h. */
#include "broker/store/versions.h"

#include "broker/store/tables.h"

enum rc store_version_put(struct store *store, uint64_t number, const void *bytes,
                          size_t size, struct err *err)
{
    struct key key = key_run(number);

    return db_put(store, TABLE_VERSIONS, key.bytes, key.size, bytes, size, err);
}

enum rc store_version(struct store *store, uint64_t number, struct buf *bytes,
                      struct err *err)
{
    struct key key = key_run(number);

    return db_get(store, TABLE_VERSIONS, &key, bytes, err);
}

enum rc store_run_record(struct store *store, uint64_t run, struct buf *bytes,
                         struct err *err)
{
    struct key key = key_run(run);

    return db_get(store, TABLE_RUNS, &key, bytes, err);
}
