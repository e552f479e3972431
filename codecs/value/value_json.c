/* value_json.c - JSON: read through jansson, written here (jansson has no writer that
 * keeps ".0" and replaces what is not UTF-8). */
#include "codecs/value/value.h"
#include "codecs/value/utf8.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

void value_json_string(struct buf *buf, const char *data, size_t size)
{
    buf_byte(buf, '"');
    for (size_t at = 0, length; at < size; at += length) {
        int32_t point = utf8_next(data + at, size - at, &length);
        const char *escape = short_escape((unsigned char)data[at]);

        if (point == UTF8_BAD)
            buf_text(buf, "\xef\xbf\xbd");
        else if (escape)
            buf_text(buf, escape);
        else if (point < 0x20)
            buf_printf(buf, "\\u%04x", (unsigned)point);
        else
            buf_add(buf, data + at, length);
    }
    buf_byte(buf, '"');
}

static void list_to_json(struct buf *buf, const struct value *value)
{
    buf_byte(buf, '[');
    for (size_t i = 0; i < value->list.count; i++) {
        if (i > 0)
            buf_text(buf, ", ");
        value_to_json(buf, &value->list.items[i]);
    }
    buf_byte(buf, ']');
}

static void map_to_json(struct buf *buf, const struct value *value)
{
    buf_byte(buf, '{');
    for (size_t i = 0; i < value->map.count; i++) {
        const struct value_entry *entry = &value->map.entries[i];

        if (i > 0)
            buf_text(buf, ", ");
        value_json_string(buf, entry->key, strlen(entry->key));
        buf_text(buf, ": ");
        value_to_json(buf, &entry->value);
    }
    buf_byte(buf, '}');
}

void value_to_json(struct buf *buf, const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        buf_text(buf, "null");
        return;
    case VALUE_BOOL:
        buf_text(buf, value->boolean ? "true" : "false");
        return;
    case VALUE_INT:
        buf_printf(buf, "%lld", (long long)value->integer);
        return;
    case VALUE_FLOAT:
        if (isfinite(value->real))
            value_float_text(buf, value->real);
        else
            buf_text(buf, "null");
        return;
    case VALUE_STRING:
    case VALUE_TIMESTAMP:
        value_json_string(buf, value->string.data, value->string.size);
        return;
    case VALUE_LIST:
        list_to_json(buf, value);
        return;
    case VALUE_MAP:
        map_to_json(buf, value);
        return;
    case VALUE_KIND_COUNT:
        break;
    }
    unreachable_because("value kinds are closed");
}

struct conversion {
    struct arena *arena;
    struct err *err;
    unsigned depth; /* of lists and maps around the current one */
};

static enum rc convert(struct conversion *c, json_t *json, struct value *value);

static enum rc out_of_memory(struct err *err)
{
    return err_set(err, RC_NO_MEMORY, "JSON: the text needs more memory than allowed");
}

static enum rc convert_array(struct conversion *c, json_t *json, struct value *value)
{
    size_t count = json_array_size(json);
    struct value *items = arena_array(c->arena, count, sizeof *items);

    if (!items)
        return out_of_memory(c->err);
    for (size_t i = 0; i < count; i++) {
        enum rc rc = convert(c, json_array_get(json, i), &items[i]);

        if (rc != RC_OK)
            return rc;
    }
    *value =
        (struct value){ .kind = VALUE_LIST, .list = { .items = items, .count = count } };
    return RC_OK;
}

static enum rc convert_object(struct conversion *c, json_t *json, struct value *value)
{
    size_t count = json_object_size(json), at = 0;
    struct value_entry *entries = arena_array(c->arena, count, sizeof *entries);

    if (!entries)
        return out_of_memory(c->err);
    for (void *i = json_object_iter(json); i; i = json_object_iter_next(json, i), at++) {
        must(at < count);
        entries[at].key = arena_text(c->arena, json_object_iter_key(i));
        if (!entries[at].key)
            return out_of_memory(c->err);

        enum rc rc = convert(c, json_object_iter_value(i), &entries[at].value);

        if (rc != RC_OK)
            return rc;
    }
    *value = (struct value){ .kind = VALUE_MAP,
                             .map = { .entries = entries, .count = count } };
    return RC_OK;
}

static enum rc convert_string(struct conversion *c, json_t *json, struct value *value)
{
    size_t size = json_string_length(json);
    const char *data = arena_copy(c->arena, json_string_value(json), size);

    if (!data)
        return out_of_memory(c->err);
    *value =
        (struct value){ .kind = VALUE_STRING, .string = { .data = data, .size = size } };
    return RC_OK;
}

static enum rc convert_nested(struct conversion *c, json_t *json, struct value *value)
{
    if (c->depth >= VALUE_DEPTH_MAX)
        return err_set(c->err, RC_INVALID,
                       "JSON: nested deeper than %d levels; flatten the value",
                       VALUE_DEPTH_MAX);
    c->depth++;

    enum rc rc = json_is_array(json) ? convert_array(c, json, value)
                                     : convert_object(c, json, value);

    c->depth--;
    return rc;
}

static enum rc convert(struct conversion *c, json_t *json, struct value *value)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return convert_nested(c, json, value);
    case JSON_STRING:
        return convert_string(c, json, value);
    case JSON_INTEGER:
        *value = value_int(json_integer_value(json));
        return RC_OK;
    case JSON_REAL:
        *value = value_float(json_real_value(json));
        return RC_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        *value = value_bool(json_is_true(json));
        return RC_OK;
    case JSON_NULL:
        *value = value_null();
        return RC_OK;
    }
    unreachable_because("jansson's types are closed");
}

/* The end of the number at text[at]; *is_wide says whether it is an integer that int64
 * cannot hold. */
static size_t number_end(const char *text, size_t size, size_t at, bool *is_wide)
{
    size_t end = at;
    char digits[24];

    while (end < size && text[end] != '\0' && strchr("+-.0123456789eE", text[end]))
        end++;

    size_t length = end - at;

    *is_wide = !memchr(text + at, '.', length) && !memchr(text + at, 'e', length)
               && !memchr(text + at, 'E', length);
    if (*is_wide && length < sizeof digits) {
        memcpy(digits, text + at, length);
        digits[length] = '\0';
        errno = 0;
        (void)strtoll(digits, NULL, 10);
        *is_wide = errno == ERANGE;
    }
    return end;
}

/* jansson refuses integers outside int64: they get ".0" so that they read as floats. */
static void widen_integers(struct buf *out, const char *text, size_t size)
{
    bool in_string = false, is_wide;

    for (size_t at = 0, end; at < size; at = end) {
        end = at + 1;
        if (in_string && text[at] == '\\' && end < size)
            end++;
        else if (text[at] == '"')
            in_string = !in_string;
        else if (!in_string
                 && (text[at] == '-' || (text[at] >= '0' && text[at] <= '9'))) {
            end = number_end(text, size, at, &is_wide);
            buf_add(out, text + at, end - at);
            if (is_wide)
                buf_text(out, ".0");
            continue;
        }
        buf_add(out, text + at, end - at);
    }
}

static json_t *parse(const char *text, size_t size, json_error_t *error)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *json = json_loadb(text, size, flags, error);

    if (json || json_error_code(error) != json_error_numeric_overflow)
        return json;

    scoped_buf wide;

    buf_init(&wide, size < SIZE_MAX / 3 ? 3 * size : SIZE_MAX);
    widen_integers(&wide, text, size);
    return buf_ok(&wide) ? json_loadb((const char *)wide.data, wide.size, flags, error)
                         : NULL;
}

enum rc value_from_json(struct arena *arena, const char *text, size_t size,
                        struct value *value, struct err *err)
{
    json_error_t error = { 0 };
    struct conversion c = { .arena = arena, .err = err };
    struct value result;
    json_t *json = parse(text, size, &error);

    if (!json && json_error_code(&error) == json_error_out_of_memory)
        return out_of_memory(err);
    if (!json)
        return err_set(err, RC_INVALID, "JSON: line %d, column %d: %s", error.line,
                       error.column, error.text);

    enum rc rc = convert(&c, json, &result);

    json_decref(json);
    if (rc == RC_OK)
        *value = result;
    return rc;
}
