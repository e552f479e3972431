/* work_cli.c - the verbs that people wait for, with the private broker up. */
#include "bench/limits/limits.h"
#include "bench/project.h"

static const struct metric metrics[] = {
    { "ls", "ms", AT_MOST, 20 },
    { "show", "ms", AT_MOST, 20 },
    { "run", "ms", AT_MOST, 60 },
    { "*", "ms", BOUND_NONE, 0 },
};

static void run(const struct bench *bench)
{
    static const char *const verbs[][4] = {
        { "ls" },     { "show", "last" },         { "run", "--step", "one" },
        { "status" }, { "metadata", "last/one" },
    };
    size_t repeats = bench_repeats(bench, REPEATS_MAX);
    double ours[REPEATS_MAX], limit[REPEATS_MAX];

    project_write(bench, 1);
    SLUICE(bench, "run", "--step", "one");
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        for (size_t i = 0; i < repeats; i++) {
            ours[i] = project_sluice(bench, verbs[v]);
            limit[i] = limit_spawn_ms();
        }
        bench_tell_medians(bench, verbs[v][0], ours, limit, repeats);
    }
    SLUICE(bench, "stop");
}

const struct workload work_cli = { "cli", "ls, show, run and others with the broker up",
                                   METRICS(metrics), run };
