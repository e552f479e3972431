/* pack_table.c - an array of items, and slots with open addressing over it. */
#include "broker/artifacts/pack_table.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 1024 };

void pack_table_fini(struct pack_table *table)
{
    free(table->items);
    free(table->slots);
    *table = (struct pack_table){ 0 };
}

/* The slot of the key, or the free one where it would be. There is always a free one. */
static uint32_t *slot_of(const struct pack_table *table, const unsigned char *key)
{
    uint64_t start;

    memcpy(&start, key, sizeof start);
    for (size_t at = (size_t)start;; at++) {
        uint32_t *slot = &table->slots[at & (table->slot_count - 1)];

        if (*slot == 0 || memcmp(table->items[*slot - 1].key, key, DIGEST_SIZE) == 0)
            return slot;
    }
}

struct packed *pack_table_find(const struct pack_table *table,
                               const unsigned char key[DIGEST_SIZE])
{
    const uint32_t *slot = table->count > 0 ? slot_of(table, key) : NULL;

    return slot && *slot ? &table->items[*slot - 1] : NULL;
}

/* At most three quarters of the slots are taken. */
static bool slots_grow(struct pack_table *table)
{
    size_t count = table->slot_count ? 2 * table->slot_count : SLOTS_FIRST;
    uint32_t *slots;

    if ((table->count + 1) * 4 <= table->slot_count * 3)
        return true;
    slots = calloc(count, sizeof *slots);
    if (!slots)
        return false;
    free(table->slots);
    table->slots = slots;
    table->slot_count = count;
    for (size_t i = 0; i < table->count; i++)
        *slot_of(table, table->items[i].key) = (uint32_t)(i + 1);
    return true;
}

static bool items_grow(struct pack_table *table)
{
    size_t capacity = table->capacity ? 2 * table->capacity : SLOTS_FIRST / 2;
    struct packed *items;

    if (table->count < table->capacity)
        return true;
    items = capacity < UINT32_MAX ? reallocarray(table->items, capacity, sizeof *items)
                                  : NULL;
    if (!items)
        return false;
    table->items = items;
    table->capacity = capacity;
    return true;
}

bool pack_table_put(struct pack_table *table, const struct packed *packed)
{
    struct packed *found = pack_table_find(table, packed->key);

    if (found) {
        *found = *packed;
        return true;
    }
    if (!items_grow(table) || !slots_grow(table))
        return false;

    uint32_t *slot = slot_of(table, packed->key);

    table->items[table->count++] = *packed;
    *slot = (uint32_t)table->count;
    return true;
}
