/* sweep.c - the columns of values that a task blueprint gives its stage. */
#include "codecs/sweep/rules.h"

#include <string.h>

#include "codecs/command/command.h"

enum {
    RANDOM_CAP = 100,  /* executions of a random search that names no number */
    BAYESIAN_CAP = 20, /* as many are random by definition */
};

/* Each column draws from a stream of its own. */
static uint64_t seed_of_column(uint64_t seed, size_t column)
{
    struct random random = { .state = seed ^ (column * 0xd1342543de82ef95U) };

    return random_next(&random);
}

static enum rc parameter_index(const struct config_task *task, const char *name,
                               uint32_t line, const struct plan_stage *stage,
                               uint32_t *index, struct err *err)
{
    for (size_t i = 0; i < stage->parameter_count; i++) {
        if (strcmp(stage->parameters[i].name, name) == 0) {
            *index = (uint32_t)i;
            return RC_OK;
        }
    }
    return err_set(err, RC_INVALID,
                   "task '%.80s' (line %u): step '%.80s' has no parameter '%.80s'",
                   task->name, line, task->step, name);
}

static enum rc columns_alloc(struct arena *arena, const struct config_task *task,
                             size_t count, struct plan_column **columns, struct err *err)
{
    struct plan_column *fresh = arena_array(arena, count, sizeof *fresh);

    if (!fresh)
        return err_set(err, RC_NO_MEMORY, "task '%.80s': no memory for %zu columns",
                       task->name, count);
    *columns = fresh;
    return RC_OK;
}

/* Values as the parameter takes them; absent and null ones stay. */
static enum rc column_cast(struct arena *arena, const struct plan_stage *stage,
                           struct plan_column *column, struct err *err)
{
    const struct plan_parameter *parameter = &stage->parameters[column->parameter];
    struct value *cast = arena_array(arena, column->value_count, sizeof *cast);

    if (!cast)
        return err_set(err, RC_NO_MEMORY, "parameter '%.80s': no memory for %zu values",
                       parameter->name, column->value_count);
    for (size_t i = 0; i < column->value_count; i++) {
        const struct value *given = &column->values[i];

        cast[i] = *given;
        if (given->kind == VALUE_ABSENT || given->kind == VALUE_NULL)
            continue;

        enum rc rc = parameter_cast(arena, parameter, given, &cast[i], err);

        if (rc != RC_OK)
            return rc;
    }
    column->values = cast;
    return RC_OK;
}

/* A column per variant, holding what its style gives. */
static enum rc listed_expand(struct arena *arena, const struct config_task *task,
                             uint64_t seed, const struct plan_stage *stage,
                             struct plan_column *columns, struct err *err)
{
    for (size_t i = 0; i < task->variant_count; i++) {
        const struct config_variant *variant = &task->variants[i];
        struct plan_column *column = &columns[i];
        enum rc rc = parameter_index(task, variant->name, variant->place.line, stage,
                                     &column->parameter, err);

        if (rc == RC_OK)
            rc = sweep_values(arena, variant, stage->parameters[column->parameter].type,
                              seed_of_column(seed, i), &column->values,
                              &column->value_count, err);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* One column with count draws: from the distribution itself, or from the listed values.
 */
static enum rc column_draw(struct arena *arena, const struct config_variant *variant,
                           uint64_t seed, size_t count, const struct plan_stage *stage,
                           struct plan_column *column, struct err *err)
{
    enum parameter_type type = stage->parameters[column->parameter].type;
    struct value *drawn = arena_array(arena, count, sizeof *drawn);
    const struct value *values = NULL;
    size_t value_count = 0;
    struct draw draw = { 0 };
    enum rc rc =
        variant->style == VARIANT_RANDOM
            ? draw_read(variant, type, &draw, err)
            : sweep_values(arena, variant, type, seed, &values, &value_count, err);

    if (rc == RC_OK && !drawn)
        rc = err_set(err, RC_NO_MEMORY, "parameter '%.80s': no memory for %zu values",
                     variant->name, count);
    if (rc != RC_OK)
        return rc;

    struct random random = { .state = draw.has_seed ? draw.seed : seed };

    for (size_t i = 0; i < count; i++)
        drawn[i] = values ? values[random_below(&random, value_count)]
                          : draw_next(&draw, &random);
    column->values = drawn;
    column->value_count = count;
    return RC_OK;
}

/* How many executions a search has that names no number: the product of the counts, at
 * most cap; a `random` without a count stands for any number. */
static enum rc default_count(struct arena *arena, const struct config_task *task,
                             const struct plan_stage *stage,
                             const struct plan_column *columns, size_t cap, size_t *count,
                             struct err *err)
{
    size_t product = 1;

    for (size_t i = 0; i < task->variant_count && product < cap; i++) {
        const struct config_variant *variant = &task->variants[i];
        const struct value *values;
        size_t value_count = cap;
        enum rc rc = RC_OK;

        if (variant->style != VARIANT_RANDOM)
            rc =
                sweep_values(arena, variant, stage->parameters[columns[i].parameter].type,
                             0, &values, &value_count, err);
        else if (value_get(&variant->rules, "count"))
            rc = rule_count(variant, &value_count, err);
        if (rc != RC_OK)
            return rc;
        product *= value_count;
    }
    *count = product < cap ? product : cap;
    return RC_OK;
}

static enum rc random_expand(struct arena *arena, const struct config_task *task,
                             uint64_t seed, struct plan_stage *stage,
                             struct plan_column *columns, struct err *err)
{
    size_t cap = task->type == TASK_BAYESIAN ? BAYESIAN_CAP : RANDOM_CAP;
    size_t count = (size_t)task->execution_count;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < task->variant_count && rc == RC_OK; i++)
        rc = parameter_index(task, task->variants[i].name, task->variants[i].place.line,
                             stage, &columns[i].parameter, err);
    if (rc == RC_OK && task->execution_count == 0)
        rc = default_count(arena, task, stage, columns, cap, &count, err);
    for (size_t i = 0; i < task->variant_count && rc == RC_OK; i++)
        rc = column_draw(arena, &task->variants[i], seed_of_column(seed, i), count, stage,
                         &columns[i], err);
    return rc;
}

/* The column of a parameter among the first count ones; a new one behind them if it has
 * none yet. */
static size_t column_of(struct plan_column *columns, size_t *count, uint32_t parameter)
{
    size_t i = 0;

    while (i < *count && columns[i].parameter != parameter)
        i++;
    if (i == *count)
        columns[(*count)++].parameter = parameter;
    return i;
}

/* A row per set; a parameter that a set does not name keeps its own value there. */
static enum rc sets_expand(struct arena *arena, const struct config_task *task,
                           struct plan_stage *stage, struct err *err)
{
    struct plan_column *columns = NULL;
    enum rc rc = columns_alloc(arena, task, stage->parameter_count, &columns, err);
    size_t column_count = 0;

    for (size_t i = 0; i < task->set_count && rc == RC_OK; i++) {
        const struct value *set = &task->sets[i];

        for (size_t j = 0; j < set->map.count; j++) {
            uint32_t parameter = 0;

            rc = parameter_index(task, set->map.entries[j].key, task->place.line, stage,
                                 &parameter, err);
            if (rc != RC_OK)
                return rc;

            struct plan_column *column =
                &columns[column_of(columns, &column_count, parameter)];

            if (!column->values)
                column->values =
                    arena_array(arena, task->set_count, sizeof *column->values);
            if (!column->values)
                return err_set(err, RC_NO_MEMORY, "task '%.80s': no memory for %zu sets",
                               task->name, task->set_count);
            ((struct value *)column->values)[i] = set->map.entries[j].value;
            column->value_count = task->set_count;
        }
    }
    stage->columns = columns;
    stage->column_count = column_count;
    stage->sweep = SWEEP_ZIP;
    return rc;
}

/* Executions that vary in nothing: a column that leaves the first parameter as it is. */
static enum rc repeats_expand(struct arena *arena, const struct config_task *task,
                              struct plan_stage *stage, struct err *err)
{
    enum rc rc = columns_alloc(arena, task, 1, &stage->columns, err);
    size_t count = (size_t)task->execution_count;

    if (rc != RC_OK)
        return rc;
    if (stage->parameter_count == 0)
        return err_set(err, RC_INVALID,
                       "task '%.80s' (line %u): step '%.80s' has no parameters to vary",
                       task->name, task->place.line, task->step);
    stage->columns[0].values = arena_array(arena, count, sizeof(struct value));
    if (!stage->columns[0].values)
        return err_set(err, RC_NO_MEMORY, "task '%.80s': no memory for %zu executions",
                       task->name, count);
    stage->columns[0].value_count = count;
    stage->column_count = 1;
    stage->sweep = SWEEP_ZIP;
    return RC_OK;
}

static enum rc variants_expand(struct arena *arena, const struct config_task *task,
                               uint64_t seed, struct plan_stage *stage, struct err *err)
{
    bool is_search = task->type == TASK_RANDOM || task->type == TASK_BAYESIAN;
    struct plan_column *columns = NULL;

    if (is_search && task->variant_count == 0 && task->execution_count > 0)
        return repeats_expand(arena, task, stage, err);

    enum rc rc = columns_alloc(arena, task, task->variant_count, &columns, err);

    if (rc == RC_OK)
        rc = is_search ? random_expand(arena, task, seed, stage, columns, err)
                       : listed_expand(arena, task, seed, stage, columns, err);
    if (rc != RC_OK)
        return rc;
    stage->columns = columns;
    stage->column_count = task->variant_count;
    stage->sweep = task->variant_count == 0                 ? SWEEP_NONE
                   : is_search || task->type == TASK_MANUAL ? SWEEP_ZIP
                                                            : SWEEP_PRODUCT;
    return RC_OK;
}

static enum rc task_check(const struct config_task *task, struct err *err)
{
    if (task->type == TASK_DISTRIBUTED)
        return err_set(err, RC_UNSUPPORTED,
                       "task '%.80s' (line %u): type 'distributed' is not run yet, as it "
                       "needs all its executions at the same time",
                       task->name, task->place.line);
    if (task->type == TASK_BAYESIAN && task->execution_count > BAYESIAN_CAP)
        return err_set(err, RC_UNSUPPORTED,
                       "task '%.80s' (line %u): 'bayesian_tpe' is run up to %d "
                       "executions, which are random; it asks for %lld",
                       task->name, task->place.line, BAYESIAN_CAP,
                       (long long)task->execution_count);
    if (task->execution_count < 0 || task->execution_count > SWEEP_VALUES_MAX)
        return err_set(
            err, RC_INVALID,
            "task '%.80s' (line %u): execution-count must be 1 to %d, not %lld",
            task->name, task->place.line, SWEEP_VALUES_MAX,
            (long long)task->execution_count);
    return RC_OK;
}

enum rc sweep_expand(struct arena *arena, const struct config_task *task, uint64_t seed,
                     struct plan_stage *stage, struct err *err)
{
    struct plan_stage swept = *stage;
    enum rc rc = task_check(task, err);

    if (rc != RC_OK)
        return rc;
    if (task->set_count > 0 && (task->type == TASK_MANUAL || task->variant_count == 0))
        rc = sets_expand(arena, task, &swept, err);
    else
        rc = variants_expand(arena, task, seed, &swept, err);
    for (size_t i = 0; i < swept.column_count && rc == RC_OK; i++)
        rc = column_cast(arena, &swept, &swept.columns[i], err);
    if (rc != RC_OK)
        return rc;
    if (plan_stage_task_count(&swept) > PLAN_TASKS_MAX)
        return err_set(err, RC_INVALID,
                       "task '%.80s' (line %u): it has more than %d executions",
                       task->name, task->place.line, PLAN_TASKS_MAX);
    *stage = swept;
    return RC_OK;
}
