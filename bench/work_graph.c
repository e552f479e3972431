/* work_graph.c - a random graph in layers: stages that are all different, each of a
 * single task without a command, three edges into each from the layer before. From its
 * submission to the last durable completion event, with one noded. */
#include "bench/limits/limits.h"
#include "bench/plans.h"
#include "bench/world.h"

#include <stdlib.h>

enum {
    SLOTS = 2,
    LAYERS = 10,
    EDGES_EACH = 3,
    STAGE_ROWS = 6,
    ROW_BYTES = 150,
    SEED = 1
};

static const struct metric metrics[] = {
    { "stages", "/s", AT_LEAST, 150000 },
    { "broker-cpu", "us", BOUND_NONE, 0 },
};

static uint32_t draw(uint64_t *state, size_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

static void graph_plan(struct buf *plan, size_t stages)
{
    static const char *const command = ":";
    size_t layer = stages / LAYERS, count = 0;
    struct plan_link *links = calloc(stages * EDGES_EACH, sizeof *links);
    uint64_t random = SEED;

    if (!links)
        fail("no memory for a graph");
    for (size_t i = layer; i < stages; i++)
        for (size_t k = 0; k < EDGES_EACH; k++)
            links[count++] = (struct plan_link){
                (uint32_t)((i / layer - 1) * layer) + draw(&random, layer), (uint32_t)i
            };
    plan_graph(plan, stages, &command, 1, links, count);
    free(links);
}

/* As many bytes in two batches a layer, each with a message there and back. */
static double limit_ms(const struct bench *bench, size_t stages)
{
    size_t batches = 2 * LAYERS, rows = stages * STAGE_ROWS / batches;

    return limit_echo_ms(bench->folder, batches, stages * ROW_BYTES / batches, 1)
           + limit_commit_ms(bench->folder, batches, rows, ROW_BYTES);
}

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, 3), stages = bench_size(bench, 200000, 2000);
    double ours[REPEATS_MAX], limit[REPEATS_MAX], cpu[REPEATS_MAX];
    scoped_buf plan = { 0 };
    struct world world;
    uint64_t number = 0;

    buf_init(&plan, 1 << 30);
    graph_plan(&plan, stages);
    world_open(&world, bench, "broker");
    world_node(&world, SLOTS);
    for (size_t i = 0; i < repeats; i++) {
        double before = process_cpu_ms(world.broker);

        ours[i] = (double)stages / world_run(&world, &plan, &number) * 1e3;
        cpu[i] = (process_cpu_ms(world.broker) - before) * 1e3 / (double)stages;
        limit[i] = (double)stages / limit_ms(bench, stages) * 1e3;
    }
    if (bench->is_quick)
        world_check_run(&world, number, stages);
    world_close(&world);
    bench_tell_medians(bench, "stages", ours, limit, repeats);
    bench_tell(bench, "broker-cpu", median(cpu, repeats), 0);
}

const struct workload work_graph = {
    "graph", "200,000 different stages without a command, 600,000 edges",
    METRICS(metrics), run
};
