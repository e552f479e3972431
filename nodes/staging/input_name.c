/* input_name.c - file names out of URIs that may hold anything. */
#include "nodes/staging/input_name.h"

#include "codecs/value/utf8.h"

#include <search.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 200 }; /* leaves room for "-2" and temporary endings below 255 */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
        return (digit | 0x20) - 'a' + 10;
    return -1;
}

size_t percent_decode(char *text, size_t size)
{
    size_t to = 0;

    for (size_t from = 0; from < size; from++, to++) {
        text[to] = text[from];
        if (text[from] != '%' || size - from < 3)
            continue;

        int high = hex_value(text[from + 1]), low = hex_value(text[from + 2]);

        if (high < 0 || low < 0)
            continue;
        text[to] = (char)(high << 4 | low);
        from += 2;
    }
    text[to] = '\0';
    return to;
}

/* Makes one decoded segment of a URI fit to be a file name, in place. */
static size_t segment_make_safe(char *text, size_t size)
{
    if (size > NAME_MAX_BYTES)
        size = NAME_MAX_BYTES;
    for (size_t i = 0; i < size;) {
        size_t length = 1;
        int32_t point = utf8_next(text + i, size - i, &length);

        if (point < ' ' || point == 0x7f || point == '/')
            text[i] = '_';
        i += length;
    }
    if (size <= 2 && strspn(text, ".") >= size)
        memset(text, '_', size);
    text[size] = '\0';
    return size;
}

static size_t segment_copy(char *to, const char *from, size_t size)
{
    memcpy(to, from, size);
    return segment_make_safe(to, percent_decode(to, size));
}

/* The path part of a URI or of a plain path; size gets its length. */
static const char *uri_path(const char *uri, size_t *size)
{
    const char *scheme = strstr(uri, "://");
    const char *path = uri;

    if (scheme)
        path = scheme + 3 + strcspn(scheme + 3, "/?#");
    else if (strncmp(uri, "file:", 5) == 0)
        path = uri + 5;
    *size = scheme ? strcspn(path, "?#") : strlen(path);
    return path;
}

static const char *name_from_uri(struct arena *arena, const char *uri, bool keep_all)
{
    size_t size, used = 0;
    const char *path = uri_path(uri, &size), *end = path + size;
    char *name = arena_alloc(arena, size + sizeof "file");

    while (name && path < end) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t length = (size_t)((slash ? slash : end) - path);

        if (length > 0) {
            if (!keep_all)
                used = 0;
            if (used > 0)
                name[used++] = '/';
            used += segment_copy(name + used, path, length);
        }
        path += length + 1;
    }
    if (name && used == 0)
        memcpy(name, "file", sizeof "file");
    return name;
}

const char *input_file_name(struct arena *arena, const struct plan_input *input,
                            const struct plan_source *source, const char *uri)
{
    if (input->filename && input->filename[0] && input->source_count == 1)
        return input->filename;
    if (source->name && source->name[0])
        return source->name;
    return name_from_uri(arena, uri, input->keep_directories == KEEP_FULL);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

const char *name_set_add(struct name_set *set, struct arena *arena, const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    const char *dot = strrchr(base, '.');
    size_t stem = dot && dot > base ? (size_t)(dot - name) : strlen(name);
    const char *unique = name;

    for (unsigned n = 2; unique && tfind(unique, &set->tree, compare_names); n++)
        unique = arena_printf(arena, "%.*s-%u%s", (int)stem, name, n, name + stem);
    if (!unique || !tsearch(unique, &set->tree, compare_names))
        return NULL;
    return unique;
}

static void keep_name(void *name)
{
    (void)name;
}

void name_set_fini(struct name_set *set)
{
    tdestroy(set->tree, keep_name);
    set->tree = NULL;
}
