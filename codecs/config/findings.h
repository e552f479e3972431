/* findings.h - collects what lint finds. Internal to this folder. */
#pragma once

#include "codecs/config/read.h"
#include "codecs/config/yaml.h"

struct findings_block;

struct findings {
    struct arena *arena;
    struct findings_block *first, *last;
    size_t count, error_count, warning_count;
    bool no_memory; /* an addition failed; findings_take says so */
};

void findings_init(struct findings *findings, struct arena *arena);
/* Texts must live as long as the arena; beyond CONFIG_FINDINGS_MAX only counted. */
void findings_add(struct findings *findings, const struct finding *finding);
/* Forgets all of them. */
void findings_clear(struct findings *findings);
/* All findings as one array in the arena. */
NODISCARD enum rc findings_take(struct findings *findings, const struct finding **array);

/* printf into the arena; after a failure "" and no_memory is set. */
const char *findings_text(struct findings *findings, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* The candidate with the fewest edits to text, if they are few enough to be a slip of the
 * pen; else NULL. */
const char *nearest_of(const char *text, const char *const *candidates, size_t count);
