/* name_results.c - a result's outputs become datums, and their properties do what they
 * ask for: tags, an alias, versions of datasets.
 *
 * Written in the batch that stores the result. What is wrong in properties is told to the
 * person and changes nothing: it is no failure of the task. A version that many outputs
 * name is read and written once.
 *
 * Of an imported run the same is done, but what has such a name here already stays as it
 * is: what somebody did elsewhere moves no name that people here use. */
#include "broker/name_results.h"

#include "broker/answers/name_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OUTPUT_ARENA_MAX = 64 << 20,
    RESULT_ARENA_MAX = 256 << 20,
    VERSIONS_MAX = 1000, /* that one result, or an imported run, may name */
    NOTE_LINES_MAX = 20  /* of one result */
};

struct touched {
    struct dataset_version version;
    bool is_new, is_changed;
};

struct naming {
    struct broker *broker;
    uint32_t stage;
    bool is_import;
    char by[ERR_TEXT_MAX];
    struct name_scope scope;
    struct arena *arena; /* of the whole result; NULL until it is needed */
    struct touched *touched;
    size_t touched_count, touched_capacity;
    struct buf notes;
};

/* A limit or a missing name is for the person; what is wrong with the store is not. */
static bool is_ours(struct naming *self, enum rc rc, const struct err *err,
                    const char *file)
{
    if (rc == RC_OK)
        return true;
    if (rc == RC_NOT_FOUND || rc == RC_CONFLICT || rc == RC_INVALID)
        buf_printf(&self->notes, "%.200s: %s\n", file, err->text);
    else
        batch_check(self->broker, rc, err);
    return false;
}

static enum rc touch_room(struct naming *self, struct err *err)
{
    size_t capacity = self->touched_capacity ? 2 * self->touched_capacity : 8;
    struct touched *larger;

    if (self->touched_count == VERSIONS_MAX)
        return err_set(err, RC_CONFLICT,
                       "more than %d dataset versions are named at once", VERSIONS_MAX);
    if (self->touched_count < self->touched_capacity)
        return RC_OK;
    if (!self->arena)
        self->arena = arena_create(RESULT_ARENA_MAX);
    larger = self->arena ? arena_array(self->arena, capacity, sizeof *larger) : NULL;
    if (!larger)
        return err_set(err, RC_NO_MEMORY, "no memory for the datasets of a result");
    if (self->touched_count)
        memcpy(larger, self->touched, self->touched_count * sizeof *larger);
    self->touched = larger;
    self->touched_capacity = capacity;
    return RC_OK;
}

static enum rc touch(struct naming *self, const struct name_uri *uri,
                     struct touched **touched, struct err *err)
{
    struct touched *found;
    enum rc rc;

    for (size_t i = 0; i < self->touched_count; i++) {
        found = &self->touched[i];
        if (strcmp(found->version.dataset, uri->name) == 0
            && strcmp(found->version.version, uri->version) == 0) {
            *touched = found;
            return RC_OK;
        }
    }
    rc = touch_room(self, err);
    if (rc != RC_OK)
        return rc;
    found = &self->touched[self->touched_count];
    *found = (struct touched){ .is_new = false };
    rc = name_version_open(self->broker, &self->scope, uri, self->arena, &found->version,
                           err);
    if (rc == RC_OK && found->version.number != 0 && self->is_import)
        rc = err_set(err, RC_CONFLICT,
                     "dataset://%s/%s is here already: it was left as it is", uri->name,
                     uri->version);
    if (rc == RC_OK && found->version.number == 0) {
        found->is_new = true;
        found->version.by = arena_text(self->arena, self->by);
        if (!found->version.by)
            return err_set(err, RC_NO_MEMORY, "no memory for a dataset's version");
        rc = store_dataset_put(self->broker->store, &found->version, err);
    }
    if (rc != RC_OK)
        return rc;
    self->touched_count++;
    *touched = found;
    return RC_OK;
}

static enum rc begin_with(struct naming *self, struct touched *touched,
                          const struct sidecar_version *asked, struct arena *arena,
                          struct err *err)
{
    size_t count = asked->exclude ? asked->exclude->list.count : 0;
    const char **exclude = arena_array(arena, count, sizeof *exclude);
    struct name_found base;
    enum rc rc =
        name_find(self->broker, self->scope.project, &asked->base, arena, &base, err);

    if (rc != RC_OK)
        return rc;
    if (touched->version.base == base.version.number
        || touched->version.number == base.version.number)
        return RC_OK;
    if (touched->version.base)
        return err_set(err, RC_CONFLICT,
                       "dataset://%s/%s was begun with another version already: \"from\" "
                       "is ignored",
                       touched->version.dataset, touched->version.version);
    if (!exclude)
        return err_set(err, RC_NO_MEMORY, "no memory for a list of files");
    for (size_t i = 0; i < count; i++)
        exclude[i] = asked->exclude->list.items[i].string.data;
    touched->is_changed = true;
    return store_dataset_inherit(self->broker->store, &touched->version,
                                 base.version.number, exclude, count, err);
}

static void join_version(struct naming *self, const struct sidecar_version *asked,
                         const struct datum *datum, struct arena *arena)
{
    struct store *store = self->broker->store;
    struct touched *touched = NULL;
    bool changed = false;
    struct err err;

    if (!is_ours(self, touch(self, &asked->uri, &touched, &err), &err, datum->name))
        return;
    if (asked->start_fresh && touched->version.base) {
        touched->is_changed = true;
        (void)is_ours(self, store_dataset_shed(store, &touched->version, &err), &err,
                      datum->name);
    }
    if (asked->has_base && !asked->start_fresh)
        (void)is_ours(self, begin_with(self, touched, asked, arena, &err), &err,
                      datum->name);
    (void)is_ours(self,
                  store_dataset_add(store, &touched->version, datum, &changed, &err),
                  &err, datum->name);
    touched->is_changed |= changed;
}

static bool is_of_run(const char *by, uint64_t run)
{
    char prefix[40];
    int size = snprintf(prefix, sizeof prefix, "run %lu/", (unsigned long)run);

    return strncmp(by, prefix, (size_t)size) == 0;
}

static enum rc let_alias_point(struct naming *self, const char *name, const char *uri,
                               struct arena *arena, struct err *err)
{
    struct alias known;
    enum rc rc = self->is_import ? store_alias(self->broker->store, self->scope.project,
                                               name, arena, &known, err)
                                 : RC_NOT_FOUND;

    if (rc == RC_OK && is_of_run(known.by, self->scope.run))
        rc = RC_NOT_FOUND; /* a task of the same run said so earlier */
    else if (rc == RC_OK && strcmp(known.target, uri) != 0)
        return err_set(err, RC_CONFLICT,
                       "the alias %.128s points to %.200s here: it was left as it is",
                       name, known.target);
    return rc == RC_NOT_FOUND ? name_alias_put(self->broker, &self->scope, name, uri, err)
                              : rc;
}

static void apply_sidecar(struct naming *self, const struct plan_source *output,
                          const struct datum *datum)
{
    scoped(arena) arena = arena_create(OUTPUT_ARENA_MAX);
    struct sidecar sidecar;
    struct err err;
    enum rc rc = arena ? sidecar_read(arena, output->name, &output->metadata, &sidecar,
                                      &self->notes, &err)
                       : err_set(&err, RC_NO_MEMORY, "properties of an output");

    if (!is_ours(self, rc, &err, output->name))
        return;

    const char *uri = datum_uri_of(arena, datum);

    for (size_t i = 0; i < sidecar.tag_count; i++)
        (void)is_ours(self,
                      name_tag_change(self->broker, &self->scope, TAGGED_DATUM,
                                      datum->number, uri, sidecar.tags[i], true, &err),
                      &err, output->name);
    if (sidecar.alias)
        (void)is_ours(self, let_alias_point(self, sidecar.alias, uri, arena, &err), &err,
                      output->name);
    for (size_t i = 0; i < sidecar.version_count; i++)
        join_version(self, &sidecar.versions[i], datum, arena);
}

static void apply_output(struct naming *self, const struct plan_source *output)
{
    const struct value *metadata = &output->metadata;
    struct datum datum = { .digest = output->digest,
                           .name = output->name,
                           .md5 = output->md5 ? output->md5 : "",
                           .sha1 = output->sha1 ? output->sha1 : "",
                           .size = output->size,
                           .run = self->scope.run,
                           .stage = self->scope.stage,
                           .index = self->scope.index,
                           .created_us = self->broker->now_us,
                           .by = "" };
    char id[UUID_TEXT_SIZE];
    struct err err;
    enum rc rc;

    datum_id_derive(output->digest, output->name, id);
    must(uuid_read(id, datum.id));
    if (metadata->kind == VALUE_LIST && metadata->list.count > 0)
        datum.properties = metadata->list.items[0];
    rc = store_datum_put(self->broker->store, &datum, NULL, &err);
    batch_check(self->broker, rc, &err);
    if (rc == RC_OK && metadata->kind == VALUE_LIST)
        apply_sidecar(self, output, &datum);
}

static void close_versions(struct naming *self)
{
    struct err err;

    for (size_t i = 0; i < self->touched_count; i++) {
        struct touched *touched = &self->touched[i];

        if (touched->is_new || touched->is_changed)
            batch_check(self->broker,
                        name_version_close(self->broker, &self->scope, &touched->version,
                                           touched->is_new, &err),
                        &err);
    }
}

static void tell_notes(struct naming *self)
{
    const char *text = buf_string(&self->notes), *end;
    size_t lines = 0;

    for (; (end = strchr(text, '\n')) != NULL; text = end + 1, lines++) {
        char line[ERR_TEXT_MAX];

        if (lines == NOTE_LINES_MAX) {
            note_add(self->broker, self->scope.run, self->stage, self->scope.stage,
                     "there is more wrong in properties");
            break;
        }
        snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
        note_add(self->broker, self->scope.run, self->stage, self->scope.stage, line);
    }
    buf_clear(&self->notes);
}

static void apply_result(struct naming *self, const struct named_task *task,
                         const struct task_result *result)
{
    self->stage = task->stage;
    self->scope.run = task->run;
    self->scope.stage = task->name;
    self->scope.index = task->index;
    snprintf(self->by, sizeof self->by, "run %lu/%.500s/%lu", (unsigned long)task->run,
             task->name, (unsigned long)task->index);
    for (size_t i = 0; i < result->output_count; i++)
        apply_output(self, &result->outputs[i]);
}

static void naming_fini(struct naming *self)
{
    arena_destroy(self->arena);
    buf_fini(&self->notes);
}

void names_apply(struct broker *broker, const struct named_task *task)
{
    struct run_plan *plan;
    struct naming self = { .broker = broker, .scope = { .by = self.by } };

    if (broker->result->output_count == 0)
        return;
    plan = plan_of(broker, task->run);
    self.scope.project = plan ? plan->head.project : "";
    apply_result(&self, task, broker->result);
    close_versions(&self);
    tell_notes(&self);
    naming_fini(&self);
}

struct naming *names_import_begin(struct broker *broker, uint64_t run,
                                  const char *project)
{
    struct naming *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    self->broker = broker;
    self->is_import = true;
    self->scope = (struct name_scope){ .project = project, .by = self->by, .run = run };
    return self;
}

void names_import_add(struct naming *naming, const struct named_task *task,
                      const struct task_result *result)
{
    apply_result(naming, task, result);
    tell_notes(naming);
}

void names_import_end(struct naming *naming)
{
    if (!naming)
        return;
    close_versions(naming);
    naming_fini(naming);
    free(naming);
}
