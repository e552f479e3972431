/* work_start.c - from nothing running and no store to the end of a run; and again with
 * the private broker up. */
#include "bench/limits/limits.h"
#include "bench/project.h"

static const struct metric metrics[] = {
    { "cold", "ms", AT_MOST, 150 },
    { "warm", "ms", AT_MOST, 60 },
};

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, REPEATS_MAX);
    double cold[REPEATS_MAX], warm[REPEATS_MAX], limit[REPEATS_MAX];

    project_write(bench, 1);
    for (size_t i = 0; i < repeats; i++) {
        run_ms(bench->folder, (const char *const[]){ "/bin/rm", "-rf", ".sluice", NULL });
        cold[i] = SLUICE(bench, "run", "--step", "one");
        limit[i] = limit_spawn_ms() + limit_sync_ms(bench->folder);
        warm[i] = SLUICE(bench, "run", "--step", "one");
        SLUICE(bench, "stop");
    }
    bench_tell_medians(bench, "cold", cold, limit, repeats);
    bench_tell_medians(bench, "warm", warm, limit, repeats);
}

const struct workload work_start = {
    "start", "sluice run of true, from cold and with the broker up", METRICS(metrics), run
};
