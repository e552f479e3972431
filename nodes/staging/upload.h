/* upload.h - outputs that a step wants in an object store as well. */
#pragma once

#include "nodes/staging/outputs.h"

struct upload_file {
    const char *path;           /* below the attempt's folder */
    struct plan_source *output; /* gets its location */
};

/* Refuses a stage whose upload-store this node does not know, before anything runs. */
NODISCARD enum rc upload_check(const struct staging *staging,
                               const struct plan_stage *stage, struct err *err);
/* Puts the files to the stage's upload-store, several at once, as
 * <prefix>/<run id>/<stage>/<task, from 0>/<attempt token>/<name>; of files with one
 * name, which are sorted by time, the last. What cannot be put is complained about.
 * RC_NO_MEMORY. */
NODISCARD enum rc outputs_upload(const struct staging *staging,
                                 const struct plan_stage *stage, uint64_t token,
                                 int folder, const struct upload_file *files,
                                 size_t count, struct arena *arena,
                                 struct complaints *complaints, struct err *err);
