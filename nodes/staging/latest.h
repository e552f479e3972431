/* latest.h - the latest value of each metadata key of one attempt, within a bound.
 *
 * Single-threaded. Values are kept packed, so that the bound is that of the result. */
#pragma once

#include "codecs/value/value.h"

struct latest_entry;

struct latest {                        /* zeroed is empty */
    void *tree;                        /* entries by key */
    struct latest_entry *first, *last; /* in the order in which the keys came */
    size_t count, bytes;
};

void latest_fini(struct latest *latest);
/* false: the value is dropped, because the map would grow above RESULT_METADATA_MAX, or
 * there is no memory; an earlier value of the key stays. */
bool latest_set(struct latest *latest, const char *key, const struct value *value);
/* false: no such key, or no memory in arena. */
bool latest_get(const struct latest *latest, const char *key, struct arena *arena,
                struct value *value);
/* All of them as one map in arena. */
NODISCARD enum rc latest_map(const struct latest *latest, struct arena *arena,
                             struct value *map, struct err *err);
