/* manifest.c - see manifest.h. */
#include "codecs/version/manifest.h"

#include <string.h>

enum { MANIFEST_FORMAT = 1 };

static void write_text(struct buf *json, const char *key, const char *text)
{
    buf_printf(json, ", \"%s\": ", key);
    value_json_string(json, text, strlen(text));
}

static void write_digests(struct buf *json, const char *key, const char *const *digests,
                          size_t count)
{
    buf_printf(json, ", \"%s\": [", key);
    for (size_t i = 0; i < count; i++)
        buf_printf(json, "%s\n\"%s\"", i ? "," : "", digests[i]);
    buf_text(json, "]");
}

void manifest_encode(struct buf *json, const struct manifest *manifest)
{
    buf_printf(json, "{\"sluice_export\": %d", MANIFEST_FORMAT);
    write_text(json, "store", manifest->store);
    write_text(json, "id", manifest->id);
    write_text(json, "title", manifest->title);
    write_text(json, "state", manifest->state);
    buf_printf(json, ", \"number\": %lu", (unsigned long)manifest->number);
    write_text(json, "records", manifest->records);
    buf_printf(json, ", \"records_size\": %lu", (unsigned long)manifest->records_size);
    if (manifest->head)
        write_text(json, "head", manifest->head);
    write_digests(json, "objects", manifest->objects, manifest->object_count);
    write_digests(json, "missing", manifest->missing, manifest->missing_count);
    buf_text(json, "}\n");
}

static enum rc wrong(struct err *err, const char *key)
{
    return err_set(err, RC_INVALID, "manifest.json: \"%s\" is missing or wrong", key);
}

static bool read_text(const struct value *map, const char *key, const char **text)
{
    const struct value *found = value_get(map, key);

    if (!found || found->kind != VALUE_STRING
        || strlen(found->string.data) != found->string.size)
        return false;
    *text = found->string.data;
    return true;
}

static bool read_number(const struct value *map, const char *key, uint64_t *number)
{
    const struct value *found = value_get(map, key);

    if (!found || found->kind != VALUE_INT || found->integer < 0)
        return false;
    *number = (uint64_t)found->integer;
    return true;
}

static bool read_digests(struct arena *arena, const struct value *map, const char *key,
                         const char ***digests, size_t *count)
{
    const struct value *found = value_get(map, key);
    const char **list;

    if (!found || found->kind != VALUE_LIST)
        return false;
    list = arena_array(arena, found->list.count, sizeof *list);
    for (size_t i = 0; i < found->list.count; i++) {
        const struct value *item = &found->list.items[i];

        if (!list || item->kind != VALUE_STRING
            || !digest_is_valid(item->string.data, item->string.size))
            return false;
        list[i] = item->string.data;
    }
    *digests = list;
    *count = found->list.count;
    return list != NULL;
}

enum rc manifest_decode(struct arena *arena, const char *json, size_t size,
                        struct manifest *manifest, struct err *err)
{
    struct manifest read = { 0 };
    struct value map;
    uint64_t format;
    enum rc rc = value_from_json(arena, json, size, &map, err);
    const struct {
        const char *key;
        const char **text;
    } texts[] = { { "store", &read.store },
                  { "id", &read.id },
                  { "title", &read.title },
                  { "state", &read.state },
                  { "records", &read.records } };

    if (rc != RC_OK)
        return rc;
    if (!read_number(&map, "sluice_export", &format) || format != MANIFEST_FORMAT)
        return err_set(
            err, RC_INVALID,
            "manifest.json: this is no exported run that this program can read");
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (!read_text(&map, texts[i].key, texts[i].text))
            return wrong(err, texts[i].key);
    if (!digest_is_valid(read.records, strlen(read.records)))
        return wrong(err, "records");
    if (read_text(&map, "head", &read.head)
        && !digest_is_valid(read.head, strlen(read.head)))
        return wrong(err, "head");
    if (!read_number(&map, "number", &read.number))
        return wrong(err, "number");
    if (!read_number(&map, "records_size", &read.records_size))
        return wrong(err, "records_size");
    if (!read_digests(arena, &map, "objects", &read.objects, &read.object_count))
        return wrong(err, "objects");
    if (!read_digests(arena, &map, "missing", &read.missing, &read.missing_count))
        return wrong(err, "missing");
    *manifest = read;
    return RC_OK;
}
