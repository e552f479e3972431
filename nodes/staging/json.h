/* json.h - small maps and lists of values for the config files, and YAML out of them. */
#pragma once

#include "codecs/value/value.h"

/* A map that grows; a failed addition marks it, so one check at the end is enough. */
struct map_maker {
    struct arena *arena;
    struct value_entry *entries;
    size_t count, capacity;
    bool failed;
};

void map_add(struct map_maker *maker, const char *key, struct value value);
/* NULL becomes null. */
void map_add_text(struct map_maker *maker, const char *key, const char *text);
struct value map_value(const struct map_maker *maker);

/* Appends a map as YAML 1.1 that PyYAML loads to what value_to_json's text means: one
 * line "key: value" per entry, values in flow style. The traps: a float needs a dot, or
 * it is a string; characters that YAML cannot hold raw are escaped; a key above 1024
 * characters needs its question mark. */
void value_to_yaml(struct buf *buf, const struct value *map);
