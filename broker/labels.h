/* labels.h - the environments that stages ask for and nodes serve, as small numbers for
 * the core. A number means the same text as long as the core has a stage or a node with
 * it. */
#pragma once

#include "broker/core/core.h"
#include "broker/core/table.h"

struct labels {
    char **texts;             /* by number - 1; NULL: free */
    uint32_t count, capacity; /* count: those in use */
    uint32_t free_from;       /* below it none is free */
    uint32_t tidy_at;         /* labels_tidy looks when there are so many */
    struct table numbers;     /* from a hash of the text */
};

void labels_fini(struct labels *labels);
/* The number of a text, from 1; a new one for a new text. */
NODISCARD enum rc labels_number(struct labels *labels, const char *text,
                                uint32_t *number);
/* Forgets what no stage and no node of the core has, once that may be half of all: so
 * there are at most 1,024 more than twice as many as the core had. Not between
 * labels_number and the step that takes the number to the core. */
void labels_tidy(struct labels *labels, const struct core *core);
