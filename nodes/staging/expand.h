/* expand.h - the files that an input's URIs mean: patterns of an object store become one
 * source for each object. */
#pragma once

#include "nodes/staging/fetch.h"

/* Gives the input with its settled sources: URIs without references to parameters, those
 * of object stores with names by the input's rule for folders; those of a pattern with
 * the size and the ETag, if there is one, that the list told. Everything lives in arena.
 * RC_NOT_FOUND: nothing matches; the failures of fetch_uri. */
NODISCARD enum rc input_expand(const struct fetching *fetching,
                               const struct plan_stage *stage, uint64_t task_index,
                               const struct plan_input *input, struct arena *arena,
                               struct plan_input *settled, struct err *err);
