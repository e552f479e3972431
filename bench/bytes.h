/* bytes.h - files that no store has yet. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Writes a file of so many bytes (a multiple of 1024) that no file system and no store
 * has twice. seed: not 0, goes on from call to call. */
void bytes_write(const char *path, size_t size, uint64_t *seed);
