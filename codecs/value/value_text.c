/* value_text.c - str() and repr() as Python has them. */
#include "codecs/value/value.h"
#include "codecs/value/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 17 };

/* A positive finite float as digits "d.ddd" times ten to the exponent. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int count, exponent;
};

static bool decimal_is(const struct decimal *decimal, double real)
{
    char text[48];

    snprintf(text, sizeof text, "%c.%se%d", decimal->digits[0], decimal->digits + 1,
             decimal->exponent);
    return strtod(text, NULL) == real;
}

static void decimal_of(struct decimal *decimal, double real, int count)
{
    char text[48];

    snprintf(text, sizeof text, "%.*e", count - 1, real);
    decimal->digits[0] = text[0];
    if (count > 1)
        memcpy(decimal->digits + 1, text + 2, (size_t)count - 1);
    decimal->digits[count] = '\0';
    decimal->count = count;
    decimal->exponent = atoi(strchr(text, 'e') + 1);
}

/* The gap below a power of two is half of the gap above it, so there the nearest decimal
 * of some length may fail while the next one up, a little further away, still reads back
 * as the same float. */
static bool decimal_is_after_step_up(struct decimal *decimal, double real)
{
    int significant;
    char *last = &decimal->digits[decimal->count - 1];

    if (frexp(real, &significant) != 0.5 || *last == '9')
        return false;
    (*last)++;
    if (decimal_is(decimal, real))
        return true;
    (*last)--;
    return false;
}

static void decimal_shortest(struct decimal *decimal, double real)
{
    /* A normal float that has a form of up to 15 digits has it in its first 15. */
    int count = real >= 0x1p-1022 ? 15 : 1;

    for (; count <= DIGITS_MAX; count++) {
        decimal_of(decimal, real, count);
        if (decimal_is(decimal, real) || decimal_is_after_step_up(decimal, real))
            break;
    }
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
        decimal->digits[--decimal->count] = '\0';
}

void value_float_text(struct buf *buf, double real)
{
    struct decimal d;

    if (isnan(real)) {
        buf_text(buf, "nan");
        return;
    }
    if (signbit(real))
        buf_byte(buf, '-');
    real = fabs(real);
    if (isinf(real)) {
        buf_text(buf, "inf");
        return;
    }
    decimal_shortest(&d, real);
    if (d.exponent < -4 || d.exponent >= 16) {
        buf_printf(buf, "%c%s%se%c%02d", d.digits[0], d.count > 1 ? "." : "",
                   d.digits + 1, d.exponent < 0 ? '-' : '+', abs(d.exponent));
        return;
    }
    if (d.exponent < 0) {
        buf_printf(buf, "0.%.*s%s", -d.exponent - 1, "000", d.digits);
        return;
    }

    int whole = d.exponent + 1, known = d.count < whole ? d.count : whole;

    buf_printf(buf, "%.*s%.*s.%s", known, d.digits, whole - known, "0000000000000000",
               d.count > whole ? d.digits + whole : "0");
}

/* Code points from 0x80 on that Python's str.isprintable() refuses: the categories
 * control, format, separator, surrogate and private use of Unicode 14. Code points that
 * are not assigned count as printable here. */
static bool is_printable(int32_t point)
{
    static const struct {
        int32_t first, last;
    } unprintable[] = {
        { 0x80, 0xa0 },       { 0xad, 0xad },        { 0x600, 0x605 },
        { 0x61c, 0x61c },     { 0x6dd, 0x6dd },      { 0x70f, 0x70f },
        { 0x890, 0x891 },     { 0x8e2, 0x8e2 },      { 0x1680, 0x1680 },
        { 0x180e, 0x180e },   { 0x2000, 0x200f },    { 0x2028, 0x202f },
        { 0x205f, 0x2064 },   { 0x2066, 0x206f },    { 0x3000, 0x3000 },
        { 0xd800, 0xf8ff },   { 0xfeff, 0xfeff },    { 0xfff9, 0xfffb },
        { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },  { 0x13430, 0x13438 },
        { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },  { 0xe0001, 0xe0001 },
        { 0xe0020, 0xe007f }, { 0xf0000, 0x10ffff },
    };

    if (point < 0x80)
        return point >= 0x20 && point != 0x7f;
    for (size_t i = 0; i < COUNT_OF(unprintable); i++)
        if (point >= unprintable[i].first && point <= unprintable[i].last)
            return false;
    return true;
}

static void repr_point(struct buf *buf, int32_t point)
{
    switch (point) {
    case '\n':
        buf_text(buf, "\\n");
        return;
    case '\r':
        buf_text(buf, "\\r");
        return;
    case '\t':
        buf_text(buf, "\\t");
        return;
    default:
        buf_printf(buf,
                   point < 0x100     ? "\\x%02x"
                   : point < 0x10000 ? "\\u%04x"
                                     : "\\U%08x",
                   (unsigned)point);
    }
}

static void repr_string(struct buf *buf, const char *data, size_t size)
{
    char quote = memchr(data, '\'', size) && !memchr(data, '"', size) ? '"' : '\'';

    buf_byte(buf, (unsigned char)quote);
    for (size_t at = 0, length; at < size; at += length) {
        int32_t point = utf8_next(data + at, size - at, &length);

        if (point == UTF8_BAD) /* as Python's surrogateescape keeps undecodable bytes */
            repr_point(buf, 0xdc00 + (unsigned char)data[at]);
        else if (point == quote || point == '\\')
            buf_printf(buf, "\\%c", (char)point);
        else if (is_printable(point))
            buf_add(buf, data + at, length);
        else
            repr_point(buf, point);
    }
    buf_byte(buf, (unsigned char)quote);
}

static void repr_list(struct buf *buf, const struct value *value)
{
    buf_byte(buf, '[');
    for (size_t i = 0; i < value->list.count; i++) {
        if (i > 0)
            buf_text(buf, ", ");
        value_repr(buf, &value->list.items[i]);
    }
    buf_byte(buf, ']');
}

static void repr_map(struct buf *buf, const struct value *value)
{
    buf_byte(buf, '{');
    for (size_t i = 0; i < value->map.count; i++) {
        const struct value_entry *entry = &value->map.entries[i];

        if (i > 0)
            buf_text(buf, ", ");
        repr_string(buf, entry->key, strlen(entry->key));
        buf_text(buf, ": ");
        value_repr(buf, &entry->value);
    }
    buf_byte(buf, '}');
}

void value_repr(struct buf *buf, const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        buf_text(buf, "None");
        return;
    case VALUE_BOOL:
        buf_text(buf, value->boolean ? "True" : "False");
        return;
    case VALUE_INT:
        buf_printf(buf, "%lld", (long long)value->integer);
        return;
    case VALUE_FLOAT:
        value_float_text(buf, value->real);
        return;
    case VALUE_STRING:
        repr_string(buf, value->string.data, value->string.size);
        return;
    case VALUE_TIMESTAMP:
        buf_add(buf, value->string.data, value->string.size);
        return;
    case VALUE_LIST:
        repr_list(buf, value);
        return;
    case VALUE_MAP:
        repr_map(buf, value);
        return;
    case VALUE_KIND_COUNT:
        break;
    }
    unreachable_because("value kinds are closed");
}

void value_to_text(struct buf *buf, const struct value *value)
{
    if (value->kind == VALUE_STRING)
        buf_add(buf, value->string.data, value->string.size);
    else
        value_repr(buf, value);
}
