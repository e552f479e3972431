/* download.h - one URI into an object writer, with progress in the status stream. */
#pragma once

#include "nodes/staging/fetch.h"
#include "nodes/stores/get.h"

/* shown: the URI without its password. */
NODISCARD enum rc download_http(const struct fetching *fetching, const char *uri,
                                const char *shown, struct object_writer *writer,
                                struct web_got *got, struct err *err);
/* An object; or of a pattern the keys that match, a line each, with '%' and control
 * characters percent-encoded. RC_NOT_FOUND: none. */
NODISCARD enum rc download_s3(const struct fetching *fetching, struct arena *arena,
                              const char *uri, struct object_writer *writer,
                              struct web_got *got, struct err *err);
NODISCARD enum rc download_file(const struct fetching *fetching, const char *path,
                                struct object_writer *writer, struct err *err);

struct progress { /* says at sensible intervals how far a long transfer has come */
    const struct fetching *fetching;
    const char *shown;
    int64_t said_us; /* when it last said something; starts as the time of the start */
};
/* total 0: not known. */
void progress_say(struct progress *progress, uint64_t done, uint64_t total);
