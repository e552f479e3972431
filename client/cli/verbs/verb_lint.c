/* verb_lint.c - `sluice lint`: hands files to the linter and prints its findings.
 *
 * All findings of all files are printed before the exit status is decided. */
#include "client/cli/cli.h"
#include "client/cli/text/finding_text.h"
#include "client/cli/text/json_out.h"
#include "client/cli/project/pipeline_file.h"
#include "client/cli/project/project.h"
#include "client/cli/verbs/verbs.h"

#include <stdlib.h>
#include <unistd.h>

static void print_text(const char *file, const struct lint *lint)
{
    size_t counted = lint->error_count + lint->warning_count, shown = 0;
    struct term term = term_of(stdout);

    for (size_t i = 0; i < lint->finding_count; i++) {
        finding_print(stdout, &term, file, &lint->findings[i]);
        shown += lint->findings[i].level != FINDING_HINT;
    }
    if (counted > shown)
        printf("(%zu further findings are not shown)\n", counted - shown);
    printf("%s: %zu error%s, %zu warning%s\n", file, lint->error_count,
           lint->error_count == 1 ? "" : "s", lint->warning_count,
           lint->warning_count == 1 ? "" : "s");
}

static void json_place(struct json *json, const char *key, uint32_t number)
{
    if (number)
        json_uint(json, key, number);
    else
        json_text(json, key, NULL);
}

static void json_file(struct json *json, const char *file, const struct lint *lint)
{
    json_open(json, NULL, '{');
    json_text(json, "file", file);
    json_uint(json, "errors", lint->error_count);
    json_uint(json, "warnings", lint->warning_count);
    json_open(json, "findings", '[');
    for (size_t i = 0; i < lint->finding_count; i++) {
        const struct finding *finding = &lint->findings[i];

        json_open(json, NULL, '{');
        json_text(json, "level", finding_level_name(finding->level));
        json_text(json, "id", finding->id);
        json_text(json, "message", finding->message);
        json_text(json, "path", finding->path);
        json_place(json, "line", finding->place.line);
        json_place(json, "column", finding->place.column);
        json_text(json, "nearest", finding->nearest);
        json_text(json, "hint", finding->hint);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

/* EXIT_DONE, EXIT_FAILED for errors in the file, EXIT_WRONG when it cannot be read. */
static int check(const struct cli *cli, const char *file, struct json *json)
{
    scoped_buf bytes = { 0 };
    struct lint lint;
    struct err err;
    int exit_code;

    if (file_read(file, CONFIG_BYTES_MAX + 1, &bytes, &err) != RC_OK
        || lint_file(file, bytes.data, bytes.size, &lint, &err) != RC_OK)
        return cli_fail_err(cli, EXIT_WRONG, &err);
    if (cli->json)
        json_file(json, file, &lint);
    else
        print_text(file, &lint);
    exit_code = lint.error_count ? EXIT_FAILED : EXIT_DONE;
    lint_fini(&lint);
    return exit_code;
}

/* The project's own file, named as one would name it from here. */
static int check_project(struct cli *cli, struct json *json)
{
    if (!cli->folder && access(PIPELINE_FILE, F_OK) == 0)
        return check(cli, PIPELINE_FILE, json);
    if (!cli_project(cli))
        return cli_fail(cli, EXIT_WRONG, "no %s in %s or above; name a file",
                        PIPELINE_FILE, cli->folder ? cli->folder : "this folder");

    char *path = project_path(cli->project, PIPELINE_FILE);
    int exit_code =
        path ? check(cli, path, json) : cli_fail(cli, EXIT_FAILED, "out of memory");

    free(path);
    return exit_code;
}

int verb_lint(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_json json = { 0 };
    int worst = EXIT_DONE, end = cli_begin(&cli, argc, argv, NULL, 0, 0, (size_t)argc);

    if (end != EXIT_GO_ON)
        return end;
    json_open(&json, NULL, '[');
    if (cli.word_count == 0)
        worst = check_project(&cli, &json);
    for (size_t i = 0; i < cli.word_count; i++) {
        int exit_code = check(&cli, cli.words[i], &json);

        if (exit_code > worst)
            worst = exit_code;
    }
    json_close(&json, ']');
    if (cli.json && !buf_ok(&json.buf))
        return cli_fail(&cli, EXIT_WRONG,
                        "the findings are too many for one JSON text; check fewer files "
                        "at once");
    if (cli.json)
        json_print(&json, stdout);
    return worst;
}
