/* yaml.h - the bytes of a document as a tree with places.
 *
 * One document, YAML 1.1 with the scalar rules, merge keys, anchors and refusals of
 * section 1 of docs/valohai-yaml.md. Aliased subtrees are shared, never copied, but they
 * count towards CONFIG_NODES_MAX and CONFIG_DEPTH_MAX wherever they are used. */
#pragma once

#include "codecs/config/config.h"

struct yaml_node;

struct yaml_entry {
    const struct yaml_node *key, *value;
};

struct yaml_node {
    struct value value; /* of a scalar; for VALUE_LIST and VALUE_MAP only the kind */
    struct place place;
    uint32_t weight; /* nodes below and with this one after alias expansion; a long text
                        counts as several, so that no alias makes much work of little */
    uint32_t height; /* nesting below and with this one */
    size_t count;    /* of items or entries; a key stands once in entries */
    union {
        const struct yaml_node **items;
        struct yaml_entry *entries;
    };
};

struct yaml_fault { /* why a document was refused */
    char text[240];
    const char *hint; /* static */
    struct place place;
};

/* RC_OK: *root is set (a null scalar for an empty document). RC_INVALID: *fault is set.
 * RC_NO_MEMORY. The tree lives in arena. */
NODISCARD enum rc yaml_read(struct arena *arena, const void *bytes, size_t size,
                            const struct yaml_node **root, struct yaml_fault *fault);

/* The value of the entry with that text key; NULL if node is no map or lacks it. */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* The node as a value in arena; keys that are no text get their text form. */
NODISCARD enum rc yaml_value(struct arena *arena, const struct yaml_node *node,
                             struct value *value);
