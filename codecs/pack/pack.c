/* pack.c - the writing half, through msgpack-c's packer. */
#include "codecs/pack/pack.h"

#include <msgpack.h>
#include <string.h>

static int append(void *data, const char *bytes, size_t size)
{
    struct buf *buf = data;

    buf_add(buf, bytes, size);
    return buf_ok(buf) ? 0 : -1;
}

/* The packer holds no state but where to write; its results repeat buf_ok. */
static msgpack_packer packer_for(struct buf *buf)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, buf, append);
    return packer;
}

void pack_null(struct buf *buf)
{
    msgpack_packer packer = packer_for(buf);

    msgpack_pack_nil(&packer);
}

void pack_bool(struct buf *buf, bool boolean)
{
    msgpack_packer packer = packer_for(buf);

    if (boolean)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void pack_uint(struct buf *buf, uint64_t integer)
{
    msgpack_packer packer = packer_for(buf);

    msgpack_pack_uint64(&packer, integer);
}

void pack_int(struct buf *buf, int64_t integer)
{
    msgpack_packer packer = packer_for(buf);

    msgpack_pack_int64(&packer, integer);
}

void pack_float(struct buf *buf, double real)
{
    msgpack_packer packer = packer_for(buf);

    msgpack_pack_double(&packer, real);
}

void pack_text(struct buf *buf, const char *text)
{
    if (text)
        pack_string(buf, text, strlen(text));
    else
        pack_null(buf);
}

void pack_string(struct buf *buf, const char *data, size_t size)
{
    msgpack_packer packer = packer_for(buf);

    if (size > UINT32_MAX) {
        buf->failed = true;
        return;
    }
    msgpack_pack_str(&packer, size);
    buf_add(buf, data, size);
}

void pack_bytes(struct buf *buf, const void *data, size_t size)
{
    msgpack_packer packer = packer_for(buf);

    if (size > UINT32_MAX) {
        buf->failed = true;
        return;
    }
    msgpack_pack_bin(&packer, size);
    buf_add(buf, data, size);
}

void pack_list(struct buf *buf, size_t count)
{
    msgpack_packer packer = packer_for(buf);

    if (count > UINT32_MAX)
        buf->failed = true;
    else
        msgpack_pack_array(&packer, count);
}

void pack_map(struct buf *buf, size_t count)
{
    msgpack_packer packer = packer_for(buf);

    if (count > UINT32_MAX)
        buf->failed = true;
    else
        msgpack_pack_map(&packer, count);
}

static void pack_absent(struct buf *buf)
{
    msgpack_packer packer = packer_for(buf);

    msgpack_pack_ext(&packer, 0, PACK_EXT_ABSENT);
}

void pack_value(struct buf *buf, const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
        pack_absent(buf);
        return;
    case VALUE_NULL:
        pack_null(buf);
        return;
    case VALUE_BOOL:
        pack_bool(buf, value->boolean);
        return;
    case VALUE_INT:
        pack_int(buf, value->integer);
        return;
    case VALUE_FLOAT:
        pack_float(buf, value->real);
        return;
    case VALUE_STRING:
    case VALUE_TIMESTAMP:
        pack_string(buf, value->string.data, value->string.size);
        return;
    case VALUE_LIST:
        pack_list(buf, value->list.count);
        for (size_t i = 0; i < value->list.count; i++)
            pack_value(buf, &value->list.items[i]);
        return;
    case VALUE_MAP:
        pack_map(buf, value->map.count);
        for (size_t i = 0; i < value->map.count; i++) {
            pack_text(buf, value->map.entries[i].key);
            pack_value(buf, &value->map.entries[i].value);
        }
        return;
    case VALUE_KIND_COUNT:
        break;
    }
    unreachable_because("value kinds are closed");
}
