/* words.h - the words of one parameter, inside command/ only. */
#pragma once

#include "codecs/plan/plan.h"

/* command_format_parameter, which also says whether a failure was a lone brace of the
 * template. */
NODISCARD enum rc parameter_words(struct arena *arena,
                                  const struct plan_parameter *parameter,
                                  const struct value *value, const char *const **words,
                                  size_t *count, bool *lone_brace, struct err *err);
