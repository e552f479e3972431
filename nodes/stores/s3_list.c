/* s3_list.c - ListObjectsV2, page by page. Keys come percent-encoded, because XML cannot
 * hold every byte that a key may have. */
#include "nodes/stores/s3.h"
#include "nodes/stores/xml.h"

#include <stdlib.h>
#include <string.h>

enum { PAGES_MAX = 10000, PAGE_MEMORY_MAX = 64 << 20 };

struct page {
    struct arena *arena;
    struct s3_listed object;
    const char *token; /* of the next page */
    bool has_more;
    enum rc (*take)(void *context, const struct s3_listed *object, struct err *err);
    void *context;
};

static int digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

static const char *decoded(struct arena *arena, const char *text)
{
    char *copy = arena_text(arena, text), *to = copy;

    for (const char *from = copy; from && *from; to++) {
        int high = from[0] == '%' ? digit(from[1]) : -1;
        int low = high >= 0 ? digit(from[2]) : -1;

        *to = low >= 0 ? (char)(high * 16 + low) : from[0] == '+' ? ' ' : from[0];
        from += low >= 0 ? 3 : 1;
    }
    if (to)
        *to = '\0';
    return copy;
}

static enum rc take_element(void *context, const char *path, const char *text,
                            struct err *err)
{
    struct page *page = context;
    enum rc rc = RC_OK;

    if (strcmp(path, "ListBucketResult/IsTruncated") == 0)
        page->has_more = strcmp(text, "true") == 0;
    else if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0)
        page->token = arena_text(page->arena, text);
    else if (strcmp(path, "ListBucketResult/Contents/Key") == 0)
        page->object.key = decoded(page->arena, text);
    else if (strcmp(path, "ListBucketResult/Contents/ETag") == 0)
        page->object.etag = arena_text(page->arena, text);
    else if (strcmp(path, "ListBucketResult/Contents/Size") == 0)
        page->object.size = strtoull(text, NULL, 10);
    else if (strcmp(path, "ListBucketResult/Contents") == 0) {
        if (page->object.key)
            rc = page->take(page->context, &page->object, err);
        page->object = (struct s3_listed){ 0 };
    }
    return rc;
}

/* token: of this page, NULL for the first; then of the next one, NULL after the last. It
 * lives in tokens. */
static enum rc page_read(const struct s3_place *place, const char **token,
                         struct arena *tokens, struct page *page, struct err *err)
{
    const char *const first[] = { "encoding-type", "url",      "list-type", "2",
                                  "prefix",        place->key, NULL };
    const char *const next[] = {
        "continuation-token", *token, "encoding-type", "url", "list-type", "2", "prefix",
        place->key,           NULL
    };
    struct s3_place bucket = { place->store, place->bucket, "", place->cancelled };
    struct web_request request = { .method = "GET",
                                   .url = s3_url(page->arena, &bucket,
                                                 *token ? next : first),
                                   .shown = s3_shown(page->arena, place),
                                   .store = place->store,
                                   .cancelled = place->cancelled };
    scoped_answer answer = { 0 };

    if (!request.url || !request.shown)
        return err_set(err, RC_NO_MEMORY, "no memory to list objects");

    enum rc rc = web_ask(&request, &answer, err);
    struct err why = { .text = "" };

    if (rc != RC_OK)
        return rc;
    rc = xml_read(answer.text.data, answer.text.size, take_element, page, &why);
    if (rc != RC_OK)
        return err_set(err, rc, "the list of %s: %s", request.shown, why.text);
    if (page->has_more && !page->token)
        return err_set(err, RC_PROTOCOL, "the list of %s ends without its rest",
                       request.shown);
    *token = page->has_more ? arena_text(tokens, page->token) : NULL;
    return page->has_more && !*token ? err_set(err, RC_NO_MEMORY, "no memory for a list")
                                     : RC_OK;
}

enum rc s3_list(const struct s3_place *place,
                enum rc (*take)(void *context, const struct s3_listed *object,
                                struct err *err),
                void *context, struct err *err)
{
    scoped(arena) tokens = arena_create(PAGE_MEMORY_MAX);
    const char *token = NULL;

    if (!tokens)
        return err_set(err, RC_NO_MEMORY, "no memory to list objects");
    for (unsigned i = 0; i < PAGES_MAX; i++) {
        scoped(arena) arena = arena_create(PAGE_MEMORY_MAX);
        struct page page = { .arena = arena, .take = take, .context = context };

        if (!arena)
            return err_set(err, RC_NO_MEMORY, "no memory to list objects");

        enum rc rc = page_read(place, &token, tokens, &page, err);

        if (rc != RC_OK || !token)
            return rc;
    }
    return err_set(err, RC_INVALID, "s3://%s/%s has too many objects", place->bucket,
                   place->key);
}
