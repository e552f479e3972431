/* utf8.c - RFC 3629, by the table of its section 4 folded into a smallest value for each
 * length. */
#include "codecs/value/utf8.h"

int32_t utf8_next(const char *data, size_t size, size_t *length)
{
    static const int32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)data[0];

    must(size > 0);
    *length = 1;
    if (first < 0x80)
        return first;

    size_t need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

    if (first < 0xc2 || first > 0xf4 || size < need)
        return UTF8_BAD;

    int32_t point = first & (0x7f >> need);

    for (size_t i = 1; i < need; i++) {
        unsigned char byte = (unsigned char)data[i];

        if ((byte & 0xc0) != 0x80)
            return UTF8_BAD;
        point = point << 6 | (byte & 0x3f);
    }
    if (point < smallest[need] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return UTF8_BAD;
    *length = need;
    return point;
}

bool utf8_is_blank(int32_t point)
{
    return (point >= 0x09 && point <= 0x0d) || (point >= 0x1c && point <= 0x20)
           || point == 0x85 || point == 0xa0 || point == 0x1680
           || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029
           || point == 0x202f || point == 0x205f || point == 0x3000;
}

void utf8_trim(const char **text, size_t *size)
{
    size_t at = 0, end = 0, length;

    while (at < *size && utf8_is_blank(utf8_next(*text + at, *size - at, &length)))
        at += length;
    *text += at;
    *size -= at;
    for (at = 0; at < *size; at += length)
        if (!utf8_is_blank(utf8_next(*text + at, *size - at, &length)))
            end = at + length;
    *size = end;
}

size_t utf8_count(const char *text, size_t size)
{
    size_t count = 0, length;

    for (size_t at = 0; at < size; at += length, count++)
        (void)utf8_next(text + at, size - at, &length);
    return count;
}
