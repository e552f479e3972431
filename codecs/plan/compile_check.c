/* compile_check.c - whether a plan that was put together can run: names that differ, no
 * cycle, and a value for everything that needs one. */
#include "codecs/plan/check.h"
#include "codecs/plan/draft.h"

#include <string.h>

static enum rc stage_values_check(struct compiler *compiler, size_t index)
{
    const struct plan_stage *stage = &compiler->plan->stages[index];
    const struct draft *draft = &compiler->drafts[index];

    for (size_t i = 0; i < stage->parameter_count; i++) {
        const struct plan_parameter *parameter = &stage->parameters[i];

        if (!stage_parameter_is_settled(stage, i) && !draft->is_reached[i])
            return compile_fail(compiler, RC_INVALID, draft->step->parameters[i].place,
                                "%.80s: parameter '%.80s' needs a value: give one, or a "
                                "default, or make it optional",
                                stage->name, parameter->name);
    }
    for (size_t i = 0; i < stage->input_count; i++) {
        const struct plan_input *input = &stage->inputs[i];

        if (!input->optional && input->source_count == 0 && !draft->input_is_reached[i])
            return compile_fail(compiler, RC_INVALID, draft->step->inputs[i].place,
                                "%.80s: input '%.80s' needs a file: give a URI, or a "
                                "default, or make it optional",
                                stage->name, input->name);
    }
    for (size_t i = 0; i < stage->variable_count; i++) {
        const struct plan_variable *variable = &stage->variables[i];

        if (!variable->optional && !variable->value && !draft->variable_is_reached[i])
            return compile_fail(compiler, RC_INVALID, draft->place,
                                "%.80s: environment variable '%.80s' needs a value: give "
                                "it a default, or make it optional",
                                stage->name, variable->name);
    }
    return RC_OK;
}

static enum rc names_check(struct compiler *compiler)
{
    const struct plan *plan = compiler->plan;
    bool found;
    size_t first, second;

    for (size_t i = 0; i < plan->stage_count; i++)
        if (!plan_stage_name_is_fine(plan->stages[i].name))
            return compile_fail(compiler, RC_INVALID, compiler->drafts[i].place,
                                "'%.80s' cannot be the name of a stage: 1 to %d bytes, "
                                "not '.' or '..'",
                                plan->stages[i].name, PLAN_NAME_MAX);

    enum rc rc = plan_twins_find(plan, &found, &first, &second, compiler->err);

    if (rc == RC_OK && found)
        rc = compile_fail(compiler, RC_INVALID, compiler->drafts[second].place,
                          "two nodes are named '%.80s'", plan->stages[second].name);
    return rc;
}

static enum rc cycle_check(struct compiler *compiler)
{
    enum { NAMED_MAX = 10 };
    const struct plan *plan = compiler->plan;
    scoped_buf text = { 0 };
    uint32_t *cycle = NULL;
    size_t count = 0;
    enum rc rc = plan_cycle_find(plan, compiler->arena, &cycle, &count, compiler->err);

    if (rc != RC_OK || count == 0)
        return rc;
    for (size_t i = 0; i < count && i < NAMED_MAX; i++)
        buf_printf(&text, "%.60s -> ", plan->stages[cycle[i]].name);
    if (count > NAMED_MAX)
        buf_printf(&text, "(%zu more) -> ", count - NAMED_MAX);
    buf_printf(&text, "%.60s", plan->stages[cycle[0]].name);
    return compile_fail(compiler, RC_INVALID, compiler->pipeline->place,
                        "pipeline '%.80s': its edges go in a cycle: %s",
                        compiler->pipeline->name, buf_string(&text));
}

enum rc compile_check(struct compiler *compiler)
{
    enum rc rc = names_check(compiler);

    if (rc == RC_OK)
        rc = cycle_check(compiler);
    for (size_t i = 0; i < compiler->plan->stage_count && rc == RC_OK; i++)
        rc = stage_values_check(compiler, i);
    return rc;
}
