/* workload.h - what a workload of the harness is: its metrics with their targets, and the
 * function that measures them.
 *
 * Each runs in a process of its own, in an empty folder that is removed after it. It
 * checks that what was asked for was done, all of it (bench_check), in every form of the
 * harness; figures are only told (bench_tell), and never make it fail. */
#pragma once

#include "bench/measure.h"

enum bound { /* what the target says about our figure */
             BOUND_NONE,
             AT_MOST,
             AT_LEAST,
             AT_MOST_LIMITS, /* times the limit of the machine */
             AT_LEAST_LIMITS
};

struct metric {
    const char *name; /* "*": every name that has no line of its own */
    const char *unit;
    enum bound bound;
    double target;
};

struct bench;
struct workload {
    const char *name, *what;
    const struct metric *metrics;
    size_t metric_count;
    void (*run)(const struct bench *bench);
    bool only_by_name; /* it is left out when all are asked for */
};
#define METRICS(array) .metrics = (array), .metric_count = sizeof(array) / sizeof *(array)

extern const struct workload work_start, work_cli, work_process, work_sleep,
    work_transfer, work_files, work_reuse, work_empty, work_graph, work_edge, work_nodes,
    work_idle, work_restart, work_wfinstances, work_size, work_events, work_submit,
    work_peers;

struct bench {
    const struct workload *workload; /* the one that runs */
    const char *folder;              /* its own */
    bool as_json;
    bool is_quick;         /* small sizes: the results count, not the times */
    size_t repeats;        /* as it was asked for */
    const char *instances; /* folder of recorded workflows; NULL: those of the sources */
};

enum { REPEATS_MAX = 1000 };

/* How often to measure: as asked, but at most so often, and once in the quick form. */
size_t bench_repeats(const struct bench *bench, size_t most);
/* A size: the full or the quick one. */
size_t bench_size(const struct bench *bench, size_t full, size_t quick);

/* Prints a line: our figure, the limit of this machine measured in the same run (0: there
 * is none), and whether the target is met. metric is a name of the workload's table. */
void bench_tell(const struct bench *bench, const char *metric, double ours, double limit);
/* The same with the medians of count values each. */
void bench_tell_medians(const struct bench *bench, const char *metric, double *ours,
                        double *limits, size_t count);

/* Ends the workload, which has failed, unless the condition holds. */
void bench_check(bool holds, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
