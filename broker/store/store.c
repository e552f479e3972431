/* store.c - the environment, its one batch, and how failures are told apart. */
#include "broker/store/copy.h"
#include "broker/store/event_page.h"
#include "broker/store/store_state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROBE_BYTES = 1 << 20, RESERVE_PART = 16, RESERVE_MAX = 64 << 20 };

/* LMDB calls a short write of a full disk EIO, as it calls an error of the device. Who is
 * right shows when as much is written as a file of this size would next get. */
static bool is_disk_full(const struct store *store)
{
    char path[4200];
    struct stat info;
    void *bytes = calloc(1, PROBE_BYTES);
    ssize_t written = -1;
    int code = ENOMEM;

    snprintf(path, sizeof path, "%s/data.mdb", store->path);
    if (!bytes || stat(path, &info) < 0)
        info.st_size = 0;
    snprintf(path, sizeof path, "%s/probe", store->path);

    scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0 && bytes) {
        written = pwrite(fd, bytes, PROBE_BYTES, info.st_size);
        code = written < 0 ? errno : 0;
    }
    unlink(path);
    free(bytes);
    return written < PROBE_BYTES
           && (written >= 0 || code == ENOSPC || code == EDQUOT || code == EFBIG);
}

enum rc store_failed(struct store *store, struct err *err, int code, const char *what)
{
    enum rc rc = RC_IO;

    if (store->batch && store->batch_code == 0)
        store->batch_code = code;
    if (code == MDB_BAD_TXN && store->batch_code != 0)
        code = store->batch_code; /* what came after the failure that matters */
    switch (code) {
    case MDB_MAP_FULL:
        store->map_wanted = store->map_size * 2;
        rc = RC_FULL;
        break;
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        rc = RC_FULL;
        break;
    case EIO:
        rc = is_disk_full(store) ? RC_FULL : RC_IO;
        break;
    case ENOMEM:
        rc = RC_NO_MEMORY;
        break;
    case EACCES:
    case EROFS:
        rc = RC_DENIED;
        break;
    case MDB_VERSION_MISMATCH:
    case MDB_BAD_VALSIZE:
        rc = RC_INVALID;
        break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        rc = RC_CORRUPT;
        break;
    default:
        break;
    }
    err_set(err, rc, "store %s: %s: %s%s", store->path, what, mdb_strerror(code),
            code == MDB_MAP_FULL && store->bytes_max > 0
                ? "; nothing of the batch was stored: raise store-max"
            : rc == RC_FULL    ? "; nothing of the batch was stored: free disk space"
            : rc == RC_CORRUPT ? "; restore a backup"
                               : "");
    if (err)
        err->sys = code;
    return rc;
}

static enum rc take_lock(struct store *store, const char *directory, struct err *err)
{
    char path[4200];

    snprintf(path, sizeof path, "%s/lock.owner", directory);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot write %s", path);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, RC_CONFLICT, "%s is in use by another brokerd", directory);
    return RC_OK;
}

/* An LMDB data file begins with a meta page: its magic number stands at byte 16. */
enum rc store_check_foreign(const char *directory, struct err *err)
{
    static const unsigned char expected[4] = { 0xde, 0xc0, 0xef, 0xbe };
    unsigned char head[20];
    char path[4200];

    snprintf(path, sizeof path, "%s/data.mdb", directory);

    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return RC_OK;
    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);

    ssize_t got = read(fd, head, sizeof head);

    if (got == 0)
        return RC_OK;
    if (got != sizeof head || memcmp(head + 16, expected, 4) != 0)
        return err_set(
            err, RC_INVALID,
            "%s was not written by sluice: move it away, or choose another folder", path);
    return RC_OK;
}

enum rc store_open_env(struct store *store, const char *directory, struct err *err)
{
    int code = mdb_env_create(&store->env);
    struct stat info;
    char path[4200];

    if (code)
        return store_failed(store, err, code, "create");
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    if (store->map_size == 0)
        store->map_size = store->map.first;
    while (stat(path, &info) == 0
           && (size_t)info.st_size + store->map.margin > store->map_size)
        store->map_size *= 2;
    mdb_env_set_mapsize(store->env, store->map_size);
    mdb_env_set_maxdbs(store->env, TABLE_COUNT);
    code = mdb_env_open(store->env, directory,
                        MDB_NOTLS | MDB_NORDAHEAD | (store->is_reading ? MDB_RDONLY : 0),
                        0600);
    return code ? store_failed(store, err, code, "open") : RC_OK;
}

void store_new_id(char text[STORE_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char b[16];

    must(getrandom(b, sizeof b, 0) == sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digits[b[i] >> 4];
        *text++ = digits[b[i] & 0x0f];
    }
    *text = '\0';
}

/* Whether the environment has tables although it has no record of ours. */
static bool has_strangers(MDB_txn *txn)
{
    MDB_dbi root;
    MDB_stat stat;

    return mdb_dbi_open(txn, NULL, 0, &root) == 0 && mdb_stat(txn, root, &stat) == 0
           && stat.ms_entries > 0;
}

enum rc store_read_format(struct store *store, MDB_txn *txn, const char *directory,
                          struct err *err)
{
    MDB_val key = { 6, (void *)(uintptr_t) "format" }, data;
    struct reader reader;
    MDB_dbi meta;

    if (mdb_dbi_open(txn, table_name(TABLE_META), 0, &meta) != 0
        || mdb_get(txn, meta, &key, &data) != 0)
        return has_strangers(txn) ? err_set(
                   err, RC_INVALID,
                   "%s holds a database of another program: move it away, or choose "
                   "another folder",
                   directory)
                                  : RC_NOT_FOUND;
    reader_init(&reader, data.mv_data, data.mv_size);

    size_t count = reader_list(&reader);
    uint64_t version = reader_uint(&reader);
    struct bytes mark = reader_string(&reader);
    struct bytes id = reader_string(&reader);

    if (!reader_ok(&reader) || count < 3 || !bytes_are(mark, STORE_MAGIC)
        || id.size != 36)
        return err_set(err, RC_INVALID, "%s is not a store of sluice", directory);
    if (version != RECORD_VERSION)
        return err_set(err, RC_INVALID,
                       "%s has format %lu, this program reads %d: use a newer sluice",
                       directory, (unsigned long)version, RECORD_VERSION);
    memcpy(store->id, id.data, 36);
    return RC_OK;
}

static enum rc write_format(struct store *store, MDB_txn *txn, MDB_dbi meta,
                            struct err *err)
{
    scoped_buf record = { 0 };
    MDB_val key = { 6, (void *)(uintptr_t) "format" }, data;

    store_new_id(store->id);
    record_begin(&record, 2);
    pack_text(&record, STORE_MAGIC);
    pack_text(&record, store->id);
    data = (MDB_val){ record.size, record.data };

    int code = mdb_put(txn, meta, &key, &data, 0);

    return code ? store_failed(store, err, code, "meta") : RC_OK;
}

/* Made with the store, or when a program first opens it that knows of masks. */
static enum rc read_mask_key(struct store *store, MDB_txn *txn, struct err *err)
{
    MDB_val key = { 4, (void *)(uintptr_t) "mask" }, data;
    MDB_dbi meta = store->tables[TABLE_META];
    int code = mdb_get(txn, meta, &key, &data);

    if (code == MDB_NOTFOUND) {
        must(getrandom(store->mask_key, SECRET_KEY_SIZE, 0) == SECRET_KEY_SIZE);
        data = (MDB_val){ SECRET_KEY_SIZE, store->mask_key };
        code = mdb_put(txn, meta, &key, &data, 0);
        return code ? store_failed(store, err, code, "meta") : RC_OK;
    }
    if (code)
        return store_failed(store, err, code, "meta");
    if (data.mv_size != SECRET_KEY_SIZE)
        return err_set(err, RC_CORRUPT, "store: the key of masks does not decode");
    memcpy(store->mask_key, data.mv_data, SECRET_KEY_SIZE);
    return RC_OK;
}

const uint8_t *store_mask_key(const struct store *store)
{
    return store->mask_key;
}

/* A file in which LMDB is right but the content is not ours must not be touched: it is
 * looked at without its lock file, before the folder gets one of ours. */
static enum rc check_stranger(struct store *store, const char *directory, struct err *err)
{
    MDB_txn *txn = NULL;
    struct stat info;
    char path[4200];
    enum rc rc = RC_OK;
    int code;

    snprintf(path, sizeof path, "%s/lock.owner", directory);
    if (access(path, F_OK) == 0)
        return RC_OK; /* ours, and perhaps in use: read with its locks only */
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    if (stat(path, &info) < 0 || info.st_size == 0)
        return RC_OK;
    code = mdb_env_create(&store->env);
    if (code == 0)
        code = mdb_env_set_maxdbs(store->env, TABLE_COUNT);
    if (code == 0)
        code = mdb_env_open(store->env, directory, MDB_RDONLY | MDB_NOLOCK, 0600);
    if (code == 0)
        code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code == 0)
        rc = store_read_format(store, txn, directory, err);
    else
        rc = store_failed(store, err, code, "open");
    if (txn)
        mdb_txn_abort(txn);
    mdb_env_close(store->env);
    store->env = NULL;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* The files' names are on disk before anything in them is acknowledged. */
static enum rc sync_folders(const char *directory, struct err *err)
{
    char parent[4200];

    snprintf(parent, sizeof parent, "%s/..", directory);

    scoped_fd int inner = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scoped_fd int outer = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (inner < 0 || fsync(inner) < 0 || outer < 0 || fsync(outer) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot sync the folder %s",
                           directory);
    return RC_OK;
}

static enum rc open_tables(struct store *store, const char *directory, struct err *err)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);

    if (code)
        return store_failed(store, err, code, "begin");

    enum rc rc = store_read_format(store, txn, directory, err);
    bool is_new = rc == RC_NOT_FOUND;

    for (unsigned i = 0; code == 0 && (rc == RC_OK || is_new) && i < TABLE_COUNT; i++)
        code = mdb_dbi_open(txn, table_name((enum table_id)i), MDB_CREATE,
                            &store->tables[i]);
    if (is_new)
        rc = code ? RC_OK : write_format(store, txn, store->tables[TABLE_META], err);
    if (rc == RC_OK && code == 0)
        rc = read_mask_key(store, txn, err);
    if (rc == RC_OK && code == 0) {
        code = mdb_txn_commit(txn);
        if (code == 0 && is_new)
            return sync_folders(directory, err);
        return code ? store_failed(store, err, code, "commit") : RC_OK;
    }
    mdb_txn_abort(txn);
    return code ? store_failed(store, err, code, "tables") : rc;
}

static enum rc open_all(struct store *store, struct err *err)
{
    enum rc rc = store_open_env(store, store->path, err);
    int code;

    if (rc == RC_OK)
        rc = open_tables(store, store->path, err);
    if (rc != RC_OK)
        return rc;
    code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader);
    if (code)
        return store_failed(store, err, code, "begin");
    mdb_txn_reset(store->reader);
    return RC_OK;
}

static void close_all(struct store *store)
{
    if (store->batch)
        mdb_txn_abort(store->batch);
    if (store->reader)
        mdb_txn_abort(store->reader);
    if (store->env)
        mdb_env_close(store->env);
    store->batch = store->reader = NULL;
    store->env = NULL;
}

enum rc store_open_sized(const char *directory, const struct store_map *map,
                         struct store **store, struct err *err)
{
    scoped(store) made = calloc(1, sizeof *made);
    enum rc rc;

    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for the store");
    made->lock_fd = -1;
    pthread_mutex_init(&made->moves, NULL);
    made->map = *map;
    if ((size_t)snprintf(made->path, sizeof made->path, "%s", directory)
        >= sizeof made->path)
        return err_set(err, RC_INVALID, "the store's path is longer than %zu bytes",
                       sizeof made->path - 1);
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make the folder %s",
                           directory);
    rc = store_check_foreign(directory, err);
    if (rc == RC_OK)
        rc = check_stranger(made, directory, err);
    if (rc == RC_OK)
        rc = take_lock(made, directory, err);
    if (rc == RC_OK)
        rc = open_all(made, err);
    if (rc == RC_OK)
        rc = store_settle(made, err);
    if (rc != RC_OK)
        return rc;
    *store = steal(&made);
    return RC_OK;
}

enum rc store_open(const char *directory, struct store **store, struct err *err)
{
    /* Address space, not disk. */
    static const struct store_map map = { .first = (size_t)1 << 30,
                                          .margin = (size_t)1 << 28 };

    return store_open_sized(directory, &map, store, err);
}

void store_destroy(struct store *store)
{
    if (!store)
        return;
    close_all(store);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->moves);
    buf_fini(&store->page.bodies);
    free(store);
}

const char *store_id(const struct store *store)
{
    return store->id;
}

bool store_is_dirty(const struct store *store)
{
    return store->batch != NULL;
}

/* Address space ahead of need, so that a batch never meets a full map. */
static void grow_map(struct store *store)
{
    MDB_envinfo info;
    MDB_stat stat;

    if (mdb_env_info(store->env, &info) || mdb_env_stat(store->env, &stat))
        return;

    size_t used = (info.me_last_pgno + 1) * stat.ms_psize;
    size_t size = store->map_size;

    while (used + store->map.margin > size || used > size / 4 * 3
           || size < store->map_wanted)
        size *= 2;
    if (store->bytes_max > 0 && size > store->bytes_max)
        size = store->bytes_max > used ? store->bytes_max : used;
    if (size == store->map_size)
        return;
    pthread_mutex_lock(&store->moves);
    if (mdb_env_set_mapsize(store->env, size) == 0)
        store->map_size = size;
    pthread_mutex_unlock(&store->moves);
}

enum rc store_reserve(struct store *store, uint64_t bytes, struct err *err)
{
    MDB_envinfo info;
    MDB_stat stat;
    int code = mdb_env_info(store->env, &info);

    if (code == 0)
        code = mdb_env_stat(store->env, &stat);
    if (code)
        return store_failed(store, err, code, "room");

    size_t wanted = (info.me_last_pgno + 1) * stat.ms_psize + bytes;

    if (wanted <= store->map_size)
        return RC_OK;
    store->map_wanted = wanted > store->map_wanted ? wanted : store->map_wanted;
    return store->batch
               ? err_set(err, RC_FULL, "the store makes room for %lu bytes: ask again",
                         (unsigned long)bytes)
               : RC_OK;
}

void store_limit(struct store *store, uint64_t bytes_max)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    store->bytes_max = bytes_max / page * page;
    store->map_wanted = 0;
}

/* Pages that were used and can be used again: LMDB keeps lists of them in its table 0,
 * each with its length in front. */
static size_t pages_free(struct store *store)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, data;
    size_t count = 0;

    if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn))
        return 0;
    if (mdb_cursor_open(txn, 0, &cursor) == 0) {
        while (mdb_cursor_get(cursor, &key, &data, MDB_NEXT) == 0) {
            size_t length;

            memcpy(&length, data.mv_data, sizeof length);
            count += length;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return count;
}

/* Of a store with a limit. The reserve is for what has been accepted: results, events,
 * the removal of old ones. The list of free pages is read only when it matters. */
static size_t room_now(struct store *store)
{
    size_t reserve = store->bytes_max / RESERVE_PART, used;
    MDB_envinfo info;
    MDB_stat stat;

    if (store->bytes_max == 0)
        return SIZE_MAX;
    if (mdb_env_info(store->env, &info) || mdb_env_stat(store->env, &stat))
        return 0;
    reserve = reserve < RESERVE_MAX ? reserve : RESERVE_MAX;
    used = (info.me_last_pgno + 1) * stat.ms_psize + reserve;
    if (used > store->bytes_max / 2)
        used -= pages_free(store) * stat.ms_psize;
    return used < store->bytes_max ? store->bytes_max - used : 0;
}

/* A commit that failed may leave LMDB refusing all further work: what is on disk is read
 * anew. */
static enum rc revive(struct store *store, struct err *err)
{
    enum rc rc = RC_OK;

    if (store->is_suspect) {
        pthread_mutex_lock(&store->moves);
        close_all(store);
        rc = open_all(store, err);
        if (rc != RC_OK)
            close_all(store);
        store->is_suspect = rc != RC_OK;
        pthread_mutex_unlock(&store->moves);
    }
    return rc;
}

uint64_t store_room(struct store *store)
{
    struct err err;

    if (store->bytes_max == 0)
        return UINT64_MAX;
    if (revive(store, &err) != RC_OK)
        return 0;
    if (!store->batch)
        return room_now(store);
    return store->room > store->written ? store->room - store->written : 0;
}

enum rc store_batch_begin(struct store *store, struct err *err)
{
    enum rc rc;
    int code;

    if (store->batch)
        return RC_OK;
    rc = revive(store, err);
    if (rc != RC_OK)
        return rc;
    grow_map(store);
    store->room = room_now(store);
    store->written = 0;
    store->batch_code = 0;
    code = mdb_txn_begin(store->env, NULL, 0, &store->batch);
    if (code) {
        store->batch = NULL;
        return store_failed(store, err, code, "begin");
    }
    return RC_OK;
}

enum rc store_commit(struct store *store, struct err *err)
{
    MDB_txn *batch = store->batch;
    int code;

    if (!batch)
        return RC_OK;
    must(!store->is_reading);
    if (event_page_flush(store, err) != RC_OK) {
        store_abort(store);
        return err->rc;
    }
    store->batch = NULL;
    code = mdb_txn_commit(batch);
    if (code == 0)
        return RC_OK;
    store->is_suspect = true;
    return store_failed(store, err, code, "commit");
}

void store_abort(struct store *store)
{
    if (store->batch)
        mdb_txn_abort(store->batch);
    store->batch = NULL;
    store->page.count = 0;
    buf_clear(&store->page.bodies);
}

/* Keys that are texts come from other programs. */
static enum rc check_key(enum table_id table, size_t size, struct err *err)
{
    if (size > 0 && size <= KEYS_MAX)
        return RC_OK;
    return err_set(err, RC_INVALID, "store: a key of %s has 1 to %d bytes, not %zu",
                   table_name(table), KEYS_MAX, size);
}

enum rc db_put(struct store *store, enum table_id table, const void *key, size_t key_size,
               const void *data, size_t size, struct err *err)
{
    MDB_val k = { key_size, (void *)(uintptr_t)key },
            d = { size, (void *)(uintptr_t)data };
    enum rc rc = store_batch_begin(store, err);
    int code;

    if (rc == RC_OK)
        rc = check_key(table, key_size, err);
    if (rc != RC_OK)
        return rc;
    store->written += key_size + size;
    code = store_put(store, table, &k, &d);
    return code ? store_failed(store, err, code, table_name(table)) : RC_OK;
}

enum rc db_put_buf(struct store *store, enum table_id table, const struct key *key,
                   const struct buf *record, struct err *err)
{
    if (!buf_ok(record))
        return err_set(err, RC_NO_MEMORY, "store: %s: a record is too large",
                       table_name(table));
    return db_put(store, table, key->bytes, key->size, record->data, record->size, err);
}

enum rc db_remove(struct store *store, enum table_id table, const void *key,
                  size_t key_size, struct err *err)
{
    MDB_val k = { key_size, (void *)(uintptr_t)key };
    enum rc rc = store_batch_begin(store, err);
    int code;

    if (rc != RC_OK)
        return rc;
    code = mdb_del(store->batch, store->tables[table], &k, NULL);
    return code && code != MDB_NOTFOUND
               ? store_failed(store, err, code, table_name(table))
               : RC_OK;
}

enum rc view_begin(struct store *store, struct view *view, struct err *err)
{
    *view = (struct view){ .store = store, .txn = store->batch };
    if (store->owner)
        return store_reader_begin(store, view, err);
    if (view->txn)
        return RC_OK;

    enum rc rc = revive(store, err);

    if (rc != RC_OK)
        return rc;

    int code = mdb_txn_renew(store->reader);

    if (code)
        return store_failed(store, err, code, "read");
    view->txn = store->reader;
    return RC_OK;
}

void view_end(struct view *view)
{
    if (view->cursor)
        mdb_cursor_close(view->cursor);
    if (view->txn && view->store->owner) {
        store_reader_end(view);
    } else if (view->txn && view->txn == view->store->reader) {
        mdb_txn_reset(view->txn);
    }
    view->cursor = NULL;
    view->txn = NULL;
}

enum rc view_get(struct view *view, enum table_id table, const void *key, size_t key_size,
                 MDB_val *data, struct err *err)
{
    MDB_val k = { key_size, (void *)(uintptr_t)key };
    enum rc rc = check_key(table, key_size, err);
    int code;

    if (rc != RC_OK)
        return rc;
    if (view->store->tables[table] == TABLE_ABSENT)
        return err_set(err, RC_NOT_FOUND, "store: there is no table %s",
                       table_name(table));
    code = mdb_get(view->txn, view->store->tables[table], &k, data);

    if (code == MDB_NOTFOUND)
        return err_set(err, RC_NOT_FOUND, "store: %s has no such record",
                       table_name(table));
    return code ? store_failed(view->store, err, code, table_name(table)) : RC_OK;
}

enum rc view_next(struct view *view, MDB_cursor_op move, MDB_val *found, MDB_val *data,
                  struct err *err)
{
    int code = mdb_cursor_get(view->cursor, found, data, move);

    if (code == MDB_NOTFOUND)
        return RC_NOT_FOUND;
    return code ? store_failed(view->store, err, code, "read") : RC_OK;
}

enum rc view_seek(struct view *view, enum table_id table, const void *key,
                  size_t key_size, MDB_val *found, MDB_val *data, struct err *err)
{
    int code;

    if (view->store->tables[table] == TABLE_ABSENT)
        return RC_NOT_FOUND;
    code = mdb_cursor_open(view->txn, view->store->tables[table], &view->cursor);
    if (code)
        return store_failed(view->store, err, code, table_name(table));
    *found = (MDB_val){ key_size, (void *)(uintptr_t)key };
    return view_next(view, key_size ? MDB_SET_RANGE : MDB_FIRST, found, data, err);
}

enum rc db_get(struct store *store, enum table_id table, const struct key *key,
               struct buf *data, struct err *err)
{
    struct view view;
    MDB_val found;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, table, key->bytes, key->size, &found, err);
    if (rc == RC_OK)
        buf_add(data, found.mv_data, found.mv_size);
    view_end(&view);
    if (rc == RC_OK && !buf_ok(data))
        return err_set(err, RC_NO_MEMORY, "store: %s: a record is too large",
                       table_name(table));
    return rc;
}
