/* removed.c - see removed.h. */
#include "broker/store/removed.h"

#include "broker/store/tables.h"
#include "codecs/digest/digest.h"

#include <string.h>

enum { WALK_ROWS = 256 /* at each call */, TEXT_MAX = 4096 };

enum rc store_removed_put(struct store *store, const char *digest, int64_t removed_us,
                          const char *why, struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = { .size = DIGEST_SIZE };

    digest_raw(digest, key.bytes);
    record_begin(&record, 2);
    pack_int(&record, removed_us);
    pack_text(&record, why);
    return db_put_buf(store, TABLE_REMOVED, &key, &record, err);
}

enum rc store_removed(struct store *store, const char *digest, struct arena *arena,
                      int64_t *removed_us, const char **why, struct err *err)
{
    struct key key = { .size = DIGEST_SIZE };
    struct reader reader;
    struct view view;
    MDB_val data;
    int64_t time = 0;
    const char *text = "";
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    digest_raw(digest, key.bytes);
    rc = view_get(&view, TABLE_REMOVED, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = record_open(&reader, TABLE_REMOVED, &data, err);
    if (rc == RC_OK) {
        time = reader_int(&reader);
        text = reader_text(&reader, arena, TEXT_MAX);
        rc = record_close(&reader, TABLE_REMOVED, err);
    }
    view_end(&view);
    if (rc == RC_OK) {
        *removed_us = time;
        *why = text;
    }
    return rc;
}

enum rc store_removed_undo(struct store *store, const char *digest, struct err *err)
{
    uint8_t key[DIGEST_SIZE];

    digest_raw(digest, key);
    return db_remove(store, TABLE_REMOVED, key, sizeof key, err);
}

/* ---- What nodes are to remove ---- */

static struct key removal_key(uint32_t node, const char *digest)
{
    struct key key = key_run(node);

    _Static_assert(sizeof key.bytes >= 8 + DIGEST_SIZE, "a node and a digest");
    if (digest) {
        digest_raw(digest, key.bytes + key.size);
        key.size += DIGEST_SIZE;
    }
    return key;
}

enum rc store_removal_put(struct store *store, uint32_t node, const char *digest,
                          struct err *err)
{
    struct key key = removal_key(node, digest);

    return db_put(store, TABLE_REMOVALS, key.bytes, key.size, "", 0, err);
}

enum rc store_removal_end(struct store *store, uint32_t node, const char *digest,
                          struct err *err)
{
    struct key key = removal_key(node, digest);

    return db_remove(store, TABLE_REMOVALS, key.bytes, key.size, err);
}

enum rc store_removals(struct store *store, uint32_t node, const char *after, size_t max,
                       struct arena *arena, const char ***digests, size_t *count,
                       struct err *err)
{
    struct key prefix = key_run(node), from = removal_key(node, after);
    const char **items = arena_array(arena, max, sizeof *items);
    MDB_val found, data;
    struct view view;
    size_t got = 0;
    enum rc rc = items ? view_begin(store, &view, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for what a node removes");

    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_REMOVALS, from.bytes, from.size, &found, &data, err);
    for (; rc == RC_OK && got < max && found.mv_size == prefix.size + DIGEST_SIZE
           && memcmp(found.mv_data, prefix.bytes, prefix.size) == 0;
         rc = view_next(&view, MDB_NEXT, &found, &data, err)) {
        char text[DIGEST_TEXT_SIZE];

        digest_text((const uint8_t *)found.mv_data + prefix.size, text);
        if (after && strcmp(text, after) == 0)
            continue;
        items[got] = arena_text(arena, text);
        if (!items[got++])
            rc = err_set(err, RC_NO_MEMORY, "no memory for what a node removes");
        if (rc != RC_OK)
            break;
    }
    view_end(&view);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    *digests = items;
    *count = got;
    return RC_OK;
}

/* ---- Walks ---- */

typedef enum rc row_visit(void *context, const MDB_val *found, const MDB_val *data,
                          struct err *err);

static enum rc walk_rows(struct store *store, enum table_id table, const struct key *in,
                         struct store_walk *walk, row_visit *row, void *context,
                         struct err *err)
{
    bool is_first = walk->size == 0;
    struct view view;
    MDB_val found, data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = is_first ? view_seek(&view, table, in->bytes, in->size, &found, &data, err)
                  : view_seek(&view, table, walk->key, walk->size, &found, &data, err);
    if (rc == RC_OK && !is_first && found.mv_size == walk->size
        && memcmp(found.mv_data, walk->key, walk->size) == 0)
        rc = view_next(&view, MDB_NEXT, &found, &data, err);
    for (size_t i = 0; rc == RC_OK && i < WALK_ROWS; i++) {
        if (found.mv_size < in->size || found.mv_size > sizeof walk->key
            || memcmp(found.mv_data, in->bytes, in->size) != 0) {
            rc = RC_NOT_FOUND;
            break;
        }
        walk->size = found.mv_size;
        memcpy(walk->key, found.mv_data, found.mv_size);
        rc = row(context, &found, &data, err);
        if (rc == RC_OK)
            rc = view_next(&view, MDB_NEXT, &found, &data, err);
    }
    view_end(&view);
    walk->is_done = rc == RC_NOT_FOUND;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

struct result_walk {
    store_result_visit *visit;
    void *context;
};

static enum rc result_row(void *context, const MDB_val *found, const MDB_val *data,
                          struct err *err)
{
    const struct result_walk *self = context;

    (void)found;
    return self->visit(self->context, data->mv_data, data->mv_size, err);
}

enum rc store_results_walk(struct store *store, uint64_t run, struct store_walk *walk,
                           store_result_visit *visit, void *context, struct err *err)
{
    struct result_walk self = { visit, context };
    struct key in = key_run(run);

    return walk_rows(store, TABLE_RESULTS, &in, walk, result_row, &self, err);
}

struct dataset_walk {
    enum rc (*visit)(void *context, uint64_t datum, struct err *err);
    void *context;
    uint64_t datums[WALK_ROWS]; /* visited behind the view */
    size_t count;
};

static enum rc dataset_row(void *context, const MDB_val *found, const MDB_val *data,
                           struct err *err)
{
    struct dataset_walk *self = context;
    const unsigned char *key = found->mv_data;

    (void)data;
    (void)err;
    if (found->mv_size >= 8)
        self->datums[self->count++] = key_number(key + found->mv_size - 8, 8);
    return RC_OK;
}

enum rc store_dataset_walk(struct store *store, struct store_walk *walk,
                           enum rc (*visit)(void *context, uint64_t datum,
                                            struct err *err),
                           void *context, struct err *err)
{
    struct dataset_walk self = { .visit = visit, .context = context };
    struct key in = { .size = 0 };
    enum rc rc =
        walk_rows(store, TABLE_DATASET_FILES, &in, walk, dataset_row, &self, err);

    for (size_t i = 0; rc == RC_OK && i < self.count; i++)
        rc = visit(context, self.datums[i], err);
    return rc;
}

struct alias_walk {
    struct arena *arena;
    const char *targets[WALK_ROWS];
    size_t count;
};

static enum rc alias_row(void *context, const MDB_val *found, const MDB_val *data,
                         struct err *err)
{
    struct alias_walk *self = context;
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_ALIASES, data, err);

    (void)found;
    if (rc != RC_OK)
        return rc;
    self->targets[self->count++] = reader_text(&reader, self->arena, TEXT_MAX);
    return record_close(&reader, TABLE_ALIASES, err);
}

enum rc store_alias_walk(struct store *store, struct store_walk *walk,
                         enum rc (*visit)(void *context, const char *target,
                                          struct err *err),
                         void *context, struct err *err)
{
    scoped(arena) arena = arena_create(WALK_ROWS * TEXT_MAX * 2);
    struct alias_walk self = { .arena = arena };
    struct key in = { .size = 0 };
    enum rc rc = arena ? walk_rows(store, TABLE_ALIASES, &in, walk, alias_row, &self, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for aliases");

    for (size_t i = 0; rc == RC_OK && i < self.count; i++)
        rc = visit(context, self.targets[i], err);
    return rc;
}
