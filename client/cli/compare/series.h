/* series.h - what a task printed as metadata, line by line. */
#pragma once

#include "client/cli/cli.h"
#include "codecs/value/value.h"

/* Appends the whole metadata stream of the last attempt, as far as it is there; series is
 * an empty buffer. */
int series_read(struct cli *cli, uint64_t run, const char *stage, uint64_t task,
                struct buf *series);
/* The next line as a map, in arena; false at the end. *at is 0 before the first. Lines
 * that are no JSON object are passed over. */
bool series_next(const struct buf *series, size_t *at, struct arena *arena,
                 struct value *entry);
/* The latest value of each key so far, as one map. */
int series_latest(struct cli *cli, uint64_t run, const char *stage, uint64_t task,
                  struct arena *arena, struct value *latest);
