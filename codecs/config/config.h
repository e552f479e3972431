/* config.h - a valohai.yaml file as structs.
 *
 * What the file says, after YAML resolution and with defaults filled in, in file order;
 * nothing is interpreted beyond that (no command is built, no sweep expanded). Everything
 * lives in the config's arena; NULL pointers mean "not given". Built by config_parse in
 * read.h, read by lint and plan. */
#pragma once

#include "codecs/value/value.h"

struct place { /* 1-based; 0: unknown */
    uint32_t line, column;
};

enum parameter_type {
    PARAMETER_STRING,
    PARAMETER_INTEGER,
    PARAMETER_FLOAT,
    PARAMETER_FLAG
};
enum parameter_multiple { MULTIPLE_NONE, MULTIPLE_REPEAT, MULTIPLE_SEPARATE };

struct config_parameter {
    const char *name;
    enum parameter_type type;
    struct value
        fallback;  /* the file's `default`; VALUE_ABSENT if not given; a single default of
                      a  multiple parameter is already wrapped into a list */
    bool optional; /* always true for flags */
    bool has_min, has_max;
    double min, max;
    struct value choices; /* VALUE_LIST, or VALUE_ABSENT for no restriction */
    enum parameter_multiple multiple;
    const char *separator; /* never NULL, never empty */
    const char *pass_as, *pass_true_as, *pass_false_as;
    const char *description, *category;
    struct place place;
};

enum keep_directories { KEEP_NONE, KEEP_SUFFIX, KEEP_FULL };

struct config_input {
    const char *name;
    const char *const *uris; /* the file's `default` */
    size_t uri_count;
    bool optional, on_demand;
    const char *filename;
    enum keep_directories keep_directories;
    const char *description;
    struct place place;
};

struct config_variable { /* environment variable */
    const char *name, *fallback, *description;
    bool optional; /* default true */
    struct place place;
};

struct config_mount {
    const char *source, *destination, *type;
    bool readonly;
    struct value options; /* VALUE_MAP or VALUE_ABSENT */
};

struct config_range { /* of resources; NAN: not given */
    double min, max;
};

struct config_resources {
    struct config_range cpu;       /* vCPUs */
    struct config_range memory;    /* MB */
    struct config_range ephemeral; /* MB, endpoints only */
    struct value devices;          /* VALUE_MAP name -> number, or VALUE_ABSENT */
};

struct config_step {
    const char *name, *image;
    const char *const *commands; /* a single command is a list of one */
    size_t command_count;
    const struct config_parameter *parameters;
    size_t parameter_count;
    const struct config_input *inputs;
    size_t input_count;
    const struct config_variable *variables;
    size_t variable_count;
    const struct config_mount *mounts;
    size_t mount_count;
    const char *const *output_names, *const *variable_groups, *const *cache_volumes;
    size_t output_count, variable_group_count, cache_volume_count;
    const char *environment, *runtime_config_preset, *description, *icon, *category,
        *upload_store, *source_path, *stop_condition;
    int64_t time_limit_s, no_output_timeout_s; /* 0: none */
    struct config_resources resources;
    struct place place;
};

enum stage_kind { STAGE_EXECUTION, STAGE_TASK, STAGE_DEPLOYMENT };
enum on_error {
    ON_ERROR_STOP_ALL,
    ON_ERROR_STOP_NEXT,
    ON_ERROR_CONTINUE,
    ON_ERROR_RETRY
};

struct config_action {
    const char *const *when, *const *conditions, *const *then; /* when is lower-cased */
    size_t when_count, condition_count, then_count;
    struct place place;
};

/* Only fields the file gives are set. An entry of the lists replaces the step's entry of
 * the same name as a whole. */
struct config_override {
    const char *image, *environment, *runtime_config_preset;
    const char *const *commands;
    size_t command_count;
    const struct config_parameter *parameters;
    size_t parameter_count;
    const struct config_input *inputs;
    size_t input_count;
    const struct config_variable *variables;
    size_t variable_count;
    const struct config_mount *mounts;
    size_t mount_count;
};

struct config_stage { /* the file format calls it a node */
    const char *name;
    enum stage_kind kind;
    const char *step, *task, *deployment, *commit;
    const char *const *endpoints, *const *aliases;
    size_t endpoint_count, alias_count;
    bool has_override;
    struct config_override override;
    bool merge_append; /* edge-merge-mode: append */
    enum on_error on_error;
    const struct config_action *actions;
    size_t action_count;
    struct place place;
};

enum edge_end {
    EDGE_OUTPUT,
    EDGE_INPUT,
    EDGE_PARAMETER,
    EDGE_METADATA,
    EDGE_FILE,
    EDGE_VARIABLE, /* environment-variable */
    EDGE_DEPENDENCY,
    EDGE_DEPLOYMENT,
    EDGE_END_COUNT /* a type that is not known; lint has reported it */
};

struct config_edge {
    const char *source_stage, *source_key, *target_stage, *target_key;
    enum edge_end source_type, target_type;
    const char *source_type_text, *target_type_text; /* as written */
    struct place place;
};

struct config_pipeline_target {
    const char *stage, *type, *parameter;
};

struct config_pipeline_parameter {
    const char *name;
    const struct config_pipeline_target *targets;
    size_t target_count;
    struct value fallback; /* VALUE_ABSENT if no default */
    const char *description, *category;
    struct place place;
};

struct config_pipeline {
    const char *name;
    const struct config_stage *stages;
    size_t stage_count;
    const struct config_edge *edges;
    size_t edge_count;
    const struct config_pipeline_parameter *parameters;
    size_t parameter_count;
    bool reuse_executions;
    struct place place;
};

enum task_type { TASK_GRID, TASK_RANDOM, TASK_MANUAL, TASK_BAYESIAN, TASK_DISTRIBUTED };
enum variant_style {
    VARIANT_SINGLE,
    VARIANT_MULTIPLE,
    VARIANT_LINEAR,
    VARIANT_LOGSPACE,
    VARIANT_RANDOM
};
enum on_child_error {
    CHILD_ERROR_DEFAULT, /* continue-and-error */
    CHILD_ERROR_CONTINUE_AND_ERROR,
    CHILD_ERROR_CONTINUE_AND_COMPLETE,
    CHILD_ERROR_STOP_ALL_AND_ERROR
};

struct config_variant { /* one parameter of a task blueprint */
    const char *name;
    enum variant_style style;
    struct value rules; /* VALUE_MAP, checked against the schema */
    struct place place;
};

struct config_task {
    const char *name, *step, *description;
    enum task_type type;
    const struct config_variant *variants;
    size_t variant_count;
    const struct value *sets; /* parameter-sets: each a non-empty VALUE_MAP */
    size_t set_count;
    int64_t execution_count, execution_batch_size, maximum_queued; /* 0: not given */
    enum on_child_error on_child_error;
    const char *target_metric, *engine, *stop_condition;
    bool has_target_value, reuse_children;
    double target_value;
    struct place place;
};

struct config_endpoint {
    const char *name, *image, *description, *wsgi, *node_selector;
    const char *const *server_commands;
    size_t server_command_count;
    int64_t port; /* 0: not given */
    struct value files,
        tolerations; /* as written, checked against the schema; or VALUE_ABSENT */
    struct config_resources resources;
    struct place place;
};

struct config_deployment {
    const char *name, *target; /* target may be NULL */
    struct place place;
};

struct config {
    struct arena *arena; /* owns everything below, and the config itself is in it */
    const char *file;    /* as named by the caller */
    const struct config_step *steps;
    const struct config_task *tasks;
    const struct config_pipeline *pipelines;
    const struct config_endpoint *endpoints;
    const struct config_deployment *deployments;
    size_t step_count, task_count, pipeline_count, endpoint_count, deployment_count;
};

const struct config_step *config_step_find(const struct config *config, const char *name);
const struct config_task *config_task_find(const struct config *config, const char *name);
const struct config_pipeline *config_pipeline_find(const struct config *config,
                                                   const char *name);
const struct config_stage *config_stage_find(const struct config_pipeline *pipeline,
                                             const char *name);
const struct config_parameter *config_parameter_find(const struct config_step *step,
                                                     const char *name);
const struct config_input *config_input_find(const struct config_step *step,
                                             const char *name);
