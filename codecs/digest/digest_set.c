/* digest_set.c - open addressing; a SHA-256 is its own hash. */
#include "codecs/digest/digest_set.h"

#include <stdlib.h>
#include <string.h>

void digest_table_fini(struct digest_table *table)
{
    free(table->slots);
    *table = (struct digest_table){ 0 };
}

static bool is_free(const uint8_t slot[DIGEST_SIZE])
{
    static const uint8_t zeros[DIGEST_SIZE];

    return memcmp(slot, zeros, DIGEST_SIZE) == 0;
}

static uint8_t *slot_of(const struct digest_table *table, const uint8_t *digest)
{
    size_t at;

    memcpy(&at, digest, sizeof at);
    at &= table->capacity - 1;
    while (!is_free(table->slots[at])
           && memcmp(table->slots[at], digest, DIGEST_SIZE) != 0)
        at = (at + 1) & (table->capacity - 1);
    return table->slots[at];
}

static bool grow(struct digest_table *table)
{
    struct digest_table larger = { .count = table->count,
                                   .capacity =
                                       table->capacity ? table->capacity * 2 : 1024 };

    larger.slots = calloc(larger.capacity, DIGEST_SIZE);
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < table->capacity; i++)
        if (!is_free(table->slots[i]))
            memcpy(slot_of(&larger, table->slots[i]), table->slots[i], DIGEST_SIZE);
    free(table->slots);
    *table = larger;
    return true;
}

bool digest_table_add(struct digest_table *table, const char *text)
{
    uint8_t digest[DIGEST_SIZE];

    must(digest_is_valid(text, strlen(text)));
    digest_raw(text, digest);
    if (table->count >= table->capacity / 2 && !grow(table))
        return true;

    uint8_t *slot = slot_of(table, digest);

    if (!is_free(slot))
        return false;
    memcpy(slot, digest, DIGEST_SIZE);
    table->count++;
    return true;
}
