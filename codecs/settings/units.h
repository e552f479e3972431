/* units.h - durations and sizes as people write them in settings. Pure. */
#pragma once

#include "codecs/base/buf.h"

/* "90s", "1h 30m", "500ms"; units ms, s, m, h, d, w; "0" needs none. Milliseconds. false:
 * no such text, or more than 2^63 - 1. */
NODISCARD bool duration_ms_parse(const char *text, uint64_t *ms);
/* "4GiB", "512 MiB", "100MB", "0"; units B, KiB ... TiB (1024), kB, KB ... TB (1000). */
NODISCARD bool size_parse(const char *text, uint64_t *bytes);

/* In the largest unit that leaves no rest: "90s", "4GiB". */
void duration_ms_show(uint64_t ms, struct buf *out);
void size_show(uint64_t bytes, struct buf *out);
