/* pipeline_file.c - see pipeline_file.h. */
#include "client/cli/pipeline_file.h"

#include "client/cli/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Looks for the file itself first: a folder .sluice alone does not make one. */
static enum rc read_file(struct cli *cli, struct pipeline_file *file, struct err *err)
{
    enum rc rc;

    buf_init(&file->bytes, CONFIG_BYTES_MAX + (1 << 20));
    if (!cli_project(cli))
        return err_set(err, RC_NOT_FOUND,
                       "no %s in %s or above; create one, or name the project's folder "
                       "with -C DIR",
                       PIPELINE_FILE, cli->folder ? cli->folder : "this folder");
    file->path = project_path(cli->project, PIPELINE_FILE);
    if (!file->path)
        return err_set(err, RC_NO_MEMORY, "out of memory");
    rc = file_read(file->path, CONFIG_BYTES_MAX, &file->bytes, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, rc,
                       "there is no %s; create one, or name the project's "
                       "folder with -C DIR",
                       file->path);
    return rc == RC_OK ? lint_file(PIPELINE_FILE, file->bytes.data, file->bytes.size,
                                   &file->lint, err)
                       : rc;
}

static void print_errors(const struct cli *cli, const struct lint *lint)
{
    if (cli->json)
        return;
    for (size_t i = 0; i < lint->finding_count; i++) {
        const struct finding *finding = &lint->findings[i];

        if (finding->level != FINDING_ERROR)
            continue;
        fprintf(stderr, "%s:%u:%u: error: %s", PIPELINE_FILE, finding->place.line,
                finding->place.column, finding->message);
        if (*finding->path)
            fprintf(stderr, " [%s]", finding->path);
        if (finding->nearest)
            fprintf(stderr, "; did you mean \"%s\"?", finding->nearest);
        if (finding->hint)
            fprintf(stderr, "; %s", finding->hint);
        fputc('\n', stderr);
    }
}

int pipeline_file_read(struct cli *cli, struct pipeline_file *file)
{
    struct err err;

    if (read_file(cli, file, &err) != RC_OK)
        return cli_fail_err(cli, EXIT_WRONG, &err);
    if (file->lint.config && file->lint.error_count == 0)
        return EXIT_GO_ON;
    print_errors(cli, &file->lint);
    return cli_fail(cli, EXIT_WRONG, "%s has %zu error%s; nothing was started",
                    file->path, file->lint.error_count,
                    file->lint.error_count == 1 ? "" : "s");
}

bool pipeline_file_try(struct cli *cli, struct pipeline_file *file)
{
    struct err ignored;

    return read_file(cli, file, &ignored) == RC_OK && file->lint.config;
}

void pipeline_file_fini(struct pipeline_file *file)
{
    lint_fini(&file->lint);
    buf_fini(&file->bytes);
    free(file->path);
    file->path = NULL;
}
