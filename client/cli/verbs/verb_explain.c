/* verb_explain.c - `sluice explain RUN[/STAGE[/N]]`: why something waits or failed, whose
 * result it uses, or what made it run. */
#include "client/cli/text/json_out.h"
#include "client/cli/text/human.h"
#include "client/cli/text/two_values.h"
#include "client/cli/reference.h"
#include "client/cli/compare/tree_changes.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_COLUMNS = 24,
    VALUE_COLUMNS = 60,
    FILES_SHOWN = 20,
    STAGES_SHOWN = 100,
    ARENA_MAX = 1 << 30
};

struct code_changes {
    bool is_known;
    struct tree_change *changes;
    size_t count;
};

static void json_list(struct json *json, const char *key, const char *const *texts,
                      size_t count)
{
    json_open(json, key, '[');
    for (size_t i = 0; i < count; i++)
        json_text(json, NULL, texts[i]);
    json_close(json, ']');
}

static const char *or_null(const char *text)
{
    return text && *text ? text : NULL;
}

static void json_files(struct json *json, const struct code_changes *code)
{
    if (!code->is_known) {
        json_text(json, "files", NULL);
        return;
    }
    json_tree_changes(json, "files", code->changes, code->count);
}

static void json_reuse(struct json *json, const struct sluice_explanation *explanation,
                       const struct code_changes *code)
{
    json_text(json, "origin", or_null(explanation->origin));
    json_text(json, "nearest", or_null(explanation->nearest));
    json_uint(json, "differ", explanation->differ);
    json_open(json, "differences", '[');
    for (size_t i = 0; i < explanation->difference_count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "field", explanation->differences[i].name);
        json_text(json, "before", explanation->differences[i].before);
        json_text(json, "after", explanation->differences[i].after);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_files(json, code);
    json_bool(json, "environment_differs", explanation->environment_differs);
    json_text(json, "unsettled", or_null(explanation->unsettled));
}

static void json_explanation(struct json *json, const struct target *target,
                             const struct sluice_explanation *explanation,
                             const struct code_changes *code)
{
    json_uint(json, "run", target->run);
    json_text(json, "stage", target->stage ? target->stage->name : NULL);
    if (target->has_task)
        json_uint(json, "task", target->task);
    else
        json_text(json, "task", NULL);
    json_text(json, "why", explanation->why);
    json_text(json, "text", explanation->text);
    json_text(json, "help", or_null(explanation->help));
    json_list(json, "nodes", explanation->nodes, explanation->node_count);
    json_list(json, "attempts", explanation->attempts, explanation->attempt_count);
    json_reuse(json, explanation, code);
}

static void print_files(const struct sluice_explanation *explanation,
                        const struct code_changes *code)
{
    if (!code->is_known) {
        printf("  %-*s %.19s -> %.19s (a list of files is no longer in the store)\n",
               NAME_COLUMNS, "code", explanation->code_before, explanation->code_after);
        return;
    }
    for (size_t i = 0; i < code->count && i < FILES_SHOWN; i++) {
        scoped_buf path = { 0 };

        text_fit(&path, code->changes[i].path, SIZE_MAX);
        printf("  %-*s %s %s\n", NAME_COLUMNS, i == 0 ? "code" : "",
               code->changes[i].how == '+'   ? "new:    "
               : code->changes[i].how == '-' ? "gone:   "
                                             : "changed:",
               buf_string(&path));
    }
    if (code->count > FILES_SHOWN)
        printf("  %-*s ... and %zu more files\n", NAME_COLUMNS, "",
               code->count - FILES_SHOWN);
}

static void print_differences(const struct sluice_explanation *explanation,
                              const struct code_changes *code)
{
    for (size_t i = 0; i < explanation->difference_count; i++) {
        const struct sluice_difference *difference = &explanation->differences[i];
        scoped_buf values = { 0 };

        if (strcmp(difference->name, "code") == 0) {
            print_files(explanation, code);
            continue;
        }
        two_values_text(&values, difference->before, difference->after, VALUE_COLUMNS);
        printf("  %-*s %s\n", NAME_COLUMNS, difference->name, buf_string(&values));
    }
    if (explanation->differ > explanation->difference_count)
        printf("  ... and %" PRIu64 " more fields\n",
               explanation->differ - explanation->difference_count);
    if (explanation->environment_differs)
        puts("  (the nodes' environments differ, too; that does not count)");
}

static void print_text(const struct sluice_explanation *explanation,
                       const struct code_changes *code)
{
    puts(explanation->text);
    for (size_t i = 0; i < explanation->attempt_count; i++)
        printf("  %s\n", explanation->attempts[i]);
    for (size_t i = 0; i < explanation->node_count; i++)
        printf("  node %s\n", explanation->nodes[i]);
    print_differences(explanation, code);
    if (*explanation->help)
        printf("what would help: %s\n", explanation->help);
}

/* One explanation: as text, or into the object that is open in json. */
static int tell(struct cli *cli, const struct target *target, struct json *json)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct sluice_explanation *explanation;
    struct code_changes code = { 0 };

    if (!arena)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    if (sluice_explain(
            cli->sluice, target->run, target->stage ? target->stage->name : NULL,
            target->has_task ? (int64_t)target->task : -1, &explanation, &cli->error))
        return cli_fail_last(cli);
    if (*explanation->code_before)
        code.is_known =
            tree_changes_fetch(cli, explanation->code_before, explanation->code_after,
                               arena, &code.changes, &code.count);
    if (cli->json)
        json_explanation(json, target, explanation, &code);
    else
        print_text(explanation, &code);
    sluice_explanation_free(explanation);
    return EXIT_GO_ON;
}

/* Of a run that is complete there is nothing to say but why each stage ran or did not. */
static int tell_stages(struct cli *cli, const struct target *run, struct json *json)
{
    bool is_told = !run->stage && strcmp(run->view->run.state, "complete") == 0;
    size_t count = is_told ? run->view->stage_count : 0;
    int end = EXIT_GO_ON;

    json_open(json, "stages", '[');
    for (size_t i = 0; i < count && i < STAGES_SHOWN && end == EXIT_GO_ON; i++) {
        struct target stage = { .run = run->run, .stage = &run->view->stages[i] };

        json_open(json, NULL, '{');
        end = tell(cli, &stage, json);
        json_close(json, '}');
    }
    json_close(json, ']');
    if (count > STAGES_SHOWN && !cli->json)
        printf("... and %zu more stages (`sluice show %" PRIu64 "` lists them)\n",
               count - STAGES_SHOWN, run->run);
    return end;
}

int verb_explain(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    scoped_json json = { 0 };
    int end = cli_begin(&cli, argc, argv, NULL, 0, 1, 1);

    if (end == EXIT_GO_ON)
        end = target_open(&cli, cli.words[0], TARGET_RUN_OR_STAGE, &target);
    if (end != EXIT_GO_ON)
        return end;
    json_open(&json, NULL, '{');
    end = tell(&cli, &target, &json);
    if (end == EXIT_GO_ON)
        end = tell_stages(&cli, &target, &json);
    json_close(&json, '}');
    if (end != EXIT_GO_ON)
        return end;
    if (cli.json)
        json_print(&json, stdout);
    return EXIT_DONE;
}
