/* digest_set.h - digests that were seen already. */
#pragma once

#include "codecs/digest/digest.h"

struct digest_table {
    uint8_t (*slots)[DIGEST_SIZE]; /* zeros: free */
    size_t count, capacity;
};
void digest_table_fini(struct digest_table *table);

/* Adds the digest; true if it was not there. text: "sha256:" and 64 hex digits. Without
 * memory it is not noted and true again. */
bool digest_table_add(struct digest_table *table, const char *text);
