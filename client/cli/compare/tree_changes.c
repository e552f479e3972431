/* tree_changes.c - see tree_changes.h. */
#include "client/cli/compare/tree_changes.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_same(const struct tree_entry *a, const struct tree_entry *b)
{
    return a->mode == b->mode && strcmp(a->digest, b->digest) == 0
           && strcmp(a->target, b->target) == 0;
}

bool tree_changes(const struct tree *before, const struct tree *after,
                  struct arena *arena, struct tree_change **changes, size_t *count)
{
    struct tree_change *found =
        arena_array(arena, before->entry_count + after->entry_count, sizeof *found);
    size_t i = 0, k = 0, size = 0;

    if (!found)
        return false;
    while (i < before->entry_count || k < after->entry_count) {
        const struct tree_entry *old =
            i < before->entry_count ? &before->entries[i] : NULL;
        const struct tree_entry *new = k < after->entry_count ? &after->entries[k] : NULL;
        int order = !old ? 1 : !new ? -1 : strcmp(old->path, new->path);

        i += order <= 0;
        k += order >= 0;
        if (order == 0 && is_same(old, new))
            continue;
        found[size++] =
            (struct tree_change){ order <= 0 ? old->path : new->path, order < 0   ? '-'
                                                                      : order > 0 ? '+'
                                                                                  : '~' };
    }
    *changes = found;
    *count = size;
    return true;
}

bool tree_fetch(struct cli *cli, const char *digest, struct arena *arena,
                struct tree *tree)
{
    scoped_fd int fd = memfd_create("tree", MFD_CLOEXEC);
    struct sluice_error error;
    struct stat status;
    struct err err;

    if (fd < 0 || sluice_get(cli->sluice, digest, fd, NULL, NULL, &error) != SLUICE_OK
        || fstat(fd, &status) != 0 || status.st_size == 0
        || status.st_size > TREE_BYTES_MAX)
        return false;

    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

    if (bytes == MAP_FAILED)
        return false;

    enum rc rc = tree_decode(arena, bytes, (size_t)status.st_size, tree, &err);

    munmap(bytes, (size_t)status.st_size);
    return rc == RC_OK;
}

bool tree_changes_fetch(struct cli *cli, const char *before, const char *after,
                        struct arena *arena, struct tree_change **changes, size_t *count)
{
    struct tree old, new;

    return *before && *after && tree_fetch(cli, before, arena, &old)
           && tree_fetch(cli, after, arena, &new)
           && tree_changes(&old, &new, arena, changes, count);
}

void json_tree_changes(struct json *json, const char *key,
                       const struct tree_change *changes, size_t count)
{
    json_open(json, key, '[');
    for (size_t i = 0; i < count; i++) {
        char how = changes[i].how;

        json_open(json, NULL, '{');
        json_text(json, "path", changes[i].path);
        json_text(json, "change",
                  how == '+'   ? "added"
                  : how == '-' ? "removed"
                               : "changed");
        json_close(json, '}');
    }
    json_close(json, ']');
}
