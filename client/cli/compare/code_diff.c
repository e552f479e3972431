/* code_diff.c - see code_diff.h. The bytes go through files of a folder that nobody else
 * can enter, which is removed at the end; no shell is involved. */
#include "client/cli/compare/code_diff.h"

#include "client/cli/download.h"
#include "client/cli/project/spawn.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    FILE_BYTES_MAX = 1 << 20,
    ALL_BYTES_MAX = 64 << 20,
    DIFF_BYTES_MAX = 256 << 20,
    WALK_FDS = 16
};

void code_diff_fini(struct code_diff *diff)
{
    buf_fini(&diff->text);
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static int by_path(const void *a, const void *b)
{
    const struct tree_entry *x = a, *y = b;

    return strcmp(x->path, y->path);
}

static const struct tree_entry *entry_of(const struct tree *tree, const char *path)
{
    const struct tree_entry wanted = { .path = path };

    return tree->entry_count ? bsearch(&wanted, tree->entries, tree->entry_count,
                                       sizeof wanted, by_path)
                             : NULL;
}

struct placing {
    struct cli *cli;
    struct code_diff *diff;
    struct download *download; /* into the folder of one side */
    const char *folder;
    uint64_t left; /* bytes */
};

/* One side of a file; what cannot be placed is told by lack. */
static int place(struct placing *self, const struct tree_entry *entry)
{
    char path[PATH_MAX];
    bool missing = false;
    int end;

    if (!entry || !*entry->digest)
        return EXIT_GO_ON;
    if (entry->size > FILE_BYTES_MAX || entry->size > self->left) {
        self->diff->lack = "large files are named only";
        return EXIT_GO_ON;
    }
    if (sluice_have(self->cli->sluice, &entry->digest, 1, &missing, &self->cli->error))
        return cli_fail_last(self->cli);
    if (missing) {
        self->diff->lack = "the bytes of some files are no longer in the store";
        return EXIT_GO_ON;
    }
    self->left -= entry->size;
    end = download_file(self->download, entry->path, entry->digest);
    snprintf(path, sizeof path, "%s/%s", self->folder, entry->path);
    if (end == EXIT_GO_ON && chmod(path, entry->mode & 0777) != 0)
        self->diff->lack = "modes of files could not be set";
    return end;
}

static int place_all(struct cli *cli, struct code_diff *diff, const struct tree *tree,
                     const char *folder)
{
    struct placing self = {
        .cli = cli, .diff = diff, .folder = folder, .left = ALL_BYTES_MAX
    };
    int end = download_open(cli, folder, false, &self.download);

    for (size_t i = 0; i < diff->count && end == EXIT_GO_ON; i++)
        end = place(&self, entry_of(tree, diff->changes[i].path));
    download_close(self.download);
    return end;
}

/* git's form is the better one; both name binary files only, and exit with 1 when files
 * differ. */
static void tell_lines(struct code_diff *diff, const char *folder)
{
    static const char *const git[] = { "git",
                                       "diff",
                                       "--no-index",
                                       "--no-color",
                                       "--no-ext-diff",
                                       "--no-textconv",
                                       "--no-renames",
                                       "--no-prefix",
                                       "a",
                                       "b",
                                       NULL };
    static const char *const plain[] = { "diff", "-u", "-r", "-N", "a", "b", NULL };
    static const char *const *const programs[] = { git, plain };
    const struct spawn_place place = { .folder = folder, .input = -1 };

    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        struct spawned spawned;
        int exit_code = 0;
        struct err err;

        buf_fini(&diff->text);
        buf_init(&diff->text, DIFF_BYTES_MAX);
        if (spawn_start_at(&place, programs[i], &spawned, &err) == RC_OK
            && spawn_finish_with(&spawned, &diff->text, &exit_code, &err) == RC_OK
            && exit_code <= 1)
            return;
    }
    buf_clear(&diff->text);
    diff->lack = "neither git nor diff is installed: files are named only";
}

static int show_lines(struct cli *cli, struct code_diff *diff, const struct tree *before,
                      const struct tree *after)
{
    const char *base = getenv("TMPDIR");
    char folder[PATH_MAX], side[PATH_MAX + 2];
    int end = EXIT_GO_ON;

    snprintf(folder, sizeof folder, "%s/sluice-diff-XXXXXX",
             base && *base ? base : "/tmp");
    if (!mkdtemp(folder))
        return cli_fail(cli, EXIT_FAILED, "cannot make the folder %s", folder);
    for (int i = 0; i < 2 && end == EXIT_GO_ON; i++) {
        snprintf(side, sizeof side, "%s/%c", folder, "ab"[i]);
        end = place_all(cli, diff, i ? after : before, side);
    }
    if (end == EXIT_GO_ON)
        tell_lines(diff, folder);
    nftw(folder, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS);
    return end;
}

int code_diff_make(struct cli *cli, struct arena *arena, struct code_diff *diff)
{
    struct tree before = { 0 }, after = { 0 };

    if (strcmp(diff->before, diff->after) == 0) {
        diff->is_known = true;
        return EXIT_GO_ON;
    }
    diff->is_known = (!*diff->before || tree_fetch(cli, diff->before, arena, &before))
                     && (!*diff->after || tree_fetch(cli, diff->after, arena, &after));
    if (!diff->is_known) {
        diff->lack = "a list of files is no longer in the store";
        return EXIT_GO_ON;
    }
    if (!tree_changes(&before, &after, arena, &diff->changes, &diff->count))
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    return diff->count > 0 ? show_lines(cli, diff, &before, &after) : EXIT_GO_ON;
}
