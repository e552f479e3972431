/* glob.h - path patterns. Pure; time and memory are bounded by pattern times path. */
#pragma once

#include "codecs/base/base.h"

enum { GLOB_PATTERN_MAX = 4096 };

/* Whether the whole path matches. "?" and "*" stand for characters other than '/',
 * "[a-z]" and "[!a-z]" for one, "\" takes the next character as it is; a "**" that is a
 * whole part stands for any number of parts (also none). Inside of a part, "**" crosses
 * slashes if wide, else it is a "*". A pattern of more than GLOB_PATTERN_MAX bytes
 * matches nothing. */
bool glob_matches(const char *pattern, const char *path, bool wide);
bool glob_has_wildcard(const char *text);
