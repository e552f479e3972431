/* tables.h - the tables of the store and the few LMDB moves that its files share. Private
 * to this folder: no other file sees LMDB. */
#pragma once

#include "broker/store/store.h"
#include "codecs/pack/pack.h"

#include <lmdb.h>

enum table_id {
    TABLE_META,        /* "format" -> [1, magic, uuid], "counters" -> [1, ...] */
    TABLE_RUNS,        /* run -> head */
    TABLE_RUN_ROWS,    /* run -> row and totals */
    TABLE_PLANS,       /* run -> plan bytes */
    TABLE_IDS,         /* id text -> run */
    TABLE_SUBMISSIONS, /* 16 bytes -> run */
    TABLE_ACTIVE,      /* run -> nothing: not in a final state */
    TABLE_STAGES,      /* run, stage -> row */
    TABLE_RESOLVED,    /* run, stage -> stage bytes */
    TABLE_NOTES,       /* run, stage -> text */
    TABLE_TASKS,       /* run, stage, index -> row */
    TABLE_RESULTS,     /* run, stage, index, attempt -> result bytes */
    TABLE_ATTEMPTS,    /* token -> row, live ones only */
    TABLE_SPANS,      /* run, stage, index of the first -> live attempts of empty tasks */
    TABLE_BLOCKS,     /* run, stage, index of the first -> empty tasks that ended */
    TABLE_LAYERS,     /* run, first stage -> plain stages that go together */
    TABLE_NODES,      /* node -> record */
    TABLE_ARTIFACTS,  /* digest text -> record */
    TABLE_EVENTS,     /* number -> body */
    TABLE_VERSIONS,   /* number -> record */
    TABLE_SECRETS,    /* run, stage -> names and values, while the run goes on */
    TABLE_EXECUTIONS, /* execution key -> task */
    TABLE_BY_STEP,    /* step's hash, run, stage -> nothing */
    TABLE_REUSED,     /* run, stage -> ranges */
    TABLE_MAKERS,     /* digest, run, stage, index -> nothing */
    TABLE_USERS,      /* digest, run, stage -> nothing */
    TABLE_REMOVED,    /* digest -> record */
    TABLE_REMOVALS,   /* node, digest -> nothing */
    /* names.h; keys that are texts end with a zero byte, see names_key.h */
    TABLE_DATUMS,        /* number -> record */
    TABLE_DATUM_IDS,     /* 16 bytes -> number */
    TABLE_DATUM_RUNS,    /* run, number -> nothing */
    TABLE_ALIASES,       /* project, name -> record */
    TABLE_ALIAS_CHANGES, /* project, name, ordinal -> record */
    TABLE_TAGS,          /* tag, kind, number -> nothing */
    TABLE_TAGS_OF,       /* kind, number -> record */
    TABLE_DATASETS,      /* project, dataset, version -> record */
    TABLE_DATASET_KEYS,  /* number of a version -> its key in datasets */
    TABLE_DATASET_FILES, /* number of a version, file name, datum -> record */
    TABLE_COUNT
};

enum { RECORD_VERSION = 1 };

/* store_open with a map of another size; margin is what is free before a batch begins. */
struct store_map {
    size_t first, margin; /* bytes */
};
NODISCARD enum rc store_open_sized(const char *directory, const struct store_map *map,
                                   struct store **store, struct err *err);

struct key {                 /* big-endian numbers, so that LMDB's order is theirs */
    unsigned char bytes[40]; /* the longest: a number and a digest */
    size_t size;
};
struct key key_run(uint64_t run);
struct key key_stage(uint64_t run, uint32_t stage);
struct key key_task(uint64_t run, uint32_t stage, uint64_t index);
struct key key_result(uint64_t run, uint32_t stage, uint64_t index, uint32_t attempt);
uint64_t key_number(const unsigned char *bytes, size_t size); /* reads one back */

const char *table_name(enum table_id table);

/* Begins the batch if there is none. */
NODISCARD enum rc db_put(struct store *store, enum table_id table, const void *key,
                         size_t key_size, const void *data, size_t size, struct err *err);
NODISCARD enum rc db_put_buf(struct store *store, enum table_id table,
                             const struct key *key, const struct buf *record,
                             struct err *err);
NODISCARD enum rc db_remove(struct store *store, enum table_id table, const void *key,
                            size_t key_size,
                            struct err *err); /* RC_OK if it is not there */

/* Reading: the batch's transaction, or a fresh read-only one. view_end gives it back;
 * between the two the data that LMDB gives may be looked at. */
struct view {
    struct store *store;
    MDB_txn *txn;
    MDB_cursor *cursor;
};
NODISCARD enum rc view_begin(struct store *store, struct view *view, struct err *err);
void view_end(struct view *view);
/* RC_NOT_FOUND. */
NODISCARD enum rc view_get(struct view *view, enum table_id table, const void *key,
                           size_t key_size, MDB_val *data, struct err *err);
/* A cursor on the first key that is not below key; then on with view_next; RC_NOT_FOUND
 * at the end. */
NODISCARD enum rc view_seek(struct view *view, enum table_id table, const void *key,
                            size_t key_size, MDB_val *found, MDB_val *data,
                            struct err *err);
NODISCARD enum rc view_next(struct view *view, MDB_cursor_op move, MDB_val *found,
                            MDB_val *data, struct err *err);

/* Reads a whole value into buf. */
NODISCARD enum rc db_get(struct store *store, enum table_id table, const struct key *key,
                         struct buf *data, struct err *err);

/* A reader on a record behind its version, or RC_CORRUPT. */
NODISCARD enum rc record_open(struct reader *reader, enum table_id table,
                              const MDB_val *data, struct err *err);
NODISCARD enum rc record_close(const struct reader *reader, enum table_id table,
                               struct err *err);
/* The record of a task, whole. */
void task_row_encode(struct buf *record, const struct task_row *row);
/* Begins a record of count fields behind the version. */
void record_begin(struct buf *record, size_t count);
