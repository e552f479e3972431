/* layer.h - plain stages (plan_plain_stages) of one run that were handed out together and
 * perhaps ended together: which they are, their tokens and, once they ended, their times.
 *
 * As bytes a msgpack list [first, places, token], and of those that ended [first, places,
 * token, ended, started, times]. Documented in docs/store.md ("Layers"). Pure. */
#pragma once

#include "codecs/wire/block.h"

enum { LAYER_STAGES_MAX = 4096 }; /* and so far from each other */

struct stage_layer {
    uint32_t first;      /* number of the first stage */
    struct bytes places; /* borrowed: what the number of each is above first, in two
                            bytes, the higher one in front; ascending, from 0 on */
    uint64_t token;      /* of the first stage's task; those of the others follow */
    bool has_ended;
    int64_t ended_us;        /* when the stages started and ended, for the broker */
    struct task_block block; /* of those that ended: their tasks */
};

/* Appends a place to the bytes of places; below LAYER_STAGES_MAX. */
void layer_add(struct buf *places, uint32_t place);
static inline uint64_t layer_count(const struct stage_layer *layer)
{
    return layer->places.size / 2;
}
/* The number of the stage at place i below the count. */
uint32_t layer_stage(const struct stage_layer *layer, uint64_t i);
/* False: the stage is none of them. */
bool layer_find(const struct stage_layer *layer, uint32_t stage, uint64_t *i);

/* The bytes' hash is in the version of the stages, if they ended. */
void layer_encode(struct buf *buf, const struct stage_layer *layer);
/* Checks the form alone, in little time. False, and layer untouched, if it is wrong. */
NODISCARD bool layer_open(struct bytes bytes, struct stage_layer *layer);
/* Whether places and times are as they must be, too: layer_stage and the walk over the
 * block may be asked. */
bool layer_is_whole(const struct stage_layer *layer);
