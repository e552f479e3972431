/* buf.h - a growing run of bytes with a limit.
 *
 * A failed append marks the buffer and all later appends do nothing, so a writer checks
 * once, at the end, with buf_ok. Not thread-safe. */
#pragma once

#include "codecs/base/base.h"

#include <string.h>

struct buf {
    unsigned char *data; /* owned; not NUL-terminated */
    size_t size, capacity;
    size_t limit; /* bytes; reaching it fails the append */
    bool failed;
};

enum { BUF_LIMIT_DEFAULT = 64 << 20 };

void buf_init(struct buf *buf, size_t limit); /* limit 0: BUF_LIMIT_DEFAULT */
void buf_fini(struct buf *buf);               /* a zeroed struct is fine */
void buf_clear(struct buf *buf); /* empties, keeps the memory, forgets a failure */
static inline bool buf_ok(const struct buf *buf)
{
    return !buf->failed;
}

void buf_add_growing(struct buf *buf, const void *bytes, size_t size);
/* Here, because most of what is encoded is a byte or two that fit. */
static inline void buf_add(struct buf *buf, const void *bytes, size_t size)
{
    if (size >= buf->capacity - buf->size || size > buf->limit - buf->size || size == 0
        || buf->failed) {
        buf_add_growing(buf, bytes, size);
        return;
    }
    memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
}
void buf_text(struct buf *buf, const char *text);
void buf_byte(struct buf *buf, unsigned char byte);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* Makes room for size more bytes and gives where they go, or NULL; then buf_grew(size
 * written). */
NODISCARD void *buf_room(struct buf *buf, size_t size);
void buf_grew(struct buf *buf, size_t size);
/* Drops size bytes from the front. */
void buf_drop(struct buf *buf, size_t size);
/* Ends the text with a NUL that size does not count; "" after a failure. Valid until the
 * next call. */
const char *buf_string(struct buf *buf);

#define scoped_buf __attribute__((cleanup(buf_fini))) struct buf
