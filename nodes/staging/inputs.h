/* inputs.h - the files of an attempt's inputs: fetched, named and placed. */
#pragma once

#include "nodes/staging/input_name.h"
#include "nodes/staging/staging.h"

struct staged_file {
    struct plan_source source; /* as recorded; digest NULL: not known */
    const char *path;          /* absolute */
    const char *uri;           /* with its password, for the task's own use */
    bool was_fetched;          /* by this node, from its URI */
    bool is_lacking;           /* its digest is known, and nobody keeps the bytes */
    bool is_here;              /* false: on demand, only listed */
};

struct staged_input {
    const char *name;
    struct staged_file *files;
    size_t file_count;
};

struct staged_inputs {
    struct staged_input *inputs;
    size_t input_count;
};

/* Fills <attempt>/inputs. The files of an on-demand input whose URIs are http or https
 * are only listed; others are fetched, because the task would have no way to get them. */
NODISCARD enum rc inputs_stage(const struct staging *staging,
                               const struct store_port *port,
                               const struct attempt_identity *identity,
                               const struct plan_stage *stage, int folder,
                               const atomic_bool *cancelled, struct arena *arena,
                               struct staged_inputs *staged, struct err *err);
/* Of an expanded source, in order: the name that its file gets below the input's folder,
 * unlike those in names, and the URI that the task is told. RC_INVALID. */
NODISCARD enum rc input_source_name(struct arena *arena, const struct plan_input *input,
                                    const struct plan_source *source,
                                    struct name_set *names, const char **name,
                                    const char **uri, struct err *err);
/* Writes what this node fetched from URIs to <attempt>/sources, and reads it back into
 * result. */
NODISCARD enum rc inputs_record(int folder, const struct staged_inputs *staged,
                                struct arena *arena, struct err *err);
NODISCARD enum rc inputs_recall(int folder, struct arena *arena,
                                struct task_result *result, struct err *err);
