/* metrics.h - what the lines of one attempt's stdout tell: the metadata stream, the
 * latest values, and whether the stop-condition is met.
 *
 * The metadata stream is a function of stdout and the times index, so it is simply
 * written over from its start when lines come again after a restart. Single-threaded. */
#pragma once

#include "nodes/staging/latest.h"
#include "nodes/staging/staging.h"

struct expression;

struct metrics {
    const struct staging *staging;
    uint64_t token;
    int folder;  /* of the attempt, borrowed until metrics_close */
    int file;    /* of the metadata stream, owned; none before its first line */
    uint64_t at; /* bytes of it that are right */
    struct latest latest;
    struct arena *arena;          /* of condition and parameters */
    struct expression *condition; /* NULL: none */
    struct value parameters;
    bool is_met, has_dropped;
};

NODISCARD enum rc metrics_open(struct metrics *metrics, const struct staging *staging,
                               uint64_t token, uint64_t task_index,
                               const struct plan_stage *stage, int folder,
                               struct err *err);
void metrics_close(struct metrics *metrics);
/* One line of stdout. */
void metrics_take(struct metrics *metrics, const char *line, size_t size,
                  int64_t unix_us);
