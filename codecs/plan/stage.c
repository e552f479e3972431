/* stage.c - names and columns of a stage: found, set, taken out. */
#include "codecs/plan/stage.h"

#include <math.h>
#include <string.h>

size_t stage_parameter_find(const struct plan_stage *stage, const char *name)
{
    size_t i = 0;

    while (i < stage->parameter_count && strcmp(stage->parameters[i].name, name) != 0)
        i++;
    return i;
}

size_t stage_input_find(const struct plan_stage *stage, const char *name)
{
    size_t i = 0;

    while (i < stage->input_count && strcmp(stage->inputs[i].name, name) != 0)
        i++;
    return i;
}

size_t stage_variable_find(const struct plan_stage *stage, const char *name)
{
    size_t i = 0;

    while (i < stage->variable_count && strcmp(stage->variables[i].name, name) != 0)
        i++;
    return i;
}

bool plan_stage_is_empty(const struct plan_stage *stage)
{
    return stage->command_count == 1 && strcmp(stage->commands[0], ":") == 0
           && stage->input_count == 0;
}

static size_t column_find(const struct plan_stage *stage, size_t parameter)
{
    size_t i = 0;

    while (i < stage->column_count && stage->columns[i].parameter != parameter)
        i++;
    return i;
}

bool stage_is_swept(const struct plan_stage *stage, size_t parameter)
{
    return column_find(stage, parameter) < stage->column_count;
}

enum rc stage_column_release(struct arena *arena, struct plan_stage *stage,
                             size_t parameter, struct err *err)
{
    size_t at = column_find(stage, parameter);
    struct plan_column *column = &stage->columns[at];

    if (at == stage->column_count)
        return RC_OK;
    if (stage->sweep == SWEEP_PRODUCT) {
        memmove(column, column + 1, (stage->column_count - at - 1) * sizeof *column);
        stage->column_count--;
        stage->sweep = stage->column_count > 0 ? SWEEP_PRODUCT : SWEEP_NONE;
        return RC_OK;
    }

    struct value *absent = arena_array(arena, column->value_count, sizeof *absent);

    if (!absent)
        return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for %zu values",
                       stage->name, column->value_count);
    column->values = absent;
    return RC_OK;
}

enum rc stage_column_set(struct arena *arena, struct plan_stage *stage, size_t parameter,
                         const struct value *values, size_t count, struct err *err)
{
    size_t at = column_find(stage, parameter);
    struct plan_column *columns =
        arena_array(arena, stage->column_count + 1, sizeof *columns);

    if (!columns)
        return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for a column",
                       stage->name);
    if (stage->column_count > 0)
        memcpy(columns, stage->columns, stage->column_count * sizeof *columns);
    columns[at] = (struct plan_column){ .parameter = (uint32_t)parameter,
                                        .values = values,
                                        .value_count = count };
    if (at == stage->column_count)
        stage->column_count++;
    stage->columns = columns;
    if (stage->sweep == SWEEP_NONE)
        stage->sweep = SWEEP_PRODUCT;
    return RC_OK;
}

static bool is_none(const struct value *value)
{
    return value->kind == VALUE_ABSENT || value->kind == VALUE_NULL;
}

bool stage_parameter_is_settled(const struct plan_stage *stage, size_t parameter)
{
    size_t at = column_find(stage, parameter);

    if (stage->parameters[parameter].optional
        || !is_none(&stage->parameters[parameter].value))
        return true;
    if (at == stage->column_count)
        return false;
    for (size_t i = 0; i < stage->columns[at].value_count; i++)
        if (is_none(&stage->columns[at].values[i]))
            return false;
    return true;
}

uint32_t plan_amount(double amount, double unit, uint32_t step)
{
    double steps = ceil(amount * unit / step);

    return steps <= 0           ? 0
           : steps > 1e9 / step ? UINT32_MAX / step * step
                                : (uint32_t)steps * step;
}
