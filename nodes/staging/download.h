/* download.h - one URI into an object writer, with progress in the status stream. */
#pragma once

#include "nodes/staging/fetch.h"
#include "nodes/stores/get.h"

struct wanted {
    const char *uri;
    const char *shown;   /* the URI without its password */
    const char *version; /* of an object, as its store names it; NULL: as it is now */
    bool is_list;        /* the objects that the URI means are wanted, not their bytes */
};

/* These two give a writer with the bytes, which is the caller's. */
NODISCARD enum rc download_http(const struct fetching *fetching, struct arena *arena,
                                const struct wanted *wanted,
                                struct object_writer **writer, struct web_got *got,
                                struct err *err);
/* An object, whose key may have stars in it. */
NODISCARD enum rc download_s3(const struct fetching *fetching, struct arena *arena,
                              const struct wanted *wanted, struct object_writer **writer,
                              struct web_got *got, struct err *err);
/* Of a pattern the keys that match, a line each, with '%' and control characters
 * percent-encoded; behind it, if the store tells them, a tab, the size, a tab and the
 * ETag. RC_NOT_FOUND: none. */
NODISCARD enum rc download_list(const struct fetching *fetching, struct arena *arena,
                                const char *uri, struct object_writer *writer,
                                struct err *err);
/* Whether a web or object URI still gives what it gave before: uri (without password),
 * etag and size of that. */
NODISCARD enum rc download_compare(const struct fetching *fetching, struct arena *arena,
                                   const char *uri, const struct plan_source *before,
                                   struct web_sameness *sameness, struct err *err);
NODISCARD enum rc download_file(const struct fetching *fetching, const char *path,
                                struct object_writer *writer, struct err *err);

struct progress { /* says at sensible intervals how far a long transfer has come */
    const struct fetching *fetching;
    const char *shown;
    int64_t said_us; /* when it last said something; starts as the time of the start */
};
/* total 0: not known. */
void progress_say(struct progress *progress, uint64_t done, uint64_t total);
