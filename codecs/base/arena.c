/* arena.c - a list of blocks, each twice the one before, filled from the front. */
#include "codecs/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first block holds a small plan, of which there is one for each active run, and is
 * among the sizes that malloc finds at once. */
enum { BLOCK_MIN = 960, BLOCK_MAX = 1 << 20 };

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *blocks;
    size_t limit, used;
};

struct arena *arena_create(size_t limit)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (arena)
        arena->limit = limit;
    return arena;
}

void arena_destroy(struct arena *arena)
{
    if (!arena)
        return;
    while (arena->blocks) {
        struct block *next = arena->blocks->next;

        free(arena->blocks);
        arena->blocks = next;
    }
    free(arena);
}

static struct block *block_add(struct arena *arena, size_t need)
{
    size_t size = arena->blocks ? arena->blocks->size * 2 : BLOCK_MIN;

    if (size > BLOCK_MAX)
        size = BLOCK_MAX;
    if (size < need)
        size = need;

    struct block *block = malloc(sizeof *block + size);

    if (!block)
        return NULL;
    *block = (struct block){ .next = arena->blocks, .size = size };
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t align = _Alignof(max_align_t);

    if (size > arena->limit || arena->used > arena->limit - size)
        return NULL;
    size = (size + align - 1) & ~(align - 1);

    struct block *block = arena->blocks;

    if (!block || block->size - block->used < size)
        block = block_add(arena, size);
    if (!block)
        return NULL;

    void *memory = block->bytes + block->used;

    block->used += size;
    arena->used += size;
    return memset(memory, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_alloc(arena, bytes);
}

char *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    if (size == SIZE_MAX)
        return NULL;

    char *copy = arena_alloc(arena, size + 1);

    if (copy && size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        return NULL;

    char *text = arena_alloc(arena, (size_t)size + 1);

    if (!text)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
