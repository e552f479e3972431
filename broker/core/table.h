/* table.h - a hash table from a number to a small number. Pure.
 *
 * Open addressing with linear probing; key 0 is not allowed. Never iterated, so that
 * nothing depends on its order. Out of memory stops the process. */
#pragma once

#include "codecs/base/base.h"

struct table {
    uint64_t *keys;
    uint32_t *values;
    uint32_t count, capacity; /* capacity: 0 or a power of two */
};

void table_clear(struct table *table);
bool table_find(const struct table *table, uint64_t key, uint32_t *value);
/* Makes room for one more, so that the next table_put cannot fail. */
NODISCARD enum rc table_reserve(struct table *table);
void table_put(struct table *table, uint64_t key, uint32_t value); /* key must be new */
void table_set(struct table *table, uint64_t key, uint32_t value); /* key must be there */
void table_remove(struct table *table, uint64_t key);              /* key must be there */
