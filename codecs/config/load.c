/* load.c - the top-level list: which item is what, and names used twice. */
#include "codecs/config/load.h"

enum kind { STEP, TASK, ENDPOINT, PIPELINE, BLUEPRINT, DEPLOYMENT, KIND_COUNT };

/* In the order in which an item with several of them is decided. */
static const char *const kind_keys[KIND_COUNT] = {
    [STEP] = "step",         [TASK] = "task",           [ENDPOINT] = "endpoint",
    [PIPELINE] = "pipeline", [BLUEPRINT] = "blueprint", [DEPLOYMENT] = "deployment",
};

struct names { /* per kind; a blueprint is a pipeline */
    struct index steps, tasks, endpoints, pipelines, deployments;
};

static void names_fini(struct names *names)
{
    index_fini(&names->steps);
    index_fini(&names->tasks);
    index_fini(&names->endpoints);
    index_fini(&names->pipelines);
    index_fini(&names->deployments);
}

static void warn_unknown(struct load *load, const struct yaml_node *node, size_t item)
{
    const char *key = node->count && node->entries[0].key->value.kind == VALUE_STRING
                          ? node->entries[0].key->value.string.data
                          : "";

    findings_add(
        load->findings,
        &(struct finding){
            .level = FINDING_WARNING,
            .id = "T1",
            .message = findings_text(load->findings,
                                     *key ? "the item `%.60s` is not known and is ignored"
                                          : "an item without a known key is ignored%s",
                                     key),
            .path = findings_text(load->findings, "%zu", item),
            .nearest = nearest_of(key, kind_keys, KIND_COUNT),
            .hint = "Begin each item with step, task, pipeline, endpoint or deployment.",
            .place = node->place,
        });
}

/* Where an element goes; a name that stands there already is a warning. */
static enum rc place_name(struct load *load, struct index *names, enum kind kind,
                          const char *name, size_t item, struct place place,
                          size_t *count, size_t *at)
{
    size_t before = *count;
    enum rc rc = load_position(names, name, count, at);

    if (rc != RC_OK || *count > before)
        return rc;
    findings_add(
        load->findings,
        &(struct finding){
            .level = FINDING_WARNING,
            .id = "T2",
            .message =
                findings_text(load->findings,
                              "the %s `%.80s` stands twice; this one replaces the "
                              "earlier one",
                              kind == BLUEPRINT ? "pipeline" : kind_keys[kind], name),
            .path = findings_text(load->findings, "%zu.%s", item, kind_keys[kind]),
            .hint = "Give each its own name.",
            .place = place,
        });
    return RC_OK;
}

/* One body for each kind: load the element, find its place, keep it and its origin. */
#define KEEP(field, index, call)                                                         \
    do {                                                                                 \
        size_t at;                                                                       \
                                                                                         \
        if ((rc = (call)) != RC_OK                                                       \
            || (rc = place_name(load, index, kind, element.name, item, node->place,      \
                                &load->config->field##_count, &at))                      \
                   != RC_OK)                                                             \
            return rc;                                                                   \
        ((struct config_##field *)load->config->field##s)[at] = element;                 \
        load->field##s[at] = origin;                                                     \
    } while (0)

static enum rc load_item(struct load *load, struct names *names, enum kind kind,
                         const struct yaml_node *node, size_t item)
{
    struct origin origin = { .item = item, .key = kind_keys[kind], .node = node };
    enum rc rc = RC_OK;

    switch (kind) {
    case STEP: {
        struct config_step element = { 0 };

        KEEP(step, &names->steps, load_step(load, node, item, &element, &origin));
        break;
    }
    case TASK: {
        struct config_task element = { 0 };

        KEEP(task, &names->tasks, load_task(load, node, item, &element));
        break;
    }
    case ENDPOINT: {
        struct config_endpoint element = { 0 };

        KEEP(endpoint, &names->endpoints, load_endpoint(load, node, &element));
        break;
    }
    case PIPELINE:
    case BLUEPRINT: {
        struct config_pipeline element = { 0 };

        KEEP(pipeline, &names->pipelines,
             kind == PIPELINE ? load_pipeline(load, node, item, &element)
                              : load_blueprint(load, node, item, &element));
        break;
    }
    case DEPLOYMENT: {
        struct config_deployment element = { 0 };

        KEEP(deployment, &names->deployments,
             load_deployment(load, node, item, &element));
        break;
    }
    case KIND_COUNT:
        unreachable_because("the caller looked the kind up");
    }
    return rc;
}

static enum kind kind_of(const struct yaml_node *item, const struct yaml_node **node)
{
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if ((*node = yaml_get(item, kind_keys[kind])))
            return (enum kind)kind;
    return KIND_COUNT;
}

/* Room for as many elements of each kind as there are items of it. */
static enum rc make_room(struct load *load, const struct yaml_node *root)
{
    size_t count[KIND_COUNT + 1] = { 0 };
    const struct yaml_node *node;
    struct config *config = load->config;

    for (size_t i = 0; i < root->count; i++)
        count[kind_of(root->items[i], &node)]++;
    count[PIPELINE] += count[BLUEPRINT];
    config->steps = arena_array(load->arena, count[STEP], sizeof *config->steps);
    config->tasks = arena_array(load->arena, count[TASK], sizeof *config->tasks);
    config->endpoints =
        arena_array(load->arena, count[ENDPOINT], sizeof *config->endpoints);
    config->pipelines =
        arena_array(load->arena, count[PIPELINE], sizeof *config->pipelines);
    config->deployments =
        arena_array(load->arena, count[DEPLOYMENT], sizeof *config->deployments);
    load->steps = arena_array(load->arena, count[STEP], sizeof *load->steps);
    load->tasks = arena_array(load->arena, count[TASK], sizeof *load->tasks);
    load->endpoints = arena_array(load->arena, count[ENDPOINT], sizeof *load->endpoints);
    load->pipelines = arena_array(load->arena, count[PIPELINE], sizeof *load->pipelines);
    load->deployments =
        arena_array(load->arena, count[DEPLOYMENT], sizeof *load->deployments);
    return config->steps && config->tasks && config->endpoints && config->pipelines
                   && config->deployments && load->steps && load->tasks && load->endpoints
                   && load->pipelines && load->deployments
               ? RC_OK
               : RC_NO_MEMORY;
}

enum rc load_file(struct load *load, const struct yaml_node *root)
{
    struct names names = { 0 };
    enum rc rc = make_room(load, root);

    for (size_t i = 0; i < root->count && rc == RC_OK; i++) {
        const struct yaml_node *node;
        enum kind kind = kind_of(root->items[i], &node);

        if (kind == KIND_COUNT)
            warn_unknown(load, root->items[i], i);
        else
            rc = load_item(load, &names, kind, node, i);
    }
    names_fini(&names);
    return rc;
}
