/* duration.h - time limits as texts: "1h 30m", "90s". Section 7 of docs/valohai-yaml.md.
 */
#pragma once

#include "codecs/base/base.h"

/* The sum of all number-unit pairs in whole seconds; a blank text gives 0. RC_INVALID for
 * an unknown or missing unit, a number like 1.2.3, a sum that is not above 0 or beyond a
 * billion days. */
NODISCARD enum rc duration_parse(const char *text, int64_t *seconds, struct err *err);

enum { DURATION_DAYS_MAX = 999999999 };
