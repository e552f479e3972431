/* layers.h - plain stages, many in one record (codecs/wire/layer.h): with their live
 * first attempts, then with the ends of these.
 *
 * store_stage, store_task, store_tasks and store_result know them: who reads one stage
 * does not see how it is kept. A stage or task that has a row of its own is what that row
 * says. */
#pragma once

#include "broker/store/store.h"
#include "codecs/wire/layer.h"

struct layer_record {
    uint32_t node;      /* UINT32_MAX: one of another store, as with blocks */
    uint64_t version;   /* that of all of them, once they ended; 0: they live */
    struct bytes bytes; /* of the layer; their hash is in the version */
    struct stage_layer layer;
};
/* Of a record as the table has it; bytes and layer borrow from it. The layer is opened
 * only (layer_open). RC_CORRUPT. */
NODISCARD enum rc store_layer_decode(struct bytes value, struct layer_record *record,
                                     struct err *err);

/* A layer with the same first stage is replaced. bytes: of the layer. */
NODISCARD enum rc store_layer_put(struct store *store, uint64_t run, uint32_t node,
                                  uint64_t version, uint32_t first, struct bytes bytes,
                                  struct err *err);
/* Takes the stage, and up to max with those behind it, out of the layer in which they
 * live. *count: so many; 0: the stage lives in none. */
NODISCARD enum rc store_layer_take(struct store *store, uint64_t run, uint32_t stage,
                                   uint64_t max, uint64_t *count, struct err *err);
/* Whether the stage lives in a layer. */
NODISCARD enum rc store_layer_has(struct store *store, uint64_t run, uint32_t stage,
                                  bool *is_there, struct err *err);
/* The bytes of the layer that begins with the stage. RC_NOT_FOUND. */
NODISCARD enum rc store_layer(struct store *store, uint64_t run, uint32_t first,
                              struct buf *bytes, struct err *err);
/* Every live attempt of the run that is in a layer. */
NODISCARD enum rc store_layer_attempts(struct store *store, uint64_t run,
                                       enum rc (*visit)(void *context,
                                                        const struct attempt_row *row,
                                                        struct err *err),
                                       void *context, struct err *err);
/* What a layer says of the row of one of its stages. */
struct stage_row layer_stage_row(const struct stage_layer *layer);
