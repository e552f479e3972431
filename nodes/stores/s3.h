/* s3.h - objects in a store that speaks Amazon's S3 protocol. Slow: worker threads.
 *
 * Keys are the bytes that stand behind "s3://bucket/", never percent-encoded there. */
#pragma once

#include "nodes/stores/get.h"

struct s3_place {
    const struct store *store;
    const char *bucket, *key;     /* key "": the bucket */
    const atomic_bool *cancelled; /* may be NULL */
};

/* The URL, with a query that is name, value, name, value, ..., NULL sorted by name, or
 * NULL. NULL when out of memory. */
const char *s3_url(struct arena *arena, const struct s3_place *place,
                   const char *const *query);
/* "s3://bucket/key", for people. */
const char *s3_shown(struct arena *arena, const struct s3_place *place);
/* Cuts "s3://bucket/key" up; false if it is none. bucket lives in arena, key in uri. */
bool s3_uri_parse(struct arena *arena, const char *uri, const char **bucket,
                  const char **key);

struct s3_listed {
    const char *key, *etag;
    uint64_t size;
};
/* Calls take for every object whose key starts with place->key, in the order of keys. */
NODISCARD enum rc s3_list(const struct s3_place *place,
                          enum rc (*take)(void *context, const struct s3_listed *object,
                                          struct err *err),
                          void *context, struct err *err);

/* Puts the file's size bytes, whose sha256 (hex) the store checks, in parts if it is
 * large; part: bytes from which on, 0 for the usual. An object of that key is replaced.
 * RC_CORRUPT: the store has other bytes; RC_IO: the file changed. */
NODISCARD enum rc s3_put(const struct s3_place *place, int fd, uint64_t size,
                         const char *sha256, uint64_t part, struct err *err);
