/* bytes.c - see bytes.h. */
#include "bench/bytes.h"

#include "bench/measure.h"

enum { PIECE = 1024 };

static void fill(uint64_t *words, size_t bytes, uint64_t *seed)
{
    for (size_t i = 0; i < bytes / sizeof *words; i++) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        words[i] = *seed;
    }
}

void bytes_write(const char *path, size_t size, uint64_t *seed)
{
    uint64_t words[PIECE / sizeof(uint64_t)];
    FILE *file = fopen(path, "we");

    for (size_t done = 0; file && done < size; done += sizeof words) {
        fill(words, sizeof words, seed);
        if (fwrite(words, sizeof words, 1, file) != 1)
            fail("cannot write %s", path);
    }
    if (!file || fclose(file) != 0)
        fail("cannot write %s", path);
}
