/* task_facts.h - what one task was made of and what it made, as a list of names with
 * values, so that two tasks can be told apart. Pure. */
#pragma once

#include "codecs/plan/plan.h"

enum fact_section {
    FACT_COMMAND,
    FACT_PARAMETERS,
    FACT_INPUTS,
    FACT_VARIABLES,
    FACT_ENVIRONMENT,
    FACT_OUTPUTS,
    FACT_METRICS,
    FACT_END,
    FACT_USE, /* time and resources: they never are the same, and do not count */
    FACT_SECTION_COUNT
};
const char *fact_section_name(enum fact_section section);

struct fact {
    const char *name, *text, *shown; /* shown: for people, where text is a mask */
    bool is_number;
    double number;
    enum fact_section section;
};
struct facts {
    struct arena *arena;
    struct fact *items;
    size_t count, capacity;
    bool failed; /* out of memory */
};
/* From the record of a task (docs/cli-json.md, "Record") and its resolved stage. */
void facts_of(struct facts *facts, const struct value *record,
              const struct plan_stage *stage);

struct fact_change {
    const struct fact *before, *after; /* NULL: there is none */
};
struct fact_changes {
    struct fact_change *items; /* by section */
    size_t count;
    bool counts; /* one that is not FACT_USE is among them */
};
/* In the arena of before. RC_NO_MEMORY. */
NODISCARD enum rc facts_compare(const struct facts *before, const struct facts *after,
                                struct fact_changes *changes);
