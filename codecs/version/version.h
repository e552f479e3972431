/* version.h - the record of one ended task, or of many that ended as a block, and how
 * records hang together.
 *
 * A version names what never changes: the run and stage that the task was of (the class)
 * and the result that it had, by their hashes, and its predecessor by its own. So the
 * hash of the last version stands for all before it. Format: docs/versions.md. Pure. */
#pragma once

#include "codecs/digest/digest.h"
#include "codecs/pack/pack.h"
#include "codecs/wire/result.h"

enum { VERSION_NODE_MAX = 64, VERSION_BYTES_MAX = 4096 };

struct version {
    uint8_t previous[DIGEST_SIZE]; /* hash of the version before; zeros: the first */
    uint64_t run, index;
    uint32_t stage, attempt;   /* attempt: the last one, from 1 */
    enum result_status status; /* of the task */
    const char *node;          /* name of the node of that attempt */
    int64_t started_us, ended_us;
    uint8_t class_hash[DIGEST_SIZE];  /* version_class_hash */
    uint8_t result_hash[DIGEST_SIZE]; /* of the result's bytes; zeros: it has none */
    struct bytes origin; /* the record as the store had it that the run was imported from,
                            borrowed; size 0: the run was made here */
    uint64_t count; /* above 0: of as many tasks from index on, which ended as a block
                       (codecs/wire/block.h); result_hash is that of the block's bytes,
                       the times are those of the first start and the last end */
};

void version_encode(struct buf *buf, const struct version *version);
/* node goes to arena, origin borrows from bytes. RC_CORRUPT with what is wrong. */
NODISCARD enum rc version_decode(struct arena *arena, const void *bytes, size_t size,
                                 struct version *version, struct err *err);

void version_hash(struct digester *digester, const void *bytes, size_t size,
                  uint8_t hash[DIGEST_SIZE]);
/* From the hashes of the run's head record, its plan, and the resolved stage. */
void version_class_hash(struct digester *digester, const uint8_t head[DIGEST_SIZE],
                        const uint8_t plan[DIGEST_SIZE],
                        const uint8_t resolved[DIGEST_SIZE], uint8_t hash[DIGEST_SIZE]);
bool hash_is_zero(const uint8_t hash[DIGEST_SIZE]);
