/* index.c - a hash table with open addressing, at most three quarters full. */
#include "codecs/config/index.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *text, size_t size)
{
    uint64_t hash = bytes_hash(text, size);

    return hash ^ (hash >> 29);
}

/* The slot that holds text, or the free one where it belongs. */
static struct index_slot *slot_of(struct index_slot *slots, size_t capacity,
                                  const char *text, size_t size, uint64_t hash)
{
    size_t at = hash & (capacity - 1);

    for (;; at = (at + 1) & (capacity - 1)) {
        struct index_slot *slot = &slots[at];

        if (!slot->text)
            return slot;
        if (slot->hash == hash && slot->size == size
            && memcmp(slot->text, text, size) == 0)
            return slot;
    }
}

void index_fini(struct index *index)
{
    free(index->slots);
    *index = (struct index){ 0 };
}

bool index_find(const struct index *index, const char *text, size_t size, size_t *at)
{
    if (index->count == 0)
        return false;

    const struct index_slot *slot =
        slot_of(index->slots, index->capacity, text, size, hash_of(text, size));

    if (slot->text)
        *at = slot->at;
    return slot->text != NULL;
}

static enum rc grow(struct index *index)
{
    size_t capacity = index->capacity ? index->capacity * 2 : 16;
    struct index_slot *slots = calloc(capacity, sizeof *slots);

    if (!slots)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < index->capacity; i++) {
        const struct index_slot *old = &index->slots[i];

        if (old->text)
            *slot_of(slots, capacity, old->text, old->size, old->hash) = *old;
    }
    free(index->slots);
    index->slots = slots;
    index->capacity = capacity;
    return RC_OK;
}

enum rc index_put(struct index *index, const char *text, size_t size, size_t at)
{
    if (index->count * 4 >= index->capacity * 3 && grow(index) != RC_OK)
        return RC_NO_MEMORY;

    uint64_t hash = hash_of(text, size);
    struct index_slot *slot = slot_of(index->slots, index->capacity, text, size, hash);

    if (!slot->text)
        index->count++;
    *slot = (struct index_slot){ .text = text, .size = size, .at = at, .hash = hash };
    return RC_OK;
}
