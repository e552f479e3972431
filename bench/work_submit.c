/* work_submit.c - accepting work without running it: ten clients submit small runs, each
 * with several on their way, and one client submits large sweeps. No node is there. After
 * kill -9 of the broker all that was acknowledged has to be there. */
#include "bench/limits/limits.h"
#include "bench/plans.h"
#include "bench/world.h"

#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 10, SWEEPS = 20, REPEATS = 5, RUNS_PAGE = 1000, ROWS_EACH = 10 };

static const struct metric metrics[] = {
    { "single", "runs/s", AT_LEAST, 20000 },
    { "single-cpu", "us", AT_MOST, 50 },
    { "sweep", "tasks/s", AT_LEAST, 1000000 },
};

struct client {
    struct sluice *sluice;
    const struct buf *plan;
    size_t count;
    uint64_t *runs; /* to fill in */
    pthread_t thread;
};

static void *submit_all(void *argument)
{
    struct client *client = argument;

    world_submit_several(client->sluice, client->plan, client->count, client->runs);
    return NULL;
}

/* All the clients at once; from the first submission to the last answer in ms. */
static double crowd_ms(struct client clients[CLIENTS])
{
    double start = now_ms();

    for (int i = 0; i < CLIENTS; i++)
        if (pthread_create(&clients[i].thread, NULL, submit_all, &clients[i]) != 0)
            fail("cannot start a client");
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    return now_ms() - start;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Expects that the answers are the numbers from 1 on, each once, and that the broker
 * lists as many, all active. */
static void check_runs(struct world *world, uint64_t *runs, size_t count)
{
    struct sluice_error error;
    uint64_t before = 0;
    size_t seen = 0;

    qsort(runs, count, sizeof *runs, compare);
    for (size_t i = 0; i < count; i++)
        bench_check(runs[i] == i + 1, "there is no run %zu", i + 1);
    while (seen < count) {
        struct sluice_runs *page;

        world_must(sluice_runs(world->sluice, before, RUNS_PAGE, &page, &error), &error);
        bench_check(page->count > 0, "the broker has %zu of %zu runs", seen, count);
        for (size_t i = 0; i < page->count; i++, seen++) {
            before = page->runs[i].number;
            bench_check(before == count - seen
                            && strcmp(page->runs[i].state, "started") == 0,
                        "run %zu is %s", count - seen, page->runs[i].state);
        }
        sluice_runs_free(page);
    }
}

struct written { /* what a broker has left on the disk */
    size_t batches, bytes;
};

static struct written look_at_store(const char *folder)
{
    struct written written = { 0 };
    char path[PATH_MAX];
    MDB_env *env;
    MDB_envinfo info;
    MDB_stat stat;

    snprintf(path, sizeof path, "%s/broker/store", folder);
    if (mdb_env_create(&env) != 0
        || mdb_env_open(env, path, MDB_RDONLY | MDB_NOLOCK, 0600) != 0
        || mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0)
        fail("cannot look at the store in %s", path);
    written.batches = info.me_last_txnid;
    written.bytes = info.me_last_pgno * stat.ms_psize;
    mdb_env_close(env);
    return written;
}

/* The same bytes in as many batches, and as many messages of that size there and back. */
static double limit_ms(const char *folder, size_t count, size_t plan_size)
{
    struct written written = look_at_store(folder);
    size_t rows = count * ROWS_EACH / written.batches + 1;

    return limit_echo_ms(folder, count, plan_size, CLIENTS * SLUICE_SUBMIT_WINDOW)
           + limit_commit_ms(folder, written.batches, rows,
                             written.bytes / (rows * written.batches) + 1);
}

static void remove_broker(const struct bench *bench)
{
    run_ms(bench->folder, (const char *const[]){ "/bin/rm", "-rf", "broker", NULL });
}

struct figures {
    double rate, cpu_us, limit;
};

static struct figures singles(const struct bench *bench, size_t each)
{
    struct client clients[CLIENTS];
    size_t count = CLIENTS * each;
    uint64_t *runs = calloc(count, sizeof *runs);
    struct figures figures;
    const char *command = "";
    scoped_buf plan = { 0 };
    struct world world;

    if (!runs)
        fail("no memory for %zu runs", count);
    plan_graph(&plan, 1, &command, 1, NULL, 0);
    world_open(&world, bench, "broker");
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = (struct client){ .sluice = world_connect(&world),
                                      .plan = &plan,
                                      .count = each,
                                      .runs = runs + i * each };

    double cpu = process_cpu_ms(world.broker), took = crowd_ms(clients);

    figures.rate = (double)count / took * 1e3;
    figures.cpu_us = (process_cpu_ms(world.broker) - cpu) / (double)count * 1e3;
    for (size_t i = 0; i < CLIENTS; i++)
        sluice_close(clients[i].sluice);
    world_kill_broker(&world);
    figures.limit = (double)count / limit_ms(bench->folder, count, plan.size) * 1e3;
    world_start_broker(&world);
    check_runs(&world, runs, count);
    world_close(&world);
    remove_broker(bench);
    free(runs);
    return figures;
}

/* The rate of tasks of large sweeps, one submission after the other. */
static struct figures sweeps(const struct bench *bench, size_t tasks)
{
    uint64_t runs[SWEEPS];
    struct figures figures;
    scoped_buf plan = { 0 };
    struct world world;

    plan_sweep(&plan, tasks, 0, "");
    world_open(&world, bench, "broker");

    double start = now_ms();

    for (size_t i = 0; i < SWEEPS; i++)
        runs[i] = world_submit(&world, &plan);

    double took = now_ms() - start;

    world_kill_broker(&world);
    figures.rate = (double)(SWEEPS * tasks) / took * 1e3;
    figures.limit = (double)(SWEEPS * tasks)
                    / (limit_echo_ms(bench->folder, SWEEPS, plan.size, 1)
                       + limit_commit_ms(bench->folder, SWEEPS, 2, plan.size))
                    * 1e3;
    world_start_broker(&world);
    check_runs(&world, runs, SWEEPS);
    world_close(&world);
    remove_broker(bench);
    return figures;
}

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, REPEATS);
    size_t each = bench_size(bench, 5000, 50);
    size_t tasks = bench_size(bench, 1000000, 10000);
    double rate[2][REPEATS], limit[2][REPEATS], cpu[REPEATS];

    for (size_t i = 0; i < repeats; i++) {
        struct figures single = singles(bench, each), sweep = sweeps(bench, tasks);

        rate[0][i] = single.rate;
        limit[0][i] = single.limit;
        cpu[i] = single.cpu_us;
        rate[1][i] = sweep.rate;
        limit[1][i] = sweep.limit;
    }
    bench_tell_medians(bench, "single", rate[0], limit[0], repeats);
    bench_tell(bench, "single-cpu", median(cpu, repeats), 0);
    bench_tell_medians(bench, "sweep", rate[1], limit[1], repeats);
}

const struct workload work_submit = {
    "submit", "many small runs from 10 clients, and large sweeps, accepted and not run",
    METRICS(metrics), run
};
