/* load_step.c - a step and the lists that an override shares with it. */
#include "codecs/config/duration.h"
#include "codecs/config/load.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* The position of word in words, or otherwise. */
static size_t word_at(const char *word, const char *const *words, size_t count,
                      size_t otherwise)
{
    for (size_t i = 0; word && i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return otherwise;
}

static enum parameter_type type_of(const struct yaml_node *node)
{
    static const char *const words[] = { "string", "integer", "float", "flag" };

    return (enum parameter_type)word_at(load_text(node, "type"), words, COUNT_OF(words),
                                        PARAMETER_STRING);
}

static enum parameter_multiple multiple_of(const struct yaml_node *node)
{
    static const char *const words[] = { "none", "repeat", "separate" };

    return (enum parameter_multiple)word_at(load_text(node, "multiple"), words,
                                            COUNT_OF(words), MULTIPLE_NONE);
}

/* A single default of a multiple parameter becomes a list. */
static enum rc wrap(struct load *load, struct value *value)
{
    if (value->kind == VALUE_LIST || value->kind == VALUE_ABSENT)
        return RC_OK;

    size_t count = value->kind == VALUE_NULL ? 0 : 1;
    struct value *item = arena_array(load->arena, count, sizeof *item);

    if (!item)
        return RC_NO_MEMORY;
    if (count)
        *item = *value;
    *value =
        (struct value){ .kind = VALUE_LIST, .list = { .items = item, .count = count } };
    return RC_OK;
}

static enum rc flag_choices(struct load *load, struct value *choices)
{
    struct value *items = arena_array(load->arena, 2, sizeof *items);

    if (!items)
        return RC_NO_MEMORY;
    items[0] = value_bool(true);
    items[1] = value_bool(false);
    *choices =
        (struct value){ .kind = VALUE_LIST, .list = { .items = items, .count = 2 } };
    return RC_OK;
}

static enum rc load_choices(struct load *load, const struct yaml_node *node,
                            struct config_parameter *p)
{
    enum rc rc;

    if (p->type == PARAMETER_FLAG)
        return flag_choices(load, &p->choices);
    rc = load_value(load, node, "choices", &p->choices);
    if (rc == RC_OK && p->choices.kind == VALUE_LIST && p->choices.list.count == 0)
        p->choices = (struct value){ .kind = VALUE_ABSENT };
    return rc;
}

static enum rc load_parameter(struct load *load, const struct yaml_node *node,
                              const char *path, size_t at, struct config_parameter *p)
{
    const char *separator = load_some_text(node, "multiple-separator");
    enum rc rc;

    *p = (struct config_parameter){
        .name = load_text(node, "name"),
        .type = type_of(node),
        .optional = load_bool(node, "optional", false),
        .has_min = yaml_get(node, "min") != NULL,
        .has_max = yaml_get(node, "max") != NULL,
        .min = load_number(node, "min", 0),
        .max = load_number(node, "max", 0),
        .multiple = multiple_of(node),
        .separator = separator ? separator : ",",
        .pass_as = load_some_text(node, "pass-as"),
        .description = load_text(node, "description"),
        .category = load_some_text(node, "category"),
        .place = node->place,
    };
    if (p->type == PARAMETER_FLAG && p->multiple != MULTIPLE_NONE)
        return load_fault(
            load, "parse", findings_text(load->findings, "%s.%zu.multiple", path, at),
            yaml_get(node, "multiple")->place,
            "Remove `multiple`, or give the parameter another type.",
            findings_text(load->findings, "the flag `%s` cannot be `multiple`", p->name));
    if (p->type == PARAMETER_FLAG) {
        p->optional = true;
        p->pass_true_as = load_some_text(node, "pass-true-as");
        p->pass_false_as = load_some_text(node, "pass-false-as");
    }
    if ((rc = load_value(load, node, "default", &p->fallback)) != RC_OK
        || (rc = load_choices(load, node, p)) != RC_OK)
        return rc;
    return p->multiple == MULTIPLE_NONE ? RC_OK : wrap(load, &p->fallback);
}

enum rc load_parameters(struct load *load, const struct yaml_node *list, const char *path,
                        const struct config_parameter **parameters, size_t *count,
                        const uint32_t **parameter_at)
{
    scoped_index names = { 0 };
    size_t item_count = load_count(list), used = 0;
    struct config_parameter *array = arena_array(load->arena, item_count, sizeof *array);
    uint32_t *origins = arena_array(load->arena, item_count, sizeof *origins);

    if (!array || !origins)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < item_count; i++) {
        struct config_parameter parameter;
        size_t at;
        enum rc rc = load_parameter(load, list->items[i], path, i, &parameter);

        if (rc != RC_OK
            || (rc = load_position(&names, parameter.name, &used, &at)) != RC_OK)
            return rc;
        array[at] = parameter;
        origins[at] = (uint32_t)i;
    }
    *parameters = array;
    *count = used;
    if (parameter_at)
        *parameter_at = origins;
    return RC_OK;
}

static enum keep_directories keep_of(const struct yaml_node *node)
{
    static const char *const words[] = { "none", "suffix", "full" };

    if (load_bool(node, "keep-directories", false))
        return KEEP_FULL;
    return (enum keep_directories)word_at(load_text(node, "keep-directories"), words,
                                          COUNT_OF(words), KEEP_NONE);
}

enum rc load_inputs(struct load *load, const struct yaml_node *list,
                    const struct config_input **inputs, size_t *count)
{
    scoped_index names = { 0 };
    size_t item_count = load_count(list), used = 0, at;
    struct config_input *array = arena_array(load->arena, item_count, sizeof *array);

    if (!array)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < item_count; i++) {
        const struct yaml_node *node = list->items[i];
        const char *download = load_text(node, "download");
        struct config_input input = {
            .name = load_text(node, "name"),
            .optional = load_bool(node, "optional", false),
            .on_demand = download && strcmp(download, "on-demand") == 0,
            .filename = load_some_text(node, "filename"),
            .keep_directories = keep_of(node),
            .description = load_text(node, "description"),
            .place = node->place,
        };
        enum rc rc =
            load_texts(load, node, "default", true, &input.uris, &input.uri_count);

        if (rc != RC_OK || (rc = load_position(&names, input.name, &used, &at)) != RC_OK)
            return rc;
        array[at] = input;
    }
    *inputs = array;
    *count = used;
    return RC_OK;
}

enum rc load_variables(struct load *load, const struct yaml_node *list,
                       const struct config_variable **variables, size_t *count)
{
    scoped_index names = { 0 };
    size_t item_count = load_count(list), used = 0, at;
    struct config_variable *array = arena_array(load->arena, item_count, sizeof *array);

    if (!array)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < item_count; i++) {
        const struct yaml_node *node = list->items[i];
        const char *name = load_text(node, "name");
        enum rc rc = load_position(&names, name, &used, &at);

        if (rc != RC_OK)
            return rc;
        array[at] = (struct config_variable){
            .name = name,
            .fallback = load_text(node, "default"),
            .description = load_text(node, "description"),
            .optional = load_bool(node, "optional", true),
            .place = node->place,
        };
    }
    *variables = array;
    *count = used;
    return RC_OK;
}

static enum rc mount_text(struct load *load, const char *text, struct config_mount *mount)
{
    const char *split = strchr(text, ':');

    must(split);
    mount->source = arena_copy(load->arena, text, (size_t)(split - text));
    mount->destination = split + 1;
    return mount->source ? RC_OK : RC_NO_MEMORY;
}

static const char *lower(struct load *load, const char *text)
{
    char *copy = arena_text(load->arena, text);

    for (char *p = copy; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

/* Entries whose value is null are dropped. */
static enum rc load_options(struct load *load, const struct yaml_node *node,
                            struct value *options)
{
    struct value all;
    enum rc rc = load_value(load, node, "options", &all);
    size_t used = 0;

    if (rc != RC_OK || all.kind != VALUE_MAP)
        return rc;

    struct value_entry *entries =
        arena_array(load->arena, all.map.count, sizeof *entries);

    if (!entries)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < all.map.count; i++)
        if (all.map.entries[i].value.kind != VALUE_NULL)
            entries[used++] = all.map.entries[i];
    *options =
        (struct value){ .kind = VALUE_MAP, .map = { .entries = entries, .count = used } };
    return RC_OK;
}

static enum rc load_mount(struct load *load, const struct yaml_node *node,
                          struct config_mount *mount)
{
    const char *type = load_some_text(node, "type");

    if (node->value.kind == VALUE_STRING)
        return mount_text(load, node->value.string.data, mount);
    mount->source = load_text(node, "source");
    mount->destination = load_text(node, "destination");
    mount->readonly = load_bool(node, "readonly", false);
    if (type && !(mount->type = lower(load, type)))
        return RC_NO_MEMORY;
    return load_options(load, node, &mount->options);
}

enum rc load_mounts(struct load *load, const struct yaml_node *list,
                    const struct config_mount **mounts, size_t *count)
{
    size_t item_count = load_count(list);
    struct config_mount *array = arena_array(load->arena, item_count, sizeof *array);
    enum rc rc = array ? RC_OK : RC_NO_MEMORY;

    for (size_t i = 0; i < item_count && rc == RC_OK; i++)
        rc = load_mount(load, list->items[i], &array[i]);
    if (rc != RC_OK)
        return rc;
    *mounts = array;
    *count = item_count;
    return RC_OK;
}

static struct config_range range_of(const struct yaml_node *node)
{
    return (struct config_range){ .min = load_number(node, "min", NAN),
                                  .max = load_number(node, "max", NAN) };
}

enum rc load_resources(struct load *load, const struct yaml_node *node,
                       struct config_resources *resources)
{
    resources->cpu = range_of(yaml_get(node, "cpu"));
    resources->memory = range_of(yaml_get(node, "memory"));
    resources->ephemeral = range_of(yaml_get(node, "ephemeral-storage"));
    return load_value(load, node, "devices", &resources->devices);
}

static enum rc load_duration(struct load *load, const struct yaml_node *node, size_t item,
                             const char *key, int64_t *seconds)
{
    static const int64_t seconds_max = DURATION_DAYS_MAX * INT64_C(86400);
    const struct yaml_node *limit = yaml_get(node, key);
    const char *why = load->err.text;
    enum rc rc = RC_OK;

    if (!limit)
        return RC_OK;
    if (limit->value.kind == VALUE_STRING) {
        rc = duration_parse(limit->value.string.data, seconds, &load->err);
    } else if (limit->value.kind == VALUE_INT && limit->value.integer <= seconds_max
               && limit->value.integer >= -seconds_max) {
        *seconds = limit->value.integer > 0 ? limit->value.integer : 0;
    } else {
        rc = RC_INVALID;
        why = "it must be a whole number of seconds without a dot, or a text with units";
    }
    if (rc == RC_OK)
        return RC_OK;
    return load_fault(
        load, "parse", findings_text(load->findings, "%zu.step.%s", item, key),
        limit->place, "Write seconds as an integer, or a text like `1h 30m`.",
        findings_text(load->findings, "`%s` is no duration: %s", key, why));
}

static enum rc load_output_names(struct load *load, const struct yaml_node *list,
                                 struct config_step *step)
{
    const char **names = arena_array(load->arena, load_count(list), sizeof *names);

    if (!names)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < load_count(list); i++)
        names[i] = load_text(list->items[i], "name");
    step->output_names = names;
    step->output_count = load_count(list);
    return RC_OK;
}

static void load_step_texts(const struct yaml_node *node, struct config_step *step)
{
    step->name = load_text(node, "name");
    step->image = load_text(node, "image");
    step->environment = load_some_text(node, "environment");
    step->runtime_config_preset = load_some_text(node, "runtime-config-preset");
    step->description = load_text(node, "description");
    step->icon = load_some_text(node, "icon");
    step->category = load_some_text(node, "category");
    step->upload_store = load_some_text(node, "upload-store");
    step->source_path = load_text(node, "source-path");
    step->stop_condition = load_text(node, "stop-condition");
    step->place = node->place;
}

static enum rc load_step_lists(struct load *load, const struct yaml_node *node,
                               struct config_step *step)
{
    enum rc rc;

    if ((rc = load_inputs(load, yaml_get(node, "inputs"), &step->inputs,
                          &step->input_count))
            != RC_OK
        || (rc = load_variables(load, yaml_get(node, "environment-variables"),
                                &step->variables, &step->variable_count))
               != RC_OK
        || (rc = load_mounts(load, yaml_get(node, "mounts"), &step->mounts,
                             &step->mount_count))
               != RC_OK
        || (rc = load_output_names(load, yaml_get(node, "outputs"), step)) != RC_OK
        || (rc = load_texts(load, node, "cache-volumes", true, &step->cache_volumes,
                            &step->cache_volume_count))
               != RC_OK
        || (rc = load_texts(load, node, "command", false, &step->commands,
                            &step->command_count))
               != RC_OK)
        return rc;
    return load_texts(load, node, "environment-variable-groups", true,
                      &step->variable_groups, &step->variable_group_count);
}

enum rc load_step(struct load *load, const struct yaml_node *node, size_t item,
                  struct config_step *step, struct origin *origin)
{
    const char *path = findings_text(load->findings, "%zu.step.parameters", item);
    enum rc rc;

    load_step_texts(node, step);
    if ((rc = load_parameters(load, yaml_get(node, "parameters"), path, &step->parameters,
                              &step->parameter_count, &origin->parameter_at))
            != RC_OK
        || (rc = load_step_lists(load, node, step)) != RC_OK
        || (rc = load_duration(load, node, item, "time-limit", &step->time_limit_s))
               != RC_OK
        || (rc = load_duration(load, node, item, "no-output-timeout",
                               &step->no_output_timeout_s))
               != RC_OK)
        return rc;
    return load_resources(load, yaml_get(node, "resources"), &step->resources);
}
