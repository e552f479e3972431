/* verb_reproduce.c - `sluice reproduce RUN/STAGE[/N]`: runs it again exactly, and says
 * whether the outputs have the same bytes. */
#include "client/cli/follow.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/compare/reproduction.h"
#include "client/cli/project/submit.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct reproduce {
    struct reproduction reproduction;
    struct arena *arena;
    uint64_t first, count; /* tasks of the origin; those of the new run begin at 0 */
    const struct task_result **before, **after;
    uint64_t run;              /* the new one */
    uint64_t equal, different; /* outputs */
    bool is_equal;
};

struct filling {
    const struct task_result **results;
    uint64_t first;
};

static int fill_result(void *context, uint64_t task, const struct task_result *result)
{
    struct filling *filling = context;

    filling->results[task - filling->first] = result;
    return EXIT_GO_ON;
}

static int load_before(struct reproduce *self)
{
    const struct target *target = self->reproduction.target;
    struct cli *cli = self->reproduction.cli;
    struct filling filling;
    int end;

    self->first = target->has_task ? target->task : 0;
    self->count = target->has_task ? 1 : target->stage->tasks;
    self->before = arena_array(self->arena, self->count, sizeof *self->before);
    self->after = arena_array(self->arena, self->count, sizeof *self->after);
    if (!self->before || !self->after)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    filling = (struct filling){ self->before, self->first };
    end = load_results(cli, target->run, target->stage->name, self->first,
                       self->first + self->count, self->arena, fill_result, &filling);
    if (end != EXIT_GO_ON)
        return end;
    self->reproduction.results = self->before;
    self->reproduction.first = self->first;
    self->reproduction.count = self->count;
    for (uint64_t i = 0; i < self->count; i++)
        if (self->before[i])
            return EXIT_GO_ON;
    return cli_fail(cli, EXIT_WRONG,
                    "%" PRIu64 "/%s has no result yet: there is nothing to compare with",
                    target->run, target->stage->name);
}

/* Of several files of one name the last counts. */
static const struct plan_source *find_file(const struct plan_source *files, size_t count,
                                           const char *name)
{
    for (size_t i = count; i-- > 0;)
        if (files[i].name && strcmp(files[i].name, name) == 0)
            return &files[i];
    return NULL;
}

static const char *digest_of(const struct plan_source *file)
{
    return file ? file->digest : NULL;
}

static void tell_file(struct reproduce *self, struct json *json, uint64_t task,
                      const char *name, const char *before, const char *after)
{
    bool is_equal = before && after && strcmp(before, after) == 0;
    scoped_buf line = { 0 };

    self->equal += is_equal;
    self->different += !is_equal;
    if (json) {
        json_open(json, NULL, '{');
        json_uint(json, "task", task);
        json_text(json, "name", name);
        json_bool(json, "equal", is_equal);
        json_text(json, "before", before);
        json_text(json, "after", after);
        json_close(json, '}');
        return;
    }
    text_fit(&line, name, SIZE_MAX);
    printf("  %-9s  ", is_equal  ? "equal"
                       : !after  ? "missing"
                       : !before ? "new"
                                 : "different");
    if (self->count > 1)
        printf("%" PRIu64 "  ", task);
    printf("%s\n", buf_string(&line));
}

/* Each output of the one or the other, by name. */
static void tell_task(struct reproduce *self, struct json *json, uint64_t i)
{
    static const struct task_result none = { 0 };
    const struct task_result *before = self->before[i],
                             *after = self->after[i] ? self->after[i] : &none;
    uint64_t task = self->first + i;

    for (size_t k = 0; k < before->output_count; k++) {
        const struct plan_source *file = &before->outputs[k];

        if (find_file(before->outputs, before->output_count, file->name) == file)
            tell_file(
                self, json, task, file->name, file->digest,
                digest_of(find_file(after->outputs, after->output_count, file->name)));
    }
    for (size_t k = 0; k < after->output_count; k++)
        if (find_file(after->outputs, after->output_count, after->outputs[k].name)
                == &after->outputs[k]
            && !find_file(before->outputs, before->output_count, after->outputs[k].name))
            tell_file(self, json, task, after->outputs[k].name, NULL,
                      after->outputs[k].digest);
}

/* Files that the nodes fetched from URIs and that are not asked for by their digests, as
 * those of older releases: they may have changed. */
static void note_fetched(const struct reproduce *self, uint64_t i)
{
    const struct task_result *before = self->before[i], *after = self->after[i];

    for (size_t k = 0; after && k < before->input_count; k++) {
        const struct plan_source *file = &before->inputs[k];
        const char *now =
            digest_of(find_file(after->inputs, after->input_count, file->name));

        if (now && file->digest && strcmp(now, file->digest) != 0)
            cli_note(self->reproduction.cli,
                     "the input file %s was fetched again, and its bytes have changed",
                     file->name);
    }
}

/* Equal values of a secret have equal masks. */
static int note_secrets(struct reproduce *self)
{
    const struct plan_stage *old = self->reproduction.resolved;
    struct plan_stage *new;
    int end = load_stage(self->reproduction.cli, self->run, old->name, self->arena, &new);

    for (size_t i = 0; end == EXIT_GO_ON && i < old->variable_count; i++)
        if (old->variables[i].masked && i < new->variable_count &&new->variables[i].value
            && old->variables[i].value &&strcmp(old->variables[i].value,
                                                new->variables[i].value)
                   != 0)
            cli_note(self->reproduction.cli,
                     "the secret variable %s has another value than it had then",
                     old->variables[i].name);
    return end;
}

static bool ended_alike(const struct task_result *a, const struct task_result *b)
{
    return b && a->cause == b->cause && a->exit_code == b->exit_code
           && a->signal == b->signal;
}

static void print_verdict(const struct reproduce *self, const char *origin)
{
    if (self->is_equal)
        printf("%s was reproduced by run %" PRIu64 ": %" PRIu64
               " output%s, all byte-equal\n",
               origin, self->run, self->equal, self->equal == 1 ? "" : "s");
    else
        printf("%s was not reproduced by run %" PRIu64 ": %" PRIu64 " of %" PRIu64
               " outputs differ%s\n",
               origin, self->run, self->different, self->equal + self->different,
               self->different ? "" : ", but it ended in another way");
}

static int tell(struct reproduce *self)
{
    struct cli *cli = self->reproduction.cli;
    scoped_json json = { 0 };
    struct json *to = cli->json ? &json : NULL;
    const char *origin = self->reproduction.plan.notes[0] + strlen("reproduces ");

    self->is_equal = true;
    json_open(&json, NULL, '{');
    json_text(&json, "change", "reproduced");
    json_uint(&json, "run", self->run);
    json_text(&json, "origin", origin);
    json_open(&json, "outputs", '[');
    for (uint64_t i = 0; i < self->count; i++) {
        if (!self->before[i])
            continue; /* it did not come to an end then, either */
        tell_task(self, to, i);
        note_fetched(self, i);
        self->is_equal &= ended_alike(self->before[i], self->after[i]);
    }
    json_close(&json, ']');
    self->is_equal &= self->different == 0;
    json_bool(&json, "equal", self->is_equal);
    json_close(&json, '}');
    if (cli->json)
        json_print(&json, stdout);
    else
        print_verdict(self, origin);
    return self->is_equal ? EXIT_DONE : EXIT_DIFFERENT;
}

/* After the new run, whose exit code was how. */
static int compare(struct reproduce *self, int how)
{
    struct cli *cli = self->reproduction.cli;
    struct filling filling = { self->after, 0 };
    struct sluice_view *view;
    int end;

    if (sluice_view(cli->sluice, self->run, &view, &cli->error))
        return cli_fail_last(cli);

    bool is_over = view->run.ended_us != 0 && view->stage_count > 0;
    bool was_stopped = strcmp(view->run.state, "stopped") == 0;

    end = is_over ? load_results(cli, self->run, view->stages[0].name, 0, self->count,
                                 self->arena, fill_result, &filling)
                  : how;
    sluice_view_free(view);
    if (!is_over || was_stopped) {
        cli_note(cli, "run %" PRIu64 " did not come to its end: nothing was compared",
                 self->run);
        return end == EXIT_GO_ON ? how : end;
    }
    if (end == EXIT_GO_ON)
        end = note_secrets(self);
    return end == EXIT_GO_ON ? tell(self) : end;
}

static int reproduce(struct reproduce *self)
{
    struct reproduction *reproduction = &self->reproduction;
    struct cli *cli = reproduction->cli;
    int end = reproduction_begin(reproduction);

    if (end == EXIT_GO_ON)
        end = load_before(self);
    if (end == EXIT_GO_ON)
        end = reproduction_plan(reproduction);
    if (end == EXIT_GO_ON)
        end = submit_plan(cli, self->arena, &reproduction->plan,
                          reproduction->target->view->run.id, "reproduce", &self->run);
    if (end != EXIT_GO_ON)
        return end;
    end = follow_run(cli, self->run);
    return end == EXIT_UNREACHABLE ? end : compare(self, end);
}

int verb_reproduce(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    struct texts variables = { 0 };
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    const struct option options[] = { { "variable", 'v', OPTION_LIST, &variables } };
    struct reproduce self = { .reproduction = { .cli = &cli,
                                                .target = &target,
                                                .arena = arena,
                                                .variables = &variables },
                              .arena = arena };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, 1);

    if (end == EXIT_GO_ON)
        end = target_open(&cli, cli.words[0], TARGET_STAGE, &target);
    if (end == EXIT_GO_ON)
        end = arena ? reproduce(&self) : cli_fail(&cli, EXIT_FAILED, "out of memory");
    texts_fini(&variables);
    return end;
}
