/* inputs_look.h - what the inputs of a stage that come from elsewhere hold now: the same
 * as an earlier task had, as far as servers can tell that without giving the bytes; else
 * it is fetched. Slow: worker threads. */
#pragma once

#include "nodes/staging/staging.h"

struct input_look {
    const char *run_id;
    const struct plan_stage *stage; /* its URIs must not depend on parameters that vary */
    const struct plan_source *files; /* of the earlier task: with input and place */
    size_t file_count;
    struct arena *arena; /* of the answer, which is below */
    struct plan_source *found;
    size_t found_count;
    const char *text; /* what is another now, or why that cannot be told; NULL: nothing */
};

/* What was fetched is remembered for the tasks of the run on this node. Always answers.
 */
void inputs_look(const struct staging *staging, struct input_look *look,
                 const atomic_bool *cancelled);
