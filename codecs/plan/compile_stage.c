/* compile_stage.c - one stage from its step, its override and its blueprint. */
#include "codecs/plan/draft.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "codecs/command/command.h"
#include "codecs/expression/expression.h"
#include "codecs/plan/tree.h"
#include "codecs/sweep/sweep.h"

static const struct config_override *override_of(const struct draft *draft)
{
    return draft->node && draft->node->has_override ? &draft->node->override : NULL;
}

/* An entry of an override replaces the step's as a whole: without a default of its own it
 * takes the value away. */
static void parameter_fill(struct plan_parameter *to, const struct config_parameter *from,
                           bool is_override)
{
    bool is_number = from->type == PARAMETER_INTEGER || from->type == PARAMETER_FLOAT;

    *to = (struct plan_parameter){
        .name = from->name,
        .type = from->type,
        .multiple = from->multiple,
        .separator = from->separator,
        .pass_as = from->pass_as,
        .pass_true_as = from->pass_true_as,
        .pass_false_as = from->pass_false_as,
        .optional = from->optional || from->type == PARAMETER_FLAG,
        .has_min = from->has_min,
        .has_max = from->has_max,
        .min = from->min,
        .max = from->max,
        .choices = from->choices,
        .value = from->fallback,
    };
    if (is_number && value_is_text(&to->value, ""))
        to->value = (struct value){ .kind = VALUE_ABSENT };
    if (is_override && to->value.kind == VALUE_ABSENT)
        to->value = value_null();
}

static enum rc parameters_fill(struct compiler *compiler, struct plan_stage *stage,
                               struct draft *draft)
{
    const struct config_step *step = draft->step;
    const struct config_override *override = override_of(draft);
    size_t count = step->parameter_count;

    stage->parameters = compile_array(compiler, count, sizeof *stage->parameters);
    draft->value_places = compile_array(compiler, count, sizeof *draft->value_places);
    draft->is_given = compile_array(compiler, count, sizeof *draft->is_given);
    draft->is_reached = compile_array(compiler, count, sizeof *draft->is_reached);
    if (!stage->parameters || !draft->value_places || !draft->is_given
        || !draft->is_reached)
        return RC_NO_MEMORY;
    stage->parameter_count = count;
    for (size_t i = 0; i < count; i++) {
        parameter_fill(&stage->parameters[i], &step->parameters[i], false);
        draft->value_places[i] = step->parameters[i].place;
    }
    for (size_t i = 0; override && i < override->parameter_count; i++) {
        const struct config_parameter *entry = &override->parameters[i];
        size_t at = stage_parameter_find(stage, entry->name);

        if (at == count)
            return compile_fail(compiler, RC_INVALID, entry->place,
                                "node '%.80s': override.parameters names '%.80s', which "
                                "step '%.80s' lacks",
                                draft->node->name, entry->name, step->name);
        parameter_fill(&stage->parameters[at], entry, true);
        draft->value_places[at] = entry->place;
    }
    return RC_OK;
}

static enum rc input_fill(struct compiler *compiler, struct plan_input *to,
                          const struct config_input *from)
{
    struct plan_source *sources =
        compile_array(compiler, from->uri_count, sizeof *sources);

    if (!sources)
        return RC_NO_MEMORY;
    if (!tree_path_is_safe(from->name))
        return compile_fail(compiler, RC_INVALID, from->place,
                            "input '%.80s': its name cannot be a directory's; leave out "
                            "'..', newlines and slashes at the ends",
                            from->name);
    if (from->filename && !tree_path_is_safe(from->filename))
        return compile_fail(compiler, RC_INVALID, from->place,
                            "input '%.80s': filename '%.200s' is no relative path",
                            from->name, from->filename);
    for (size_t i = 0; i < from->uri_count; i++)
        sources[i].uri = from->uris[i];
    *to = (struct plan_input){
        .name = from->name,
        .sources = sources,
        .source_count = from->uri_count,
        .filename = from->filename,
        .keep_directories = from->keep_directories,
        .optional = from->optional,
        .on_demand = from->on_demand,
    };
    return RC_OK;
}

static enum rc inputs_fill(struct compiler *compiler, struct plan_stage *stage,
                           struct draft *draft)
{
    const struct config_step *step = draft->step;
    const struct config_override *override = override_of(draft);
    size_t count = step->input_count;
    enum rc rc = RC_OK;

    stage->inputs = compile_array(compiler, count, sizeof *stage->inputs);
    draft->input_is_given = compile_array(compiler, count, sizeof(bool));
    draft->input_is_reached = compile_array(compiler, count, sizeof(bool));
    if (!stage->inputs || !draft->input_is_given || !draft->input_is_reached)
        return RC_NO_MEMORY;
    stage->input_count = count;
    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc = input_fill(compiler, &stage->inputs[i], &step->inputs[i]);
    for (size_t i = 0; override && i < override->input_count && rc == RC_OK; i++) {
        const struct config_input *entry = &override->inputs[i];
        size_t at = stage_input_find(stage, entry->name);

        if (at == count)
            return compile_fail(compiler, RC_INVALID, entry->place,
                                "node '%.80s': override.inputs names '%.80s', which step "
                                "'%.80s' lacks",
                                draft->node->name, entry->name, step->name);
        rc = input_fill(compiler, &stage->inputs[at], entry);
    }
    return rc;
}

static void variable_fill(struct plan_variable *to, const struct config_variable *from)
{
    *to = (struct plan_variable){ .name = from->name,
                                  .value = from->fallback,
                                  .optional = from->optional };
}

static enum rc variables_fill(struct compiler *compiler, struct plan_stage *stage,
                              struct draft *draft)
{
    const struct config_step *step = draft->step;
    const struct config_override *override = override_of(draft);
    size_t count = step->variable_count + (override ? override->variable_count : 0);

    stage->variables = compile_array(compiler, count, sizeof *stage->variables);
    draft->variable_is_reached = compile_array(compiler, count, sizeof(bool));
    if (!stage->variables || !draft->variable_is_reached)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < step->variable_count; i++)
        variable_fill(&stage->variables[stage->variable_count++], &step->variables[i]);
    for (size_t i = 0; override && i < override->variable_count; i++) {
        size_t at = stage_variable_find(stage, override->variables[i].name);

        if (at == stage->variable_count)
            stage->variable_count++;
        variable_fill(&stage->variables[at], &override->variables[i]);
    }
    return RC_OK;
}

static double amount(double number)
{
    return isnan(number) ? 0 : number;
}

static enum rc resources_fill(struct compiler *compiler, struct plan_stage *stage,
                              const struct config_step *step)
{
    const struct value *devices = &step->resources.devices;

    stage->cpu_min = amount(step->resources.cpu.min);
    stage->memory_min_mb = amount(step->resources.memory.min);
    for (size_t i = 0; devices->kind == VALUE_MAP && i < devices->map.count; i++) {
        const struct value_entry *entry = &devices->map.entries[i];

        if (!strcasestr(entry->key, "gpu"))
            continue;
        stage->gpus += entry->value.kind == VALUE_INT     ? (double)entry->value.integer
                       : entry->value.kind == VALUE_FLOAT ? entry->value.real
                                                          : 0;
    }
    if (!(stage->cpu_min >= 0) || !(stage->memory_min_mb >= 0) || !(stage->gpus >= 0)
        || !isfinite(stage->cpu_min + stage->memory_min_mb + stage->gpus))
        return compile_fail(compiler, RC_INVALID, step->place,
                            "step '%.80s': resources must be finite and not negative",
                            step->name);
    return RC_OK;
}

/* A word's number in a table, or the table's size. */
static size_t word_find(const char *word, const char *const *words, size_t count)
{
    size_t i = 0;

    while (i < count && strcmp(word, words[i]) != 0)
        i++;
    return i;
}

static enum rc action_fill(struct compiler *compiler, const struct draft *draft,
                           const struct config_action *from, struct plan_action *to)
{
    static const char *const whens[] = { "node-starting", "node-complete", "node-error" };
    static const char *const thens[] = {
        [THEN_NOOP] = "noop",
        [THEN_STOP] = "stop-pipeline",
        [THEN_ERROR] = "error-pipeline",
        [THEN_APPROVAL] = "require-approval",
    };
    enum then *then = compile_array(compiler, from->then_count, sizeof *then);

    if (!then)
        return RC_NO_MEMORY;
    *to = (struct plan_action){ .conditions = from->conditions,
                                .condition_count = from->condition_count,
                                .then = then };
    for (size_t i = 0; i < from->when_count; i++) {
        size_t at = word_find(from->when[i], whens, COUNT_OF(whens));

        if (at < COUNT_OF(whens))
            to->when |= 1U << at;
        else
            compile_note(compiler, "node '%.80s' (line %u): when '%.80s' never happens",
                         draft->node->name, from->place.line, from->when[i]);
    }
    for (size_t i = 0; i < from->then_count; i++) {
        size_t at = word_find(from->then[i], thens, COUNT_OF(thens));

        if (at < COUNT_OF(thens))
            then[to->then_count++] = (enum then)at;
        else
            compile_note(compiler, "node '%.80s' (line %u): then '%.80s' is not known",
                         draft->node->name, from->place.line, from->then[i]);
    }
    for (size_t i = 0; i < from->condition_count; i++) {
        struct expression *expression;
        struct err why = { 0 };
        enum rc rc =
            expression_parse(compiler->arena, from->conditions[i], &expression, &why);

        if (rc == RC_NO_MEMORY)
            return err_set(compiler->err, rc, "%s", why.text);
        if (rc != RC_OK)
            compile_note(compiler,
                         "node '%.80s' (line %u): the action's 'if' never holds: %.300s",
                         draft->node->name, from->place.line, why.text);
    }
    return RC_OK;
}

static enum rc actions_fill(struct compiler *compiler, struct plan_stage *stage,
                            const struct draft *draft)
{
    const struct config_stage *node = draft->node;

    stage->actions = compile_array(compiler, node->action_count, sizeof *stage->actions);
    if (!stage->actions)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < node->action_count; i++) {
        struct plan_action *action = &stage->actions[stage->action_count];
        enum rc rc = action_fill(compiler, draft, &node->actions[i], action);

        if (rc != RC_OK)
            return rc;
        if (action->when != 0 && action->then_count > 0)
            stage->action_count++;
    }
    return RC_OK;
}

/* A JSON line that a command prints is often written so. */
static void command_notes(struct compiler *compiler, const char *step,
                          const char *const *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *hidden = command_hidden(commands[i], &size);

        if (!hidden)
            continue;
        compile_note(compiler,
                     "step '%.80s': %.*s in its command is not replaced, because a brace "
                     "before it on the line is open; use printf with %%s, or a variable",
                     step, (int)(size < 80 ? size : 80), hidden);
        return;
    }
}

/* What of a step is not done as one may expect; said once of each. */
static void step_notes(struct compiler *compiler, const struct draft *draft)
{
    const struct config_step *step = draft->step;
    const struct config_override *override = override_of(draft);
    bool *is_noted = &compiler->step_is_noted[step - compiler->config->steps];

    if (*is_noted)
        return;
    *is_noted = true;
    if (override && override->command_count > 0)
        command_notes(compiler, step->name, override->commands, override->command_count);
    else
        command_notes(compiler, step->name, step->commands, step->command_count);
    if (step->mount_count > 0 || (override && override->mount_count > 0))
        compile_note(compiler,
                     "step '%.80s': mounts are not mounted, as commands run on the host",
                     step->name);
    if (step->cache_volume_count > 0)
        compile_note(compiler,
                     "step '%.80s': cache-volumes are not mounted, as commands run on "
                     "the host",
                     step->name);
    if (step->variable_group_count > 0)
        compile_note(compiler,
                     "step '%.80s': environment-variable-groups are kept by the hosted "
                     "service and bring nothing here",
                     step->name);
    if (step->runtime_config_preset || (override && override->runtime_config_preset))
        compile_note(compiler, "step '%.80s': runtime-config-preset is ignored",
                     step->name);
}

/* 0 stands for "not given" in file and plan alike; so do negative numbers. */
static uint64_t limit_of(int64_t given)
{
    return given > 0 ? (uint64_t)given : 0;
}

static void texts_fill(struct plan_stage *stage, const struct draft *draft)
{
    const struct config_step *step = draft->step;
    const struct config_override *override = override_of(draft);

    stage->step = step->name;
    stage->image = override && override->image ? override->image : step->image;
    stage->environment =
        override && override->environment ? override->environment : step->environment;
    stage->commands = step->commands;
    stage->command_count = step->command_count;
    if (override && override->command_count > 0) {
        stage->commands = override->commands;
        stage->command_count = override->command_count;
    }
    stage->source_path = step->source_path;
    stage->upload_store = step->upload_store;
    stage->description = step->description;
    stage->stop_condition = step->stop_condition;
    stage->time_limit_s = limit_of(step->time_limit_s);
    stage->no_output_timeout_s = limit_of(step->no_output_timeout_s);
}

static enum rc task_fill(struct compiler *compiler, struct plan_stage *stage,
                         const struct draft *draft, size_t index)
{
    const struct config_task *task = draft->task;
    uint64_t seed = compiler->request->seed ^ (index * 0xd1342543de82ef95U);
    enum rc rc = sweep_expand(compiler->arena, task, seed, stage, compiler->err);

    if (rc != RC_OK)
        return compile_wrap(compiler, rc, draft->place, stage->name);
    stage->task = task->name;
    stage->queued_max = limit_of(task->maximum_queued);
    stage->on_child_error = task->on_child_error;
    stage->reuse = stage->reuse || task->reuse_children;
    if (task->stop_condition)
        stage->stop_condition = task->stop_condition;
    if (task->description)
        stage->description = task->description;
    return RC_OK;
}

static enum rc stop_condition_check(struct compiler *compiler,
                                    const struct plan_stage *stage,
                                    const struct draft *draft)
{
    struct expression *expression;
    enum rc rc = RC_OK;

    if (stage->stop_condition)
        rc = expression_parse(compiler->arena, stage->stop_condition, &expression,
                              compiler->err);
    if (rc != RC_OK)
        return compile_wrap(compiler, rc, draft->place, "stop-condition");
    return RC_OK;
}

enum rc compile_stage(struct compiler *compiler, size_t index)
{
    struct plan_stage *stage = &compiler->plan->stages[index];
    struct draft *draft = &compiler->drafts[index];
    enum rc rc = RC_OK;

    texts_fill(stage, draft);
    stage->kind = draft->task ? STAGE_TASK : STAGE_EXECUTION;
    if (draft->node) {
        stage->kind = draft->node->kind;
        stage->on_error = draft->node->on_error;
        stage->merge_append = draft->node->merge_append;
        stage->reuse = compiler->pipeline->reuse_executions;
        rc = actions_fill(compiler, stage, draft);
    }
    step_notes(compiler, draft);
    if (rc == RC_OK)
        rc = parameters_fill(compiler, stage, draft);
    if (rc == RC_OK)
        rc = inputs_fill(compiler, stage, draft);
    if (rc == RC_OK)
        rc = variables_fill(compiler, stage, draft);
    if (rc == RC_OK)
        rc = resources_fill(compiler, stage, draft->step);
    if (rc == RC_OK && draft->task)
        rc = task_fill(compiler, stage, draft, index);
    if (compiler->request->reuse != REUSE_AS_WRITTEN)
        stage->reuse = compiler->request->reuse == REUSE_ALWAYS;
    if (rc == RC_OK)
        rc = stop_condition_check(compiler, stage, draft);
    return rc;
}
