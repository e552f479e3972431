/* expression.h - the small expression language of stop-condition and action `if`.
 *
 * Grammar and meaning: section 9 of docs/valohai-yaml.md (Python expression syntax,
 * restricted). Parsing and evaluation never allocate outside the arena and never recurse
 * deeper than 8 tree levels. */
#pragma once

#include "codecs/value/value.h"

struct expression;

/* RC_INVALID with the column and what was wrong. An empty text is invalid. */
NODISCARD enum rc expression_parse(struct arena *arena, const char *text,
                                   struct expression **expression, struct err *err);

struct expression_names { /* looks names up: "metadata.acc", "parameter.lr", "acc" */
    void *context;
    /* false: the name is unknown. */
    bool (*find)(void *context, const char *name, struct value *value);
};

/* Whether the expression is met: evaluates to something true. An unknown name (except
 * below `not`, `is`, `is not`), a type that an operator cannot take or a division by
 * zero: not met. */
bool expression_is_met(const struct expression *expression,
                       const struct expression_names *names);
