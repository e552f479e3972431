/* s3_error.h - what a store says when it refuses, as a sentence with a way out. */
#pragma once

#include "nodes/stores/web.h"

/* Always a failure: RC_NOT_FOUND for an object or bucket that is not there, else
 * RC_UNREACHABLE. */
NODISCARD enum rc s3_error_tell(const struct web_request *request,
                                struct web_answer *answer, struct err *err);
