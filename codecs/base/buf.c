/* buf.c - doubling, up to the limit. */
#include "codecs/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t limit)
{
    *buf = (struct buf){ .limit = limit ? limit : BUF_LIMIT_DEFAULT };
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){ 0 };
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

void *buf_room(struct buf *buf, size_t size)
{
    if (buf->limit == 0)
        buf->limit = BUF_LIMIT_DEFAULT;
    if (buf->failed || size > buf->limit || buf->size > buf->limit - size) {
        buf->failed = true;
        return NULL;
    }

    size_t need = buf->size + size;

    if (need + 1 > buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity : 128;

        while (capacity < need + 1)
            capacity *= 2;

        unsigned char *data = realloc(buf->data, capacity);

        if (!data) {
            buf->failed = true;
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->size;
}

void buf_grew(struct buf *buf, size_t size)
{
    must(size <= buf->capacity - buf->size);
    buf->size += size;
}

void buf_add_growing(struct buf *buf, const void *bytes, size_t size)
{
    void *room = buf_room(buf, size);

    if (!room || size == 0)
        return;
    memcpy(room, bytes, size);
    buf->size += size;
}

void buf_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_byte(struct buf *buf, unsigned char byte)
{
    buf_add(buf, &byte, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);

    char *room = size < 0 ? NULL : buf_room(buf, (size_t)size + 1);

    if (!room) {
        buf->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(room, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buf->size += (size_t)size;
}

void buf_drop(struct buf *buf, size_t size)
{
    must(size <= buf->size);
    if (size > 0)
        memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
}

const char *buf_string(struct buf *buf)
{
    if (buf->failed || !buf_room(buf, 0))
        return "";
    buf->data[buf->size] = '\0';
    return (const char *)buf->data;
}
