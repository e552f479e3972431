/* draft.h - what the parts of compile share. Inner to this folder.
 *
 * compile.c picks what is run and calls the parts in order: compile_stage.c makes the
 * stages, compile_values.c applies pipeline parameters and the request, compile_edge.c
 * the edges, compile_check.c looks whether every value that must be there is, or can come
 * by an edge. */
#pragma once

#include "codecs/plan/compile.h"
#include "codecs/plan/stage.h"

enum { NOTES_MAX = 1000 };

struct draft {                       /* of one stage, beside its plan_stage */
    const struct config_stage *node; /* NULL: a run of one step or task blueprint */
    const struct config_step *step;
    const struct config_task *task; /* NULL: no blueprint */
    struct place place;             /* of the stage in the file */
    struct place *value_places;     /* by parameter; line 0: the request gave the value */
    bool *is_given;                 /* by parameter: the request named stage and it */
    bool *is_reached;               /* by parameter: an edge brings a value */
    bool *input_is_given, *input_is_reached, *variable_is_reached;
};

struct compiler {
    const struct config *config;
    const struct plan_request *request;
    const struct config_pipeline *pipeline; /* NULL: a run of one step or blueprint */
    struct arena *arena;
    struct err *err;
    struct plan *plan;
    struct draft *drafts; /* by stage */
    uint32_t *by_name;    /* stage indexes, sorted by the names in the file */
    const char **notes;   /* room for NOTES_MAX */
    size_t note_count;
    bool *step_is_noted; /* by step: what is said once of each step has been */
};

/* compile.c: error texts begin with "<file>:<line>: " when line is not 0. */
enum rc compile_fail(struct compiler *compiler, enum rc rc, struct place place,
                     const char *format, ...) PRINTF_LIKE(4, 5);
/* Puts file, line and subject in front of the text that err holds already. */
enum rc compile_wrap(struct compiler *compiler, enum rc rc, struct place place,
                     const char *subject);
void compile_note(struct compiler *compiler, const char *format, ...) PRINTF_LIKE(2, 3);
/* count zeroed items, or NULL and a text in err. */
NODISCARD void *compile_array(struct compiler *compiler, size_t count, size_t size);
/* The stage with this name in the file; stage_count: none. */
size_t compile_stage_find(const struct compiler *compiler, const char *name);

/* compile_name.c: index of the one that is named so; with prefixes also of the only one
 * that begins so. RC_INVALID lists the candidates. */
NODISCARD enum rc name_pick(struct compiler *compiler, const char *noun,
                            const char *given, const char *const *names, size_t count,
                            bool with_prefixes, size_t *index);

/* compile_stage.c: fills the stage and the draft, whose node, step, task and place are
 * set. */
NODISCARD enum rc compile_stage(struct compiler *compiler, size_t index);

/* compile_values.c */
NODISCARD enum rc compile_values(struct compiler *compiler);
NODISCARD enum rc compile_inputs(struct compiler *compiler);

/* compile_edge.c */
NODISCARD enum rc compile_edges(struct compiler *compiler);

/* compile_check.c */
NODISCARD enum rc compile_check(struct compiler *compiler);
