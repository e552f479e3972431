/* get.c - tries until the whole file is there; a try that brought bytes that stay starts
 * the count of tries anew. */
#include "nodes/stores/get.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { FRESH_S = 2 };

struct getting {
    const struct web_request *wanted;
    struct object_writer *writer;
    struct web_got got;
    bool is_fresh; /* what comes was changed a moment ago */
    uint64_t base; /* bytes that were there before this try */
    bool is_begun; /* the first bytes of this answer were looked at */
    bool is_other; /* what was there before is not what the server has now */
};

static void digest_note(struct getting *getting, const struct web_answer *answer)
{
    unsigned char raw[64];
    size_t size = strlen(answer->digest);
    char text[DIGEST_TEXT_SIZE + WEB_TAG_MAX];

    if (strlen(answer->checksum) == 44
        && EVP_DecodeBlock(raw, (const unsigned char *)answer->checksum, 44) >= 32)
        digest_text(raw, getting->got.sha256);
    snprintf(text, sizeof text, "sha256:%s", answer->digest);
    if (size == 64 && digest_is_valid(text, strlen(text)))
        memcpy(getting->got.sha256, text, DIGEST_TEXT_SIZE);
}

/* Many web servers make ETags of the time of the last change, in seconds. */
static bool is_fresh(const struct web_request *request, const struct web_answer *answer)
{
    time_t changed = curl_getdate(answer->modified, NULL);
    time_t now = curl_getdate(answer->date, NULL);

    return !request->store && changed >= 0 && now >= 0 && now - changed < FRESH_S;
}

/* Whether the answer goes on where the writer is. */
static enum rc begin(struct getting *getting, const struct web_answer *answer,
                     struct err *err)
{
    uint64_t size = object_writer_size(getting->writer);

    getting->is_begun = true;
    if (answer->status == 206 && answer->range_start == size
        && strcmp(answer->etag, getting->got.etag) == 0)
        return RC_OK;
    getting->is_other = answer->status == 206;
    if (getting->is_other)
        return err_set(err, RC_UNREACHABLE, "%s: the server sends another part",
                       getting->wanted->shown);
    getting->base = 0;
    memcpy(getting->got.etag, answer->etag, sizeof getting->got.etag);
    getting->is_fresh = is_fresh(getting->wanted, answer);
    memcpy(getting->got.version, answer->version, sizeof getting->got.version);
    memcpy(getting->got.modified, answer->modified, sizeof getting->got.modified);
    getting->got.sha256[0] = '\0';
    digest_note(getting, answer);
    return size > 0 ? object_writer_restart(getting->writer, err) : RC_OK;
}

static enum rc take(void *context, const struct web_answer *answer, const void *bytes,
                    size_t size, struct err *err)
{
    struct getting *getting = context;
    enum rc rc = getting->is_begun ? RC_OK : begin(getting, answer, err);

    return rc == RC_OK ? object_writer_add(getting->writer, bytes, size, err) : rc;
}

static void progress(void *context, uint64_t done, uint64_t total)
{
    struct getting *getting = context;
    const struct web_request *wanted = getting->wanted;

    if (wanted->progress)
        wanted->progress(wanted->context, getting->base + done,
                         total > 0 ? getting->base + total : 0);
}

static enum rc get_once(struct getting *getting, struct web_answer *answer,
                        struct err *err)
{
    char range[64], match[WEB_TAG_MAX + 16];
    struct web_request request = *getting->wanted;
    size_t count = 0;

    request.method = "GET";
    request.take = take;
    request.progress = progress;
    request.context = getting;
    getting->is_begun = getting->is_other = false;
    getting->base = object_writer_size(getting->writer);
    if (request.store)
        request.headers[count++] = "x-amz-checksum-mode: ENABLED";
    if (getting->base > 0) {
        snprintf(range, sizeof range, "range: bytes=%" PRIu64 "-", getting->base);
        snprintf(match, sizeof match, "if-match: %s", getting->got.etag);
        request.headers[count++] = range;
        request.headers[count++] = match;
    }

    enum rc rc = web_exchange(&request, answer, err);

    if (rc == RC_OK)
        rc = web_answer_judge(&request, answer, err);
    if (rc == RC_OK && !getting->is_begun && answer->status == 200)
        rc = begin(getting, answer, err); /* a file without bytes */
    return rc;
}

enum rc web_get(const struct web_request *request, struct object_writer *writer,
                struct web_got *got, struct err *err)
{
    struct getting getting = { .wanted = request, .writer = writer };
    scoped_answer answer = { 0 };
    struct retry retry = { 0 };
    uint64_t most = 0;
    enum rc rc;

    for (;;) {
        rc = get_once(&getting, &answer, err);

        bool is_other =
            getting.is_other
            || (getting.base > 0 && (answer.status == 412 || answer.status == 416));

        if (rc == RC_OK) {
            *got = getting.got;
            if (getting.is_fresh)
                got->etag[0] = '\0';
            return RC_OK;
        }
        if (!is_other && !web_may_retry(rc, &answer))
            return rc;
        if ((is_other || !getting.got.etag[0])
            && object_writer_restart(writer, err) != RC_OK)
            return err ? err->rc : RC_IO;
        if (object_writer_size(writer) > most) {
            most = object_writer_size(writer);
            retry.tries = 0;
        }
        if (!retry_wait(&retry, request->cancelled))
            break;
    }
    if (request->cancelled && *request->cancelled)
        return err_set(err, RC_CANCELLED, "stopped while %s was fetched", request->shown);
    return rc;
}

/* The headers say all: of the body nothing is wanted. */
static enum rc stop_at_body(void *context, const struct web_answer *answer,
                            const void *bytes, size_t size, struct err *err)
{
    bool *has_body = context;

    (void)answer;
    (void)bytes;
    (void)size;
    *has_body = true;
    return err_set(err, RC_CONFLICT, "the body is not wanted");
}

static enum rc compare_once(const struct web_request *wanted, const char *etag,
                            struct web_answer *answer, struct err *err)
{
    char none[WEB_TAG_MAX + 16];
    struct web_request request = *wanted;
    bool has_body = false;
    enum rc rc;

    snprintf(none, sizeof none, "if-none-match: %s", etag);
    request.method = "GET";
    request.headers[0] = none;
    request.take = stop_at_body;
    request.context = &has_body;
    request.progress = NULL;
    rc = web_exchange(&request, answer, err);
    if (rc == RC_CONFLICT && has_body)
        return RC_OK;
    if (rc == RC_OK && answer->status != 304)
        rc = web_answer_judge(&request, answer, err);
    return rc;
}

enum rc web_compare(const struct web_request *request, const char *etag, uint64_t size,
                    struct web_sameness *sameness, struct err *err)
{
    scoped_answer answer = { 0 };
    struct retry retry = { 0 };
    enum rc rc;

    do
        rc = compare_once(request, etag, &answer, err);
    while (web_may_retry(rc, &answer) && retry_wait(&retry, request->cancelled));
    if (rc != RC_OK)
        return rc;
    sameness->is_same = answer.status == 304
                        || (answer.status == 200 && strcmp(answer.etag, etag) == 0
                            && (!answer.has_size || answer.size == size));
    memcpy(sameness->etag, answer.etag, sizeof sameness->etag);
    return RC_OK;
}
