/* names.c - datums, aliases, tags and datasets. */
#include "client/lib/fields.h"

#include <stdio.h>
#include <string.h>

struct datums_box {
    struct sluice_datums datums;
    struct arena *arena;
};
struct resolution_box {
    struct sluice_resolution resolution;
    struct arena *arena;
};
struct aliases_box {
    struct sluice_aliases aliases;
    struct arena *arena;
};
struct datasets_box {
    struct sluice_datasets datasets;
    struct arena *arena;
};

static void read_properties(struct reader *reader, struct arena *arena,
                            struct sluice_datum *datum)
{
    size_t start = reader->at;

    reader_skip(reader);
    if (!reader_ok(reader))
        return;
    datum->properties_size = reader->at - start;
    datum->properties = arena_copy(arena, reader->data + start, datum->properties_size);
    if (!datum->properties)
        reader_fail(reader);
}

static void read_datum(struct reader *reader, struct arena *arena,
                       struct sluice_datum *datum)
{
    const struct field fields[] = {
        { "number", FIELD_UINT, &datum->number },
        { "id", FIELD_TEXT, &datum->id },
        { "name", FIELD_TEXT, &datum->name },
        { "digest", FIELD_TEXT, &datum->digest },
        { "md5", FIELD_TEXT, &datum->md5 },
        { "sha1", FIELD_TEXT, &datum->sha1 },
        { "size", FIELD_UINT, &datum->size },
        { "run", FIELD_UINT, &datum->run },
        { "stage", FIELD_TEXT, &datum->stage },
        { "index", FIELD_UINT, &datum->index },
        { "created", FIELD_INT, &datum->created_us },
        { "by", FIELD_TEXT, &datum->by },
    };
    struct reader again = *reader;

    fields_read(reader, arena, fields, COUNT_OF(fields));
    for (size_t n = reader_map(&again); n > 0 && reader_ok(&again); n--) {
        struct bytes key = reader_string(&again);

        if (bytes_are(key, "tags"))
            datum->tags = fields_texts(&again, arena, &datum->tag_count);
        else if (bytes_are(key, "properties"))
            read_properties(&again, arena, datum);
        else
            reader_skip(&again);
    }
    if (!reader_ok(&again))
        reader_fail(reader);
}

static struct sluice_datum *read_datums(struct reader *reader, struct arena *arena,
                                        size_t *count)
{
    size_t found = reader_list(reader);
    struct sluice_datum *datums = arena_array(arena, found, sizeof *datums);

    for (size_t i = 0; datums && i < found && reader_ok(reader); i++)
        read_datum(reader, arena, &datums[i]);
    if (!datums)
        reader_fail(reader);
    *count = found;
    return datums;
}

int sluice_datums(struct sluice *sluice, const struct sluice_datum_query *query,
                  struct sluice_datums **datums, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct request request = { .text = query->glob,
                               .tag = query->tag,
                               .run = query->run,
                               .before = query->before,
                               .limit = query->limit };
    struct datums_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_DATUMS, &request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "next");

    box->datums.next = reader_uint(&reader);
    if (reader_ok(&reader))
        reader = reply_field(&reply, "datums");
    box->datums.datums = read_datums(&reader, arena, &box->datums.count);
    if (!reader_ok(&reader))
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *datums = &box->datums;
    return SLUICE_OK;
}

void sluice_datums_free(struct sluice_datums *datums)
{
    if (datums)
        arena_destroy(((struct datums_box *)datums)->arena);
}

static void read_resolved(struct reader *reader, struct arena *arena,
                          struct sluice_resolved *resolved)
{
    const struct field fields[] = {
        { "uri", FIELD_TEXT, &resolved->uri },
        { "error", FIELD_TEXT, &resolved->error },
        { "version", FIELD_TEXT, &resolved->version },
    };
    struct reader again = *reader;

    fields_read(reader, arena, fields, COUNT_OF(fields));
    for (size_t n = reader_map(&again); n > 0 && reader_ok(&again); n--) {
        if (bytes_are(reader_string(&again), "files"))
            resolved->files = read_datums(&again, arena, &resolved->file_count);
        else
            reader_skip(&again);
    }
    if (!reader_ok(&again))
        reader_fail(reader);
}

int sluice_resolve(struct sluice *sluice, const char *project, const char *const *uris,
                   size_t count, struct sluice_resolution **resolution,
                   struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct request request = { .project = project, .uris = uris, .uri_count = count };
    struct resolution_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_RESOLVE, &request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "resolved");
    struct sluice_resolution *read = &box->resolution;

    read->count = reader_list(&reader);
    read->resolved = arena_array(arena, read->count, sizeof *read->resolved);
    for (size_t i = 0; read->resolved && i < read->count; i++)
        read_resolved(&reader, arena, &read->resolved[i]);
    if (!reader_ok(&reader) || !read->resolved || read->count != count)
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *resolution = read;
    return SLUICE_OK;
}

void sluice_resolution_free(struct sluice_resolution *resolution)
{
    if (resolution)
        arena_destroy(((struct resolution_box *)resolution)->arena);
}

int sluice_datum_add(struct sluice *sluice, const char *project, const char *user,
                     const struct sluice_new_datum *datum, char id[37],
                     struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    struct plan_source file = { .uri = "",
                                .name = datum->name,
                                .digest = datum->digest,
                                .md5 = datum->md5,
                                .sha1 = datum->sha1,
                                .size = datum->size };
    struct request request = { .project = project,
                               .user = user,
                               .file = &file,
                               .name = datum->alias,
                               .texts = datum->tags,
                               .text_count = datum->tag_count };
    enum rc rc = sluice_call(sluice, MESSAGE_DATUM, &request, &reply, err);

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "id");
    struct bytes text = reader_string(&reader);

    if (!reader_ok(&reader) || text.size != 36)
        return (int)fields_undecodable(err);
    memcpy(id, text.data, text.size);
    id[text.size] = '\0';
    return SLUICE_OK;
}

static int list_aliases(struct sluice *sluice, const struct request *request,
                        struct sluice_aliases **aliases, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct aliases_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_ALIASES, request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "aliases");
    struct sluice_aliases *read = &box->aliases;

    read->count = reader_list(&reader);
    read->aliases = arena_array(arena, read->count, sizeof *read->aliases);
    for (size_t i = 0; read->aliases && i < read->count; i++) {
        struct sluice_alias *alias = &read->aliases[i];
        const struct field fields[] = {
            { "name", FIELD_TEXT, &alias->name },
            { "target", FIELD_TEXT, &alias->target },
            { "by", FIELD_TEXT, &alias->by },
            { "changed", FIELD_INT, &alias->changed_us },
            { "changes", FIELD_UINT, &alias->changes },
        };

        fields_read(&reader, arena, fields, COUNT_OF(fields));
    }
    if (!reader_ok(&reader) || !read->aliases)
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *aliases = read;
    return SLUICE_OK;
}

int sluice_aliases(struct sluice *sluice, const char *project, const char *after,
                   struct sluice_aliases **aliases, struct sluice_error *error)
{
    return list_aliases(sluice, &(struct request){ .project = project, .after = after },
                        aliases, error);
}

int sluice_alias_history(struct sluice *sluice, const char *project, const char *name,
                         struct sluice_aliases **changes, struct sluice_error *error)
{
    return list_aliases(sluice, &(struct request){ .project = project, .name = name },
                        changes, error);
}

void sluice_aliases_free(struct sluice_aliases *aliases)
{
    if (aliases)
        arena_destroy(((struct aliases_box *)aliases)->arena);
}

/* A request whose answer says nothing that the caller does not know. */
static int change(struct sluice *sluice, enum message_type type,
                  const struct request *request, struct sluice_error *error)
{
    struct err own;
    scoped_reply reply = { 0 };

    return (int)sluice_call(sluice, type, request, &reply, error_or(error, &own));
}

int sluice_alias_set(struct sluice *sluice, const char *project, const char *user,
                     const char *name, const char *target, struct sluice_error *error)
{
    struct request request = {
        .project = project, .user = user, .name = name, .target = target
    };

    return change(sluice, MESSAGE_ALIAS, &request, error);
}

int sluice_tag(struct sluice *sluice, const char *project, const char *user,
               const struct sluice_tagging *tagging, struct sluice_error *error)
{
    struct request request = { .project = project,
                               .user = user,
                               .run = tagging->run,
                               .uris = tagging->uris,
                               .uri_count = tagging->uri_count,
                               .texts = tagging->tags,
                               .text_count = tagging->tag_count,
                               .yes = !tagging->remove };

    return change(sluice, MESSAGE_TAG, &request, error);
}

int sluice_datasets(struct sluice *sluice, const char *project, const char *dataset,
                    const char *after, struct sluice_datasets **datasets,
                    struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct request request = { .project = project, .name = dataset, .after = after };
    struct datasets_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_DATASETS, &request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "datasets");
    struct sluice_datasets *read = &box->datasets;

    read->count = reader_list(&reader);
    read->versions = arena_array(arena, read->count, sizeof *read->versions);
    for (size_t i = 0; read->versions && i < read->count; i++) {
        struct sluice_dataset *version = &read->versions[i];
        const struct field fields[] = {
            { "dataset", FIELD_TEXT, &version->dataset },
            { "version", FIELD_TEXT, &version->version },
            { "by", FIELD_TEXT, &version->by },
            { "base", FIELD_TEXT, &version->base },
            { "files", FIELD_UINT, &version->files },
            { "bytes", FIELD_UINT, &version->bytes },
            { "created", FIELD_INT, &version->created_us },
            { "changed", FIELD_INT, &version->changed_us },
        };

        fields_read(&reader, arena, fields, COUNT_OF(fields));
    }
    if (!reader_ok(&reader) || !read->versions)
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *datasets = read;
    return SLUICE_OK;
}

void sluice_datasets_free(struct sluice_datasets *datasets)
{
    if (datasets)
        arena_destroy(((struct datasets_box *)datasets)->arena);
}

int sluice_dataset_change(struct sluice *sluice, const char *project, const char *user,
                          const struct sluice_dataset_change *asked,
                          struct sluice_error *error)
{
    struct request request = { .project = project,
                               .user = user,
                               .name = asked->uri,
                               .yes = asked->create,
                               .target = asked->base,
                               .texts = asked->exclude,
                               .text_count = asked->exclude_count,
                               .uris = asked->files,
                               .uri_count = asked->file_count };

    return change(sluice, MESSAGE_DATASET, &request, error);
}
