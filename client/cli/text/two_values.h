/* two_values.h - an earlier and a later value, beside each other. */
#pragma once

#include "codecs/base/buf.h"

/* Appends "before -> after" fit for a terminal line, each at most width columns, digests
 * cut. Where two long values begin alike, only the end of what they share is left, so
 * that what differs is seen. NULL: there is none. */
void two_values_text(struct buf *buf, const char *before, const char *after,
                     size_t width);
