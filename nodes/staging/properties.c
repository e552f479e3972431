/* properties.c - reading and merging the properties of outputs. */
#include "nodes/staging/properties.h"

#include "nodes/staging/folder.h"
#include "nodes/staging/json.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 256 << 20, SIDECAR_MAX = 16 << 20 };

static int compare_lines(const void *a, const void *b)
{
    const struct property_line *left = a, *right = b;
    int order = strcmp(left->file, right->file);

    if (order != 0)
        return order;
    return left->order < right->order ? -1 : left->order > right->order;
}

/* RC_INVALID: the line has another shape. */
static enum rc line_read(struct arena *arena, const char *text, size_t size,
                         struct property_line *line, struct err *err)
{
    struct value value;
    enum rc rc = value_from_json(arena, text, size, &value, err);

    if (rc != RC_OK)
        return rc;

    const struct value *file = value_get(&value, "file");
    const struct value *metadata = value_get(&value, "metadata");

    if (!file || file->kind != VALUE_STRING || !metadata || metadata->kind != VALUE_MAP)
        return RC_INVALID;
    line->file = file->string.data;
    if (strncmp(line->file, "./", 2) == 0)
        line->file += 2;
    line->metadata = *metadata;
    return RC_OK;
}

static enum rc lines_read(struct arena *arena, const struct buf *text,
                          struct properties *properties, struct err *err)
{
    const char *at = (const char *)text->data, *end = at + text->size;
    size_t lines = 1;

    for (const char *from = at; from < end; from++)
        lines += *from == '\n';

    struct property_line *read = arena_array(arena, lines, sizeof *read);
    size_t count = 0;

    if (!read)
        return err_set(err, RC_NO_MEMORY, "no memory for %s", PROPERTIES_FILE);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop ? stop : end) - at);
        enum rc rc = line_read(arena, at, size, &read[count], err);

        if (rc == RC_NO_MEMORY)
            return rc;
        if (rc == RC_OK) {
            read[count].order = count;
            count++;
        }
        at += size + 1;
    }
    qsort(read, count, sizeof *read, compare_lines);
    *properties = (struct properties){ read, count };
    return RC_OK;
}

enum rc properties_read(int folder, struct arena *arena, struct complaints *complaints,
                        struct properties *properties, struct err *err)
{
    struct err why;
    scoped_buf text = { 0 };

    buf_init(&text, LIST_MAX + (1 << 20));
    *properties = (struct properties){ 0 };

    enum rc rc = file_read(folder, "outputs/" PROPERTIES_FILE, LIST_MAX, &text, &why);

    if (rc == RC_OK)
        return lines_read(arena, &text, properties, err);
    if (rc == RC_NO_MEMORY)
        return err_set(err, rc, "%s", why.text);
    if (rc != RC_NOT_FOUND)
        complain(complaints, false, "properties are ignored: %s", why.text);
    return RC_OK;
}

/* The sidecar's map; VALUE_ABSENT if there is none. */
static enum rc sidecar_read(int folder, const char *name, struct arena *arena,
                            struct complaints *complaints, struct value *metadata,
                            struct err *err)
{
    struct err why = { .text = "it is no JSON object" };
    const char *path = arena_printf(arena, "outputs/%s%s", name, SIDECAR_ENDING);
    struct value value = { .kind = VALUE_ABSENT };
    scoped_buf text = { 0 };

    buf_init(&text, SIDECAR_MAX + (1 << 20));
    *metadata = value;

    enum rc rc = path ? file_read(folder, path, SIDECAR_MAX, &text, &why) : RC_NO_MEMORY;

    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc == RC_OK)
        rc = value_from_json(arena, (const char *)text.data, text.size, &value, &why);
    if (rc == RC_NO_MEMORY)
        return err_set(err, rc, "no memory for the properties of %s", name);
    if (rc == RC_OK && value.kind == VALUE_MAP)
        *metadata = value;
    else
        complain(complaints, false, "the properties in %s are ignored: %s",
                 name_shown(arena, path), why.text);
    return RC_OK;
}

static void map_put(struct map_maker *maker, const char *key, struct value value)
{
    for (size_t i = 0; i < maker->count; i++)
        if (strcmp(maker->entries[i].key, key) == 0) {
            maker->entries[i].value = value;
            return;
        }
    map_add(maker, key, value);
}

static void map_merge(struct map_maker *maker, const struct value *map)
{
    for (size_t i = 0; i < map->map.count; i++)
        map_put(maker, map->map.entries[i].key, map->map.entries[i].value);
}

/* The first line about the file, or count. */
static size_t line_find(const struct properties *properties, const char *name)
{
    size_t low = 0, high = properties->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(properties->lines[middle].file, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum rc properties_of(const struct properties *properties, int folder, const char *name,
                      struct arena *arena, struct complaints *complaints,
                      struct value *metadata, struct err *err)
{
    struct map_maker maker = { .arena = arena };
    struct value sidecar;
    enum rc rc = sidecar_read(folder, name, arena, complaints, &sidecar, err);

    if (rc != RC_OK)
        return rc;
    if (sidecar.kind == VALUE_MAP)
        map_merge(&maker, &sidecar);
    for (size_t i = line_find(properties, name);
         i < properties->count && strcmp(properties->lines[i].file, name) == 0; i++)
        map_merge(&maker, &properties->lines[i].metadata);

    struct value *items = arena_array(arena, 1, sizeof *items);

    if (!items || maker.failed)
        return err_set(err, RC_NO_MEMORY, "no memory for the properties of %s", name);
    *metadata = (struct value){ .kind = VALUE_ABSENT };
    if (maker.count == 0)
        return RC_OK;
    *items = map_value(&maker);
    *metadata = (struct value){ .kind = VALUE_LIST, .list = { items, 1 } };
    return RC_OK;
}
