/* sidecar.c - the keys of properties that do something. */
#include "codecs/names/names.h"

#include <string.h>

struct reading {
    struct arena *arena;
    const char *file;
    struct buf *notes;
    struct sidecar *sidecar;
};

static void complain(const struct reading *self, const char *what)
{
    buf_printf(self->notes, "%.200s: %s\n", self->file, what);
}

/* A string without NUL, or NULL. */
static const char *text_of(const struct value *value)
{
    return value && value->kind == VALUE_STRING
                   && strlen(value->string.data) == value->string.size
               ? value->string.data
               : NULL;
}

static void read_alias(struct reading *self, const struct value *value)
{
    const char *alias = text_of(value);

    if (alias && alias_is_valid(alias))
        self->sidecar->alias = alias;
    else
        complain(self, "valohai.alias is ignored: it has to be a name of 1 to 128 bytes "
                       "without '/', and no UUID");
}

static void read_tags(struct reading *self, const struct value *value)
{
    struct sidecar *sidecar = self->sidecar;

    if (value->kind != VALUE_LIST) {
        complain(self, "valohai.tags is ignored: it has to be a list of texts");
        return;
    }
    for (size_t i = 0; i < value->list.count; i++) {
        const char *tag = text_of(&value->list.items[i]);

        if (sidecar->tag_count == SIDECAR_ENTRIES_MAX) {
            complain(self, "valohai.tags has more than 100 entries: the rest is ignored");
            return;
        }
        if (tag && tag_is_valid(tag))
            sidecar->tags[sidecar->tag_count++] = tag;
        else
            complain(self, "an entry of valohai.tags is ignored: it has to be a text of "
                           "1 to 128 bytes");
    }
}

static bool texts_only(const struct value *value)
{
    if (value->kind != VALUE_LIST)
        return false;
    for (size_t i = 0; i < value->list.count; i++)
        if (!text_of(&value->list.items[i]))
            return false;
    return true;
}

static bool read_version_uri(struct reading *self, const struct value *value,
                             struct name_uri *uri)
{
    const char *text = text_of(value);
    struct err err;

    if (!text) {
        complain(self, "an entry of valohai.dataset-versions is ignored: it has to be "
                       "dataset://NAME/VERSION, or an object with that as uri");
        return false;
    }
    if (name_uri_read(text, uri, &err) != RC_OK) {
        complain(self, err.text);
        return false;
    }
    if (uri->kind != NAME_VERSION)
        complain(self, "an entry of valohai.dataset-versions is ignored: it names no "
                       "dataset");
    return uri->kind == NAME_VERSION;
}

/* from: dataset://NAME/VERSION, or a version of the same dataset by its name alone. */
static bool read_base(struct reading *self, const struct value *value,
                      struct sidecar_version *version)
{
    const char *text = text_of(value);

    if (text && name_is_valid(text)) {
        version->base = version->uri;
        memcpy(version->base.version, text, strlen(text) + 1);
        return true;
    }
    return read_version_uri(self, value, &version->base);
}

static bool read_options(struct reading *self, const struct value *entry,
                         struct sidecar_version *version)
{
    const struct value *base = value_get(entry, "from");
    const struct value *fresh = value_get(entry, "start_fresh");
    const struct value *exclude = value_get(entry, "exclude");

    if (base && base->kind != VALUE_NULL) {
        version->has_base = true;
        if (!read_base(self, base, version))
            return false;
    }
    if (fresh && fresh->kind != VALUE_NULL) {
        if (fresh->kind == VALUE_BOOL)
            version->start_fresh = fresh->boolean;
        else
            complain(self, "start_fresh is ignored: it has to be true or false");
    }
    if (exclude && exclude->kind != VALUE_NULL) {
        if (texts_only(exclude))
            version->exclude = exclude;
        else
            complain(self, "exclude is ignored: it has to be a list of file names");
    }
    return true;
}

static void read_versions(struct reading *self, const struct value *value)
{
    struct sidecar *sidecar = self->sidecar;

    if (value->kind != VALUE_LIST) {
        complain(self, "valohai.dataset-versions is ignored: it has to be a list");
        return;
    }
    for (size_t i = 0; i < value->list.count; i++) {
        const struct value *entry = &value->list.items[i];
        bool is_map = entry->kind == VALUE_MAP;
        struct sidecar_version version = { .has_base = false };

        if (sidecar->version_count == SIDECAR_ENTRIES_MAX) {
            complain(self, "valohai.dataset-versions has more than 100 entries: the rest "
                           "is ignored");
            return;
        }
        if (read_version_uri(self, is_map ? value_get(entry, "uri") : entry, &version.uri)
            && (!is_map || read_options(self, entry, &version)))
            sidecar->versions[sidecar->version_count++] = version;
    }
}

enum rc sidecar_read(struct arena *arena, const char *file, const struct value *metadata,
                     struct sidecar *sidecar, struct buf *notes, struct err *err)
{
    static const struct {
        const char *key;
        void (*read)(struct reading *self, const struct value *value);
    } keys[] = { { "valohai.alias", read_alias },
                 { "valohai.tags", read_tags },
                 { "valohai.dataset-versions", read_versions } };
    struct reading self = { arena, file, notes, sidecar };

    *sidecar = (struct sidecar){ .alias = NULL };
    for (size_t i = 0; metadata->kind == VALUE_LIST && i < metadata->list.count; i++)
        for (size_t k = 0; k < COUNT_OF(keys); k++) {
            const struct value *value = value_get(&metadata->list.items[i], keys[k].key);

            if (!value || value->kind == VALUE_NULL)
                continue;
            if (!sidecar->tags) {
                sidecar->tags =
                    arena_array(arena, SIDECAR_ENTRIES_MAX, sizeof *sidecar->tags);
                sidecar->versions =
                    arena_array(arena, SIDECAR_ENTRIES_MAX, sizeof *sidecar->versions);
            }
            if (!sidecar->tags || !sidecar->versions)
                return err_set(err, RC_NO_MEMORY, "the properties of %.200s", file);
            keys[k].read(&self, value);
        }
    return RC_OK;
}
