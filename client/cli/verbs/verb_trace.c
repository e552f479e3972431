/* verb_trace.c - `sluice trace ARTIFACT|FILE|RUN[/STAGE[/N]]`: where something came from,
 * or what was made from it. */
#include "client/cli/datum.h"
#include "client/cli/project/digests.h"
#include "client/cli/reference.h"
#include "client/cli/versions/trace.h"
#include "client/cli/verbs/verbs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_file(const char *word)
{
    struct stat info;

    return !isdigit((unsigned char)*word) && stat(word, &info) == 0
           && S_ISREG(info.st_mode);
}

static int begin_named(struct trace *trace, struct cli *cli, const char *word)
{
    struct sluice_resolution *resolution;
    int end = names_resolve(cli, word, &resolution);

    if (end != EXIT_GO_ON)
        return end;
    if (resolution->resolved[0].file_count == 1)
        end = trace_file(trace, resolution->resolved[0].files[0].digest,
                         resolution->resolved[0].files[0].name);
    else
        end =
            cli_fail(cli, EXIT_WRONG, "%s is not one file: name one of its files", word);
    sluice_resolution_free(resolution);
    return end;
}

static int begin_local(struct trace *trace, struct cli *cli, const char *word)
{
    scoped(digests) digests = digests_create(NULL);
    struct digest_set set;
    char *path = realpath(word, NULL);
    uint64_t size;
    struct err err;
    int end;

    if (!digests || !path)
        end = cli_fail(cli, EXIT_FAILED, "cannot read %s", word);
    else if (digests_get(digests, path, false, &set, &size, &err) != RC_OK)
        end = cli_fail_err(cli, EXIT_WRONG, &err);
    else
        end = trace_file(trace, set.sha256, word);
    free(path);
    return end;
}

static int begin_run(struct trace *trace, struct cli *cli, const char *word)
{
    scoped_target target = { 0 };
    int end = target_open(cli, word, TARGET_RUN_OR_STAGE, &target);

    return end == EXIT_GO_ON
               ? trace_run(trace, target.run, target.stage ? target.stage->name : NULL,
                           target.has_task, target.task)
               : end;
}

static int begin(struct trace *trace, struct cli *cli)
{
    const char *word = cli->words[0];
    bool is_named = begins(word, "datum://") || begins(word, "dataset://");
    bool is_digest = begins(word, "sha256:");
    int end;

    if (!is_named && !is_digest && !is_file(word))
        return reference_is_run(word)
                   ? begin_run(trace, cli, word)
                   : cli_fail(cli, EXIT_WRONG,
                              "%s is neither a file that is here nor a run; an output is "
                              "named by datum:// and an alias or id (`sluice datum ls`), "
                              "by sha256:, or by what made it, as in last/train",
                              word);
    end = cli_connect(cli, CONNECT_STORE);
    if (end != EXIT_GO_ON)
        return end;
    return is_named    ? begin_named(trace, cli, word)
           : is_digest ? trace_file(trace, word, "")
                       : begin_local(trace, cli, word);
}

int verb_trace(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_trace trace = { 0 };
    bool down = false, dot = false;
    uint64_t depth = TRACE_DEPTH;
    const struct option options[] = {
        { "down", 0, OPTION_FLAG, &down },
        { "dot", 0, OPTION_FLAG, &dot },
        { "depth", 0, OPTION_NUMBER, &depth },
    };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, 1);

    if (end == EXIT_GO_ON && (depth == 0 || depth > TRACE_NODES_MAX))
        end = cli_fail(&cli, EXIT_WRONG, "--depth takes 1 to %d", TRACE_NODES_MAX);
    if (end == EXIT_GO_ON)
        end = trace_begin(&trace, &cli, down, (unsigned)depth);
    if (end == EXIT_GO_ON)
        end = begin(&trace, &cli);
    if (end == EXIT_GO_ON)
        end = trace_walk(&trace);
    if (end != EXIT_GO_ON)
        return end;
    if (dot)
        trace_print_dot(&trace, stdout);
    else if (cli.json)
        trace_print_json(&trace, stdout);
    else
        trace_print_tree(&trace, stdout);
    return EXIT_DONE;
}
