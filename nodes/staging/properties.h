/* properties.h - what a task says about its outputs: sidecars and the list of all.
 *
 * Source: in-task contract, section 6. Where both tell about a file they are merged key
 * by key, the list winning, and in the list a later line over an earlier one. */
#pragma once

#include "nodes/staging/outputs.h"

struct property_line {
    const char *file;
    struct value metadata; /* VALUE_MAP */
    size_t order;
};

struct properties {
    struct property_line *lines; /* sorted by file, then order */
    size_t count;
};

/* Reads outputs/valohai.metadata.jsonl if it is there; lines of another shape are
 * ignored. RC_NO_MEMORY. */
NODISCARD enum rc properties_read(int folder, struct arena *arena,
                                  struct complaints *complaints,
                                  struct properties *properties, struct err *err);
/* The properties of one output as a list of one map, or VALUE_ABSENT if it has none. */
NODISCARD enum rc properties_of(const struct properties *properties, int folder,
                                const char *name, struct arena *arena,
                                struct complaints *complaints, struct value *metadata,
                                struct err *err);
