/* snapshot.h - the project's code as it is now: a list of files with their digests.
 *
 * With git: what git tracks, and untracked files that it does not ignore. Without git: a
 * plain walk. .vhignore is respected in both; .git and .sluice are never taken. Symbolic
 * links are kept as links. */
#pragma once

#include "client/cli/project/digests.h"
#include "codecs/plan/plan.h"
#include "codecs/plan/tree.h"

struct snapshot {
    struct tree tree;
    const char **paths;    /* absolute, by entry of the tree */
    struct plan_code code; /* without the tree's digest */
    bool git_failed;       /* there is a repository that git could not read */
};

/* Everything in arena. RC_INVALID for a name that a tree cannot hold, RC_DENIED, RC_IO,
 * RC_NO_MEMORY, each with the path. */
NODISCARD enum rc snapshot_take(const char *project, struct digests *digests,
                                struct arena *arena, struct snapshot *snapshot,
                                struct err *err);
