/* memory.c - memory with its size in front of it. One sum for the process: allocators
 * have no context to be handed a counter by, and a simulator runs in one thread. */
#include "tests/sim/memory.h"

#include "codecs/base/base.h"

#include <stddef.h>
#include <string.h>

struct block {
    size_t size;
    max_align_t memory[];
};

static size_t bytes;

static struct block *block_of(void *memory)
{
    return (struct block *)((char *)memory - offsetof(struct block, memory));
}

void *counted_reallocarray(void *memory, size_t count, size_t size)
{
    struct block *block = memory ? block_of(memory) : NULL;
    size_t old = block ? block->size : 0, wanted;

    if (__builtin_mul_overflow(count, size, &wanted))
        return NULL;
    block = realloc(block, sizeof *block + wanted);
    if (!block)
        return NULL;
    block->size = wanted;
    bytes += wanted - old;
    return block->memory;
}

void *counted_calloc(size_t count, size_t size)
{
    void *memory = counted_reallocarray(NULL, count, size);

    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

void counted_free(void *memory)
{
    if (!memory)
        return;
    bytes -= block_of(memory)->size;
    free(block_of(memory));
}

size_t counted_bytes(void)
{
    return bytes;
}
