/* scalar.c - the YAML 1.1 forms of null, bool, int, float and timestamp, by hand. */
#include "codecs/config/scalar.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many characters of text, from the front, stand in set. */
static size_t span(const char *text, const char *set)
{
    return strspn(text, set);
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };

    return is_one_of(text, words, COUNT_OF(words));
}

static const char *const true_words[] = { "yes",  "Yes", "YES", "true", "True",
                                          "TRUE", "on",  "On",  "ON" };
static const char *const false_words[] = { "no",    "No",  "NO",  "false", "False",
                                           "FALSE", "off", "Off", "OFF" };

/* Skips `:` and one or two digits below 60, as often as they stand there. */
static const char *skip_sixties(const char *p)
{
    while (p[0] == ':' && is_digit(p[1])) {
        if (p[1] <= '5' && is_digit(p[2]))
            p += 3;
        else
            p += 2;
    }
    return p;
}

static const char *skip_sign(const char *text)
{
    return *text == '-' || *text == '+' ? text + 1 : text;
}

static bool is_int(const char *text)
{
    const char *p = skip_sign(text);

    if (p[0] == '0' && p[1] == 'b' && p[2])
        return p[2 + span(p + 2, "01_")] == '\0';
    if (p[0] == '0' && p[1] == 'x' && p[2])
        return p[2 + span(p + 2, "0123456789abcdefABCDEF_")] == '\0';
    if (p[0] == '0')
        return p[1 + span(p + 1, "01234567_")] == '\0';
    if (!is_digit(*p))
        return false;
    p += span(p, "0123456789_");
    return *skip_sixties(p) == '\0';
}

static const char *skip_exponent(const char *p)
{
    if ((*p == 'e' || *p == 'E') && (p[1] == '-' || p[1] == '+') && is_digit(p[2]))
        return p + 2 + span(p + 2, "0123456789");
    return p;
}

static bool is_special_float(const char *text)
{
    static const char *const nans[] = { ".nan", ".NaN", ".NAN" };
    static const char *const infinities[] = { ".inf", ".Inf", ".INF" };

    return is_one_of(text, nans, COUNT_OF(nans))
           || is_one_of(skip_sign(text), infinities, COUNT_OF(infinities));
}

static bool is_float(const char *text)
{
    const char *p = skip_sign(text);

    if (is_special_float(text))
        return true;
    if (*p == '.')
        return p == text && is_digit(p[1])
               && *skip_exponent(p + 1 + span(p + 1, "0123456789_")) == '\0';
    if (!is_digit(*p))
        return false;
    p += span(p, "0123456789_");

    const char *sixties = skip_sixties(p);

    if (*sixties != '.')
        return false;

    const char *end = sixties + 1 + span(sixties + 1, "0123456789_");

    return *(sixties == p ? skip_exponent(end) : end) == '\0';
}

/* Copies text without `_`; false if it does not fit. */
static bool without_underscores(const char *text, char *to, size_t size)
{
    size_t used = 0;

    for (; *text; text++) {
        if (*text == '_')
            continue;
        if (used + 1 >= size)
            return false;
        to[used++] = *text;
    }
    to[used] = '\0';
    return true;
}

static double sixties_value(const char *text)
{
    double total = 0;

    for (;;) {
        char *end;

        total = total * 60 + strtod(text, &end);
        if (*end != ':')
            return total;
        text = end + 1;
    }
}

/* Python's integers have no bounds; one that does not fit 64 bits becomes a float. */
static bool int_value(const char *text, struct value *value)
{
    char digits[400];
    const char *p = skip_sign(text);
    bool negative = *text == '-';
    int base = 10;

    if (!without_underscores(p, digits, sizeof digits)) {
        *value = value_float(negative ? -INFINITY : INFINITY);
        return true;
    }
    p = digits;
    if (strchr(p, ':')) {
        double total = sixties_value(p);

        *value = total < 9e15 ? value_int((int64_t)(negative ? -total : total))
                              : value_float(negative ? -total : total);
        return true;
    }
    if (p[0] == '0' && (p[1] == 'b' || p[1] == 'x')) {
        base = p[1] == 'b' ? 2 : 16;
        p += 2;
    } else if (p[0] == '0' && p[1]) {
        base = 8;
    }
    if (!*p)
        return false;

    unsigned __int128 total = 0;

    for (; *p && total <= UINT64_MAX; p++) {
        int digit = is_digit(*p) ? *p - '0' : (*p | 0x20) - 'a' + 10;

        total = total * (unsigned)base + (unsigned)digit;
    }
    if (*p || total > (unsigned __int128)INT64_MAX + (negative ? 1 : 0))
        *value = value_float((negative ? -1.0 : 1.0)
                             * (base == 10 ? strtod(digits, NULL) : INFINITY));
    else
        *value = value_int(negative ? (int64_t)(0 - (uint64_t)total) : (int64_t)total);
    return true;
}

static bool float_value(const char *text, struct value *value)
{
    char digits[400];
    const char *p = skip_sign(text);
    double sign = *text == '-' ? -1 : 1;

    if (strcasecmp(p, ".inf") == 0)
        *value = value_float(sign * INFINITY);
    else if (strcasecmp(p, ".nan") == 0)
        *value = value_float(NAN);
    else if (!without_underscores(p, digits, sizeof digits))
        return false;
    else
        *value = value_float(sign * sixties_value(digits));
    return true;
}

struct moment {
    int year, month, day, hour, minute, second, zone_hour, zone_minute;
    bool has_time, has_zone;
    char zone_sign;
    char fraction[8];
};

/* Reads min..max digits; false if there are fewer. */
static bool read_digits(const char **p, int min, int max, int *number)
{
    int count = 0, total = 0;

    while (count < max && is_digit((*p)[count]))
        total = total * 10 + ((*p)[count++] - '0');
    if (count < min)
        return false;
    *p += count;
    *number = total;
    return true;
}

static bool read_char(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool read_zone(const char *p, struct moment *m)
{
    p += span(p, " \t");
    if (!*p)
        return true;
    m->has_zone = true;
    m->zone_sign = *p++;
    if (m->zone_sign == 'Z')
        return *p == '\0';
    if (m->zone_sign != '+' && m->zone_sign != '-')
        return false;
    if (!read_digits(&p, 1, 2, &m->zone_hour))
        return false;
    if (read_char(&p, ':') && !read_digits(&p, 2, 2, &m->zone_minute))
        return false;
    return *p == '\0';
}

static bool read_moment(const char *text, struct moment *m)
{
    const char *p = text;

    *m = (struct moment){ 0 };
    if (!read_digits(&p, 4, 4, &m->year) || !read_char(&p, '-')
        || !read_digits(&p, 1, 2, &m->month) || !read_char(&p, '-')
        || !read_digits(&p, 1, 2, &m->day))
        return false;
    if (!*p) /* a date alone has all its digits */
        return p - text == 10;

    size_t blanks = *p == 'T' || *p == 't' ? 1 : span(p, " \t");

    if (blanks == 0)
        return false;
    p += blanks;
    m->has_time = true;
    if (!read_digits(&p, 1, 2, &m->hour) || !read_char(&p, ':')
        || !read_digits(&p, 2, 2, &m->minute) || !read_char(&p, ':')
        || !read_digits(&p, 2, 2, &m->second))
        return false;
    if (read_char(&p, '.')) {
        size_t digits = span(p, "0123456789"), kept = digits < 6 ? digits : 6;

        memcpy(m->fraction, p, kept);
        if (kept)
            memset(m->fraction + kept, '0', 6 - kept);
        p += digits;
    }
    return read_zone(p, m);
}

static bool is_moment_real(const struct moment *m)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = m->year % 4 == 0 && (m->year % 100 != 0 || m->year % 400 == 0);

    if (m->year < 1 || m->month < 1 || m->month > 12 || m->day < 1)
        return false;
    if (m->day > days[m->month - 1] + (leap && m->month == 2 ? 1 : 0))
        return false;
    return m->hour < 24 && m->minute < 60 && m->second < 60
           && m->zone_hour * 60 + m->zone_minute < 24 * 60;
}

static enum scalar_verdict moment_value(struct arena *arena, const struct moment *m,
                                        struct value *value)
{
    char text[64];
    int used;

    if (!is_moment_real(m))
        return SCALAR_BAD;
    used = snprintf(text, sizeof text, "%04d-%02d-%02d", m->year, m->month, m->day);
    if (m->has_time) {
        bool fraction = m->fraction[0] && strcmp(m->fraction, "000000") != 0;
        int minutes = m->zone_hour * 60 + m->zone_minute;

        used += snprintf(text + used, sizeof text - (size_t)used, " %02d:%02d:%02d%s%s",
                         m->hour, m->minute, m->second, fraction ? "." : "",
                         fraction ? m->fraction : "");
        if (m->has_zone)
            used += snprintf(text + used, sizeof text - (size_t)used, "%c%02d:%02d",
                             m->zone_sign == '-' && minutes ? '-' : '+', minutes / 60,
                             minutes % 60);
    }

    const char *copy = arena_copy(arena, text, (size_t)used);

    if (!copy)
        return SCALAR_NO_MEMORY;
    *value = (struct value){ .kind = VALUE_TIMESTAMP,
                             .string = { .data = copy, .size = (size_t)used } };
    return SCALAR_VALUE;
}

static void string_value(const char *text, size_t size, struct value *value)
{
    *value =
        (struct value){ .kind = VALUE_STRING, .string = { .data = text, .size = size } };
}

/* A first character that can begin something else than text. */
static bool may_resolve(const char *text)
{
    return *text == '\0' || strchr("yYnNtTfFoO-+0123456789.<~=", *text);
}

enum scalar_verdict scalar_resolve(struct arena *arena, const char *text, size_t size,
                                   struct value *value)
{
    struct moment moment;

    if (strlen(text) != size || !may_resolve(text)) {
        string_value(text, size, value);
        return SCALAR_VALUE;
    }
    if (strcmp(text, "<<") == 0)
        return SCALAR_MERGE;
    if (strcmp(text, "=") == 0)
        return SCALAR_EQUALS;
    if (is_null(text))
        *value = value_null();
    else if (is_one_of(text, true_words, COUNT_OF(true_words)))
        *value = value_bool(true);
    else if (is_one_of(text, false_words, COUNT_OF(false_words)))
        *value = value_bool(false);
    else if (is_float(text))
        return float_value(text, value) ? SCALAR_VALUE : SCALAR_BAD;
    else if (is_int(text))
        return int_value(text, value) ? SCALAR_VALUE : SCALAR_BAD;
    else if (read_moment(text, &moment))
        return moment_value(arena, &moment, value);
    else
        string_value(text, size, value);
    return SCALAR_VALUE;
}

enum scalar_verdict scalar_of_kind(struct arena *arena, const char *text, size_t size,
                                   enum value_kind kind, struct value *value)
{
    struct value found;

    if (kind == VALUE_STRING) {
        string_value(text, size, value);
        return SCALAR_VALUE;
    }
    if (kind == VALUE_NULL) {
        *value = value_null();
        return SCALAR_VALUE;
    }

    enum scalar_verdict verdict = scalar_resolve(arena, text, size, &found);

    if (verdict == SCALAR_VALUE && kind == VALUE_FLOAT && found.kind == VALUE_INT)
        found = value_float((double)found.integer);
    if (verdict == SCALAR_VALUE && found.kind != kind)
        return SCALAR_BAD;
    if (verdict == SCALAR_VALUE)
        *value = found;
    return verdict;
}
