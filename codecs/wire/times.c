/* times.c - the 24 bytes of a mark, little-endian on every machine, and times as text. */
#include "codecs/wire/times.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { US_PER_S = 1000000 };

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

void time_text(int64_t unix_us, char text[TIME_TEXT_SIZE])
{
    bool is_before = unix_us % US_PER_S < 0;
    int64_t part = unix_us % US_PER_S + (is_before ? US_PER_S : 0);
    time_t seconds = (time_t)(unix_us / US_PER_S - is_before);
    char second[24];
    struct tm utc;

    if (!gmtime_r(&seconds, &utc) || utc.tm_year > 9999 - 1900)
        utc = (struct tm){ .tm_year = 70, .tm_mday = 1 };
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, TIME_TEXT_SIZE, "%s.%06u", second, (unsigned)part % US_PER_S);
}
