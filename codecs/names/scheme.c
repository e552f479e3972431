/* scheme.c - see scheme.h. */
#include "codecs/names/scheme.h"

#include <string.h>

static bool starts_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

bool uri_is_web(const char *uri)
{
    return starts_with(uri, "http://") || starts_with(uri, "https://");
}

bool uri_is_object(const char *uri)
{
    return starts_with(uri, "s3://");
}

bool uri_is_pattern(const char *uri)
{
    return uri_is_object(uri) && strchr(uri, '*');
}

const char *uri_advice(const char *uri)
{
    if (starts_with(uri, "gs://"))
        return "gs:// is not supported, but Google's store speaks S3: name it in the "
               "file "
               "of stores with endpoint https://storage.googleapis.com and an HMAC key, "
               "and write s3://bucket/key";
    if (starts_with(uri, "azure://") || starts_with(uri, "swift://"))
        return "this kind of store is not supported: write an https:// URL with a token, "
               "or put a gateway that speaks S3 before it and write s3://bucket/key";
    return "a path, file:, http:, https:, s3:, datum: and dataset: are supported";
}

const char *uri_shown(struct arena *arena, const char *uri)
{
    const char *scheme = strstr(uri, "://");

    if (!scheme)
        return uri;

    const char *host = scheme + 3, *end = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(end - host));

    if (!at)
        return uri;
    return arena_printf(arena, "%.*s%s", (int)(host - uri), uri, at + 1);
}
