/* work_sleep.c - sweeps of processes that sleep for a little while, on all slots: what is
 * missing from the loop's rate is time in which a slot had nothing to do. */
#include "bench/limits/limits.h"
#include "bench/project.h"

#include <unistd.h>

static const struct metric metrics[] = {
    { "1 ms", "/s", AT_LEAST_LIMITS, 0.90 },
    { "10 ms", "/s", AT_LEAST_LIMITS, 0.98 },
    { "100 ms", "/s", AT_LEAST_LIMITS, 0.995 },
};

static const struct span {
    const char *name, *stage, *seconds;
    size_t tasks;
} spans[] = {
    { "1 ms", "ms1", "0.001", 2000 },
    { "10 ms", "ms10", "0.01", 1000 },
    { "100 ms", "ms100", "0.1", 200 },
};
enum { SPANS = sizeof spans / sizeof *spans };

static size_t tasks_of(const struct bench *bench, const struct span *span)
{
    return bench_size(bench, span->tasks, 20);
}

static void pipeline_write(const struct bench *bench)
{
    FILE *file = project_file(bench, "valohai.yaml");

    fputs("- step: {name: one, image: none, command: \"true\"}\n", file);
    for (size_t i = 0; i < SPANS; i++) {
        const struct span *span = &spans[i];

        fprintf(file,
                "- step: {name: %s, image: none, command: /bin/sleep %s, parameters: "
                "[{name: i, type: integer}]}\n"
                "- task: {name: %s, step: %s, type: grid_search, parameters: [{name: i, "
                "style: linear, rules: {start: 1, end: %zu, step: 1}}]}\n"
                "- pipeline: {name: %s, nodes: [{name: %s, type: task, task: %s}], "
                "edges: []}\n",
                span->stage, span->seconds, span->stage, span->stage,
                tasks_of(bench, span), span->stage, span->stage, span->stage);
    }
    project_file_close(file);
}

static void span_run(const struct bench *bench, const struct span *span, size_t slots)
{
    const char *const program[] = { "/bin/sleep", span->seconds, NULL };
    size_t repeats = bench_repeats(bench, 3), tasks = tasks_of(bench, span);
    double ours[REPEATS_MAX], limit[REPEATS_MAX];

    for (size_t i = 0; i < repeats; i++) {
        limit[i] = (double)tasks / limit_spawn_loop_ms(program, tasks, slots) * 1e3;
        ours[i] = (double)tasks / SLUICE(bench, "run", span->stage) * 1e3;
    }
    bench_tell_medians(bench, span->name, ours, limit, repeats);
}

static void run(const struct bench *bench)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    pipeline_write(bench);
    SLUICE(bench, "run", "--step", "one");
    for (size_t i = 0; i < SPANS; i++)
        span_run(bench, &spans[i], cpus > 0 ? (size_t)cpus : 1);
    SLUICE(bench, "stop");
}

const struct workload work_sleep = { "sleep",
                                     "sweeps of processes that sleep 1, 10 and 100 ms",
                                     METRICS(metrics), run };
