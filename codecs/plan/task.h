/* task.h - one task of a resolved stage: its parameter values and its script. Pure. */
#pragma once

#include "codecs/plan/plan.h"

/* Values by parameter index (stage->parameter_count of them), VALUE_ABSENT where none. */
NODISCARD enum rc plan_task_parameters(const struct plan_stage *stage, uint64_t index,
                                       struct arena *arena, struct value **values,
                                       struct err *err);
/* One of them alone, without memory; index and parameter must be in range. */
struct value plan_task_parameter(const struct plan_stage *stage, uint64_t index,
                                 size_t parameter);
/* A value as its parameter's type: a number that the file wrote as text becomes one.
 * Others as they are. */
NODISCARD enum rc plan_parameter_native(struct arena *arena,
                                        const struct plan_parameter *parameter,
                                        const struct value *value, struct value *native,
                                        struct err *err);
/* The same as one VALUE_MAP without absent and null ones: what parameters.json holds. */
NODISCARD enum rc plan_task_parameter_map(const struct plan_stage *stage, uint64_t index,
                                          struct arena *arena, struct value *map,
                                          struct err *err);

struct plan_script {
    const char *text; /* what /bin/sh -c gets, or the content of an executable file */
    bool is_file; /* the first command began with "#!": write it to a file and run that */
};

/* The commands with placeholders filled in, joined so that each must succeed for the next
 * to run, in one shell, safely also when an item ends with a comment or a here-document.
 */
NODISCARD enum rc plan_task_script(const struct plan_stage *stage, uint64_t index,
                                   struct arena *arena, struct plan_script *script,
                                   struct err *err);
/* The commands, each on its own, for people. */
NODISCARD enum rc plan_task_commands(const struct plan_stage *stage, uint64_t index,
                                     struct arena *arena, const char *const **commands,
                                     struct err *err);
/* A URI with {parameter:<name>} replaced by the task's value. */
NODISCARD enum rc plan_task_uri(const struct plan_stage *stage, uint64_t index,
                                const char *uri, struct arena *arena, const char **filled,
                                struct err *err);
