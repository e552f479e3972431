/* fields.h - reading answers of the broker into structs. Inner to libsluice. */
#pragma once

#include "client/lib/client.h"

enum { LOOK_ARENA_MAX = 1 << 30, LOOK_TEXT_MAX = 1 << 20 };

struct field { /* where the value of a key goes */
    const char *key;
    enum { FIELD_TEXT, FIELD_UINT, FIELD_UINT32, FIELD_INT, FIELD_BOOL } kind;
    void *to;
};

/* Reads a map into the fields; keys that are not asked for are skipped, texts default to
 * "". */
void fields_read(struct reader *reader, struct arena *arena, const struct field *fields,
                 size_t count);
/* A list of texts. */
const char *const *fields_texts(struct reader *reader, struct arena *arena,
                                size_t *count);
enum rc fields_undecodable(struct err *err);

/* An arena with room for a box in it; the pointer to the arena goes to *arena. NULL when
 * out of memory. */
void *box_create(size_t size, struct arena **arena, struct err *err);
