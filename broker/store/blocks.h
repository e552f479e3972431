/* blocks.h - tasks without a command, many in one record: spans of them while they are
 * handed out, blocks once they have ended (codecs/wire/block.h).
 *
 * store_task, store_tasks and store_result know them: who reads one task does not see how
 * it is kept. A task that has a row of its own is what that row says. */
#pragma once

#include "broker/store/store.h"
#include "codecs/wire/block.h"

struct span { /* first attempts: indexes and tokens go up together */
    uint64_t count, token;
    uint32_t node;
};
NODISCARD enum rc store_span_put(struct store *store, uint64_t run, uint32_t stage,
                                 uint64_t first, const struct span *span,
                                 struct err *err);
/* Whether count tasks from index on stand in one span. */
NODISCARD enum rc store_span_has(struct store *store, uint64_t run, uint32_t stage,
                                 uint64_t index, uint64_t count, bool *is_there,
                                 struct err *err);
/* Takes count tasks from index on out of their spans; those that are in none stay out. */
NODISCARD enum rc store_span_take(struct store *store, uint64_t run, uint32_t stage,
                                  uint64_t index, uint64_t count, struct err *err);
/* Every attempt of every span. */
NODISCARD enum rc store_spans(struct store *store,
                              enum rc (*visit)(void *context,
                                               const struct attempt_row *row,
                                               struct err *err),
                              void *context, struct err *err);

/* block: the tasks from index on. version: that of all of them. node: UINT32_MAX: one of
 * another store, which the run was imported from; its tokens are none here. */
NODISCARD enum rc store_block_put(struct store *store, uint64_t run, uint32_t stage,
                                  uint64_t index, uint32_t node, uint64_t version,
                                  struct bytes block, struct err *err);
/* The bytes of the block that begins with the task, as they were put: they may not
 * decode. RC_NOT_FOUND; RC_CORRUPT: the record around them does not. */
NODISCARD enum rc store_block(struct store *store, uint64_t run, uint32_t stage,
                              uint64_t index, struct buf *block, struct err *err);
/* The same of a record, as the table has it, with its version. The bytes are borrowed. */
NODISCARD enum rc store_block_decode(struct bytes value, uint64_t *version,
                                     struct bytes *block, struct err *err);
