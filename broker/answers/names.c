/* names.c - requests about names: resolving, listing, and changing them. Bodies are
 * documented in docs/protocol.md. All that can be wrong is found before the first
 * change. */
#include "broker/answers/name_find.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum {
    LIST_MAX = 1000,        /* datums, aliases, versions in one answer */
    SCAN_MAX = 20000,       /* datums that one request looks at */
    RESOLVE_MAX = 10000,    /* URIs of one request */
    CHANGES_MAX = 100,      /* tags of one request */
    CHANGE_BYTES = 1 << 20, /* room that one change finds in the store */
    MEMBER_BYTES = 512      /* the same for each file of a dataset */
};

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void field_text(struct buf *body, const char *key, const char *text)
{
    pack_text(body, key);
    pack_text(body, text);
}

static void field_uint(struct buf *body, const char *key, uint64_t number)
{
    pack_text(body, key);
    pack_uint(body, number);
}

/* What is left is for what runs already. */
static enum rc check_store(struct broker *broker, uint64_t members, struct err *err)
{
    if (store_room(broker->store) > CHANGE_BYTES + members * MEMBER_BYTES)
        return RC_OK;
    return err_set(
        err, RC_FULL,
        "the store is nearly as large as store-max allows: nothing was changed; "
        "raise store-max (SIGHUP is enough), or lower events-keep");
}

static struct name_scope scope_of(const struct request *request)
{
    return (struct name_scope){ .project = or_empty(request->project),
                                .by = or_empty(request->user) };
}

static void list_of_texts(struct buf *body, const char *key, const char *const *texts,
                          size_t count)
{
    pack_text(body, key);
    pack_list(body, count);
    for (size_t i = 0; i < count; i++)
        pack_text(body, texts[i]);
}

static enum rc datum_form(struct broker *broker, struct arena *arena,
                          const struct datum *datum, struct buf *body, struct err *err)
{
    const char *const *tags;
    size_t tag_count;
    char id[UUID_TEXT_SIZE];
    enum rc rc = store_tags(broker->store, TAGGED_DATUM, datum->number, arena, &tags,
                            &tag_count, err);

    if (rc != RC_OK)
        return rc;
    uuid_write(datum->id, id);
    pack_map(body, 14);
    field_uint(body, "number", datum->number);
    field_text(body, "id", id);
    field_text(body, "name", datum->name);
    field_text(body, "digest", datum->digest);
    field_text(body, "md5", datum->md5);
    field_text(body, "sha1", datum->sha1);
    field_uint(body, "size", datum->size);
    field_uint(body, "run", datum->run);
    field_text(body, "stage", datum->stage);
    field_uint(body, "index", datum->index);
    pack_text(body, "created");
    pack_int(body, datum->created_us);
    field_text(body, "by", datum->by);
    list_of_texts(body, "tags", tags, tag_count);
    pack_text(body, "properties");
    pack_value(body, &datum->properties);
    return RC_OK;
}

/* ---- Resolving */

static enum rc version_files(struct broker *broker, const struct dataset_version *version,
                             struct buf *body, struct err *err)
{
    uint64_t *numbers;
    size_t count;
    enum rc rc = store_dataset_files(broker->store, version->number, broker->scratch,
                                     &numbers, &count, err);

    if (rc != RC_OK)
        return rc;
    pack_list(body, count);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        scoped(arena) arena = arena_create(64 << 20);
        struct datum datum;

        rc = arena ? store_datum(broker->store, numbers[i], arena, &datum, err)
                   : err_set(err, RC_NO_MEMORY, "no memory for a datum");
        if (rc == RC_OK)
            rc = datum_form(broker, arena, &datum, body, err);
    }
    return rc;
}

static enum rc resolve_one(struct broker *broker, const char *project, const char *uri,
                           struct buf *body, struct err *err)
{
    struct name_found found;
    struct err why = { .text = "" };
    char version[NAME_URI_SIZE] = "";
    enum rc rc = name_find_text(broker, project, uri, broker->scratch, &found, &why);
    bool is_wrong = rc == RC_NOT_FOUND || rc == RC_INVALID;

    if (rc != RC_OK && !is_wrong) {
        *err = why;
        return rc;
    }
    if (rc == RC_OK && found.is_version)
        dataset_uri_write(found.version.dataset, found.version.version, version);
    pack_map(body, 4);
    field_text(body, "uri", uri);
    field_text(body, "error", is_wrong ? why.text : "");
    field_text(body, "version", version);
    pack_text(body, "files");
    if (is_wrong)
        pack_list(body, 0);
    else if (found.is_version)
        return version_files(broker, &found.version, body, err);
    else {
        pack_list(body, 1);
        return datum_form(broker, broker->scratch, &found.datum, body, err);
    }
    return RC_OK;
}

enum rc query_resolve(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    enum rc rc = RC_OK;

    if (request->uri_count > RESOLVE_MAX)
        return err_set(err, RC_INVALID, "resolve: at most %d URIs at once", RESOLVE_MAX);
    pack_map(body, 1);
    pack_text(body, "resolved");
    pack_list(body, request->uri_count);
    for (size_t i = 0; rc == RC_OK && i < request->uri_count; i++)
        rc = resolve_one(broker, or_empty(request->project), request->uris[i], body, err);
    return rc;
}

/* ---- Datums */

static bool has_tag(const char *const *tags, size_t count, const char *tag)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(tags[i], tag) == 0)
            return true;
    return false;
}

/* Appends the datum if it is asked for. */
static enum rc list_datum(struct broker *broker, const struct request *request,
                          uint64_t number, struct buf *list, size_t *count,
                          struct err *err)
{
    scoped(arena) arena = arena_create(64 << 20);
    const char *const *tags;
    size_t tag_count;
    struct datum datum;
    enum rc rc = arena ? store_datum(broker->store, number, arena, &datum, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a datum");

    if (rc != RC_OK)
        return rc;
    if (request->text && fnmatch(request->text, datum.name, 0) != 0)
        return RC_OK;
    if (request->tag && request->run) {
        rc = store_tags(broker->store, TAGGED_DATUM, number, arena, &tags, &tag_count,
                        err);
        if (rc != RC_OK || !has_tag(tags, tag_count, request->tag))
            return rc;
    }
    rc = datum_form(broker, arena, &datum, list, err);
    *count += rc == RC_OK;
    return rc;
}

static size_t datums_below(struct broker *broker, const struct request *request,
                           uint64_t before, uint64_t *numbers, size_t limit)
{
    return request->tag && !request->run
               ? store_tagged(broker->store, TAGGED_DATUM, request->tag, before, numbers,
                              limit)
               : store_datums(broker->store, request->run, before, numbers, limit);
}

enum rc query_datums(struct broker *broker, const struct request *request,
                     struct buf *body, struct err *err)
{
    uint64_t numbers[LIST_MAX], before = request->before;
    size_t limit =
        request->limit && request->limit < LIST_MAX ? request->limit : LIST_MAX;
    size_t count = 0, seen = 0, got = LIST_MAX;
    scoped_buf list = { 0 };
    enum rc rc = RC_OK;

    while (rc == RC_OK && count < limit && seen < SCAN_MAX && got == LIST_MAX) {
        got = datums_below(broker, request, before, numbers, LIST_MAX);
        for (size_t i = 0; rc == RC_OK && i < got && count < limit; i++, seen++) {
            before = numbers[i];
            rc = list_datum(broker, request, before, &list, &count, err);
        }
    }
    if (rc != RC_OK)
        return rc;
    if (datums_below(broker, request, before, numbers, 1) == 0)
        before = 0;
    pack_map(body, 2);
    field_uint(body, "next", seen ? before : 0);
    pack_text(body, "datums");
    pack_list(body, count);
    buf_add(body, list.data, list.size);
    return buf_ok(&list) ? RC_OK
                         : err_set(err, RC_FULL, "the answer is too large: ask for less");
}

struct owner {
    enum tagged what;
    uint64_t number;
    const char *shown; /* datum://ID, or run/N */
};

static enum rc check_room(struct broker *broker, const struct owner *owner, size_t more,
                          struct err *err)
{
    const char *const *tags;
    size_t count;
    enum rc rc = store_tags(broker->store, owner->what, owner->number, broker->scratch,
                            &tags, &count, err);

    if (rc == RC_OK && count + more > TAGS_MAX)
        rc = err_set(err, RC_CONFLICT, "%s would have more than %d tags", owner->shown,
                     TAGS_MAX);
    return rc;
}

static enum rc check_tags(const struct request *request, struct err *err)
{
    if (request->text_count > CHANGES_MAX)
        return err_set(err, RC_INVALID, "at most %d tags at once", CHANGES_MAX);
    for (size_t i = 0; i < request->text_count; i++)
        if (!tag_is_valid(request->texts[i]))
            return err_set(err, RC_INVALID,
                           "\"%.200s\" is no tag: it has to be a text of 1 to %d bytes",
                           request->texts[i], NAME_BYTES_MAX);
    return RC_OK;
}

static enum rc check_alias(const char *name, struct err *err)
{
    return alias_is_valid(name)
               ? RC_OK
               : err_set(err, RC_INVALID,
                         "\"%.200s\" cannot be an alias: it has to be a name of 1 to %d "
                         "bytes without '/', and no UUID",
                         name, NAME_BYTES_MAX);
}

static enum rc check_datum(struct broker *broker, const struct request *request,
                           const uint8_t id[UUID_BYTES], struct err *err)
{
    const struct plan_source *file = request->file;
    struct owner known = { .what = TAGGED_DATUM, .shown = file->name };
    enum rc rc = check_tags(request, err);

    if (rc == RC_OK && request->name)
        rc = check_alias(request->name, err);
    if (rc != RC_OK)
        return rc;
    if (!objects_use(broker->objects, file->digest, NULL)
        && !near_has(broker, file->digest))
        return err_set(err, RC_NOT_FOUND, "the bytes of %.200s are not in the store: %s",
                       file->name, file->digest);
    rc = store_datum_find(broker->store, id, &known.number, err);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    return check_room(broker, &known, request->text_count, err);
}

static struct datum datum_of(const struct plan_source *file)
{
    struct datum datum = { .digest = file->digest,
                           .name = file->name,
                           .md5 = or_empty(file->md5),
                           .sha1 = or_empty(file->sha1),
                           .size = file->size,
                           .stage = "" };
    char id[UUID_TEXT_SIZE];

    if (file->metadata.kind == VALUE_LIST && file->metadata.list.count > 0)
        datum.properties = file->metadata.list.items[0];
    datum_id_derive(file->digest, file->name, id);
    must(uuid_read(id, datum.id));
    return datum;
}

enum rc request_datum(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    struct name_scope scope = scope_of(request);
    const struct plan_source *file = request->file;
    struct datum datum;
    char id[UUID_TEXT_SIZE];
    bool is_new = false;
    enum rc rc;

    if (!file)
        return err_set(err, RC_INVALID, "datum: the field file is missing");
    datum = datum_of(file);
    datum.created_us = broker->now_us;
    datum.by = scope.by;
    uuid_write(datum.id, id);
    rc = check_datum(broker, request, datum.id, err);
    if (rc == RC_OK)
        rc = check_store(broker, 0, err);
    if (rc == RC_OK)
        rc = store_datum_put(broker->store, &datum, &is_new, err);
    if (rc != RC_OK)
        return rc;

    const char *uri = datum_uri_of(broker->scratch, &datum);

    if (is_new)
        announce(broker, &(struct announcement){ .kind = "datum",
                                                 .subject = id,
                                                 .name = file->name,
                                                 .digest = file->digest,
                                                 .size = file->size,
                                                 .target = uri,
                                                 .project = scope.project,
                                                 .by = scope.by,
                                                 .state = "stored" });
    for (size_t i = 0; rc == RC_OK && i < request->text_count; i++)
        rc = name_tag_change(broker, &scope, TAGGED_DATUM, datum.number, uri,
                             request->texts[i], true, err);
    if (rc == RC_OK && request->name)
        rc = name_alias_put(broker, &scope, request->name, uri, err);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    field_text(body, "id", id);
    return RC_OK;
}

/* ---- Aliases */

enum rc query_aliases(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    size_t limit =
        request->limit && request->limit < LIST_MAX ? request->limit : LIST_MAX;
    const char *project = or_empty(request->project);
    struct alias *aliases;
    size_t count;
    enum rc rc = request->name
                     ? store_alias_history(broker->store, project, request->name,
                                           broker->scratch, limit, &aliases, &count, err)
                     : store_aliases(broker->store, project, or_empty(request->after),
                                     broker->scratch, limit, &aliases, &count, err);

    if (rc == RC_OK && request->name && count == 0)
        rc =
            err_set(err, RC_NOT_FOUND, "project %.128s has never had an alias \"%.200s\"",
                    project, request->name);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    pack_text(body, "aliases");
    pack_list(body, count);
    for (size_t i = 0; i < count; i++) {
        pack_map(body, 5);
        field_text(body, "name", aliases[i].name);
        field_text(body, "target", aliases[i].target);
        field_text(body, "by", aliases[i].by);
        pack_text(body, "changed");
        pack_int(body, aliases[i].changed_us);
        field_uint(body, "changes", aliases[i].changes);
    }
    return RC_OK;
}

/* What an alias of that name may point to, as it is stored. */
static enum rc alias_target(struct broker *broker, const struct request *request,
                            const char **target, struct err *err)
{
    const char *project = or_empty(request->project), *text = request->target;
    char uri[NAME_URI_SIZE];
    struct name_uri name;
    struct name_found found;
    bool is_version = name_uri_is(request->name);
    enum rc rc = is_version ? name_uri_read(request->name, &name, err)
                            : check_alias(request->name, err);

    if (rc == RC_OK && is_version && name.kind != NAME_VERSION)
        rc = err_set(err, RC_INVALID, "give the alias by its name, without datum://");
    if (rc == RC_OK && !name_uri_is(text)) {
        text = is_version
                   ? arena_printf(broker->scratch, "dataset://%s/%s", name.name, text)
                   : arena_printf(broker->scratch, "datum://%s", text);
        if (!text)
            rc = err_set(err, RC_NO_MEMORY, "no memory for a name");
    }
    if (rc == RC_OK)
        rc = name_find_text(broker, project, text, broker->scratch, &found, err);
    if (rc != RC_OK)
        return rc;
    if (found.is_version != is_version
        || (is_version && strcmp(found.version.dataset, name.name) != 0))
        return err_set(err, RC_INVALID,
                       "%.300s cannot point to %.300s: an alias NAME points to a datum, "
                       "dataset://NAME/ALIAS to a version of that dataset",
                       request->name, text);
    if (!is_version) {
        *target = datum_uri_of(broker->scratch, &found.datum);
        return RC_OK;
    }
    rc = store_dataset(broker->store, project, name.name, name.version, broker->scratch,
                       &(struct dataset_version){ 0 }, err);
    if (rc == RC_OK)
        return err_set(err, RC_CONFLICT, "%s is a version already, and no alias",
                       request->name);
    dataset_uri_write(found.version.dataset, found.version.version, uri);
    *target = arena_text(broker->scratch, uri);
    return *target ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for a name");
}

enum rc request_alias(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    struct name_scope scope = scope_of(request);
    const char *target = "";
    struct alias known;
    enum rc rc;

    if (!request->name)
        return err_set(err, RC_INVALID, "alias: the field name is missing");
    rc = request->target ? alias_target(broker, request, &target, err)
                         : store_alias(broker->store, scope.project, request->name,
                                       broker->scratch, &known, err);
    if (rc == RC_NOT_FOUND && !request->target)
        return err_set(err, rc, "project %.128s has no alias \"%.200s\"", scope.project,
                       request->name);
    if (rc == RC_OK)
        rc = check_store(broker, 0, err);
    if (rc == RC_OK)
        rc = name_alias_put(broker, &scope, request->name, target, err);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    field_text(body, "target", target);
    return RC_OK;
}

/* ---- Tags */

/* The run and the datums that are named. */
static enum rc find_owners(struct broker *broker, const struct request *request,
                           struct owner *owners, size_t *count, struct err *err)
{
    struct run_head head;
    struct name_found found;
    size_t added = 0;
    enum rc rc = RC_OK;

    if (request->run) {
        rc = store_run(broker->store, request->run, broker->scratch, &head, err);
        if (rc == RC_NOT_FOUND)
            return err_set(err, rc, "there is no run %lu", (unsigned long)request->run);
        owners[added++] = (struct owner){ TAGGED_RUN, request->run,
                                          arena_printf(broker->scratch, "run/%lu",
                                                       (unsigned long)request->run) };
    }
    for (size_t i = 0; rc == RC_OK && i < request->uri_count; i++) {
        rc = name_find_text(broker, or_empty(request->project), request->uris[i],
                            broker->scratch, &found, err);
        if (rc == RC_OK && found.is_version)
            rc = err_set(err, RC_INVALID,
                         "%.300s: datums and runs have tags, datasets "
                         "have none",
                         request->uris[i]);
        if (rc == RC_OK)
            owners[added++] =
                (struct owner){ TAGGED_DATUM, found.datum.number,
                                datum_uri_of(broker->scratch, &found.datum) };
    }
    *count = added;
    return rc;
}

enum rc request_tag(struct broker *broker, const struct request *request,
                    struct buf *body, struct err *err)
{
    struct name_scope scope = scope_of(request);
    struct owner *owners =
        arena_array(broker->scratch, request->uri_count + 1, sizeof *owners);
    size_t count = 0;
    enum rc rc = owners ? check_tags(request, err)
                        : err_set(err, RC_NO_MEMORY, "no memory for the tags");

    if (rc == RC_OK && request->uri_count > RESOLVE_MAX)
        rc = err_set(err, RC_INVALID, "tag: at most %d URIs at once", RESOLVE_MAX);
    if (rc == RC_OK)
        rc = find_owners(broker, request, owners, &count, err);
    if (rc == RC_OK)
        rc = check_store(broker, request->text_count * count, err);
    for (size_t i = 0; rc == RC_OK && request->yes && i < count; i++)
        rc = check_room(broker, &owners[i], request->text_count, err);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        for (size_t k = 0; rc == RC_OK && k < request->text_count; k++)
            rc = name_tag_change(broker, &scope, owners[i].what, owners[i].number,
                                 owners[i].shown, request->texts[k], request->yes, err);
    if (rc == RC_OK) {
        pack_map(body, 1);
        field_uint(body, "count", count);
    }
    return rc;
}

/* ---- Datasets */

static enum rc version_form(struct broker *broker, const struct dataset_version *version,
                            struct buf *body, struct err *err)
{
    struct dataset_version base;
    char uri[NAME_URI_SIZE] = "";
    enum rc rc = RC_OK;

    if (version->base) {
        rc = store_dataset_by_number(broker->store, version->base, broker->scratch, &base,
                                     err);
        if (rc != RC_OK)
            return rc;
        dataset_uri_write(base.dataset, base.version, uri);
    }
    pack_map(body, 8);
    field_text(body, "dataset", version->dataset);
    field_text(body, "version", version->version);
    field_text(body, "by", version->by);
    field_text(body, "base", uri);
    field_uint(body, "files", version->files);
    field_uint(body, "bytes", version->bytes);
    pack_text(body, "created");
    pack_int(body, version->created_us);
    pack_text(body, "changed");
    pack_int(body, version->changed_us);
    return RC_OK;
}

enum rc query_datasets(struct broker *broker, const struct request *request,
                       struct buf *body, struct err *err)
{
    size_t limit =
        request->limit && request->limit < LIST_MAX ? request->limit : LIST_MAX;
    struct name_uri after = { .name = "" };
    struct dataset_version *versions;
    size_t count;
    enum rc rc = request->after ? name_uri_read(request->after, &after, err) : RC_OK;

    if (rc == RC_OK)
        rc = store_datasets(broker->store, or_empty(request->project),
                            or_empty(request->name), after.name, after.version,
                            broker->scratch, limit, &versions, &count, err);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    pack_text(body, "datasets");
    pack_list(body, count);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = version_form(broker, &versions[i], body, err);
    return rc;
}

static enum rc find_files(struct broker *broker, const struct request *request,
                          struct datum **files, struct err *err)
{
    struct datum *list = arena_array(broker->scratch, request->uri_count, sizeof *list);
    struct name_found found;
    enum rc rc = list ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for the files");

    for (size_t i = 0; rc == RC_OK && i < request->uri_count; i++) {
        rc = name_find_text(broker, or_empty(request->project), request->uris[i],
                            broker->scratch, &found, err);
        if (rc == RC_OK && found.is_version)
            rc = err_set(err, RC_INVALID,
                         "%.300s: a dataset is no file of another one; "
                         "begin with it (--from)",
                         request->uris[i]);
        if (rc == RC_OK)
            list[i] = found.datum;
    }
    *files = list;
    return rc;
}

struct dataset_change { /* all that is known before the first write */
    struct dataset_version version;
    uint64_t base, base_files; /* 0: none */
    struct datum *files;
};

static enum rc check_dataset(struct broker *broker, const struct request *request,
                             const struct name_scope *scope,
                             struct dataset_change *change, struct err *err)
{
    struct name_uri uri;
    struct name_found base;
    enum rc rc = name_uri_read(or_empty(request->name), &uri, err);

    if (rc == RC_OK && uri.kind != NAME_VERSION)
        rc = err_set(err, RC_INVALID, "%.300s: give it as dataset://NAME/VERSION",
                     request->name);
    if (rc == RC_OK)
        rc = name_version_open(broker, scope, &uri, broker->scratch, &change->version,
                               err);
    if (rc == RC_OK)
        rc = find_files(broker, request, &change->files, err);
    if (rc != RC_OK || !request->target)
        return rc;
    rc = name_find_text(broker, scope->project, request->target, broker->scratch, &base,
                        err);
    if (rc != RC_OK)
        return rc;
    if (!base.is_version || change->version.number)
        return err_set(err, RC_CONFLICT,
                       base.is_version
                           ? "%.300s is there already: only a new version can begin with "
                             "another one"
                           : "%.300s: only a version can be begun with",
                       base.is_version ? request->name : request->target);
    change->base = base.version.number;
    change->base_files = base.version.files;
    return RC_OK;
}

enum rc request_dataset(struct broker *broker, const struct request *request,
                        struct buf *body, struct err *err)
{
    struct name_scope scope = scope_of(request);
    struct dataset_change change = { .base = 0 };
    bool is_new, changed = false, added;
    enum rc rc = check_dataset(broker, request, &scope, &change, err);

    if (rc != RC_OK)
        return rc;
    is_new = change.version.number == 0;
    if (request->yes && !is_new)
        return err_set(
            err, RC_CONFLICT,
            "%.300s is there already: add files to it (`sluice dataset add`), or "
            "name a new version",
            request->name);
    if (change.version.files + change.base_files + request->uri_count > DATASET_FILES_MAX)
        return err_set(err, RC_CONFLICT, "%.300s would have more than %d files",
                       request->name, DATASET_FILES_MAX);
    rc = check_store(broker, change.base_files + request->uri_count, err);
    if (rc == RC_OK && is_new)
        rc = store_dataset_put(broker->store, &change.version, err);
    if (rc == RC_OK && change.base)
        rc = store_dataset_inherit(broker->store, &change.version, change.base,
                                   request->texts, request->text_count, err);
    for (size_t i = 0; rc == RC_OK && i < request->uri_count; i++) {
        rc = store_dataset_add(broker->store, &change.version, &change.files[i], &added,
                               err);
        changed |= rc == RC_OK && added;
    }
    if (rc == RC_OK && (is_new || changed))
        rc = name_version_close(broker, &scope, &change.version, is_new, err);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    field_uint(body, "files", change.version.files);
    return RC_OK;
}
