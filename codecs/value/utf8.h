/* utf8.h - one code point at a time out of bytes that may be anything. */
#pragma once

#include "codecs/base/base.h"

/* The code point at data[0..size) and its length in bytes (1 to 4); size is at least 1.
 * An ill-formed sequence (also overlong forms and surrogates, RFC 3629) gives UTF8_BAD
 * and length 1. */
enum { UTF8_BAD = -1 };
int32_t utf8_next(const char *data, size_t size, size_t *length);
