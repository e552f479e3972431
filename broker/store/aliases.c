/* aliases.c - names that move, with where they pointed, and tags. */
#include "broker/store/names_key.h"

#include <string.h>

static void write_alias(struct buf *record, const struct alias *alias, uint64_t changes)
{
    record_begin(record, 4);
    pack_text(record, alias->target);
    pack_int(record, alias->changed_us);
    pack_text(record, alias->by);
    pack_uint(record, changes);
}

static enum rc read_alias(const MDB_val *data, enum table_id table, struct arena *arena,
                          struct alias *alias, struct err *err)
{
    struct reader reader;
    enum rc rc = record_open(&reader, table, data, err);

    if (rc != RC_OK)
        return rc;
    alias->target = reader_text(&reader, arena, PLAN_NAME_MAX);
    alias->changed_us = reader_int(&reader);
    alias->by = reader_text(&reader, arena, PLAN_NAME_MAX);
    alias->changes = reader_uint(&reader);
    return record_close(&reader, table, err);
}

/* Aliases of dataset versions hold the dataset's name, too. */
static struct name_key alias_key(const char *project, const char *name)
{
    struct name_key key = { .size = 0 };

    name_key_text(&key, project, PROJECT_BYTES_MAX);
    name_key_text(&key, name, NAME_URI_SIZE);
    return key;
}

/* Also one that was removed: its target is "" then. */
static enum rc alias_any(struct store *store, const char *project, const char *name,
                         struct arena *arena, struct alias *alias, struct err *err)
{
    struct name_key key = alias_key(project, name);
    struct view view;
    MDB_val data;
    struct alias read;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_ALIASES, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = read_alias(&data, TABLE_ALIASES, arena, &read, err);
    view_end(&view);
    if (rc != RC_OK)
        return rc;
    read.name = arena_text(arena, name);
    if (!read.name)
        return err_set(err, RC_NO_MEMORY, "alias %s", name);
    *alias = read;
    return RC_OK;
}

enum rc store_alias(struct store *store, const char *project, const char *name,
                    struct arena *arena, struct alias *alias, struct err *err)
{
    struct alias found = { .target = "" };
    enum rc rc = alias_any(store, project, name, arena, &found, err);

    if (rc == RC_OK && !found.target[0])
        rc = err_set(err, RC_NOT_FOUND, "the alias %s was removed", name);
    if (rc == RC_OK)
        *alias = found;
    return rc;
}

enum { ALIAS_ARENA_MAX = 1 << 20 };

enum rc store_alias_put(struct store *store, const char *project,
                        const struct alias *alias, bool *changed, struct err *err)
{
    scoped(arena) arena = arena_create(ALIAS_ARENA_MAX);
    struct name_key key = alias_key(project, alias->name), change = key;
    struct alias known = { .target = "" };
    scoped_buf record = { 0 };
    enum rc rc = arena ? alias_any(store, project, alias->name, arena, &known, err)
                       : err_set(err, RC_NO_MEMORY, "alias %s", alias->name);

    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (strcmp(known.target, alias->target) == 0) {
        *changed = false;
        return RC_OK;
    }
    write_alias(&record, alias, known.changes + 1);
    name_key_number(&change, known.changes + 1, 8);
    rc = name_put(store, TABLE_ALIASES, &key, &record, err);
    if (rc == RC_OK)
        rc = name_put(store, TABLE_ALIAS_CHANGES, &change, &record, err);
    if (rc == RC_OK)
        *changed = true;
    return rc;
}

struct alias_list {
    struct arena *arena;
    const struct name_key *prefix;
    struct alias *aliases;
    size_t count, limit;
};

static enum rc list_alias(void *context, const MDB_val *found, const MDB_val *data,
                          struct err *err)
{
    struct alias_list *list = context;
    struct alias *alias = &list->aliases[list->count];
    enum rc rc;

    if (list->count == list->limit)
        return RC_CANCELLED;
    rc = read_alias(data, TABLE_ALIASES, list->arena, alias, err);
    if (rc != RC_OK)
        return rc;
    alias->name = arena_copy(list->arena, (char *)found->mv_data + list->prefix->size,
                             found->mv_size - list->prefix->size);
    if (!alias->name)
        return err_set(err, RC_NO_MEMORY, "a list of aliases");
    list->count += alias->target[0] != '\0';
    return RC_OK;
}

enum rc store_aliases(struct store *store, const char *project, const char *after,
                      struct arena *arena, size_t limit, struct alias **aliases,
                      size_t *count, struct err *err)
{
    struct name_key prefix = { .size = 0 }, from = alias_key(project, after);
    struct alias_list list = { .arena = arena, .prefix = &prefix, .limit = limit };
    enum rc rc;

    name_key_text(&prefix, project, PROJECT_BYTES_MAX);
    list.aliases = arena_array(arena, limit, sizeof *list.aliases);
    if (!list.aliases)
        return err_set(err, RC_NO_MEMORY, "a list of aliases");
    rc = name_visit(store, TABLE_ALIASES, &prefix, after[0] ? &from : NULL, list_alias,
                    &list, err);
    if (rc != RC_OK)
        return rc;
    *aliases = list.aliases;
    *count = list.count;
    return RC_OK;
}

enum rc store_alias_history(struct store *store, const char *project, const char *name,
                            struct arena *arena, size_t limit, struct alias **changes,
                            size_t *count, struct err *err)
{
    struct name_key prefix = alias_key(project, name);
    struct alias *list = arena_array(arena, limit, sizeof *list);
    uint64_t *numbers = arena_array(arena, limit, sizeof *numbers);
    size_t found = 0;
    struct view view;
    MDB_val data;
    enum rc rc = RC_OK;

    if (!list || !numbers)
        return err_set(err, RC_NO_MEMORY, "the history of %s", name);
    found = name_numbers(store, TABLE_ALIAS_CHANGES, &prefix, 0, numbers, limit);
    for (size_t i = 0; rc == RC_OK && i < found; i++) {
        struct name_key key = prefix;

        name_key_number(&key, numbers[i], 8);
        list[i].name = name;
        rc = view_begin(store, &view, err);
        if (rc == RC_OK)
            rc = view_get(&view, TABLE_ALIAS_CHANGES, key.bytes, key.size, &data, err);
        if (rc == RC_OK)
            rc = read_alias(&data, TABLE_ALIAS_CHANGES, arena, &list[i], err);
        view_end(&view);
    }
    if (rc != RC_OK)
        return rc;
    *changes = list;
    *count = found;
    return RC_OK;
}
