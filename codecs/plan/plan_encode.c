/* plan_encode.c - a plan as msgpack: a struct is a map of its fields that are not zero,
 * keyed by short names; the tables are in shape.c, the format in docs/plan.md. */
#include "codecs/plan/shape.h"

#include "codecs/pack/pack.h"

static void shape_encode(struct buf *buf, const struct shape *shape, const void *base);

static void list_encode(struct buf *buf, const struct field *field, const void *base)
{
    const void *items = *(const void *const *)((const char *)base + field->offset);
    size_t count = field_count(field, base);

    pack_list(buf, count);
    for (size_t i = 0; i < count && buf_ok(buf); i++) {
        if (field->kind == FIELD_TEXTS)
            pack_text(buf, ((const char *const *)items)[i]);
        else if (field->kind == FIELD_ENUMS)
            pack_uint(buf, ((const uint32_t *)items)[i]);
        else if (field->kind == FIELD_VALUES)
            pack_value(buf, &((const struct value *)items)[i]);
        else
            shape_encode(buf, field->shape, (const char *)items + i * field->shape->size);
    }
}

static void field_encode(struct buf *buf, const struct field *field, const void *base)
{
    const char *at = (const char *)base + field->offset;

    switch (field->kind) {
    case FIELD_TEXT:
        pack_text(buf, *(const char *const *)at);
        break;
    case FIELD_BOOL:
        pack_bool(buf, *(const bool *)at);
        break;
    case FIELD_UINT32:
        pack_uint(buf, *(const uint32_t *)at);
        break;
    case FIELD_UINT64:
        pack_uint(buf, *(const uint64_t *)at);
        break;
    case FIELD_FLOAT:
        pack_float(buf, *(const double *)at);
        break;
    case FIELD_VALUE:
        pack_value(buf, (const struct value *)at);
        break;
    case FIELD_STRUCT:
        shape_encode(buf, field->shape, at);
        break;
    case FIELD_TEXTS:
    case FIELD_ENUMS:
    case FIELD_VALUES:
    case FIELD_STRUCTS:
        list_encode(buf, field, base);
        break;
    }
}

static void shape_encode(struct buf *buf, const struct shape *shape, const void *base)
{
    size_t count = 0;

    for (size_t i = 0; i < shape->field_count; i++)
        count += !field_is_zero(&shape->fields[i], base);
    pack_map(buf, count);
    for (size_t i = 0; i < shape->field_count; i++) {
        if (field_is_zero(&shape->fields[i], base))
            continue;
        pack_text(buf, shape->fields[i].key);
        field_encode(buf, &shape->fields[i], base);
    }
}

void plan_encode(struct buf *buf, const struct plan *plan)
{
    shape_encode(buf, &plan_shape, plan);
}

void plan_stage_encode(struct buf *buf, const struct plan_stage *stage)
{
    shape_encode(buf, &plan_stage_shape, stage);
}
