/* verb_alias.c - `sluice alias ls|set|rm|history`: names that move. */
#include "client/cli/datum.h"
#include "client/cli/text/human.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>
#include <string.h>

enum { PAGE_MAX = 1000 };

static void print_json(struct json *json, const struct sluice_aliases *aliases)
{
    for (size_t i = 0; i < aliases->count; i++) {
        const struct sluice_alias *alias = &aliases->aliases[i];

        json_open(json, NULL, '{');
        json_text(json, "name", alias->name);
        json_text(json, "target", *alias->target ? alias->target : NULL);
        json_time(json, "changed", alias->changed_us);
        json_text(json, "by", *alias->by ? alias->by : NULL);
        json_uint(json, "changes", alias->changes);
        json_close(json, '}');
    }
}

static void print_table(const struct sluice_aliases *aliases)
{
    static const char *const names[] = { "NAME", "TARGET", "CHANGED", "BY" };
    struct term term = term_of(stdout);
    scoped_table table = { .column_count = COUNT_OF(names) };

    table_heading(&table, names);
    for (size_t i = 0; i < aliases->count; i++) {
        const struct sluice_alias *alias = &aliases->aliases[i];

        table_cell(&table, STYLE_STRONG, "%s", alias->name);
        table_cell(&table, STYLE_PLAIN, "%s",
                   *alias->target ? alias->target : "(removed)");
        table_cell(&table, STYLE_PLAIN, "%s", human_time(alias->changed_us).text);
        table_cell(&table, STYLE_WAITING, "%s", alias->by);
    }
    table_print(&table, &term, stdout);
}

/* The aliases behind after, or the history of name; *last gets the last name. */
static int page(struct cli *cli, const char *name, char *last, size_t last_size,
                struct json *json, size_t *count)
{
    struct sluice_aliases *aliases;
    const char *project = names_project(cli);
    int code =
        name ? sluice_alias_history(cli->sluice, project, name, &aliases, &cli->error)
             : sluice_aliases(cli->sluice, project, *last ? last : NULL, &aliases,
                              &cli->error);

    if (code)
        return cli_fail_last(cli);
    *count = aliases->count;
    if (cli->json)
        print_json(json, aliases);
    else if (aliases->count)
        print_table(aliases);
    if (aliases->count)
        snprintf(last, last_size, "%s", aliases->aliases[aliases->count - 1].name);
    sluice_aliases_free(aliases);
    return EXIT_GO_ON;
}

static int list(struct cli *cli, const char *name)
{
    scoped_json json = { 0 };
    char last[512] = "";
    size_t count = 0, all = 0;
    int end = cli_connect(cli, CONNECT_STORE);

    json_open(&json, NULL, '{');
    json_open(&json, name ? "changes" : "aliases", '[');
    while (end == EXIT_GO_ON) {
        end = page(cli, name, last, sizeof last, &json, &count);
        all += count;
        if (name || count < PAGE_MAX)
            break;
    }
    return list_end(cli, end, &json, all == 0, "aliases");
}

/* target NULL: removes it. */
static int put(struct cli *cli, const char *name, const char *target)
{
    scoped_json json = { 0 };
    int end = cli_connect(cli, CONNECT_STORE);

    if (end != EXIT_GO_ON)
        return end;
    if (sluice_alias_set(cli->sluice, names_project(cli), names_user().text, name, target,
                         &cli->error))
        return cli_fail_last(cli);
    if (cli->json) {
        json_open(&json, NULL, '{');
        json_text(&json, "alias", name);
        json_text(&json, "done", target ? "set" : "removed");
        json_close(&json, '}');
        json_print(&json, stdout);
    } else {
        printf("alias %s %s\n", name, target ? "set" : "removed");
    }
    return EXIT_DONE;
}

int verb_alias(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    int end = cli_begin(&cli, argc, argv, NULL, 0, 1, 3);

    if (end != EXIT_GO_ON)
        return end;

    const char *what = cli.words[0];
    size_t words = cli.word_count;

    if (strcmp(what, "ls") == 0 && words == 1)
        return list(&cli, NULL);
    if (strcmp(what, "history") == 0 && words == 2)
        return list(&cli, cli.words[1]);
    if (strcmp(what, "set") == 0 && words == 3)
        return put(&cli, cli.words[1], cli.words[2]);
    if (strcmp(what, "rm") == 0 && words == 2)
        return put(&cli, cli.words[1], NULL);
    return cli_fail(&cli, EXIT_WRONG, "usage: %s", help_usage(cli.verb));
}
