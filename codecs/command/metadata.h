/* metadata.h - metadata that a task prints: a line of its stdout that is one JSON object.
 *
 * Source: section 5 of docs/task-contract.md. Pure. */
#pragma once

#include "codecs/value/value.h"

enum { METADATA_LINE_MAX = 1 << 20 }; /* bytes; longer lines are not metadata */

/* Whether the line (without its line end), blanks at both ends aside, is entirely one
 * JSON object; *map is it then, and untouched otherwise. Cheap for other lines. An object
 * that arena has no room for does not count. */
NODISCARD bool metadata_line_parse(struct arena *arena, const char *line, size_t size,
                                   struct value *map);

enum { METADATA_TIME_SIZE = 27 };
/* The implicit `_time` of metadata: UTC with microseconds and without a zone, for
 * instance 2025-04-04T15:03:39.321000. unix_us: microseconds since 1970; years outside 0
 * to 9999 are shown as the nearest that are inside. */
void metadata_time_text(int64_t unix_us, char text[METADATA_TIME_SIZE]);
