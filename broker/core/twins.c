/* twins.c - see twins.h. Stages are found by number, their entries are recycled. */
#include "broker/core/twins.h"

#include "broker/core/table.h"

#include <stdlib.h>
#include <string.h>

enum { STAGE_BITS = 20 };

_Static_assert(CORE_STAGES_MAX <= 1 << STAGE_BITS, "a stage's index fits");

struct entry { /* a stage that leads or waits */
    struct twin self, leader;
    bool waits;
    uint64_t *keys; /* that it holds */
    size_t key_count;
    struct twin *waiters;
    uint32_t waiter_count, waiter_capacity;
    uint32_t next_free;
};

struct twins {
    struct entry *entries;
    uint32_t capacity, first_free; /* UINT32_MAX: none */
    struct table stages, keys;     /* both give an entry */
};

struct twins *twins_create(void)
{
    struct twins *twins = calloc(1, sizeof *twins);

    if (twins)
        twins->first_free = UINT32_MAX;
    return twins;
}

static void entry_fini(struct entry *entry)
{
    free(entry->keys);
    free(entry->waiters);
}

void twins_destroy(struct twins *twins)
{
    if (!twins)
        return;
    for (uint32_t i = 0; i < twins->capacity; i++)
        entry_fini(&twins->entries[i]);
    free(twins->entries);
    table_clear(&twins->stages);
    table_clear(&twins->keys);
    free(twins);
}

static uint64_t number_of(struct twin twin)
{
    must(twin.run > 0 && twin.run < UINT64_C(1) << (64 - STAGE_BITS));
    return twin.run << STAGE_BITS | twin.stage;
}

static struct entry *entry_find(const struct twins *twins, struct twin self)
{
    uint32_t slot;

    return table_find(&twins->stages, number_of(self), &slot) ? &twins->entries[slot]
                                                              : NULL;
}

static uint32_t entry_add(struct twins *twins, struct twin self)
{
    if (twins->first_free == UINT32_MAX) {
        uint32_t old = twins->capacity;

        twins->capacity = old ? old * 2 : 16;
        twins->entries =
            reallocarray(twins->entries, twins->capacity, sizeof *twins->entries);
        must(twins->entries != NULL);
        for (uint32_t i = twins->capacity; i-- > old;) {
            twins->entries[i] = (struct entry){ .next_free = twins->first_free };
            twins->first_free = i;
        }
    }

    uint32_t slot = twins->first_free;

    twins->first_free = twins->entries[slot].next_free;
    twins->entries[slot] = (struct entry){ .self = self };
    table_put(&twins->stages, number_of(self), slot);
    return slot;
}

bool twins_find(const struct twins *twins, struct twin self, const uint64_t *keys,
                size_t count, struct twin *leader)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t slot;

        if (!table_find(&twins->keys, keys[i], &slot))
            continue;

        const struct twin *held = &twins->entries[slot].self;

        if (held->run == self.run && held->stage == self.stage)
            continue;
        *leader = *held;
        return true;
    }
    return false;
}

void twins_lead(struct twins *twins, struct twin self, const uint64_t *keys, size_t count)
{
    must(!entry_find(twins, self));

    uint32_t slot = entry_add(twins, self), other;
    struct entry *entry = &twins->entries[slot];

    entry->keys = calloc(count ? count : 1, sizeof *entry->keys);
    must(entry->keys != NULL);
    for (size_t i = 0; i < count; i++) {
        if (table_find(&twins->keys, keys[i], &other))
            continue; /* the stage's own, from a task with the same values */
        table_put(&twins->keys, keys[i], slot);
        entry->keys[entry->key_count++] = keys[i];
    }
}

void twins_wait(struct twins *twins, struct twin self, struct twin leader)
{
    must(!entry_find(twins, self));

    uint32_t slot = entry_add(twins, self);
    struct entry *entry = entry_find(twins, leader);

    must(entry != NULL && !entry->waits);
    twins->entries[slot].waits = true;
    twins->entries[slot].leader = leader;
    if (entry->waiter_count == entry->waiter_capacity) {
        entry->waiter_capacity = entry->waiter_capacity ? entry->waiter_capacity * 2 : 4;
        entry->waiters =
            reallocarray(entry->waiters, entry->waiter_capacity, sizeof *entry->waiters);
        must(entry->waiters != NULL);
    }
    entry->waiters[entry->waiter_count++] = self;
}

bool twins_leader(const struct twins *twins, struct twin self, struct twin *leader)
{
    const struct entry *entry = entry_find(twins, self);

    if (!entry || !entry->waits)
        return false;
    *leader = entry->leader;
    return true;
}

static void entry_remove(struct twins *twins, struct entry *entry)
{
    uint32_t slot = (uint32_t)(entry - twins->entries);

    for (size_t i = 0; i < entry->key_count; i++)
        table_remove(&twins->keys, entry->keys[i]);
    table_remove(&twins->stages, number_of(entry->self));
    entry_fini(entry);
    *entry = (struct entry){ .next_free = twins->first_free };
    twins->first_free = slot;
}

static void waiter_leave(struct twins *twins, const struct entry *entry)
{
    struct entry *leader = entry_find(twins, entry->leader);

    must(leader != NULL);
    for (uint32_t i = 0; i < leader->waiter_count; i++)
        if (number_of(leader->waiters[i]) == number_of(entry->self)) {
            memmove(&leader->waiters[i], &leader->waiters[i + 1],
                    (--leader->waiter_count - i) * sizeof *leader->waiters);
            return;
        }
    unreachable_because("a leader knows who waits for it");
}

size_t twins_end(struct twins *twins, struct twin self, struct twin **waiters)
{
    struct entry *entry = entry_find(twins, self);
    size_t count;

    *waiters = NULL;
    if (!entry)
        return 0;
    if (entry->waits)
        waiter_leave(twins, entry);
    *waiters = steal(&entry->waiters);
    count = entry->waiter_count;
    for (size_t i = 0; i < count; i++)
        entry_remove(twins, entry_find(twins, (*waiters)[i]));
    entry_remove(twins, entry_find(twins, self));
    return count;
}
