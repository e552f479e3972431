/* scalar.h - which value a scalar of a YAML 1.1 document is.
 *
 * Source: section 1 of docs/valohai-yaml.md. Only plain scalars are resolved; quoted and
 * block scalars are text and never come here. Pure. */
#pragma once

#include "codecs/value/value.h"

enum scalar_verdict {
    SCALAR_VALUE,     /* *value is set */
    SCALAR_MERGE,     /* "<<": a merge key, nothing else */
    SCALAR_EQUALS,    /* "=": only a key may be this */
    SCALAR_BAD,       /* looks like a number or date, but is none (0b_, 2020-13-01) */
    SCALAR_NO_MEMORY, /* the arena is full */
};

/* Resolves a plain scalar. text: NUL-terminated behind size; strings borrow it. */
enum scalar_verdict scalar_resolve(struct arena *arena, const char *text, size_t size,
                                   struct value *value);

/* The same with the kind named by a tag: VALUE_NULL, _BOOL, _INT, _FLOAT, _STRING or
 * _TIMESTAMP. SCALAR_BAD if the text is none of that kind. */
enum scalar_verdict scalar_of_kind(struct arena *arena, const char *text, size_t size,
                                   enum value_kind kind, struct value *value);
