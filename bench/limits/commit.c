/* commit.c - rows appended to a bare LMDB and synced, batch by batch; see limits.h. */
#include "bench/limits/limits.h"

#include "bench/measure.h"

#include <limits.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

static void must_do(int code, const char *what)
{
    if (code != 0)
        fail("LMDB: %s: %s", what, mdb_strerror(code));
}

static uint64_t big_endian(uint64_t number)
{
    return __builtin_bswap64(number);
}

static void put_batch(MDB_env *env, MDB_dbi table, uint64_t *next, size_t rows,
                      void *bytes, size_t size)
{
    MDB_txn *txn;

    must_do(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    for (size_t i = 0; i < rows; i++) {
        uint64_t number = big_endian((*next)++);
        MDB_val key = { sizeof number, &number }, value = { size, bytes };

        must_do(mdb_put(txn, table, &key, &value, MDB_APPEND), "put");
    }
    must_do(mdb_txn_commit(txn), "commit");
}

static MDB_env *open_store(const char *path, uint64_t bytes, MDB_dbi *table)
{
    MDB_env *env;
    MDB_txn *txn;

    if (mkdir(path, 0700) != 0)
        fail("cannot make %s", path);
    must_do(mdb_env_create(&env), "create");
    must_do(mdb_env_set_mapsize(env, (bytes * 2 + (64 << 20)) & ~(uint64_t)0xffff),
            "map");
    must_do(mdb_env_open(env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600), "open");
    must_do(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    must_do(mdb_dbi_open(txn, NULL, 0, table), "table");
    must_do(mdb_txn_commit(txn), "commit");
    return env;
}

/* each: NULL, or the time of every batch. */
static double run(const char *folder, size_t batches, size_t rows, size_t size,
                  double *each)
{
    char path[PATH_MAX];
    uint64_t next = 0;
    MDB_dbi table;
    void *bytes = calloc(1, size);

    snprintf(path, sizeof path, "%s/bare", folder);

    MDB_env *env = open_store(path, (uint64_t)batches * rows * (size + 64), &table);
    double start = now_ms();

    if (!bytes)
        fail("no memory for %zu bytes", size);
    for (size_t i = 0; i < batches; i++) {
        double began = now_ms();

        put_batch(env, table, &next, rows, bytes, size);
        if (each)
            each[i] = now_ms() - began;
    }

    double took = now_ms() - start;

    mdb_env_close(env);
    free(bytes);
    run_ms(NULL, (const char *const[]){ "/bin/rm", "-rf", path, NULL });
    return took;
}

double limit_commit_ms(const char *folder, size_t batches, size_t rows, size_t size)
{
    return run(folder, batches, rows, size, NULL);
}

void limit_commit_each(const char *folder, size_t batches, size_t rows, size_t size,
                       double *each)
{
    run(folder, batches, rows, size, each);
}
