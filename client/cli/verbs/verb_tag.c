/* verb_tag.c - `sluice tag add|rm RUN|datum://... TAG...`. */
#include "client/cli/datum.h"
#include "client/cli/reference.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/names/names.h"

#include <string.h>

static int change(struct cli *cli, bool is_removing)
{
    const char *target = cli->words[1];
    bool is_datum = name_uri_is(target);
    struct sluice_tagging tagging = { .uris = is_datum ? &target : NULL,
                                      .uri_count = is_datum,
                                      .tags = (const char *const *)cli->words + 2,
                                      .tag_count = cli->word_count - 2,
                                      .remove = is_removing };
    scoped_json json = { 0 };
    int end;

    if (!is_datum && !reference_is_run(target))
        return cli_fail(cli, EXIT_WRONG, "%s is no run; a datum is named datum://%s",
                        target, target);
    end =
        is_datum ? cli_connect(cli, CONNECT_STORE) : run_find(cli, target, &tagging.run);
    if (end != EXIT_GO_ON)
        return end;
    if (sluice_tag(cli->sluice, names_project(cli), names_user().text, &tagging,
                   &cli->error))
        return cli_fail_last(cli);
    if (!cli->json)
        return EXIT_DONE;
    json_open(&json, NULL, '{');
    json_text(&json, "target", target);
    json_text(&json, "done", is_removing ? "removed" : "added");
    json_close(&json, '}');
    json_print(&json, stdout);
    return EXIT_DONE;
}

int verb_tag(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    int end = cli_begin(&cli, argc, argv, NULL, 0, 3, SIZE_MAX);

    if (end != EXIT_GO_ON)
        return end;
    if (strcmp(cli.words[0], "add") == 0 || strcmp(cli.words[0], "rm") == 0)
        return change(&cli, strcmp(cli.words[0], "rm") == 0);
    return cli_fail(&cli, EXIT_WRONG, "say add or rm, not \"%s\"", cli.words[0]);
}
