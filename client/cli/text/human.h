/* human.h - times, durations, sizes and texts as people read them. */
#pragma once

#include "codecs/base/buf.h"

struct human {
    char text[48];
};

int64_t now_us(void); /* Unix time */

struct human human_duration(
    int64_t us); /* "40ms" "2.5s" "12s" "3m 05s" "2h 03m" "4d 01h" */
struct human human_size(uint64_t bytes); /* "512 B" "1.5 KiB" */
struct human human_time(int64_t us);     /* local: "2026-03-01 12:30:05"; 0: "-" */
struct human human_clock(int64_t us);    /* local: "12:30:05" */
struct human human_rfc3339(int64_t us);  /* "2026-03-01T10:30:05.000000Z" */

/* Appends text fit for a terminal line: control characters and bad bytes as "?", at most
 * width columns ("..." as one character at the end when cut). Returns the columns. */
size_t text_fit(struct buf *buf, const char *text, size_t width);
size_t text_columns(const char *text);
