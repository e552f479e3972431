/* work_peers.c - the comparable workload on other programs, where they are installed:
 * processes (/bin/true), or tasks that do nothing in a worker that is there. The scripts
 * are in peers/; README.md says what of theirs is durable. */
#include "bench/limits/limits.h"
#include "bench/plans.h"
#include "bench/project.h"
#include "bench/world.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PEERS_NOT_THERE = 77, LIGHT_SLOTS = 16000 };

static const struct metric metrics[] = {
    { "*", "tasks/s", BOUND_NONE, 0 },
};

struct peer {
    const char *name;
    bool has_processes;
};
static const struct peer peers[] = {
    { "make", true },       { "ninja", true },    { "parallel", true },
    { "hyperqueue", true }, { "gearman", false }, { "celery", false },
    { "dask", false },
};

/* Tasks a second; 0 if it is not installed. */
static double peer_rate(const struct bench *bench, const struct peer *peer, size_t tasks,
                        size_t slots)
{
    char folder[PATH_MAX], script[PATH_MAX], text[64], task_text[24], slot_text[24];

    snprintf(folder, sizeof folder, "%s/%s", bench->folder, peer->name);
    snprintf(script, sizeof script, "%s/%s.sh", PEERS, peer->name);
    snprintf(task_text, sizeof task_text, "%zu", tasks);
    snprintf(slot_text, sizeof slot_text, "%zu", slots);
    mkdir(folder, 0700);

    int status = run_said(
        folder, (const char *const[]){ "/bin/sh", script, task_text, slot_text, NULL },
        text, sizeof text);

    if (WIFEXITED(status) && WEXITSTATUS(status) == PEERS_NOT_THERE)
        return 0;
    bench_check(status == 0, "%s failed", peer->name);
    return strtod(text, NULL);
}

static double processes_rate(const struct bench *bench, size_t tasks)
{
    double took;

    project_write(bench, tasks);
    SLUICE(bench, "run", "--step", "one");
    took = SLUICE(bench, "run", "many");
    SLUICE(bench, "stop");
    return (double)tasks / took * 1e3;
}

static double empty_rate(const struct bench *bench, size_t tasks)
{
    scoped_buf plan = { 0 };
    struct world world;
    uint64_t run;
    double took;

    plan_sweep(&plan, tasks, 0, "true");
    world_open(&world, bench, "broker");
    world_crowd(&world, 1, LIGHT_SLOTS);
    took = world_run(&world, &plan, &run);
    world_check_run(&world, run, 1);
    world_close(&world);
    /* The project's code is all that is in its folder. */
    run_ms(bench->folder, (const char *const[]){ "/bin/rm", "-rf", "broker", NULL });
    return (double)tasks / took * 1e3;
}

static void run(const struct bench *bench)
{
    size_t processes = bench_size(bench, 5000, 50), empty = bench_size(bench, 5000, 50);
    size_t ours_empty = bench_size(bench, 100000, 50);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    double ours[] = { empty_rate(bench, ours_empty), processes_rate(bench, processes) };

    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        const struct peer *peer = &peers[i];
        double rate =
            peer_rate(bench, peer, peer->has_processes ? processes : empty, (size_t)cpus);

        if (rate > 0)
            bench_tell(bench, peer->name, ours[peer->has_processes], rate);
        else
            fprintf(stderr, "bench: %s is not installed\n", peer->name);
    }
}

const struct workload work_peers = {
    .name = "peers",
    .what = "other programs with the same work; the limit is what they reach",
    METRICS(metrics),
    .run = run,
    .only_by_name = true,
};
