/* latest.c - a search tree for finding, a list for the order. */
#include "nodes/staging/latest.h"

#include "codecs/pack/pack.h"
#include "codecs/wire/result.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 5 /* the most that msgpack puts before a key */ };

struct latest_entry {
    const char *key; /* first, so that a key can be searched for */
    unsigned char *packed;
    size_t size;
    struct latest_entry *next;
};

static int compare_entries(const void *a, const void *b)
{
    const struct latest_entry *left = a, *right = b;

    return strcmp(left->key, right->key);
}

static struct latest_entry *entry_find(const struct latest *latest, const char *key)
{
    struct latest_entry wanted = { .key = key };
    void *const *node = tfind(&wanted, &latest->tree, compare_entries);

    return node ? *node : NULL;
}

static void entry_destroy(struct latest_entry *entry)
{
    free((char *)entry->key);
    free(entry->packed);
    free(entry);
}

void latest_fini(struct latest *latest)
{
    while (latest->first) {
        struct latest_entry *entry = latest->first;

        latest->first = entry->next;
        tdelete(entry, &latest->tree, compare_entries);
        entry_destroy(entry);
    }
    *latest = (struct latest){ 0 };
}

static struct latest_entry *entry_add(struct latest *latest, const char *key)
{
    struct latest_entry *entry = calloc(1, sizeof *entry);
    char *copy = strdup(key);

    if (entry)
        entry->key = copy;
    if (!entry || !copy || !tsearch(entry, &latest->tree, compare_entries)) {
        free(copy);
        free(entry);
        return NULL;
    }
    if (latest->last)
        latest->last->next = entry;
    else
        latest->first = entry;
    latest->last = entry;
    latest->count++;
    latest->bytes += HEAD_BYTES + strlen(key);
    return entry;
}

bool latest_set(struct latest *latest, const char *key, const struct value *value)
{
    struct latest_entry *entry = entry_find(latest, key);
    scoped_buf packed = { 0 };

    buf_init(&packed, RESULT_METADATA_MAX);
    pack_value(&packed, value);

    size_t grown = packed.size + (entry ? 0 : HEAD_BYTES + strlen(key));
    size_t bytes = latest->bytes - (entry ? entry->size : 0);

    if (!buf_ok(&packed) || grown > RESULT_METADATA_MAX
        || bytes > RESULT_METADATA_MAX - grown)
        return false;

    unsigned char *copy = malloc(packed.size);

    if (copy && !entry)
        entry = entry_add(latest, key);
    if (!copy || !entry) {
        free(copy);
        return false;
    }
    memcpy(copy, packed.data, packed.size);
    latest->bytes = latest->bytes - entry->size + packed.size;
    free(entry->packed);
    entry->packed = copy;
    entry->size = packed.size;
    return true;
}

static bool entry_read(const struct latest_entry *entry, struct arena *arena,
                       struct value *value)
{
    struct reader reader;

    reader_init(&reader, entry->packed, entry->size);
    reader_value(&reader, arena, value);
    return reader_ok(&reader);
}

bool latest_get(const struct latest *latest, const char *key, struct arena *arena,
                struct value *value)
{
    const struct latest_entry *entry = entry_find(latest, key);

    return entry && entry_read(entry, arena, value);
}

enum rc latest_map(const struct latest *latest, struct arena *arena, struct value *map,
                   struct err *err)
{
    struct value_entry *entries = arena_array(arena, latest->count, sizeof *entries);
    size_t count = 0;

    if (!entries)
        return err_set(err, RC_NO_MEMORY, "no memory for the metadata");
    for (const struct latest_entry *at = latest->first; at; at = at->next) {
        entries[count].key = arena_text(arena, at->key);
        if (!entries[count].key || !entry_read(at, arena, &entries[count].value))
            return err_set(err, RC_NO_MEMORY, "no memory for the metadata");
        count++;
    }
    *map = (struct value){ .kind = VALUE_MAP, .map = { entries, count } };
    return RC_OK;
}
