/* verb_cancel.c - `sluice cancel RUN`, `sluice approve RUN STAGE`, `sluice reject RUN
 * STAGE`. */
#include "client/cli/text/json_out.h"
#include "client/cli/reference.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>
#include <string.h>

static void print_done(const struct cli *cli, uint64_t run, const char *stage,
                       const char *what)
{
    scoped_json json = { 0 };

    if (!cli->json) {
        printf("run %" PRIu64 "%s%s: %s\n", run, stage ? ", stage " : "",
               stage ? stage : "", what);
        return;
    }
    json_open(&json, NULL, '{');
    json_uint(&json, "run", run);
    if (stage)
        json_text(&json, "stage", stage);
    json_text(&json, "done", what);
    json_close(&json, '}');
    json_print(&json, stdout);
}

int verb_cancel(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    uint64_t run;
    int end = cli_begin(&cli, argc, argv, NULL, 0, 1, 1);

    if (end == EXIT_GO_ON)
        end = run_find(&cli, cli.words[0], &run);
    if (end != EXIT_GO_ON)
        return end;
    if (sluice_cancel(cli.sluice, run, &cli.error))
        return cli_fail_last(&cli);
    print_done(&cli, run, NULL, "cancelled");
    return EXIT_DONE;
}

int verb_approve(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    scoped_buf reference = { 0 };
    bool yes = strcmp(argv[0], "approve") == 0;
    int end = cli_begin(&cli, argc, argv, NULL, 0, 2, 2);

    if (end != EXIT_GO_ON)
        return end;
    buf_printf(&reference, "%s/%s", cli.words[0], cli.words[1]);
    end = target_open(&cli, buf_string(&reference), TARGET_STAGE, &target);
    if (end != EXIT_GO_ON)
        return end;
    if (sluice_approve(cli.sluice, target.run, target.stage->name, yes, &cli.error))
        return cli_fail_last(&cli);
    print_done(&cli, target.run, target.stage->name, yes ? "approved" : "rejected");
    return EXIT_DONE;
}
