/* work_nodes.c - a sweep of tasks without a command on 1, 10, 100 and 1,000 light nodes:
 * what a task costs must not grow with the nodes. Once each node takes as many tasks at
 * once as noded does, and once 1,000 of them take no more together than that one. */
#include "bench/light_node.h"
#include "bench/plans.h"
#include "bench/world.h"

#include <stdlib.h>

enum { SIZES = 4, SHARE = LIGHT_EMPTY_MAX / 1000 };

static const struct metric metrics[] = {
    { "growth", "times", AT_MOST, 1.5 },
    { "shared-cpu", "us", BOUND_NONE, 0 },
    { "*", "tasks/s", BOUND_NONE, 0 },
};

/* cpu: of the broker, us a task. */
static double us_a_task(const struct bench *bench, unsigned nodes, unsigned at_once,
                        size_t tasks, double *cpu)
{
    scoped_buf plan = { 0 };
    struct world world;
    double took, before;
    uint64_t run;

    plan_sweep(&plan, tasks, 0, ":");
    world_open_tcp(&world, bench, "broker");
    world_crowd_sharing(&world, nodes, at_once);
    before = process_cpu_ms(world.broker);
    took = world_run(&world, &plan, &run);
    *cpu = (process_cpu_ms(world.broker) - before) * 1e3 / (double)tasks;
    world_check_run(&world, run, 1);
    world_close(&world);
    run_ms(bench->folder, (const char *const[]){ "/bin/rm", "-rf", "broker", NULL });
    return took * 1e3 / (double)tasks;
}

static void run(const struct bench *bench)
{
    static const unsigned counts[SIZES] = { 1, 10, 100, 1000 };
    size_t repeats = bench_repeats(bench, 3), tasks = bench_size(bench, 2000000, 20000);
    double cost[SIZES][REPEATS_MAX], growth[REPEATS_MAX];
    double shared[REPEATS_MAX], shared_cpu[REPEATS_MAX], cpu;

    for (size_t i = 0; i < repeats; i++) {
        for (size_t s = 0; s < SIZES; s++)
            cost[s][i] = us_a_task(bench, counts[s], LIGHT_EMPTY_MAX, tasks, &cpu);
        growth[i] = cost[SIZES - 1][i] / cost[0][i];
        shared[i] =
            us_a_task(bench, counts[SIZES - 1], SHARE, tasks / 10, &shared_cpu[i]);
    }
    for (size_t s = 0; s < SIZES; s++) {
        char name[16];

        snprintf(name, sizeof name, "%u", counts[s]);
        bench_tell(bench, name, 1e6 / median(cost[s], repeats), 0);
    }
    bench_tell(bench, "growth", median(growth, repeats), 0);
    bench_tell(bench, "shared", 1e6 / median(shared, repeats), 0);
    bench_tell(bench, "shared-cpu", median(shared_cpu, repeats), 0);
}

const struct workload work_nodes = {
    "nodes", "a sweep of tasks without a command on 1 to 1,000 light nodes",
    METRICS(metrics), run
};
