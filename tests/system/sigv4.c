/* sigv4.c - canonical request, string to sign, signature. */
#include "sigv4.h"

#include "codecs/digest/digest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS_MAX = 32, SCOPE_MAX = 200 };

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

void uri_decode(const char *text, size_t size, bool is_form, struct buf *out)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '%' && i + 2 < size && digit(text[i + 1]) >= 0
            && digit(text[i + 2]) >= 0) {
            buf_byte(out, (unsigned char)(digit(text[i + 1]) * 16 + digit(text[i + 2])));
            i += 2;
        } else
            buf_byte(out, is_form && text[i] == '+' ? ' ' : (unsigned char)text[i]);
    }
}

void uri_encode(const char *text, size_t size, bool keeps_slash, struct buf *out)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (isalnum(c) || (c && strchr("-._~", c)) || (c == '/' && keeps_slash))
            buf_byte(out, c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static void encode_again(const char *text, size_t size, bool keeps_slash, struct buf *out)
{
    scoped_buf plain = { 0 };

    uri_decode(text, size, false, &plain);
    uri_encode((const char *)plain.data, plain.size, keeps_slash, out);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_query(const char *query, struct buf *out)
{
    char *pairs[PAIRS_MAX];
    size_t count = 0;

    while (query && *query && count < PAIRS_MAX) {
        size_t size = strcspn(query, "&"), name = strcspn(query, "=&");
        scoped_buf pair = { 0 };

        encode_again(query, name, false, &pair);
        buf_byte(&pair, '=');
        if (name < size)
            encode_again(query + name + 1, size - name - 1, false, &pair);
        pairs[count++] = strdup(buf_string(&pair));
        query += size + (query[size] == '&');
    }
    qsort(pairs, count, sizeof *pairs, compare_texts);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s%s", i ? "&" : "", pairs[i]);
        free(pairs[i]);
    }
    buf_byte(out, '\n');
}

/* The headers that are signed, as they came; false if one of them is not there. */
static bool add_headers(const struct sigv4_request *request, const char *names,
                        struct buf *out)
{
    const char *at = names;

    while (*at) {
        size_t size = strcspn(at, ";");
        char name[SCOPE_MAX];
        const char *value;

        snprintf(name, sizeof name, "%.*s", (int)size, at);
        value = request->header(request->context, name);
        if (!value)
            return false;
        buf_printf(out, "%s:%s\n", name, value);
        at += size + (at[size] == ';');
    }
    buf_printf(out, "\n%s\n", names);
    return true;
}

/* The value of "NAME=..." in an Authorization header. */
static bool field(const char *header, const char *name, char value[SCOPE_MAX * 2])
{
    const char *at = strstr(header, name);

    if (!at)
        return false;
    at += strlen(name);
    snprintf(value, SCOPE_MAX * 2, "%.*s", (int)strcspn(at, ", "), at);
    return true;
}

static void signature_of(const struct sigv4_keys *keys, const char *scope,
                         const char *text, char hex[65])
{
    uint8_t mac[DIGEST_SIZE];
    char key[SCOPE_MAX], digest[DIGEST_TEXT_SIZE];
    int size = snprintf(key, sizeof key, "AWS4%s", keys->secret);

    digest_keyed(key, (size_t)size, scope, 8, mac);
    for (const char *at = scope + 8; *at == '/';) {
        size_t part = strcspn(at + 1, "/");

        digest_keyed(mac, sizeof mac, at + 1, part, mac);
        at += 1 + part;
    }
    digest_keyed(mac, sizeof mac, text, strlen(text), mac);
    digest_text(mac, digest);
    snprintf(hex, 65, "%s", digest + 7);
}

static const char *scope_fault(const struct sigv4_keys *keys, const char *credential,
                               const char *date, const char *now, const char **scope)
{
    char wanted[SCOPE_MAX];
    size_t size = strlen(keys->access);

    if (strncmp(credential, keys->access, size) != 0 || credential[size] != '/')
        return "InvalidAccessKeyId";
    *scope = credential + size + 1;
    snprintf(wanted, sizeof wanted, "%.8s/%s/s3/aws4_request", date, keys->region);
    if (strcmp(*scope, wanted) != 0)
        return "AuthorizationHeaderMalformed";
    return now && strncmp(now, date, 8) != 0 ? "RequestTimeTooSkewed" : NULL;
}

const char *sigv4_fault(const struct sigv4_keys *keys,
                        const struct sigv4_request *request, const char *now)
{
    const char *header = request->header(request->context, "authorization");
    const char *date = request->header(request->context, "x-amz-date");
    const char *payload = request->header(request->context, "x-amz-content-sha256");
    const char *token = request->header(request->context, "x-amz-security-token");
    char credential[SCOPE_MAX * 2], names[SCOPE_MAX * 2], given[SCOPE_MAX * 2], hex[65];
    char digest[DIGEST_TEXT_SIZE];
    const char *scope = NULL, *fault;
    size_t path = strcspn(request->uri, "?");
    scoped_buf canonical = { 0 }, text = { 0 };

    if (!header || !date || !payload || strncmp(header, "AWS4-HMAC-SHA256 ", 17) != 0
        || !field(header, "Credential=", credential)
        || !field(header, "SignedHeaders=", names) || !field(header, "Signature=", given))
        return "AccessDenied";
    if (keys->token && (!token || strcmp(token, keys->token) != 0))
        return "InvalidToken";
    if (!strstr(names, "host") || !strstr(names, "x-amz-content-sha256")
        || (token && !strstr(names, "x-amz-security-token")))
        return "AccessDenied";
    fault = scope_fault(keys, credential, date, now, &scope);
    if (fault)
        return fault;
    buf_printf(&canonical, "%s\n", request->method);
    encode_again(request->uri, path, true, &canonical);
    buf_byte(&canonical, '\n');
    add_query(request->uri[path] ? request->uri + path + 1 : NULL, &canonical);
    if (!add_headers(request, names, &canonical))
        return "AccessDenied";
    buf_text(&canonical, payload);
    digest_bytes(canonical.data, canonical.size, digest);
    buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, digest + 7);
    signature_of(keys, scope, buf_string(&text), hex);
    return strcmp(hex, given) == 0 ? NULL : "SignatureDoesNotMatch";
}
