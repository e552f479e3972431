/* ranges.h - finding a task in spans and blocks. Private to this folder. */
#pragma once

#include "broker/store/blocks.h"
#include "broker/store/tables.h"

struct task_range { /* of a stage: a span, or a block */
    uint64_t first, count;
    uint32_t node;
    uint64_t version;        /* of a block */
    struct task_block block; /* of a span: token and count only; borrows from the view */
    struct bytes bytes;      /* of a block, encoded; borrows from the view */
};

/* Takes a record apart; what bytes hold is not looked at, so block is not set of a block.
 */
NODISCARD enum rc range_record(enum table_id table, const MDB_val *data,
                               struct task_range *range, struct err *err);

/* The range that has index, or the first one behind it. Leaves the view's cursor there.
 * RC_NOT_FOUND. */
NODISCARD enum rc range_seek(struct view *view, enum table_id table, uint64_t run,
                             uint32_t stage, uint64_t index, struct task_range *range,
                             struct err *err);
/* The next one of the same stage. RC_NOT_FOUND. */
NODISCARD enum rc range_next(struct view *view, enum table_id table, uint64_t run,
                             uint32_t stage, struct task_range *range, struct err *err);
/* The row of the task at the walk's next place. */
struct task_row range_row(const struct task_range *range, enum table_id table,
                          struct block_walk *walk);
/* The rows of a stage's tasks from index first on, wherever they are kept. */
NODISCARD enum rc range_tasks(struct store *store, uint64_t run, uint32_t stage,
                              uint64_t first, size_t limit,
                              void (*visit)(void *context, uint64_t index,
                                            const struct task_row *row),
                              void *context, struct err *err);
/* tasks.c */
NODISCARD enum rc task_row_read(const MDB_val *data, struct task_row *row,
                                struct err *err);
/* The row of a task that has none of its own. RC_NOT_FOUND. */
NODISCARD enum rc range_task(struct store *store, uint64_t run, uint32_t stage,
                             uint64_t index, struct task_row *row, struct err *err);
