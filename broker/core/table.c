/* table.c - linear probing; removal shifts the run behind the hole back. */
#include "broker/core/table.h"

#include <stdlib.h>

static uint32_t home_of(const struct table *table, uint64_t key)
{
    return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (table->capacity - 1);
}

void table_clear(struct table *table)
{
    free(table->keys);
    free(table->values);
    *table = (struct table){ 0 };
}

static uint32_t place_of(const struct table *table, uint64_t key)
{
    uint32_t at = home_of(table, key);

    while (table->keys[at] != 0 && table->keys[at] != key)
        at = (at + 1) & (table->capacity - 1);
    return at;
}

bool table_find(const struct table *table, uint64_t key, uint32_t *value)
{
    if (table->capacity == 0 || key == 0)
        return false;

    uint32_t at = place_of(table, key);

    if (table->keys[at] != key)
        return false;
    *value = table->values[at];
    return true;
}

enum rc table_reserve(struct table *table)
{
    struct table larger = { .capacity = table->capacity ? table->capacity * 2 : 64 };

    if (table->count + table->count / 2 < table->capacity)
        return RC_OK;
    larger.keys = calloc(larger.capacity, sizeof *larger.keys);
    larger.values = calloc(larger.capacity, sizeof *larger.values);
    if (!larger.keys || !larger.values) {
        table_clear(&larger);
        return RC_NO_MEMORY;
    }
    for (uint32_t i = 0; i < table->capacity; i++)
        if (table->keys[i] != 0)
            table_put(&larger, table->keys[i], table->values[i]);
    table_clear(table);
    *table = larger;
    return RC_OK;
}

void table_put(struct table *table, uint64_t key, uint32_t value)
{
    must(key != 0);
    must(table_reserve(table) == RC_OK);

    uint32_t at = place_of(table, key);

    must(table->keys[at] == 0);
    table->keys[at] = key;
    table->values[at] = value;
    table->count++;
}

void table_set(struct table *table, uint64_t key, uint32_t value)
{
    must(table->capacity > 0);

    uint32_t at = place_of(table, key);

    must(table->keys[at] == key);
    table->values[at] = value;
}

void table_remove(struct table *table, uint64_t key)
{
    must(table->capacity > 0);

    uint32_t mask = table->capacity - 1, hole = place_of(table, key);

    must(table->keys[hole] == key);
    for (uint32_t at = (hole + 1) & mask; table->keys[at] != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(table, table->keys[at]);

        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        table->keys[hole] = table->keys[at];
        table->values[hole] = table->values[at];
        hole = at;
    }
    table->keys[hole] = 0;
    table->count--;
}
