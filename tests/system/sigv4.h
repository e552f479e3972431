/* sigv4.h - for tests: checks the signature of a request as Amazon's documents describe
 * it, version 4, from the request as it came. Knows nothing of how ours are made. */
#pragma once

#include "codecs/base/buf.h"

struct sigv4_keys {
    const char *access, *secret, *token, *region; /* token NULL: none is needed */
};

struct sigv4_request {
    const char *method, *uri;                               /* path and query, as sent */
    const char *(*header)(void *context, const char *name); /* NULL: it is not there */
    void *context;
};

/* NULL when the signature is right, else the store's error code. now: the time as
 * YYYYMMDDTHHMMSSZ, whose day has to be that of the request; NULL: any. */
const char *sigv4_fault(const struct sigv4_keys *keys,
                        const struct sigv4_request *request, const char *now);
/* The text with %XX (and '+' if is_form) decoded, and encoded anew as a store's. */
void uri_decode(const char *text, size_t size, bool is_form, struct buf *out);
void uri_encode(const char *text, size_t size, bool keeps_slash, struct buf *out);
