/* manifest.h - what an exported run's file begins with: what is in it. Format:
 * docs/versions.md. Pure. */
#pragma once

#include "codecs/digest/digest.h"
#include "codecs/value/value.h"

enum { MANIFEST_BYTES_MAX = 256 << 20 };

struct manifest {
    const char *store; /* UUID of the store that the run is from */
    const char *id;    /* of the run */
    const char *title, *state;
    uint64_t number;       /* of the run in that store */
    const char *records;   /* digest of the records */
    uint64_t records_size; /* bytes */
    const char *head;     /* hash of that store's last version at the export, as a digest;
                             NULL     if it is not told */
    const char **objects; /* digests, in the order of the file; each once */
    size_t object_count;
    const char **missing; /* digests that the store did not have any more */
    size_t missing_count;
};

void manifest_encode(struct buf *json, const struct manifest *manifest);
/* RC_INVALID with what is wrong; RC_NO_MEMORY. */
NODISCARD enum rc manifest_decode(struct arena *arena, const char *json, size_t size,
                                  struct manifest *manifest, struct err *err);
