/* value.h - a typed value: a parameter, a metadata entry, a node of a document.
 *
 * Values are immutable once built and live in an arena; strings may hold any byte.
 * Copying a struct value copies the handle, not what it points to. Numbers are read and
 * written in the "C" locale: programs leave LC_NUMERIC alone. The text forms are
 * Python's, because the file format's reference tools are written in Python (str() of
 * int, float, bool, None, list). */
#pragma once

#include "codecs/base/arena.h"
#include "codecs/base/buf.h"

enum value_kind {
    VALUE_ABSENT, /* no value was given; not the same as null */
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_TIMESTAMP, /* only from YAML; payload is its text as Python prints it */
    VALUE_LIST,
    VALUE_MAP, /* keys are strings, order is kept, a key stands once */
    VALUE_KIND_COUNT
};

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct {
            const char *data; /* NUL-terminated behind size */
            size_t size;
        } string; /* also of VALUE_TIMESTAMP */
        struct {
            const struct value *items;
            size_t count;
        } list;
        struct {
            const struct value_entry *entries;
            size_t count;
        } map;
    };
};

struct value_entry {
    const char *key; /* NUL-terminated */
    struct value value;
};

enum { VALUE_DEPTH_MAX = 64 }; /* nesting of lists and maps that codecs accept */

static inline struct value value_null(void)
{
    return (struct value){ .kind = VALUE_NULL };
}
static inline struct value value_bool(bool boolean)
{
    return (struct value){ .kind = VALUE_BOOL, .boolean = boolean };
}
static inline struct value value_int(int64_t integer)
{
    return (struct value){ .kind = VALUE_INT, .integer = integer };
}
static inline struct value value_float(double real)
{
    return (struct value){ .kind = VALUE_FLOAT, .real = real };
}
struct value value_text(const char *text); /* borrows text */

/* The entry of a map, or NULL if value is no map or lacks the key. */
const struct value *value_get(const struct value *value, const char *key);
bool value_is_text(const struct value *value,
                   const char *text); /* a string equal to text */

/* Equality of kind and content; 1 and 1.0 differ. value_equals_loosely compares as
 * Python's == does: 1 == 1.0 == True, '1' != 1. */
bool value_equals(const struct value *a, const struct value *b);
bool value_equals_loosely(const struct value *a, const struct value *b);
/* Order as Python's < sees it, by sign: numbers and booleans exactly, strings bytewise.
 * false for kinds that cannot be compared and for NaN; *order is then untouched. */
NODISCARD bool value_order(const struct value *a, const struct value *b, int *order);
/* Python's truth: null, absent, false, 0, 0.0, "", [] and {} are false. */
bool value_is_truthy(const struct value *value);

/* A deep copy in arena; RC_NO_MEMORY at its limit. */
NODISCARD enum rc value_copy(struct arena *arena, const struct value *from,
                             struct value *to);

/* Appends the text form: str() of Python (1, 1.0, 1e-07, True, None, ['a', 'b c']); a
 * string is appended as it is. value_repr quotes strings as Python's repr() does. */
void value_to_text(struct buf *buf, const struct value *value);
void value_repr(struct buf *buf, const struct value *value);
/* Python's shortest round-trip form of a float: 0.001, 1e-07, 1e+22, 100000.0, inf, nan.
 */
void value_float_text(struct buf *buf, double real);

/* JSON (RFC 8259), one line, with a blank behind ',' and ':', keys in order, non-finite
 * floats as null. A float keeps its
 * ".0". Invalid UTF-8 in strings becomes U+FFFD. */
void value_to_json(struct buf *buf, const struct value *value);
void value_json_string(struct buf *buf, const char *data,
                       size_t size); /* with the quotes */
/* The whole text must be one JSON value (blanks around it are fine). Integers outside
 * int64 become floats. Depth is bounded by VALUE_DEPTH_MAX. RC_INVALID with line and
 * column, RC_NO_MEMORY. */
NODISCARD enum rc value_from_json(struct arena *arena, const char *text, size_t size,
                                  struct value *value, struct err *err);
