/* shape.h - the structs of plan.h as tables of fields.
 *
 * Encoder and decoder both follow these tables, so they cannot differ. Key and member
 * have the same name, except in edges. A field that holds zero (NULL, false, absent, an
 * empty list) is left out of the bytes; docs/plan.md lists the fields. Inner to this
 * folder. */
#pragma once

#include "codecs/plan/plan.h"

enum field_kind {
    FIELD_TEXT,    /* const char * */
    FIELD_BOOL,    /* bool */
    FIELD_UINT32,  /* uint32_t, unsigned or any enum: 0 to max */
    FIELD_UINT64,  /* uint64_t: 0 to max */
    FIELD_FLOAT,   /* double */
    FIELD_VALUE,   /* struct value */
    FIELD_STRUCT,  /* a struct with a shape of its own, embedded */
    FIELD_TEXTS,   /* const char *const *, and a count */
    FIELD_ENUMS,   /* const enum x *, and a count; each 0 to max */
    FIELD_VALUES,  /* const struct value *, and a count */
    FIELD_STRUCTS, /* struct x *, and a count */
};

struct shape;

struct field {
    const char *key;
    size_t key_size;
    size_t offset, count_offset;
    uint64_t max;      /* greatest number, or bytes of a text, or items of a list */
    uint32_t item_max; /* FIELD_ENUMS: greatest item */
    enum field_kind kind;
    bool is_required; /* of a text: it must be there */
    const struct shape *shape;
};

struct shape {
    const char *noun; /* for error texts */
    size_t size;      /* of the struct */
    const struct field *fields;
    size_t field_count;
};

extern const struct shape plan_shape;
extern const struct shape plan_stage_shape;

/* Whether the field holds zero in the struct at base. */
bool field_is_zero(const struct field *field, const void *base);

/* The count of a field that has one. */
static inline size_t field_count(const struct field *field, const void *base)
{
    return *(const size_t *)((const char *)base + field->count_offset);
}
