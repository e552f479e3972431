/* metadata_line.h - a line of stdout that is metadata, and the same in the metadata
 * stream.
 *
 * Source: in-task contract, section 5. */
#pragma once

#include "codecs/value/value.h"

enum { METADATA_LINE_MAX = 1 << 20 /* bytes; longer lines are plain output */ };

/* Whether the line, trimmed of blanks, is one whole JSON object; map lives in arena. Any
 * bytes are fine; text excludes the newline. */
bool metadata_line_read(struct arena *arena, const char *text, size_t size,
                        struct value *map);
/* Appends the object with "_time" in front (unless it has one) and a newline. */
void metadata_line_write(struct buf *buf, const struct value *map, int64_t unix_us);
