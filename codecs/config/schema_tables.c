/* schema_tables.c - what may stand where in a file; sections 2 to 6 and 10 to 12 of
 * docs/valohai-yaml.md, one table per kind of mapping. */
#include "codecs/config/schema.h"

#include <string.h>

#define KEYS(...)                                                                        \
    (const char *const[])                                                                \
    {                                                                                    \
        __VA_ARGS__, NULL                                                                \
    }
#define WORDS(...) KEYS(__VA_ARGS__)
#define FORMS(...)                                                                       \
    (const struct schema *const[])                                                       \
    {                                                                                    \
        __VA_ARGS__, NULL                                                                \
    }
#define END                                                                              \
    {                                                                                    \
        NULL, NULL                                                                       \
    }

/* ---- scalars and lists of them ---- */

static const struct schema text = { .noun = "text", .types = TYPE_STRING };
static const struct schema boolean = { .noun = "a boolean", .types = TYPE_BOOLEAN };
static const struct schema number = { .noun = "a number", .types = TYPE_NUMBER };
static const struct schema integer = { .noun = "an integer", .types = TYPE_INTEGER };
static const struct schema mapping = { .noun = "a mapping", .types = TYPE_MAP };
static const struct schema list = { .noun = "a list", .types = TYPE_LIST };
static const struct schema anything = { .noun = "a value" };
static const struct schema texts = { .types = TYPE_LIST, .items = &text };
static const struct schema text_or_texts = {
    .one_of = FORMS(&text, &texts),
    .choice = "must be text or a list of texts",
    .hint = "Write text, or `- ` lines of text; put numbers and the like in quotes.",
};
static const struct schema duration = {
    .one_of = FORMS(&integer, &text),
    .choice = "must be whole seconds or a text like `1h 30m`",
    .hint = "Write an integer, or a text with units s, m, h, d, w.",
};
static const struct schema name_64 = { .types = TYPE_STRING, .length_max = 64 };

/* ---- forms of texts; a `.` of the reference's patterns is no newline ---- */

static bool is_absolute_path(const char *path)
{
    return path[0] == '/' && path[1] && path[1] != '\n' && !strchr(path, '\n');
}

static bool is_mount(const char *mount)
{
    if (mount[0] != '/' || !mount[1] || strchr(mount, '\n'))
        return false;

    const char *split = strstr(mount + 2, ":/");

    return split && split[2];
}

static bool is_endpoint_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

    if (!*name || !strchr(letters, *name) || !name[1])
        return false;
    return name[1 + strspn(name + 1, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool has_equals_sign(const char *selector)
{
    return strchr(selector, '=') != NULL;
}

/* ---- parts of a step ---- */

static const struct schema parameter_type = {
    .types = TYPE_STRING,
    .words = WORDS("string", "integer", "float", "flag"),
};
static const struct schema parameter_multiple = {
    .types = TYPE_STRING,
    .words = WORDS("none", "repeat", "separate"),
};
static const struct schema widget_mapping = {
    .noun = "a widget",
    .types = TYPE_MAP,
    .required = KEYS("type"),
    .properties = (const struct schema_property[]){ { "type", &text },
                                                    { "settings", &mapping },
                                                    END },
};
static const struct schema widget = { .one_of = FORMS(&widget_mapping, &text) };

static const struct schema parameter = {
    .noun = "a parameter",
    .types = TYPE_MAP,
    .required = KEYS("name"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text },
            { "type", &parameter_type },
            { "default", &anything },
            { "optional", &boolean },
            { "min", &number },
            { "max", &number },
            { "choices", &list },
            { "multiple", &parameter_multiple },
            { "multiple-separator", &text },
            { "pass-as", &text },
            { "pass-true-as", &text },
            { "pass-false-as", &text },
            { "description", &text },
            { "category", &text },
            { "widget", &widget },
            END,
        },
};
static const struct schema parameters = { .types = TYPE_LIST, .items = &parameter };

static const struct schema keep_words = {
    .types = TYPE_STRING,
    .words = WORDS("none", "suffix", "full"),
};
static const struct schema keep_directories = { .one_of = FORMS(&boolean, &keep_words) };
static const struct schema download = {
    .types = TYPE_STRING,
    .words = WORDS("always", "on-demand"),
};

static const struct schema input = {
    .noun = "an input",
    .types = TYPE_MAP,
    .required = KEYS("name"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &name_64 },
            { "default", &text_or_texts },
            { "optional", &boolean },
            { "filename", &text },
            { "keep-directories", &keep_directories },
            { "download", &download },
            { "description", &text },
            END,
        },
};
static const struct schema inputs = { .types = TYPE_LIST, .items = &input };

static const struct schema variable = {
    .noun = "an environment variable",
    .types = TYPE_MAP,
    .required = KEYS("name"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text },
            { "default", &text },
            { "optional", &boolean },
            { "description", &text },
            END,
        },
};
static const struct schema variables = { .types = TYPE_LIST, .items = &variable };

static const struct schema output = {
    .noun = "an output",
    .types = TYPE_MAP,
    .required = KEYS("name"),
    .closed = true,
    .properties = (const struct schema_property[]){ { "name", &text },
                                                    { "description", &text },
                                                    END },
};
static const struct schema outputs = { .types = TYPE_LIST, .items = &output };

static const struct schema mount_text = {
    .noun = "a mount text",
    .types = TYPE_STRING,
    .pattern = is_mount,
    .hint = "Write /source:/destination, both absolute.",
};
static const struct schema destination = {
    .types = TYPE_STRING,
    .pattern = is_absolute_path,
    .hint = "Write an absolute path.",
};
static const struct schema mount_mapping = {
    .noun = "a mount",
    .types = TYPE_MAP,
    .required = KEYS("source", "destination"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "source", &text },
            { "destination", &destination },
            { "readonly", &boolean },
            { "type", &text },
            { "options", &mapping },
            END,
        },
};
static const struct schema mount = {
    .noun = "a mount",
    .any_of = FORMS(&mount_text, &mount_mapping),
};
static const struct schema mounts = { .types = TYPE_LIST, .items = &mount };

static const struct schema range = {
    .types = TYPE_MAP,
    .closed = true,
    .properties =
        (const struct schema_property[]){ { "min", &number }, { "max", &number }, END },
};
static const struct schema integer_range = {
    .types = TYPE_MAP,
    .closed = true,
    .properties =
        (const struct schema_property[]){ { "min", &integer }, { "max", &integer }, END },
};
static const struct schema device_count = {
    .types = TYPE_NUMBER,
    .has_min = true,
    .min = 1,
};
static const struct schema devices = { .types = TYPE_MAP, .any_value = &device_count };

static const struct schema step_resources = {
    .types = TYPE_MAP,
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "cpu", &range }, { "memory", &range }, { "devices", &devices }, END },
};

static const struct schema step = {
    .noun = "a step",
    .types = TYPE_MAP,
    .required = KEYS("name", "image", "command"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text },
            { "image", &text },
            { "command", &text_or_texts },
            { "parameters", &parameters },
            { "inputs", &inputs },
            { "outputs", &outputs },
            { "mounts", &mounts },
            { "cache-volumes", &texts },
            { "environment", &text },
            { "environment-variables", &variables },
            { "environment-variable-groups", &texts },
            { "runtime-config-preset", &text },
            { "description", &text },
            { "icon", &text },
            { "category", &text },
            { "upload-store", &name_64 },
            { "time-limit", &duration },
            { "no-output-timeout", &duration },
            { "source-path", &text },
            { "resources", &step_resources },
            { "stop-condition", &text },
            END,
        },
};

/* ---- parts of a pipeline ---- */

#define OVERRIDE_PROPERTIES                                                              \
    (const struct schema_property[])                                                     \
    {                                                                                    \
        { "image", &text }, { "command", &text_or_texts }, { "environment", &text },     \
            { "runtime-config-preset", &text }, { "environment-variables", &variables }, \
            { "inputs", &inputs }, { "mounts", &mounts }, { "parameters", &parameters }, \
            END,                                                                         \
    }

static const struct schema override = {
    .noun = "an override",
    .types = TYPE_MAP,
    .closed = true,
    .properties = OVERRIDE_PROPERTIES,
};
static const struct schema open_override = {
    .noun = "an override",
    .types = TYPE_MAP,
    .properties = OVERRIDE_PROPERTIES,
};

static const struct schema action = {
    .noun = "an action",
    .types = TYPE_MAP,
    .required = KEYS("when", "then"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "when", &text_or_texts },
            { "then", &text_or_texts },
            { "if", &text_or_texts },
            END,
        },
};
static const struct schema actions = { .types = TYPE_LIST, .items = &action };

static const struct schema merge_mode = {
    .types = TYPE_STRING,
    .words = WORDS("replace", "append"),
};
static const struct schema on_error = {
    .types = TYPE_STRING,
    .words = WORDS("stop-all", "stop-next", "continue", "retry"),
};
static const struct schema deployment_on_error = {
    .types = TYPE_STRING,
    .words = WORDS("stop-all", "stop-next", "continue"),
};
static const struct schema is_execution = { .words = WORDS("execution") };
static const struct schema is_task = { .words = WORDS("task") };
static const struct schema is_deployment = { .words = WORDS("deployment") };
static const struct schema needs_step = { .required = KEYS("step") };
static const struct schema needs_task = { .required = KEYS("task") };

#define EXECUTION_NODE(overrides)                                                        \
    {                                                                                    \
        .noun = "an execution node", .types = TYPE_MAP,                                  \
        .required = KEYS("name", "type", "step"), .closed = true,                        \
        .properties = (const struct schema_property[]){                                  \
            { "name", &text },                                                           \
            { "type", &is_execution },                                                   \
            { "step", &text },                                                           \
            { "commit", &text },                                                         \
            { "override", overrides },                                                   \
            { "edge-merge-mode", &merge_mode },                                          \
            { "on-error", &on_error },                                                   \
            { "actions", &actions },                                                     \
            END,                                                                         \
        },                                                                               \
    }
#define TASK_NODE(overrides)                                                             \
    {                                                                                    \
        .noun = "a task node", .types = TYPE_MAP, .required = KEYS("name", "type"),      \
        .closed = true,                                                                  \
        .properties =                                                                    \
            (const struct schema_property[]){                                            \
                { "name", &text },                                                       \
                { "type", &is_task },                                                    \
                { "step", &text },                                                       \
                { "task", &text },                                                       \
                { "commit", &text },                                                     \
                { "override", overrides },                                               \
                { "edge-merge-mode", &merge_mode },                                      \
                { "on-error", &on_error },                                               \
                { "actions", &actions },                                                 \
                END,                                                                     \
            },                                                                           \
        .one_of = FORMS(&needs_step, &needs_task),                                       \
        .choice = "needs either `step` or `task`", .hint = "Keep one of the two keys.",  \
    }

static const struct schema execution_node = EXECUTION_NODE(&override);
static const struct schema task_node = TASK_NODE(&override);
static const struct schema open_execution_node = EXECUTION_NODE(&open_override);
static const struct schema open_task_node = TASK_NODE(&open_override);
static const struct schema deployment_node = {
    .noun = "a deployment node",
    .types = TYPE_MAP,
    .required = KEYS("name", "type", "deployment"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text },
            { "type", &is_deployment },
            { "deployment", &text },
            { "endpoints", &texts },
            { "aliases", &texts },
            { "on-error", &deployment_on_error },
            { "actions", &actions },
            END,
        },
};
static const struct schema node = {
    .noun = "the node",
    .any_of = FORMS(&execution_node, &task_node, &deployment_node),
};
static const struct schema open_node = {
    .noun = "the node",
    .any_of = FORMS(&open_execution_node, &open_task_node, &deployment_node),
};
static const struct schema nodes = { .types = TYPE_LIST, .items = &node };
static const struct schema open_nodes = { .types = TYPE_LIST, .items = &open_node };

static const struct schema short_edge = {
    .noun = "a [source, target] edge",
    .types = TYPE_LIST,
    .tuple_item = &text,
    .tuple_max = 2,
};
static const struct schema long_edge = {
    .noun = "an edge",
    .types = TYPE_MAP,
    .required = KEYS("source", "target"),
    .closed = true,
    .properties = (const struct schema_property[]){ { "source", &text },
                                                    { "target", &text },
                                                    { "configuration", &mapping },
                                                    END },
};
static const struct schema edge = {
    .noun = "the edge",
    .any_of = FORMS(&short_edge, &long_edge),
};
static const struct schema edges = { .types = TYPE_LIST, .items = &edge };

static const struct schema pipeline_parameter = {
    .noun = "a pipeline parameter",
    .types = TYPE_MAP,
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text },
            { "targets", &text_or_texts },
            { "target", &text },
            { "default", &anything },
            { "category", &text },
            { "description", &text },
            END,
        },
};
static const struct schema pipeline_parameters = {
    .types = TYPE_LIST,
    .items = &pipeline_parameter,
};

static const struct schema pipeline = {
    .noun = "a pipeline",
    .types = TYPE_MAP,
    .required = KEYS("name", "nodes", "edges"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text },
            { "nodes", &nodes },
            { "edges", &edges },
            { "parameters", &pipeline_parameters },
            { "reuse-executions", &boolean },
            END,
        },
};

const struct schema schema_blueprint = {
    .noun = "a blueprint",
    .types = TYPE_MAP,
    .required = KEYS("name"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text },
            { "nodes", &open_nodes },
            { "edges", &edges },
            { "parameters", &pipeline_parameters },
            { "reuse-executions", &boolean },
            END,
        },
};

/* ---- task blueprints ---- */

static const struct schema rule_item = {
    .types = TYPE_NUMBER | TYPE_STRING | TYPE_BOOLEAN,
};
static const struct schema rule_items = { .types = TYPE_LIST, .items = &rule_item };
static const struct schema rules = {
    .types = TYPE_MAP,
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "value", &number },
            { "start", &number },
            { "end", &number },
            { "step", &number },
            { "min", &number },
            { "max", &number },
            { "count", &number },
            { "base", &number },
            { "seed", &number },
            { "items", &rule_items },
            { "integerify", &boolean },
            { "numberify", &boolean },
            { "distribution", &text },
            END,
        },
};
static const struct schema style = {
    .types = TYPE_STRING,
    .words = WORDS("single", "multiple", "linear", "logspace", "random"),
};
static const struct schema variant = {
    .noun = "a task parameter",
    .types = TYPE_MAP,
    .required = KEYS("name", "style", "rules"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text }, { "style", &style }, { "rules", &rules }, END },
};
static const struct schema variants = { .types = TYPE_LIST, .items = &variant };
static const struct schema sets = { .types = TYPE_LIST, .items = &mapping };
static const struct schema needs_parameters = { .required = KEYS("parameters") };
static const struct schema needs_sets = { .required = KEYS("parameter-sets") };

static const struct schema task = {
    .noun = "a task",
    .types = TYPE_MAP,
    .required = KEYS("name", "step"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text },
            { "step", &text },
            { "type", &text },
            { "parameters", &variants },
            { "parameter-sets", &sets },
            { "description", &text },
            { "execution-count", &integer },
            { "execution-batch-size", &integer },
            { "maximum-queued-executions", &integer },
            { "on-child-error", &text },
            { "optimization-target-metric", &text },
            { "optimization-target-value", &number },
            { "engine", &text },
            { "stop-condition", &text },
            { "reuse-children", &boolean },
            END,
        },
    .any_of = FORMS(&needs_parameters, &needs_sets),
    .choice = "needs `parameters` or `parameter-sets`",
    .hint = "Add `parameters`, or `parameter-sets` for manual_search.",
};

/* ---- endpoints ---- */

static const struct schema endpoint_resources = {
    .types = TYPE_MAP,
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "cpu", &range },
            { "memory", &range },
            { "devices", &devices },
            { "ephemeral-storage", &integer_range },
            END,
        },
};
static const struct schema file = {
    .noun = "an endpoint file",
    .types = TYPE_MAP,
    .required = KEYS("name", "path"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &text }, { "path", &text }, { "description", &text }, END },
};
static const struct schema files = { .types = TYPE_LIST, .items = &file };

static const struct schema operator_word = {
    .types = TYPE_STRING,
    .words = WORDS("Exists", "Equal"),
};
static const struct schema effect = {
    .types = TYPE_STRING,
    .words = WORDS("PreferNoSchedule", "NoSchedule", "NoExecute"),
};
static const struct schema only_exists = { .words = WORDS("Exists") };
static const struct schema nothing = { .never = true };
static const struct schema with_key = { .required = KEYS("key") };
static const struct schema without_key = {
    .properties = (const struct schema_property[]){ { "key", &nothing },
                                                    { "operator", &only_exists },
                                                    END },
};
static const struct schema toleration = {
    .noun = "a toleration",
    .types = TYPE_MAP,
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "key", &text },
            { "operator", &operator_word },
            { "value", &text },
            { "effect", &effect },
            END,
        },
    .one_of = FORMS(&with_key, &without_key),
    .choice = "without `key` needs the operator Exists",
    .hint = "Add `key`, or set `operator: Exists`.",
};
static const struct schema tolerations = { .types = TYPE_LIST, .items = &toleration };

static const struct schema endpoint_name = {
    .types = TYPE_STRING,
    .pattern = is_endpoint_name,
    .hint = "Use lower-case letters, digits and dashes, a letter first, two or "
            "more in all.",
};
static const struct schema port = {
    .types = TYPE_NUMBER,
    .has_min = true,
    .min = 1025,
    .has_max = true,
    .max = 65535,
};
static const struct schema selector = {
    .types = TYPE_STRING,
    .pattern = has_equals_sign,
    .hint = "Write label=value.",
};
static const struct schema needs_command = { .required = KEYS("server-command") };
static const struct schema needs_wsgi = { .required = KEYS("wsgi") };

static const struct schema endpoint = {
    .noun = "an endpoint",
    .types = TYPE_MAP,
    .required = KEYS("name", "image"),
    .closed = true,
    .properties =
        (const struct schema_property[]){
            { "name", &endpoint_name },
            { "image", &text },
            { "description", &text },
            { "server-command", &text_or_texts },
            { "wsgi", &text },
            { "port", &port },
            { "files", &files },
            { "node-selector", &selector },
            { "resources", &endpoint_resources },
            { "tolerations", &tolerations },
            END,
        },
    .one_of = FORMS(&needs_command, &needs_wsgi),
    .choice = "needs exactly one of `server-command` and `wsgi`",
    .hint = "Add the one that is missing, or remove one of the two.",
};

/* ---- the file ---- */

static const struct schema item = {
    .noun = "a top-level item",
    .types = TYPE_MAP,
    .properties =
        (const struct schema_property[]){
            { "step", &step },
            { "task", &task },
            { "pipeline", &pipeline },
            { "endpoint", &endpoint },
            END,
        },
};
const struct schema schema_file = {
    .noun = "the file",
    .types = TYPE_LIST,
    .items = &item,
};
