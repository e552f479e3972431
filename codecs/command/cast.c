/* cast.c - a given value as its parameter wants it. */
#include "codecs/command/command.h"
#include "codecs/value/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_TEXT_MAX = 400 };

struct cast {
    struct arena *arena;
    const struct plan_parameter *parameter;
    struct err *err;
};

static enum rc refuse(const struct cast *cast, const struct value *value,
                      const char *what)
{
    scoped_buf text = { 0 };

    value_repr(&text, value);
    return err_set(cast->err, RC_INVALID, "parameter '%.100s': %.200s %s",
                   cast->parameter->name, buf_string(&text), what);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Copies a number's text without blanks around it and without single underscores between
 * digits, as Python's int() and float() read it. false if it cannot be a number. */
static bool number_text(const struct value *value, const char *allowed,
                        char text[NUMBER_TEXT_MAX])
{
    const char *data = value->string.data;
    size_t size = value->string.size, used = 0;

    utf8_trim(&data, &size);
    if (size == 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        bool is_joint = data[i] == '_' && i > 0 && i + 1 < size && is_digit(data[i - 1])
                        && is_digit(data[i + 1]);

        if (is_joint)
            continue;
        if (data[i] == '\0' || !strchr(allowed, data[i]) || used == NUMBER_TEXT_MAX - 1)
            return false;
        text[used++] = data[i];
    }
    text[used] = '\0';
    return true;
}

static bool integer_of_text(const struct value *value, int64_t *integer)
{
    char text[NUMBER_TEXT_MAX], *end;

    if (!number_text(value, "+-0123456789", text))
        return false;
    errno = 0;

    long long number = strtoll(text, &end, 10);

    if (*end != '\0' || errno != 0)
        return false;
    *integer = number;
    return true;
}

static bool float_of_text(const struct value *value, double *real)
{
    static const char *const words[] = { "inf", "infinity", "nan" };
    char text[NUMBER_TEXT_MAX], *end;

    if (!number_text(value,
                     "+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
                     text))
        return false;

    const char *body = text + (*text == '+' || *text == '-');
    bool is_word = false;

    for (size_t i = 0; i < COUNT_OF(words); i++)
        is_word = is_word || strcasecmp(body, words[i]) == 0;
    if (!is_word && body[strspn(body, "+-.0123456789eE")] != '\0')
        return false; /* strtod also reads hexadecimal and nan(...) */

    double number = strtod(text, &end);

    if (*end != '\0' || end == text)
        return false;
    *real = number;
    return true;
}

static enum rc cast_integer(const struct cast *cast, const struct value *given,
                            struct value *result)
{
    int64_t integer;

    if (given->kind == VALUE_INT) {
        *result = *given;
        return RC_OK;
    }
    if (given->kind == VALUE_FLOAT && given->real == floor(given->real)
        && given->real >= -0x1p63 && given->real < 0x1p63) {
        *result = value_int((int64_t)given->real);
        return RC_OK;
    }
    if (given->kind != VALUE_STRING || !integer_of_text(given, &integer))
        return refuse(cast, given, "is not an integer of 64 bits; give one like 42");
    *result = value_int(integer);
    return RC_OK;
}

static enum rc cast_float(const struct cast *cast, const struct value *given,
                          struct value *result)
{
    double real;

    if (given->kind == VALUE_INT || given->kind == VALUE_FLOAT) {
        *result = *given;
        return RC_OK;
    }
    if (given->kind != VALUE_STRING || !float_of_text(given, &real))
        return refuse(cast, given, "is not a number; give one like 0.5 or 1e-5");
    *result = value_float(real);
    return RC_OK;
}

static enum rc cast_flag(const struct cast *cast, const struct value *given,
                         struct value *result)
{
    static const struct {
        const char *text;
        bool truth;
    } words[] = { { "true", true },   { "yes", true }, { "1", true },
                  { "false", false }, { "no", false }, { "0", false } };

    if (given->kind == VALUE_BOOL || given->kind == VALUE_INT
        || given->kind == VALUE_FLOAT) {
        *result = value_bool(value_is_truthy(given));
        return RC_OK;
    }
    if (given->kind == VALUE_STRING) {
        const char *data = given->string.data;
        size_t size = given->string.size;

        utf8_trim(&data, &size);
        for (size_t i = 0; i < COUNT_OF(words); i++)
            if (strlen(words[i].text) == size
                && strncasecmp(data, words[i].text, size) == 0) {
                *result = value_bool(words[i].truth);
                return RC_OK;
            }
    }
    return refuse(cast, given, "is not a flag; give true or false");
}

static enum rc cast_string(const struct cast *cast, const struct value *given,
                           struct value *result)
{
    scoped_buf text = { 0 };
    const char *copy = NULL;

    value_to_text(&text, given);
    if (buf_ok(&text))
        copy = arena_copy(cast->arena, text.data, text.size);
    if (!copy)
        return err_set(cast->err, RC_NO_MEMORY,
                       "parameter '%.100s': its value needs more memory than allowed",
                       cast->parameter->name);
    *result = (struct value){ .kind = VALUE_STRING,
                              .string = { .data = copy, .size = text.size } };
    return RC_OK;
}

static enum rc check_bounds(const struct cast *cast, const struct value *value)
{
    const struct plan_parameter *parameter = cast->parameter;
    struct value min = value_float(parameter->min), max = value_float(parameter->max);
    const char *what = NULL;
    struct value limit;
    int order;

    if (parameter->has_min && value_order(value, &min, &order) && order < 0) {
        what = "is below the minimum";
        limit = min;
    } else if (parameter->has_max && value_order(value, &max, &order) && order > 0) {
        what = "is above the maximum";
        limit = max;
    }
    if (!what)
        return RC_OK;

    scoped_buf text = { 0 };

    buf_printf(&text, "%s, %.15g", what, limit.real);
    return refuse(cast, value, buf_string(&text));
}

static enum rc check_choices(const struct cast *cast, const struct value *value)
{
    const struct value *choices = &cast->parameter->choices;

    if (choices->kind != VALUE_LIST || choices->list.count == 0)
        return RC_OK;
    for (size_t i = 0; i < choices->list.count; i++)
        if (value_equals_loosely(value, &choices->list.items[i]))
            return RC_OK;

    scoped_buf text = { 0 };

    buf_text(&text, "is none of the choices ");
    value_repr(&text, choices);
    return refuse(cast, value, buf_string(&text));
}

static enum rc cast_single(const struct cast *cast, const struct value *given,
                           struct value *result)
{
    enum rc rc = RC_OK;
    struct value value = value_null();

    if (given->kind == VALUE_NULL || given->kind == VALUE_ABSENT)
        return err_set(cast->err, RC_INVALID, "parameter '%.100s' has no value",
                       cast->parameter->name);
    switch (cast->parameter->type) {
    case PARAMETER_STRING:
        rc = cast_string(cast, given, &value);
        break;
    case PARAMETER_INTEGER:
        rc = cast_integer(cast, given, &value);
        break;
    case PARAMETER_FLOAT:
        rc = cast_float(cast, given, &value);
        break;
    case PARAMETER_FLAG:
        rc = cast_flag(cast, given, &value);
        break;
    }
    if (rc == RC_OK)
        rc = check_bounds(cast, &value);
    if (rc == RC_OK)
        rc = check_choices(cast, &value);
    if (rc == RC_OK)
        *result = value;
    return rc;
}

enum rc parameter_cast(struct arena *arena, const struct plan_parameter *parameter,
                       const struct value *given, struct value *result, struct err *err)
{
    const struct cast cast = { .arena = arena, .parameter = parameter, .err = err };
    struct value single = { .kind = VALUE_LIST, .list = { .items = given, .count = 1 } };
    const struct value *list = given->kind == VALUE_LIST ? given : &single;

    if (parameter->multiple == MULTIPLE_NONE && given->kind == VALUE_LIST)
        return refuse(&cast, given, "is a list, but the parameter takes a single value");
    if (parameter->multiple == MULTIPLE_NONE)
        return cast_single(&cast, given, result);

    struct value *items = arena_array(arena, list->list.count, sizeof *items);

    if (!items)
        return err_set(err, RC_NO_MEMORY,
                       "parameter '%.100s': its values need more memory than allowed",
                       parameter->name);
    for (size_t i = 0; i < list->list.count; i++) {
        enum rc rc = cast_single(&cast, &list->list.items[i], &items[i]);

        if (rc != RC_OK)
            return rc;
    }
    *result = (struct value){ .kind = VALUE_LIST,
                              .list = { .items = items, .count = list->list.count } };
    return RC_OK;
}
