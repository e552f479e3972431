/* names.c - names and the URIs made of them. */
#include "codecs/names/names.h"

#include "codecs/value/utf8.h"

#include <stdio.h>
#include <string.h>

static const char datum_scheme[] = "datum://", dataset_scheme[] = "dataset://";

bool tag_is_valid(const char *tag)
{
    size_t size = strlen(tag), trimmed = size, length;
    const char *begin = tag;

    if (size == 0 || size > NAME_BYTES_MAX)
        return false;
    utf8_trim(&begin, &trimmed);
    if (trimmed != size)
        return false;
    for (size_t at = 0; at < size; at += length) {
        int32_t point = utf8_next(tag + at, size - at, &length);

        if (point == UTF8_BAD || point < 0x20 || (point >= 0x7f && point < 0xa0))
            return false;
    }
    return true;
}

bool name_is_valid(const char *name)
{
    return tag_is_valid(name) && !strchr(name, '/');
}

bool alias_is_valid(const char *name)
{
    uint8_t id[UUID_BYTES];

    return name_is_valid(name) && !uuid_read(name, id);
}

static bool has_scheme(const char *uri, const char *scheme)
{
    return strncasecmp(uri, scheme, strlen(scheme)) == 0;
}

bool name_uri_is(const char *uri)
{
    return has_scheme(uri, datum_scheme) || has_scheme(uri, dataset_scheme);
}

static enum rc read_datum(const char *name, struct name_uri *read, struct err *err)
{
    *read = (struct name_uri){ .kind = NAME_ID };
    if (uuid_read(name, read->id))
        return RC_OK;
    read->kind = NAME_ALIAS;
    if (!name_is_valid(name))
        return err_set(err, RC_INVALID,
                       "datum://%.200s: what follows is neither an id nor an alias (1 to "
                       "%d bytes without '/')",
                       name, NAME_BYTES_MAX);
    snprintf(read->name, sizeof read->name, "%s", name);
    return RC_OK;
}

static enum rc read_dataset(const char *text, struct name_uri *read, struct err *err)
{
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : 0;

    *read = (struct name_uri){ .kind = NAME_VERSION };
    if (size <= NAME_BYTES_MAX)
        snprintf(read->name, sizeof read->name, "%.*s", (int)size, text);
    if (!slash || !name_is_valid(read->name) || !name_is_valid(slash + 1))
        return err_set(err, RC_INVALID,
                       "dataset://%.200s: it has to be dataset://NAME/VERSION, each of 1 "
                       "to %d bytes without '/'; the version may be \"latest\"",
                       text, NAME_BYTES_MAX);
    snprintf(read->version, sizeof read->version, "%s", slash + 1);
    return RC_OK;
}

enum rc name_uri_read(const char *uri, struct name_uri *read, struct err *err)
{
    struct name_uri found;
    enum rc rc;

    if (has_scheme(uri, datum_scheme))
        rc = read_datum(uri + strlen(datum_scheme), &found, err);
    else if (has_scheme(uri, dataset_scheme))
        rc = read_dataset(uri + strlen(dataset_scheme), &found, err);
    else
        rc = err_set(err, RC_INVALID, "%.200s: this is neither datum:// nor dataset://",
                     uri);
    if (rc == RC_OK)
        *read = found;
    return rc;
}

void dataset_uri_write(const char *dataset, const char *version, char uri[NAME_URI_SIZE])
{
    snprintf(uri, NAME_URI_SIZE, "%s%.*s/%.*s", dataset_scheme, NAME_BYTES_MAX, dataset,
             NAME_BYTES_MAX, version);
}
