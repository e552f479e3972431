/* settle.h - the code in a folder that an attempt before has used.
 *
 * What is as it should be stays. Small files that the tree lacks are kept for a while, to
 * be made those that it has: a new file costs ten times as much as one that is written
 * over, and a hundred times as much after many were removed. */
#pragma once

#include "codecs/plan/tree.h"

enum settled {
    SETTLED_MISSING, /* nothing is there */
    SETTLED_OTHER,   /* a small file of our own, with other bytes or another mode */
    SETTLED_THERE,   /* as it should be, by its bytes */
};

struct leftovers {      /* paths below root, in the arena */
    const char **files; /* small ones, from the last on to be used; some in folders: */
    size_t file_count;
    /* To be removed in the end, as all files that were not used; has room for these. */
    const char **rest;
    size_t rest_count;
};

/* Compares what is below root with the tree: of each entry states[i], MISSING before. All
 * that is neither THERE nor OTHER nor a leftover is removed; large files are, too, since
 * copying them costs less than the making of small ones. */
NODISCARD enum rc settle_code(int root, const struct tree *tree, struct arena *arena,
                              enum settled *states, struct leftovers *leftovers,
                              struct err *err);
/* Opens the folder of the leftover; last gets its name in there. A negative errno. */
int leftover_open(int root, const char *path, const char **last);
NODISCARD enum rc leftovers_remove(int root, const struct leftovers *leftovers,
                                   struct err *err);
