/* names.h - what people call data: datum://ID, datum://ALIAS, dataset://NAME/VERSION, and
 * what a task says about its outputs in their properties. Pure.
 *
 * Source: docs/names.md, and docs/task-contract.md section 6 for the keys of
 * properties. */
#pragma once

#include "codecs/digest/uuid.h"
#include "codecs/value/value.h"

enum {
    NAME_BYTES_MAX = 128,     /* of an alias, a dataset, a version or a tag */
    SIDECAR_ENTRIES_MAX = 100 /* tags, and dataset versions, of one file */
};

/* 1 to NAME_BYTES_MAX bytes of UTF-8 without control characters, and without blanks at
 * either end. Tags may hold '/'; other names may not, and an alias is no UUID. */
bool tag_is_valid(const char *tag);
bool name_is_valid(const char *name);
bool alias_is_valid(const char *name);

enum name_kind {
    NAME_ID,     /* datum://<uuid> */
    NAME_ALIAS,  /* datum://<alias> */
    NAME_VERSION /* dataset://<dataset>/<version, or an alias of one, or "latest"> */
};
struct name_uri {
    enum name_kind kind;
    uint8_t id[UUID_BYTES];
    char name[NAME_BYTES_MAX + 1], version[NAME_BYTES_MAX + 1]; /* "" if not used */
};
/* Whether uri has one of the two schemes (in any case). */
bool name_uri_is(const char *uri);
/* RC_INVALID with what is wrong. */
NODISCARD enum rc name_uri_read(const char *uri, struct name_uri *read, struct err *err);
/* "dataset://NAME/VERSION". */
enum { NAME_URI_SIZE = 2 * NAME_BYTES_MAX + 16 };
void dataset_uri_write(const char *dataset, const char *version, char uri[NAME_URI_SIZE]);

struct sidecar_version { /* one entry of valohai.dataset-versions */
    struct name_uri uri;
    bool has_base;
    struct name_uri base; /* from */
    bool start_fresh;
    const struct value *exclude; /* VALUE_LIST of texts, or NULL */
};
struct sidecar {
    const char *alias; /* or NULL */
    const char **tags;
    size_t tag_count;
    struct sidecar_version *versions;
    size_t version_count;
};
/* Reads the special keys of a file's properties (a VALUE_LIST of maps, or absent). What
 * is wrong is left out, with a line in notes that begins with file. Borrows from
 * metadata. RC_NO_MEMORY. */
NODISCARD enum rc sidecar_read(struct arena *arena, const char *file,
                               const struct value *metadata, struct sidecar *sidecar,
                               struct buf *notes, struct err *err);
