/* web.c - the options of libcurl, and what the headers of an answer say.
 *
 * Older releases of libcurl (Debian 12 has 7.88) sign the query and the path as they
 * stand, hash no body that comes from a callback, and sort headers by their bytes. So
 * callers give URLs encoded and with sorted queries, every request names its payload's
 * hash, and names of headers are in lower case; newer releases give the same signature
 * then. */
#include "nodes/stores/web.h"

#include "nodes/stores/s3_error.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    REDIRECTS_MAX = 20,
    CONNECT_S = 30,
    STALLED_S = 60, /* without a byte */
    TEXT_MAX = 8 << 20,
    REFUSAL_MAX = 64 << 10, /* of the body of an answer that is no 2xx */
    WAIT_FIRST_MS = 100,
    WAIT_STEP_MS = 50,
};

static const char empty_payload[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct exchange {
    const struct web_request *request;
    struct web_answer *answer;
    CURL *curl;
    struct curl_slist *headers;
    uint64_t sent;
    bool has_enough; /* of a refusal */
    struct err *err;
    enum rc rc; /* of take, or of reading the body */
};

void web_answer_fini(struct web_answer *answer)
{
    buf_fini(&answer->text);
}

static void value_take(const char *line, size_t size, const char *name, char *value)
{
    size_t skip = strlen(name);

    if (size <= skip || strncasecmp(line, name, skip) != 0)
        return;
    line += skip;
    size -= skip;
    while (size > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        size--;
    }
    while (size > 0 && strchr("\r\n \t", line[size - 1]))
        size--;
    if (size >= WEB_TAG_MAX)
        return;
    for (size_t i = 0; i < size; i++)
        if (line[i] < ' ' || line[i] > '~')
            return; /* it could not be recorded */
    memcpy(value, line, size);
    value[size] = '\0';
}

/* Headers of an earlier answer (a redirect, "100 Continue") do not count. */
static void answer_restart(struct web_answer *answer, const char *line, size_t size)
{
    char status[WEB_TAG_MAX] = "";
    const char *space = memchr(line, ' ', size);

    if (space)
        value_take(space, size - (size_t)(space - line), " ", status);
    answer->status = strtol(status, NULL, 10);
    answer->etag[0] = answer->checksum[0] = answer->digest[0] = answer->region[0] = '\0';
    answer->version[0] = answer->modified[0] = answer->date[0] = '\0';
    answer->range_start = answer->range_total = answer->size = 0;
    answer->has_size = false;
}

/* " 100-199/1000" */
static void range_take(struct web_answer *answer, const char *value)
{
    const char *slash = strchr(value, '/');

    answer->range_start = strtoull(value, NULL, 10);
    answer->range_total = slash ? strtoull(slash + 1, NULL, 10) : 0;
}

static size_t take_header(char *line, size_t one, size_t size, void *context)
{
    struct exchange *exchange = context;
    struct web_answer *answer = exchange->answer;
    char value[WEB_TAG_MAX] = "";

    (void)one;
    if (size > 5 && strncmp(line, "HTTP/", 5) == 0)
        answer_restart(answer, line, size);
    value_take(line, size, "etag:", value);
    if (value[0] == '"')
        memcpy(answer->etag, value, sizeof value);
    value_take(line, size, "x-amz-checksum-sha256:", answer->checksum);
    value_take(line, size, "x-amz-meta-sluice-sha256:", answer->digest);
    value_take(line, size, "x-amz-bucket-region:", answer->region);
    value_take(line, size, "x-amz-version-id:", answer->version);
    value_take(line, size, "last-modified:", answer->modified);
    value_take(line, size, "date:", answer->date);
    value[0] = '\0';
    value_take(line, size, "content-length:", value);
    if (value[0]) {
        answer->size = strtoull(value, NULL, 10);
        answer->has_size = true;
    }
    value[0] = '\0';
    value_take(line, size, "content-range: bytes", value);
    if (value[0])
        range_take(answer, value);
    return size;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
    struct exchange *exchange = context;
    const struct web_request *request = exchange->request;
    struct web_answer *answer = exchange->answer;

    (void)one;
    if (request->take && answer->status / 100 == 2) {
        exchange->rc =
            request->take(request->context, answer, bytes, size, exchange->err);
        return exchange->rc == RC_OK ? size : 0;
    }
    if (answer->status / 100 != 2 && answer->text.size + size > REFUSAL_MAX) {
        exchange->has_enough = true;
        return 0;
    }
    buf_add(&answer->text, bytes, size);
    return size;
}

static size_t give_body(char *room, size_t one, size_t count, void *context)
{
    struct exchange *exchange = context;
    const struct web_request *request = exchange->request;
    uint64_t left = request->size - exchange->sent;
    size_t most = one * count < left ? one * count : (size_t)left;
    ssize_t got = (ssize_t)most;

    if (request->bytes)
        memcpy(room, request->bytes + exchange->sent, most);
    else
        got = pread(request->fd, room, most, (off_t)(request->offset + exchange->sent));
    if (got < 0 || (got == 0 && most > 0)) {
        exchange->rc = err_set(exchange->err, RC_IO,
                               "cannot read what is to be put to %s, or it got shorter",
                               request->shown);
        return CURL_READFUNC_ABORT;
    }
    exchange->sent += (uint64_t)got;
    return (size_t)got;
}

static int rewind_body(void *context, curl_off_t offset, int origin)
{
    struct exchange *exchange = context;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    exchange->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int take_progress(void *context, curl_off_t total, curl_off_t done,
                         curl_off_t up_total, curl_off_t up_done)
{
    const struct web_request *request = ((struct exchange *)context)->request;

    if (request->progress)
        request->progress(request->context, (uint64_t)(done + up_done),
                          (uint64_t)(total + up_total));
    return request->cancelled && *request->cancelled;
}

static bool header_add(struct exchange *exchange, const char *header)
{
    struct curl_slist *longer = curl_slist_append(exchange->headers, header);

    if (!longer)
        return false;
    exchange->headers = longer;
    return true;
}

static bool sign(struct exchange *exchange)
{
    const struct web_request *request = exchange->request;
    const struct store *store = request->store;
    char service[WEB_TAG_MAX], payload[WEB_TAG_MAX];
    scoped_buf token = { 0 };

    if (!store || store->is_anonymous)
        return true;
    snprintf(service, sizeof service, "aws:amz:%s:s3", store->region);
    curl_easy_setopt(exchange->curl, CURLOPT_AWS_SIGV4, service);
    curl_easy_setopt(exchange->curl, CURLOPT_USERNAME, store->access_key);
    curl_easy_setopt(exchange->curl, CURLOPT_PASSWORD, store->secret_key);
    snprintf(payload, sizeof payload, "x-amz-content-sha256: %s",
             request->payload ? request->payload : empty_payload);
    if (!header_add(exchange, payload))
        return false;
    if (!store->session_token)
        return true;
    buf_printf(&token, "x-amz-security-token: %s", store->session_token);
    return buf_ok(&token) && header_add(exchange, buf_string(&token));
}

static void set_method(struct exchange *exchange)
{
    const struct web_request *request = exchange->request;
    CURL *curl = exchange->curl;

    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (strcmp(request->method, "PUT") == 0) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->size);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, exchange);
    } else if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->bytes ? request->bytes : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
    } else if (strcmp(request->method, "GET") != 0)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static bool set_up(struct exchange *exchange, char reason[CURL_ERROR_SIZE])
{
    const struct web_request *request = exchange->request;
    CURL *curl = exchange->curl;

    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request->store ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, request->store ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALLED_S);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, take_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    set_method(exchange);
    for (size_t i = 0; i < WEB_HEADERS_MAX && request->headers[i]; i++)
        if (!header_add(exchange, request->headers[i]))
            return false;
    if (!sign(exchange))
        return false;
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->headers);
    return true;
}

static enum rc outcome(const struct exchange *exchange, CURLcode code, const char *reason)
{
    const struct web_request *request = exchange->request;
    struct err *err = exchange->err;

    if (exchange->rc != RC_OK)
        return exchange->rc;
    if (request->cancelled && *request->cancelled)
        return err_set(err, RC_CANCELLED, "stopped at %s", request->shown);
    if (code == CURLE_URL_MALFORMAT)
        return err_set(err, RC_INVALID, "%s is no valid URL", request->shown);
    if (code == CURLE_OUT_OF_MEMORY || !buf_ok(&exchange->answer->text))
        return err_set(err, RC_NO_MEMORY, "no memory for the answer of %s",
                       request->shown);
    if (code != CURLE_OK && !exchange->has_enough)
        return err_set(err, RC_UNREACHABLE, "%s: %s", request->shown,
                       reason[0] ? reason : curl_easy_strerror(code));
    return RC_OK;
}

enum rc web_exchange(const struct web_request *request, struct web_answer *answer,
                     struct err *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct exchange exchange = {
        .request = request, .answer = answer, .curl = curl_easy_init(), .err = err
    };
    enum rc rc;

    buf_fini(&answer->text);
    *answer = (struct web_answer){ 0 };
    buf_init(&answer->text, TEXT_MAX);
    if (exchange.curl && set_up(&exchange, reason)) {
        CURLcode code = curl_easy_perform(exchange.curl);

        rc = outcome(&exchange, code, reason);
    } else
        rc = err_set(err, RC_NO_MEMORY, "no memory to ask %s", request->shown);
    curl_slist_free_all(exchange.headers);
    curl_easy_cleanup(exchange.curl);
    return rc;
}

enum rc web_answer_judge(const struct web_request *request, struct web_answer *answer,
                         struct err *err)
{
    if (answer->status / 100 == 2)
        return RC_OK;
    if (request->store)
        return s3_error_tell(request, answer, err);
    return err_set(err, RC_UNREACHABLE, "%s: HTTP status %ld", request->shown,
                   answer->status);
}

bool web_may_retry(enum rc rc, const struct web_answer *answer)
{
    static const long passing[] = { 0, 408, 429, 500, 502, 503, 504 };

    for (size_t i = 0; rc == RC_UNREACHABLE && i < COUNT_OF(passing); i++)
        if (answer->status == passing[i])
            return true;
    return rc == RC_UNREACHABLE && answer->status / 100 == 2;
}

bool retry_wait(struct retry *retry, const atomic_bool *cancelled)
{
    if (++retry->tries >= WEB_TRIES_MAX)
        return false;
    for (int waited = 0; waited < WAIT_FIRST_MS << (retry->tries - 1);
         waited += WAIT_STEP_MS) {
        if (cancelled && *cancelled)
            return false;
        poll(NULL, 0, WAIT_STEP_MS);
    }
    return true;
}

enum rc web_ask(const struct web_request *request, struct web_answer *answer,
                struct err *err)
{
    struct retry retry = { 0 };
    enum rc rc;

    do {
        rc = web_exchange(request, answer, err);
        if (rc == RC_OK)
            rc = web_answer_judge(request, answer, err);
    } while (web_may_retry(rc, answer) && retry_wait(&retry, request->cancelled));
    return rc;
}
