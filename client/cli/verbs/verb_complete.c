/* verb_complete.c - `sluice __complete KIND [ARG]`: candidates for the shells'
 * completion, one a line. Silent whenever anything is wrong: the person is in the middle
 * of a word. */
#include "client/cli/datum.h"
#include "client/cli/project/pipeline_file.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>
#include <string.h>

enum { RUNS_MAX = 50 };

static void pipelines(const struct config *config, const char *name)
{
    (void)name;
    for (size_t i = 0; i < config->pipeline_count; i++)
        puts(config->pipelines[i].name);
}

static void steps(const struct config *config, const char *name)
{
    (void)name;
    for (size_t i = 0; i < config->step_count; i++)
        puts(config->steps[i].name);
}

static void step_parameters(const struct config *config, const char *step_name,
                            const char *prefix)
{
    const struct config_step *step =
        step_name ? config_step_find(config, step_name) : NULL;

    for (size_t i = 0; step && i < step->parameter_count; i++)
        printf("%s%s%s\n", prefix, *prefix ? "." : "", step->parameters[i].name);
}

static void parameters(const struct config *config, const char *name)
{
    const struct config_pipeline *pipeline =
        name ? config_pipeline_find(config, name) : NULL;

    if (!pipeline) {
        step_parameters(config, name, "");
        return;
    }
    for (size_t i = 0; i < pipeline->parameter_count; i++)
        puts(pipeline->parameters[i].name);
    for (size_t i = 0; i < pipeline->stage_count; i++) {
        const struct config_stage *stage = &pipeline->stages[i];
        const struct config_task *task =
            stage->task ? config_task_find(config, stage->task) : NULL;

        step_parameters(config, task ? task->step : stage->step, stage->name);
    }
}

/* Completion starts no broker. */
static bool connect_running(struct cli *cli)
{
    struct err err;

    if (peer_find(&cli->wish, &cli->peer, &err) != RC_OK)
        return false;
    if (cli->peer.broker)
        return sluice_connect_with(
                   cli->peer.broker,
                   &(struct sluice_options){ cli->peer.timeout_ms, cli->peer.insecure },
                   &cli->sluice, &cli->error)
               == 0;
    return cli_has_store(cli)
           && sluice_open_project(cli->project, false, &cli->sluice, &cli->error) == 0;
}

static void runs(struct cli *cli)
{
    struct sluice_runs *list;

    if (!connect_running(cli)
        || sluice_runs(cli->sluice, 0, RUNS_MAX, &list, &cli->error))
        return;
    puts("last");
    for (size_t i = 0; i < list->count; i++)
        printf("%" PRIu64 "\n", list->runs[i].number);
    sluice_runs_free(list);
}

static void stages(struct cli *cli, const char *text)
{
    struct sluice_view *view;
    uint64_t run;

    if (!connect_running(cli) || sluice_find(cli->sluice, text, &run, &cli->error)
        || sluice_view(cli->sluice, run, &view, &cli->error))
        return;
    for (size_t i = 0; i < view->stage_count; i++)
        puts(view->stages[i].name);
    sluice_view_free(view);
}

static void aliases(struct cli *cli)
{
    struct sluice_aliases *list;

    if (!connect_running(cli)
        || sluice_aliases(cli->sluice, names_project(cli), NULL, &list, &cli->error))
        return;
    for (size_t i = 0; i < list->count; i++)
        puts(list->aliases[i].name);
    sluice_aliases_free(list);
}

static void datasets(struct cli *cli)
{
    struct sluice_datasets *list;

    if (!connect_running(cli)
        || sluice_datasets(cli->sluice, names_project(cli), NULL, NULL, &list,
                           &cli->error))
        return;
    for (size_t i = 0; i < list->count; i++)
        printf("%s/%s\n", list->versions[i].dataset, list->versions[i].version);
    sluice_datasets_free(list);
}

static void from_file(struct cli *cli,
                      void (*print)(const struct config *config, const char *name),
                      const char *name)
{
    struct pipeline_file file = { 0 };

    if (pipeline_file_try(cli, &file))
        print(file.lint.config, name);
    pipeline_file_fini(&file);
}

int verb_complete(int argc, char **argv)
{
    scoped_cli cli = { .verb = "__complete" };
    const char *kind = argc > 1 ? argv[1] : "", *name = argc > 2 ? argv[2] : NULL;

    if (strcmp(kind, "pipelines") == 0)
        from_file(&cli, pipelines, NULL);
    else if (strcmp(kind, "steps") == 0)
        from_file(&cli, steps, NULL);
    else if (strcmp(kind, "parameters") == 0)
        from_file(&cli, parameters, name);
    else if (strcmp(kind, "runs") == 0)
        runs(&cli);
    else if (strcmp(kind, "stages") == 0 && name)
        stages(&cli, name);
    else if (strcmp(kind, "aliases") == 0)
        aliases(&cli);
    else if (strcmp(kind, "datasets") == 0)
        datasets(&cli);
    return EXIT_DONE;
}
