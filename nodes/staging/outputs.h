/* outputs.h - which files an attempt made, and what is said about them.
 *
 * An output is a regular file below outputs/, or one that was taken from there while the
 * command ran. Symbolic links are not outputs, not even those to an output: the file that
 * they name is one already if it lies in outputs/, and nothing outside it may be one.
 * Links and special files are left out with a status line. */
#pragma once

#include "nodes/staging/staging.h"

#define SIDECAR_ENDING  ".metadata.json"
#define PROPERTIES_FILE "valohai.metadata.jsonl"

struct found_output {
    const char *name; /* below outputs/ */
    const char *path; /* below the attempt's folder */
    uint64_t batch;   /* those taken earlier have smaller numbers; UINT64_MAX: the rest */
    bool is_bad;      /* the name cannot be an output's */
};

struct found_outputs { /* sorted by name, then batch; without sidecars */
    struct found_output *outputs;
    size_t count;
};

/* Output failures are counted and the first one is kept for the person. */
struct complaints {
    const struct staging *staging;
    uint64_t token;
    size_t said, failures;
    char first[1000]; /* the first failure */
};
/* A status line, as long as there are not too many of them. */
void complain(struct complaints *complaints, bool is_failure, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* RC_NO_MEMORY, RC_IO. */
NODISCARD enum rc outputs_find(int folder, struct arena *arena,
                               struct complaints *complaints, struct found_outputs *found,
                               struct err *err);
/* name as a JSON string, fit for a status line. */
const char *name_shown(struct arena *arena, const char *name);
