/* stores.h - which object stores this node knows, and what it may do there.
 *
 * The file of stores (docs/settings.md) is read anew at each use, so that renewed
 * credentials count at once. Secrets live in the arena that the caller gives and go
 * nowhere but into signatures; no error text has one. Any thread. */
#pragma once

#include "codecs/base/arena.h"

struct store {
    const char *name;     /* as in the file; NULL: made from the environment */
    const char *bucket;   /* NULL: any */
    const char *endpoint; /* a URL without a slash at its end */
    const char *region;
    const char *prefix; /* of keys of outputs; "" for none */
    bool path_style, is_anonymous;
    bool keeps_outputs; /* false: nothing is to be uploaded */
    const char *access_key, *secret_key, *session_token; /* NULL when anonymous */
    const char *origin; /* where the credentials come from, for people */
};

/* The store for a bucket that an s3:// URI names: the one that has this bucket, else the
 * one without a bucket, else what the environment says. file NULL: only that. RC_DENIED:
 * there are no credentials, or others may read the file; RC_INVALID; RC_IO. */
NODISCARD enum rc store_of_bucket(const char *file, const char *bucket,
                                  struct arena *arena, struct store *store,
                                  struct err *err);
/* The store that an upload-store names. RC_NOT_FOUND; RC_INVALID: it has no bucket. */
NODISCARD enum rc store_of_name(const char *file, const char *name, struct arena *arena,
                                struct store *store, struct err *err);
