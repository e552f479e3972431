/* work_idle.c - 1,000 nodes are connected and there is nothing to do. */
#include "bench/world.h"

#include <unistd.h>

static const struct metric metrics[] = {
    { "cpu", "%", AT_MOST, 1 },
    { "memory", "MB", AT_MOST, 50 },
};

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, 3);
    unsigned nodes = (unsigned)bench_size(bench, 1000, 100);
    double cpu[REPEATS_MAX], memory[REPEATS_MAX];
    struct sluice_nodes *list;
    struct sluice_error error;
    struct world world;

    world_open_tcp(&world, bench, "broker");
    world_crowd(&world, nodes, 8);
    world_must(sluice_nodes(world.sluice, &list, &error), &error);
    bench_check(list->count == nodes, "%zu nodes are known", list->count);
    sluice_nodes_free(list);
    for (size_t i = 0; i < repeats; i++) {
        double before, start;

        pause_ms(bench_size(bench, 2000, 100)); /* for what the joins have left to do */
        before = process_cpu_ms(world.broker);
        start = now_ms();
        pause_ms(bench_size(bench, 15000, 500));
        cpu[i] = (process_cpu_ms(world.broker) - before) / (now_ms() - start) * 100;
        memory[i] = (double)process_memory(world.broker).resident / 1e6;
    }
    world_close(&world);
    bench_tell(bench, "cpu", median(cpu, repeats), 0);
    bench_tell(bench, "memory", median(memory, repeats), 0);
}

const struct workload work_idle = { "idle", "1,000 nodes connected and nothing to do",
                                    METRICS(metrics), run };
