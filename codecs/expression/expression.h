/* expression.h - the small expression language of stop-condition and action `if`.
 *
 * Grammar and meaning: section 9 of docs/valohai-yaml.md (Python expression syntax,
 * restricted). Left out beyond that: characters by name ("\N{...}"), and the order of
 * tuples. What is parsed lives in the arena and evaluation allocates nothing; recursion
 * is bounded by 8 tree levels and 200 open brackets. */
#pragma once

#include "codecs/value/value.h"

struct expression;

/* RC_INVALID with the column and what was wrong. An empty text is invalid, and so is one
 * that begins with a blank. */
NODISCARD enum rc expression_parse(struct arena *arena, const char *text,
                                   struct expression **expression, struct err *err);

struct expression_names { /* looks names up as they are written: "metadata.acc",
                             "parameter.lr", "acc", also "metadata.class" */
    void *context;
    /* false: the name is unknown. */
    bool (*find)(void *context, const char *name, struct value *value);
};

/* Whether the expression is met: evaluates to something true. An unknown name (except
 * below `not`, `is`, `is not`), a call, a type that an operator cannot take, a division
 * by zero, or more than a million steps (comparing large sets): not met. */
bool expression_is_met(const struct expression *expression,
                       const struct expression_names *names);
