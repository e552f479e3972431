/* two_values.c - see two_values.h. */
#include "client/cli/text/two_values.h"

#include "client/cli/text/human.h"

#include "codecs/base/base.h"

#include <string.h>

enum {
    DIGITS_SHOWN = 12, /* of a digest */
    DIGITS = 64,
    SHARED_SHOWN = 12, /* bytes of what two long values begin with */
};

/* Without line ends, and of a digest its beginning. */
static void write_line(struct buf *line, const char *text)
{
    static const char digest[] = "sha256:";
    size_t head = sizeof digest - 1;

    if (strncmp(text, digest, head) == 0 && strlen(text) == head + DIGITS) {
        buf_add(line, text, head + DIGITS_SHOWN);
        buf_text(line, "\u2026");
        return;
    }
    for (const char *at = text; *at; at++)
        if (*at != '\n')
            buf_byte(line, (unsigned char)*at);
        else if (at[1])
            buf_text(line, " \u23ce ");
}

/* How much of the two is left out at their beginning; never a part of a character. */
static size_t skip_of(const char *before, const char *after)
{
    size_t same = 0;

    while (before[same] && before[same] == after[same])
        same++;
    same = same > SHARED_SHOWN ? same - SHARED_SHOWN : 0;
    while (same > 0 && ((unsigned char)before[same] & 0xc0) == 0x80)
        same--;
    return same;
}

static void write_value(struct buf *buf, const char *line, size_t skip, size_t width)
{
    if (skip > 0)
        buf_text(buf, "\u2026");
    text_fit(buf, line + skip, skip > 0 ? width - 1 : width);
}

void two_values_text(struct buf *buf, const char *before, const char *after, size_t width)
{
    scoped_buf first = { 0 }, second = { 0 };
    size_t skip = 0;

    must(width > SHARED_SHOWN);
    write_line(&first, before ? before : "(none)");
    write_line(&second, after ? after : "(none)");
    if (text_columns(buf_string(&first)) > width
        || text_columns(buf_string(&second)) > width)
        skip = skip_of(buf_string(&first), buf_string(&second));
    write_value(buf, buf_string(&first), skip, width);
    buf_text(buf, " -> ");
    write_value(buf, buf_string(&second), skip, width);
}
