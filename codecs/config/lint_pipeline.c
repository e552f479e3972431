/* lint_pipeline.c - rules P1, N1 to N8, A1, A2, E1 to E4 and Q1 to Q4. */
#include "codecs/config/lint_rules.h"

#include <stdio.h>
#include <string.h>

struct scope { /* the pipeline that is looked at */
    struct load *load;
    struct lint_names *names;
    const struct config_pipeline *pipeline;
    const struct yaml_node *node;
    const char *path;
    struct index stages; /* name -> the last stage of that name */
};

static const char *text_of(const struct scope *s, const char *format, ...)
    PRINTF_LIKE(2, 3);

static const char *text_of(const struct scope *s, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return findings_text(s->load->findings, "%s", text);
}

static void add(const struct scope *s, const char *id, const char *path,
                struct place place, const char *nearest, const char *hint,
                const char *message)
{
    lint_add(s->load,
             &(struct finding){
                 .id = id,
                 .message = findings_text(s->load->findings, "pipeline `%.80s`: %.300s",
                                          s->pipeline->name, message),
                 .path = path,
                 .nearest = nearest,
                 .hint = hint,
                 .place = place,
             });
}

static bool find(const struct index *index, const char *name, size_t *at)
{
    return index_find(index, name, strlen(name), at);
}

enum { CANDIDATES_MAX = 200 };

/* The nearest of the names of an array's elements; their first field is the name. */
static const char *nearest_name(const char *name, const void *elements, size_t count,
                                size_t size)
{
    const char *candidates[CANDIDATES_MAX];
    size_t used = count < CANDIDATES_MAX ? count : CANDIDATES_MAX;

    for (size_t i = 0; i < used; i++)
        memcpy(&candidates[i], (const char *)elements + i * size, sizeof candidates[i]);
    return nearest_of(name, candidates, used);
}

_Static_assert(offsetof(struct config_step, name) == 0
                   && offsetof(struct config_task, name) == 0
                   && offsetof(struct config_stage, name) == 0
                   && offsetof(struct config_parameter, name) == 0
                   && offsetof(struct config_input, name) == 0,
               "nearest_name reads the first field");

#define NEAREST(name, array, count) nearest_name(name, array, count, sizeof *(array))

/* ---- nodes ---- */

/* P1, once per name, in the order of first use. */
static enum rc lint_stage_names(struct scope *s)
{
    scoped_index reported = { 0 };
    scoped_index first = { 0 };
    size_t at;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < s->pipeline->stage_count && rc == RC_OK; i++) {
        const char *name = s->pipeline->stages[i].name;

        if (!find(&first, name, &at)) {
            rc = index_put(&first, name, strlen(name), i);
        } else if (!find(&reported, name, &at)) {
            rc = index_put(&reported, name, strlen(name), i);
            add(s, "P1", text_of(s, "%s.nodes.%zu.name", s->path, i),
                s->pipeline->stages[i].place, NULL, "Give each node its own name.",
                text_of(s, "the node name `%.80s` is used more than once", name));
        }
        if (rc == RC_OK)
            rc = index_put(&s->stages, name, strlen(name), i);
    }
    return rc;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static void lint_action(const struct scope *s, const struct config_action *action,
                        const char *path)
{
    static const char *const whens[] = { "node-starting", "node-complete", "node-error" };
    static const char *const thens[] = { "noop", "stop-pipeline", "error-pipeline" };

    for (size_t i = 0; i < action->when_count; i++)
        if (!is_one_of(action->when[i], whens, COUNT_OF(whens)))
            add(s, "A1", text_of(s, "%s.when", path), action->place,
                nearest_of(action->when[i], whens, COUNT_OF(whens)),
                "Use node-starting, node-complete or node-error.",
                text_of(s,
                        "the `when` value `%.80s` is not well known; the action may "
                        "never happen",
                        action->when[i]));
    for (size_t i = 0; i < action->then_count; i++)
        if (!is_one_of(action->then[i], thens, COUNT_OF(thens)))
            add(s, "A2", text_of(s, "%s.then", path), action->place,
                nearest_of(action->then[i], thens, COUNT_OF(thens)),
                "Use noop, stop-pipeline or error-pipeline.",
                text_of(s,
                        "the `then` value `%.80s` is not well known; the action may "
                        "do nothing",
                        action->then[i]));
}

static void lint_override_keys(const struct scope *s, const struct yaml_node *node,
                               const char *path)
{
    static const char *const known[] = {
        "image",  "command", "environment", "runtime-config-preset",
        "inputs", "mounts",  "parameters",  "environment-variables",
    };

    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->entries[i].key;
        const char *name =
            key->value.kind == VALUE_STRING ? key->value.string.data : "(no text)";

        if (!is_one_of(name, known, COUNT_OF(known)))
            add(s, "N7", text_of(s, "%s.override.%.100s", path, name), key->place,
                nearest_of(name, known, COUNT_OF(known)),
                "Put it under `parameters` or `inputs`, or remove it.",
                text_of(s, "an override has no key `%.80s`", name));
    }
}

static void lint_override_names(const struct scope *s, const struct config_stage *stage,
                                const struct config_step *step, size_t step_at,
                                const char *path)
{
    size_t at;

    for (size_t i = 0; i < stage->override.input_count; i++) {
        const struct config_input *input = &stage->override.inputs[i];

        if (!find(&s->names->inputs[step_at], input->name, &at))
            add(s, "N4", text_of(s, "%s.override.inputs", path), input->place,
                NEAREST(input->name, step->inputs, step->input_count),
                "Name an input of the step, or add it there.",
                text_of(s, "node `%.60s`: the step `%.60s` has no input `%.60s`",
                        stage->name, step->name, input->name));
    }
    for (size_t i = 0; i < stage->override.parameter_count; i++) {
        const struct config_parameter *parameter = &stage->override.parameters[i];

        if (!find(&s->names->parameters[step_at], parameter->name, &at))
            add(s, "N5", text_of(s, "%s.override.parameters", path), parameter->place,
                NEAREST(parameter->name, step->parameters, step->parameter_count),
                "Name a parameter of the step, or add it there.",
                text_of(s, "node `%.60s`: the step `%.60s` has no parameter `%.60s`",
                        stage->name, step->name, parameter->name));
    }
}

static enum rc lint_override(const struct scope *s, const struct config_stage *stage,
                             const struct yaml_node *node, size_t step_at,
                             const char *path)
{
    const struct config_override *override = &stage->override;
    enum rc rc = lint_names_step(s->load, s->names, step_at);

    if (rc != RC_OK)
        return rc;
    lint_override_keys(s, node, path);
    lint_override_names(s, stage, &s->load->config->steps[step_at], step_at, path);
    if (override->runtime_config_preset && !override->environment)
        add(s, "N6", text_of(s, "%s.override.runtime-config-preset", path),
            yaml_get(node, "runtime-config-preset")->place, NULL,
            "Add `environment` to the override too.",
            text_of(s,
                    "node `%.80s`: the override has a runtime-config-preset but no "
                    "environment",
                    stage->name));
    return RC_OK;
}

/* The step that a node runs. false: there is none, which has been reported. */
static bool find_step(const struct scope *s, const struct config_stage *stage,
                      const char *path, size_t *step_at)
{
    const struct config *config = s->load->config;
    const char *step = stage->step;
    size_t task_at;

    if (stage->task) {
        if (!find(&s->names->tasks, stage->task, &task_at)) {
            add(s, "N2", text_of(s, "%s.task", path), stage->place,
                NEAREST(stage->task, config->tasks, config->task_count),
                "Name a task of this file.",
                text_of(s, "node `%.80s`: the task `%.80s` is not in the file",
                        stage->name, stage->task));
            return false;
        }
        step = config->tasks[task_at].step;
    }
    if (find(&s->names->steps, step, step_at))
        return true;
    add(s, stage->task ? "N3" : "N1",
        text_of(s, "%s.%s", path, stage->task ? "task" : "step"), stage->place,
        NEAREST(step, config->steps, config->step_count), "Name a step of this file.",
        text_of(s, "node `%.80s`: the %sstep `%.80s` is not in the file", stage->name,
                stage->task ? "task's " : "", step));
    return false;
}

static enum rc lint_stage(const struct scope *s, size_t at)
{
    const struct config_stage *stage = &s->pipeline->stages[at];
    const char *path = text_of(s, "%s.nodes.%zu", s->path, at);
    const struct yaml_node *node = yaml_get(s->node, "nodes")->items[at];
    size_t step_at;

    for (size_t i = 0; i < stage->action_count; i++)
        lint_action(s, &stage->actions[i], text_of(s, "%s.actions.%zu", path, i));
    if (stage->kind == STAGE_DEPLOYMENT) {
        if (!*stage->deployment)
            add(s, "N8", text_of(s, "%s.deployment", path), stage->place, NULL,
                "Name the deployment.",
                text_of(s, "node `%.80s`: the deployment has no name", stage->name));
        return RC_OK;
    }
    if (stage->commit || !find_step(s, stage, path, &step_at) || !stage->has_override)
        return RC_OK;
    return lint_override(s, stage, yaml_get(node, "override"), step_at, path);
}

/* ---- edges ---- */

static void lint_edge_end(const struct scope *s, const struct config_edge *edge,
                          const char *path, bool is_source)
{
    const char *stage = is_source ? edge->source_stage : edge->target_stage;
    const char *side = is_source ? "source" : "target";
    size_t at;

    if (!find(&s->stages, stage, &at))
        add(s, is_source ? "E1" : "E2", path, edge->place,
            NEAREST(stage, s->pipeline->stages, s->pipeline->stage_count),
            "Name a node of this pipeline; a node name holds no dot here.",
            text_of(s, "the edge's %s node `%.80s` is not in the pipeline", side, stage));
}

static void lint_edge_type(const struct scope *s, const struct config_edge *edge,
                           const char *path, bool is_source)
{
    static const char *const types[] = { "output",     "input",
                                         "parameter",  "metadata",
                                         "file",       "environment-variable",
                                         "dependency", "deployment" };
    enum edge_end type = is_source ? edge->source_type : edge->target_type;
    const char *text = is_source ? edge->source_type_text : edge->target_type_text;

    if (type == EDGE_END_COUNT)
        add(s, is_source ? "E3" : "E4", path, edge->place,
            nearest_of(text, types, COUNT_OF(types)),
            "Use input, output, parameter, metadata, file, environment-variable, "
            "dependency or deployment.",
            text_of(s, "the edge's %s type `%.80s` is not known",
                    is_source ? "source" : "target", text));
}

static void lint_edge(const struct scope *s, size_t at)
{
    const struct config_edge *edge = &s->pipeline->edges[at];
    const char *path = text_of(s, "%s.edges.%zu", s->path, at);

    lint_edge_end(s, edge, path, true);
    lint_edge_end(s, edge, path, false);
    lint_edge_type(s, edge, path, true);
    lint_edge_type(s, edge, path, false);
}

/* ---- pipeline parameters ---- */

/* Q4; RC_INVALID if the node's step is unknown, which the reference does not survive. */
static enum rc lint_target_step(const struct scope *s,
                                const struct config_pipeline_parameter *parameter,
                                const struct config_pipeline_target *target,
                                const struct config_stage *stage, const char *path)
{
    size_t step_at, at;
    enum rc rc;

    if (stage->kind != STAGE_EXECUTION || stage->commit)
        return RC_OK;
    if (!find(&s->names->steps, stage->step, &step_at))
        return load_fault(
            s->load, "parse", path, parameter->place, "Correct the node's `step` first.",
            text_of(s,
                    "pipeline `%.60s`: the parameter `%.60s` targets "
                    "the node `%.60s`, whose step `%.60s` is not in the "
                    "file",
                    s->pipeline->name, parameter->name, stage->name, stage->step));
    if ((rc = lint_names_step(s->load, s->names, step_at)) != RC_OK)
        return rc;

    const struct config_step *step = &s->load->config->steps[step_at];

    if (!find(&s->names->parameters[step_at], target->parameter, &at))
        add(s, "Q4", path, parameter->place,
            NEAREST(target->parameter, step->parameters, step->parameter_count),
            "Name a parameter of the step.",
            text_of(s, "parameter `%.60s`: the step `%.60s` has no parameter `%.60s`",
                    parameter->name, stage->step, target->parameter));
    return RC_OK;
}

static enum rc lint_target(const struct scope *s,
                           const struct config_pipeline_parameter *parameter,
                           const struct config_pipeline_target *target, const char *path)
{
    size_t at;

    if (strncmp(target->type, "parameter", strlen("parameter")) != 0)
        add(s, "Q2", path, parameter->place, "parameter", "Write node.parameter.name.",
            text_of(s, "parameter `%.80s`: a target cannot be of type `%.80s`",
                    parameter->name, target->type));
    if (find(&s->stages, target->stage, &at))
        return lint_target_step(s, parameter, target, &s->pipeline->stages[at], path);
    add(s, "Q3", path, parameter->place,
        NEAREST(target->stage, s->pipeline->stages, s->pipeline->stage_count),
        "Name a node of this pipeline.",
        text_of(s, "parameter `%.80s`: the target node `%.80s` is not in the pipeline",
                parameter->name, target->stage));
    return RC_OK;
}

static enum rc lint_pipeline_parameter(const struct scope *s, size_t at)
{
    const struct config_pipeline_parameter *parameter = &s->pipeline->parameters[at];
    const char *path = text_of(s, "%s.parameters.%zu", s->path, at);
    enum rc rc = RC_OK;

    if (parameter->target_count == 0)
        add(s, "Q1", path, parameter->place, NULL, "Add `targets`.",
            text_of(s, "the parameter `%.80s` has no targets", parameter->name));
    for (size_t i = 0; i < parameter->target_count && rc == RC_OK; i++)
        rc = lint_target(s, parameter, &parameter->targets[i], path);
    return rc;
}

enum rc lint_pipeline(struct load *load, struct lint_names *names,
                      const struct config_pipeline *pipeline, const struct origin *origin)
{
    struct scope s = {
        .load = load,
        .names = names,
        .pipeline = pipeline,
        .node = origin->node,
        .path = findings_text(load->findings, "%zu.%s", origin->item, origin->key),
    };
    enum rc rc = lint_stage_names(&s);

    for (size_t i = 0; i < pipeline->stage_count && rc == RC_OK; i++)
        rc = lint_stage(&s, i);
    for (size_t i = 0; i < pipeline->edge_count && rc == RC_OK; i++)
        lint_edge(&s, i);
    for (size_t i = 0; i < pipeline->parameter_count && rc == RC_OK; i++)
        rc = lint_pipeline_parameter(&s, i);
    index_fini(&s.stages);
    return rc;
}
