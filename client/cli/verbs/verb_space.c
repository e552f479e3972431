/* verb_space.c - `sluice du` and `sluice gc`: what holds how much, and removing what
 * nothing needs. */
#include "client/cli/cli.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/config/duration.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 100000, SHOWN_MAX = 20, GRACE_DEFAULT_S = 24 * 3600 };

/* "3,5-9" as numbers, each a text. */
static int read_runs(struct cli *cli, const char *text, struct texts *runs)
{
    const char *at = text;

    while (*at) {
        char *end, number[32];
        unsigned long first = strtoul(at, &end, 10), last = first;

        if (end != at && *end == '-') {
            at = end + 1;
            last = strtoul(at, &end, 10);
        }
        if (end == at || first == 0 || last < first || (*end && *end != ',')
            || last - first > RUNS_MAX || runs->count > RUNS_MAX)
            return cli_fail(cli, EXIT_WRONG, "--runs takes numbers, as in 3,5-9, not %s",
                            text);
        for (unsigned long run = first; run <= last; run++) {
            snprintf(number, sizeof number, "%lu", run);
            if (!texts_add(runs, number))
                return cli_fail(cli, EXIT_FAILED, "out of memory");
        }
        at = *end ? end + 1 : end;
    }
    return EXIT_GO_ON;
}

static int read_duration(struct cli *cli, const char *option, const char *text,
                         uint64_t *seconds)
{
    int64_t read;
    struct err err;

    if (!text)
        return EXIT_GO_ON;
    if (duration_parse(text, &read, &err) != RC_OK || read <= 0 || read >= INT32_MAX)
        return cli_fail(cli, EXIT_WRONG, "%s takes a time as 30d or 12h, not \"%s\"",
                        option, text);
    *seconds = (uint64_t)read;
    return EXIT_GO_ON;
}

/* ---- What holds how much ---- */

static void json_space(struct json *json, const struct sluice_space *space)
{
    json_open(json, "kinds", '[');
    for (size_t i = 0; i < space->kind_count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "kind", space->kinds[i].name);
        json_uint(json, "files", space->kinds[i].files);
        json_uint(json, "bytes", space->kinds[i].bytes);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_open(json, "nodes", '[');
    for (size_t i = 0; i < space->node_count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "node", space->nodes[i].node);
        json_uint(json, "files", space->nodes[i].files);
        json_uint(json, "bytes", space->nodes[i].bytes);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_open(json, "titles", '[');
    for (size_t i = 0; i < space->title_count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "title", space->titles[i].title);
        json_uint(json, "runs", space->titles[i].runs);
        json_uint(json, "files", space->titles[i].files);
        json_uint(json, "bytes", space->titles[i].bytes);
        json_uint(json, "own", space->titles[i].own);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_open(json, "runs", '[');
    for (size_t i = 0; i < space->run_count; i++) {
        json_open(json, NULL, '{');
        json_uint(json, "run", space->runs[i].run);
        json_text(json, "title", space->runs[i].title);
        json_uint(json, "files", space->runs[i].files);
        json_uint(json, "bytes", space->runs[i].bytes);
        json_uint(json, "own", space->runs[i].own);
        json_bool(json, "kept", space->runs[i].is_kept);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void print_titles(const struct sluice_space *space, const struct term *term)
{
    static const char *const names[] = { "RUNS", "FILES", "SIZE", "ALONE", "OF", NULL };
    scoped_table table = { .column_count = 5, .right = { true, true, true, true } };

    table_heading(&table, names);
    for (size_t i = 0; i < space->title_count; i++) {
        const struct sluice_space_title *title = &space->titles[i];

        table_cell(&table, STYLE_PLAIN, "%" PRIu64, title->runs);
        table_cell(&table, STYLE_PLAIN, "%" PRIu64, title->files);
        table_cell(&table, STYLE_PLAIN, "%s", human_size(title->bytes).text);
        table_cell(&table, STYLE_PLAIN, "%s", human_size(title->own).text);
        table_cell(&table, STYLE_PLAIN, "%s", title->title);
    }
    table_print(&table, term, stdout);
}

/* Nothing where no outputs stay on nodes. */
static void print_nodes(const struct sluice_space *space, const struct term *term)
{
    static const char *const names[] = { "KEPT ON NODE", "FILES", "SIZE", NULL };
    scoped_table table = { .column_count = 3, .right = { false, true, true } };

    if (space->node_count == 0)
        return;
    table_heading(&table, names);
    for (size_t i = 0; i < space->node_count; i++) {
        table_cell(&table, STYLE_PLAIN, "%s", space->nodes[i].node);
        table_cell(&table, STYLE_PLAIN, "%" PRIu64, space->nodes[i].files);
        table_cell(&table, STYLE_PLAIN, "%s", human_size(space->nodes[i].bytes).text);
    }
    table_print(&table, term, stdout);
    puts("");
}

static void print_usage(const struct sluice_space *space)
{
    static const char *const kinds[] = { "KIND", "FILES", "SIZE", NULL };
    static const char *const runs[] = { "RUN", "FILES", "SIZE", "ALONE", "OF", NULL };
    struct term term = term_of(stdout);
    uint64_t files = 0, bytes = 0;
    scoped_table table = { .column_count = 3, .right = { false, true, true } };
    scoped_table other = { .column_count = 5, .right = { true, true, true, true } };

    table_heading(&table, kinds);
    for (size_t i = 0; i < space->kind_count; i++) {
        files += space->kinds[i].files;
        bytes += space->kinds[i].bytes;
        table_cell(&table, STYLE_PLAIN, "%s", space->kinds[i].name);
        table_cell(&table, STYLE_PLAIN, "%" PRIu64, space->kinds[i].files);
        table_cell(&table, STYLE_PLAIN, "%s", human_size(space->kinds[i].bytes).text);
    }
    table_cell(&table, STYLE_STRONG, "all");
    table_cell(&table, STYLE_STRONG, "%" PRIu64, files);
    table_cell(&table, STYLE_STRONG, "%s", human_size(bytes).text);
    table_print(&table, &term, stdout);
    puts("");
    print_nodes(space, &term);
    print_titles(space, &term);
    puts("");
    table_heading(&other, runs);
    for (size_t i = 0; i < space->run_count && i < SHOWN_MAX; i++) {
        table_cell(&other, STYLE_PLAIN, "%" PRIu64, space->runs[i].run);
        table_cell(&other, STYLE_PLAIN, "%" PRIu64, space->runs[i].files);
        table_cell(&other, STYLE_PLAIN, "%s", human_size(space->runs[i].bytes).text);
        table_cell(&other, STYLE_PLAIN, "%s", human_size(space->runs[i].own).text);
        table_cell(&other, STYLE_PLAIN, "%s", space->runs[i].title);
    }
    table_print(&other, &term, stdout);
}

static int ask(struct cli *cli, const struct sluice_space_query *query,
               struct sluice_space **space)
{
    int end = cli_connect(cli, CONNECT_STORE);

    if (end == EXIT_GO_ON && sluice_space(cli->sluice, query, space, &cli->error))
        end = cli_fail_last(cli);
    return end;
}

int verb_du(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_json json = { 0 };
    struct sluice_space *space;
    int end = cli_begin(&cli, argc, argv, NULL, 0, 0, 0);

    if (end == EXIT_GO_ON)
        end = ask(&cli, &(struct sluice_space_query){ .collects = false }, &space);
    if (end != EXIT_GO_ON)
        return end;
    if (cli.json) {
        json_open(&json, NULL, '{');
        json_space(&json, space);
        json_close(&json, '}');
        json_print(&json, stdout);
    } else {
        print_usage(space);
    }
    sluice_space_free(space);
    return EXIT_DONE;
}

/* ---- Removing ---- */

static void print_removed(const struct cli *cli, const struct sluice_space *space,
                          bool is_real)
{
    for (size_t i = 0; i < space->file_count; i++)
        printf("%s  %s  %s\n", space->files[i].digest,
               human_size(space->files[i].size).text, space->files[i].why);
    printf("%" PRIu64 " files, %s %s\n", space->count, human_size(space->bytes).text,
           is_real ? "removed" : "would be removed");
    if (space->young)
        printf("%" PRIu64
               " files, %s stay because they were stored or asked for lately\n",
               space->young, human_size(space->young_bytes).text);
    if (!is_real && space->count)
        cli_note(cli, "nothing was removed: --yes does it");
}

static void print_json(const struct sluice_space *space, bool is_real)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_bool(&json, "removed", is_real);
    json_uint(&json, "count", space->count);
    json_uint(&json, "bytes", space->bytes);
    json_uint(&json, "young", space->young);
    json_uint(&json, "young_bytes", space->young_bytes);
    json_open(&json, "files", '[');
    for (size_t i = 0; i < space->file_count; i++) {
        json_open(&json, NULL, '{');
        json_text(&json, "digest", space->files[i].digest);
        json_uint(&json, "size", space->files[i].size);
        json_text(&json, "why", space->files[i].why);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_space(&json, space);
    json_close(&json, '}');
    json_print(&json, stdout);
}

int verb_gc(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_texts runs = { 0 };
    const char *older_than = NULL, *grace = NULL, *run_text = NULL;
    uint64_t keep_last = 0;
    bool is_real = false;
    struct sluice_space_query query = { .collects = true, .grace_s = GRACE_DEFAULT_S };
    struct sluice_space *space;
    const struct option options[] = {
        { "yes", 'y', OPTION_FLAG, &is_real },
        { "older-than", 0, OPTION_TEXT, &older_than },
        { "keep-last", 0, OPTION_NUMBER, &keep_last },
        { "runs", 0, OPTION_TEXT, &run_text },
        { "grace", 0, OPTION_TEXT, &grace },
    };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 0, 0);

    if (end == EXIT_GO_ON && run_text)
        end = read_runs(&cli, run_text, &runs);
    if (end == EXIT_GO_ON)
        end = read_duration(&cli, "--older-than", older_than, &query.older_than_s);
    if (grace && strcmp(grace, "0") == 0)
        query.grace_s = 0;
    else if (end == EXIT_GO_ON)
        end = read_duration(&cli, "--grace", grace, &query.grace_s);
    if (end == EXIT_GO_ON && keep_last > UINT32_MAX)
        end = cli_fail(&cli, EXIT_WRONG, "--keep-last takes a smaller number");
    query.is_real = is_real;
    query.keep_last = (uint32_t)keep_last;
    query.runs = (const char *const *)runs.items;
    query.run_count = runs.count;
    if (end == EXIT_GO_ON)
        end = ask(&cli, &query, &space);
    if (end != EXIT_GO_ON)
        return end;
    if (cli.json)
        print_json(space, is_real);
    else
        print_removed(&cli, space, is_real);
    sluice_space_free(space);
    return EXIT_DONE;
}
