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
};

/* file:, http:, https: and s3: URIs and absolute paths; an s3: URI with stars gives the
 * list of its objects (download_s3). RC_NOT_FOUND, RC_DENIED: a path;
 * RC_UNREACHABLE: the text has URL and HTTP status or reason; RC_UNSUPPORTED: another
 * scheme; RC_INVALID; RC_FULL; RC_CANCELLED. */
NODISCARD enum rc fetch_uri(const struct fetching *fetching, const char *uri,
                            struct fetched *fetched, struct err *err);
