/* human.c - see human.h. */
#include "client/cli/text/human.h"

#include "codecs/value/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct human human_duration(int64_t us)
{
    struct human human;
    int64_t s = (us < 0 ? 0 : us) / 1000000;

    if (s < 1)
        snprintf(human.text, sizeof human.text, "%dms", us < 0 ? 0 : (int)(us / 1000));
    else if (s < 10)
        snprintf(human.text, sizeof human.text, "%.1fs", (double)us / 1e6);
    else if (s < 60)
        snprintf(human.text, sizeof human.text, "%" PRId64 "s", s);
    else if (s < 3600)
        snprintf(human.text, sizeof human.text, "%" PRId64 "m %02" PRId64 "s", s / 60,
                 s % 60);
    else if (s < 86400)
        snprintf(human.text, sizeof human.text, "%" PRId64 "h %02" PRId64 "m", s / 3600,
                 s / 60 % 60);
    else
        snprintf(human.text, sizeof human.text, "%" PRId64 "d %02" PRId64 "h", s / 86400,
                 s / 3600 % 24);
    return human;
}

struct human human_size(uint64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    struct human human;
    double size = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(human.text, sizeof human.text, "%" PRIu64 " B", bytes);
        return human;
    }
    for (; size >= 1024 && unit + 1 < COUNT_OF(units); unit++)
        size /= 1024;
    snprintf(human.text, sizeof human.text, size < 10 ? "%.1f %s" : "%.0f %s", size,
             units[unit]);
    return human;
}

static bool split(int64_t us, bool is_local, struct tm *parts)
{
    time_t seconds = (time_t)(us / 1000000);

    return us && (is_local ? localtime_r(&seconds, parts) : gmtime_r(&seconds, parts));
}

struct human human_time(int64_t us)
{
    struct human human = { "-" };
    struct tm parts;

    if (split(us, true, &parts))
        strftime(human.text, sizeof human.text, "%Y-%m-%d %H:%M:%S", &parts);
    return human;
}

struct human human_clock(int64_t us)
{
    struct human human = { "-" };
    struct tm parts;

    if (split(us, true, &parts))
        strftime(human.text, sizeof human.text, "%H:%M:%S", &parts);
    return human;
}

struct human human_rfc3339(int64_t us)
{
    struct human human = { "-" };
    struct tm parts;

    if (split(us, false, &parts)) {
        size_t size =
            strftime(human.text, sizeof human.text, "%Y-%m-%dT%H:%M:%S", &parts);

        snprintf(human.text + size, sizeof human.text - size, ".%06dZ",
                 (int)(us % 1000000));
    }
    return human;
}

static bool is_between(int32_t code, int32_t low, int32_t high)
{
    return code >= low && code <= high;
}

/* Columns of a code point on a terminal; -1: it must not be printed. */
static int columns_of(int32_t code)
{
    if (code < 0x20 || is_between(code, 0x7f, 0x9f) || is_between(code, 0x2028, 0x202e)
        || is_between(code, 0x2066, 0x2069))
        return -1;
    if (is_between(code, 0x300, 0x36f) || is_between(code, 0x200b, 0x200f)
        || is_between(code, 0xfe00, 0xfe0f))
        return 0;
    return is_between(code, 0x1100, 0x115f) || is_between(code, 0x2e80, 0xa4cf)
                   || is_between(code, 0xac00, 0xd7a3) || is_between(code, 0xf900, 0xfaff)
                   || is_between(code, 0xfe30, 0xfe6f) || is_between(code, 0xff00, 0xff60)
                   || is_between(code, 0x1f300, 0x1faff)
                   || is_between(code, 0x20000, 0x3fffd)
               ? 2
               : 1;
}

size_t text_fit(struct buf *buf, const char *text, size_t width)
{
    size_t size = strlen(text), used = 0, keep_size = buf->size, keep_used = 0, length;

    for (size_t at = 0; at < size; at += length) {
        int32_t code = utf8_next(text + at, size - at, &length);
        int columns = code == UTF8_BAD ? -1 : columns_of(code);
        size_t need = columns < 0 ? 1 : (size_t)columns;

        if (used + need > width) {
            /* Back to where one column was free, for the mark that says "cut". */
            if (buf_ok(buf))
                buf->size = keep_size;
            if (width > 0)
                buf_text(buf, "\u2026");
            return width > 0 ? keep_used + 1 : 0;
        }
        if (columns < 0)
            buf_byte(buf, '?');
        else
            buf_add(buf, text + at, length);
        used += need;
        if (used + 1 <= width) {
            keep_size = buf->size;
            keep_used = used;
        }
    }
    return used;
}

size_t text_columns(const char *text)
{
    scoped_buf scratch = { 0 };

    return text_fit(&scratch, text, SIZE_MAX);
}
