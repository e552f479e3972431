/* shape.c - the tables themselves. */
#include "codecs/plan/shape.h"

#include "codecs/sweep/sweep.h"

#define KEY(text)           .key = text, .key_size = sizeof text - 1
#define AT(type, member)    KEY(#member), .offset = offsetof(struct type, member)
#define COUNT(type, member) .count_offset = offsetof(struct type, member)
#define NAME(type, member)                                                               \
    {                                                                                    \
        AT(type, member), .kind = FIELD_TEXT, .max = PLAN_NAME_MAX, .is_required = true  \
    }
#define TEXT(type, member)                                                               \
    {                                                                                    \
        AT(type, member), .kind = FIELD_TEXT, .max = PLAN_TEXT_MAX                       \
    }
#define BOOL(type, member)                                                               \
    {                                                                                    \
        AT(type, member), .kind = FIELD_BOOL                                             \
    }
#define ENUM(type, member, last)                                                         \
    {                                                                                    \
        AT(type, member), .kind = FIELD_UINT32, .max = (last)                            \
    }
#define UINT(type, member)                                                               \
    {                                                                                    \
        AT(type, member), .kind = FIELD_UINT64, .max = INT64_MAX                         \
    }
#define FLOAT(type, member)                                                              \
    {                                                                                    \
        AT(type, member), .kind = FIELD_FLOAT                                            \
    }
#define VALUE(type, member)                                                              \
    {                                                                                    \
        AT(type, member), .kind = FIELD_VALUE                                            \
    }
#define TEXTS(type, member, count)                                                       \
    {                                                                                    \
        AT(type, member), COUNT(type, count), .kind = FIELD_TEXTS, .max = UINT32_MAX     \
    }
#define STRUCTS(type, member, count, most, inner)                                        \
    {                                                                                    \
        AT(type, member), COUNT(type, count), .kind = FIELD_STRUCTS, .max = (most),      \
                                              .shape = &(inner)                          \
    }
#define SHAPE(type, text, table)                                                         \
    {                                                                                    \
        .noun = (text), .size = sizeof(struct type), .fields = (table),                  \
        .field_count = COUNT_OF(table)                                                   \
    }

_Static_assert(sizeof(enum then) == sizeof(uint32_t), "enums are read as uint32_t");

enum { LIST_MAX = 1 << 20 }; /* entries of one stage's lists */

static const struct field source_fields[] = {
    TEXT(plan_source, uri),       TEXT(plan_source, name),  TEXT(plan_source, digest),
    TEXT(plan_source, md5),       TEXT(plan_source, sha1),  UINT(plan_source, size),
    VALUE(plan_source, metadata), TEXT(plan_source, datum), TEXT(plan_source, version),
};
static const struct shape source_shape = SHAPE(plan_source, "source", source_fields);

static const struct field input_fields[] = {
    NAME(plan_input, name),
    STRUCTS(plan_input, sources, source_count, 16 * LIST_MAX, source_shape),
    TEXT(plan_input, filename),
    ENUM(plan_input, keep_directories, KEEP_FULL),
    BOOL(plan_input, optional),
    BOOL(plan_input, on_demand),
};
static const struct shape input_shape = SHAPE(plan_input, "input", input_fields);

static const struct field parameter_fields[] = {
    NAME(plan_parameter, name),
    ENUM(plan_parameter, type, PARAMETER_FLAG),
    ENUM(plan_parameter, multiple, MULTIPLE_SEPARATE),
    TEXT(plan_parameter, separator),
    TEXT(plan_parameter, pass_as),
    TEXT(plan_parameter, pass_true_as),
    TEXT(plan_parameter, pass_false_as),
    BOOL(plan_parameter, optional),
    BOOL(plan_parameter, has_min),
    BOOL(plan_parameter, has_max),
    FLOAT(plan_parameter, min),
    FLOAT(plan_parameter, max),
    VALUE(plan_parameter, choices),
    VALUE(plan_parameter, value),
};
static const struct shape parameter_shape =
    SHAPE(plan_parameter, "parameter", parameter_fields);

static const struct field variable_fields[] = {
    NAME(plan_variable, name),
    TEXT(plan_variable, value),
    BOOL(plan_variable, optional),
    BOOL(plan_variable, masked),
};
static const struct shape variable_shape =
    SHAPE(plan_variable, "variable", variable_fields);

static const struct field column_fields[] = {
    ENUM(plan_column, parameter, LIST_MAX),
    { AT(plan_column, values), COUNT(plan_column, value_count), .kind = FIELD_VALUES,
      .max = SWEEP_VALUES_MAX },
};
static const struct shape column_shape = SHAPE(plan_column, "column", column_fields);

static const struct field action_fields[] = {
    ENUM(plan_action, when, WHEN_STARTING | WHEN_COMPLETE | WHEN_ERROR),
    TEXTS(plan_action, conditions, condition_count),
    { AT(plan_action, then), COUNT(plan_action, then_count), .kind = FIELD_ENUMS,
      .max = LIST_MAX, .item_max = THEN_APPROVAL },
};
static const struct shape action_shape = SHAPE(plan_action, "action", action_fields);

static const struct field stage_fields[] = {
    NAME(plan_stage, name),
    ENUM(plan_stage, kind, STAGE_TASK),
    TEXT(plan_stage, step),
    TEXT(plan_stage, task),
    TEXT(plan_stage, image),
    TEXT(plan_stage, source_path),
    TEXT(plan_stage, environment),
    TEXT(plan_stage, upload_store),
    TEXT(plan_stage, stop_condition),
    TEXT(plan_stage, description),
    TEXTS(plan_stage, commands, command_count),
    STRUCTS(plan_stage, parameters, parameter_count, LIST_MAX, parameter_shape),
    STRUCTS(plan_stage, inputs, input_count, LIST_MAX, input_shape),
    STRUCTS(plan_stage, variables, variable_count, LIST_MAX, variable_shape),
    FLOAT(plan_stage, cpu_min),
    FLOAT(plan_stage, memory_min_mb),
    FLOAT(plan_stage, gpus),
    UINT(plan_stage, time_limit_s),
    UINT(plan_stage, no_output_timeout_s),
    ENUM(plan_stage, sweep, SWEEP_ZIP),
    STRUCTS(plan_stage, columns, column_count, LIST_MAX, column_shape),
    UINT(plan_stage, queued_max),
    ENUM(plan_stage, on_child_error, CHILD_ERROR_STOP_ALL_AND_ERROR),
    ENUM(plan_stage, on_error, ON_ERROR_RETRY),
    BOOL(plan_stage, merge_append),
    BOOL(plan_stage, reuse),
    STRUCTS(plan_stage, actions, action_count, LIST_MAX, action_shape),
    TEXT(plan_stage, code),
    BOOL(plan_stage, sees_own_code),
};
const struct shape plan_stage_shape = SHAPE(plan_stage, "stage", stage_fields);

/* A plan may have millions of edges, so their keys are abbreviations. */
#define EDGE(name, member, what, last)                                                   \
    {                                                                                    \
        KEY(name), .offset = offsetof(struct plan_edge, member), .kind = (what),         \
                   .max = (last)                                                         \
    }
static const struct field edge_fields[] = {
    EDGE("s", source, FIELD_UINT32, PLAN_STAGES_MAX),
    EDGE("t", target, FIELD_UINT32, PLAN_STAGES_MAX),
    EDGE("st", source_type, FIELD_UINT32, EDGE_END_COUNT - 1),
    EDGE("tt", target_type, FIELD_UINT32, EDGE_END_COUNT - 1),
    EDGE("sk", source_key, FIELD_TEXT, PLAN_TEXT_MAX),
    EDGE("tk", target_key, FIELD_TEXT, PLAN_TEXT_MAX),
};
static const struct shape edge_shape = SHAPE(plan_edge, "edge", edge_fields);

static const struct field code_fields[] = {
    TEXT(plan_code, tree),     TEXT(plan_code, commit),     TEXT(plan_code, branch),
    BOOL(plan_code, is_dirty), UINT(plan_code, file_count), UINT(plan_code, bytes),
};
static const struct shape code_shape = SHAPE(plan_code, "code", code_fields);

static const struct field asked_fields[] = {
    TEXT(plan_asked, user),   TEXT(plan_asked, host), TEXT(plan_asked, client),
    TEXT(plan_asked, parent), TEXT(plan_asked, why),  UINT(plan_asked, time_us),
};
static const struct shape asked_shape = SHAPE(plan_asked, "asked", asked_fields);

static const struct field plan_fields[] = {
    TEXT(plan, project),
    TEXT(plan, title),
    BOOL(plan, is_pipeline),
    FLOAT(plan, priority),
    { AT(plan, code), .kind = FIELD_STRUCT, .shape = &code_shape },
    STRUCTS(plan, stages, stage_count, PLAN_STAGES_MAX, plan_stage_shape),
    STRUCTS(plan, edges, edge_count, PLAN_EDGES_MAX, edge_shape),
    VALUE(plan, parameters),
    TEXTS(plan, notes, note_count),
    { AT(plan, asked), .kind = FIELD_STRUCT, .shape = &asked_shape },
};
const struct shape plan_shape = SHAPE(plan, "plan", plan_fields);

bool field_is_zero(const struct field *field, const void *base)
{
    const char *at = (const char *)base + field->offset;

    switch (field->kind) {
    case FIELD_TEXT:
        return *(const char *const *)at == NULL;
    case FIELD_BOOL:
        return !*(const bool *)at;
    case FIELD_UINT32:
        return *(const uint32_t *)at == 0;
    case FIELD_UINT64:
        return *(const uint64_t *)at == 0;
    case FIELD_FLOAT:
        return !(*(const double *)at < 0 || *(const double *)at > 0);
    case FIELD_VALUE:
        return ((const struct value *)at)->kind == VALUE_ABSENT;
    case FIELD_STRUCT:
        for (size_t i = 0; i < field->shape->field_count; i++)
            if (!field_is_zero(&field->shape->fields[i], at))
                return false;
        return true;
    case FIELD_TEXTS:
    case FIELD_ENUMS:
    case FIELD_VALUES:
    case FIELD_STRUCTS:
        return field_count(field, base) == 0;
    }
    unreachable_because("every kind of field is above");
}
