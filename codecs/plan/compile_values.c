/* compile_values.c - pipeline parameters and the request's values and URIs.
 *
 * Precedence: the step's default, the override's, a pipeline parameter's, an edge's (when
 * the run goes), what the request gives to stage.parameter. */
#include "codecs/plan/draft.h"

#include <string.h>

#include "codecs/command/command.h"

static enum rc parameter_assign(struct compiler *compiler, size_t stage_index,
                                size_t parameter, const struct value *value,
                                struct place place)
{
    struct plan_stage *stage = &compiler->plan->stages[stage_index];

    stage->parameters[parameter].value = *value;
    compiler->drafts[stage_index].value_places[parameter] = place;
    return stage_column_release(compiler->arena, stage, parameter, compiler->err);
}

/* One list of what both values hold, a scalar standing for a list of one. */
static enum rc values_append(struct compiler *compiler, struct value *to,
                             const struct value *more)
{
    const struct value *parts[] = { to, more };
    struct value *items;
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        count += parts[i]->kind == VALUE_LIST ? parts[i]->list.count : 1;
    items = compile_array(compiler, count, sizeof *items);
    if (!items)
        return RC_NO_MEMORY;
    count = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i]->kind != VALUE_LIST) {
            items[count++] = *parts[i];
            continue;
        }
        for (size_t j = 0; j < parts[i]->list.count; j++)
            items[count++] = parts[i]->list.items[j];
    }
    *to =
        (struct value){ .kind = VALUE_LIST, .list = { .items = items, .count = count } };
    return RC_OK;
}

static enum rc given_apply(struct compiler *compiler, size_t stage_index,
                           size_t parameter, const struct value *value)
{
    struct plan_parameter *to =
        &compiler->plan->stages[stage_index].parameters[parameter];
    bool *is_given = &compiler->drafts[stage_index].is_given[parameter];

    if (*is_given && to->multiple != MULTIPLE_NONE)
        return values_append(compiler, &to->value, value);
    *is_given = true;
    return parameter_assign(compiler, stage_index, parameter, value, (struct place){ 0 });
}

/* Where one target of a pipeline parameter points; *found false: it is ignored. */
static enum rc target_find(struct compiler *compiler,
                           const struct config_pipeline_parameter *parameter,
                           const struct config_pipeline_target *target, bool *found,
                           size_t *stage_index, size_t *at)
{
    size_t stage_at = compile_stage_find(compiler, target->stage);

    *found = false;
    if (strncmp(target->type, "parameter", strlen("parameter")) != 0)
        return compile_fail(compiler, RC_INVALID, parameter->place,
                            "pipeline parameter '%.80s': target '%.80s.%.80s.%.80s' is "
                            "no parameter",
                            parameter->name, target->stage, target->type,
                            target->parameter);
    if (stage_at == compiler->plan->stage_count)
        return compile_fail(compiler, RC_INVALID, parameter->place,
                            "pipeline parameter '%.80s': there is no node '%.80s'",
                            parameter->name, target->stage);

    const struct plan_stage *stage = &compiler->plan->stages[stage_at];
    size_t parameter_at = stage_parameter_find(stage, target->parameter);

    if (parameter_at < stage->parameter_count) {
        *found = true;
        *stage_index = stage_at;
        *at = parameter_at;
        return RC_OK;
    }
    if (stage->kind == STAGE_EXECUTION)
        return compile_fail(compiler, RC_INVALID, parameter->place,
                            "pipeline parameter '%.80s': step '%.80s' of node '%.80s' "
                            "has no parameter '%.80s'",
                            parameter->name, stage->step, target->stage,
                            target->parameter);
    compile_note(compiler,
                 "pipeline parameter '%.80s': node '%.80s' has no parameter '%.80s'",
                 parameter->name, target->stage, target->parameter);
    return RC_OK;
}

static enum rc pipeline_parameter_apply(struct compiler *compiler,
                                        const struct config_pipeline_parameter *parameter,
                                        const struct value *value, bool is_given)
{
    struct place place = is_given ? (struct place){ 0 } : parameter->place;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < parameter->target_count && rc == RC_OK; i++) {
        bool found;
        size_t stage_index = 0, at = 0;

        rc = target_find(compiler, parameter, &parameter->targets[i], &found,
                         &stage_index, &at);
        if (rc != RC_OK || !found || value->kind == VALUE_ABSENT
            || value->kind == VALUE_NULL)
            continue;
        if (stage_is_swept(&compiler->plan->stages[stage_index], at))
            compile_note(
                compiler,
                "pipeline parameter '%.80s' has a value, so stage '%.80s' does not "
                "sweep over '%.80s'",
                parameter->name, compiler->plan->stages[stage_index].name,
                compiler->plan->stages[stage_index].parameters[at].name);
        rc = parameter_assign(compiler, stage_index, at, value, place);
    }
    return rc;
}

static bool target_is_multiple(const struct compiler *compiler,
                               const struct config_pipeline_parameter *parameter)
{
    for (size_t i = 0; i < parameter->target_count; i++) {
        size_t stage_at = compile_stage_find(compiler, parameter->targets[i].stage);

        if (stage_at == compiler->plan->stage_count)
            continue;

        const struct plan_stage *stage = &compiler->plan->stages[stage_at];
        size_t at = stage_parameter_find(stage, parameter->targets[i].parameter);

        if (at < stage->parameter_count
            && stage->parameters[at].multiple != MULTIPLE_NONE)
            return true;
    }
    return false;
}

static const struct config_pipeline_parameter *pipeline_parameter_find(
    const struct config_pipeline *pipeline, const char *name)
{
    for (size_t i = 0; pipeline && i < pipeline->parameter_count; i++)
        if (strcmp(pipeline->parameters[i].name, name) == 0)
            return &pipeline->parameters[i];
    return NULL;
}

/* The value that the request gives, all repeats taken together; absent: none. */
static enum rc pipeline_value(struct compiler *compiler,
                              const struct config_pipeline_parameter *parameter,
                              struct value *value)
{
    const struct plan_request *request = compiler->request;
    bool is_multiple = target_is_multiple(compiler, parameter);
    struct value sum = { .kind = VALUE_ABSENT };
    enum rc rc = RC_OK;

    for (size_t i = 0; i < request->parameter_count && rc == RC_OK; i++) {
        if (strcmp(request->parameters[i].name, parameter->name) != 0)
            continue;
        if (is_multiple && sum.kind != VALUE_ABSENT)
            rc = values_append(compiler, &sum, &request->parameters[i].value);
        else
            sum = request->parameters[i].value;
    }
    *value = sum;
    return rc;
}

static enum rc pipeline_parameters_apply(struct compiler *compiler)
{
    const struct config_pipeline *pipeline = compiler->pipeline;
    size_t count = pipeline ? pipeline->parameter_count : 0, entry_count = 0;
    struct value_entry *entries = compile_array(compiler, count, sizeof *entries);

    if (!entries)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct value value;
        enum rc rc = pipeline_value(compiler, &pipeline->parameters[i], &value);
        bool is_given = value.kind != VALUE_ABSENT;

        if (!is_given)
            value = pipeline->parameters[i].fallback;
        if (rc == RC_OK)
            rc = pipeline_parameter_apply(compiler, &pipeline->parameters[i], &value,
                                          is_given);
        if (rc != RC_OK)
            return rc;
        if (value.kind != VALUE_ABSENT
            && pipeline_parameter_find(pipeline, pipeline->parameters[i].name)
                   == &pipeline->parameters[i])
            entries[entry_count++] =
                (struct value_entry){ .key = pipeline->parameters[i].name,
                                      .value = value };
    }
    compiler->plan->parameters =
        (struct value){ .kind = VALUE_MAP,
                        .map = { .entries = entries, .count = entry_count } };
    return RC_OK;
}

/* Splits "stage.rest" and finds the stage; without a pipeline all is rest. */
static enum rc address_split(struct compiler *compiler, const char *noun,
                             const char *name, size_t *stage_index, const char **rest)
{
    const struct plan *plan = compiler->plan;
    const char *dot = compiler->pipeline ? strchr(name, '.') : NULL;

    *stage_index = 0;
    *rest = name;
    if (!compiler->pipeline)
        return RC_OK;
    if (!dot)
        return compile_fail(compiler, RC_INVALID, (struct place){ 0 },
                            "%s '%.80s': in a pipeline write NODE.%s", noun, name, name);

    char *node = arena_copy(compiler->arena, name, (size_t)(dot - name));

    if (!node)
        return err_set(compiler->err, RC_NO_MEMORY, "plan: no memory for a name");
    *rest = dot + 1;
    *stage_index = compile_stage_find(compiler, node);
    if (*stage_index < plan->stage_count)
        return RC_OK;

    const char **names = compile_array(compiler, plan->stage_count, sizeof *names);

    if (!names)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < plan->stage_count; i++)
        names[i] = compiler->drafts[i].node->name;
    return name_pick(compiler, "node", node, names, plan->stage_count, false,
                     stage_index);
}

/* A name without a dot is meant for the pipeline itself. */
static enum rc pipeline_parameter_unknown(struct compiler *compiler, const char *name)
{
    const struct config_pipeline *pipeline = compiler->pipeline;
    const char **names =
        compile_array(compiler, pipeline->parameter_count, sizeof *names);
    size_t index;

    if (!names)
        return RC_NO_MEMORY;
    if (pipeline->parameter_count == 0)
        return compile_fail(
            compiler, RC_INVALID, (struct place){ 0 },
            "the pipeline has no parameter of its own, so none is '%.80s'; "
            "a node's own parameter is written NODE.NAME",
            name);
    for (size_t i = 0; i < pipeline->parameter_count; i++)
        names[i] = pipeline->parameters[i].name;

    enum rc rc = name_pick(compiler, "pipeline parameter", name, names,
                           pipeline->parameter_count, false, &index);

    return compile_wrap(compiler, rc, (struct place){ 0 },
                        "a node's own parameter is written NODE.NAME");
}

static enum rc assignment_apply(struct compiler *compiler,
                                const struct plan_assignment *assignment)
{
    const char *name = assignment->name;
    size_t stage_index, at;

    if (pipeline_parameter_find(compiler->pipeline, name))
        return RC_OK; /* pipeline_parameters_apply took it */
    if (compiler->pipeline && !strchr(name, '.'))
        return pipeline_parameter_unknown(compiler, name);

    enum rc rc = address_split(compiler, "parameter", name, &stage_index, &name);

    if (rc != RC_OK)
        return rc;

    const struct plan_stage *stage = &compiler->plan->stages[stage_index];
    const char **names = compile_array(compiler, stage->parameter_count, sizeof *names);

    if (!names)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < stage->parameter_count; i++)
        names[i] = stage->parameters[i].name;
    rc =
        name_pick(compiler, "parameter", name, names, stage->parameter_count, false, &at);
    if (rc != RC_OK)
        return compile_wrap(compiler, rc, (struct place){ 0 }, stage->name);
    return given_apply(compiler, stage_index, at, &assignment->value);
}

/* A number that the file gives as text is passed on as it is written there (section 1 of
 * docs/valohai-yaml.md: 1e-5 is text); what a person or a program gives is a number. */
static bool keeps_text(const struct plan_parameter *parameter, const struct value *given,
                       struct place place)
{
    return place.line > 0 && given->kind == VALUE_STRING
           && parameter->multiple == MULTIPLE_NONE
           && (parameter->type == PARAMETER_FLOAT
               || parameter->type == PARAMETER_INTEGER);
}

/* Every value as its parameter takes it, or where it came from and what is wrong. */
static enum rc values_cast(struct compiler *compiler, size_t stage_index)
{
    struct plan_stage *stage = &compiler->plan->stages[stage_index];

    for (size_t i = 0; i < stage->parameter_count; i++) {
        struct plan_parameter *parameter = &stage->parameters[i];
        struct value given = parameter->value;

        if (given.kind == VALUE_ABSENT || given.kind == VALUE_NULL)
            continue;

        enum rc rc = parameter_cast(compiler->arena, parameter, &given, &parameter->value,
                                    compiler->err);

        struct place place = compiler->drafts[stage_index].value_places[i];

        if (rc != RC_OK)
            return compile_wrap(compiler, rc, place, stage->name);
        if (keeps_text(parameter, &given, place))
            parameter->value = given;
    }
    return RC_OK;
}

enum rc compile_values(struct compiler *compiler)
{
    const struct plan_request *request = compiler->request;
    enum rc rc = pipeline_parameters_apply(compiler);

    for (size_t i = 0; i < request->parameter_count && rc == RC_OK; i++)
        rc = assignment_apply(compiler, &request->parameters[i]);
    for (size_t i = 0; i < compiler->plan->stage_count && rc == RC_OK; i++)
        rc = values_cast(compiler, i);
    return rc;
}

static enum rc uri_apply(struct compiler *compiler, const struct plan_uri *given)
{
    const char *name;
    size_t stage_index, at;
    enum rc rc = address_split(compiler, "input", given->name, &stage_index, &name);

    if (rc != RC_OK)
        return rc;

    struct plan_stage *stage = &compiler->plan->stages[stage_index];
    const char **names = compile_array(compiler, stage->input_count, sizeof *names);

    if (!names)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < stage->input_count; i++)
        names[i] = stage->inputs[i].name;
    rc = name_pick(compiler, "input", name, names, stage->input_count, false, &at);
    if (rc != RC_OK)
        return compile_wrap(compiler, rc, (struct place){ 0 }, stage->name);

    struct plan_input *input = &stage->inputs[at];
    bool *is_given = &compiler->drafts[stage_index].input_is_given[at];
    size_t kept = *is_given ? input->source_count : 0;
    struct plan_source *sources = compile_array(compiler, kept + 1, sizeof *sources);

    if (!sources)
        return RC_NO_MEMORY;
    if (kept > 0)
        memcpy(sources, input->sources, kept * sizeof *sources);
    sources[kept].uri = given->uri;
    input->sources = sources;
    input->source_count = kept + 1;
    *is_given = true;
    return RC_OK;
}

enum rc compile_inputs(struct compiler *compiler)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; i < compiler->request->input_count && rc == RC_OK; i++)
        rc = uri_apply(compiler, &compiler->request->inputs[i]);
    return rc;
}
