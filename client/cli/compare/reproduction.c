/* reproduction.c - see reproduction.h. The pipeline file of today has no say: all comes
 * from the store. */
#include "client/cli/compare/reproduction.h"

#include "client/cli/load.h"
#include "client/cli/project/pipeline_file.h"
#include "client/cli/versions/removed.h"
#include "client/cli/compare/tree_changes.h"
#include "codecs/plan/task.h"
#include "codecs/wire/settled.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HAVE_AT_ONCE = 10000 };

static int no_memory(const struct reproduction *self)
{
    return cli_fail(self->cli, EXIT_FAILED, "out of memory");
}

int reproduction_begin(struct reproduction *self)
{
    const struct target *target = self->target;
    void *bytes;
    size_t size;
    struct err err;

    if (!target->stage->is_resolved)
        return cli_fail(self->cli, EXIT_WRONG,
                        "stage %s of run %" PRIu64 " never got its values: there is "
                        "nothing to run again",
                        target->stage->name, target->run);
    if (sluice_plan(self->cli->sluice, target->run, &bytes, &size, &self->cli->error))
        return cli_fail_last(self->cli);

    enum rc rc = plan_decode(self->arena, bytes, size, &self->origin, &err);

    free(bytes);
    if (rc != RC_OK)
        return cli_fail_err(self->cli, EXIT_FAILED, &err);
    return load_stage(self->cli, target->run, target->stage->name, self->arena,
                      &self->resolved);
}

/* The value that the pipeline file of the run's own code gives the step's variable. */
static const char *value_in_code(struct reproduction *self, const struct tree *code,
                                 const char *variable)
{
    scoped_fd int fd = memfd_create("pipeline", MFD_CLOEXEC);
    scoped_buf bytes = { 0 };
    struct sluice_error ignored;
    struct err err;
    const char *value = NULL;

    for (size_t i = 0; i < code->entry_count; i++) {
        const struct tree_entry *entry = &code->entries[i];
        void *room;

        if (strcmp(entry->path, PIPELINE_FILE) != 0 || entry->size > CONFIG_BYTES_MAX
            || fd < 0 || !*entry->digest
            || sluice_get(self->cli->sluice, entry->digest, fd, NULL, NULL, &ignored)
            || !(room = buf_room(&bytes, entry->size + 1)))
            continue;

        ssize_t got = pread(fd, room, entry->size, 0);

        buf_grew(&bytes, got > 0 ? (size_t)got : 0);
    }

    struct lint lint = { 0 };
    const struct config_step *step = NULL;

    if (bytes.size > 0
        && lint_file(PIPELINE_FILE, bytes.data, bytes.size, &lint, &err) == RC_OK
        && lint.config)
        step = config_step_find(lint.config, self->resolved->step);
    for (size_t i = 0; step && i < step->variable_count; i++)
        if (strcmp(step->variables[i].name, variable) == 0 && step->variables[i].fallback)
            value = arena_text(self->arena, step->variables[i].fallback);
    lint_fini(&lint);
    return value;
}

static const char *value_given(const struct reproduction *self, const char *variable)
{
    size_t size = strlen(variable);

    for (size_t i = 0; i < self->variables->count; i++)
        if (strncmp(self->variables->items[i], variable, size) == 0
            && self->variables->items[i][size] == '=')
            return self->variables->items[i] + size + 1;
    return NULL;
}

/* Records hold masks of secrets: the values come from whoever asks, or from the code. */
static int settle_secrets(struct reproduction *self, const struct tree *code,
                          struct plan_stage *stage)
{
    struct plan_variable *variables =
        arena_array(self->arena, stage->variable_count, sizeof *variables);

    if (!variables)
        return no_memory(self);
    for (size_t i = 0; i < stage->variable_count; i++) {
        variables[i] = stage->variables[i];
        if (!variables[i].masked)
            continue;
        variables[i].masked = false;
        variables[i].value = value_given(self, variables[i].name);
        if (!variables[i].value)
            variables[i].value = value_in_code(self, code, variables[i].name);
        if (!variables[i].value)
            return cli_fail(self->cli, EXIT_WRONG,
                            "the variable %s is secret, so no record holds its value: "
                            "give it with -v %s=VALUE",
                            variables[i].name, variables[i].name);
    }
    stage->variables = variables;
    return EXIT_GO_ON;
}

static int settle_values(struct reproduction *self, struct plan_stage *stage)
{
    struct plan_parameter *parameters;
    struct value *values;
    struct err err;

    if (!self->target->has_task || stage->sweep == SWEEP_NONE)
        return EXIT_GO_ON;
    if (plan_task_parameters(self->resolved, self->target->task, self->arena, &values,
                             &err)
        != RC_OK)
        return cli_fail_err(self->cli, EXIT_FAILED, &err);
    parameters = arena_array(self->arena, stage->parameter_count, sizeof *parameters);
    if (!parameters)
        return no_memory(self);
    for (size_t i = 0; i < stage->parameter_count; i++) {
        parameters[i] = stage->parameters[i];
        parameters[i].value = values[i];
    }
    stage->parameters = parameters;
    stage->kind = STAGE_EXECUTION;
    stage->sweep = SWEEP_NONE;
    stage->columns = NULL;
    stage->column_count = 0;
    return EXIT_GO_ON;
}

static int gone(const struct reproduction *self, const char *what, const char *name,
                const char *digest)
{
    struct removed removed = removed_ask(self->cli, self->arena, &digest, 1);
    const struct removed_file *file = removed_find(&removed, digest);

    return cli_fail(self->cli, EXIT_WRONG,
                    "%s %s is no longer in the store: %" PRIu64
                    "/%s cannot be run again as it was%s%s",
                    what, name, self->target->run, self->target->stage->name,
                    file ? "; " : "", removed_text(file).text);
}

/* Whether the store has all of them; names[i] is what digests[i] is called. */
static int check_have(struct reproduction *self, const char *what,
                      const char *const *digests, const char *const *names, size_t count)
{
    bool *missing = arena_array(self->arena, HAVE_AT_ONCE, sizeof *missing);

    if (!missing)
        return no_memory(self);
    for (size_t at = 0; at < count; at += HAVE_AT_ONCE) {
        size_t here = count - at < HAVE_AT_ONCE ? count - at : HAVE_AT_ONCE;

        if (sluice_have(self->cli->sluice, digests + at, here, missing,
                        &self->cli->error))
            return cli_fail_last(self->cli);
        for (size_t i = 0; i < here; i++)
            if (missing[i])
                return gone(self, what, names[at + i], digests[at + i]);
    }
    return EXIT_GO_ON;
}

static int check_tree(struct reproduction *self, const char *digest, struct tree *tree)
{
    const char **digests, **names;
    size_t count = 0;

    *tree = (struct tree){ 0 };
    if (!digest || !*digest)
        return EXIT_GO_ON;
    if (!tree_fetch(self->cli, digest, self->arena, tree))
        return gone(self, "the list of the code's files,", digest, digest);
    digests = arena_array(self->arena, tree->entry_count, sizeof *digests);
    names = arena_array(self->arena, tree->entry_count, sizeof *names);
    if (!digests || !names)
        return no_memory(self);
    for (size_t i = 0; i < tree->entry_count; i++)
        if (*tree->entries[i].digest) {
            digests[count] = tree->entries[i].digest;
            names[count++] = tree->entries[i].path;
        }
    return check_have(self, "the code's file", digests, names, count);
}

static bool are_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Two stages that were settled from the same one. */
static bool have_same_files(const struct plan_stage *a, const struct plan_stage *b)
{
    for (size_t i = 0; i < a->input_count; i++) {
        const struct plan_input *one = &a->inputs[i], *other = &b->inputs[i];

        if (one->source_count != other->source_count)
            return false;
        for (size_t k = 0; k < one->source_count; k++)
            if (!are_equal(one->sources[k].digest, other->sources[k].digest)
                || !are_equal(one->sources[k].name, other->sources[k].name)
                || !are_equal(one->sources[k].uri, other->sources[k].uri))
                return false;
    }
    return true;
}

/* The stage as its tasks had it, if all had the same: then what nodes fetched is asked
 * for by its digest. */
static int pin_inputs(struct reproduction *self, struct plan_stage *pinned)
{
    const struct plan_stage *stage = self->resolved;
    bool is_first = true;
    struct err err;

    *pinned = *stage;
    for (uint64_t i = 0; i < self->count; i++) {
        struct plan_stage settled;

        if (!self->results[i])
            continue;
        if (settled_stage(stage, self->first + i, self->results[i], self->arena, &settled,
                          &err)
            != RC_OK)
            return cli_fail_err(self->cli, EXIT_FAILED, &err);
        if (!is_first && !have_same_files(pinned, &settled)) {
            cli_note(self->cli,
                     "the tasks of %" PRIu64 "/%s fetched different files, which are "
                     "fetched again; reproduce one task to give it those that it had",
                     self->target->run, stage->name);
            *pinned = *stage;
            return EXIT_GO_ON;
        }
        *pinned = settled;
        is_first = false;
    }
    return EXIT_GO_ON;
}

static int check_inputs(struct reproduction *self, const struct plan_stage *stage)
{
    for (size_t i = 0; i < stage->input_count; i++) {
        const struct plan_input *input = &stage->inputs[i];
        const char **digests =
            arena_array(self->arena, input->source_count, sizeof *digests);
        const char **names = arena_array(self->arena, input->source_count, sizeof *names);
        size_t count = 0;

        if (!digests || !names)
            return no_memory(self);
        for (size_t k = 0; k < input->source_count; k++)
            if (input->sources[k].digest) {
                digests[count] = input->sources[k].digest;
                names[count++] = input->sources[k].name ? input->sources[k].name
                                                        : input->sources[k].uri;
            }

        int end = check_have(self, "the input file", digests, names, count);

        if (end != EXIT_GO_ON)
            return end;
    }
    return EXIT_GO_ON;
}

int reproduction_plan(struct reproduction *self)
{
    struct plan_stage *stage = arena_alloc(self->arena, sizeof *stage);
    const char **note = arena_alloc(self->arena, sizeof *note);
    struct tree code, part;
    int end = stage && note ? pin_inputs(self, stage) : no_memory(self);

    if (end != EXIT_GO_ON)
        return end;
    stage->reuse = false;
    stage->actions = NULL; /* nobody is asked to approve it again */
    stage->action_count = 0;
    end = settle_values(self, stage);
    if (end == EXIT_GO_ON)
        end = check_tree(self, self->origin->code.tree, &code);
    if (end == EXIT_GO_ON && stage->sees_own_code)
        end = check_tree(self, stage->code, &part);
    if (end == EXIT_GO_ON)
        end = check_inputs(self, self->resolved);
    if (end == EXIT_GO_ON)
        end = settle_secrets(self, &code, stage);
    if (end != EXIT_GO_ON)
        return end;
    *note = arena_printf(self->arena, "reproduces %" PRIu64 "/%s", self->target->run,
                         stage->name);
    if (self->target->has_task)
        *note = arena_printf(self->arena, "%s/%" PRIu64, *note ? *note : "",
                             self->target->task);
    if (!*note)
        return no_memory(self);
    self->plan = *self->origin;
    self->plan.stages = stage;
    self->plan.stage_count = 1;
    self->plan.edges = NULL;
    self->plan.edge_count = 0;
    self->plan.notes = note;
    self->plan.note_count = 1;
    self->plan.priority = 0;
    return EXIT_GO_ON;
}
