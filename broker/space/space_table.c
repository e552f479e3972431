/* space_table.c - see space_table.h. A digest is its own hash. */
#include "broker/space/space_table.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 1024 };

const char *space_kind_name(enum space_kind kind)
{
    static const char *const names[SPACE_KIND_COUNT] = {
        [SPACE_UNKNOWN] = "unused", [SPACE_OUTPUT] = "outputs", [SPACE_LOG] = "logs",
        [SPACE_CODE] = "code",      [SPACE_INPUT] = "inputs",   [SPACE_OTHER] = "other",
    };

    return names[kind];
}

void space_table_fini(struct space_table *table)
{
    free(table->slots);
    *table = (struct space_table){ 0 };
}

static struct space_object *slot_of(const struct space_table *table,
                                    const uint8_t digest[DIGEST_SIZE])
{
    size_t at;

    memcpy(&at, digest, sizeof at);
    for (at &= table->capacity - 1; table->slots[at].is_there;
         at = (at + 1) & (table->capacity - 1))
        if (memcmp(table->slots[at].digest, digest, DIGEST_SIZE) == 0)
            break;
    return &table->slots[at];
}

static bool grow(struct space_table *table)
{
    struct space_table larger = { .count = table->count,
                                  .capacity = table->capacity ? table->capacity * 2
                                                              : CAPACITY_FIRST };

    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < table->capacity; i++)
        if (table->slots[i].is_there)
            *slot_of(&larger, table->slots[i].digest) = table->slots[i];
    free(table->slots);
    *table = larger;
    return true;
}

bool space_table_add(struct space_table *table, const char *digest, uint64_t size,
                     int64_t kept_ns)
{
    uint8_t raw[DIGEST_SIZE];
    struct space_object *slot;

    if (table->count >= table->capacity / 2 && !grow(table))
        return false;
    digest_raw(digest, raw);
    slot = slot_of(table, raw);
    if (!slot->is_there) {
        *slot = (struct space_object){ .size = size, .is_there = true };
        memcpy(slot->digest, raw, sizeof raw);
        table->count++;
    }
    if (kept_ns > slot->kept_ns)
        slot->kept_ns = kept_ns;
    return true;
}

struct space_object *space_table_find(const struct space_table *table, const char *digest)
{
    uint8_t raw[DIGEST_SIZE];
    struct space_object *slot;

    if (table->count == 0 || !digest || !digest_is_valid(digest, strlen(digest)))
        return NULL;
    digest_raw(digest, raw);
    slot = slot_of(table, raw);
    return slot->is_there ? slot : NULL;
}
