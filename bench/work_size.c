/* work_size.c - what waits costs little: a sweep of empty tasks beside one of which
 * 10,000 to 10,000,000 tasks wait, and the broker's memory for what waits. */
#include "bench/plans.h"
#include "bench/world.h"

#include <stdlib.h>
#include <string.h>

enum { SIZES = 4 };

static const struct metric metrics[] = {
    { "growth", "times", AT_MOST, 1.2 }, { "sweep-task", "bytes", AT_MOST, 100 },
    { "stage", "bytes", AT_MOST, 400 },  { "stage-new", "bytes", BOUND_NONE, 0 },
    { "*", "tasks/s", BOUND_NONE, 0 },
};

static void broker_remove(const struct bench *bench)
{
    run_ms(bench->folder, (const char *const[]){ "/bin/rm", "-rf", "broker", NULL });
}

/* Tasks that wait: one of them at a time may go on, so that the others always do. */
static double us_a_task(const struct bench *bench, size_t waiting, size_t tasks)
{
    scoped_buf plan = { 0 };
    scoped_buf other = { 0 };
    struct world world;
    uint64_t run;
    double took;

    plan_sweep(&plan, tasks, 0, ":");
    plan_sweep(&other, waiting, 1, ":");
    world_open(&world, bench, "broker");
    world_submit(&world, &other);
    world_crowd(&world, 1, 1);
    took = world_run(&world, &plan, &run);
    world_check_run(&world, run, 1);
    world_close(&world);
    broker_remove(bench);
    return took * 1e3 / (double)tasks;
}

static double own_bytes(const struct world *world)
{
    return (double)process_memory(world->broker).own;
}

/* Whatever was forgotten to save memory, the run is what it was, and goes on. */
static void check_rested(struct world *world, size_t tasks)
{
    struct sluice_error error;
    struct sluice_view *view;
    size_t stages;

    world_must(sluice_view(world->sluice, 2, &view, &error), &error);
    stages = view->stage_count;
    bench_check(stages == 1 || stages == tasks, "the run has %zu stages", stages);
    bench_check(
        strcmp(view->stages[0].state, "queued") == 0 && view->stages[0].name[0] == 's'
            && strcmp(view->stages[stages - 1].state, stages == 1 ? "queued" : "waiting")
                   == 0,
        "stages that wait are %s and %s", view->stages[0].state,
        view->stages[stages - 1].state);
    sluice_view_free(view);
    if (!world->bench->is_quick)
        return;
    world_crowd(world, 1, 1000);
    world_await_all(world);
    world_check_run(world, 2, stages);
}

/* The memory of the broker for what the plan has, while there is no node, by each: at
 * once, and when the broker has had nothing to do with it for so long. */
static double bytes_each(const struct bench *bench, const struct buf *plan, size_t count,
                         size_t rest_ms, double *at_once)
{
    scoped_buf small = { 0 };
    struct world world;
    double before, after;

    plan_sweep(&small, 1, 0, "true");
    world_open(&world, bench, "broker");
    world_submit(&world, &small);
    before = own_bytes(&world);
    world_submit(&world, plan);
    *at_once = (own_bytes(&world) - before) / (double)count;
    pause_ms(rest_ms);
    after = own_bytes(&world);
    check_rested(&world, count);
    world_close(&world);
    broker_remove(bench);
    return (after - before) / (double)count;
}

/* All but the first wait for the first. */
static void plan_star(struct buf *plan, size_t stages)
{
    static const char *const command = "true";
    struct plan_link *links = calloc(stages, sizeof *links);

    if (!links)
        fail("no memory for a plan");
    for (size_t i = 1; i < stages; i++)
        links[i - 1] = (struct plan_link){ 0, (uint32_t)i };
    plan_graph(plan, stages, &command, 1, links, stages - 1);
    free(links);
}

static void tell_memory(const struct bench *bench)
{
    size_t tasks = bench_size(bench, 10000000, 10000);
    size_t stages = bench_size(bench, 200000, 2000);
    scoped_buf sweep = { 0 };
    scoped_buf star = { 0 };
    double at_once;

    plan_sweep(&sweep, tasks, 0, "true");
    plan_star(&star, stages);
    bench_tell(bench, "sweep-task", bytes_each(bench, &sweep, tasks, 0, &at_once), 0);
    bench_tell(bench, "stage",
               bytes_each(bench, &star, stages, bench_size(bench, 30000, 1500), &at_once),
               0);
    bench_tell(bench, "stage-new", at_once, 0);
}

static void run(const struct bench *bench)
{
    static const size_t waiting[SIZES] = { 10000, 100000, 1000000, 10000000 };
    size_t repeats = bench_repeats(bench, 3), tasks = bench_size(bench, 3000000, 20000);
    size_t sizes = bench_size(bench, SIZES, 2);
    double cost[SIZES][REPEATS_MAX], growth[REPEATS_MAX];

    for (size_t i = 0; i < repeats; i++) {
        for (size_t s = 0; s < sizes; s++)
            cost[s][i] = us_a_task(bench, waiting[s], tasks);
        growth[i] = cost[sizes - 1][i] / cost[0][i];
    }
    for (size_t s = 0; s < sizes; s++) {
        char name[24];

        snprintf(name, sizeof name, "%zu", waiting[s]);
        bench_tell(bench, name, 1e6 / median(cost[s], repeats), 0);
    }
    bench_tell(bench, "growth", median(growth, repeats), 0);
    tell_memory(bench);
}

const struct workload work_size = {
    "size", "empty tasks beside up to 10,000,000 that wait, and memory for these",
    METRICS(metrics), run
};
