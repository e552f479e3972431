/* work_cli.c - the verbs that people wait for, with the private broker up, in a project
 * that has 10,000 runs. */
#include "bench/limits/limits.h"
#include "bench/plans.h"
#include "bench/project.h"
#include "bench/world.h"

enum { CLIENTS = 8 };

static const struct metric metrics[] = {
    { "ls", "ms", AT_MOST, 20 },
    { "show", "ms", AT_MOST, 20 },
    { "run", "ms", AT_MOST, 60 },
    { "*", "ms", BOUND_NONE, 0 },
};

/* The runs are made by a light node, in the store that the private broker takes over. */
static void fill(const struct bench *bench, size_t runs)
{
    static const char *const command = "true";
    scoped_buf plan = { 0 };
    struct world world;

    plan_graph(&plan, 1, &command, 1, NULL, 0);
    world_open(&world, bench, ".sluice");
    world_crowd(&world, 1, 1000);
    world_submit_many(&world, &plan, runs, CLIENTS);
    world_await_all(&world);
    world_close(&world);
}

static void run(const struct bench *bench)
{
    static const char *const verbs[][4] = {
        { "ls" },     { "show", "last" },         { "run", "--step", "one" },
        { "status" }, { "metadata", "last/one" },
    };
    size_t repeats = bench_repeats(bench, REPEATS_MAX);
    double ours[REPEATS_MAX], limit[REPEATS_MAX];

    project_write(bench, 1);
    fill(bench, bench_size(bench, 10000, 100));
    SLUICE(bench, "run", "--step", "one");
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        for (size_t i = 0; i < repeats; i++) {
            ours[i] = project_sluice(bench, verbs[v]);
            limit[i] = limit_spawn_ms();
        }
        bench_tell_medians(bench, verbs[v][0], ours, limit, repeats);
    }
    SLUICE(bench, "stop");
}

const struct workload work_cli = { "cli",
                                   "ls, show, run and others in a project of 10,000 runs",
                                   METRICS(metrics), run };
