/* web.h - one HTTP exchange by libcurl, signed by it when it is with an object store.
 *
 * Failures that another try may mend (no connection, a cut answer, 408, 429, 500, 502,
 * 503, 504) are told apart from others; waiting between tries is retry_wait. A redirect
 * is followed for plain URLs only: a signature holds for one host. Any thread. */
#pragma once

#include "codecs/base/buf.h"
#include "nodes/stores/stores.h"

#include <stdatomic.h>

enum {
    WEB_TAG_MAX = 300,
    WEB_HEADERS_MAX = 8,
    WEB_TRIES_MAX = 6,
};

struct web_answer {
    long status;
    char etag[WEB_TAG_MAX];     /* as sent, with its quotes; "" if none or weak */
    char checksum[WEB_TAG_MAX]; /* x-amz-checksum-sha256: base64 */
    char digest[WEB_TAG_MAX];   /* x-amz-meta-sluice-sha256: hex, of the whole object */
    char region[WEB_TAG_MAX];   /* x-amz-bucket-region */
    char version[WEB_TAG_MAX];  /* x-amz-version-id */
    char modified[WEB_TAG_MAX]; /* Last-Modified, as sent */
    char date[WEB_TAG_MAX];     /* the same of Date */
    uint64_t range_start;       /* of a 206 */
    uint64_t range_total;       /* the whole file's bytes, of a 206; 0 if not known */
    uint64_t size;              /* announced; 0 if not */
    bool has_size;
    struct buf text; /* the body, as far as nobody took it; at most 8 MiB */
};
void web_answer_fini(struct web_answer *answer);
#define scoped_answer __attribute__((cleanup(web_answer_fini))) struct web_answer

struct web_request {
    const char *method; /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *url;
    const char *shown;                    /* for people: without secrets */
    const struct store *store;            /* signs; NULL: a plain request */
    const char *headers[WEB_HEADERS_MAX]; /* "name: value", names in lower case */
    int fd;                               /* body of a PUT without bytes: from here */
    uint64_t offset, size;                /* of the body */
    const char *bytes;                    /* body of a PUT or POST, or NULL */
    const char *payload;                  /* sha256 of the body, hex; NULL: it has none */
    /* Takes the body of an answer with status 2xx, piece by piece; may be NULL. */
    enum rc (*take)(void *context, const struct web_answer *answer, const void *bytes,
                    size_t size, struct err *err);
    /* Told now and then; may be NULL. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
    const atomic_bool *cancelled; /* may be NULL */
};

/* RC_OK: there was an answer, with whatever status; it is for web_answer_judge.
 * RC_UNREACHABLE: none, or not all of it; RC_CANCELLED; RC_INVALID: the URL is none; what
 * take gave. answer is to be zeroed before, and may be used again. */
NODISCARD enum rc web_exchange(const struct web_request *request,
                               struct web_answer *answer, struct err *err);
/* RC_OK for 2xx, else RC_UNREACHABLE with status, what the store says and what to do. */
NODISCARD enum rc web_answer_judge(const struct web_request *request,
                                   struct web_answer *answer, struct err *err);
bool web_may_retry(enum rc rc, const struct web_answer *answer);

struct retry {
    unsigned tries;
};
/* Waits before the next try, longer each time; false: there were enough, or cancelled. */
bool retry_wait(struct retry *retry, const atomic_bool *cancelled);
/* web_exchange and web_answer_judge, again while that may help. */
NODISCARD enum rc web_ask(const struct web_request *request, struct web_answer *answer,
                          struct err *err);
