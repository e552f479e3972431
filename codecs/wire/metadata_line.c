/* metadata_line.c - most lines are no metadata, so that is seen by two bytes. */
#include "codecs/wire/metadata_line.h"

#include "codecs/wire/times.h"

#include <string.h>

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
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
    if (value_from_json(arena, text, size, &value, NULL) != RC_OK
        || value.kind != VALUE_MAP)
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
