/* import_names.c - names that people gave to files of an imported run where it was made.
 *
 * What has such a name here already keeps it, and the run gets a note. */
#include "broker/answers/import_state.h"
#include "broker/answers/name_find.h"

#include <stdio.h>
#include <string.h>

enum { ROW_ARENA_MAX = 16 << 20, NOTES_MAX = 20 };

struct import_names {
    struct import *import;
    uint64_t run;
    char by[64];
    struct name_scope scope;
    unsigned notes;
};

struct given_name {              /* a row taken apart */
    struct name_uri uri, target; /* target: of an alias */
    const char *name, *points_to;
    uint8_t (*files)[UUID_BYTES]; /* of a version */
    size_t file_count;
};

/* An alias of a datum has a name, one of a dataset's version a URI. */
static bool alias_holds(struct given_name *given)
{
    struct err err;

    if (!given->name || !given->points_to
        || name_uri_read(given->points_to, &given->target, &err) != RC_OK
        || given->target.kind == NAME_ALIAS)
        return false;
    if (given->target.kind == NAME_ID)
        return alias_is_valid(given->name);
    return name_uri_read(given->name, &given->uri, &err) == RC_OK
           && given->uri.kind == NAME_VERSION
           && strcmp(given->uri.name, given->target.name) == 0;
}

static bool version_holds(struct reader *reader, struct arena *arena,
                          struct given_name *given)
{
    struct err err;

    given->file_count = reader_list(reader);
    if (!reader_ok(reader) || given->file_count == 0
        || given->file_count > DATASET_FILES_MAX || !given->name
        || name_uri_read(given->name, &given->uri, &err) != RC_OK
        || given->uri.kind != NAME_VERSION)
        return false;
    given->files = arena_array(arena, given->file_count, sizeof *given->files);
    for (size_t i = 0; given->files && i < given->file_count && reader_ok(reader); i++) {
        struct bytes id = reader_bytes(reader);

        if (id.size != UUID_BYTES)
            return false;
        memcpy(given->files[i], id.data, UUID_BYTES);
    }
    return given->files != NULL;
}

static bool read_name(const struct bundle_row *row, struct arena *arena,
                      struct given_name *given)
{
    struct reader reader;
    bool holds;

    *given = (struct given_name){ .file_count = 0 };
    reader_init(&reader, row->value.data, row->value.size);
    if (!arena || reader_list(&reader) != 2)
        return false;
    given->name = reader_text(&reader, arena, NAME_URI_SIZE);
    if (row->table == BUNDLE_ALIASES) {
        given->points_to = reader_text(&reader, arena, NAME_URI_SIZE);
        holds = reader_ok(&reader) && alias_holds(given);
    } else {
        holds = version_holds(&reader, arena, given);
    }
    return holds && reader_at_end(&reader);
}

bool import_names_hold(const struct import *import)
{
    const struct bundle *bundle = &import->bundle;
    bool hold = true;

    for (size_t i = bundle->first[BUNDLE_ALIASES]; hold && i < bundle->count; i++) {
        scoped(arena) arena = arena_create(ROW_ARENA_MAX);
        struct given_name given;

        hold = read_name(&bundle->rows[i], arena, &given);
    }
    return hold;
}

static void leave(struct import_names *self, const char *what, const char *is_here)
{
    char text[ERR_TEXT_MAX];

    if (self->notes++ == NOTES_MAX)
        snprintf(text, sizeof text, "further names are here already");
    else
        snprintf(text, sizeof text, "%.260s %.260s here: it was left as it is", what,
                 is_here);
    if (self->notes <= NOTES_MAX + 1)
        note_add(self->import->broker, self->run, 0, "import", text);
}

/* Whether a task of this very run made it, by its properties. */
static bool is_ours(const struct import_names *self, const char *by)
{
    char prefix[40];
    int size = snprintf(prefix, sizeof prefix, "run %lu/", (unsigned long)self->run);

    return strncmp(by, prefix, (size_t)size) == 0 || strcmp(by, self->by) == 0;
}

static enum rc is_target_there(struct import_names *self, const struct name_uri *target,
                               struct arena *arena, struct err *err)
{
    struct store *store = self->import->broker->store;
    struct dataset_version version;
    uint64_t number;

    return target->kind == NAME_ID
               ? store_datum_find(store, target->id, &number, err)
               : store_dataset(store, self->scope.project, target->name, target->version,
                               arena, &version, err);
}

static enum rc add_alias(struct import_names *self, const struct given_name *given,
                         struct arena *arena, struct err *err)
{
    struct broker *broker = self->import->broker;
    struct alias known;
    enum rc rc = is_target_there(self, &given->target, arena, err);

    if (rc != RC_OK) /* its result, or version, did not come along */
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    rc = store_alias(broker->store, self->scope.project, given->name, arena, &known, err);
    if (rc == RC_OK && known.target[0] && !is_ours(self, known.by)) {
        const char *what = arena_printf(arena, "the alias %s points to", given->name);

        if (strcmp(known.target, given->points_to) != 0)
            leave(self, what ? what : "", known.target);
        return RC_OK;
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    return name_alias_put(broker, &self->scope, given->name, given->points_to, err);
}

static enum rc add_files(struct import_names *self, const struct given_name *given,
                         struct dataset_version *version, struct err *err)
{
    struct store *store = self->import->broker->store;
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < given->file_count; i++) {
        scoped(arena) arena = arena_create(ROW_ARENA_MAX);
        struct datum datum;
        bool changed;

        rc = arena ? store_datum_find(store, given->files[i], &datum.number, err)
                   : err_set(err, RC_NO_MEMORY, "no memory for a datum");
        if (rc == RC_OK)
            rc = store_datum(store, datum.number, arena, &datum, err);
        if (rc == RC_OK)
            rc = store_dataset_add(store, version, &datum, &changed, err);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc; /* its result did not come along */
    }
    return rc;
}

static enum rc add_version(struct import_names *self, const struct given_name *given,
                           struct arena *arena, struct err *err)
{
    struct broker *broker = self->import->broker;
    struct dataset_version version;
    bool is_new;
    enum rc rc =
        name_version_open(broker, &self->scope, &given->uri, arena, &version, err);

    is_new = rc == RC_OK && version.number == 0;
    if (rc == RC_CONFLICT || (rc == RC_OK && !is_new && !is_ours(self, version.by))) {
        leave(self, given->name, "is");
        return RC_OK;
    }
    if (rc == RC_OK && is_new)
        rc = store_dataset_put(broker->store, &version, err);
    if (rc == RC_OK)
        rc = add_files(self, given, &version, err);
    return rc == RC_OK ? name_version_close(broker, &self->scope, &version, is_new, err)
                       : rc;
}

static enum rc add_name(struct import_names *self, const struct bundle_row *row,
                        struct err *err)
{
    scoped(arena) arena = arena_create(ROW_ARENA_MAX);
    struct given_name given;

    if (!read_name(row, arena, &given))
        return err_set(err, RC_NO_MEMORY, "no memory for a name");
    return row->table == BUNDLE_ALIASES ? add_alias(self, &given, arena, err)
                                        : add_version(self, &given, arena, err);
}

/* Versions before aliases, which may point to them. */
enum rc import_names(struct import *import, uint64_t run, struct err *err)
{
    const struct bundle *bundle = &import->bundle;
    struct import_names self = { .import = import, .run = run };
    enum rc rc = RC_OK;

    snprintf(self.by, sizeof self.by, "import of run %lu", (unsigned long)run);
    self.scope.project = import->head.project ? import->head.project : "";
    self.scope.by = self.by;
    for (size_t i = bundle->first[BUNDLE_DATASETS]; rc == RC_OK && i < bundle->count; i++)
        rc = add_name(&self, &bundle->rows[i], err);
    for (size_t i = bundle->first[BUNDLE_ALIASES];
         rc == RC_OK && i < bundle->first[BUNDLE_DATASETS]; i++)
        rc = add_name(&self, &bundle->rows[i], err);
    return rc;
}
