/* flip.c - `flip STORE TABLE KEY AT`: turns one bit of a stored value round; AT is a byte
 * from the front, or from the end if it is negative, or "remove" for the whole row, "cut"
 * for a value that is no msgpack, "move" for another key. KEY is hexadecimal, or "first".
 * Prints how many bytes the value has. With the daemons ended. */
#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 64, KEYS_MAX = 511, TABLES_MAX = 256 };

static int fail(const char *what, int code)
{
    fprintf(stderr, "flip: %s: %s\n", what, mdb_strerror(code));
    return 1;
}

static size_t read_key(const char *hex, unsigned char *key)
{
    size_t size = 0;
    unsigned byte;

    for (; size < KEY_MAX && sscanf(hex, "%2x", &byte) == 1 && hex[0] && hex[1]; hex += 2)
        key[size++] = (unsigned char)byte;
    return size;
}

static int put_copy(MDB_txn *txn, MDB_dbi table, MDB_val *key, MDB_val *found)
{
    unsigned char *copy = malloc(found->mv_size + 1);
    MDB_val put = { found->mv_size, copy };
    int code;

    if (!copy)
        return ENOMEM;
    memcpy(copy, found->mv_data, found->mv_size);
    code = mdb_put(txn, table, key, &put, 0);
    free(copy);
    return code;
}

/* The same row under a key whose last byte is another. */
static int move(MDB_txn *txn, MDB_dbi table, MDB_val *key, MDB_val *found)
{
    unsigned char other[KEYS_MAX];
    MDB_val to = { key->mv_size, other };
    int code;

    memcpy(other, key->mv_data, key->mv_size);
    other[key->mv_size - 1] ^= 0x40;
    code = put_copy(txn, table, &to, found);
    other[key->mv_size - 1] ^= 0x40;
    return code ? code : mdb_del(txn, table, &to, NULL);
}

static int first_key(MDB_txn *txn, MDB_dbi table, MDB_val *key)
{
    MDB_cursor *cursor;
    MDB_val data;
    int code = mdb_cursor_open(txn, table, &cursor);

    if (code == 0) {
        code = mdb_cursor_get(cursor, key, &data, MDB_FIRST);
        mdb_cursor_close(cursor);
    }
    return code;
}

static int change(MDB_txn *txn, MDB_dbi table, MDB_val *key, const char *at)
{
    static unsigned char wrong[] = { 0xc1 };
    MDB_val found, put, cut = { sizeof wrong, wrong };
    int code = mdb_get(txn, table, key, &found);

    if (code)
        return code;
    printf("%zu\n", found.mv_size);
    if (strcmp(at, "remove") == 0)
        return mdb_del(txn, table, key, NULL);
    if (strcmp(at, "cut") == 0)
        return mdb_put(txn, table, key, &cut, 0);
    if (strcmp(at, "move") == 0)
        return move(txn, table, key, &found);

    long place = strtol(at, NULL, 10);
    unsigned char *copy = malloc(found.mv_size);

    if (!copy)
        return ENOMEM;
    memcpy(copy, found.mv_data, found.mv_size);
    copy[place < 0 ? found.mv_size - (size_t)-place : (size_t)place] ^= 1;
    put = (MDB_val){ found.mv_size, copy };
    code = mdb_put(txn, table, key, &put, 0);
    free(copy);
    return code;
}

int main(int argc, char **argv)
{
    unsigned char bytes[KEY_MAX];
    MDB_val key = { 0, bytes };
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    int code;

    if (argc != 5) {
        fputs("usage: flip STORE TABLE KEY AT\n", stderr);
        return 2;
    }
    key.mv_size = read_key(argv[3], bytes);
    code = mdb_env_create(&env);
    if (code == 0)
        code = mdb_env_set_maxdbs(env, TABLES_MAX);
    if (code == 0)
        code = mdb_env_set_mapsize(env, (size_t)1 << 30);
    if (code == 0)
        code = mdb_env_open(env, argv[1], 0, 0600);
    if (code == 0)
        code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code)
        return fail(argv[1], code);
    code = mdb_dbi_open(txn, argv[2], 0, &table);
    if (code == 0 && strcmp(argv[3], "first") == 0)
        code = first_key(txn, table, &key);
    if (code == 0)
        code = change(txn, table, &key, argv[4]);
    if (code == 0)
        code = mdb_txn_commit(txn);
    mdb_env_close(env);
    return code ? fail(argv[2], code) : 0;
}
