/* pack.h - msgpack, written through msgpack-c and read with a checked cursor.
 *
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md. The reader allocates
 * nothing, never looks beyond its bytes, and bounds counts by the bytes that are left, so
 * a short message cannot announce a huge one. Not thread-safe. */
#pragma once

#include "codecs/value/value.h"

#include <string.h>

/* Writing: appends to buf; check buf_ok at the end. Maps and lists announce their count.
 */
void pack_null(struct buf *buf);
void pack_bool(struct buf *buf, bool boolean);
void pack_uint(struct buf *buf, uint64_t integer);
void pack_int(struct buf *buf, int64_t integer);
void pack_float(struct buf *buf, double real);
void pack_text(struct buf *buf, const char *text); /* NULL is written as null */
void pack_string(struct buf *buf, const char *data, size_t size);
void pack_bytes(struct buf *buf, const void *data, size_t size);
void pack_list(struct buf *buf, size_t count);
void pack_map(struct buf *buf, size_t count);
/* An absent value is an extension without data, a timestamp is written as a string. */
enum { PACK_EXT_ABSENT = 1 };
void pack_value(struct buf *buf, const struct value *value);

/* Reading. After the first failure every read fails and gives zero values (a text is "",
 * a value is absent); the reader keeps the offset of the failure. Check reader_ok once,
 * at the end of a run of reads. */
struct reader {
    const unsigned char *data; /* borrowed until the last read */
    size_t size, at;
    bool failed;
    bool no_memory; /* failed because an arena was at its limit: the bytes may be fine */
    unsigned depth;
};

struct bytes {
    const char *data; /* borrowed from the reader's bytes; not NUL-terminated */
    size_t size;
};

void reader_init(struct reader *reader, const void *data, size_t size);
static inline bool reader_ok(const struct reader *reader)
{
    return !reader->failed;
}
bool reader_at_end(const struct reader *reader); /* ok and nothing left */
void reader_fail(struct reader *reader);

bool reader_is_null(
    struct reader *reader); /* true: consumed a null; false: nothing consumed */
bool reader_bool(struct reader *reader);
uint64_t reader_uint(struct reader *reader); /* a negative integer fails */
uint64_t reader_uint_max(struct reader *reader, uint64_t max); /* above max fails */
int64_t reader_int(struct reader *reader);
double reader_float(struct reader *reader);        /* integers are accepted */
struct bytes reader_string(struct reader *reader); /* str; also bin */
struct bytes reader_bytes(struct reader *reader);  /* bin; also str */
/* A string as NUL-terminated text in arena; fails if it holds a NUL, or is larger than
 * max bytes. */
const char *reader_text(struct reader *reader, struct arena *arena, size_t max);
/* As reader_text, and null gives NULL. */
const char *reader_text_or_null(struct reader *reader, struct arena *arena, size_t max);
size_t reader_list(struct reader *reader); /* item count, at most the bytes left */
size_t reader_map(struct reader *reader);  /* entry count, at most half the bytes left */
void reader_skip(struct reader *reader);   /* one value of any kind, with all it holds */
/* Strings and bytes become strings, integers above int64 floats. Fails on a key that
 * stands twice, on keys that hold a NUL, beyond VALUE_DEPTH_MAX and at arena's limit. */
void reader_value(struct reader *reader, struct arena *arena, struct value *value);

/* For maps keyed by short strings: reads the key and says whether it is the given one.
 *   for (size_t n = reader_map(r); n > 0 && reader_ok(r); n--) {
 *       struct bytes key = reader_string(r);
 *       if (bytes_are(key, "name")) ... else reader_skip(r); } */
static inline bool bytes_are(struct bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}
