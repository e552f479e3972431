/* pipeline_file.c - see pipeline_file.h. */
#include "client/cli/project/pipeline_file.h"

#include "client/cli/text/finding_text.h"
#include "client/cli/project/project.h"

#include <stdlib.h>

/* Looks for the file itself first: a folder .sluice alone does not make one. */
static enum rc read_file(struct cli *cli, struct pipeline_file *file, struct err *err)
{
    enum rc rc;

    if (!cli_project(cli))
        return err_set(err, RC_NOT_FOUND,
                       "no %s in %s or above; create one, or name the project's folder "
                       "with -C DIR",
                       PIPELINE_FILE, cli->folder ? cli->folder : "this folder");
    file->path = project_path(cli->project, PIPELINE_FILE);
    if (!file->path)
        return err_set(err, RC_NO_MEMORY, "out of memory");
    rc = file_read(file->path, CONFIG_BYTES_MAX + 1, &file->bytes, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, rc,
                       "there is no %s; create one, or name the project's "
                       "folder with -C DIR",
                       file->path);
    return rc == RC_OK ? lint_file(PIPELINE_FILE, file->bytes.data, file->bytes.size,
                                   &file->lint, err)
                       : rc;
}

/* As text all errors; as data the first one, since an error is one object there. */
static int fail_with_errors(const struct cli *cli, const struct pipeline_file *file)
{
    const struct lint *lint = &file->lint;
    const struct finding *first = NULL;
    struct term term = term_of(stderr);

    for (size_t i = 0; i < lint->finding_count; i++) {
        if (lint->findings[i].level != FINDING_ERROR)
            continue;
        if (!first)
            first = &lint->findings[i];
        if (!cli->json)
            finding_print(stderr, &term, PIPELINE_FILE, &lint->findings[i]);
    }
    if (cli->json && first)
        return cli_fail(cli, EXIT_WRONG,
                        "%s:%u:%u: %s (%zu errors; `sluice lint` lists them)", file->path,
                        first->place.line, first->place.column, first->message,
                        lint->error_count);
    return cli_fail(cli, EXIT_WRONG, "%s has %zu error%s; nothing was started",
                    file->path, lint->error_count, lint->error_count == 1 ? "" : "s");
}

int pipeline_file_read(struct cli *cli, struct pipeline_file *file)
{
    struct err err;

    if (read_file(cli, file, &err) != RC_OK)
        return cli_fail_err(cli, EXIT_WRONG, &err);
    return file->lint.config && file->lint.error_count == 0 ? EXIT_GO_ON
                                                            : fail_with_errors(cli, file);
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
