/* task.c - which values one task of a sweep has, and what of the stage they fill in. */
#include "codecs/plan/task.h"

#include <string.h>

#include "codecs/command/command.h"

/* Which value of the column the task has; the last column of a product varies fastest. */
static uint64_t column_position(const struct plan_stage *stage, size_t column,
                                uint64_t index)
{
    uint64_t count = stage->columns[column].value_count;

    if (stage->sweep != SWEEP_PRODUCT)
        return index < count ? index : count - 1;
    for (size_t i = stage->column_count - 1; i > column; i--)
        index /= stage->columns[i].value_count;
    return index % count;
}

/* The column's value for the task, or NULL if it leaves the parameter as it is. */
static const struct value *column_value(const struct plan_stage *stage, size_t column,
                                        uint64_t index)
{
    if (stage->columns[column].value_count == 0)
        return NULL;

    const struct value *value =
        &stage->columns[column].values[column_position(stage, column, index)];

    return value->kind == VALUE_ABSENT ? NULL : value;
}

struct value plan_task_parameter(const struct plan_stage *stage, uint64_t index,
                                 size_t parameter)
{
    must(parameter < stage->parameter_count);
    must(index < plan_stage_task_count(stage));
    for (size_t i = 0; i < stage->column_count; i++) {
        const struct value *value = stage->columns[i].parameter == parameter
                                        ? column_value(stage, i, index)
                                        : NULL;

        if (value)
            return *value;
    }
    return stage->parameters[parameter].value;
}

enum rc plan_task_parameters(const struct plan_stage *stage, uint64_t index,
                             struct arena *arena, struct value **values, struct err *err)
{
    uint64_t count = plan_stage_task_count(stage);

    if (index >= count)
        return err_set(err, RC_INVALID, "stage '%.80s' has %llu tasks, there is no %llu",
                       stage->name, (unsigned long long)count, (unsigned long long)index);

    struct value *list = arena_array(arena, stage->parameter_count, sizeof *list);

    if (!list)
        return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for %zu parameters",
                       stage->name, stage->parameter_count);
    for (size_t i = 0; i < stage->parameter_count; i++)
        list[i] = stage->parameters[i].value;
    for (size_t i = stage->column_count; i > 0; i--) {
        const struct value *value = column_value(stage, i - 1, index);

        if (value)
            list[stage->columns[i - 1].parameter] = *value;
    }
    *values = list;
    return RC_OK;
}

enum rc plan_parameter_native(struct arena *arena, const struct plan_parameter *parameter,
                              const struct value *value, struct value *native,
                              struct err *err)
{
    bool is_number =
        parameter->type == PARAMETER_FLOAT || parameter->type == PARAMETER_INTEGER;

    if (is_number && value->kind == VALUE_STRING && parameter->multiple == MULTIPLE_NONE)
        return parameter_cast(arena, parameter, value, native, err);
    *native = *value;
    return RC_OK;
}

enum rc plan_task_parameter_map(const struct plan_stage *stage, uint64_t index,
                                struct arena *arena, struct value *map, struct err *err)
{
    struct value *values = NULL;
    enum rc rc = plan_task_parameters(stage, index, arena, &values, err);

    if (rc != RC_OK)
        return rc;

    struct value_entry *entries =
        arena_array(arena, stage->parameter_count, sizeof *entries);
    size_t count = 0;

    if (!entries)
        return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for %zu parameters",
                       stage->name, stage->parameter_count);
    for (size_t i = 0; i < stage->parameter_count; i++) {
        if (values[i].kind == VALUE_ABSENT || values[i].kind == VALUE_NULL)
            continue;
        entries[count].key = stage->parameters[i].name;
        rc = plan_parameter_native(arena, &stage->parameters[i], &values[i],
                                   &entries[count].value, err);
        if (rc != RC_OK)
            return rc;
        count++;
    }
    *map = (struct value){ .kind = VALUE_MAP,
                           .map = { .entries = entries, .count = count } };
    return RC_OK;
}

enum rc plan_task_commands(const struct plan_stage *stage, uint64_t index,
                           struct arena *arena, const char *const **commands,
                           struct err *err)
{
    struct value *values = NULL;
    enum rc rc = plan_task_parameters(stage, index, arena, &values, err);

    if (rc != RC_OK)
        return rc;

    struct command_values given = { .parameters = stage->parameters,
                                    .values = values,
                                    .count = stage->parameter_count,
                                    .source_path = stage->source_path };
    const char **filled = arena_array(arena, stage->command_count, sizeof *filled);

    if (!filled)
        return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for %zu commands",
                       stage->name, stage->command_count);
    for (size_t i = 0; i < stage->command_count; i++) {
        rc = command_fill(arena, stage->commands[i], &given, &filled[i], err);
        if (rc != RC_OK)
            return rc;
    }
    *commands = filled;
    return RC_OK;
}

/* The parameter that a URI names between start and end, or parameter_count. */
static size_t uri_parameter_find(const struct plan_stage *stage, const char *start,
                                 const char *end)
{
    size_t size = (size_t)(end - start), i = 0;

    while (i < stage->parameter_count
           && (strncmp(stage->parameters[i].name, start, size) != 0
               || stage->parameters[i].name[size] != '\0'))
        i++;
    return i;
}

static enum rc uri_fill(const struct plan_stage *stage, const struct value *values,
                        const char *uri, struct buf *buf, struct err *err)
{
    static const char opening[] = "{parameter:";

    for (;;) {
        const char *start = strstr(uri, opening);
        const char *end = start ? strchr(start, '}') : NULL;

        if (!end)
            break;
        buf_add(buf, uri, (size_t)(start - uri));

        size_t at = uri_parameter_find(stage, start + sizeof opening - 1, end);

        if (at == stage->parameter_count)
            buf_add(buf, start, (size_t)(end + 1 - start)); /* unknown: left as it is */
        else if (values[at].kind == VALUE_ABSENT || values[at].kind == VALUE_NULL)
            return err_set(err, RC_INVALID,
                           "stage '%.80s': URI '%.300s' needs parameter '%.80s', which "
                           "has no value",
                           stage->name, uri, stage->parameters[at].name);
        else
            value_to_text(buf, &values[at]);
        uri = end + 1;
    }
    buf_text(buf, uri);
    return RC_OK;
}

enum rc plan_task_uri(const struct plan_stage *stage, uint64_t index, const char *uri,
                      struct arena *arena, const char **filled, struct err *err)
{
    struct value *values = NULL;
    enum rc rc = plan_task_parameters(stage, index, arena, &values, err);
    scoped_buf buf = { .limit = PLAN_TEXT_MAX };

    if (rc == RC_OK)
        rc = uri_fill(stage, values, uri, &buf, err);
    if (rc != RC_OK)
        return rc;

    const char *text = buf_ok(&buf) ? arena_copy(arena, buf.data, buf.size) : NULL;

    if (!text)
        return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for a URI",
                       stage->name);
    if (strlen(text) != buf.size)
        return err_set(err, RC_INVALID, "stage '%.80s': URI '%.300s' would hold a NUL",
                       stage->name, text);
    *filled = text;
    return RC_OK;
}
