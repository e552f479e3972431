/* verb_run.c - `sluice run`: from the file to a run, and along with it.
 *
 * Everything that can be wrong with what the person wrote is found before a broker is
 * started or anything is stored. */
#include "client/cli/project/code_scope.h"
#include "client/cli/datum.h"
#include "client/cli/follow.h"
#include "client/cli/project/input_names.h"
#include "client/cli/project/inputs.h"
#include "client/cli/text/json_out.h"
#include "client/cli/project/pipeline_file.h"
#include "client/cli/project/project.h"
#include "client/cli/project/snapshot.h"
#include "client/cli/project/submit.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/plan/compile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_MAX = 1 << 30 };

struct asked {
    const char *step, *title;
    struct texts parameters, inputs;
    bool detach, reuse, no_reuse;
    uint64_t seed;
    int64_t priority;
};

struct running {
    struct cli *cli;
    struct asked *asked;
    struct pipeline_file file;
    struct arena *arena;
    struct digests *digests;
    struct plan *plan;
    struct snapshot snapshot;
    struct local_files inputs;
    struct code_part *parts; /* of the code, that stages name */
    size_t part_count;
};

/* "name=value" cut in two; the name in arena. */
static int split(struct running *self, const char *text, char letter, const char **name,
                 const char **value)
{
    const char *equals = strchr(text, '=');

    if (!equals || equals == text)
        return cli_fail(self->cli, EXIT_WRONG, "-%c takes name=%s, not \"%s\"", letter,
                        letter == 'p' ? "value" : "URI", text);
    *name = arena_copy(self->arena, text, (size_t)(equals - text));
    *value = equals + 1;
    return *name ? EXIT_GO_ON : cli_fail(self->cli, EXIT_FAILED, "out of memory");
}

/* Whether a step was named where a pipeline is expected. */
static bool is_step_only(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (strncmp(config->pipelines[i].name, name, strlen(name)) == 0)
            return false;
    return config_step_find(config, name) && !config_task_find(config, name);
}

/* The only pipeline of the file, when nothing was named. */
static int choose(struct running *self, struct plan_request *request)
{
    const struct config *config = self->file.lint.config;
    scoped_buf list = { 0 };

    request->step = self->asked->step;
    if (self->cli->word_count)
        request->pipeline = self->cli->words[0];
    if (request->step && request->pipeline)
        return cli_fail(self->cli, EXIT_WRONG,
                        "name a pipeline or a step (--step %s), not both", request->step);
    if (request->pipeline && is_step_only(config, request->pipeline))
        return cli_fail(self->cli, EXIT_WRONG,
                        "there is no pipeline \"%s\", but a step: sluice run --step %s",
                        request->pipeline, request->pipeline);
    if (request->step || request->pipeline)
        return EXIT_GO_ON;
    if (config->pipeline_count == 1) {
        request->pipeline = config->pipelines[0].name;
        return EXIT_GO_ON;
    }
    for (size_t i = 0; i < config->pipeline_count && list.size < ERR_TEXT_MAX / 3; i++)
        buf_printf(&list, "%s%s", i ? ", " : "pipelines: ", config->pipelines[i].name);
    for (size_t i = 0; i < config->step_count && list.size < ERR_TEXT_MAX / 2; i++)
        buf_printf(&list, "%s%s",
                   i           ? ", "
                   : list.size ? "; steps (--step NAME): "
                               : "steps (--step NAME): ",
                   config->steps[i].name);
    return cli_fail(self->cli, EXIT_WRONG, "say what to run; %s",
                    list.size ? buf_string(&list) : "the file has no step");
}

static enum plan_reuse reuse_of(const struct running *self)
{
    if (self->asked->no_reuse)
        return REUSE_NEVER;
    return self->asked->reuse || self->cli->peer.reuses ? REUSE_ALWAYS : REUSE_AS_WRITTEN;
}

static int compile(struct running *self)
{
    struct asked *asked = self->asked;
    struct plan_assignment *parameters =
        arena_array(self->arena, asked->parameters.count, sizeof *parameters);
    struct plan_uri *inputs =
        arena_array(self->arena, asked->inputs.count, sizeof *inputs);
    struct plan_request request = { .parameters = parameters,
                                    .parameter_count = asked->parameters.count,
                                    .inputs = inputs,
                                    .input_count = asked->inputs.count,
                                    .seed = asked->seed,
                                    .reuse = reuse_of(self),
                                    .project = names_project(self->cli) };
    struct err err;
    int end = parameters && inputs ? choose(self, &request)
                                   : cli_fail(self->cli, EXIT_FAILED, "out of memory");

    for (size_t i = 0; i < asked->parameters.count && end == EXIT_GO_ON; i++) {
        const char *value = NULL;

        end = split(self, asked->parameters.items[i], 'p', &parameters[i].name, &value);
        if (end == EXIT_GO_ON)
            parameters[i].value = value_text(value);
    }
    for (size_t i = 0; i < asked->inputs.count && end == EXIT_GO_ON; i++)
        end = split(self, asked->inputs.items[i], 'i', &inputs[i].name, &inputs[i].uri);
    if (end != EXIT_GO_ON)
        return end;
    if (plan_compile(self->file.lint.config, &request, self->arena, &self->plan, &err)
        != RC_OK)
        return cli_fail_err(self->cli, EXIT_WRONG, &err);
    if (asked->title)
        self->plan->title = asked->title;
    self->plan->priority = (double)asked->priority;
    return EXIT_GO_ON;
}

/* What the run needs from this machine: code and input files. */
static int gather(struct running *self)
{
    char *cache = project_path(self->cli->project, ".sluice/cache/digests");
    struct err err;
    enum rc rc = RC_OK;

    self->digests = digests_create(cache);
    free(cache);
    if (!self->digests)
        return cli_fail(self->cli, EXIT_FAILED, "out of memory");
    rc = inputs_settle(self->cli->project, self->plan, self->digests, self->arena,
                       &self->inputs, &err);
    if (rc == RC_OK)
        rc = snapshot_take(self->cli->project, self->digests, self->arena,
                           &self->snapshot, &err);
    if (rc == RC_OK)
        rc = code_scopes_settle(&self->snapshot.tree, PIPELINE_FILE, self->plan,
                                self->arena, &self->parts, &self->part_count, &err);
    if (rc != RC_OK)
        return cli_fail_err(self->cli, EXIT_WRONG, &err);
    if (self->snapshot.git_failed)
        cli_note(self->cli, "git cannot read this repository: every file of the folder "
                            "is taken, and no commit is recorded");
    return EXIT_GO_ON;
}

static int store_code(struct running *self)
{
    struct snapshot *snapshot = &self->snapshot;
    struct tree *tree = &snapshot->tree;
    struct upload *files = arena_array(self->arena, tree->entry_count, sizeof *files);
    size_t count = 0;
    char *digest = arena_alloc(self->arena, DIGEST_TEXT_SIZE);
    scoped_buf bytes = { .limit = TREE_BYTES_MAX };

    if (!files || !digest)
        return cli_fail(self->cli, EXIT_FAILED, "out of memory");
    for (size_t i = 0; i < tree->entry_count; i++)
        if (*tree->entries[i].digest)
            files[count++] = (struct upload){ .path = snapshot->paths[i],
                                              .digest = tree->entries[i].digest,
                                              .size = tree->entries[i].size };

    int end = upload_files(self->cli, files, count);

    if (end != EXIT_GO_ON)
        return end;
    tree_encode(&bytes, tree);
    if (!buf_ok(&bytes))
        return cli_fail(self->cli, EXIT_FAILED, "the list of %zu files is too large",
                        tree->entry_count);
    if (sluice_put_bytes(self->cli->sluice, bytes.data, bytes.size, digest,
                         &self->cli->error))
        return cli_fail_last(self->cli);
    for (size_t i = 0; i < self->part_count; i++) {
        char own[DIGEST_TEXT_SIZE];

        if (sluice_put_bytes(self->cli->sluice, self->parts[i].bytes, self->parts[i].size,
                             own, &self->cli->error))
            return cli_fail_last(self->cli);
    }
    snapshot->code.tree = digest;
    self->plan->code = snapshot->code;
    return EXIT_GO_ON;
}

static int print_submitted(const struct running *self, uint64_t run)
{
    const struct plan *plan = self->plan;
    scoped_json json = { 0 };

    for (size_t i = 0; i < plan->note_count; i++)
        cli_note(self->cli, "%s", plan->notes[i]);
    if (self->cli->json) {
        json_open(&json, NULL, '{');
        json_text(&json, "change", "submitted");
        json_uint(&json, "run", run);
        json_close(&json, '}');
        json_print(&json, stdout);
    } else {
        printf("run %" PRIu64 " goes on; `sluice show %" PRIu64 "` shows it\n", run, run);
    }
    return EXIT_DONE;
}

static int run_all(struct running *self)
{
    uint64_t run;
    int end = pipeline_file_read(self->cli, &self->file);

    if (end == EXIT_GO_ON)
        end = cli_peer(self->cli);
    if (end == EXIT_GO_ON)
        end = compile(self);
    if (end == EXIT_GO_ON)
        end = gather(self);
    if (end == EXIT_GO_ON)
        end = cli_connect(self->cli, CONNECT_START);
    if (end == EXIT_GO_ON)
        end = input_names_resolve(self->cli, self->plan, self->arena);
    if (end == EXIT_GO_ON)
        end = upload_files(self->cli, self->inputs.files, self->inputs.count);
    if (end == EXIT_GO_ON)
        end = store_code(self);
    if (end == EXIT_GO_ON)
        end = submit_plan(self->cli, self->arena, self->plan, NULL, NULL, &run);
    if (end != EXIT_GO_ON)
        return end;
    digests_save(self->digests);
    return self->asked->detach ? print_submitted(self, run) : follow_run(self->cli, run);
}

static int run_begin(struct cli *cli, struct asked *asked)
{
    struct running self = { .cli = cli,
                            .asked = asked,
                            .arena = arena_create(ARENA_MAX) };
    int end = self.arena ? run_all(&self) : cli_fail(cli, EXIT_FAILED, "out of memory");

    digests_destroy(self.digests);
    arena_destroy(self.arena);
    pipeline_file_fini(&self.file);
    return end;
}

int verb_run(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    struct asked asked = { 0 };
    const struct option options[] = {
        { "step", 0, OPTION_TEXT, &asked.step },
        { "parameter", 'p', OPTION_LIST, &asked.parameters },
        { "input", 'i', OPTION_LIST, &asked.inputs },
        { "title", 0, OPTION_TEXT, &asked.title },
        { "detach", 'd', OPTION_FLAG, &asked.detach },
        { "seed", 0, OPTION_NUMBER, &asked.seed },
        { "priority", 0, OPTION_SIGNED, &asked.priority },
        { "reuse", 0, OPTION_FLAG, &asked.reuse },
        { "no-reuse", 0, OPTION_FLAG, &asked.no_reuse },
    };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 0, 1);

    if (end == EXIT_GO_ON
        && (asked.priority < PLAN_PRIORITY_MIN || asked.priority > PLAN_PRIORITY_MAX))
        end = cli_fail(&cli, EXIT_WRONG, "--priority goes from %d to %d",
                       (int)PLAN_PRIORITY_MIN, (int)PLAN_PRIORITY_MAX);
    if (end == EXIT_GO_ON && asked.reuse && asked.no_reuse)
        end = cli_fail(&cli, EXIT_WRONG, "give --reuse or --no-reuse, not both");
    if (end == EXIT_GO_ON)
        end = run_begin(&cli, &asked);
    texts_fini(&asked.parameters);
    texts_fini(&asked.inputs);
    return end;
}
