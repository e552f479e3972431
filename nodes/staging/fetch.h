/* fetch.h - the bytes of a URI into the node's cache, once per run and node.
 *
 * <directory>/fetched/<run id>/<sha256 of the URI> remembers what a URI gave, so that all
 * tasks of a run see the same bytes; it is locked while it is filled. Those of runs that
 * have not fetched anything for long are removed (fetched.h). Worker threads. */
#pragma once

#include "nodes/staging/staging.h"
#include "nodes/stores/web.h"

struct fetching {
    const struct staging *staging;
    uint64_t token; /* whose status stream is told */
    const char *run_id;
    bool is_fresh; /* do not trust what was remembered (VH_NO_DATA_CACHE) */
    const atomic_bool *cancelled;
};

struct fetched {
    char digest[DIGEST_TEXT_SIZE];
    uint64_t size;
    char etag[WEB_TAG_MAX]; /* that the server gave, with quotes; "" for none */
    char version[WEB_TAG_MAX], modified[WEB_TAG_MAX]; /* as it gave them, or "" */
};

/* file:, http:, https: and s3: URIs and absolute paths. RC_NOT_FOUND, RC_DENIED: a path;
 * RC_UNREACHABLE: the text has URL and HTTP status or reason; RC_UNSUPPORTED: another
 * scheme; RC_INVALID; RC_FULL; RC_CANCELLED. */
NODISCARD enum rc fetch_uri(const struct fetching *fetching, const char *uri,
                            struct fetched *fetched, struct err *err);
/* The list of the objects that an s3: URI with stars means (download_list). */
NODISCARD enum rc fetch_list(const struct fetching *fetching, const char *uri,
                             struct fetched *fetched, struct err *err);
/* The bytes that the source's digest names, by its URI with a password, if it still gives
 * them: of the source's version if the store has that, else of what is there now.
 * RC_NOT_FOUND with both digests: they are others. Other failures as fetch_uri. */
NODISCARD enum rc fetch_pinned(const struct fetching *fetching,
                               const struct plan_source *source, const char *uri,
                               struct fetched *fetched, struct err *err);
