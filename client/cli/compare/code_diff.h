/* code_diff.h - what differs between two snapshots of code, as a unified diff. */
#pragma once

#include "client/cli/compare/tree_changes.h"

struct code_diff {
    const char *before, *after; /* digests of the trees; "": none */
    bool is_known;              /* both lists of files are in the store */
    struct tree_change *changes;
    size_t count;
    struct buf text;  /* the diff of the files whose bytes were there */
    const char *lack; /* why it is not whole, one line; NULL: it is */
};
void code_diff_fini(struct code_diff *diff); /* a zeroed struct is fine */

/* Compares the trees, fetches what differs into a temporary folder, and lets git or diff
 * tell the lines. Files of more than 1 MiB and links are named only. EXIT_GO_ON, also
 * where bytes or programs are missing: lack says so. */
int code_diff_make(struct cli *cli, struct arena *arena, struct code_diff *diff);
