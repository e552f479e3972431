/* work_process.c - one sweep of /bin/true, with logs, results and versions, on all slots.
 */
#include "bench/limits/limits.h"
#include "bench/project.h"

#include <unistd.h>

static const struct metric metrics[] = { { "tasks", "/s", AT_LEAST_LIMITS, 0.85 } };

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, 3), tasks = bench_size(bench, 5000, 100);
    double ours[REPEATS_MAX], limit[REPEATS_MAX];
    const char *const program[] = { "/bin/true", NULL };
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    project_write(bench, tasks);
    SLUICE(bench, "run", "--step", "one");
    for (size_t i = 0; i < repeats; i++) {
        limit[i] = (double)tasks
                   / limit_spawn_loop_ms(program, tasks, cpus > 0 ? (size_t)cpus : 1)
                   * 1e3;
        ours[i] = (double)tasks / SLUICE(bench, "run", "many") * 1e3;
    }
    SLUICE(bench, "stop");
    bench_tell_medians(bench, "tasks", ours, limit, repeats);
}

const struct workload work_process = { "process",
                                       "a sweep of 5,000 times /bin/true on all slots",
                                       METRICS(metrics), run };
