/* times.h - the index that says when which bytes of stdout and stderr arrived.
 *
 * Tasks write straight to files, so the times are kept beside them: a run of 24-byte
 * little-endian marks [int64 unix_us][uint64 end][uint64 stream], each saying that at
 * unix_us the stream (STREAM_STDOUT or STREAM_STDERR) had grown to end bytes. Per stream,
 * end never decreases. The time of a line is that of the first mark whose end reaches the
 * line's last byte. */
#pragma once

#include "codecs/wire/result.h"

enum { TIME_MARK_BYTES = 24 };

struct time_mark {
    int64_t unix_us;
    uint64_t end;
    enum stream stream;
};

void time_mark_encode(const struct time_mark *mark, unsigned char bytes[TIME_MARK_BYTES]);
/* false: the stream is none of the two. */
bool time_mark_decode(const unsigned char bytes[TIME_MARK_BYTES], struct time_mark *mark);

enum { TIME_TEXT_SIZE = 32 };

/* UTC, ISO 8601 with microseconds and without a zone: 2025-04-04T15:03:39.321000, as
 * section 5 of the in-task contract has it. Beyond the year 9999: 1970-01-01. */
void time_text(int64_t unix_us, char text[TIME_TEXT_SIZE]);
