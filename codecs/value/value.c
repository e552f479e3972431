/* value.c - lookup, comparison and copy of values. Recursion is bounded because every
 * codec that builds values refuses more than VALUE_DEPTH_MAX levels. */
#include "codecs/value/value.h"

#include <math.h>
#include <string.h>

struct value value_text(const char *text)
{
    return (struct value){ .kind = VALUE_STRING,
                           .string = { .data = text, .size = strlen(text) } };
}

const struct value *value_get(const struct value *value, const char *key)
{
    if (value->kind != VALUE_MAP)
        return NULL;
    for (size_t i = 0; i < value->map.count; i++)
        if (strcmp(value->map.entries[i].key, key) == 0)
            return &value->map.entries[i].value;
    return NULL;
}

bool value_is_text(const struct value *value, const char *text)
{
    return value->kind == VALUE_STRING && value->string.size == strlen(text)
           && memcmp(value->string.data, text, value->string.size) == 0;
}

static bool is_number(const struct value *value)
{
    return value->kind == VALUE_BOOL || value->kind == VALUE_INT
           || value->kind == VALUE_FLOAT;
}

static int order_of_integers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Exact, where a conversion of the integer to double would round. real is not NaN. */
static int order_of_integer_and_real(int64_t integer, double real)
{
    if (real >= 0x1p63)
        return -1;
    if (real < -0x1p63)
        return 1;

    double whole = floor(real);
    int order = order_of_integers(integer, (int64_t)whole);

    return order == 0 && real > whole ? -1 : order;
}

static int64_t integer_of(const struct value *value)
{
    return value->kind == VALUE_BOOL ? value->boolean : value->integer;
}

static bool order_of_numbers(const struct value *a, const struct value *b, int *order)
{
    bool a_real = a->kind == VALUE_FLOAT, b_real = b->kind == VALUE_FLOAT;

    if ((a_real && isnan(a->real)) || (b_real && isnan(b->real)))
        return false;
    if (a_real && b_real)
        *order = (a->real > b->real) - (a->real < b->real);
    else if (a_real)
        *order = -order_of_integer_and_real(integer_of(b), a->real);
    else if (b_real)
        *order = order_of_integer_and_real(integer_of(a), b->real);
    else
        *order = order_of_integers(integer_of(a), integer_of(b));
    return true;
}

bool value_order(const struct value *a, const struct value *b, int *order)
{
    if (is_number(a) && is_number(b))
        return order_of_numbers(a, b, order);
    if (a->kind != b->kind || (a->kind != VALUE_STRING && a->kind != VALUE_TIMESTAMP))
        return false;

    size_t shared = a->string.size < b->string.size ? a->string.size : b->string.size;
    int bytes = memcmp(a->string.data, b->string.data, shared);

    *order = bytes
                 ? (bytes > 0) - (bytes < 0)
                 : (a->string.size > b->string.size) - (a->string.size < b->string.size);
    return true;
}

static bool equals(const struct value *a, const struct value *b, bool loosely);

static bool lists_equal(const struct value *a, const struct value *b, bool loosely)
{
    if (a->list.count != b->list.count)
        return false;
    for (size_t i = 0; i < a->list.count; i++)
        if (!equals(&a->list.items[i], &b->list.items[i], loosely))
            return false;
    return true;
}

/* The order of keys does not count, but equal maps mostly have the same. */
static bool maps_equal(const struct value *a, const struct value *b, bool loosely)
{
    if (a->map.count != b->map.count)
        return false;
    for (size_t i = 0; i < a->map.count; i++) {
        const struct value_entry *mine = &a->map.entries[i], *theirs = &b->map.entries[i];
        const struct value *other = strcmp(mine->key, theirs->key) == 0
                                        ? &theirs->value
                                        : value_get(b, mine->key);

        if (!other || !equals(&mine->value, other, loosely))
            return false;
    }
    return true;
}

static bool equals(const struct value *a, const struct value *b, bool loosely)
{
    int order;

    if (loosely && is_number(a) && is_number(b))
        return order_of_numbers(a, b, &order) && order == 0;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a->boolean == b->boolean;
    case VALUE_INT:
        return a->integer == b->integer;
    case VALUE_FLOAT:
        return a->real == b->real || (isnan(a->real) && isnan(b->real));
    case VALUE_STRING:
    case VALUE_TIMESTAMP:
        return a->string.size == b->string.size
               && memcmp(a->string.data, b->string.data, a->string.size) == 0;
    case VALUE_LIST:
        return lists_equal(a, b, loosely);
    case VALUE_MAP:
        return maps_equal(a, b, loosely);
    case VALUE_KIND_COUNT:
        break;
    }
    unreachable_because("value kinds are closed");
}

bool value_equals(const struct value *a, const struct value *b)
{
    return equals(a, b, false);
}

bool value_equals_loosely(const struct value *a, const struct value *b)
{
    return equals(a, b, true);
}

bool value_is_truthy(const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        return false;
    case VALUE_BOOL:
        return value->boolean;
    case VALUE_INT:
        return value->integer != 0;
    case VALUE_FLOAT:
        return value->real != 0;
    case VALUE_STRING:
        return value->string.size > 0;
    case VALUE_TIMESTAMP:
        return true;
    case VALUE_LIST:
        return value->list.count > 0;
    case VALUE_MAP:
        return value->map.count > 0;
    case VALUE_KIND_COUNT:
        break;
    }
    unreachable_because("value kinds are closed");
}

static enum rc list_copy(struct arena *arena, const struct value *from, struct value *to)
{
    struct value *items = arena_array(arena, from->list.count, sizeof *items);

    if (!items)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < from->list.count; i++) {
        enum rc rc = value_copy(arena, &from->list.items[i], &items[i]);

        if (rc != RC_OK)
            return rc;
    }
    *to = (struct value){ .kind = VALUE_LIST,
                          .list = { .items = items, .count = from->list.count } };
    return RC_OK;
}

static enum rc map_copy(struct arena *arena, const struct value *from, struct value *to)
{
    struct value_entry *entries = arena_array(arena, from->map.count, sizeof *entries);

    if (!entries)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < from->map.count; i++) {
        const struct value_entry *entry = &from->map.entries[i];
        enum rc rc = value_copy(arena, &entry->value, &entries[i].value);

        if (rc != RC_OK)
            return rc;
        if (!(entries[i].key = arena_text(arena, entry->key)))
            return RC_NO_MEMORY;
    }
    *to = (struct value){ .kind = VALUE_MAP,
                          .map = { .entries = entries, .count = from->map.count } };
    return RC_OK;
}

enum rc value_copy(struct arena *arena, const struct value *from, struct value *to)
{
    if (from->kind == VALUE_LIST)
        return list_copy(arena, from, to);
    if (from->kind == VALUE_MAP)
        return map_copy(arena, from, to);
    if (from->kind != VALUE_STRING && from->kind != VALUE_TIMESTAMP) {
        *to = *from;
        return RC_OK;
    }

    const char *data = arena_copy(arena, from->string.data, from->string.size);

    if (!data)
        return RC_NO_MEMORY;
    *to = (struct value){ .kind = from->kind,
                          .string = { .data = data, .size = from->string.size } };
    return RC_OK;
}
