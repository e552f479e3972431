/* verb_explain.c - `sluice explain RUN[/STAGE[/N]]`: why something waits or failed. */
#include "client/cli/json_out.h"
#include "client/cli/reference.h"
#include "client/cli/verbs.h"

#include <stdio.h>

static void json_list(struct json *json, const char *key, const char *const *texts,
                      size_t count)
{
    json_open(json, key, '[');
    for (size_t i = 0; i < count; i++)
        json_text(json, NULL, texts[i]);
    json_close(json, ']');
}

static void print_json(const struct target *target,
                       const struct sluice_explanation *explanation)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_uint(&json, "run", target->run);
    json_text(&json, "stage", target->stage ? target->stage->name : NULL);
    if (target->has_task)
        json_uint(&json, "task", target->task);
    else
        json_text(&json, "task", NULL);
    json_text(&json, "why", explanation->why);
    json_text(&json, "text", explanation->text);
    json_text(&json, "help", *explanation->help ? explanation->help : NULL);
    json_list(&json, "nodes", explanation->nodes, explanation->node_count);
    json_list(&json, "attempts", explanation->attempts, explanation->attempt_count);
    json_close(&json, '}');
    json_print(&json, stdout);
}

static void print_text(const struct sluice_explanation *explanation)
{
    puts(explanation->text);
    for (size_t i = 0; i < explanation->attempt_count; i++)
        printf("  %s\n", explanation->attempts[i]);
    for (size_t i = 0; i < explanation->node_count; i++)
        printf("  node %s\n", explanation->nodes[i]);
    if (*explanation->help)
        printf("what would help: %s\n", explanation->help);
}

int verb_explain(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    struct sluice_explanation *explanation;
    int end = cli_begin(&cli, argc, argv, NULL, 0, 1, 1);

    if (end == EXIT_GO_ON)
        end = target_open(&cli, cli.words[0], TARGET_RUN_OR_STAGE, &target);
    if (end != EXIT_GO_ON)
        return end;
    if (sluice_explain(cli.sluice, target.run, target.stage ? target.stage->name : NULL,
                       target.has_task ? (int64_t)target.task : -1, &explanation,
                       &cli.error))
        return cli_fail_last(&cli);
    if (cli.json)
        print_json(&target, explanation);
    else
        print_text(explanation);
    sluice_explanation_free(explanation);
    return EXIT_DONE;
}
