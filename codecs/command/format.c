/* format.c - a number is formatted as sign, prefix, digits and tail, which are then
 * grouped and padded; a string is cut and padded. */
#include "codecs/command/format.h"
#include "codecs/value/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct spec {
    const char *fill; /* one code point */
    size_t fill_size;
    char align; /* < > = ^, or 0 */
    char sign;  /* + - blank, or 0 */
    bool alternate;
    size_t width;
    char grouping; /* , _ or 0 */
    bool has_precision;
    size_t precision;
    char type; /* or 0 */
};

static enum rc refuse(struct err *err, const char *spec, size_t size, const char *why)
{
    return err_set(err, RC_INVALID, "format spec '%.*s': %s",
                   (int)(size < 80 ? size : 80), spec, why);
}

/* Reads decimal digits at *at; false if the number is above max. */
static bool spec_number(const char **at, const char *end, size_t max, size_t *number)
{
    *number = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        *number = *number * 10 + (size_t)(**at - '0');
        if (*number > max)
            return false;
    }
    return true;
}

static bool is_align(const char *at, const char *end)
{
    return at < end && *at != '\0' && strchr("<>=^", *at);
}

static bool take(const char **at, const char *end, const char *set, char *taken)
{
    if (*at == end || **at == '\0' || !strchr(set, **at))
        return false;
    *taken = *(*at)++;
    return true;
}

static void spec_align(struct spec *spec, const char **at, const char *end)
{
    size_t length = 1;

    if (*at < end)
        (void)utf8_next(*at, (size_t)(end - *at), &length);
    if (*at < end && is_align(*at + length, end)) {
        spec->fill = *at;
        spec->fill_size = length;
        *at += length;
    }
    if (is_align(*at, end))
        spec->align = *(*at)++;
}

static enum rc spec_parse(struct spec *spec, const char *text, size_t size,
                          struct err *err)
{
    const char *at = text, *end = text + size;
    char taken;

    *spec = (struct spec){ .fill = NULL };
    spec_align(spec, &at, end);
    (void)take(&at, end, "+- ", &spec->sign);
    spec->alternate = take(&at, end, "#", &taken);
    if (!spec->fill && take(&at, end, "0", &taken)) {
        spec->fill = "0";
        spec->fill_size = 1;
    }
    if (!spec_number(&at, end, FORMAT_WIDTH_MAX, &spec->width))
        return refuse(err, text, size, "the width is too large");
    (void)take(&at, end, ",_", &spec->grouping);
    if (take(&at, end, ".", &taken)) {
        spec->has_precision = true;
        if (at == end || *at < '0' || *at > '9')
            return refuse(err, text, size, "a number must follow the dot");
        if (!spec_number(&at, end, FORMAT_PRECISION_MAX, &spec->precision))
            return refuse(err, text, size, "the precision is too large");
    }
    (void)take(&at, end, "sdboxXeEfFgG%", &spec->type);
    return at == end ? RC_OK : refuse(err, text, size, "not a format spec that is known");
}

static void add_fill(struct buf *buf, const struct spec *spec, size_t count)
{
    for (; count > 0; count--)
        buf_add(buf, spec->fill ? spec->fill : " ", spec->fill ? spec->fill_size : 1);
}

static void add_padded(struct buf *buf, const struct spec *spec, char align,
                       const char *head, size_t head_size, const char *body,
                       size_t body_size)
{
    size_t used = head_size + utf8_count(body, body_size);
    size_t pad = spec->width > used ? spec->width - used : 0;
    size_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0;
    size_t inside = align == '=' ? pad : 0;

    add_fill(buf, spec, left);
    buf_add(buf, head, head_size);
    add_fill(buf, spec, inside);
    buf_add(buf, body, body_size);
    add_fill(buf, spec, pad - left - inside);
}

static enum rc format_string(struct buf *buf, const char *data, size_t size,
                             const struct spec *spec, const char *text, size_t text_size,
                             struct err *err)
{
    if ((spec->type != 0 && spec->type != 's') || spec->sign || spec->alternate
        || spec->grouping || spec->align == '=')
        return refuse(err, text, text_size, "it does not fit a string");
    if (spec->has_precision) {
        size_t at = 0, length;

        for (size_t i = 0; i < spec->precision && at < size; i++, at += length)
            (void)utf8_next(data + at, size - at, &length);
        size = at;
    }
    add_padded(buf, spec, spec->align ? spec->align : '<', "", 0, data, size);
    return RC_OK;
}

enum {
    /* 309 digits before the point, FORMAT_PRECISION_MAX behind it, signs and exponent */
    NUMBER_MAX = 320 + FORMAT_PRECISION_MAX + 16,
    /* a separator for each three digits, or zeroes up to the width */
    GROUPED_MAX = NUMBER_MAX * 2 + FORMAT_WIDTH_MAX,
};

struct number {
    char head[4]; /* sign and prefix */
    char digits[NUMBER_MAX];
};

/* Writes the whole digits with separators and zeroes, up to width; the tail behind them
 * follows. Fills from the back, as the groups do. Gives the start of the result, which
 * ends with room. */
static char *group_digits(char room[GROUPED_MAX], const char *digits, char separator,
                          size_t group, size_t width)
{
    size_t whole = strspn(digits, group == 3 ? "0123456789" : "0123456789abcdefABCDEF");
    size_t tail = strlen(digits + whole), count = 0;
    char *start = room + GROUPED_MAX - 1;

    *start = '\0';
    start -= tail;
    memcpy(start, digits + whole, tail);
    while (count < whole || (size_t)(room + GROUPED_MAX - 1 - start) < width) {
        if (count > 0 && count % group == 0)
            *--start = separator;
        *--start = count < whole ? digits[whole - 1 - count] : '0';
        count++;
    }
    return start;
}

static void add_number(struct buf *buf, const struct number *number,
                       const struct spec *spec, size_t group)
{
    size_t head_size = strlen(number->head);
    bool is_zero_filled = spec->fill && spec->fill_size == 1 && *spec->fill == '0';
    char align = spec->align ? spec->align : is_zero_filled ? '=' : '>';
    char room[GROUPED_MAX];
    const char *body = number->digits;

    if (spec->grouping && strspn(body, "0123456789abcdefABCDEF") > 0) {
        bool pads = align == '=' && is_zero_filled && spec->width > head_size;

        body = group_digits(room, body, spec->grouping, group,
                            pads ? spec->width - head_size : 0);
    }
    add_padded(buf, spec, align, number->head, head_size, body, strlen(body));
}

static void number_head(struct number *number, bool is_negative, char sign,
                        const char *prefix)
{
    const char *text = is_negative ? "-" : sign == '+' ? "+" : sign == ' ' ? " " : "";

    snprintf(number->head, sizeof number->head, "%s%s", text, prefix);
}

static void binary_digits(char *digits, uint64_t number)
{
    int top = number > 0 ? 63 - __builtin_clzll(number) : 0;

    for (int i = top; i >= 0; i--)
        *digits++ = (char)('0' + (number >> i & 1));
    *digits = '\0';
}

static enum rc format_integer(struct buf *buf, int64_t integer, const struct spec *spec,
                              const char *text, size_t size, struct err *err)
{
    unsigned long long magnitude =
        integer < 0 ? 0ull - (unsigned long long)integer : (unsigned long long)integer;
    bool is_decimal = spec->type == 0 || spec->type == 'd';
    const char *prefix = "";
    struct number number;

    if (spec->has_precision)
        return refuse(err, text, size, "an integer takes no precision");
    if (spec->type == 's' || (spec->grouping == ',' && !is_decimal))
        return refuse(err, text, size, "it does not fit an integer");
    if (spec->type == 'b') {
        prefix = "0b";
        binary_digits(number.digits, magnitude);
    } else if (spec->type == 'o') {
        prefix = "0o";
        snprintf(number.digits, sizeof number.digits, "%llo", magnitude);
    } else if (spec->type == 'x') {
        prefix = "0x";
        snprintf(number.digits, sizeof number.digits, "%llx", magnitude);
    } else if (spec->type == 'X') {
        prefix = "0X";
        snprintf(number.digits, sizeof number.digits, "%llX", magnitude);
    } else {
        snprintf(number.digits, sizeof number.digits, "%llu", magnitude);
    }
    number_head(&number, integer < 0, spec->sign, spec->alternate ? prefix : "");
    add_number(buf, &number, spec, is_decimal ? 3 : 4);
    return RC_OK;
}

/* Without a type but with a precision: as g, but the point comes with a digit behind it,
 * and the exponent one digit earlier. */
static void digits_without_type(char *digits, size_t room, double real, size_t precision)
{
    char scientific[NUMBER_MAX];
    int exponent = 0, places = precision > 0 ? (int)precision - 1 : 0;

    snprintf(scientific, sizeof scientific, "%.*e", places, real);
    if (sscanf(strchr(scientific, 'e') + 1, "%d", &exponent) != 1)
        unreachable_because("printf writes an exponent");

    char *end = strchr(scientific, 'e');

    if (strchr(scientific, '.'))
        while (end[-1] == '0' || end[-1] == '.')
            if (*--end == '.')
                break;
    if (exponent < -4 || exponent >= places) {
        int written = (int)(end - scientific);

        snprintf(digits, room, "%.*s%s", written, scientific, strchr(scientific, 'e'));
        return;
    }

    int significant = (int)(end - scientific) - (end - scientific > 1 ? 1 : 0);
    int decimals = significant - 1 - exponent;

    snprintf(digits, room, "%.*f", decimals > 1 ? decimals : 1, real);
}

static void digits_by_type(char *digits, size_t room, double real,
                           const struct spec *spec)
{
    int precision = spec->has_precision ? (int)spec->precision : 6;

    switch (spec->type) {
    case 'e':
        snprintf(digits, room, spec->alternate ? "%#.*e" : "%.*e", precision, real);
        return;
    case 'E':
        snprintf(digits, room, spec->alternate ? "%#.*E" : "%.*E", precision, real);
        return;
    case 'g':
        snprintf(digits, room, spec->alternate ? "%#.*g" : "%.*g", precision, real);
        return;
    case 'G':
        snprintf(digits, room, spec->alternate ? "%#.*G" : "%.*G", precision, real);
        return;
    case '%':
        snprintf(digits, room, spec->alternate ? "%#.*f%%" : "%.*f%%", precision,
                 real * 100);
        return;
    default:
        snprintf(digits, room, spec->alternate ? "%#.*f" : "%.*f", precision, real);
        return;
    }
}

static enum rc format_float(struct buf *buf, double real, const struct spec *spec,
                            const char *text, size_t size, struct err *err)
{
    struct number number;
    bool is_upper = spec->type == 'E' || spec->type == 'F' || spec->type == 'G';
    double magnitude = fabs(real);

    if (spec->type && !strchr("eEfFgG%", spec->type))
        return refuse(err, text, size, "it does not fit a float");
    if (spec->type == 0 && spec->alternate)
        return refuse(err, text, size, "# without a type is not supported for floats");
    if (!isfinite(spec->type == '%' ? magnitude * 100 : magnitude)) {
        snprintf(number.digits, sizeof number.digits, "%s%s",
                 isnan(real) ? (is_upper ? "NAN" : "nan") : (is_upper ? "INF" : "inf"),
                 spec->type == '%' ? "%" : "");
    } else if (spec->type) {
        digits_by_type(number.digits, sizeof number.digits, magnitude, spec);
    } else if (spec->has_precision) {
        digits_without_type(number.digits, sizeof number.digits, magnitude,
                            spec->precision);
    } else {
        scoped_buf shortest = { 0 };

        value_float_text(&shortest, magnitude);
        snprintf(number.digits, sizeof number.digits, "%s", buf_string(&shortest));
    }
    number_head(&number, signbit(real) && !isnan(real), spec->sign, "");
    add_number(buf, &number, spec, 3);
    return RC_OK;
}

enum rc format_value(struct buf *buf, const struct value *value, const char *text,
                     size_t size, struct err *err)
{
    struct spec spec;

    if (size == 0) {
        value_to_text(buf, value);
        return RC_OK;
    }

    enum rc rc = spec_parse(&spec, text, size, err);

    if (rc != RC_OK)
        return rc;

    bool as_float = spec.type && strchr("eEfFgG%", spec.type);

    switch (value->kind) {
    case VALUE_STRING:
        return format_string(buf, value->string.data, value->string.size, &spec, text,
                             size, err);
    case VALUE_BOOL:
        return as_float ? format_float(buf, value->boolean, &spec, text, size, err)
                        : format_integer(buf, value->boolean, &spec, text, size, err);
    case VALUE_INT:
        return as_float
                   ? format_float(buf, (double)value->integer, &spec, text, size, err)
                   : format_integer(buf, value->integer, &spec, text, size, err);
    case VALUE_FLOAT:
        return format_float(buf, value->real, &spec, text, size, err);
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_TIMESTAMP:
    case VALUE_LIST:
    case VALUE_MAP:
        return refuse(err, text, size, "only numbers and strings take one");
    case VALUE_KIND_COUNT:
        break;
    }
    unreachable_because("value kinds are closed");
}
