/* bundle_names.c - what people call the files that a run made, as rows of a bundle.
 *
 * A version of a dataset goes along when all its files are of the run: with some of them
 * it would be another one under the same name. */
#include "broker/store/bundle.h"

#include "broker/store/names.h"
#include "broker/store/tables.h"
#include "codecs/digest/digest.h"

#include <stdio.h>
#include <string.h>

enum { NAMES_ARENA_MAX = 256 << 20, PAGE = 1000 };

struct bundle_names {
    struct store *store;
    uint64_t run;
    const char *project;
    struct buf *rows;
    size_t count;
};

static void add_row(struct bundle_names *self, enum bundle_table table, const char *name,
                    const struct buf *value)
{
    char digest[DIGEST_TEXT_SIZE];
    uint8_t key[DIGEST_SIZE];

    digest_bytes(name, strlen(name), digest);
    digest_raw(digest, key);
    bundle_row_encode(self->rows, table, key, BUNDLE_KEY_MAX, value->data, value->size);
    self->count++;
}

static bool is_of_run(struct bundle_names *self, uint64_t datum)
{
    uint64_t found;

    return datum > 0 && store_datums(self->store, self->run, datum + 1, &found, 1) == 1
           && found == datum;
}

/* The ids of the version's files, all of the run; false: it has others, or none. */
static enum rc take_files(struct bundle_names *self,
                          const struct dataset_version *version, struct buf *ids,
                          bool *are_all, struct err *err)
{
    scoped(arena) arena = arena_create(NAMES_ARENA_MAX);
    uint64_t *numbers;
    size_t count = 0;
    enum rc rc = arena ? store_dataset_files(self->store, version->number, arena,
                                             &numbers, &count, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a dataset");

    *are_all = rc == RC_OK && count > 0;
    for (size_t i = 0; *are_all && i < count; i++)
        *are_all = is_of_run(self, numbers[i]);
    if (!*are_all)
        return rc;
    pack_list(ids, count);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        scoped(arena) one = arena_create(NAMES_ARENA_MAX);
        struct datum datum;

        rc = one ? store_datum(self->store, numbers[i], one, &datum, err)
                 : err_set(err, RC_NO_MEMORY, "no memory for a datum");
        if (rc == RC_OK)
            pack_bytes(ids, datum.id, sizeof datum.id);
    }
    return rc;
}

static enum rc add_version(struct bundle_names *self,
                           const struct dataset_version *version, struct err *err)
{
    scoped_buf ids = { 0 }, value = { 0 };
    char uri[NAME_URI_SIZE];
    bool are_all;
    enum rc rc = take_files(self, version, &ids, &are_all, err);

    if (rc != RC_OK || !are_all)
        return rc;
    dataset_uri_write(version->dataset, version->version, uri);
    pack_list(&value, 2);
    pack_text(&value, uri);
    buf_add(&value, ids.data, ids.size);
    add_row(self, BUNDLE_DATASETS, uri, &value);
    return buf_ok(&value) && buf_ok(&ids)
               ? RC_OK
               : err_set(err, RC_NO_MEMORY, "no memory for a dataset");
}

static enum rc add_versions(struct bundle_names *self, struct err *err)
{
    char dataset[NAME_BYTES_MAX + 1] = "", last[NAME_BYTES_MAX + 1] = "";
    size_t count = PAGE;
    enum rc rc = RC_OK;

    while (rc == RC_OK && count == PAGE) {
        scoped(arena) arena = arena_create(NAMES_ARENA_MAX);
        struct dataset_version *versions;

        rc = arena ? store_datasets(self->store, self->project, "", dataset, last, arena,
                                    PAGE, &versions, &count, err)
                   : err_set(err, RC_NO_MEMORY, "no memory for datasets");
        for (size_t i = 0; rc == RC_OK && i < count; i++)
            rc = add_version(self, &versions[i], err);
        if (rc == RC_OK && count > 0) {
            snprintf(dataset, sizeof dataset, "%s", versions[count - 1].dataset);
            snprintf(last, sizeof last, "%s", versions[count - 1].version);
        }
    }
    return rc;
}

/* Whether what the alias points to goes along. */
static enum rc is_target_of_run(struct bundle_names *self, const char *target, bool *is,
                                struct arena *arena, struct err *err)
{
    scoped_buf ids = { 0 };
    struct dataset_version version;
    struct name_uri uri;
    uint64_t number = 0;
    enum rc rc;

    *is = false;
    if (name_uri_read(target, &uri, NULL) != RC_OK || uri.kind == NAME_ALIAS)
        return RC_OK;
    if (uri.kind == NAME_ID)
        rc = store_datum_find(self->store, uri.id, &number, err);
    else
        rc = store_dataset(self->store, self->project, uri.name, uri.version, arena,
                           &version, err);
    if (rc == RC_OK && uri.kind == NAME_ID)
        *is = is_of_run(self, number);
    else if (rc == RC_OK)
        rc = take_files(self, &version, &ids, is, err);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc add_alias(struct bundle_names *self, const struct alias *alias,
                         struct arena *arena, struct err *err)
{
    scoped_buf value = { 0 };
    bool is;
    enum rc rc = is_target_of_run(self, alias->target, &is, arena, err);

    if (rc != RC_OK || !is)
        return rc;
    pack_list(&value, 2);
    pack_text(&value, alias->name);
    pack_text(&value, alias->target);
    add_row(self, BUNDLE_ALIASES, alias->name, &value);
    return buf_ok(&value) ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for an alias");
}

static enum rc add_aliases(struct bundle_names *self, struct err *err)
{
    char last[NAME_URI_SIZE] = "";
    size_t count = PAGE;
    enum rc rc = RC_OK;

    while (rc == RC_OK && count == PAGE) {
        scoped(arena) arena = arena_create(NAMES_ARENA_MAX);
        struct alias *aliases;

        rc = arena ? store_aliases(self->store, self->project, last, arena, PAGE,
                                   &aliases, &count, err)
                   : err_set(err, RC_NO_MEMORY, "no memory for aliases");
        for (size_t i = 0; rc == RC_OK && i < count; i++)
            rc = add_alias(self, &aliases[i], arena, err);
        if (rc == RC_OK && count > 0)
            snprintf(last, sizeof last, "%s", aliases[count - 1].name);
    }
    return rc;
}

enum rc store_bundle_names(struct store *store, uint64_t run, enum bundle_table table,
                           struct buf *rows, size_t *count, struct err *err)
{
    scoped(arena) arena = arena_create(NAMES_ARENA_MAX);
    struct bundle_names self = { .store = store, .run = run, .rows = rows };
    struct run_head head;
    enum rc rc = arena ? store_run(store, run, arena, &head, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for names");

    if (rc != RC_OK)
        return rc;
    self.project = head.project;
    rc = table == BUNDLE_ALIASES ? add_aliases(&self, err) : add_versions(&self, err);
    *count += self.count;
    return rc;
}
