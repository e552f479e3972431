/* work_nodes.c - a sweep of empty tasks on 1, 10, 100 and 1,000 light nodes, which have
 * as many slots together: what a task costs must not grow with the nodes. */
#include "bench/plans.h"
#include "bench/world.h"

#include <stdlib.h>

enum { SIZES = 4, SLOTS = 16000 };

static const struct metric metrics[] = {
    { "*", "tasks/s", BOUND_NONE, 0 },
    { "growth", "times", AT_MOST, 1.5 },
};

static double us_a_task(const struct bench *bench, unsigned nodes, size_t tasks)
{
    scoped_buf plan = { 0 };
    struct world world;
    uint64_t run;
    double took;

    plan_sweep(&plan, tasks, 0, "true");
    world_open_tcp(&world, bench, "broker");
    world_crowd(&world, nodes, SLOTS / nodes);
    took = world_run(&world, &plan, &run);
    world_check_run(&world, run, 1);
    world_close(&world);
    run_ms(bench->folder, (const char *const[]){ "/bin/rm", "-rf", "broker", NULL });
    return took * 1e3 / (double)tasks;
}

static void run(const struct bench *bench)
{
    static const unsigned counts[SIZES] = { 1, 10, 100, 1000 };
    size_t repeats = bench_repeats(bench, 3), tasks = bench_size(bench, 200000, 5000);
    double cost[SIZES][REPEATS_MAX], growth[REPEATS_MAX];

    for (size_t i = 0; i < repeats; i++) {
        for (size_t s = 0; s < SIZES; s++)
            cost[s][i] = us_a_task(bench, counts[s], tasks);
        growth[i] = cost[SIZES - 1][i] / cost[0][i];
    }
    for (size_t s = 0; s < SIZES; s++) {
        char name[16];

        snprintf(name, sizeof name, "%u", counts[s]);
        bench_tell(bench, name, 1e6 / median(cost[s], repeats), 0);
    }
    bench_tell(bench, "growth", median(growth, repeats), 0);
}

const struct workload work_nodes = { "nodes",
                                     "a sweep of empty tasks on 1 to 1,000 light nodes",
                                     METRICS(metrics), run };
