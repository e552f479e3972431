/* pack_table.h - which object lies where in the packs; memory only, for object_packs.c.
 *
 * 48 bytes an object and 4 to 8 for the table. An object that was removed keeps its place
 * here until the next start. */
#pragma once

#include "codecs/digest/digest.h"

#define PACK_REMOVED UINT32_MAX

struct packed {
    unsigned char key[DIGEST_SIZE];
    uint32_t pack;   /* which one, as its owner counts */
    uint32_t offset; /* of its bytes in the pack */
    uint32_t size;   /* PACK_REMOVED: not there any more */
    uint32_t used_s; /* when it was added or used, in seconds since 1970 */
};

struct pack_table {
    struct packed *items;
    uint32_t *slots; /* number of an item, plus 1; 0: free */
    size_t count, capacity, slot_count;
};

void pack_table_fini(struct pack_table *table); /* a zeroed struct is fine */
/* NULL: never there. It may be removed. Valid until the next put. */
struct packed *pack_table_find(const struct pack_table *table,
                               const unsigned char key[DIGEST_SIZE]);
/* Adds or replaces. false: out of memory. */
bool pack_table_put(struct pack_table *table, const struct packed *packed);
