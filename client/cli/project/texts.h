/* texts.h - a growing list of texts. Not thread-safe. */
#pragma once

#include "codecs/base/base.h"

struct texts {
    char **items; /* owned, each on its own */
    size_t count, capacity;
};

void texts_fini(struct texts *texts); /* a zeroed struct is fine */
#define scoped_texts __attribute__((cleanup(texts_fini))) struct texts

/* Adds a copy; false when out of memory. */
NODISCARD bool texts_add(struct texts *texts, const char *text);
NODISCARD bool texts_add_bytes(struct texts *texts, const char *bytes, size_t size);
/* Bytewise order; equal ones are kept once. */
void texts_sort(struct texts *texts);
