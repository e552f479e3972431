/* tree_changes.h - which files differ between two trees of the store. */
#pragma once

#include "client/cli/cli.h"
#include "client/cli/text/json_out.h"
#include "codecs/plan/tree.h"

struct tree_change {
    const char *path;
    char how; /* '+' new, '-' gone, '~' other content, mode or target */
};

/* Of two trees whose entries are sorted; in arena. False: no memory. Pure. */
NODISCARD bool tree_changes(const struct tree *before, const struct tree *after,
                            struct arena *arena, struct tree_change **changes,
                            size_t *count);
/* A tree of the store, in arena. False when it is not there or no tree. */
NODISCARD bool tree_fetch(struct cli *cli, const char *digest, struct arena *arena,
                          struct tree *tree);
/* Fetches the two by their digests. False when one is not in the store or no tree. */
NODISCARD bool tree_changes_fetch(struct cli *cli, const char *before, const char *after,
                                  struct arena *arena, struct tree_change **changes,
                                  size_t *count);
/* The list of the changed files and how. */
void json_tree_changes(struct json *json, const char *key,
                       const struct tree_change *changes, size_t count);
