/* code_scope.h - which files of the code count for which stage, so that a change of one
 * does not run everything again. Pure.
 *
 * A stage may say which files it needs: by the variable SLUICE_CODE, a list of files,
 * folders and patterns (glob.h) with blanks between, or by a source-path that is a
 * folder. It gets those and no others, so nothing can depend on the rest. Every other
 * stage gets all files; for it all but the pipeline file count, because what that says of
 * the stage counts by itself. */
#pragma once

#include "codecs/plan/plan.h"
#include "codecs/plan/tree.h"

#define CODE_SCOPE_VARIABLE "SLUICE_CODE"

struct code_part {
    const char *scope; /* as the stage says it; NULL: all but the pipeline file */
    const char *digest;
    const void *bytes; /* of the tree object */
    size_t size;
};

/* Sets code and sees_own_code of each stage, and lists the trees that they name, each
 * once; everything in arena. RC_INVALID when a stage names no file that is there. */
NODISCARD enum rc code_scopes_settle(const struct tree *tree, const char *pipeline_file,
                                     struct plan *plan, struct arena *arena,
                                     struct code_part **parts, size_t *count,
                                     struct err *err);
