/* inputs.h - the plan's inputs that are local files: found, hashed, named in the plan. */
#pragma once

#include "client/cli/project/digests.h"
#include "client/cli/project/upload.h"
#include "codecs/plan/plan.h"

struct local_files {
    struct upload *files; /* in the arena */
    size_t count, capacity;
};

/* Settles every source of every input whose URI is a path (relative to the project, or
 * absolute) or file: with digest, size, name, md5 and sha1; a pattern (*, **, ?, [...])
 * becomes one source for each file that fits, with the file's own path as its URI. A path
 * with a placeholder that only a task can fill in becomes an absolute file: URI for the
 * node. Memory from arena. RC_INVALID with stage, input and path when there is no such
 * file, unless an edge brings files to that input anyway. */
NODISCARD enum rc inputs_settle(const char *project, struct plan *plan,
                                struct digests *digests, struct arena *arena,
                                struct local_files *files, struct err *err);

/* The path that a URI names, or NULL when it names no local file. Pure. */
const char *inputs_local_path(struct arena *arena, const char *project, const char *uri,
                              bool *is_local);
/* The name below the input's directory of a file that pattern (both absolute or both
 * relative) stands for. Pure. */
const char *inputs_file_name(const char *pattern, const char *path,
                             enum keep_directories keep);
/* Whether an edge leads to the input. */
bool inputs_has_edge(const struct plan *plan, const struct plan_stage *stage,
                     const char *input);
