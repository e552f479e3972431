/* name_find.c - see name_find.h. */
#include "broker/answers/name_find.h"

#include "codecs/config/findings.h"

#include <stdio.h>
#include <string.h>

enum { CANDIDATES_MAX = 10000 };

const char *datum_uri_of(struct arena *arena, const struct datum *datum)
{
    char id[UUID_TEXT_SIZE];
    const char *uri;

    uuid_write(datum->id, id);
    uri = arena_printf(arena, "datum://%s", id);
    return uri ? uri : "";
}

static enum rc find_id(struct broker *broker, const uint8_t id[UUID_BYTES],
                       struct arena *arena, struct name_found *found, struct err *err)
{
    char text[UUID_TEXT_SIZE];
    uint64_t number;
    enum rc rc = store_datum_find(broker->store, id, &number, err);

    if (rc == RC_OK)
        rc = store_datum(broker->store, number, arena, &found->datum, err);
    if (rc == RC_OK && !objects_use(broker->objects, found->datum.digest, NULL))
        space_use(broker, found->datum.digest); /* who names it may be about to use it */
    uuid_write(id, text);
    return rc == RC_NOT_FOUND
               ? err_set(err, rc, "datum://%s: there is no such datum", text)
               : rc;
}

static enum rc no_alias(struct broker *broker, const char *project, const char *name,
                        struct arena *arena, struct err *err)
{
    struct alias *aliases;
    const char **names, *nearest = NULL;
    size_t count;

    if (store_aliases(broker->store, project, "", arena, CANDIDATES_MAX, &aliases, &count,
                      err)
        == RC_OK) {
        names = arena_array(arena, count, sizeof *names);
        for (size_t i = 0; names && i < count; i++)
            names[i] = aliases[i].name;
        nearest = names ? nearest_of(name, names, count) : NULL;
        if (!nearest && count == 1)
            nearest = names ? names[0] : NULL;
    }
    return err_set(err, RC_NOT_FOUND,
                   "datum://%s: project %.128s has no such alias%s%s%s", name, project,
                   nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                   nearest ? "\"?" : " (`sluice alias ls` lists them)");
}

static enum rc find_alias(struct broker *broker, const char *project, const char *name,
                          struct arena *arena, struct name_found *found, struct err *err)
{
    struct alias alias;
    struct name_uri target;
    enum rc rc = store_alias(broker->store, project, name, arena, &alias, err);

    if (rc == RC_NOT_FOUND)
        return no_alias(broker, project, name, arena, err);
    if (rc == RC_OK)
        rc = name_uri_read(alias.target, &target, err);
    return rc == RC_OK ? find_id(broker, target.id, arena, found, err) : rc;
}

/* Says which versions, or which datasets, come nearest. */
static enum rc no_version(struct broker *broker, const char *project,
                          const struct name_uri *uri, struct arena *arena,
                          struct err *err)
{
    struct dataset_version *versions = NULL;
    const char **names, *nearest = NULL;
    size_t count = 0;
    bool has_dataset;
    enum rc rc = store_datasets(broker->store, project, uri->name, "", "", arena,
                                CANDIDATES_MAX, &versions, &count, err);

    has_dataset = rc == RC_OK && count > 0;
    if (rc == RC_OK && !has_dataset)
        rc = store_datasets(broker->store, project, "", "", "", arena, CANDIDATES_MAX,
                            &versions, &count, err);
    names = rc == RC_OK ? arena_array(arena, count, sizeof *names) : NULL;
    for (size_t i = 0; names && i < count; i++)
        names[i] = has_dataset ? versions[i].version : versions[i].dataset;
    if (names && count)
        nearest = nearest_of(has_dataset ? uri->version : uri->name, names, count);
    if (has_dataset && !nearest && names)
        nearest = names[count - 1];
    if (has_dataset)
        return err_set(
            err, RC_NOT_FOUND,
            "dataset://%s/%s: dataset %s of project %.128s has no such version "
            "or alias; there is, for instance, \"%s\"",
            uri->name, uri->version, uri->name, project, nearest ? nearest : "latest");
    return err_set(
        err, RC_NOT_FOUND, "dataset://%s/%s: project %.128s has no such dataset%s%s%s",
        uri->name, uri->version, project, nearest ? "; did you mean \"" : "",
        nearest ? nearest : "", nearest ? "\"?" : " (`sluice dataset ls` lists them)");
}

/* The version of the dataset that was made last. */
static enum rc find_latest(struct broker *broker, const char *project,
                           const char *dataset, struct arena *arena,
                           struct dataset_version *found, struct err *err)
{
    struct dataset_version *versions;
    const char *after = "";
    size_t count = 0;
    uint64_t newest = 0;

    do {
        enum rc rc =
            store_datasets(broker->store, project, dataset, after[0] ? dataset : "",
                           after, arena, CANDIDATES_MAX, &versions, &count, err);

        if (rc != RC_OK)
            return rc;
        for (size_t i = 0; i < count; i++)
            if (versions[i].number > newest) {
                newest = versions[i].number;
                *found = versions[i];
            }
        after = count ? versions[count - 1].version : "";
    } while (count == CANDIDATES_MAX);
    return newest ? RC_OK : RC_NOT_FOUND;
}

/* A version of that name, else an alias of one, else "latest" means what it says. */
static enum rc find_version(struct broker *broker, const char *project,
                            const struct name_uri *uri, struct arena *arena,
                            struct dataset_version *found, struct err *err)
{
    char name[NAME_URI_SIZE];
    struct alias alias;
    struct name_uri target;
    enum rc rc =
        store_dataset(broker->store, project, uri->name, uri->version, arena, found, err);

    if (rc != RC_NOT_FOUND)
        return rc;
    dataset_uri_write(uri->name, uri->version, name);
    rc = store_alias(broker->store, project, name, arena, &alias, err);
    if (rc == RC_OK)
        rc = name_uri_read(alias.target, &target, err);
    if (rc == RC_OK)
        rc = store_dataset(broker->store, project, target.name, target.version, arena,
                           found, err);
    if (rc == RC_NOT_FOUND && strcmp(uri->version, "latest") == 0)
        rc = find_latest(broker, project, uri->name, arena, found, err);
    return rc == RC_NOT_FOUND ? no_version(broker, project, uri, arena, err) : rc;
}

enum rc name_find(struct broker *broker, const char *project, const struct name_uri *uri,
                  struct arena *arena, struct name_found *found, struct err *err)
{
    *found = (struct name_found){ .is_version = uri->kind == NAME_VERSION };
    switch (uri->kind) {
    case NAME_ID:
        return find_id(broker, uri->id, arena, found, err);
    case NAME_ALIAS:
        return find_alias(broker, project, uri->name, arena, found, err);
    case NAME_VERSION:
        return find_version(broker, project, uri, arena, &found->version, err);
    }
    unreachable_because("the codec knows no other names");
}

enum rc name_find_text(struct broker *broker, const char *project, const char *uri,
                       struct arena *arena, struct name_found *found, struct err *err)
{
    struct name_uri read;
    enum rc rc = name_uri_read(uri, &read, err);

    return rc == RC_OK ? name_find(broker, project, &read, arena, found, err) : rc;
}

/* What all events about names say. */
static void tell(struct broker *broker, const struct name_scope *scope, const char *kind,
                 const char *subject, const char *target, uint64_t count,
                 const char *state)
{
    announce(broker, &(struct announcement){ .kind = kind,
                                             .subject = subject,
                                             .name = subject,
                                             .target = target,
                                             .project = scope->project,
                                             .by = scope->by,
                                             .run = scope->run,
                                             .stage = scope->stage,
                                             .has_index = scope->run != 0,
                                             .index = scope->index,
                                             .count = count,
                                             .state = state });
}

enum rc name_alias_put(struct broker *broker, const struct name_scope *scope,
                       const char *name, const char *target, struct err *err)
{
    struct alias alias = {
        .name = name, .target = target, .by = scope->by, .changed_us = broker->now_us
    };
    bool changed = false;
    enum rc rc = store_alias_put(broker->store, scope->project, &alias, &changed, err);

    if (rc == RC_OK && changed)
        tell(broker, scope, "alias", name, target, 0, target[0] ? "set" : "removed");
    return rc;
}

enum rc name_tag_change(struct broker *broker, const struct name_scope *scope,
                        enum tagged what, uint64_t number, const char *owner,
                        const char *tag, bool is_adding, struct err *err)
{
    bool changed = false;
    enum rc rc = is_adding
                     ? store_tag_put(broker->store, what, number, tag, &changed, err)
                     : store_tag_remove(broker->store, what, number, tag, &changed, err);

    if (rc == RC_OK && is_adding && what == TAGGED_RUN)
        space_hold_run(broker, number);
    if (rc == RC_OK && changed)
        tell(broker, scope, "tag", tag, owner, 0, is_adding ? "added" : "removed");
    return rc;
}

enum rc name_version_open(struct broker *broker, const struct name_scope *scope,
                          const struct name_uri *uri, struct arena *arena,
                          struct dataset_version *version, struct err *err)
{
    char name[NAME_URI_SIZE];
    struct alias alias;
    enum rc rc = store_dataset(broker->store, scope->project, uri->name, uri->version,
                               arena, version, err);

    if (rc != RC_NOT_FOUND)
        return rc;
    dataset_uri_write(uri->name, uri->version, name);
    rc = store_alias(broker->store, scope->project, name, arena, &alias, err);
    if (rc == RC_OK)
        return err_set(err, RC_CONFLICT,
                       "%s is an alias of %s: files are added to a version", name,
                       alias.target);
    if (rc != RC_NOT_FOUND)
        return rc;
    *version = (struct dataset_version){ .project = scope->project,
                                         .dataset = arena_text(arena, uri->name),
                                         .version = arena_text(arena, uri->version),
                                         .by = scope->by,
                                         .created_us = broker->now_us };
    return version->dataset && version->version
               ? RC_OK
               : err_set(err, RC_NO_MEMORY, "no memory for %s", name);
}

enum rc name_version_close(struct broker *broker, const struct name_scope *scope,
                           struct dataset_version *version, bool is_new, struct err *err)
{
    char uri[NAME_URI_SIZE];
    enum rc rc;

    version->changed_us = broker->now_us;
    rc = store_dataset_put(broker->store, version, err);
    dataset_uri_write(version->dataset, version->version, uri);
    if (rc == RC_OK)
        tell(broker, scope, "dataset", uri + strlen("dataset://"), uri, version->files,
             is_new ? "created" : "changed");
    return rc;
}
