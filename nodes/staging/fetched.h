/* fetched.h - how many runs the node remembers the inputs of. */
#pragma once

#include "nodes/staging/staging.h"

enum {
    FETCHED_RUNS_MAX = 1000,  /* more than this, and the oldest tenth is removed */
    FETCHED_KEPT_S = 2592000, /* 30 days since something was fetched for the run */
};

/* Removes what is too old or too much in <directory>/fetched; called when a run is new to
 * the node. A run whose memory is gone fetches again what it needs. */
void fetched_trim(const char *directory);
