/* verb_ls.c - `sluice ls`: the runs, newest first. */
#include "client/cli/cli.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>

enum { RUNS_DEFAULT = 20, RUNS_MAX = 10000 };

static void print_table(const struct sluice_runs *runs)
{
    static const char *const names[] = { "RUN",     "STATE", "TITLE", "TASKS",
                                         "STARTED", "TOOK",  "COMMIT" };
    struct term term = term_of(stdout);
    scoped_table table = { .column_count = COUNT_OF(names), .right = { true } };

    table_heading(&table, names);
    for (size_t i = 0; i < runs->count; i++) {
        const struct sluice_run *run = &runs->runs[i];
        scoped_buf reused = { 0 };

        table_cell(&table, STYLE_STRONG, "%" PRIu64, run->number);
        table_cell(&table, style_of_state(run->state), "%s", run->state);
        table_cell(&table, STYLE_PLAIN, "%s", run->title);
        if (run->reused)
            buf_printf(&reused, ", %" PRIu64 " reused", run->reused);
        table_cell(&table, STYLE_PLAIN, "%" PRIu64 "/%" PRIu64 "%s", run->complete,
                   run->tasks, buf_string(&reused));
        table_cell(&table, STYLE_PLAIN, "%s", human_time(run->created_us).text);
        table_cell(
            &table, STYLE_PLAIN, "%s",
            human_duration((run->ended_us ? run->ended_us : now_us()) - run->created_us)
                .text);
        table_cell(&table, STYLE_WAITING, "%.10s%s", run->commit,
                   run->is_dirty ? "+" : "");
    }
    table_print(&table, &term, stdout);
}

static void print_json(const struct sluice_runs *runs)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_open(&json, "runs", '[');
    for (size_t i = 0; runs && i < runs->count; i++)
        json_run(&json, NULL, &runs->runs[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    json_print(&json, stdout);
}

int verb_ls(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    uint64_t limit = RUNS_DEFAULT;
    const char *tag = NULL;
    const struct option options[] = { { "limit", 'n', OPTION_NUMBER, &limit },
                                      { "tag", 0, OPTION_TEXT, &tag } };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 0, 0);
    struct sluice_runs *runs = NULL;

    if (end != EXIT_GO_ON)
        return end;
    if (limit < 1 || limit > RUNS_MAX)
        return cli_fail(&cli, EXIT_WRONG, "-n takes 1 to %d", RUNS_MAX);
    end = cli_peer(&cli);
    if (end != EXIT_GO_ON)
        return end;
    if (cli_has_store(&cli)) {
        end = cli_connect(&cli, CONNECT_STORE);
        if (end != EXIT_GO_ON)
            return end;
        if (sluice_runs_tagged(cli.sluice, tag, 0, (uint32_t)limit, &runs, &cli.error))
            return cli_fail_last(&cli);
    }
    if (cli.json)
        print_json(runs);
    else if (!runs || !runs->count)
        puts(tag ? "no runs with this tag" : "no runs yet: `sluice run` starts one");
    else
        print_table(runs);
    sluice_runs_free(runs);
    return EXIT_DONE;
}
