/* s3_server.c - for tests: an object store that speaks S3, and a web server, in a folder.
 *
 * usage: s3_server FOLDER [PAGE]. The port, of 127.0.0.1, is printed. PAGE: objects of
 * one page of a list.
 *   FOLDER/<bucket>/<key, encoded>  objects; a folder is a bucket
 *   FOLDER/meta/<bucket>...         what x-amz-meta-sluice-sha256 said
 *   FOLDER/parts/<upload>.<n>       parts that are not joined yet
 *   FOLDER/versions/<version>       what versionId asks for; of the bucket `kept` the
 *                                   version of an object is "v" and its ETag's digits
 *   FOLDER/web/NAME                 files of /-/file/NAME, with ETag and Range, of
 *                                   /-/moved/NAME (a redirect there), /-/plain/NAME
 *                                   (without both), /-/secret/NAME (u:p), /-/dated/NAME
 *                                   (with Last-Modified)
 *   FOLDER/log                      "METHOD URI RANGE STATUS" of each request
 *   FOLDER/fault                    "KIND COUNT METHOD": what is to go wrong how often
 * With a host like <bucket>.localhost the path is the key alone.
 * Kinds: a status; expired; cut (ends in the middle); change (as cut, then web/NAME.next
 * becomes web/NAME); wrong (a byte differs from what the headers say). Keys are `test`
 * and `secret/with+signs`, with the token `token==`, in the region `here-1`. */
#include "codecs/digest/digest.h"
#include "sigv4.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME_SIZE = 2000, KEYS_MAX = 100000 };

struct server {
    int folder;
    unsigned page;
    unsigned uploads, bodies;
};

struct fault {
    char kind[32], method[16];
    int count;
};

struct request {
    struct server *server;
    struct MHD_Connection *connection;
    char *uri;
    const char *method;
    char bucket[NAME_SIZE], name[NAME_SIZE]; /* name: of the object's file */
    char key[NAME_SIZE];
    bool is_begun;
    const char *fault; /* error code of the signature */
    struct fault sick;
    int body; /* file that the body goes to, whose name is incoming */
    char incoming[32];
    struct digester *digester;
    struct buf text; /* the body of a POST */
};

static const struct sigv4_keys keys = { "test", "secret/with+signs",
                                        "token==", "here-1" };

static const char *header_of(void *context, const char *name)
{
    return MHD_lookup_connection_value(context, MHD_HEADER_KIND, name);
}

static const char *query_of(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- Answers
 * -------------------------------------------------------------------------- */

static enum MHD_Result answer(const struct request *request, unsigned status,
                              struct MHD_Response *response)
{
    const char *range = header_of(request->connection, "range");
    scoped_fd int log = openat(request->server->folder, "log",
                               O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    enum MHD_Result result = MHD_queue_response(request->connection, status, response);

    dprintf(log, "%s %s %s %u\n", request->method, request->uri, range ? range : "-",
            status);
    MHD_destroy_response(response);
    return result;
}

static struct MHD_Response *response_of(const char *text)
{
    return MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                           MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result answer_text(const struct request *request, unsigned status,
                                   const char *text)
{
    return answer(request, status, response_of(text));
}

static enum MHD_Result answer_error(const struct request *request, unsigned status,
                                    const char *code)
{
    scoped_buf text = { 0 };

    buf_printf(&text,
               "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>as the test "
               "wants</Message></Error>",
               code);
    return answer_text(request, status, buf_string(&text));
}

struct sending {
    int fd;
    uint64_t offset, end; /* end: where it is cut */
    bool is_cut, is_wrong;
};

static ssize_t send_piece(void *context, uint64_t position, char *room, size_t size)
{
    struct sending *sending = context;
    uint64_t at = sending->offset + position;
    ssize_t got;

    if (at >= sending->end)
        return sending->is_cut ? MHD_CONTENT_READER_END_WITH_ERROR
                               : MHD_CONTENT_READER_END_OF_STREAM;
    if (size > sending->end - at)
        size = (size_t)(sending->end - at);
    got = pread(sending->fd, room, size, (off_t)at);
    if (got > 0 && sending->is_wrong && position == 0)
        room[0] ^= 1;
    return got;
}

static void sending_free(void *context)
{
    struct sending *sending = context;

    close(sending->fd);
    free(sending);
}

/* What the fault file says, if it is for this request; then it counts down. */
static void fault_take(struct request *request)
{
    char text[200] = "";
    struct fault fault = { .count = 0 };
    scoped_fd int fd = openat(request->server->folder, "fault", O_RDWR | O_CLOEXEC);

    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0
        || sscanf(text, "%31s %d %15s", fault.kind, &fault.count, fault.method) != 3
        || fault.count <= 0 || strcmp(fault.method, request->method) != 0)
        return;
    request->sick = fault;
    snprintf(text, sizeof text, "%s %d %s\n", fault.kind, fault.count - 1, fault.method);
    if (pwrite(fd, text, strlen(text), 0) < 0 || ftruncate(fd, (off_t)strlen(text)) != 0)
        perror("fault");
}

static bool is_sick(const struct request *request, const char *kind)
{
    return strcmp(request->sick.kind, kind) == 0;
}

/* The start that a Range header asks for; false if the file is shorter. */
static bool range_start(const struct request *request, uint64_t size, uint64_t *start)
{
    const char *range = header_of(request->connection, "range");

    if (range && strncmp(range, "bytes=", 6) == 0)
        *start = strtoull(range + 6, NULL, 10);
    return *start == 0 || *start < size;
}

struct facts { /* of a file that is sent */
    int fd;
    uint64_t size, start;
    const char *etag; /* NULL: neither ETag nor Range */
    const char *checksum, *meta, *version;
    bool is_dated;
};

static void add_date(struct MHD_Response *response, int fd)
{
    struct stat found;
    struct tm parts;
    char text[64];

    if (fstat(fd, &found) == 0
        && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT",
                    gmtime_r(&found.st_mtime, &parts))
               > 0)
        MHD_add_response_header(response, "Last-Modified", text);
}

static enum MHD_Result send_file(const struct request *request, const struct facts *facts)
{
    struct sending *sending = calloc(1, sizeof *sending);
    char range[200];
    uint64_t rest = facts->size - facts->start;
    struct MHD_Response *response;

    sending->is_cut = is_sick(request, "cut") || is_sick(request, "change");
    sending->is_wrong = is_sick(request, "wrong");
    sending->fd = facts->fd;
    sending->offset = facts->start;
    sending->end = facts->start + (sending->is_cut ? rest / 2 : rest);
    response =
        MHD_create_response_from_callback(rest, 65536, send_piece, sending, sending_free);
    if (facts->etag)
        MHD_add_response_header(response, "ETag", facts->etag);
    if (facts->checksum)
        MHD_add_response_header(response, "x-amz-checksum-sha256", facts->checksum);
    if (facts->meta)
        MHD_add_response_header(response, "x-amz-meta-sluice-sha256", facts->meta);
    if (facts->is_dated)
        add_date(response, facts->fd);
    if (facts->version)
        MHD_add_response_header(response, "x-amz-version-id", facts->version);
    snprintf(range, sizeof range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, facts->start,
             facts->size - 1, facts->size);
    if (facts->start > 0)
        MHD_add_response_header(response, "Content-Range", range);
    return answer(request, facts->start > 0 ? 206 : 200, response);
}

static void base64_of(const struct digest_set *set, char base64[45])
{
    unsigned char raw[DIGEST_SIZE];

    for (size_t i = 0; i < sizeof raw; i++)
        sscanf(set->sha256 + 7 + 2 * i, "%2hhx", &raw[i]);
    EVP_EncodeBlock((unsigned char *)base64, raw, sizeof raw);
}

/* The status that a condition of the request asks for instead of the file, or 0. */
static unsigned condition_status(const struct request *request, const char *etag)
{
    const char *match = header_of(request->connection, "if-match");
    const char *none = header_of(request->connection, "if-none-match");

    return match && strcmp(match, etag) != 0 ? 412
           : none && strcmp(none, etag) == 0 ? 304
                                             : 0;
}

/* A file that is there, with what headers tell about it; conditions are looked at. */
static enum MHD_Result give_file(const struct request *request, const char *path,
                                 bool is_plain, const char *meta, bool has_checksum)
{
    struct facts facts = { .fd = openat(request->server->folder, path, O_RDONLY) };
    struct digest_set set;
    struct err err;
    char etag[40], base64[45], version[20];
    unsigned status;

    if (facts.fd < 0)
        return answer_error(request, 404, "NoSuchKey");
    if (digest_file(facts.fd, false, &set, &facts.size, &err) != RC_OK)
        return answer_error(request, 500, "InternalError");
    snprintf(etag, sizeof etag, "\"%.32s\"", set.sha256 + 7);
    base64_of(&set, base64);
    snprintf(version, sizeof version, "v%.16s", set.sha256 + 7);
    facts.meta = meta;
    facts.is_dated = strncmp(request->uri, "/-/dated/", 9) == 0;
    facts.version = strcmp(request->bucket, "kept") == 0 ? version : NULL;
    if (!is_plain) {
        facts.etag = etag;
        facts.checksum = has_checksum ? base64 : NULL;
        if ((status = condition_status(request, etag)) != 0) {
            close(facts.fd);
            return status == 304 ? answer(request, 304, response_of(""))
                                 : answer_error(request, 412, "PreconditionFailed");
        }
        if (!range_start(request, facts.size, &facts.start)) {
            close(facts.fd);
            return answer_error(request, 416, "InvalidRange");
        }
    }
    return send_file(request, &facts);
}

/* ---- The web
 * -------------------------------------------------------------------------- */

static enum MHD_Result web(const struct request *request)
{
    const char *path = request->uri + 3, *name = strchr(path, '/');
    char file[NAME_SIZE], next[NAME_SIZE + 8];
    const char *user = header_of(request->connection, "authorization");

    name = name ? name + 1 : "";
    snprintf(file, sizeof file, "web/%.*s", (int)strcspn(name, "?"), name);
    if (strncmp(path, "moved/", 6) == 0) {
        struct MHD_Response *response = response_of("elsewhere");
        char to[NAME_SIZE];

        snprintf(to, sizeof to, "/-/file/%s", name);
        MHD_add_response_header(response, "Location", to);
        return answer(request, 302, response);
    }
    if (strncmp(path, "secret/", 7) == 0
        && (!user || strcmp(user, "Basic dTpw") != 0)) /* u:p */
        return answer_text(request, 401, "who is there?");

    enum MHD_Result result =
        give_file(request, file, strncmp(path, "plain/", 6) == 0, NULL, false);

    snprintf(next, sizeof next, "%s.next", file);
    if (is_sick(request, "change"))
        renameat(request->server->folder, next, request->server->folder, file);
    return result;
}

/* ---- Objects
 * -------------------------------------------------------------------------- */

static void object_path(const struct request *request, const char *root, char *path)
{
    snprintf(path, NAME_SIZE, "%.200s%.200s/%.1000s", root, request->bucket,
             request->name);
}

static enum MHD_Result object_get(const struct request *request)
{
    const char *version = query_of(request, "versionId");
    char path[NAME_SIZE], meta_path[NAME_SIZE], meta[100] = "";

    object_path(request, "", path);
    object_path(request, "meta/", meta_path);
    if (version)
        snprintf(path, sizeof path, "versions/%.100s", version);

    scoped_fd int fd = openat(request->server->folder, meta_path, O_RDONLY);
    bool has_meta = fd >= 0 && read(fd, meta, 64) == 64;

    return give_file(request, path, false, has_meta ? meta : NULL, !has_meta);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All keys of the bucket that start with prefix, sorted. */
static size_t keys_read(const struct request *request, const char *prefix, char **found)
{
    scoped_fd int fd = openat(request->server->folder, request->bucket, O_RDONLY);
    DIR *folder = fdopendir(dup(fd));
    struct dirent *entry;
    size_t count = 0;

    while (folder && (entry = readdir(folder)) && count < KEYS_MAX) {
        scoped_buf key = { 0 };

        uri_decode(entry->d_name, strlen(entry->d_name), false, &key);
        if (entry->d_name[0] != '.'
            && strncmp(buf_string(&key), prefix, strlen(prefix)) == 0)
            found[count++] = strdup(buf_string(&key));
    }
    if (folder)
        closedir(folder);
    qsort(found, count, sizeof *found, compare_names);
    return count;
}

static void decoded_query(const struct request *request, const char *name,
                          struct buf *out)
{
    const char *value = query_of(request, name);

    if (value)
        uri_decode(value, strlen(value), false, out);
}

static void list_facts(const struct request *request, const char *key, struct buf *text)
{
    scoped_buf name = { 0 };
    char path[NAME_SIZE];
    struct digest_set set;
    uint64_t size;
    struct err err;

    uri_encode(key, strlen(key), false, &name);
    snprintf(path, sizeof path, "%.200s/%.1000s", request->bucket, buf_string(&name));

    scoped_fd int fd = openat(request->server->folder, path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && digest_file(fd, false, &set, &size, &err) == RC_OK)
        buf_printf(text, "<Size>%" PRIu64 "</Size><ETag>&quot;%.32s&quot;</ETag>", size,
                   set.sha256 + 7);
}

static enum MHD_Result list(const struct request *request)
{
    scoped_buf prefix = { 0 }, token = { 0 }, after = { 0 }, text = { 0 };
    char **found = calloc(KEYS_MAX, sizeof *found);
    size_t count, shown = 0, last = 0;

    decoded_query(request, "prefix", &prefix);
    decoded_query(request, "continuation-token", &token);
    uri_decode((const char *)token.data, token.size, false, &after);
    count = keys_read(request, buf_string(&prefix), found);
    buf_text(&text, "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"urn:s3\">");
    for (size_t i = 0; i < count && shown < request->server->page; i++) {
        scoped_buf key = { 0 };

        if (after.size > 0 && strcmp(found[i], buf_string(&after) + 1) <= 0)
            continue;
        uri_encode(found[i], strlen(found[i]), true, &key);
        buf_printf(&text, "<Contents><Key>%s</Key>", buf_string(&key));
        list_facts(request, found[i], &text);
        buf_text(&text, "</Contents>");
        shown++;
        last = i;
    }
    if (shown > 0 && last + 1 < count) {
        buf_text(&text, "<IsTruncated>true</IsTruncated><NextContinuationToken>=");
        uri_encode(found[last], strlen(found[last]), false, &text);
        buf_text(&text, "</NextContinuationToken>");
    }
    buf_text(&text, "</ListBucketResult>");
    for (size_t i = 0; i < count; i++)
        free(found[i]);
    free(found);
    return answer_text(request, 200, buf_string(&text));
}

/* ---- Putting
 * -------------------------------------------------------------------------- */

/* Whether the body that came is the one that was announced, by all that was said. */
static const char *body_fault(struct request *request)
{
    const char *payload = header_of(request->connection, "x-amz-content-sha256");
    const char *checksum = header_of(request->connection, "x-amz-checksum-sha256");
    struct digest_set set;
    char base64[45];

    digester_end(request->digester, &set);
    base64_of(&set, base64);
    if (!payload || strcmp(payload, set.sha256 + 7) != 0)
        return "XAmzContentSHA256Mismatch";
    return checksum && strcmp(checksum, base64) != 0 ? "BadDigest" : NULL;
}

static void meta_keep(const struct request *request, const char *meta)
{
    char path[NAME_SIZE], folder[NAME_SIZE];

    snprintf(folder, sizeof folder, "meta/%.200s", request->bucket);
    mkdirat(request->server->folder, "meta", 0700);
    mkdirat(request->server->folder, folder, 0700);
    object_path(request, "meta/", path);

    scoped_fd int fd = openat(request->server->folder, path, O_WRONLY | O_CREAT, 0600);

    if (!meta || pwrite(fd, meta, strlen(meta), 0) < 0)
        unlinkat(request->server->folder, path, 0);
}

static enum MHD_Result put_end(struct request *request)
{
    const char *part = query_of(request, "partNumber"),
               *upload = query_of(request, "uploadId");
    const char *fault = body_fault(request);
    char path[NAME_SIZE];
    struct MHD_Response *response;

    if (fault)
        return answer_error(request, 400, fault);
    object_path(request, "", path);
    if (part)
        snprintf(path, sizeof path, "parts/%s.%s", upload, part);
    if (renameat(request->server->folder, request->incoming, request->server->folder,
                 path)
        != 0)
        return answer_error(request, 404, part ? "NoSuchUpload" : "NoSuchBucket");
    if (!part)
        meta_keep(request, header_of(request->connection, "x-amz-meta-sluice-sha256"));
    response = response_of("");
    MHD_add_response_header(response, "ETag", "\"part\"");
    return answer(request, 200, response);
}

static enum MHD_Result upload_begin(struct request *request)
{
    scoped_buf text = { 0 };
    char path[100];
    unsigned upload = ++request->server->uploads;
    const char *meta = header_of(request->connection, "x-amz-meta-sluice-sha256");

    mkdirat(request->server->folder, "parts", 0700);
    snprintf(path, sizeof path, "parts/%u", upload);

    scoped_fd int fd = openat(request->server->folder, path, O_WRONLY | O_CREAT, 0600);

    if (meta && pwrite(fd, meta, strlen(meta), 0) < 0)
        return MHD_NO;
    buf_printf(&text,
               "<InitiateMultipartUploadResult><UploadId>%u</UploadId>"
               "</InitiateMultipartUploadResult>",
               upload);
    return answer_text(request, 200, buf_string(&text));
}

static bool append(int to, int from)
{
    char piece[65536];
    ssize_t got;

    while ((got = read(from, piece, sizeof piece)) > 0)
        if (write(to, piece, (size_t)got) != got)
            return false;
    return got == 0;
}

/* Joins the parts that are named, in their order, and removes them. */
static enum MHD_Result upload_end(struct request *request, const char *upload)
{
    const char *at = buf_string(&request->text);
    char path[NAME_SIZE], meta[100] = "";
    scoped_fd int to = openat(request->server->folder, "joined",
                              O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    while ((at = strstr(at, "<PartNumber>")) != NULL) {
        at += strlen("<PartNumber>");
        snprintf(path, sizeof path, "parts/%s.%d", upload, atoi(at));

        scoped_fd int from = openat(request->server->folder, path, O_RDONLY);

        if (from < 0 || !append(to, from))
            return answer_error(request, 400, "InvalidPart");
        unlinkat(request->server->folder, path, 0);
    }
    snprintf(path, sizeof path, "parts/%s", upload);

    scoped_fd int note = openat(request->server->folder, path, O_RDONLY);

    if (note < 0)
        return answer_error(request, 404, "NoSuchUpload");
    if (read(note, meta, 64) == 64)
        meta_keep(request, meta);
    unlinkat(request->server->folder, path, 0);
    object_path(request, "", path);
    renameat(request->server->folder, "joined", request->server->folder, path);
    return answer_text(request, 200, "<CompleteMultipartUploadResult/>");
}

static enum MHD_Result upload_drop(struct request *request, const char *upload)
{
    char path[NAME_SIZE];

    snprintf(path, sizeof path, "parts/%s", upload);
    unlinkat(request->server->folder, path, 0);
    for (int i = 1; i < 100; i++) {
        snprintf(path, sizeof path, "parts/%s.%d", upload, i);
        unlinkat(request->server->folder, path, 0);
    }
    return answer(request, 204, response_of(""));
}

/* ---- Requests
 * ------------------------------------------------------------------------- */

static void names_find(struct request *request)
{
    const char *path = request->uri + 1, *host = header_of(request->connection, "host");
    const char *local = host ? strstr(host, ".localhost") : NULL;
    size_t size = strcspn(path, "/?");
    scoped_buf key = { 0 }, name = { 0 };

    if (local)
        snprintf(request->bucket, sizeof request->bucket, "%.*s", (int)(local - host),
                 host);
    else {
        snprintf(request->bucket, sizeof request->bucket, "%.*s", (int)size, path);
        path += size + (path[size] == '/');
    }
    uri_decode(path, strcspn(path, "?"), false, &key);
    uri_encode((const char *)key.data, key.size, false, &name);
    snprintf(request->key, sizeof request->key, "%s", buf_string(&key));
    snprintf(request->name, sizeof request->name, "%s", buf_string(&name));
}

static void begin(struct request *request)
{
    const struct sigv4_request signature = { request->method, request->uri, header_of,
                                             request->connection };
    char now[32];
    time_t seconds = time(NULL);
    struct tm parts;

    strftime(now, sizeof now, "%Y%m%dT%H%M%SZ", gmtime_r(&seconds, &parts));
    request->is_begun = true;
    request->body = -1;
    names_find(request);
    fault_take(request);
    if (strncmp(request->uri, "/-/", 3) != 0 && strcmp(request->bucket, "public") != 0)
        request->fault = sigv4_fault(&keys, &signature, now);
    if (strcmp(request->method, "PUT") == 0) {
        request->digester = digester_create(false);
        snprintf(request->incoming, sizeof request->incoming, "incoming.%u",
                 ++request->server->bodies);
        request->body = openat(request->server->folder, request->incoming,
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
}

static enum MHD_Result object(struct request *request)
{
    const char *upload = query_of(request, "uploadId");

    if (request->fault)
        return answer_error(request, 403, request->fault);
    if (is_sick(request, "expired"))
        return answer_error(request, 403, "ExpiredToken");
    if (strcmp(request->method, "PUT") == 0)
        return put_end(request);
    if (strcmp(request->method, "POST") == 0)
        return upload ? upload_end(request, upload) : upload_begin(request);
    if (strcmp(request->method, "DELETE") == 0)
        return upload_drop(request, upload ? upload : "");
    if (faccessat(request->server->folder, request->bucket, F_OK, 0) != 0)
        return answer_error(request, 404, "NoSuchBucket");
    return request->key[0] ? object_get(request) : list(request);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
                              const char *url, const char *method, const char *version,
                              const char *bytes, size_t *size, void **state)
{
    struct request *request = *state;
    int status;

    (void)url;
    (void)version;
    if (!request->is_begun) {
        request->server = context;
        request->connection = connection;
        request->method = method;
        begin(request);
        return MHD_YES;
    }
    if (*size > 0) {
        if (request->digester)
            digester_add(request->digester, bytes, *size);
        if (request->body < 0)
            buf_add(&request->text, bytes, *size);
        else if (write(request->body, bytes, *size) != (ssize_t)*size)
            return MHD_NO;
        *size = 0;
        return MHD_YES;
    }
    status = atoi(request->sick.kind);
    if (status > 0)
        return answer_error(request, (unsigned)status,
                            status == 503 ? "SlowDown" : "InternalError");
    return strncmp(request->uri, "/-/", 3) == 0 ? web(request) : object(request);
}

static void *uri_keep(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct request *request = calloc(1, sizeof *request);

    (void)context;
    (void)connection;
    request->uri = strdup(uri);
    request->body = -1;
    return request;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct request *request = *state;

    (void)context;
    (void)connection;
    (void)code;
    if (!request)
        return;
    if (request->body >= 0)
        close(request->body);
    digester_destroy(request->digester);
    buf_fini(&request->text);
    free(request->uri);
    free(request);
}

/* ---- Start
 * ---------------------------------------------------------------------------- */

static const char *example_header(void *context, const char *name)
{
    static const char *const headers[][2] = {
        { "host", "examplebucket.s3.amazonaws.com" },
        { "range", "bytes=0-9" },
        { "x-amz-date", "20130524T000000Z" },
        { "x-amz-content-sha256",
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "authorization",
          "AWS4-HMAC-SHA256 "
          "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
          "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
          "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    };

    (void)context;
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        if (strcmp(headers[i][0], name) == 0)
            return headers[i][1];
    return NULL;
}

/* The example of the documents of Amazon S3: what is checked here is what they mean. */
static bool check_is_right(void)
{
    const struct sigv4_keys example = { "AKIAIOSFODNN7EXAMPLE",
                                        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL,
                                        "us-east-1" };
    const struct sigv4_request request = { "GET", "/test.txt", example_header, NULL };

    return sigv4_fault(&example, &request, NULL) == NULL;
}

int main(int argc, char **argv)
{
    struct server server = { .page = argc > 2 ? (unsigned)atoi(argv[2]) : 1000 };
    const union MHD_DaemonInfo *info;
    struct MHD_Daemon *daemon;
    sigset_t ends;
    int signal_number;

    if (argc < 2 || !check_is_right()
        || (server.folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        fputs("usage: s3_server FOLDER [PAGE]\n", stderr);
        return 1;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, &server,
        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_URI_LOG_CALLBACK, uri_keep, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
    info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (!info)
        return 1;
    printf("%u\n", (unsigned)info->port);
    fflush(stdout);
    sigwait(&ends, &signal_number);
    MHD_stop_daemon(daemon);
    return 0;
}
