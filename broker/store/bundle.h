/* bundle.h - a run's rows as they are stored: out for its export, in for its import. */
#pragma once

#include "broker/store/store.h"
#include "codecs/version/bundle.h"

struct bundle_cursor { /* where the next page begins; zeroed: at the first row */
    uint32_t table;    /* one of enum bundle_table, or of enum bundle_part */
    bool has_tags;     /* tags are wanted */
    bool has_names;    /* aliases and versions of datasets are wanted */
    unsigned char key[BUNDLE_KEY_MAX];
    size_t key_size;
};

enum bundle_part { /* what a cursor comes to behind the tables of the bundle */
                   BUNDLE_BLOCK_VERSIONS = BUNDLE_TABLE_COUNT,
                   BUNDLE_LAYER_VERSIONS,
                   BUNDLE_REUSED, /* tasks that use the results of others */
                   BUNDLE_END
};

/* Adds rows of the run from the cursor on (bundle_row_encode) until rows has size_max
 * bytes, and moves the cursor. A task that used the result of another run's comes last,
 * with that one's row and result as its own, and without a version: so the bundle has all
 * results of the run, though not in the order of a bundle. */
NODISCARD enum rc store_bundle_read(struct store *store, uint64_t run,
                                    struct bundle_cursor *cursor, size_t size_max,
                                    struct buf *rows, size_t *count, struct err *err);

/* One of the tables of tags, in the same way. RC_NOT_FOUND at its end. */
NODISCARD enum rc store_bundle_tags(struct store *store, uint64_t run,
                                    struct bundle_cursor *cursor, size_t size_max,
                                    struct buf *rows, size_t *count, struct err *err);

/* BUNDLE_ALIASES or BUNDLE_DATASETS, all of it: what in the project of the run points at
 * files that it made, and at nothing else. */
NODISCARD enum rc store_bundle_names(struct store *store, uint64_t run,
                                     enum bundle_table table, struct buf *rows,
                                     size_t *count, struct err *err);

/* Values as the tables have them. RC_CORRUPT. */
NODISCARD enum rc store_head_decode(struct bytes value, struct arena *arena,
                                    struct run_head *head, struct err *err);
NODISCARD enum rc store_run_row_decode(struct bytes value, struct run_row *row,
                                       struct run_totals *totals, struct err *err);
NODISCARD enum rc store_stage_decode(struct bytes value, struct arena *arena,
                                     struct stage_row *row, struct err *err);
NODISCARD enum rc store_task_decode(struct bytes value, struct task_row *row,
                                    struct err *err);

/* Writes head, row, plan, stages, resolved stages, notes and results as they are under a
 * number of this store, and enters the run into the indexes. The rest of the bundle is
 * not written. Everything must have been checked before. */
NODISCARD enum rc store_bundle_write(struct store *store, uint64_t run,
                                     const struct bundle *bundle,
                                     const struct run_head *head, struct err *err);
