/* tree.h - the tree object: a snapshot of files as a list of content hashes.
 *
 * Format (a msgpack list, documented in docs/store.md): ["sluice-tree", 1, entries], an
 * entry is [path, mode, size, digest, target]: path is relative, '/'-separated, without
 * "." or ".." parts, entries sorted bytewise by path, none twice; mode is 0644, 0755 or
 * 0120000 (a symbolic link, whose text is target; digest is empty then). The digest of
 * these bytes names the tree. */
#pragma once

#include "codecs/base/arena.h"
#include "codecs/base/buf.h"

struct tree_entry {
    const char *path;
    uint32_t mode;
    uint64_t size;
    const char *digest; /* "sha256:<hex>", or "" for a link */
    const char *target; /* of a link, else "" */
};

struct tree {
    struct tree_entry *entries;
    size_t entry_count;
};

enum { TREE_BYTES_MAX = 256 << 20, TREE_PATH_MAX = 4096 };

/* Sorts the entries in place, then appends the bytes. */
void tree_encode(struct buf *buf, struct tree *tree);
/* RC_PROTOCOL for anything that the format above does not allow (also unsafe paths). */
NODISCARD enum rc tree_decode(struct arena *arena, const void *bytes, size_t size,
                              struct tree *tree, struct err *err);
/* Whether path may stand in a tree, an output name or an input file name: relative, not
 * empty, no empty, "." or ".." part, no NUL or newline, at most TREE_PATH_MAX bytes. */
bool tree_path_is_safe(const char *path);
