/* fields.h - the fields of a key, shared by the files of this folder only. */
#pragma once

#include "codecs/key/key.h"

/* All but the parameters. */
NODISCARD enum rc key_fields_of_class(const struct plan_stage *stage, const char *tree,
                                      struct arena *arena, struct key_fields *fields,
                                      struct err *err);
/* The value that a parameter shows to its command: a number that the file wrote as text
 * is one. Packed into buf; nothing when it has no value. */
NODISCARD enum rc key_parameter_pack(const struct plan_stage *stage, uint64_t index,
                                     size_t parameter, struct buf *buf, struct err *err);
/* [name, value] */
void key_field_pack(struct buf *buf, const char *name, const void *value, size_t size);
