/* memory.h - counts what the broker's core allocates. The simulator has a build of the
 * core of its own, in which this header comes before every source. */
#pragma once

#include <stdlib.h>

void *counted_calloc(size_t count, size_t size);
void *counted_reallocarray(void *memory, size_t count, size_t size);
void counted_free(void *memory);
size_t counted_bytes(void); /* allocated and not freed */

#ifdef SIM_COUNTS
#define calloc(count, size)               counted_calloc(count, size)
#define reallocarray(memory, count, size) counted_reallocarray(memory, count, size)
#define free(memory)                      counted_free(memory)
#endif
