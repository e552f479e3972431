/* work_empty.c - one sweep of tasks that have no command: from its submission to the last
 * durable completion event, with one noded. Each task is handed out, ended and stored as
 * itself, and looked at by itself afterwards. */
#include "bench/limits/limits.h"
#include "bench/plans.h"
#include "bench/world.h"

enum {
    SLOTS = 2,
    AT_ONCE = 16384, /* tasks that a node takes; docs/limits.md */
    BLOCK_BYTES = 2 * AT_ONCE,
    BATCH_ROWS = 6,
};

static const struct metric metrics[] = {
    { "tasks", "/s", AT_LEAST, 500000 },
    { "broker-cpu", "us", AT_MOST, 1.5 },
};

/* As many messages there and back, and as many bytes in as many batches. */
static double limit_ms(const struct bench *bench, size_t tasks)
{
    size_t batches = tasks / AT_ONCE + 1;

    return limit_echo_ms(bench->folder, batches, BLOCK_BYTES, 1)
           + limit_commit_ms(bench->folder, batches, BATCH_ROWS,
                             BLOCK_BYTES / BATCH_ROWS);
}

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, REPEATS_MAX);
    size_t tasks = bench_size(bench, 1000000, 20000);
    double ours[REPEATS_MAX], limit[REPEATS_MAX], cpu[REPEATS_MAX];
    scoped_buf plan = { 0 }, first = { 0 };
    struct world world;
    uint64_t number;

    plan_sweep(&plan, tasks, 0, ":");
    plan_sweep(&first, 4, 0, ":");
    world_open(&world, bench, "broker");
    world_node(&world, SLOTS);
    world_run(&world, &first, &number); /* the node is there */
    for (size_t i = 0; i < repeats; i++) {
        double before = process_cpu_ms(world.broker);

        ours[i] = (double)tasks / world_run(&world, &plan, &number) * 1e3;
        cpu[i] = (process_cpu_ms(world.broker) - before) * 1e3 / (double)tasks;
        limit[i] = (double)tasks / limit_ms(bench, tasks) * 1e3;
    }
    world_check_stage(&world, number, "sweep", tasks);
    world_close(&world);
    bench_tell_medians(bench, "tasks", ours, limit, repeats);
    bench_tell(bench, "broker-cpu", median(cpu, repeats), 0);
}

const struct workload work_empty = {
    "empty", "a sweep of 1,000,000 tasks without a command, on one noded",
    METRICS(metrics), run
};
