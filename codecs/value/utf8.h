/* utf8.h - one code point at a time out of bytes that may be anything. */
#pragma once

#include "codecs/base/base.h"

/* The code point at data[0..size) and its length in bytes (1 to 4); size is at least 1.
 * An ill-formed sequence (also overlong forms and surrogates, RFC 3629) gives UTF8_BAD
 * and length 1. */
enum { UTF8_BAD = -1 };
int32_t utf8_next(const char *data, size_t size, size_t *length);

/* What Python's str.strip() and str.split() take for a blank. */
bool utf8_is_blank(int32_t point);
/* The part of *text (*size bytes) between blanks at both ends. */
void utf8_trim(const char **text, size_t *size);
/* Code points in size bytes; a byte that is no part of one counts as one. */
size_t utf8_count(const char *text, size_t size);
