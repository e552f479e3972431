/* work_edge.c - a chain of empty tasks: from the end of one to the start of the next, as
 * the node has noted them. In between lie its result on the way to the broker, the commit
 * that makes it true, and the next task on its way back. */
#include "bench/limits/limits.h"
#include "bench/plans.h"
#include "bench/world.h"

#include <stdlib.h>

enum { ROUNDS = 500, COMMIT_ROWS = 8, ROW_BYTES = 256, MESSAGE_BYTES = 256 };

static const struct metric metrics[] = {
    { "p50", "us", AT_MOST_LIMITS, 3 },
    { "p99", "us", AT_MOST_LIMITS, 5 },
};

/* The gap before each stage but the first. */
static void gaps_read(struct world *world, uint64_t run, size_t stages, double *gaps)
{
    int64_t ended = 0;

    for (size_t i = 0; i < stages; i++) {
        char name[16];
        struct sluice_error error;
        struct sluice_tasks *tasks;

        snprintf(name, sizeof name, "s%zu", i);
        world_must(sluice_tasks(world->sluice, run, name, 0, 1, &tasks, &error), &error);
        bench_check(tasks->count == 1 && tasks->tasks[0].started_us >= ended,
                    "stage %zu began before the one that it waits for had ended", i);
        if (i > 0)
            gaps[i - 1] = (double)(tasks->tasks[0].started_us - ended);
        ended = tasks->tasks[0].ended_us;
        sluice_tasks_free(tasks);
    }
}

/* A round trip and a commit, ROUNDS times, in us. */
static void limits_measure(const struct bench *bench, double limits[ROUNDS])
{
    double commits[ROUNDS];

    limit_echo_each(bench->folder, ROUNDS, MESSAGE_BYTES, limits);
    limit_commit_each(bench->folder, ROUNDS, COMMIT_ROWS, ROW_BYTES, commits);
    for (size_t i = 0; i < ROUNDS; i++)
        limits[i] = (limits[i] + commits[i]) * 1e3;
}

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, 5), stages = bench_size(bench, 2000, 50);
    double p50[REPEATS_MAX], p99[REPEATS_MAX];
    double limit50[REPEATS_MAX], limit99[REPEATS_MAX], limits[ROUNDS];
    double *gaps = calloc(stages, sizeof *gaps);
    scoped_buf plan = { 0 };
    struct world world;

    plan_chain(&plan, stages, "true");
    world_open(&world, bench, "broker");
    world_crowd(&world, 1, 2);
    for (size_t i = 0; i < repeats; i++) {
        uint64_t number;

        world_run(&world, &plan, &number);
        world_check_run(&world, number, stages);
        gaps_read(&world, number, stages, gaps);
        p50[i] = percentile(gaps, stages - 1, 50);
        p99[i] = percentile(gaps, stages - 1, 99);
        limits_measure(bench, limits);
        limit50[i] = percentile(limits, ROUNDS, 50);
        limit99[i] = percentile(limits, ROUNDS, 99);
    }
    world_close(&world);
    free(gaps);
    bench_tell_medians(bench, "p50", p50, limit50, repeats);
    bench_tell_medians(bench, "p99", p99, limit99, repeats);
}

const struct workload work_edge = {
    "edge", "a chain of 2,000 empty tasks: end of one to start of the next",
    METRICS(metrics), run
};
