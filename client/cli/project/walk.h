/* walk.h - every file below a folder. */
#pragma once

#include "client/cli/project/texts.h"
#include "client/cli/project/vhignore.h"

enum { WALK_FILES_MAX = 1000000, WALK_DEPTH_MAX = 200 };

/* Adds the paths of all regular files and symbolic links below folder/prefix, relative to
 * folder ("" or "a/b" as prefix), in no order. Links are not followed; .git and .sluice
 * are left out at every depth, and what vhignore (may be NULL) matches. RC_DENIED,
 * RC_IO, RC_FULL (too many files or too deep), each with the path. */
NODISCARD enum rc walk(const char *folder, const char *prefix,
                       const struct vhignore *vhignore, struct texts *paths,
                       struct err *err);
