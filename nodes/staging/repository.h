/* repository.h - the files of the code, as the task sees them: copies of its own. */
#pragma once

#include "nodes/staging/staging.h"

/* Makes <attempt>/repository, which is empty or was used before, what the tree object
 * says; tree NULL or "" gives no files. */
NODISCARD enum rc repository_fill(const struct staging *staging,
                                  const struct store_port *port, uint64_t token,
                                  int folder, const char *tree,
                                  const atomic_bool *cancelled, struct err *err);
