/* replay.c - stands in for libFuzzer: gives a target the files named on the command line,
 * each also cut short and with a byte changed at every place, and random bytes.
 *
 * What it gives is the same every time. Exit status 2 for a file that cannot be read. */
#include "codecs/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    SEED_BYTES_MAX = 1 << 20,
    DAMAGE_PLACES_MAX = 4096, /* in one seed */
    RANDOM_INPUTS = 20000,
    RANDOM_BYTES_MAX = 64
};

/* The bytes lie in a block of their own size, so that a sanitizer sees a read past them.
 */
static void give(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    must(copy);
    if (size)
        memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void give_damaged(uint8_t *bytes, size_t size)
{
    static const uint8_t changes[] = { 0x01, 0x80, 0xff };
    size_t stride = 1 + size / DAMAGE_PLACES_MAX;

    give(bytes, size);
    for (size_t at = 0; at < size; at += stride) {
        give(bytes, at);
        for (size_t i = 0; i < COUNT_OF(changes); i++) {
            bytes[at] ^= changes[i];
            give(bytes, size);
            bytes[at] ^= changes[i];
        }
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void give_random(void)
{
    uint8_t bytes[RANDOM_BYTES_MAX];
    uint32_t state = 1;

    for (unsigned n = 0; n < RANDOM_INPUTS; n++) {
        size_t size = next_random(&state) % sizeof bytes;

        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)next_random(&state);
        give(bytes, size);
    }
}

static bool give_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(SEED_BYTES_MAX);
    size_t size = 0;
    bool is_read = false;

    must(bytes);
    if (file) {
        size = fread(bytes, 1, SEED_BYTES_MAX, file);
        is_read = !ferror(file) && size < SEED_BYTES_MAX;
        fclose(file);
    }
    if (is_read)
        give_damaged(bytes, size);
    else
        fprintf(stderr, "%s cannot be read, or is larger than %d bytes\n", path,
                SEED_BYTES_MAX);
    free(bytes);
    return is_read;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!give_file(argv[i]))
            return 2;
    give_random();
    return 0;
}
