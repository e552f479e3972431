/* finding_text.h - what the linter finds, as text. */
#pragma once

#include "client/cli/text/term.h"
#include "codecs/config/read.h"

/* "file:line:column: error: message [id]", then its path, the nearest name and the hint
 * on lines of their own. */
void finding_print(FILE *to, const struct term *term, const char *file,
                   const struct finding *finding);
const char *finding_level_name(enum finding_level level);
