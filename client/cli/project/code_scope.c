/* code_scope.c - see code_scope.h. */
#include "client/cli/project/code_scope.h"

#include "codecs/glob/glob.h"
#include "codecs/digest/digest.h"

#include <string.h>

static const char blanks[] = " \t\n";

struct settling {
    const struct tree *tree;
    const char *pipeline_file;
    struct arena *arena;
    struct code_part *parts;
    size_t count;
    struct err *err;
};

/* Whether path is the named file, below the named folder, or matches the pattern. */
static bool is_named(const char *word, const char *path)
{
    size_t size = strlen(word);

    while (size > 0 && word[size - 1] == '/')
        size--;
    if (strncmp(path, word, size) == 0 && (path[size] == '\0' || path[size] == '/'))
        return size > 0;
    return glob_matches(word, path, false);
}

static bool is_in_scope(const struct settling *self, const char *scope, const char *path)
{
    char word[GLOB_PATTERN_MAX];

    if (!scope)
        return strcmp(path, self->pipeline_file) != 0;
    for (scope += strspn(scope, blanks); *scope; scope += strspn(scope, blanks)) {
        size_t size = strcspn(scope, blanks);

        if (size < sizeof word) {
            memcpy(word, scope, size);
            word[size] = '\0';
            if (is_named(strncmp(word, "./", 2) == 0 ? word + 2 : word, path))
                return true;
        }
        scope += size;
    }
    return false;
}

static bool is_folder(const struct tree *tree, const char *path)
{
    size_t size = strlen(path);

    while (size > 0 && path[size - 1] == '/')
        size--;
    for (size_t i = 0; size > 0 && i < tree->entry_count; i++)
        if (strncmp(tree->entries[i].path, path, size) == 0
            && tree->entries[i].path[size] == '/')
            return true;
    return false;
}

static const char *scope_of(const struct settling *self, const struct plan_stage *stage)
{
    for (size_t i = 0; i < stage->variable_count; i++)
        if (strcmp(stage->variables[i].name, CODE_SCOPE_VARIABLE) == 0
            && stage->variables[i].value
            && stage->variables[i].value[strspn(stage->variables[i].value, blanks)])
            return stage->variables[i].value;
    return stage->source_path && !strpbrk(stage->source_path, blanks)
                   && is_folder(self->tree, stage->source_path)
               ? stage->source_path
               : NULL;
}

static enum rc part_make(struct settling *self, const char *scope, struct code_part *part)
{
    scoped_buf bytes = { .limit = TREE_BYTES_MAX };
    struct tree some = { 0 };
    char *digest = arena_alloc(self->arena, DIGEST_TEXT_SIZE);

    some.entries =
        arena_array(self->arena, self->tree->entry_count, sizeof *some.entries);
    if (!some.entries || !digest)
        return err_set(self->err, RC_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < self->tree->entry_count; i++)
        if (is_in_scope(self, scope, self->tree->entries[i].path))
            some.entries[some.entry_count++] = self->tree->entries[i];
    if (scope && some.entry_count == 0)
        return err_set(
            self->err, RC_INVALID,
            "no file of the project is named by \"%.200s\" (" CODE_SCOPE_VARIABLE
            " or source-path)",
            scope);
    tree_encode(&bytes, &some);
    *part = (struct code_part){ .scope = scope,
                                .digest = digest,
                                .bytes = arena_copy(self->arena, bytes.data, bytes.size),
                                .size = bytes.size };
    if (!buf_ok(&bytes) || !part->bytes)
        return err_set(self->err, RC_NO_MEMORY, "the list of %zu files is too large",
                       some.entry_count);
    digest_bytes(part->bytes, part->size, digest);
    return RC_OK;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static enum rc stage_settle(struct settling *self, struct plan_stage *stage)
{
    const char *scope = scope_of(self, stage);
    struct err why = { .text = "" };
    size_t i = 0;

    while (i < self->count && !is_same(self->parts[i].scope, scope))
        i++;
    if (i == self->count) {
        struct err *err = self->err;

        self->err = &why;

        enum rc rc = part_make(self, scope, &self->parts[i]);

        self->err = err;
        if (rc != RC_OK)
            return err_set(err, rc, "stage %s: %s", stage->name, why.text);
        self->count++;
    }
    stage->code = self->parts[i].digest;
    stage->sees_own_code = scope != NULL;
    return RC_OK;
}

enum rc code_scopes_settle(const struct tree *tree, const char *pipeline_file,
                           struct plan *plan, struct arena *arena,
                           struct code_part **parts, size_t *count, struct err *err)
{
    struct settling self = {
        .tree = tree, .pipeline_file = pipeline_file, .arena = arena, .err = err
    };
    enum rc rc = RC_OK;

    self.parts = arena_array(arena, plan->stage_count, sizeof *self.parts);
    if (!self.parts)
        return err_set(err, RC_NO_MEMORY, "out of memory");
    for (size_t i = 0; rc == RC_OK && i < plan->stage_count; i++)
        rc = stage_settle(&self, &plan->stages[i]);
    if (rc == RC_OK) {
        *parts = self.parts;
        *count = self.count;
    }
    return rc;
}
