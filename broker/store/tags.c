/* tags.c - words on datums and runs: by tag, and by what has it. */
#include "broker/store/names_key.h"

#include <string.h>

enum { TAGS_ARENA_MAX = 1 << 20 };

static struct name_key tag_key(const char *tag, enum tagged what)
{
    struct name_key key = { .size = 0 };

    name_key_text(&key, tag, NAME_BYTES_MAX);
    name_key_number(&key, what, 1);
    return key;
}

static struct name_key owner_key(enum tagged what, uint64_t number)
{
    struct name_key key = { .size = 0 };

    name_key_number(&key, what, 1);
    name_key_number(&key, number, 8);
    return key;
}

static enum rc read_tags(const MDB_val *data, struct arena *arena,
                         const char *const **tags, size_t *count, struct err *err)
{
    struct reader reader;
    const char **texts;
    size_t found;
    enum rc rc = record_open(&reader, TABLE_TAGS_OF, data, err);

    if (rc != RC_OK)
        return rc;
    found = reader_list(&reader);
    texts = arena_array(arena, found, sizeof *texts);
    if (!texts)
        return err_set(err, RC_NO_MEMORY, "a list of tags");
    for (size_t i = 0; i < found; i++)
        texts[i] = reader_text(&reader, arena, NAME_BYTES_MAX);
    rc = record_close(&reader, TABLE_TAGS_OF, err);
    if (rc != RC_OK)
        return rc;
    *tags = texts;
    *count = found;
    return RC_OK;
}

enum rc store_tags(struct store *store, enum tagged what, uint64_t number,
                   struct arena *arena, const char *const **tags, size_t *count,
                   struct err *err)
{
    struct name_key key = owner_key(what, number);
    struct view view;
    MDB_val data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_TAGS_OF, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = read_tags(&data, arena, tags, count, err);
    view_end(&view);
    if (rc != RC_NOT_FOUND)
        return rc;
    *tags = NULL;
    *count = 0;
    return RC_OK;
}

static enum rc write_tags(struct store *store, enum tagged what, uint64_t number,
                          const char *const *tags, size_t count, struct err *err)
{
    struct name_key key = owner_key(what, number);
    scoped_buf record = { 0 };

    if (count == 0)
        return db_remove(store, TABLE_TAGS_OF, key.bytes, key.size, err);
    record_begin(&record, 1);
    pack_list(&record, count);
    for (size_t i = 0; i < count; i++)
        pack_text(&record, tags[i]);
    return name_put(store, TABLE_TAGS_OF, &key, &record, err);
}

/* Adds or removes the tag, and says whether that changed anything. */
static enum rc change(struct store *store, enum tagged what, uint64_t number,
                      const char *tag, bool is_adding, bool *changed, struct err *err)
{
    scoped(arena) arena = arena_create(TAGS_ARENA_MAX);
    struct name_key key = tag_key(tag, what);
    const char *const *tags = NULL;
    const char **kept;
    size_t count = 0, keeps = 0;
    enum rc rc = arena ? store_tags(store, what, number, arena, &tags, &count, err)
                       : err_set(err, RC_NO_MEMORY, "tag %s", tag);

    if (rc != RC_OK)
        return rc;
    kept = arena_array(arena, count + 1, sizeof *kept);
    if (!kept)
        return err_set(err, RC_NO_MEMORY, "tag %s", tag);
    for (size_t i = 0; i < count; i++)
        if (strcmp(tags[i], tag) != 0)
            kept[keeps++] = tags[i];
    *changed = is_adding == (keeps == count);
    if (!*changed)
        return RC_OK;
    if (is_adding && count >= TAGS_MAX)
        return err_set(err, RC_CONFLICT, "there are %d tags already: remove some",
                       TAGS_MAX);
    if (is_adding)
        kept[keeps++] = tag;
    name_key_number(&key, number, 8);
    rc = write_tags(store, what, number, kept, keeps, err);
    if (rc == RC_OK)
        rc = is_adding ? db_put(store, TABLE_TAGS, key.bytes, key.size, "", 0, err)
                       : db_remove(store, TABLE_TAGS, key.bytes, key.size, err);
    return rc;
}

enum rc store_tag_put(struct store *store, enum tagged what, uint64_t number,
                      const char *tag, bool *changed, struct err *err)
{
    return change(store, what, number, tag, true, changed, err);
}

enum rc store_tag_remove(struct store *store, enum tagged what, uint64_t number,
                         const char *tag, bool *changed, struct err *err)
{
    return change(store, what, number, tag, false, changed, err);
}

size_t store_tagged(struct store *store, enum tagged what, const char *tag,
                    uint64_t before, uint64_t *numbers, size_t limit)
{
    struct name_key prefix = tag_key(tag, what);

    return name_numbers(store, TABLE_TAGS, &prefix, before, numbers, limit);
}
