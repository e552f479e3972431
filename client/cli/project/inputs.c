/* inputs.c - see inputs.h. */
#include "client/cli/project/inputs.h"

#include "codecs/glob/glob.h"
#include "client/cli/project/walk.h"
#include "codecs/names/names.h"
#include "codecs/names/scheme.h"
#include "codecs/plan/task.h"
#include "codecs/plan/tree.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settling {
    const char *project;
    struct plan *plan;
    struct digests *digests;
    struct arena *arena;
    struct local_files *files;
    struct err *err;
    const struct plan_stage *stage; /* the one at work */
    struct plan_input *input;
    struct plan_source *sources; /* what the input gets */
    size_t source_count, source_capacity;
};

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* Undoes %41 and the like. */
static char *percent_decode(struct arena *arena, const char *text)
{
    char *decoded = arena_text(arena, text), *to = decoded;

    for (const char *from = decoded; from && *from; to++) {
        int high = from[0] == '%' ? hex_digit(from[1]) : -1;
        int low = high >= 0 ? hex_digit(from[2]) : -1;
        bool is_code = low >= 0 && (high || low);

        *to = is_code ? (char)(high * 16 + low) : *from;
        from += is_code ? 3 : 1;
    }
    if (to)
        *to = '\0';
    return decoded;
}

const char *inputs_local_path(struct arena *arena, const char *project, const char *uri,
                              bool *is_local)
{
    const char *path = uri;

    *is_local = strncasecmp(uri, "file:", 5) == 0;
    if (*is_local) {
        path += 5;
        if (strncmp(path, "//", 2) == 0)
            path += strncmp(path + 2, "localhost/", 10) == 0 ? 11 : 2;
        path = percent_decode(arena, path);
    } else {
        size_t scheme = 0;

        while (isalnum((unsigned char)uri[scheme])
               || (scheme && uri[scheme] && strchr("+-.", uri[scheme])))
            scheme++;
        *is_local = strncmp(uri + scheme, "://", 3) != 0;
    }
    if (!*is_local || !path)
        return NULL;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return path[0] == '/' ? path : arena_printf(arena, "%s/%s", project, path);
}

const char *inputs_file_name(const char *pattern, const char *path,
                             enum keep_directories keep)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t fixed = strcspn(pattern, "*?[");

    if (keep == KEEP_FULL) {
        const char *whole = path + strspn(path, "/");

        return tree_path_is_safe(whole) ? whole : name;
    }
    if (keep == KEEP_NONE || !pattern[fixed])
        return name;
    while (fixed > 0 && pattern[fixed - 1] != '/')
        fixed--;
    return strncmp(pattern, path, fixed) == 0 ? path + fixed : name;
}

/* The next room in an array that lives in the arena; NULL when out of memory. */
static void *grow(struct arena *arena, void **items, size_t *count, size_t *capacity,
                  size_t size)
{
    if (*count == *capacity) {
        size_t more = *capacity ? 2 * *capacity : 8;
        void *grown = arena_array(arena, more, size);

        if (!grown)
            return NULL;
        if (*count)
            memcpy(grown, *items, *count * size);
        *items = grown;
        *capacity = more;
    }
    return (char *)*items + (*count)++ * size;
}

static enum rc no_memory(struct settling *self)
{
    return err_set(self->err, RC_NO_MEMORY, "out of memory for the inputs of %s",
                   self->stage->name);
}

static struct plan_source *add_source(struct settling *self,
                                      const struct plan_source *like)
{
    void *items = self->sources;
    struct plan_source *source = grow(self->arena, &items, &self->source_count,
                                      &self->source_capacity, sizeof *source);

    self->sources = items;
    if (source)
        *source = *like;
    return source;
}

/* path is absolute; shown is what the file format sees: below the project if it is. */
static enum rc add_file(struct settling *self, const struct plan_source *like,
                        const char *pattern, const char *path)
{
    size_t project = strlen(self->project);
    bool is_inside = strncmp(path, self->project, project) == 0 && path[project] == '/'
                     && strncmp(pattern, self->project, project) == 0;
    size_t skip = is_inside ? project + 1 : 0;
    struct digest_set set;
    uint64_t size;
    struct err why;

    if (digests_get(self->digests, path, true, &set, &size, &why) != RC_OK)
        return err_set(self->err, RC_INVALID, "input %s of stage %s: %s",
                       self->input->name, self->stage->name, why.text);

    struct plan_source *source = add_source(self, like);
    void *items = self->files->files;
    struct upload *file = grow(self->arena, &items, &self->files->count,
                               &self->files->capacity, sizeof *file);

    self->files->files = items;
    if (!source || !file)
        return no_memory(self);
    source->digest = arena_text(self->arena, set.sha256);
    source->md5 = arena_text(self->arena, set.md5);
    source->sha1 = arena_text(self->arena, set.sha1);
    source->size = size;
    if (strcmp(pattern, path) != 0)
        source->uri = arena_text(self->arena, path + skip);
    if (!source->name)
        source->name =
            arena_text(self->arena, inputs_file_name(pattern + skip, path + skip,
                                                     self->input->keep_directories));
    *file = (struct upload){ .path = arena_text(self->arena, path),
                             .digest = source->digest,
                             .size = size };
    return source->digest && source->md5 && source->sha1 && source->name && source->uri
                   && file->path
               ? RC_OK
               : no_memory(self);
}

bool inputs_has_edge(const struct plan *plan, const struct plan_stage *stage,
                     const char *input)
{
    for (size_t i = 0; i < plan->edge_count; i++)
        if (&plan->stages[plan->edges[i].target] == stage
            && plan->edges[i].target_type == EDGE_INPUT
            && strcmp(plan->edges[i].target_key, input) == 0)
            return true;
    return false;
}

static enum rc missing(const struct settling *self, const char *uri, const char *path)
{
    if (inputs_has_edge(self->plan, self->stage, self->input->name))
        return RC_OK;
    return err_set(
        self->err, RC_INVALID,
        "input %s of stage %s: there is no file %s (from \"%s\"); give another "
        "with -i %s=PATH",
        self->input->name, self->stage->name, path, uri, self->input->name);
}

static enum rc add_pattern(struct settling *self, const struct plan_source *source,
                           const char *pattern)
{
    scoped_texts paths = { 0 };
    size_t fixed = strcspn(pattern, "*?["), before = self->source_count;

    while (fixed > 1 && pattern[fixed - 1] != '/')
        fixed--;

    const char *folder = arena_copy(self->arena, pattern, fixed - (fixed > 1));

    if (!folder)
        return no_memory(self);
    if (access(folder, F_OK) < 0)
        return missing(self, source->uri, pattern);

    enum rc rc = walk(folder, "", NULL, &paths, self->err);

    texts_sort(&paths);
    for (size_t i = 0; i < paths.count && rc == RC_OK; i++) {
        const char *path =
            arena_printf(self->arena, "%s/%s", fixed > 1 ? folder : "", paths.items[i]);

        if (!path)
            rc = no_memory(self);
        else if (glob_matches(pattern, path, true))
            rc = add_file(self, source, pattern, path);
    }
    if (rc == RC_OK && self->source_count == before)
        rc = missing(self, source->uri, pattern);
    return rc;
}

/* Whether every task of the stage fills the placeholders with the same text, and knows
 * it before the run begins. */
static bool is_settled(const struct settling *self)
{
    const struct plan *plan = self->plan;

    for (size_t i = 0; i < plan->edge_count; i++)
        if (&plan->stages[plan->edges[i].target] == self->stage
            && plan->edges[i].target_type == EDGE_PARAMETER)
            return false;
    return self->stage->sweep == SWEEP_NONE;
}

/* What it stands for is asked later, when there is a broker to ask (input_names.h). */
static enum rc settle_name(struct settling *self, const struct plan_source *source,
                           const char *uri, bool has_placeholder)
{
    struct plan_source named = *source;
    struct name_uri read;
    struct err why;

    if (has_placeholder)
        return err_set(self->err, RC_UNSUPPORTED,
                       "input %s of stage %s: %s: names are looked up when the run is "
                       "made, and this one depends on what a task gets",
                       self->input->name, self->stage->name, uri);
    if (name_uri_read(uri, &read, &why) != RC_OK)
        return err_set(self->err, RC_INVALID, "input %s of stage %s: %s",
                       self->input->name, self->stage->name, why.text);
    named.uri = uri;
    return add_source(self, &named) ? RC_OK : no_memory(self);
}

static enum rc settle_source(struct settling *self, const struct plan_source *source)
{
    const char *uri = source->uri, *path;
    bool is_local, has_placeholder = strstr(uri, "{parameter:") != NULL;

    if (has_placeholder && is_settled(self)) {
        enum rc rc =
            plan_task_uri(self->stage, 0, source->uri, self->arena, &uri, self->err);

        if (rc != RC_OK)
            return rc;
        has_placeholder = false;
    }
    if (name_uri_is(uri))
        return settle_name(self, source, uri, has_placeholder);
    path = inputs_local_path(self->arena, self->project, uri, &is_local);
    if (!source->digest && !is_local && !has_placeholder && !uri_is_web(uri)
        && !uri_is_object(uri))
        return err_set(
            self->err, RC_UNSUPPORTED,
            "input %s of stage %s: cannot fetch %s: %s; give another with -i %s=URI",
            self->input->name, self->stage->name, uri, uri_advice(uri),
            self->input->name);
    if (source->digest || !is_local)
        return add_source(self, source) ? RC_OK : no_memory(self);
    if (!path)
        return no_memory(self);
    if (has_placeholder) {
        struct plan_source absolute = *source;

        absolute.uri = arena_printf(self->arena, "file://%s", path);
        return absolute.uri && add_source(self, &absolute) ? RC_OK : no_memory(self);
    }
    if (access(path, F_OK) == 0)
        return add_file(self, source, path, path);
    return glob_has_wildcard(path) ? add_pattern(self, source, path)
                                   : missing(self, source->uri, path);
}

enum rc inputs_settle(const char *project, struct plan *plan, struct digests *digests,
                      struct arena *arena, struct local_files *files, struct err *err)
{
    struct settling self = { .project = project,
                             .plan = plan,
                             .digests = digests,
                             .arena = arena,
                             .files = files,
                             .err = err };

    for (size_t s = 0; s < plan->stage_count; s++)
        for (size_t i = 0; i < plan->stages[s].input_count; i++) {
            struct plan_input *input = &plan->stages[s].inputs[i];

            self.stage = &plan->stages[s];
            self.input = input;
            self.sources = NULL;
            self.source_count = self.source_capacity = 0;
            for (size_t k = 0; k < input->source_count; k++) {
                enum rc rc = settle_source(&self, &input->sources[k]);

                if (rc != RC_OK)
                    return rc;
            }
            input->sources = self.sources;
            input->source_count = self.source_count;
        }
    return RC_OK;
}
