/* format.h - Python's format(): one value by a format spec, and templates with fields.
 *
 * Source: "Format String Syntax" of the Python 3.11 library reference. Of it are left
 * out: the types c and n, the option z, attributes, indexes, positional fields, fields
 * inside specs and the conversion !a; they are RC_INVALID. */
#pragma once

#include "codecs/value/value.h"

enum { FORMAT_WIDTH_MAX = 4096, FORMAT_PRECISION_MAX = 1024 };

/* Appends value by spec (the text behind the colon): fill and align, sign, #, 0, width,
 * grouping, precision, type. An empty spec is str(). RC_INVALID. */
NODISCARD enum rc format_value(struct buf *buf, const struct value *value,
                               const char *spec, size_t size, struct err *err);

struct format_fields { /* {name}; {value} and {v} */
    const char *name;
    const struct value *value;
};

/* Appends the template with its fields filled in. RC_INVALID; *lone_brace then says
 * whether the braces themselves are wrong, as opposed to what stands between them. */
NODISCARD enum rc format_template(struct buf *buf, const char *text, size_t size,
                                  const struct format_fields *fields, bool *lone_brace,
                                  struct err *err);
