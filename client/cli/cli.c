/* cli.c - see cli.h. */
#include "client/cli/cli.h"

#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/project/project.h"
#include "client/cli/verbs/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERB_OPTIONS_MAX = 20 };

_Static_assert((int)SLUICE_CORRUPT == (int)RC_CORRUPT, "sluice_code follows enum rc");

int exit_code_of(int code)
{
    switch (code) {
    case SLUICE_OK:
        return EXIT_DONE;
    case SLUICE_INVALID:
    case SLUICE_NOT_FOUND:
    case SLUICE_UNSUPPORTED:
        return EXIT_WRONG;
    case SLUICE_UNREACHABLE:
    case SLUICE_TIMEOUT:
        return EXIT_UNREACHABLE;
    case SLUICE_CANCELLED:
        return EXIT_STOPPED;
    default:
        return EXIT_FAILED;
    }
}

static int fail_text(const struct cli *cli, int exit_code, const char *code,
                     const char *text)
{
    fflush(stdout);
    if (!cli->json) {
        scoped_buf clean = { 0 };

        text_fit(&clean, text, SIZE_MAX);
        fprintf(stderr, "sluice %s: %s\n", cli->verb, buf_string(&clean));
        return exit_code;
    }

    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_open(&json, "error", '{');
    json_text(&json, "code", code);
    json_text(&json, "message", text);
    json_int(&json, "exit", exit_code);
    json_close(&json, '}');
    json_close(&json, '}');
    json_print(&json, stderr);
    return exit_code;
}

static const char *code_of_exit(int exit_code)
{
    return exit_code == EXIT_WRONG         ? "invalid"
           : exit_code == EXIT_UNREACHABLE ? "unreachable"
           : exit_code == EXIT_STOPPED     ? "cancelled"
                                           : "error";
}

int cli_fail(const struct cli *cli, int exit_code, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    return fail_text(cli, exit_code, code_of_exit(exit_code), text);
}

int cli_fail_err(const struct cli *cli, int exit_code, const struct err *err)
{
    return fail_text(cli, exit_code, rc_name(err->rc), err->text);
}

int cli_fail_last(const struct cli *cli)
{
    return fail_text(cli, exit_code_of(cli->error.code),
                     rc_name((enum rc)cli->error.code), cli->error.text);
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    scoped_buf clean = { 0 };
    char text[ERR_TEXT_MAX];
    va_list arguments;

    if (cli->json)
        return;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    text_fit(&clean, text, SIZE_MAX);
    fprintf(stderr, "sluice: %s\n", buf_string(&clean));
}

static int check_words(struct cli *cli, size_t words_min, size_t words_max)
{
    if (cli->word_count < words_min)
        return cli_fail(cli, EXIT_WRONG, "too few arguments; usage: %s",
                        help_usage(cli->verb));
    if (cli->word_count > words_max)
        return cli_fail(cli, EXIT_WRONG, "\"%s\" is one argument too many; usage: %s",
                        cli->words[words_max], help_usage(cli->verb));
    return EXIT_GO_ON;
}

int cli_begin(struct cli *cli, int argc, char **argv, const struct option *options,
              size_t option_count, size_t words_min, size_t words_max)
{
    bool help = false;
    struct option all[VERB_OPTIONS_MAX] = {
        { "json", 0, OPTION_FLAG, &cli->json },
        { "help", 'h', OPTION_FLAG, &help },
        { "project", 'C', OPTION_TEXT, &cli->folder },
        { "broker", 0, OPTION_TEXT, &cli->wish.broker },
        { "context", 0, OPTION_TEXT, &cli->wish.context },
        { "insecure", 0, OPTION_FLAG, &cli->wish.insecure },
        { "timeout", 0, OPTION_TEXT, &cli->wish.timeout },
    };
    size_t common = 7;
    struct err err;

    must(common + option_count <= VERB_OPTIONS_MAX);
    if (option_count)
        memcpy(all + common, options, option_count * sizeof *options);
    cli->verb = argv[0];
    cli->words = argv + 1;
    if (options_read(argc, argv, all, common + option_count, &cli->word_count, &err)
        != RC_OK)
        return cli_fail(cli, EXIT_WRONG, "%s (`sluice help %s` lists the options)",
                        err.text, cli->verb);
    if (help)
        return help_print(cli->verb, stdout);
    return check_words(cli, words_min, words_max);
}

void cli_end(struct cli *cli)
{
    sluice_close(cli->sluice);
    free(cli->project);
    peer_fini(&cli->peer);
    cli->sluice = NULL;
    cli->project = NULL;
}

bool cli_project(struct cli *cli)
{
    if (!cli->project)
        cli->project = project_find(cli->folder);
    return cli->project != NULL;
}

int cli_peer(struct cli *cli)
{
    struct err err;

    if (cli->has_peer)
        return EXIT_GO_ON;
    if (cli_project(cli))
        cli->wish.project = cli->project;
    if (peer_find(&cli->wish, &cli->peer, &err) != RC_OK)
        return cli_fail_err(cli, EXIT_WRONG, &err);
    cli->has_peer = true;
    return EXIT_GO_ON;
}

bool cli_has_store(struct cli *cli)
{
    return cli->peer.broker || (cli_project(cli) && project_has(cli->project, ".sluice"));
}

int cli_connect(struct cli *cli, enum connect how)
{
    int code = cli_peer(cli);

    if (code != EXIT_GO_ON)
        return code;
    if (cli->peer.broker)
        code = sluice_connect_with(
            cli->peer.broker,
            &(struct sluice_options){ cli->peer.timeout_ms, cli->peer.insecure },
            &cli->sluice, &cli->error);
    else if (!cli_has_store(cli) && how != CONNECT_START)
        return cli_fail(cli, how == CONNECT_STORE ? EXIT_WRONG : EXIT_UNREACHABLE,
                        "there are no runs here yet: no folder .sluice in %s or above; "
                        "`sluice run` starts one",
                        cli->folder ? cli->folder : "this folder");
    else
        code = sluice_open_project(cli->project, how != CONNECT_RUNNING, &cli->sluice,
                                   &cli->error);
    if (code == SLUICE_OK)
        return EXIT_GO_ON;
    if (cli->peer.broker && (code == SLUICE_DENIED || code == SLUICE_INVALID))
        return fail_text(cli, EXIT_WRONG, rc_name((enum rc)code), cli->error.text);
    /* Whatever kept the broker from coming up (permissions, a full disk, a foreign
     * store), the text says it; for scripts it is one thing: there is no broker. */
    return fail_text(cli, EXIT_UNREACHABLE, rc_name((enum rc)code), cli->error.text);
}
