/* upload.c - see upload.h. Small files go many in a message, the others one by one. */
#include "client/cli/project/upload.h"

#include "client/cli/text/human.h"
#include "client/cli/text/term.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAW_EVERY_US = 100000 };

struct uploading {
    struct cli *cli;
    bool is_shown, was_shown;
    uint64_t done, total; /* bytes of files before this one, of all */
    size_t files, file_count;
    int64_t drawn_us;
    const struct upload **small; /* those that go together */
    struct sluice_small *items;
    size_t small_count;
    const char *failed; /* the path of one that could not be read */
};

static void draw(void *context, uint64_t done, uint64_t total)
{
    struct uploading *self = context;
    int64_t now = now_us();

    (void)total;
    if (!self->is_shown || now - self->drawn_us < DRAW_EVERY_US)
        return;
    self->drawn_us = now;
    self->was_shown = true;
    fprintf(stderr, "\rstoring file %zu of %zu, %s of %s\033[K", self->files,
            self->file_count, human_size(self->done + done).text,
            human_size(self->total).text);
    fflush(stderr);
}

static int put(struct uploading *self, const struct upload *file)
{
    struct cli *cli = self->cli;
    scoped_fd int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return cli_fail(cli, EXIT_WRONG, "cannot read %s: %s", file->path,
                        strerror(errno));
    if (sluice_put(cli->sluice, fd, file->digest, file->size, draw, self, &cli->error)) {
        if (cli->error.code == SLUICE_CORRUPT)
            return cli_fail(cli, EXIT_FAILED,
                            "%s changed while it was being stored: run again",
                            file->path);
        return cli_fail_last(cli);
    }
    self->done += file->size;
    return EXIT_GO_ON;
}

static int small_read(void *context, size_t i, void *room, struct sluice_error *error)
{
    struct uploading *self = context;
    const struct upload *file = self->small[i];
    scoped_fd int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : read(fd, room, file->size);

    self->files++;
    if (got == (ssize_t)file->size)
        return SLUICE_OK;
    self->failed = file->path;
    error->code = got < 0 ? SLUICE_IO : SLUICE_CORRUPT;
    error->sys = got < 0 ? errno : 0;
    return (int)error->code;
}

/* The server names the digest of a file that is not what it was; its path helps more. */
static const char *path_in(const struct uploading *self, const char *text)
{
    for (size_t i = 0; i < self->small_count; i++)
        if (strstr(text, self->small[i]->digest))
            return self->small[i]->path;
    return "a file";
}

static int put_small(struct uploading *self)
{
    struct cli *cli = self->cli;

    if (self->small_count == 0
        || sluice_put_small(cli->sluice, self->items, self->small_count, small_read, draw,
                            self, &cli->error)
               == SLUICE_OK)
        return EXIT_GO_ON;
    if (cli->error.code == SLUICE_CORRUPT)
        return cli_fail(cli, EXIT_FAILED,
                        "%s changed while it was being stored: run again",
                        self->failed ? self->failed : path_in(self, cli->error.text));
    if (self->failed)
        return cli_fail(cli, EXIT_WRONG, "cannot read %s: %s", self->failed,
                        strerror(cli->error.sys));
    return cli_fail_last(cli);
}

static int put_missing(struct uploading *self, const struct upload *files, size_t count,
                       const bool *missing)
{
    int end;

    for (size_t i = 0; i < count; i++) {
        if (!missing[i])
            continue;
        self->total += files[i].size;
        self->file_count++;
        if (files[i].size > SLUICE_SMALL_MAX)
            continue;
        self->items[self->small_count] =
            (struct sluice_small){ files[i].digest, files[i].size };
        self->small[self->small_count++] = &files[i];
    }
    end = put_small(self);
    for (size_t i = 0; i < self->small_count; i++)
        self->done += self->small[i]->size;
    for (size_t i = 0; i < count && end == EXIT_GO_ON; i++)
        if (missing[i] && files[i].size > SLUICE_SMALL_MAX) {
            self->files++;
            end = put(self, &files[i]);
        }
    if (self->was_shown)
        fputs("\r\033[K", stderr);
    return end;
}

int upload_files(struct cli *cli, const struct upload *files, size_t count)
{
    struct uploading self = { .cli = cli,
                              .is_shown = term_of(stderr).is_terminal && !cli->json,
                              .drawn_us = now_us(),
                              .small = calloc(count + 1, sizeof *self.small),
                              .items = calloc(count + 1, sizeof *self.items) };
    const char **digests = calloc(count + 1, sizeof *digests);
    bool *missing = calloc(count + 1, sizeof *missing);
    int end;

    for (size_t i = 0; digests && i < count; i++)
        digests[i] = files[i].digest;
    if (!digests || !missing || !self.small || !self.items)
        end = cli_fail(cli, EXIT_FAILED, "out of memory");
    else if (count && sluice_have(cli->sluice, digests, count, missing, &cli->error))
        end = cli_fail_last(cli);
    else
        end = put_missing(&self, files, count, missing);
    free(digests);
    free(missing);
    free(self.small);
    free(self.items);
    return end;
}
