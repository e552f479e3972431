/* s3_put.c - one request for a small file, parts for a large one. Every part is read
 * twice, for its hash and to be sent, so memory does not grow with the file. */
#include "nodes/stores/s3.h"
#include "nodes/stores/s3_error.h"
#include "nodes/stores/xml.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PART_BYTES = 16 << 20, /* and from which on there are parts */
    PARTS_MAX = 10000,
    PIECE_BYTES = 256 << 10,
    PUT_MEMORY_MAX = 16 << 20,
    HEX_SIZE = 65,
    BASE64_SIZE = 45,
};

struct putting {
    const struct s3_place *place;
    int fd;
    uint64_t size;
    const char *sha256; /* hex, of all */
    const char *upload; /* id of an upload in parts */
    struct arena *arena;
    struct buf list; /* XML of the parts that are there */
};

static void hex_of(const unsigned char raw[DIGEST_SIZE], char hex[HEX_SIZE])
{
    char text[DIGEST_TEXT_SIZE];

    digest_text(raw, text);
    memcpy(hex, strchr(text, ':') + 1, HEX_SIZE);
}

static void base64_of(const char *hex, char base64[BASE64_SIZE])
{
    unsigned char raw[DIGEST_SIZE];
    unsigned byte = 0;

    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            byte = 0;
        raw[i] = (unsigned char)byte;
    }
    EVP_EncodeBlock((unsigned char *)base64, raw, DIGEST_SIZE);
}

/* The sha256 of a part of the file. */
static enum rc part_hash(const struct putting *putting, uint64_t offset, uint64_t size,
                         char hex[HEX_SIZE], struct err *err)
{
    scoped(digester) digester = digester_create(false);
    unsigned char raw[DIGEST_SIZE];
    scoped_buf piece = { 0 };
    char *room = buf_room(&piece, PIECE_BYTES);

    if (!digester || !room)
        return err_set(err, RC_NO_MEMORY, "no memory to put an object");
    while (size > 0) {
        size_t most = size < PIECE_BYTES ? (size_t)size : PIECE_BYTES;
        ssize_t got = pread(putting->fd, room, most, (off_t)offset);

        if (got <= 0)
            return err_set(err, RC_IO, "the file became shorter while it was stored");
        digester_add(digester, room, (size_t)got);
        offset += (uint64_t)got;
        size -= (uint64_t)got;
    }
    digester_end_raw(digester, raw);
    hex_of(raw, hex);
    return RC_OK;
}

static enum rc ask(const struct putting *putting, struct web_request *request,
                   const char *const *query, struct web_answer *answer, struct err *err)
{
    request->url = s3_url(putting->arena, putting->place, query);
    request->shown = s3_shown(putting->arena, putting->place);
    request->store = putting->place->store;
    request->cancelled = putting->place->cancelled;
    if (!request->url || !request->shown)
        return err_set(err, RC_NO_MEMORY, "no memory to put an object");
    return web_ask(request, answer, err);
}

/* Sends a part of the file, or the whole, which the store compares with its hash. */
static enum rc send(const struct putting *putting, const char *const *query,
                    const char *hex, uint64_t offset, uint64_t size,
                    struct web_answer *answer, struct err *err)
{
    char checksum[100], meta[100], base64[BASE64_SIZE];
    struct web_request request = {
        .method = "PUT", .fd = putting->fd, .offset = offset, .size = size, .payload = hex
    };

    base64_of(hex, base64);
    snprintf(checksum, sizeof checksum, "x-amz-checksum-sha256: %s", base64);
    snprintf(meta, sizeof meta, "x-amz-meta-sluice-sha256: %s", hex);
    request.headers[0] = checksum;
    request.headers[1] = query ? NULL : meta;

    enum rc rc = ask(putting, &request, query, answer, err);

    if (rc == RC_OK && answer->checksum[0] && strcmp(answer->checksum, base64) != 0)
        return err_set(err, RC_CORRUPT, "%s: the store got other bytes", request.shown);
    return rc;
}

static enum rc part_send(struct putting *putting, unsigned number, uint64_t offset,
                         uint64_t size, struct err *err)
{
    char hex[HEX_SIZE], base64[BASE64_SIZE], text[16];
    const char *const query[] = { "partNumber", text, "uploadId", putting->upload, NULL };
    scoped_answer answer = { 0 };

    snprintf(text, sizeof text, "%u", number);

    enum rc rc = part_hash(putting, offset, size, hex, err);

    if (rc == RC_OK)
        rc = send(putting, query, hex, offset, size, &answer, err);
    if (rc != RC_OK)
        return rc;
    base64_of(hex, base64);
    buf_printf(&putting->list,
               "<Part><ChecksumSHA256>%s</ChecksumSHA256><ETag>%s</ETag>"
               "<PartNumber>%u</PartNumber></Part>",
               base64, answer.etag, number);
    return RC_OK;
}

static enum rc take_upload(void *context, const char *path, const char *text,
                           struct err *err)
{
    struct putting *putting = context;

    (void)err;
    if (strcmp(path, "InitiateMultipartUploadResult/UploadId") == 0)
        putting->upload = arena_text(putting->arena, text);
    return RC_OK;
}

static enum rc parts_begin(struct putting *putting, struct err *err)
{
    static const char *const query[] = { "uploads", "", NULL };
    char meta[100];
    struct web_request request = {
        .method = "POST", .headers = { "x-amz-checksum-algorithm: SHA256", meta }
    };
    scoped_answer answer = { 0 };

    snprintf(meta, sizeof meta, "x-amz-meta-sluice-sha256: %s", putting->sha256);

    enum rc rc = ask(putting, &request, query, &answer, err);

    if (rc == RC_OK)
        rc = xml_read(answer.text.data, answer.text.size, take_upload, putting, err);
    if (rc == RC_OK && !putting->upload)
        rc = err_set(err, RC_PROTOCOL, "%s: the store gave no upload id", request.shown);
    return rc;
}

static enum rc take_end(void *context, const char *path, const char *text,
                        struct err *err)
{
    (void)err;
    if (strcmp(path, "Error/Code") == 0)
        snprintf(context, 100, "%s", text);
    return RC_OK;
}

/* The store joins the parts. It may answer 200 and tell of a failure in the body. */
static enum rc parts_end(struct putting *putting, struct err *err)
{
    const char *const query[] = { "uploadId", putting->upload, NULL };
    char hex[DIGEST_TEXT_SIZE], failure[100] = "";
    struct web_request request = { .method = "POST" };
    scoped_answer answer = { 0 };

    buf_text(&putting->list, "</CompleteMultipartUpload>");
    if (!buf_ok(&putting->list))
        return err_set(err, RC_NO_MEMORY, "no memory to put an object");
    digest_bytes(putting->list.data, putting->list.size, hex);
    request.bytes = buf_string(&putting->list);
    request.size = putting->list.size;
    request.payload = strchr(hex, ':') + 1;

    enum rc rc = ask(putting, &request, query, &answer, err);

    if (rc == RC_OK)
        rc = xml_read(answer.text.data, answer.text.size, take_end, failure, err);
    if (rc == RC_OK && failure[0])
        rc = err_set(err, RC_UNREACHABLE, "%s: %s when the parts were joined",
                     request.shown, failure);
    return rc;
}

/* Parts that are never joined would cost money for ever. */
static void parts_drop(struct putting *putting)
{
    const char *const query[] = { "uploadId", putting->upload, NULL };
    struct s3_place place = *putting->place;
    struct putting dropping = *putting;
    struct web_request request = { .method = "DELETE" };
    scoped_answer answer = { 0 };
    struct err ignored;

    place.cancelled = NULL;
    dropping.place = &place;
    if (ask(&dropping, &request, query, &answer, &ignored) != RC_OK)
        return;
}

/* Whether what the store has now is this file, as far as one request tells. */
static enum rc size_check(const struct putting *putting, struct err *err)
{
    struct web_request request = { .method = "HEAD" };
    scoped_answer answer = { 0 };
    enum rc rc = ask(putting, &request, NULL, &answer, err);

    if (rc == RC_OK && answer.size != putting->size)
        return err_set(err, RC_CORRUPT,
                       "%s: the store has %" PRIu64 " bytes instead of %" PRIu64,
                       request.shown, answer.size, putting->size);
    if (rc == RC_OK && answer.digest[0] && strcmp(answer.digest, putting->sha256) != 0)
        return err_set(err, RC_CORRUPT, "%s: the store has another file", request.shown);
    return rc;
}

static enum rc parts_put(struct putting *putting, uint64_t part, struct err *err)
{
    uint64_t least = (putting->size + PARTS_MAX - 1) / PARTS_MAX;
    enum rc rc = parts_begin(putting, err);

    if (rc != RC_OK)
        return rc;
    part = part < least ? least : part;
    buf_text(&putting->list, "<CompleteMultipartUpload>");
    for (uint64_t at = 0; rc == RC_OK && at < putting->size; at += part)
        rc = part_send(putting, (unsigned)(at / part + 1), at,
                       putting->size - at < part ? putting->size - at : part, err);
    if (rc == RC_OK)
        rc = parts_end(putting, err);
    /* The parts are gone when they were joined and only the answer was lost. */
    if (rc == RC_OK || rc == RC_NOT_FOUND)
        rc = size_check(putting, err);
    if (rc != RC_OK)
        parts_drop(putting);
    return rc;
}

enum rc s3_put(const struct s3_place *place, int fd, uint64_t size, const char *sha256,
               uint64_t part, struct err *err)
{
    scoped(arena) arena = arena_create(PUT_MEMORY_MAX);
    struct putting putting = {
        .place = place, .fd = fd, .size = size, .sha256 = sha256, .arena = arena
    };
    scoped_answer answer = { 0 };
    uint64_t least = part ? part : PART_BYTES;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory to put an object");
    if (size <= least)
        return send(&putting, NULL, sha256, 0, size, &answer, err);

    enum rc rc = parts_put(&putting, least, err);

    buf_fini(&putting.list);
    return rc;
}
