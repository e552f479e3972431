/* metadata_line.c - most lines are no metadata, so that is seen by two bytes. */
#include "codecs/wire/metadata_line.h"

#include "codecs/wire/times.h"

#include <string.h>

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The length of a number that Python's json module writes and JSON does not have; 0: none
 * stands here. */
static size_t wild_number(const char *text, size_t size)
{
    static const char *const names[] = { "NaN", "Infinity", "-Infinity" };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (size >= strlen(names[i]) && memcmp(text, names[i], strlen(names[i])) == 0)
            return strlen(names[i]);
    return 0;
}

/* Copies an object with null for such numbers. False: there are none. */
static bool tame_numbers(struct buf *tame, const char *text, size_t size)
{
    bool is_text = false, is_tamed = false;

    for (size_t i = 0, length; i < size; i += length) {
        size_t wild = is_text ? 0 : wild_number(text + i, size - i);

        length = wild ? wild : is_text && text[i] == '\\' && i + 1 < size ? 2 : 1;
        is_text ^= text[i] == '"';
        is_tamed |= wild > 0;
        buf_add(tame, wild ? "null" : text + i, wild ? 4 : length);
    }
    return is_tamed && buf_ok(tame);
}

static bool read_object(struct arena *arena, const char *text, size_t size,
                        struct value *value)
{
    scoped_buf tame = { 0 };

    if (value_from_json(arena, text, size, value, NULL) == RC_OK)
        return true;
    buf_init(&tame, 2 * METADATA_LINE_MAX);
    return tame_numbers(&tame, text, size)
           && value_from_json(arena, (const char *)tame.data, tame.size, value, NULL)
                  == RC_OK;
}

bool metadata_line_read(struct arena *arena, const char *text, size_t size,
                        struct value *map)
{
    struct value value;

    while (size > 0 && is_blank(text[0])) {
        text++;
        size--;
    }
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    if (size < 2 || size > METADATA_LINE_MAX || text[0] != '{' || text[size - 1] != '}')
        return false;
    if (!read_object(arena, text, size, &value) || value.kind != VALUE_MAP)
        return false;
    *map = value;
    return true;
}

void metadata_line_write(struct buf *buf, const struct value *map, int64_t unix_us)
{
    char time[TIME_TEXT_SIZE];
    scoped_buf object = { 0 };

    if (value_get(map, "_time")) {
        value_to_json(buf, map);
        buf_byte(buf, '\n');
        return;
    }
    buf_init(&object, 8 * METADATA_LINE_MAX);
    value_to_json(&object, map);
    time_text(unix_us, time);
    buf_printf(buf, "{\"_time\": \"%s\"", time);
    if (map->map.count > 0)
        buf_text(buf, ", ");
    if (!buf_ok(&object))
        buf->failed = true;
    else
        buf_add(buf, object.data + 1, object.size - 1);
    buf_byte(buf, '\n');
}
