/* plan_decode.c - msgpack to a plan, field by field as shape.c tells; what a single field
 * cannot show (references, names, cycles) is left to plan_check.c. */
#include "codecs/plan/check.h"
#include "codecs/plan/shape.h"

#include <string.h>

#include "codecs/pack/pack.h"

struct decoder {
    struct reader reader;
    struct arena *arena;
    struct err *err;
    enum rc rc; /* of the first failure, whose text is in err */
};

static void shape_decode(struct decoder *decoder, const struct shape *shape, void *base);

__attribute__((cold)) static void decode_fail(struct decoder *decoder, enum rc rc,
                                              const struct shape *shape, const char *key,
                                              const char *why)
{
    if (decoder->rc != RC_OK)
        return;
    decoder->rc = err_set(decoder->err, rc, "plan, byte %zu: '%s' of a %s %s",
                          decoder->reader.at, key, shape->noun, why);
    reader_fail(&decoder->reader);
}

/* A text that is NUL-terminated, or NULL after a failure. */
static const char *text_decode(struct decoder *decoder, const struct shape *shape,
                               const char *key, size_t max)
{
    struct bytes bytes = reader_string(&decoder->reader);

    if (!reader_ok(&decoder->reader)) {
        decode_fail(decoder, RC_PROTOCOL, shape, key, "is no string");
        return NULL;
    }
    if (bytes.size > max || memchr(bytes.data, '\0', bytes.size)) {
        decode_fail(decoder, RC_PROTOCOL, shape, key, "is too long or holds a NUL");
        return NULL;
    }

    const char *text = arena_copy(decoder->arena, bytes.data, bytes.size);

    if (!text)
        decode_fail(decoder, RC_NO_MEMORY, shape, key, "needs more memory");
    return text;
}

static size_t item_size(const struct field *field)
{
    switch (field->kind) {
    case FIELD_TEXTS:
        return sizeof(char *);
    case FIELD_ENUMS:
        return sizeof(uint32_t);
    case FIELD_VALUES:
        return sizeof(struct value);
    case FIELD_STRUCTS:
        return field->shape->size;
    case FIELD_TEXT:
    case FIELD_BOOL:
    case FIELD_UINT32:
    case FIELD_UINT64:
    case FIELD_FLOAT:
    case FIELD_VALUE:
    case FIELD_STRUCT:
        break;
    }
    unreachable_because("only lists have items");
}

/* The fewest bytes that an item can have, so that a short message cannot announce a list
 * that needs much memory. */
static size_t item_bytes_min(const struct field *field)
{
    size_t bytes = 1;

    for (size_t i = 0; field->kind == FIELD_STRUCTS && i < field->shape->field_count; i++)
        if (field->shape->fields[i].is_required)
            bytes += strlen(field->shape->fields[i].key) + 2;
    return bytes;
}

static void item_decode(struct decoder *decoder, const struct shape *shape,
                        const struct field *field, void *items, size_t i)
{
    if (field->kind == FIELD_TEXTS)
        ((const char **)items)[i] =
            text_decode(decoder, shape, field->key, PLAN_TEXT_MAX);
    else if (field->kind == FIELD_ENUMS)
        ((uint32_t *)items)[i] =
            (uint32_t)reader_uint_max(&decoder->reader, field->item_max);
    else if (field->kind == FIELD_VALUES)
        reader_value(&decoder->reader, decoder->arena, &((struct value *)items)[i]);
    else
        shape_decode(decoder, field->shape, (char *)items + i * field->shape->size);
}

static void list_decode(struct decoder *decoder, const struct shape *shape,
                        const struct field *field, void *base)
{
    size_t count = reader_list(&decoder->reader);
    size_t left = decoder->reader.size - decoder->reader.at;

    if (!reader_ok(&decoder->reader)) {
        decode_fail(decoder, RC_PROTOCOL, shape, field->key, "is no list");
        return;
    }
    if (count > field->max || count > left / item_bytes_min(field)) {
        decode_fail(decoder, RC_PROTOCOL, shape, field->key, "has too many items");
        return;
    }

    void *items = arena_array(decoder->arena, count, item_size(field));

    if (!items) {
        decode_fail(decoder, RC_NO_MEMORY, shape, field->key, "needs more memory");
        return;
    }
    for (size_t i = 0; i < count && reader_ok(&decoder->reader); i++)
        item_decode(decoder, shape, field, items, i);
    *(void **)((char *)base + field->offset) = items;
    *(size_t *)((char *)base + field->count_offset) = count;
}

static void field_decode(struct decoder *decoder, const struct shape *shape,
                         const struct field *field, void *base)
{
    struct reader *reader = &decoder->reader;
    char *at = (char *)base + field->offset;

    switch (field->kind) {
    case FIELD_TEXT:
        if (!reader_is_null(reader))
            *(const char **)at =
                text_decode(decoder, shape, field->key, (size_t)field->max);
        break;
    case FIELD_BOOL:
        *(bool *)at = reader_bool(reader);
        break;
    case FIELD_UINT32:
        *(uint32_t *)at = (uint32_t)reader_uint_max(reader, field->max);
        break;
    case FIELD_UINT64:
        *(uint64_t *)at = reader_uint_max(reader, field->max);
        break;
    case FIELD_FLOAT:
        *(double *)at = reader_float(reader);
        break;
    case FIELD_VALUE:
        reader_value(reader, decoder->arena, (struct value *)at);
        break;
    case FIELD_STRUCT:
        shape_decode(decoder, field->shape, at);
        break;
    case FIELD_TEXTS:
    case FIELD_ENUMS:
    case FIELD_VALUES:
    case FIELD_STRUCTS:
        list_decode(decoder, shape, field, base);
        break;
    }
    if (!reader_ok(reader))
        decode_fail(decoder, RC_PROTOCOL, shape, field->key,
                    "is cut off, or of a wrong type or range");
}

/* Keys mostly come in the table's order, so the search starts behind the last find. */
static const struct field *field_find(const struct shape *shape, struct bytes key,
                                      size_t *next)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        size_t at =
            *next + i < shape->field_count ? *next + i : *next + i - shape->field_count;

        if (key.size == shape->fields[at].key_size
            && memcmp(key.data, shape->fields[at].key, key.size) == 0) {
            *next = at + 1;
            return &shape->fields[at];
        }
    }
    return NULL;
}

static void shape_decode(struct decoder *decoder, const struct shape *shape, void *base)
{
    size_t next = 0;

    for (size_t n = reader_map(&decoder->reader); n > 0 && reader_ok(&decoder->reader);
         n--) {
        struct bytes key = reader_string(&decoder->reader);
        const struct field *field =
            reader_ok(&decoder->reader) ? field_find(shape, key, &next) : NULL;

        if (field)
            field_decode(decoder, shape, field, base);
        else
            reader_skip(&decoder->reader);
    }
    if (!reader_ok(&decoder->reader))
        decode_fail(decoder, RC_PROTOCOL, shape, "map", "is cut off or is no map");
    for (size_t i = 0; i < shape->field_count; i++)
        if (shape->fields[i].is_required && field_is_zero(&shape->fields[i], base))
            decode_fail(decoder, RC_PROTOCOL, shape, shape->fields[i].key, "is missing");
}

/* A zeroed struct filled from the whole of the bytes, or NULL with rc and text in err. */
static void *decode_all(struct arena *arena, const void *bytes, size_t size,
                        const struct shape *shape, enum rc *rc, struct err *err)
{
    struct decoder decoder = { .arena = arena, .err = err };
    void *base = arena_alloc(arena, shape->size);

    if (!base) {
        *rc = err_set(err, RC_NO_MEMORY, "plan: no memory for %zu bytes", shape->size);
        return NULL;
    }
    reader_init(&decoder.reader, bytes, size);
    shape_decode(&decoder, shape, base);
    if (decoder.rc == RC_OK && !reader_at_end(&decoder.reader))
        decode_fail(&decoder, RC_PROTOCOL, shape, "map", "has bytes behind it");
    *rc = decoder.rc;
    return decoder.rc == RC_OK ? base : NULL;
}

enum rc plan_decode(struct arena *arena, const void *bytes, size_t size,
                    struct plan **plan, struct err *err)
{
    enum rc rc;
    struct plan *decoded = decode_all(arena, bytes, size, &plan_shape, &rc, err);

    if (decoded)
        rc = plan_check(decoded, err);
    if (rc == RC_OK)
        rc = plan_edges_sort(arena, decoded, err);
    if (rc == RC_OK)
        *plan = decoded;
    return rc;
}

enum rc plan_stage_decode(struct arena *arena, const void *bytes, size_t size,
                          struct plan_stage **stage, struct err *err)
{
    enum rc rc;
    struct plan_stage *decoded =
        decode_all(arena, bytes, size, &plan_stage_shape, &rc, err);

    if (decoded)
        rc = plan_stage_check(decoded, err);
    if (rc == RC_OK)
        *stage = decoded;
    return rc;
}
