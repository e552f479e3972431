/* schema.h - the shape of a file as tables, and the check of a tree against them.
 *
 * What counts as one finding follows JSON Schema (draft 2020-12) as the format's
 * reference applies it: each keyword that fails is one finding, a set of alternatives
 * that all fail (or all but one do not) is one. Internal to this folder. */
#pragma once

#include "codecs/config/findings.h"

enum schema_type { /* bits; an integer is a number too, so is 2.0 an integer */
                   TYPE_NULL = 1,
                   TYPE_BOOLEAN = 2,
                   TYPE_INTEGER = 4,
                   TYPE_NUMBER = 8,
                   TYPE_STRING = 16,
                   TYPE_LIST = 32,
                   TYPE_MAP = 64,
};

struct schema;

struct schema_property {
    const char *key;
    const struct schema *schema;
};

/* Lists end with NULL (a NULL key). A zero field is a keyword that is not used. */
struct schema {
    const char *noun;            /* what it is, for messages: "a step" */
    unsigned types;              /* allowed ones */
    const char *const *required; /* keys */
    const struct schema_property *properties;
    bool closed;                     /* no other keys than properties */
    const struct schema *any_value;  /* of each entry with a non-empty key */
    const struct schema *items;      /* of each item */
    const struct schema *tuple_item; /* of the first tuple_max items; no more of them */
    size_t tuple_max;
    const char *const *words;          /* the only values */
    size_t length_max;                 /* of a text, in characters */
    bool (*pattern)(const char *text); /* a text must meet it */
    bool has_min, has_max;
    double min, max; /* of a number */
    const struct schema *const *any_of, *const *one_of;
    const char *choice; /* what the alternatives ask for, if their findings say less */
    const char *hint;   /* how to mend what pattern or choice asks for */
    bool never;         /* nothing is valid here */
};

extern const struct schema schema_file;      /* the top-level list */
extern const struct schema schema_blueprint; /* a `blueprint` item, which schema_file
                                                does not reach */

/* Adds a finding for each violation, in the order of the tree. path: of node. */
void schema_check(const struct schema *schema, const struct yaml_node *node,
                  const char *path, struct findings *findings);
