/* layer_find.h - finding a stage in layers. Private to this folder. */
#pragma once

#include "broker/store/layers.h"
#include "broker/store/tables.h"

struct layer_place { /* a stage in a layer; borrows from the view */
    struct layer_record record;
    uint64_t place;
};
/* RC_NOT_FOUND. */
NODISCARD enum rc layer_seek(struct view *view, uint64_t run, uint32_t stage,
                             struct layer_place *found, struct err *err);
/* The rows that a stage and its task have by their layer. RC_NOT_FOUND. */
NODISCARD enum rc layer_row_of_stage(struct store *store, uint64_t run, uint32_t stage,
                                     struct stage_row *row, struct err *err);
NODISCARD enum rc layer_row_of_task(struct store *store, uint64_t run, uint32_t stage,
                                    uint64_t index, struct task_row *row,
                                    struct err *err);
