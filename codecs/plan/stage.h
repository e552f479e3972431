/* stage.h - looking into a stage, and changing the columns of one that is being made.
 * Inner to this folder. */
#pragma once

#include "codecs/plan/plan.h"

/* Index by name, or the count. */
size_t stage_parameter_find(const struct plan_stage *stage, const char *name);
size_t stage_input_find(const struct plan_stage *stage, const char *name);
size_t stage_variable_find(const struct plan_stage *stage, const char *name);

/* Whether a column of the sweep gives the parameter its values. */
bool stage_is_swept(const struct plan_stage *stage, size_t parameter);

/* A value that is set for all tasks takes the place of what the sweep had for the
 * parameter: a product loses the column, zipped executions stay as many as they were. */
NODISCARD enum rc stage_column_release(struct arena *arena, struct plan_stage *stage,
                                       size_t parameter, struct err *err);
/* One execution per value (per combination in a product). Borrows values. */
NODISCARD enum rc stage_column_set(struct arena *arena, struct plan_stage *stage,
                                   size_t parameter, const struct value *values,
                                   size_t count, struct err *err);
/* Whether the parameter has a value in every task, or needs none. */
bool stage_parameter_is_settled(const struct plan_stage *stage, size_t parameter);
