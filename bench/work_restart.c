/* work_restart.c - a broker is killed that holds a million finished and a million waiting
 * tasks of 10,000 runs: from the start of the next one on its store until a node, which
 * was there before, has its first task. */
#include "bench/limits/limits.h"
#include "bench/plans.h"
#include "bench/world.h"

#include <unistd.h>

enum { CLIENTS = 8 };

static const struct metric metrics[] = {
    { "ready", "ms", BOUND_NONE, 0 },
    { "dispatch", "ms", AT_MOST, 1000 },
};

/* Runs of tasks each, half of them ended. */
static void fill(struct world *world, size_t runs, size_t tasks)
{
    scoped_buf plan = { 0 };

    plan_sweep(&plan, tasks, 0, "true");

    pid_t crowd = world_crowd(world, 1, 16000);

    world_submit_many(world, &plan, runs / 2, CLIENTS);
    world_await_all(world);
    world_end(world, crowd);
    world_submit_many(world, &plan, runs / 2, CLIENTS);
}

/* What has ended is ended still, and the rest is done. */
static void check(struct world *world, size_t runs, size_t tasks)
{
    struct sluice_error error;
    struct sluice_info info;

    world->sluice = world_connect(world);
    world_await_all(world);
    world_must(sluice_status(world->sluice, &info, &error), &error);
    bench_check(info.runs == runs, "there are %lu runs", (unsigned long)info.runs);
    for (uint64_t run = 1; run <= runs; run += runs / 20)
        world_check_stage(world, run, "sweep", tasks);
}

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, 5);
    size_t runs = bench_size(bench, 10000, 100), tasks = 200;
    double ready[REPEATS_MAX], dispatch[REPEATS_MAX];
    struct world world;

    world_open(&world, bench, "broker");
    world.loses_nodes = true; /* those that had the first task of a repeat */
    fill(&world, runs, tasks);
    for (size_t i = 0; i < repeats; i++) {
        bool is_last = i + 1 == repeats;
        pid_t crowd;
        int said;

        world_kill_broker(&world);
        crowd = world_crowd_begin(&world, 1, is_last ? 16000 : 1, &said);

        double start = now_ms();

        world_start_broker(&world);
        ready[i] = now_ms() - start;
        process_await_line(said, NULL, 0);
        process_await_line(said, NULL, 0);
        dispatch[i] = now_ms() - start;
        close(said);
        if (!is_last)
            world_end(&world, crowd);
    }
    sluice_close(world.sluice);
    check(&world, runs, tasks);
    world_close(&world);
    bench_tell(bench, "ready", median(ready, repeats), 0);
    bench_tell(bench, "dispatch", median(dispatch, repeats), 0);
}

const struct workload work_restart = {
    "restart", "a broker with 2,000,000 tasks in 10,000 runs starts again",
    METRICS(metrics), run
};
