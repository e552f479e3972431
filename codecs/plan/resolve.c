/* resolve.c - applies the edges into one stage, then looks whether it can run. */
#include "codecs/plan/resolve.h"

#include <string.h>

#include "codecs/command/command.h"
#include "codecs/plan/resolver.h"
#include "codecs/plan/secret.h"
#include "codecs/plan/task.h"

static const char *end_name(enum edge_end end)
{
    static const char *const names[EDGE_END_COUNT] = {
        [EDGE_OUTPUT] = "output",
        [EDGE_INPUT] = "input",
        [EDGE_PARAMETER] = "parameter",
        [EDGE_METADATA] = "metadata",
        [EDGE_FILE] = "file",
        [EDGE_VARIABLE] = "environment-variable",
        [EDGE_DEPENDENCY] = "dependency",
        [EDGE_DEPLOYMENT] = "deployment",
    };

    return end < EDGE_END_COUNT ? names[end] : "?";
}

static void edge_text(const struct resolver *resolver, const struct plan_edge *edge,
                      struct buf *buf)
{
    buf_printf(buf, "edge %.80s.%s.%.80s -> %.80s.%s.%.80s",
               resolver->plan->stages[edge->source].name, end_name(edge->source_type),
               edge->source_key, resolver->stage->name, end_name(edge->target_type),
               edge->target_key);
}

void resolve_note(struct resolver *resolver, const struct plan_edge *edge,
                  const char *what)
{
    if (!resolver->notes)
        return;
    edge_text(resolver, edge, resolver->notes);
    buf_printf(resolver->notes, " brings nothing: %s\n", what);
}

enum rc resolve_fail(struct resolver *resolver, enum rc rc, const struct plan_edge *edge,
                     const char *why)
{
    scoped_buf buf = { 0 };

    edge_text(resolver, edge, &buf);
    return err_set(resolver->err, rc, "%s: %s", buf_string(&buf), why);
}

enum rc resolve_source(struct resolver *resolver, const struct plan_edge *edge,
                       const struct plan_stage **source)
{
    const struct upstream *upstream = resolver->upstream;

    if (!resolver->source || resolver->source_index != edge->source) {
        enum rc rc = upstream->resolved(upstream->context, edge->source, resolver->arena,
                                        &resolver->source, resolver->err);

        if (rc != RC_OK)
            return rc;
        resolver->source_index = edge->source;
    }
    *source = resolver->source;
    return RC_OK;
}

/* The value of one source task, absent if it has none. */
static enum rc task_value(struct resolver *resolver, const struct plan_edge *edge,
                          const struct plan_stage *source, uint64_t task,
                          struct value *value)
{
    const struct upstream *upstream = resolver->upstream;

    if (edge->source_type == EDGE_METADATA)
        return upstream->metadata(upstream->context, edge->source, task, edge->source_key,
                                  resolver->arena, value, resolver->err);
    *value =
        plan_task_parameter(source, task, stage_parameter_find(source, edge->source_key));
    return RC_OK;
}

static bool is_none(const struct value *value)
{
    return value->kind == VALUE_ABSENT || value->kind == VALUE_NULL;
}

/* One task's value as it is, several tasks' as the list of those that there are. */
static enum rc edge_value(struct resolver *resolver, const struct plan_edge *edge,
                          const struct plan_stage *source, struct value *value)
{
    const struct upstream *upstream = resolver->upstream;
    uint64_t tasks = edge->source_type == EDGE_METADATA
                         ? upstream->task_count(upstream->context, edge->source)
                         : plan_stage_task_count(source);
    struct value *items = arena_array(resolver->arena, tasks, sizeof *items);
    size_t count = 0;

    if (!items)
        return resolve_fail(resolver, RC_NO_MEMORY, edge, "no memory for the values");
    for (uint64_t task = 0; task < tasks; task++) {
        struct value found = { .kind = VALUE_ABSENT };
        enum rc rc = task_value(resolver, edge, source, task, &found);

        if (rc != RC_OK)
            return rc;
        if (!is_none(&found))
            items[count++] = found;
    }
    if (count == 0)
        *value = (struct value){ .kind = VALUE_ABSENT };
    else if (tasks == 1)
        *value = items[0];
    else
        *value = (struct value){ .kind = VALUE_LIST,
                                 .list = { .items = items, .count = count } };
    return RC_OK;
}

static enum rc value_cast(struct resolver *resolver, const struct plan_edge *edge,
                          const struct plan_parameter *parameter,
                          const struct value *given, struct value *cast)
{
    struct err why = { 0 };
    enum rc rc = parameter_cast(resolver->arena, parameter, given, cast, &why);

    return rc == RC_OK ? RC_OK : resolve_fail(resolver, rc, edge, why.text);
}

/* A list that arrives at a task stage is one execution per item. */
static enum rc value_bring(struct resolver *resolver, const struct plan_edge *edge,
                           size_t at, const struct value *value)
{
    struct plan_stage *stage = resolver->stage;
    struct plan_parameter *parameter = &stage->parameters[at];
    enum rc rc = RC_OK;

    if (stage->kind != STAGE_TASK || value->kind != VALUE_LIST) {
        rc = value_cast(resolver, edge, parameter, value, &parameter->value);
        return rc == RC_OK
                   ? stage_column_release(resolver->arena, stage, at, resolver->err)
                   : rc;
    }

    size_t count = value->list.count;
    struct value *items = arena_array(resolver->arena, count, sizeof *items);

    if (!items)
        return resolve_fail(resolver, RC_NO_MEMORY, edge, "no memory for the values");
    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc = value_cast(resolver, edge, parameter, &value->list.items[i], &items[i]);
    if (rc == RC_OK)
        rc = stage_column_set(resolver->arena, stage, at, items, count, resolver->err);
    return rc;
}

static enum rc resolve_value(struct resolver *resolver, const struct plan_edge *edge)
{
    size_t at = stage_parameter_find(resolver->stage, edge->target_key);
    const struct plan_stage *source = NULL;
    struct value value = { .kind = VALUE_ABSENT };
    enum rc rc = RC_OK;

    if (at == resolver->stage->parameter_count) {
        resolve_note(resolver, edge, "the stage has no such parameter");
        return RC_OK;
    }
    if (edge->source_type == EDGE_PARAMETER)
        rc = resolve_source(resolver, edge, &source);
    if (rc != RC_OK)
        return rc;
    if (source
        && stage_parameter_find(source, edge->source_key) == source->parameter_count) {
        resolve_note(resolver, edge, "its source has no such parameter");
        return RC_OK;
    }
    rc = edge_value(resolver, edge, source, &value);
    if (rc == RC_OK && value.kind == VALUE_ABSENT)
        resolve_note(resolver, edge, "there is no value");
    else if (rc == RC_OK)
        rc = value_bring(resolver, edge, at, &value);
    return rc;
}

/* A variable that the target does not declare is added to it. */
static enum rc variable_set(struct resolver *resolver, const char *name,
                            const char *value)
{
    struct plan_stage *stage = resolver->stage;
    size_t at = stage_variable_find(stage, name);

    if (at == stage->variable_count) {
        struct plan_variable *variables =
            arena_array(resolver->arena, at + 1, sizeof *variables);

        if (!variables)
            return err_set(resolver->err, RC_NO_MEMORY,
                           "stage '%.80s': no memory for a variable", stage->name);
        if (at > 0)
            memcpy(variables, stage->variables, at * sizeof *variables);
        variables[at] = (struct plan_variable){ .name = name, .optional = true };
        stage->variables = variables;
        stage->variable_count++;
    }
    stage->variables[at].value = value;
    return RC_OK;
}

static enum rc resolve_variable(struct resolver *resolver, const struct plan_edge *edge)
{
    const struct plan_stage *source = NULL;
    enum rc rc = resolve_source(resolver, edge, &source);

    if (rc != RC_OK)
        return rc;

    size_t at = stage_variable_find(source, edge->source_key);

    if (at < source->variable_count && source->variables[at].value)
        return variable_set(resolver, edge->target_key, source->variables[at].value);
    resolve_note(resolver, edge, "there is no value");
    return RC_OK;
}

static enum rc edge_apply(struct resolver *resolver, const struct plan_edge *edge)
{
    if (edge->target_type == EDGE_PARAMETER
        && (edge->source_type == EDGE_METADATA || edge->source_type == EDGE_PARAMETER))
        return resolve_value(resolver, edge);
    if (edge->target_type == EDGE_INPUT && edge->source_type == EDGE_OUTPUT)
        return resolve_outputs(resolver, edge);
    if (edge->target_type == EDGE_INPUT && edge->source_type == EDGE_INPUT)
        return resolve_inputs(resolver, edge);
    if (edge->target_type == EDGE_VARIABLE && edge->source_type == EDGE_VARIABLE)
        return resolve_variable(resolver, edge);
    return RC_OK; /* a dependency, or a pairing that brings nothing */
}

/* The arrays that edges change are the copy's own. */
static enum rc stage_copy(struct resolver *resolver, const struct plan_stage *from)
{
    struct arena *arena = resolver->arena;
    struct plan_stage *to = arena_alloc(arena, sizeof *to);
    struct plan_parameter *parameters =
        arena_array(arena, from->parameter_count, sizeof *parameters);
    struct plan_input *inputs = arena_array(arena, from->input_count, sizeof *inputs);
    struct plan_variable *variables =
        arena_array(arena, from->variable_count, sizeof *variables);
    struct plan_column *columns = arena_array(arena, from->column_count, sizeof *columns);

    resolver->input_is_reached = arena_array(arena, from->input_count, sizeof(bool));
    resolver->input_rooms = arena_array(arena, from->input_count, sizeof(size_t));
    if (!to || !parameters || !inputs || !variables || !columns
        || !resolver->input_is_reached || !resolver->input_rooms)
        return err_set(resolver->err, RC_NO_MEMORY, "stage '%.80s': no memory for it",
                       from->name);
    *to = *from;
    to->parameters = parameters;
    to->inputs = inputs;
    to->variables = variables;
    to->columns = columns;
    for (size_t i = 0; i < from->parameter_count; i++)
        parameters[i] = from->parameters[i];
    for (size_t i = 0; i < from->input_count; i++)
        inputs[i] = from->inputs[i];
    for (size_t i = 0; i < from->variable_count; i++)
        variables[i] = from->variables[i];
    for (size_t i = 0; i < from->column_count; i++)
        columns[i] = from->columns[i];
    resolver->stage = to;
    return RC_OK;
}

static enum rc stage_settled(struct resolver *resolver)
{
    const struct plan_stage *stage = resolver->stage;

    for (size_t i = 0; i < stage->parameter_count; i++)
        if (!stage_parameter_is_settled(stage, i))
            return err_set(resolver->err, RC_INVALID,
                           "stage '%.80s': parameter '%.80s' has no value", stage->name,
                           stage->parameters[i].name);
    for (size_t i = 0; i < stage->input_count; i++)
        if (!stage->inputs[i].optional && stage->inputs[i].source_count == 0)
            return err_set(resolver->err, RC_INVALID,
                           "stage '%.80s': input '%.80s' has no files", stage->name,
                           stage->inputs[i].name);
    for (size_t i = 0; i < stage->variable_count; i++)
        if (!stage->variables[i].optional && !stage->variables[i].value)
            return err_set(resolver->err, RC_INVALID,
                           "stage '%.80s': environment variable '%.80s' has no value",
                           stage->name, stage->variables[i].name);
    if (plan_stage_task_count(stage) > PLAN_TASKS_MAX)
        return err_set(resolver->err, RC_INVALID, "stage '%.80s': over %d executions",
                       stage->name, PLAN_TASKS_MAX);
    return RC_OK;
}

static bool is_plain(const struct plan_stage *stage)
{
    if (stage->kind != STAGE_EXECUTION || !plan_stage_is_empty(stage)
        || stage->sweep != SWEEP_NONE || stage->column_count > 0
        || stage->action_count > 0 || stage->gpus > 0 || plan_stage_is_masked(stage)
        || plan_stage_has_secrets(stage))
        return false;
    for (size_t i = 0; i < stage->parameter_count; i++)
        if (!stage_parameter_is_settled(stage, i))
            return false;
    for (size_t i = 0; i < stage->variable_count; i++)
        if (!stage->variables[i].optional && !stage->variables[i].value)
            return false;
    return true;
}

void plan_plain_stages(const struct plan *plan, bool *plain)
{
    for (size_t i = 0; i < plan->stage_count; i++)
        plain[i] = is_plain(&plan->stages[i]);
    for (size_t i = 0; i < plan->edge_count; i++)
        if (plan->edges[i].target_type != EDGE_DEPENDENCY)
            plain[plan->edges[i].target] = false;
}

/* The first edge into the stage or a later one: edges are sorted by target. */
static size_t edges_from(const struct plan *plan, uint32_t stage)
{
    size_t low = 0, high = plan->edge_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (plan->edges[middle].target < stage)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool plan_stage_is_plain(const struct plan *plan, uint32_t stage)
{
    bool plain = stage < plan->stage_count && is_plain(&plan->stages[stage]);

    for (size_t i = plain ? edges_from(plan, stage) : plan->edge_count;
         i < plan->edge_count && plan->edges[i].target == stage; i++)
        plain = plain && plan->edges[i].target_type == EDGE_DEPENDENCY;
    return plain;
}

enum rc plan_resolve(const struct plan *plan, uint32_t stage,
                     const struct upstream *upstream, struct arena *arena,
                     struct plan_stage **resolved, struct buf *notes, struct err *err)
{
    struct err unheard = { 0 };
    struct resolver resolver = { .plan = plan,
                                 .upstream = upstream,
                                 .arena = arena,
                                 .err = err ? err : &unheard,
                                 .notes = notes };

    must(stage < plan->stage_count);

    enum rc rc = stage_copy(&resolver, &plan->stages[stage]);

    for (size_t i = edges_from(plan, stage);
         rc == RC_OK && i < plan->edge_count && plan->edges[i].target == stage; i++)
        rc = edge_apply(&resolver, &plan->edges[i]);
    if (rc == RC_OK)
        rc = resolve_names(&resolver);
    if (rc == RC_OK)
        rc = stage_settled(&resolver);
    if (rc == RC_OK)
        *resolved = resolver.stage;
    return rc;
}
