/* run_range.h - which runs a person means by a word: 12, 12-20, 12..20. Pure. */
#pragma once

#include "codecs/base/base.h"

struct run_range {
    uint64_t first, last; /* both included; first <= last */
};

/* What stands before the first slash of text. false: it is no range ("last", an id, one
 * number; eight digits before a hyphen may begin an id and are taken for one). RC_INVALID
 * in err->rc, with the text, for one that goes backwards or begins with 0; else err is
 * untouched. */
bool run_range_read(const char *text, struct run_range *range, struct err *err);
