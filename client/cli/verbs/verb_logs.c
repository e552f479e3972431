/* verb_logs.c - `sluice logs [-f] RUN/STAGE[/N]`: what a task printed. */
#include "client/cli/log_reader.h"
#include "client/cli/verbs/verbs.h"

#include <stdio.h>

int verb_logs(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    struct log_request request = { 0 };
    uint64_t attempt = 0;
    const struct option options[] = {
        { "follow", 'f', OPTION_FLAG, &request.follow },
        { "stdout", 0, OPTION_FLAG, &request.only_stdout },
        { "stderr", 0, OPTION_FLAG, &request.only_stderr },
        { "status", 0, OPTION_FLAG, &request.only_status },
        { "times", 't', OPTION_FLAG, &request.times },
        { "attempt", 0, OPTION_NUMBER, &attempt },
    };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, 1);

    if (end != EXIT_GO_ON)
        return end;
    if (request.only_stdout + request.only_stderr + request.only_status > 1)
        return cli_fail(&cli, EXIT_WRONG,
                        "--stdout, --stderr and --status exclude each other");
    if (attempt > UINT32_MAX)
        return cli_fail(&cli, EXIT_WRONG, "--attempt takes the number of an attempt");
    request.attempt = (uint32_t)attempt;
    end = target_open(&cli, cli.words[0], TARGET_STAGE, &target);
    if (end == EXIT_GO_ON)
        end = target_need_task(&cli, &target);
    return end == EXIT_GO_ON ? log_print(&cli, &target, &request) : end;
}
