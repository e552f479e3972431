/* name_results.h - what a task's outputs are called, and what their properties ask for.
 * All of it belongs to the batch that stores the result. */
#pragma once

#include "codecs/base/base.h"

struct broker;
struct naming;
struct task_result;

struct named_task {
    uint64_t run, index;
    uint32_t stage;
    const char *name; /* of the stage */
};

/* Of the task whose result was just stored: broker->result. */
void names_apply(struct broker *broker, const struct named_task *task);

/* Of the results of an imported run, one after the other; project is borrowed until the
 * end. What has a name here already keeps it, and the run gets a note. NULL: no memory.
 */
struct naming *names_import_begin(struct broker *broker, uint64_t run,
                                  const char *project);
void names_import_add(struct naming *naming, const struct named_task *task,
                      const struct task_result *result);
void names_import_end(struct naming *naming); /* NULL is fine */
