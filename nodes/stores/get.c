/* get.c - tries until the whole file is there; a try that brought bytes that stay starts
 * the count of tries anew. */
#include "nodes/stores/get.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

struct getting {
    const struct web_request *wanted;
    struct object_writer *writer;
    struct web_got got;
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
