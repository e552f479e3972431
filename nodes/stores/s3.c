/* s3.c - URLs of a store. */
#include "nodes/stores/s3.h"

#include "codecs/names/scheme.h"

#include <string.h>

/* All but unreserved characters, as signatures want it; a key's slashes stay. */
static void encode(struct buf *url, const char *text, bool keeps_slash)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~";

    for (; *text; text++) {
        if (strchr(plain, *text) || (*text == '/' && keeps_slash))
            buf_byte(url, (unsigned char)*text);
        else
            buf_printf(url, "%%%02X", (unsigned char)*text);
    }
}

const char *s3_url(struct arena *arena, const struct s3_place *place,
                   const char *const *query)
{
    const char *endpoint = place->store->endpoint;
    const char *host = strstr(endpoint, "://") + 3;
    scoped_buf url = { 0 };

    if (place->store->path_style)
        buf_printf(&url, "%s/%s/", endpoint, place->bucket);
    else
        buf_printf(&url, "%.*s%s.%s/", (int)(host - endpoint), endpoint, place->bucket,
                   host);
    encode(&url, place->key, true);
    for (size_t i = 0; query && query[i]; i += 2) {
        must(i == 0 || strcmp(query[i - 2], query[i]) < 0);
        buf_byte(&url, i == 0 ? '?' : '&');
        encode(&url, query[i], false);
        buf_byte(&url, '=');
        encode(&url, query[i + 1], false);
    }
    return buf_ok(&url) ? arena_text(arena, buf_string(&url)) : NULL;
}

const char *s3_shown(struct arena *arena, const struct s3_place *place)
{
    return arena_printf(arena, "s3://%s/%s", place->bucket, place->key);
}

bool s3_uri_parse(struct arena *arena, const char *uri, const char **bucket,
                  const char **key)
{
    const char *name = uri + strlen("s3://"), *slash;

    if (!uri_is_object(uri))
        return false;
    slash = name
            + strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                           "0123456789.-_");
    if (slash == name || slash[0] != '/' || !slash[1])
        return false;
    *bucket = arena_copy(arena, name, (size_t)(slash - name));
    *key = slash + 1;
    return *bucket != NULL;
}
