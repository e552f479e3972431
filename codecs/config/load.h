/* load.h - from a tree that the schema accepted to a config. Internal to this folder.
 *
 * Refuses what the format's own parser cannot take (section 13.3 of
 * docs/valohai-yaml.md): the first such fault ends the load. */
#pragma once

#include "codecs/config/findings.h"
#include "codecs/config/index.h"

struct origin {      /* where an element of the config's arrays stands in the file */
    size_t item;     /* index of the top-level item */
    const char *key; /* of the item: "step", "blueprint" ... */
    const struct yaml_node *node;
    const uint32_t *parameter_at; /* of a step: index of each parameter in the file */
};

struct load {
    struct arena *arena;
    struct findings *findings;
    struct config *config;
    struct origin *steps, *tasks, *pipelines, *endpoints, *deployments;
    struct err err; /* text of the fault that a helper met */
};

/* Fills load->config and the origins; adds the findings T1 and T2. RC_INVALID: a fault,
 * which then is the only finding. RC_NO_MEMORY. */
NODISCARD enum rc load_file(struct load *load, const struct yaml_node *root);

/* ---- for the parts of the loader ---- */

/* Makes this error the only finding and returns RC_INVALID. */
enum rc load_fault(struct load *load, const char *id, const char *path,
                   struct place place, const char *hint, const char *message);

/* The text of a key, or NULL if it is not given. The second form takes "" as not given.
 */
const char *load_text(const struct yaml_node *map, const char *key);
const char *load_some_text(const struct yaml_node *map, const char *key);
bool load_bool(const struct yaml_node *map, const char *key, bool otherwise);
double load_number(const struct yaml_node *map, const char *key, double otherwise);
int64_t load_integer(const struct yaml_node *map, const char *key);
/* The value of a key; VALUE_ABSENT if it is not given. */
NODISCARD enum rc load_value(struct load *load, const struct yaml_node *map,
                             const char *key, struct value *value);
/* A text or a list of texts as a list; with some, "" is dropped. */
NODISCARD enum rc load_texts(struct load *load, const struct yaml_node *map,
                             const char *key, bool some, const char *const **texts,
                             size_t *count);
/* Items of a list under a key: 0 if it is not given. */
size_t load_count(const struct yaml_node *list);

/* Where the element of that name goes: into the place of an earlier one of the same name,
 * or to the end, at (*count)++. */
NODISCARD enum rc load_position(struct index *names, const char *name, size_t *count,
                                size_t *at);

NODISCARD enum rc load_step(struct load *load, const struct yaml_node *node, size_t item,
                            struct config_step *step, struct origin *origin);
/* parameter_at may be NULL. path: of the list, for faults. */
NODISCARD enum rc load_parameters(struct load *load, const struct yaml_node *list,
                                  const char *path,
                                  const struct config_parameter **parameters,
                                  size_t *count, const uint32_t **parameter_at);
NODISCARD enum rc load_inputs(struct load *load, const struct yaml_node *list,
                              const struct config_input **inputs, size_t *count);
NODISCARD enum rc load_variables(struct load *load, const struct yaml_node *list,
                                 const struct config_variable **variables, size_t *count);
NODISCARD enum rc load_mounts(struct load *load, const struct yaml_node *list,
                              const struct config_mount **mounts, size_t *count);
NODISCARD enum rc load_resources(struct load *load, const struct yaml_node *node,
                                 struct config_resources *resources);
NODISCARD enum rc load_pipeline(struct load *load, const struct yaml_node *node,
                                size_t item, struct config_pipeline *pipeline);
/* An item under the old key, which the schema does not reach. */
NODISCARD enum rc load_blueprint(struct load *load, const struct yaml_node *node,
                                 size_t item, struct config_pipeline *pipeline);
NODISCARD enum rc load_task(struct load *load, const struct yaml_node *node, size_t item,
                            struct config_task *task);
NODISCARD enum rc load_endpoint(struct load *load, const struct yaml_node *node,
                                struct config_endpoint *endpoint);
NODISCARD enum rc load_deployment(struct load *load, const struct yaml_node *node,
                                  size_t item, struct config_deployment *deployment);
