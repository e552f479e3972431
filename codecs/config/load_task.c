/* load_task.c - task blueprints, endpoints and deployments. */
#include "codecs/config/load.h"

#include <ctype.h>
#include <string.h>

/* Whether text is word, letter case aside and with from read as to. */
static bool reads_as(const char *text, const char *word, char from, char to)
{
    for (; *text && *word; text++, word++) {
        char c = (char)tolower((unsigned char)*text);

        if ((c == from ? to : c) != *word)
            return false;
    }
    return *text == *word;
}

static enum rc word_fault(struct load *load, const struct yaml_node *node, size_t item,
                          const char *key, const char *const *words, size_t count)
{
    const char *text = load_text(node, key);
    enum rc rc = load_fault(
        load, "parse", findings_text(load->findings, "%zu.task.%s", item, key),
        yaml_get(node, key)->place, "Write one of the words of the file format.",
        findings_text(
            load->findings, "`%.60s` is not a valid `%s`; the nearest is `%s`", text, key,
            nearest_of(text, words, count) ? nearest_of(text, words, count) : words[0]));

    return rc;
}

static enum rc load_type(struct load *load, const struct yaml_node *node, size_t item,
                         enum task_type *type)
{
    static const char *const words[] = {
        [TASK_GRID] = "grid_search",        [TASK_RANDOM] = "random_search",
        [TASK_MANUAL] = "manual_search",    [TASK_BAYESIAN] = "bayesian_tpe",
        [TASK_DISTRIBUTED] = "distributed",
    };
    const char *text = load_some_text(node, "type");

    if (!text) {
        *type = TASK_GRID;
        return RC_OK;
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (reads_as(text, words[i], '-', '_')) {
            *type = (enum task_type)i;
            return RC_OK;
        }
    }
    return word_fault(load, node, item, "type", words, COUNT_OF(words));
}

static enum rc load_child_error(struct load *load, const struct yaml_node *node,
                                size_t item, enum on_child_error *on_child_error)
{
    static const char *const words[] = { "continue-and-error", "continue-and-complete",
                                         "stop-all-and-error" };
    static const enum on_child_error codes[] = { CHILD_ERROR_CONTINUE_AND_ERROR,
                                                 CHILD_ERROR_CONTINUE_AND_COMPLETE,
                                                 CHILD_ERROR_STOP_ALL_AND_ERROR };
    const char *text = load_some_text(node, "on-child-error");

    if (!text) {
        *on_child_error = CHILD_ERROR_DEFAULT;
        return RC_OK;
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (reads_as(text, words[i], '_', '-')) {
            *on_child_error = codes[i];
            return RC_OK;
        }
    }
    return word_fault(load, node, item, "on-child-error", words, COUNT_OF(words));
}

static enum rc load_variants(struct load *load, const struct yaml_node *list,
                             struct config_task *task)
{
    static const char *const styles[] = { "single", "multiple", "linear", "logspace",
                                          "random" };
    size_t count = load_count(list);
    struct config_variant *array = arena_array(load->arena, count, sizeof *array);

    if (!array)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *node = list->items[i];
        const char *style = load_text(node, "style");
        enum rc rc = load_value(load, node, "rules", &array[i].rules);

        if (rc != RC_OK)
            return rc;
        for (size_t j = 0; j < COUNT_OF(styles); j++)
            if (strcmp(style, styles[j]) == 0)
                array[i].style = (enum variant_style)j;
        array[i].name = load_text(node, "name");
        array[i].place = node->place;
    }
    task->variants = array;
    task->variant_count = count;
    return RC_OK;
}

static enum rc load_sets(struct load *load, const struct yaml_node *list,
                         struct config_task *task)
{
    struct value *array = arena_array(load->arena, load_count(list), sizeof *array);
    size_t used = 0;

    if (!array)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < load_count(list); i++) {
        if (list->items[i]->count == 0)
            continue;

        enum rc rc = yaml_value(load->arena, list->items[i], &array[used++]);

        if (rc != RC_OK)
            return rc;
    }
    task->sets = array;
    task->set_count = used;
    return RC_OK;
}

enum rc load_task(struct load *load, const struct yaml_node *node, size_t item,
                  struct config_task *task)
{
    enum rc rc;

    *task = (struct config_task){
        .name = load_text(node, "name"),
        .step = load_text(node, "step"),
        .description = load_text(node, "description"),
        .execution_count = load_integer(node, "execution-count"),
        .execution_batch_size = load_integer(node, "execution-batch-size"),
        .maximum_queued = load_integer(node, "maximum-queued-executions"),
        .target_metric = load_text(node, "optimization-target-metric"),
        .engine = load_text(node, "engine"),
        .stop_condition = load_text(node, "stop-condition"),
        .has_target_value = yaml_get(node, "optimization-target-value") != NULL,
        .target_value = load_number(node, "optimization-target-value", 0),
        .reuse_children = load_bool(node, "reuse-children", false),
        .place = node->place,
    };
    if ((rc = load_type(load, node, item, &task->type)) != RC_OK
        || (rc = load_child_error(load, node, item, &task->on_child_error)) != RC_OK
        || (rc = load_variants(load, yaml_get(node, "parameters"), task)) != RC_OK)
        return rc;
    return load_sets(load, yaml_get(node, "parameter-sets"), task);
}

enum rc load_endpoint(struct load *load, const struct yaml_node *node,
                      struct config_endpoint *endpoint)
{
    enum rc rc;

    *endpoint = (struct config_endpoint){
        .name = load_text(node, "name"),
        .image = load_text(node, "image"),
        .description = load_text(node, "description"),
        .wsgi = load_text(node, "wsgi"),
        .node_selector = load_text(node, "node-selector"),
        .port = load_integer(node, "port"),
        .place = node->place,
    };
    if ((rc = load_texts(load, node, "server-command", false, &endpoint->server_commands,
                         &endpoint->server_command_count))
            != RC_OK
        || (rc = load_value(load, node, "files", &endpoint->files)) != RC_OK
        || (rc = load_value(load, node, "tolerations", &endpoint->tolerations)) != RC_OK)
        return rc;
    return load_resources(load, yaml_get(node, "resources"), &endpoint->resources);
}

static const char *deployment_fault(struct load *load, const struct yaml_node *node,
                                    struct place *place)
{
    const struct yaml_node *defaults = yaml_get(node, "defaults");

    *place = node->place;
    if (node->value.kind != VALUE_MAP)
        return "a deployment must be a mapping of keys";
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->entries[i].key;

        if (value_is_text(&key->value, "name") || value_is_text(&key->value, "defaults"))
            continue;
        *place = key->place;
        return key->value.kind == VALUE_STRING
                   ? findings_text(load->findings, "a deployment has no key `%.60s`",
                                   key->value.string.data)
                   : "a deployment has only the keys `name` and `defaults`";
    }
    if (!load_text(node, "name"))
        return "a deployment needs a text under the key `name`";
    if (defaults && defaults->value.kind != VALUE_MAP
        && defaults->value.kind != VALUE_NULL) {
        *place = defaults->place;
        return "`defaults` must be a mapping of keys";
    }
    return NULL;
}

enum rc load_deployment(struct load *load, const struct yaml_node *node, size_t item,
                        struct config_deployment *deployment)
{
    struct place place;
    const char *fault = deployment_fault(load, node, &place);

    if (fault)
        return load_fault(load, "parse",
                          findings_text(load->findings, "%zu.deployment", item), place,
                          "Write `name`, and `defaults` with a `target`, only.", fault);
    deployment->name = load_text(node, "name");
    deployment->target = load_some_text(yaml_get(node, "defaults"), "target");
    deployment->place = node->place;
    return RC_OK;
}
