/* read.h - from the bytes of a valohai.yaml to findings and a config.
 *
 * Source: the file format's compatibility notes in docs/valohai-yaml.md. Pure: no file is
 * opened here; callers pass the bytes. Bounded: size, nesting and alias expansion have
 * limits, and beyond them is a finding like any other. */
#pragma once

#include "codecs/config/config.h"

enum finding_level { FINDING_ERROR, FINDING_WARNING, FINDING_HINT };

struct finding {
    enum finding_level level;
    const char *id;      /* "yaml", "schema", "parse", or the rule: "T1" ... "K3" */
    const char *message; /* one line, says what is wrong */
    const char
        *path; /* dot-separated key path from the top, "1.pipeline.nodes.0"; may be "" */
    const char *nearest; /* the nearest valid key or value for a misspelt one, or NULL */
    const char *hint;    /* one sentence how to mend it, or NULL */
    struct place place;
};

enum {
    CONFIG_BYTES_MAX = 16 << 20, /* of one file */
    CONFIG_DEPTH_MAX = 256,      /* nesting */
    CONFIG_NODES_MAX = 2000000,  /* nodes after alias expansion */
    CONFIG_FINDINGS_MAX = 10000, /* further ones are counted, not kept */
};

struct lint {
    struct arena *arena;
    const struct finding *findings; /* in file order within a stage of checking */
    size_t finding_count;
    size_t error_count, warning_count; /* hints are not counted */
    const struct config
        *config; /* NULL when there was an error before or while parsing */
};

/* Reads and checks the whole file. file: the name to say in messages. RC_OK also when
 * there are findings; only RC_NO_MEMORY fails. The caller owns *lint and calls lint_fini.
 */
NODISCARD enum rc lint_file(const char *file, const void *bytes, size_t size,
                            struct lint *lint, struct err *err);
void lint_fini(struct lint *lint); /* frees findings and config */
