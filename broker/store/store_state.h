/* store_state.h - what the files that open and copy a store share; only they. */
#pragma once

#include "broker/store/secrets.h"
#include "broker/store/tables.h"

#define STORE_MAGIC "sluice-store"
/* A table that a store of an older release, which is only read, does not have. */
enum { TABLE_ABSENT = UINT32_MAX };

enum { KEYS_MAX = 511 }; /* bytes; LMDB's own limit */

struct top {     /* the last key of a table, as far as this process knows: a guess */
    size_t size; /* 0: not known */
    unsigned char bytes[KEYS_MAX];
};

struct event_page { /* events of the open batch that are not put yet */
    struct buf bodies;
    uint64_t first, count;
};

struct store {
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    MDB_txn *batch;  /* NULL: none is open */
    MDB_txn *reader; /* reset between uses */
    struct store_map map;
    size_t map_size, map_wanted; /* wanted: after a batch that did not fit */
    size_t bytes_max;            /* of the map; 0: no limit */
    size_t room, written;        /* when the batch began, and since then */
    struct top tops[TABLE_COUNT];
    int batch_code;        /* the first failure of the open batch */
    bool is_suspect;       /* a commit failed: LMDB is opened anew before the next use */
    bool is_reading;       /* batch is a snapshot that is only read */
    struct store *owner;   /* of a reader: the store that it reads; else NULL */
    pthread_mutex_t moves; /* held while a reader reads, or the map is changed */
    int lock_fd;
    char id[37];
    struct event_page page;
    uint8_t mask_key[SECRET_KEY_SIZE];
    char path[4096];
};

/* If there is none. */
NODISCARD enum rc store_batch_begin(struct store *store, struct err *err);

/* reader.c: a view of a reader. */
NODISCARD enum rc store_reader_begin(struct store *reader, struct view *view,
                                     struct err *err);
void store_reader_end(struct view *view);

/* append.c: into the open batch; an LMDB code. */
int store_put(struct store *store, enum table_id table, MDB_val *key, MDB_val *data);

/* What an LMDB code means, said once. */
enum rc store_failed(struct store *store, struct err *err, int code, const char *what);
/* RC_INVALID: the folder has a file of another program under the name of ours. */
NODISCARD enum rc store_check_foreign(const char *directory, struct err *err);
NODISCARD enum rc store_open_env(struct store *store, const char *directory,
                                 struct err *err);
/* Reads the store's id. RC_NOT_FOUND: the environment is empty. */
NODISCARD enum rc store_read_format(struct store *store, MDB_txn *txn,
                                    const char *directory, struct err *err);
