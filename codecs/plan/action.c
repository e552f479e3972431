/* action.c - whether the conditions of an action hold. */
#include "codecs/plan/resolve.h"

#include <string.h>

#include "codecs/expression/expression.h"
#include "codecs/plan/task.h"

enum { SCRATCH_MAX = 4 << 20 };

struct facts {
    const struct plan_stage *stage;
    const struct value *metadata;
    struct arena *arena;
};

static const char *behind(const char *name, const char *prefix)
{
    size_t size = strlen(prefix);

    return strncmp(name, prefix, size) == 0 ? name + size : NULL;
}

/* "metadata.<key>", "parameter.<name>"; a bare name is a metadata key too. */
static bool fact_find(void *context, const char *name, struct value *value)
{
    const struct facts *facts = context;
    const char *parameter = behind(name, "parameter.");
    const char *key = behind(name, "metadata.");
    const struct value *found =
        facts->metadata ? value_get(facts->metadata, key ? key : name) : NULL;

    for (size_t i = 0; parameter && !found && i < facts->stage->parameter_count; i++)
        if (strcmp(facts->stage->parameters[i].name, parameter) == 0
            && facts->stage->parameters[i].value.kind != VALUE_ABSENT)
            return plan_parameter_native(facts->arena, &facts->stage->parameters[i],
                                         &facts->stage->parameters[i].value, value, NULL)
                   == RC_OK;
    if (!found)
        return false;
    *value = *found;
    return true;
}

bool plan_action_holds(const struct plan_action *action,
                       const struct plan_stage *resolved, const struct value *metadata)
{
    struct facts facts = { .stage = resolved, .metadata = metadata };
    struct expression_names names = { .context = &facts, .find = fact_find };

    for (size_t i = 0; i < action->condition_count; i++) {
        scoped(arena) scratch = arena_create(SCRATCH_MAX);
        struct expression *expression;

        facts.arena = scratch;
        if (!scratch
            || expression_parse(scratch, action->conditions[i], &expression, NULL)
                   != RC_OK
            || !expression_is_met(expression, &names))
            return false;
    }
    return true;
}
