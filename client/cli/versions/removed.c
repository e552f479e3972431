/* removed.c - see removed.h. */
#include "client/cli/versions/removed.h"

#include "client/cli/text/human.h"

#include <stdlib.h>
#include <string.h>

enum { ONE_ARENA_MAX = 1 << 20 };

struct taking {
    struct arena *arena;
    const char **digests;
    struct removed removed;
    size_t capacity;
};

static void take(void *context, size_t i, int64_t removed_us, const char *why)
{
    struct taking *self = context;

    if (self->removed.count < self->capacity)
        self->removed.files[self->removed.count++] =
            (struct removed_file){ .digest = self->digests[i],
                                   .why = arena_text(self->arena, why),
                                   .time_us = removed_us };
}

static int by_digest(const void *a, const void *b)
{
    const struct removed_file *x = a, *y = b;

    return strcmp(x->digest, y->digest);
}

struct removed removed_ask(struct cli *cli, struct arena *arena,
                           const char *const *digests, size_t count)
{
    struct taking self = { .arena = arena };
    struct sluice_error ignored;

    self.digests = arena_array(arena, count, sizeof *self.digests);
    self.removed.files = arena_array(arena, count, sizeof *self.removed.files);
    if (!self.digests || !self.removed.files)
        return (struct removed){ .count = 0 };
    for (size_t i = 0; i < count; i++)
        if (digests[i] && *digests[i])
            self.digests[self.capacity++] = digests[i];
    if (self.capacity == 0
        || sluice_removed(cli->sluice, self.digests, self.capacity, take, &self, &ignored)
               != SLUICE_OK)
        return (struct removed){ .count = 0 };
    if (self.removed.count > 0)
        qsort(self.removed.files, self.removed.count, sizeof *self.removed.files,
              by_digest);
    return self.removed;
}

const struct removed_file *removed_find(const struct removed *removed, const char *digest)
{
    const struct removed_file wanted = { .digest = digest };

    return digest && removed->count > 0 ? bsearch(&wanted, removed->files, removed->count,
                                                  sizeof wanted, by_digest)
                                        : NULL;
}

struct removed_text removed_text(const struct removed_file *file)
{
    struct removed_text text = { "" };

    if (file)
        snprintf(text.text, sizeof text.text, "bytes removed on %s by gc: %s",
                 human_time(file->time_us).text, file->why ? file->why : "");
    return text;
}

void removed_json(struct json *json, const struct removed *removed, const char *digest)
{
    const struct removed_file *file = removed_find(removed, digest);

    if (!file)
        return;
    json_open(json, "removed", '{');
    json_time(json, "at", file->time_us);
    json_text(json, "why", file->why);
    json_close(json, '}');
}

int removed_fail(struct cli *cli, const char *name, const char *digest)
{
    scoped(arena) arena = arena_create(ONE_ARENA_MAX);
    struct removed removed = { .count = 0 };

    if (arena && cli->error.code == SLUICE_NOT_FOUND)
        removed = removed_ask(cli, arena, &digest, 1);
    if (removed.count == 0)
        return cli_fail_last(cli);
    return cli_fail(cli, EXIT_FAILED, "%s (%s): %s", name, digest,
                    removed_text(removed.files).text);
}
