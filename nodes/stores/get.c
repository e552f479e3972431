/* get.c - tries until the whole file is there; a try that brought bytes that stay starts
 * the count of tries anew.
 *
 * What arrived of a file with a strong ETag is kept under the hash of URL, ETag and the
 * machine's boot, so that another process goes on with it and never with anything else:
 * the first answer tells the ETag, and if there is a part of that name, the answer is
 * left, and the rest asked for. A boot ends it, since a file that was not synced may have
 * lost bytes in its middle. */
#include "nodes/stores/get.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FRESH_S = 2, BOOT_SIZE = 64 };

struct getting {
    const struct web_request *wanted;
    struct objects *objects;
    struct object_writer *writer; /* NULL: nothing is there */
    struct web_got got;
    uint64_t base;    /* bytes that were there before this try */
    uint64_t total;   /* of the whole file, as far as has_total */
    bool has_total;   /* the server said it */
    bool is_begun;    /* the first bytes of this answer were looked at */
    bool is_other;    /* what was there before is not what the server has now */
    bool is_resuming; /* an earlier process has left a part: that is to be gone on with */
    bool has_resumed; /* once is enough */
    bool is_all_there; /* what it left is the whole file */
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

/* Many web servers make ETags of the time of the last change, in seconds: what was
 * changed a moment ago may change once more without another one. */
static bool is_fresh(const struct web_request *request, const struct web_answer *answer)
{
    time_t changed = curl_getdate(answer->modified, NULL);
    time_t now = curl_getdate(answer->date, NULL);

    return !request->store && changed >= 0 && now >= 0 && now - changed < FRESH_S;
}

/* Under what the part is kept. */
static void part_name(const struct getting *getting, char name[DIGEST_TEXT_SIZE])
{
    scoped_fd int fd =
        open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char boot[BOOT_SIZE] = "";
    scoped_buf text = { 0 };

    if (fd < 0 || read(fd, boot, sizeof boot - 1) < 0)
        snprintf(boot, sizeof boot, "%ld", (long)getpid()); /* nobody goes on with it */
    buf_printf(&text, "part\n%s\n%s\n%s\n", getting->wanted->url, getting->got.etag,
               boot);
    digest_bytes(buf_string(&text), text.size, name);
}

static enum rc writer_open(struct getting *getting, struct err *err)
{
    char name[DIGEST_TEXT_SIZE];
    enum rc rc = RC_CONFLICT;

    part_name(getting, name);
    if (getting->got.etag[0])
        rc = object_writer_resume(getting->objects, name, -1, &getting->writer, err);
    /* Something else fetches it, too: a file of its own will do. */
    return rc == RC_CONFLICT
               ? object_writer_create(getting->objects, &getting->writer, err)
               : rc;
}

static void writer_drop(struct getting *getting)
{
    object_writer_drop(steal(&getting->writer));
    getting->has_total = false;
}

static uint64_t size_of(const struct getting *getting)
{
    return getting->writer ? object_writer_size(getting->writer) : 0;
}

/* What an earlier process left is gone on with by another request. */
static enum rc look_at_part(struct getting *getting, struct err *err)
{
    uint64_t size = size_of(getting);

    if (size == 0)
        return RC_OK;
    if (getting->has_resumed || (getting->has_total && size > getting->total))
        return object_writer_restart(getting->writer, err);
    getting->is_all_there = getting->has_total && size == getting->total;
    getting->is_resuming = getting->has_resumed = true;
    return err_set(err, RC_UNREACHABLE, "%s: a part of it is here",
                   getting->wanted->shown);
}

static bool goes_on(const struct getting *getting, const struct web_answer *answer)
{
    return getting->base > 0 && answer->range_start == getting->base
           && strcmp(answer->etag, getting->got.etag) == 0
           && (!getting->has_total || answer->range_total == 0
               || answer->range_total == getting->total);
}

/* Whether the answer goes on where the writer is; else it has the whole file. */
static enum rc begin(struct getting *getting, const struct web_answer *answer,
                     struct err *err)
{
    getting->is_begun = true;
    if (answer->status == 206 && goes_on(getting, answer))
        return RC_OK;
    getting->is_other = answer->status == 206;
    if (getting->is_other)
        return err_set(err, RC_UNREACHABLE, "%s: the server sends another part",
                       getting->wanted->shown);
    if (answer->status != 200 && answer->status != 203)
        return err_set(err, RC_UNREACHABLE, "%s: HTTP status %ld, which gives no file",
                       getting->wanted->shown, answer->status);
    writer_drop(getting);
    getting->base = 0;
    getting->got = (struct web_got){ .etag = "" };
    if (!is_fresh(getting->wanted, answer))
        memcpy(getting->got.etag, answer->etag, sizeof getting->got.etag);
    memcpy(getting->got.version, answer->version, sizeof getting->got.version);
    memcpy(getting->got.modified, answer->modified, sizeof getting->got.modified);
    digest_note(getting, answer);
    getting->total = answer->size;
    getting->has_total = answer->has_size;

    enum rc rc = writer_open(getting, err);

    return rc == RC_OK ? look_at_part(getting, err) : rc;
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

/* A server may say that it sent all, and not have. */
static enum rc check_size(const struct getting *getting, struct err *err)
{
    uint64_t size = size_of(getting);

    if (!getting->writer || (getting->has_total && size != getting->total))
        return err_set(err, RC_UNREACHABLE,
                       "%s: %" PRIu64 " bytes came, and the server had said %" PRIu64,
                       getting->wanted->shown, size, getting->total);
    return RC_OK;
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
    getting->is_begun = getting->is_other = getting->is_resuming = false;
    getting->base = size_of(getting);
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
    if (rc == RC_OK && !getting->is_begun)
        rc = begin(getting, answer, err); /* a file without bytes */
    return rc == RC_OK ? check_size(getting, err) : rc;
}

/* Before another try: only what that can go on with stays. */
static void settle(struct getting *getting, const struct web_answer *answer)
{
    bool is_refused =
        getting->base > 0 && (answer->status == 412 || answer->status == 416);

    getting->is_other |= is_refused;
    if (getting->is_other || !getting->got.etag[0]
        || (getting->has_total && size_of(getting) >= getting->total))
        writer_drop(getting);
}

static enum rc get_all(struct getting *getting, struct err *err)
{
    const struct web_request *request = getting->wanted;
    scoped_answer answer = { 0 };
    struct retry retry = { 0 };
    uint64_t most = 0;
    enum rc rc;

    for (;;) {
        rc = get_once(getting, &answer, err);
        if (rc == RC_OK || (getting->is_resuming && getting->is_all_there))
            return RC_OK;
        if (getting->is_resuming)
            continue;
        if (rc == RC_CANCELLED)
            return rc;
        settle(getting, &answer);
        if (!getting->is_other && !web_may_retry(rc, &answer))
            return rc;
        if (size_of(getting) > most) {
            most = size_of(getting);
            retry.tries = 0;
        }
        if (!retry_wait(&retry, request->cancelled))
            break;
    }
    if (request->cancelled && *request->cancelled)
        return err_set(err, RC_CANCELLED, "stopped while %s was fetched", request->shown);
    return rc;
}

enum rc web_get(const struct web_request *request, struct objects *objects,
                struct object_writer **writer, struct web_got *got, struct err *err)
{
    struct getting getting = { .wanted = request, .objects = objects };
    enum rc rc = get_all(&getting, err);

    if (rc == RC_OK) {
        *got = getting.got;
        *writer = getting.writer;
    } else if (rc == RC_FULL) {
        writer_drop(&getting);
    } else {
        object_writer_destroy(getting.writer); /* a part is kept for whoever comes */
    }
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
