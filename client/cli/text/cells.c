/* cells.c - see cells.h. */
#include "client/cli/text/cells.h"

#include <string.h>

void cell_text(struct buf *buf, const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        return;
    case VALUE_STRING:
    case VALUE_TIMESTAMP:
        buf_add(buf, value->string.data, value->string.size);
        return;
    case VALUE_FLOAT:
        value_float_text(buf, value->real);
        return;
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_LIST:
    case VALUE_MAP:
        value_to_json(buf, value);
        return;
    case VALUE_KIND_COUNT:
        break;
    }
    unreachable_because("the codecs give no other kind");
}

void cell_csv(struct buf *buf, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_text(buf, text);
        return;
    }
    buf_byte(buf, '"');
    for (; *text; text++) {
        if (*text == '"')
            buf_byte(buf, '"');
        buf_byte(buf, (unsigned char)*text);
    }
    buf_byte(buf, '"');
}

void cell_markdown(struct buf *buf, const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == '\x7f') {
            buf_byte(buf, ' ');
        } else {
            if (strchr("\\|`*_[]<>~&", *text))
                buf_byte(buf, '\\');
            buf_byte(buf, (unsigned char)*text);
        }
}
