/* times.c - the 24 bytes of a mark, little-endian on every machine. */
#include "codecs/wire/times.h"

#include <endian.h>
#include <string.h>

void time_mark_encode(const struct time_mark *mark, unsigned char bytes[TIME_MARK_BYTES])
{
    uint64_t fields[3] = { htole64((uint64_t)mark->unix_us), htole64(mark->end),
                           htole64((uint64_t)mark->stream) };

    _Static_assert(sizeof fields == TIME_MARK_BYTES, "three words make a mark");
    memcpy(bytes, fields, sizeof fields);
}

bool time_mark_decode(const unsigned char bytes[TIME_MARK_BYTES], struct time_mark *mark)
{
    uint64_t fields[3];

    memcpy(fields, bytes, sizeof fields);

    uint64_t stream = le64toh(fields[2]);

    if (stream != STREAM_STDOUT && stream != STREAM_STDERR)
        return false;
    *mark = (struct time_mark){ .unix_us = (int64_t)le64toh(fields[0]),
                                .end = le64toh(fields[1]),
                                .stream = (enum stream)stream };
    return true;
}
