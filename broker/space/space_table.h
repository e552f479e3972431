/* space_table.h - what is known of each object while space is counted. Pure. */
#pragma once

#include "codecs/digest/digest.h"

enum space_kind { /* the first that applies */
                  SPACE_UNKNOWN,
                  SPACE_OUTPUT,
                  SPACE_LOG,
                  SPACE_CODE,
                  SPACE_INPUT,
                  SPACE_OTHER, /* environments, and what only a name holds */
                  SPACE_KIND_COUNT
};
const char *space_kind_name(enum space_kind kind);

enum { SPACE_MANY = UINT32_MAX };

struct space_object {
    uint8_t digest[DIGEST_SIZE];
    uint64_t size;
    int64_t kept_ns;
    uint32_t holder; /* place of the run that refers to it, plus 1; SPACE_MANY */
    uint32_t seen;   /* the run that was counted last, plus 1 */
    uint64_t titles; /* bit i: a run of title i refers to it */
    uint32_t place;  /* the first of the nodes that may keep it, plus 1; 0: none */
    uint8_t kind;
    bool is_kept, is_there, is_gone;
    bool is_remote; /* only nodes have it */
};

struct space_table {
    struct space_object *slots; /* open addressing; a free one is not there */
    size_t count, capacity;
};

void space_table_fini(struct space_table *table); /* a zeroed struct is fine */
/* false: no memory. */
NODISCARD bool space_table_add(struct space_table *table, const char *digest,
                               uint64_t size, int64_t kept_ns);
/* NULL: it is not there. Valid until the next add. */
struct space_object *space_table_find(const struct space_table *table,
                                      const char *digest);
