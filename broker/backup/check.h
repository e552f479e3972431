/* check.h - whether a broker could go on from a folder: store, objects and core. The
 * folder is only read, and a broker may have it open. */
#pragma once

#include "broker/store/check.h"

struct check_done {
    uint64_t rows, artifacts, bytes;
    uint64_t missing; /* artifacts that results name and the folder does not have (any
                         more), which is no fault: gc removes them, nodes may keep them */
    uint64_t faults;
    int64_t copied_us; /* it is a backup, made then; 0: it is not */
};

/* fault: as of store_check; table "objects" for files, with their digest as key, "core"
 * for what the core does not accept. with_bytes: reads all files that are there. Rows are
 * looked at in one snapshot. */
NODISCARD enum rc broker_check(const char *directory, bool with_bytes, store_fault *fault,
                               void *context, struct check_done *done, struct err *err);
