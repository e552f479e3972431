/* vhignore.c - see vhignore.h. */
#include "client/cli/project/vhignore.h"

#include "codecs/glob/glob.h"
#include "client/cli/project/texts.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES_MAX = 8192 };

struct pattern {
    bool is_negated, only_folders;
    size_t text; /* index into texts */
};

struct vhignore {
    struct texts texts; /* as globs over the whole path */
    struct pattern *patterns;
};

void vhignore_destroy(struct vhignore *vhignore)
{
    if (!vhignore)
        return;
    texts_fini(&vhignore->texts);
    free(vhignore->patterns);
    free(vhignore);
}

/* The length without blanks at the end; one behind a backslash stays. */
static size_t trimmed(const char *line, size_t size)
{
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\r')
           && !(size > 1 && line[size - 2] == '\\'))
        size--;
    return size;
}

/* A pattern without a slash but at its end fits at any depth. */
static bool add_pattern(struct vhignore *self, const char *line, size_t size)
{
    struct pattern pattern = { .text = self->texts.count };

    if (size && line[0] == '!') {
        pattern.is_negated = true;
        line++;
        size--;
    }
    if (size && line[size - 1] == '/') {
        pattern.only_folders = true;
        size--;
    }
    if (!size)
        return true;

    bool is_anchored = memchr(line, '/', size) != NULL;
    size_t skip = line[0] == '/';
    char glob[GLOB_PATTERN_MAX + 1];

    if (size + 3 > GLOB_PATTERN_MAX)
        return true;
    memcpy(glob, "**/", 3);
    memcpy(glob + (is_anchored ? 0 : 3), line + skip, size - skip);

    struct pattern *grown =
        reallocarray(self->patterns, self->texts.count + 1, sizeof *grown);

    if (!grown)
        return false;
    self->patterns = grown;
    self->patterns[self->texts.count] = pattern;
    return texts_add_bytes(&self->texts, glob, size - skip + (is_anchored ? 0 : 3));
}

struct vhignore *vhignore_create(const char *text, size_t size)
{
    scoped(vhignore) self = calloc(1, sizeof *self);

    for (size_t at = 0; self && at < size;) {
        const char *line = text + at, *end = memchr(line, '\n', size - at);
        size_t length = end ? (size_t)(end - line) : size - at;
        size_t kept = trimmed(line, length);

        if (kept && line[0] != '#' && !add_pattern(self, line, kept))
            return NULL;
        at += length + 1;
    }
    return steal(&self);
}

/* The last pattern that fits decides. */
static bool is_left_out(const struct vhignore *self, const char *path, bool is_folder)
{
    for (size_t i = self->texts.count; i-- > 0;) {
        const struct pattern *pattern = &self->patterns[i];

        if ((is_folder || !pattern->only_folders)
            && glob_matches(self->texts.items[i], path, false))
            return !pattern->is_negated;
    }
    return false;
}

bool vhignore_matches(const struct vhignore *vhignore, const char *path, bool is_folder)
{
    char parent[PATH_BYTES_MAX];
    size_t size = strlen(path);

    if (!vhignore || vhignore->texts.count == 0 || size >= sizeof parent)
        return false;
    for (size_t at = 1; at < size; at++) {
        if (path[at] != '/')
            continue;
        memcpy(parent, path, at);
        parent[at] = '\0';
        if (is_left_out(vhignore, parent, true))
            return true;
    }
    return is_left_out(vhignore, path, is_folder);
}
