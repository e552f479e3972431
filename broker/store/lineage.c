/* lineage.c - see lineage.h. Keys hold the 32 bytes of a digest, then numbers; there are
 * no values. */
#include "broker/store/lineage.h"

#include "broker/store/tables.h"

#include <string.h>

enum {
    MAKER_SIZE = DIGEST_SIZE + 20,
    USER_SIZE = DIGEST_SIZE + 12,
    SCAN_MAX = 100000 /* rows looked at for one answer */
};
static const char prefix_text[] = "sha256:";

struct lineage_key {
    unsigned char bytes[MAKER_SIZE];
    size_t size;
};

/* What is no digest, or none at all, has no key. */
static bool key_begin(struct lineage_key *key, const char *digest, uint64_t run,
                      uint32_t stage)
{
    struct key place = key_stage(run, stage);

    if (!digest || !digest_is_valid(digest, strlen(digest)))
        return false;
    digest_raw(digest, key->bytes);
    memcpy(key->bytes + DIGEST_SIZE, place.bytes, place.size);
    key->size = DIGEST_SIZE + place.size;
    return true;
}

static enum rc put_user(struct store *store, const char *digest, uint64_t run,
                        uint32_t stage, struct err *err)
{
    struct lineage_key key;

    if (!key_begin(&key, digest, run, stage))
        return RC_OK;
    return db_put(store, TABLE_USERS, key.bytes, key.size, "", 0, err);
}

static enum rc put_maker(struct store *store, const char *digest, uint64_t run,
                         uint32_t stage, uint64_t index, struct err *err)
{
    struct lineage_key key;
    struct key last = key_run(index);

    if (!key_begin(&key, digest, run, stage))
        return RC_OK;
    memcpy(key.bytes + key.size, last.bytes, last.size);
    return db_put(store, TABLE_MAKERS, key.bytes, MAKER_SIZE, "", 0, err);
}

enum rc store_lineage_class(struct store *store, uint64_t run, uint32_t stage,
                            const char *tree, const struct plan_stage *resolved,
                            struct err *err)
{
    enum rc rc = put_user(store, tree, run, stage, err);

    for (size_t i = 0; rc == RC_OK && i < resolved->input_count; i++)
        for (size_t k = 0; rc == RC_OK && k < resolved->inputs[i].source_count; k++)
            rc = put_user(store, resolved->inputs[i].sources[k].digest, run, stage, err);
    return rc;
}

enum rc store_lineage_result(struct store *store, uint64_t run, uint32_t stage,
                             uint64_t index, const struct task_result *result,
                             struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < result->output_count; i++)
        rc = put_maker(store, result->outputs[i].digest, run, stage, index, err);
    for (size_t i = 0; rc == RC_OK && i < result->input_count; i++)
        rc = put_user(store, result->inputs[i].digest, run, stage, err);
    return rc;
}

/* ---- Looking up ---- */

static bool read_entry(const MDB_val *found, const unsigned char *digest,
                       struct lineage_entry *entry)
{
    const unsigned char *at = found->mv_data;
    bool is_maker = found->mv_size == MAKER_SIZE;

    if ((!is_maker && found->mv_size != USER_SIZE) || memcmp(at, digest, DIGEST_SIZE))
        return false;
    at += DIGEST_SIZE;
    *entry = (struct lineage_entry){ .run = key_number(at, 8),
                                     .stage = (uint32_t)key_number(at + 8, 4),
                                     .index = is_maker ? key_number(at + 12, 8) : 0,
                                     .count = is_maker };
    return true;
}

struct lookup {
    struct lineage_entry *entries;
    size_t limit, count;
    bool is_full;
};

static void take(struct lookup *lookup, const struct lineage_entry *entry)
{
    struct lineage_entry *last =
        lookup->count > 0 ? &lookup->entries[lookup->count - 1] : NULL;

    if (last && last->run == entry->run && last->stage == entry->stage
        && last->index + last->count == entry->index)
        last->count += entry->count;
    else if (lookup->count < lookup->limit)
        lookup->entries[lookup->count++] = *entry;
    else
        lookup->is_full = true;
}

static enum rc scan(struct view *view, enum table_id table, const struct lineage_key *key,
                    uint64_t run, struct lookup *lookup, struct err *err)
{
    MDB_val found, data;
    struct lineage_entry entry;
    enum rc rc = view_seek(view, table, key->bytes, key->size, &found, &data, err);

    for (size_t i = 0; rc == RC_OK && !lookup->is_full; i++) {
        if (!read_entry(&found, key->bytes, &entry) || (run && entry.run != run))
            break;
        lookup->is_full = i == SCAN_MAX;
        if (!lookup->is_full)
            take(lookup, &entry);
        rc = view_next(view, MDB_NEXT, &found, &data, err);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* The run that is meant where only one is: *run, else the last before it that made the
 * file, else the first; 0 if nobody did. */
static enum rc choose_run(struct view *view, const struct lineage_key *key, uint64_t *run,
                          struct err *err)
{
    MDB_val found, data;
    struct lineage_entry at = { 0 }, before = { 0 };
    enum rc rc = view_seek(view, TABLE_MAKERS, key->bytes, key->size, &found, &data, err);
    bool is_at = rc == RC_OK && read_entry(&found, key->bytes, &at);

    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (!is_at || at.run != *run) {
        rc = view_next(view, rc == RC_OK ? MDB_PREV : MDB_LAST, &found, &data, err);
        if (rc == RC_OK && read_entry(&found, key->bytes, &before))
            at = before;
    }
    *run = at.run;
    mdb_cursor_close(view->cursor);
    view->cursor = NULL;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc look_up(struct store *store, enum table_id table, const char *digest,
                       uint64_t run, struct lookup *lookup, struct err *err)
{
    struct view view;
    struct lineage_key key;
    bool is_one_run = run > 0;
    enum rc rc;

    if (!key_begin(&key, digest, run, 0))
        return err_set(err, RC_INVALID, "\"%s\" is not a digest", digest);
    rc = view_begin(store, &view, err);
    if (rc != RC_OK)
        return rc;
    if (is_one_run) {
        rc = choose_run(&view, &key, &run, err);
        key_begin(&key, digest, run, 0);
    }
    if (rc == RC_OK && (run || !is_one_run))
        rc = scan(&view, table, &key, run, lookup, err);
    view_end(&view);
    return rc;
}

enum rc store_makers(struct store *store, const char *digest, uint64_t run,
                     struct lineage_entry *entries, size_t limit, size_t *count,
                     bool *more, struct err *err)
{
    struct lookup lookup = { .entries = entries, .limit = limit };
    enum rc rc = look_up(store, TABLE_MAKERS, digest, run, &lookup, err);

    if (rc == RC_OK) {
        *count = lookup.count;
        *more = lookup.is_full;
    }
    return rc;
}

enum rc store_users(struct store *store, const char *digest,
                    struct lineage_entry *entries, size_t limit, size_t *count,
                    bool *more, struct err *err)
{
    struct lookup lookup = { .entries = entries, .limit = limit };
    enum rc rc = look_up(store, TABLE_USERS, digest, 0, &lookup, err);

    if (rc == RC_OK) {
        *count = lookup.count;
        *more = lookup.is_full;
    }
    return rc;
}

/* ---- A digest by its beginning ---- */

static enum rc find_in(struct view *view, enum table_id table, const char *prefix,
                       char found_text[DIGEST_TEXT_SIZE], struct err *err)
{
    unsigned char from[MAKER_SIZE];
    char padded[DIGEST_TEXT_SIZE], text[DIGEST_TEXT_SIZE];
    MDB_val found, data;
    size_t size = strlen(prefix);
    enum rc rc;

    memset(padded, '0', sizeof padded - 1);
    padded[sizeof padded - 1] = '\0';
    memcpy(padded, prefix, size);
    if (!digest_is_valid(padded, sizeof padded - 1))
        return err_set(err, RC_INVALID, "\"%s\" is no digest: sha256: and hex digits",
                       prefix);
    digest_raw(padded, from);
    rc = view_seek(view, table, from, DIGEST_SIZE, &found, &data, err);
    while (rc == RC_OK && found.mv_size > DIGEST_SIZE) {
        digest_text(found.mv_data, text);
        if (strncmp(text, prefix, size) != 0)
            return RC_OK;
        if (*found_text && strcmp(found_text, text) != 0)
            return err_set(err, RC_CONFLICT,
                           "several files begin with %s: give more digits", prefix);
        memcpy(found_text, text, sizeof text);
        /* The next digest, not the next task that made this one. */
        memcpy(from, found.mv_data, DIGEST_SIZE);
        memset(from + DIGEST_SIZE, 0xff, sizeof from - DIGEST_SIZE);
        mdb_cursor_close(view->cursor);
        view->cursor = NULL;
        rc = view_seek(view, table, from, sizeof from, &found, &data, err);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_lineage_find(struct store *store, const char *prefix,
                           char digest[DIGEST_TEXT_SIZE], struct err *err)
{
    static const enum table_id tables[] = { TABLE_MAKERS, TABLE_USERS };
    char text[DIGEST_TEXT_SIZE] = "";
    size_t size = strlen(prefix);
    enum rc rc = RC_OK;

    if (strncmp(prefix, prefix_text, sizeof prefix_text - 1) != 0
        || size < sizeof prefix_text || size >= DIGEST_TEXT_SIZE)
        return err_set(err, RC_INVALID, "\"%.80s\" is no digest: sha256: and hex digits",
                       prefix);
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(tables); i++) {
        struct view view;

        rc = view_begin(store, &view, err);
        if (rc != RC_OK)
            return rc;
        rc = find_in(&view, tables[i], prefix, text, err);
        view_end(&view);
    }
    if (rc == RC_OK && !*text)
        return err_set(err, RC_NOT_FOUND, "no file that begins with %s was made or used",
                       prefix);
    if (rc == RC_OK)
        memcpy(digest, text, sizeof text);
    return rc;
}
