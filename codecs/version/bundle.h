/* bundle.h - a run as rows of a store, to be taken to another one.
 *
 * A msgpack list ["sluice-run", 1, rows]; a row is [table, key, value], the tables in the
 * order of enum bundle_table, keys ascending within each, without the run's number. Keys
 * and values are those of docs/store.md; a version has its number as its key. Behind them
 * stand tags, as msgpack lists of texts: of the run (an empty key), and of files that it
 * made, by the 16 bytes of their datum's id. Then what people call these files, by the
 * first 16 bytes of the SHA-256 of the name: aliases, [name, target], and versions of
 * datasets that have no other files, [URI, list of the files' ids]. Pure. */
#pragma once

#include "codecs/pack/pack.h"

enum bundle_table {
    BUNDLE_HEAD, /* exactly one */
    BUNDLE_ROW,  /* exactly one */
    BUNDLE_PLAN, /* exactly one */
    BUNDLE_STAGES,
    BUNDLE_RESOLVED,
    BUNDLE_NOTES,
    BUNDLE_TASKS,
    BUNDLE_RESULTS,
    BUNDLE_BLOCKS,
    BUNDLE_LAYERS,
    BUNDLE_VERSIONS, /* of the tasks, then of the blocks, then of the layers */
    BUNDLE_TAGS,     /* at most one */
    BUNDLE_DATUM_TAGS,
    BUNDLE_ALIASES,
    BUNDLE_DATASETS,
    BUNDLE_TABLE_COUNT
};

enum {
    BUNDLE_BYTES_MAX = 60 << 20, /* so that a message can carry it */
    BUNDLE_FILE_MIB_MAX = 4096,  /* of one that comes as a file */
    BUNDLE_KEY_MAX = 16,
};

struct bundle_row {
    enum bundle_table table;
    struct bytes key, value; /* borrowed */
};

struct bundle {
    struct bundle_row *rows;
    size_t count;
    size_t first[BUNDLE_TABLE_COUNT + 1]; /* rows of table t: [first[t], first[t + 1]) */
};

const char *bundle_table_name(enum bundle_table table); /* "runs", "plans", ... */
void bundle_row_encode(struct buf *rows, enum bundle_table table, const void *key,
                       size_t key_size, const void *value, size_t value_size);
/* count rows that bundle_row_encode wrote, as a whole. */
void bundle_encode(struct buf *buf, const struct buf *rows, size_t count);
/* The same from rows in any order but that of versions, given on piece by piece.
 * RC_INVALID, RC_NO_MEMORY, or what take returns. */
typedef enum rc bundle_take(void *context, const void *bytes, size_t size,
                            struct err *err);
NODISCARD enum rc bundle_sort(const void *rows, size_t size, size_t count,
                              bundle_take *take, void *context, struct err *err);
/* RC_INVALID with the byte; RC_NO_MEMORY. */
NODISCARD enum rc bundle_decode(struct arena *arena, const void *bytes, size_t size,
                                struct bundle *bundle, struct err *err);
/* NULL if there is none. */
const struct bundle_row *bundle_find(const struct bundle *bundle, enum bundle_table table,
                                     const void *key, size_t key_size);
