/* resolver.h - what the parts of resolve share. Inner to this folder. */
#pragma once

#include "codecs/plan/resolve.h"
#include "codecs/plan/stage.h"

struct resolver {
    const struct plan *plan;
    const struct upstream *upstream;
    struct arena *arena;
    struct err *err;
    struct buf *notes; /* NULL: nobody wants them */
    struct plan_stage *stage;
    bool *input_is_reached; /* by input: its own files have been replaced if they are */
    size_t *input_rooms;    /* by input: how many sources its list has room for */
    /* The source stage that was asked for last; edges from one stage mostly follow each
     * other. */
    uint32_t source_index;
    const struct plan_stage *source;
};

/* resolve.c: a line for the person about an edge. */
void resolve_note(struct resolver *resolver, const struct plan_edge *edge,
                  const char *what);
/* An error text that names the edge. */
NODISCARD enum rc resolve_fail(struct resolver *resolver, enum rc rc,
                               const struct plan_edge *edge, const char *why);
/* The source stage as it was resolved. */
NODISCARD enum rc resolve_source(struct resolver *resolver, const struct plan_edge *edge,
                                 const struct plan_stage **source);

/* resolve_file.c: files that an edge brings into an input. */
NODISCARD enum rc resolve_outputs(struct resolver *resolver,
                                  const struct plan_edge *edge);
NODISCARD enum rc resolve_inputs(struct resolver *resolver, const struct plan_edge *edge);
/* Makes the names within each input differ. */
NODISCARD enum rc resolve_names(struct resolver *resolver);
