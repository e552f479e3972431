/* check.h - what must hold between the fields of a plan. Pure; inner to codecs/plan. */
#pragma once

#include "codecs/plan/plan.h"

/* RC_PROTOCOL with what is wrong and in which stage or edge, RC_NO_MEMORY. Takes
 * n log n time and no deep stack, whatever the plan. */
NODISCARD enum rc plan_check(const struct plan *plan, struct err *err);
NODISCARD enum rc plan_stage_check(const struct plan_stage *stage, struct err *err);

/* Two stages with the same name, as indexes; false: none. RC_NO_MEMORY. */
NODISCARD enum rc plan_twins_find(const struct plan *plan, bool *found, size_t *first,
                                  size_t *second, struct err *err);

/* The stages of one cycle in order (each has an edge to the next, the last to the first)
 * in arena; count 0: there is none. The edges' indexes must be valid. RC_NO_MEMORY. */
NODISCARD enum rc plan_cycle_find(const struct plan *plan, struct arena *arena,
                                  uint32_t **cycle, size_t *count, struct err *err);

/* Whether the name of a stage can stand in an address: not empty, not "." or "..", no
 * '/', no control characters, at most PLAN_NAME_MAX bytes. */
bool plan_stage_name_is_fine(const char *name);
