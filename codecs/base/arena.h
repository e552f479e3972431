/* arena.h - memory that is given back all at once.
 *
 * For trees that are built once and read many times (documents, values, plans).
 * Single-threaded. Every arena has a limit; reaching it is like running out of memory. */
#pragma once

#include "codecs/base/base.h"

struct arena;

/* limit: bytes handed out in all, at the most. NULL when out of memory. */
struct arena *arena_create(size_t limit);
void arena_destroy(struct arena *arena); /* NULL is fine */
SCOPED(arena)

/* Zeroed memory aligned for any type, or NULL at the limit or when out of memory. size 0
 * gives a valid pointer. Lives as long as the arena. */
NODISCARD void *arena_alloc(struct arena *arena, size_t size);
/* count * size, NULL also on overflow. */
NODISCARD void *arena_array(struct arena *arena, size_t count, size_t size);
/* A copy with a terminating NUL behind it. */
NODISCARD char *arena_copy(struct arena *arena, const void *bytes, size_t size);
NODISCARD char *arena_text(struct arena *arena, const char *text);
NODISCARD char *arena_printf(struct arena *arena, const char *format, ...)
    PRINTF_LIKE(2, 3);

size_t arena_used(const struct arena *arena); /* bytes handed out */
