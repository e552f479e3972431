/* json.c - values for config files. */
#include "nodes/staging/json.h"

#include "codecs/value/utf8.h"

#include <math.h>
#include <string.h>

enum { KEY_PLAIN_MAX = 100 /* bytes; above it a key gets a question mark */ };

void map_add(struct map_maker *maker, const char *key, struct value value)
{
    if (maker->count == maker->capacity) {
        size_t capacity = maker->capacity ? maker->capacity * 2 : 16;
        struct value_entry *entries =
            arena_array(maker->arena, capacity, sizeof *entries);

        if (!entries) {
            maker->failed = true;
            return;
        }
        if (maker->count > 0)
            memcpy(entries, maker->entries, maker->count * sizeof *entries);
        maker->entries = entries;
        maker->capacity = capacity;
    }
    maker->entries[maker->count++] = (struct value_entry){ key, value };
}

void map_add_text(struct map_maker *maker, const char *key, const char *text)
{
    map_add(maker, key, text ? value_text(text) : value_null());
}

struct value map_value(const struct map_maker *maker)
{
    return (struct value){ .kind = VALUE_MAP, .map = { maker->entries, maker->count } };
}

/* Raw only what YAML 1.1 takes raw inside double quotes without folding it. */
static bool is_raw(int32_t point)
{
    if (point < ' ' || point == '"' || point == '\\')
        return false;
    if (point < 0x7f)
        return true;
    return point >= 0xa0 && point != 0x2028 && point != 0x2029 && point != 0xfeff
           && point != 0xfffe && point != 0xffff;
}

static void yaml_string(struct buf *buf, const char *data, size_t size)
{
    buf_byte(buf, '"');
    for (size_t i = 0; i < size;) {
        size_t length = 1;
        int32_t point = utf8_next(data + i, size - i, &length);

        if (point == UTF8_BAD)
            buf_text(buf, "\xef\xbf\xbd");
        else if (is_raw(point))
            buf_add(buf, data + i, length);
        else
            buf_printf(buf, "\\u%04x", (unsigned)point);
        i += length;
    }
    buf_byte(buf, '"');
}

static void yaml_float(struct buf *buf, double real)
{
    scoped_buf text = { 0 };

    if (!isfinite(real)) {
        buf_text(buf, "null");
        return;
    }
    value_float_text(&text, real);

    const char *digits = buf_string(&text), *exponent = strchr(digits, 'e');

    if (exponent && !memchr(digits, '.', (size_t)(exponent - digits))) {
        buf_add(buf, digits, (size_t)(exponent - digits));
        buf_text(buf, ".0");
        buf_text(buf, exponent);
    } else {
        buf_text(buf, digits);
    }
}

static void yaml_flow(struct buf *buf, const struct value *value);

static void yaml_key(struct buf *buf, const char *key)
{
    bool is_long = strlen(key) > KEY_PLAIN_MAX;

    if (is_long)
        buf_text(buf, "? ");
    yaml_string(buf, key, strlen(key));
}

static void yaml_list(struct buf *buf, const struct value *list)
{
    buf_byte(buf, '[');
    for (size_t i = 0; i < list->list.count; i++) {
        if (i > 0)
            buf_text(buf, ", ");
        yaml_flow(buf, &list->list.items[i]);
    }
    buf_byte(buf, ']');
}

static void yaml_map(struct buf *buf, const struct value *map)
{
    buf_byte(buf, '{');
    for (size_t i = 0; i < map->map.count; i++) {
        if (i > 0)
            buf_text(buf, ", ");
        yaml_key(buf, map->map.entries[i].key);
        buf_text(buf, " : ");
        yaml_flow(buf, &map->map.entries[i].value);
    }
    buf_byte(buf, '}');
}

static void yaml_flow(struct buf *buf, const struct value *value)
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
        yaml_float(buf, value->real);
        return;
    case VALUE_STRING:
    case VALUE_TIMESTAMP:
        yaml_string(buf, value->string.data, value->string.size);
        return;
    case VALUE_LIST:
        yaml_list(buf, value);
        return;
    case VALUE_MAP:
        yaml_map(buf, value);
        return;
    case VALUE_KIND_COUNT:
        break;
    }
    unreachable_because("value kinds are closed");
}

void value_to_yaml(struct buf *buf, const struct value *map)
{
    must(map->kind == VALUE_MAP);
    if (map->map.count == 0)
        buf_text(buf, "{}\n");
    for (size_t i = 0; i < map->map.count; i++) {
        const char *key = map->map.entries[i].key;

        yaml_key(buf, key);
        buf_text(buf, strlen(key) > KEY_PLAIN_MAX ? "\n: " : ": ");
        yaml_flow(buf, &map->map.entries[i].value);
        buf_byte(buf, '\n');
    }
}
