/* config.c - lookups by name. */
#include "codecs/config/config.h"

#include <string.h>

#define FIND(array, count, wanted)                                                       \
    do {                                                                                 \
        for (size_t i = 0; i < (count); i++)                                             \
            if (strcmp((array)[i].name, (wanted)) == 0)                                  \
                return &(array)[i];                                                      \
        return NULL;                                                                     \
    } while (0)

const struct config_step *config_step_find(const struct config *config, const char *name)
{
    FIND(config->steps, config->step_count, name);
}

const struct config_task *config_task_find(const struct config *config, const char *name)
{
    FIND(config->tasks, config->task_count, name);
}

const struct config_pipeline *config_pipeline_find(const struct config *config,
                                                   const char *name)
{
    FIND(config->pipelines, config->pipeline_count, name);
}

const struct config_stage *config_stage_find(const struct config_pipeline *pipeline,
                                             const char *name)
{
    FIND(pipeline->stages, pipeline->stage_count, name);
}

const struct config_parameter *config_parameter_find(const struct config_step *step,
                                                     const char *name)
{
    FIND(step->parameters, step->parameter_count, name);
}

const struct config_input *config_input_find(const struct config_step *step,
                                             const char *name)
{
    FIND(step->inputs, step->input_count, name);
}
