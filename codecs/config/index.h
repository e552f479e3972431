/* index.h - names to positions, for lists that a hostile file could make long.
 *
 * Keys are borrowed and must outlive the index. Memory is malloc'd and given back by
 * index_fini. Not thread-safe. */
#pragma once

#include "codecs/base/base.h"

struct index_slot {
    const char *text; /* NULL: free */
    size_t size, at;
    uint64_t hash;
};

struct index {
    struct index_slot *slots;
    size_t count, capacity; /* capacity is 0 or a power of two */
};

void index_fini(struct index *index); /* a zeroed struct is fine */
bool index_find(const struct index *index, const char *text, size_t size, size_t *at);
/* Sets where text is found; a later call for the same text replaces. Only RC_NO_MEMORY.
 */
NODISCARD enum rc index_put(struct index *index, const char *text, size_t size,
                            size_t at);

#define scoped_index __attribute__((cleanup(index_fini))) struct index
