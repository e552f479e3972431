/* upload.c - see upload.h. */
#include "client/cli/upload.h"

#include "client/cli/human.h"
#include "client/cli/term.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DRAW_EVERY_US = 100000 };

struct uploading {
    struct cli *cli;
    bool is_shown, was_shown;
    uint64_t done, total; /* bytes of files before this one, of all */
    size_t files, file_count;
    int64_t drawn_us;
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

static int put_missing(struct uploading *self, const struct upload *files, size_t count,
                       const bool *missing)
{
    int end = EXIT_GO_ON;

    for (size_t i = 0; i < count; i++)
        if (missing[i]) {
            self->total += files[i].size;
            self->file_count++;
        }
    for (size_t i = 0; i < count && end == EXIT_GO_ON; i++)
        if (missing[i]) {
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
                              .drawn_us = now_us() };
    const char **digests = calloc(count + 1, sizeof *digests);
    bool *missing = calloc(count + 1, sizeof *missing);
    int end;

    for (size_t i = 0; digests && i < count; i++)
        digests[i] = files[i].digest;
    if (!digests || !missing)
        end = cli_fail(cli, EXIT_FAILED, "out of memory");
    else if (count && sluice_have(cli->sluice, digests, count, missing, &cli->error))
        end = cli_fail_last(cli);
    else
        end = put_missing(&self, files, count, missing);
    free(digests);
    free(missing);
    return end;
}
