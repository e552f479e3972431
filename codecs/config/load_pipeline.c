/* load_pipeline.c - stages, edges and pipeline parameters. */
#include "codecs/config/load.h"
#include "codecs/config/schema.h"

#include <ctype.h>
#include <string.h>

static enum rc load_override(struct load *load, const struct yaml_node *node,
                             const char *path, struct config_override *override)
{
    const char *inner = findings_text(load->findings, "%s.override.parameters", path);
    enum rc rc;

    override->image = load_some_text(node, "image");
    override->environment = load_some_text(node, "environment");
    override->runtime_config_preset = load_some_text(node, "runtime-config-preset");
    if ((rc = load_texts(load, node, "command", true, &override->commands,
                         &override->command_count))
            != RC_OK
        || (rc = load_parameters(load, yaml_get(node, "parameters"), inner,
                                 &override->parameters, &override->parameter_count, NULL))
               != RC_OK
        || (rc = load_inputs(load, yaml_get(node, "inputs"), &override->inputs,
                             &override->input_count))
               != RC_OK
        || (rc = load_variables(load, yaml_get(node, "environment-variables"),
                                &override->variables, &override->variable_count))
               != RC_OK)
        return rc;
    return load_mounts(load, yaml_get(node, "mounts"), &override->mounts,
                       &override->mount_count);
}

/* Lower case, each word once. */
static enum rc lower_once(struct load *load, const char *const *texts, size_t *count,
                          const char *const **lowered)
{
    scoped_index seen = { 0 };
    const char **array = arena_array(load->arena, *count, sizeof *array);
    size_t used = 0, at;

    if (!array)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < *count; i++) {
        char *copy = arena_text(load->arena, texts[i]);

        if (!copy)
            return RC_NO_MEMORY;
        for (char *p = copy; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        if (load_position(&seen, copy, &used, &at) != RC_OK)
            return RC_NO_MEMORY;
        array[at] = copy;
    }
    *lowered = array;
    *count = used;
    return RC_OK;
}

static enum rc load_action(struct load *load, const struct yaml_node *node,
                           struct config_action *action)
{
    enum rc rc;

    action->place = node->place;
    if ((rc = load_texts(load, node, "when", false, &action->when, &action->when_count))
            != RC_OK
        || (rc = lower_once(load, action->when, &action->when_count, &action->when))
               != RC_OK
        || (rc = load_texts(load, node, "if", false, &action->conditions,
                            &action->condition_count))
               != RC_OK)
        return rc;
    return load_texts(load, node, "then", false, &action->then, &action->then_count);
}

static enum rc load_actions(struct load *load, const struct yaml_node *list,
                            struct config_stage *stage)
{
    size_t count = load_count(list);
    struct config_action *array = arena_array(load->arena, count, sizeof *array);
    enum rc rc = array ? RC_OK : RC_NO_MEMORY;

    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc = load_action(load, list->items[i], &array[i]);
    if (rc == RC_OK) {
        stage->actions = array;
        stage->action_count = count;
    }
    return rc;
}

static enum stage_kind kind_of(const struct yaml_node *node)
{
    const char *type = load_text(node, "type");

    must(type);
    if (strcmp(type, "execution") == 0)
        return STAGE_EXECUTION;
    return strcmp(type, "task") == 0 ? STAGE_TASK : STAGE_DEPLOYMENT;
}

static enum on_error on_error_of(const struct yaml_node *node)
{
    const char *word = load_text(node, "on-error");

    if (!word || strcmp(word, "stop-all") == 0)
        return ON_ERROR_STOP_ALL;
    if (strcmp(word, "stop-next") == 0)
        return ON_ERROR_STOP_NEXT;
    return strcmp(word, "retry") == 0 ? ON_ERROR_RETRY : ON_ERROR_CONTINUE;
}

static enum rc load_stage(struct load *load, const struct yaml_node *node,
                          const char *path, struct config_stage *stage)
{
    const char *merge = load_text(node, "edge-merge-mode");
    const struct yaml_node *override = yaml_get(node, "override");
    enum rc rc;

    *stage = (struct config_stage){
        .name = load_text(node, "name"),
        .kind = kind_of(node),
        .step = load_text(node, "step"),
        .task = load_text(node, "task"),
        .deployment = load_text(node, "deployment"),
        .commit = load_some_text(node, "commit"),
        .has_override = override != NULL,
        .merge_append = merge && strcmp(merge, "append") == 0,
        .on_error = on_error_of(node),
        .place = node->place,
    };
    if ((rc = load_texts(load, node, "endpoints", false, &stage->endpoints,
                         &stage->endpoint_count))
            != RC_OK
        || (rc = load_texts(load, node, "aliases", false, &stage->aliases,
                            &stage->alias_count))
               != RC_OK
        || (rc = load_actions(load, yaml_get(node, "actions"), stage)) != RC_OK)
        return rc;
    return override ? load_override(load, override, path, &stage->override) : RC_OK;
}

static enum rc load_stages(struct load *load, const struct yaml_node *list,
                           const char *path, struct config_pipeline *pipeline)
{
    size_t count = load_count(list);
    struct config_stage *array = arena_array(load->arena, count, sizeof *array);
    enum rc rc = array ? RC_OK : RC_NO_MEMORY;

    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc =
            load_stage(load, list->items[i],
                       findings_text(load->findings, "%s.nodes.%zu", path, i), &array[i]);
    if (rc == RC_OK) {
        pipeline->stages = array;
        pipeline->stage_count = count;
    }
    return rc;
}

/* node.type.key; the key may hold dots. false: fewer than three parts. */
static bool split_socket(struct load *load, const char *text, const char *parts[3])
{
    const char *first = strchr(text, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;

    if (!second)
        return false;
    parts[0] = arena_copy(load->arena, text, (size_t)(first - text));
    parts[1] = arena_copy(load->arena, first + 1, (size_t)(second - first - 1));
    parts[2] = second + 1;
    return true;
}

static enum edge_end end_of(const char *type)
{
    static const char *const types[EDGE_END_COUNT] = {
        [EDGE_OUTPUT] = "output",
        [EDGE_INPUT] = "input",
        [EDGE_PARAMETER] = "parameter",
        [EDGE_METADATA] = "metadata",
        [EDGE_FILE] = "file",
        [EDGE_VARIABLE] = "environment-variable",
        [EDGE_DEPENDENCY] = "dependency",
        [EDGE_DEPLOYMENT] = "deployment",
    };

    for (int i = 0; i < EDGE_END_COUNT; i++)
        if (strcmp(type, types[i]) == 0)
            return (enum edge_end)i;
    return EDGE_END_COUNT;
}

static enum rc edge_fault(struct load *load, const struct yaml_node *node,
                          const char *path, const char *message)
{
    return load_fault(load, "E0", path, node->place,
                      "Write [source-node.type.key, target-node.type.key].", message);
}

static enum rc load_edge(struct load *load, const struct yaml_node *node,
                         const char *path, struct config_edge *edge)
{
    bool is_list = node->value.kind == VALUE_LIST;
    const char *source, *target, *from[3], *to[3];

    if (is_list && node->count != 2)
        return edge_fault(load, node, path,
                          "the short form of an edge needs exactly two items");
    source = is_list ? node->items[0]->value.string.data : load_text(node, "source");
    target = is_list ? node->items[1]->value.string.data : load_text(node, "target");
    if (!split_socket(load, source, from) || !split_socket(load, target, to)) {
        bool bad_target = strchr(source, '.') && strchr(strchr(source, '.') + 1, '.');

        return edge_fault(load, node, path,
                          findings_text(load->findings,
                                        "the edge's %s `%.100s` has fewer than three "
                                        "parts separated by dots",
                                        bad_target ? "target" : "source",
                                        bad_target ? target : source));
    }
    if (!from[0] || !from[1] || !to[0] || !to[1])
        return RC_NO_MEMORY;
    *edge = (struct config_edge){
        .source_stage = from[0],
        .source_type_text = from[1],
        .source_type = end_of(from[1]),
        .source_key = from[2],
        .target_stage = to[0],
        .target_type_text = to[1],
        .target_type = end_of(to[1]),
        .target_key = to[2],
        .place = node->place,
    };
    return RC_OK;
}

static enum rc load_edges(struct load *load, const struct yaml_node *list,
                          const char *path, struct config_pipeline *pipeline)
{
    size_t count = load_count(list);
    struct config_edge *array = arena_array(load->arena, count, sizeof *array);
    enum rc rc = array ? RC_OK : RC_NO_MEMORY;

    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc = load_edge(load, list->items[i],
                       findings_text(load->findings, "%s.edges.%zu", path, i), &array[i]);
    if (rc == RC_OK) {
        pipeline->edges = array;
        pipeline->edge_count = count;
    }
    return rc;
}

static enum rc load_targets(struct load *load, const struct yaml_node *node,
                            const char *path, struct config_pipeline_parameter *p)
{
    const char *key = yaml_get(node, "target") ? "target" : "targets";
    const char *const *texts;
    size_t count;
    enum rc rc = load_texts(load, node, key, false, &texts, &count);
    struct config_pipeline_target *targets =
        arena_array(load->arena, rc == RC_OK ? count : 0, sizeof *targets);

    if (rc != RC_OK || !targets)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const char *parts[3];

        if (!split_socket(load, texts[i], parts))
            return load_fault(
                load, "parse", findings_text(load->findings, "%s.%s", path, key),
                yaml_get(node, key)->place, "Write node.parameter.name.",
                findings_text(load->findings,
                              "the target `%.100s` has fewer than three parts separated "
                              "by dots",
                              texts[i]));
        if (!parts[0] || !parts[1])
            return RC_NO_MEMORY;
        targets[i] = (struct config_pipeline_target){ .stage = parts[0],
                                                      .type = parts[1],
                                                      .parameter = parts[2] };
    }
    p->targets = targets;
    p->target_count = count;
    return RC_OK;
}

static enum rc load_pipeline_parameter(struct load *load, const struct yaml_node *node,
                                       const char *path,
                                       struct config_pipeline_parameter *p)
{
    p->name = load_text(node, "name");
    p->category = load_text(node, "category");
    p->description = load_text(node, "description");
    p->place = node->place;
    if (yaml_get(node, "target") && yaml_get(node, "targets"))
        return load_fault(load, "parse", path, node->place, "Keep `targets` alone.",
                          "a pipeline parameter cannot have both `target` and `targets`");
    if (!p->name)
        return load_fault(load, "parse", path, node->place, "Add the key `name`.",
                          "a pipeline parameter lacks the key `name`");

    enum rc rc = load_value(load, node, "default", &p->fallback);

    return rc == RC_OK ? load_targets(load, node, path, p) : rc;
}

static enum rc load_pipeline_parameters(struct load *load, const struct yaml_node *list,
                                        const char *path,
                                        struct config_pipeline *pipeline)
{
    size_t count = load_count(list);
    struct config_pipeline_parameter *array =
        arena_array(load->arena, count, sizeof *array);
    enum rc rc = array ? RC_OK : RC_NO_MEMORY;

    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc = load_pipeline_parameter(
            load, list->items[i],
            findings_text(load->findings, "%s.parameters.%zu", path, i), &array[i]);
    if (rc == RC_OK) {
        pipeline->parameters = array;
        pipeline->parameter_count = count;
    }
    return rc;
}

static enum rc load_at(struct load *load, const struct yaml_node *node, const char *path,
                       struct config_pipeline *pipeline)
{
    enum rc rc;

    pipeline->name = load_text(node, "name");
    pipeline->reuse_executions = load_bool(node, "reuse-executions", false);
    pipeline->place = node->place;
    if ((rc = load_edges(load, yaml_get(node, "edges"), path, pipeline)) != RC_OK
        || (rc = load_stages(load, yaml_get(node, "nodes"), path, pipeline)) != RC_OK)
        return rc;
    return load_pipeline_parameters(load, yaml_get(node, "parameters"), path, pipeline);
}

enum rc load_pipeline(struct load *load, const struct yaml_node *node, size_t item,
                      struct config_pipeline *pipeline)
{
    return load_at(load, node, findings_text(load->findings, "%zu.pipeline", item),
                   pipeline);
}

enum rc load_blueprint(struct load *load, const struct yaml_node *node, size_t item,
                       struct config_pipeline *pipeline)
{
    const char *path = findings_text(load->findings, "%zu.blueprint", item);
    struct findings found;
    const struct finding *first;

    findings_init(&found, load->arena);
    schema_check(&schema_blueprint, node, path, &found);
    if (found.no_memory || findings_take(&found, &first) != RC_OK)
        return RC_NO_MEMORY;
    if (found.count)
        return load_fault(load, "parse", first->path, first->place, first->hint,
                          first->message);
    return load_at(load, node, path, pipeline);
}
