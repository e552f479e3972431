/* bench.c - the harness: `bench [--json] [--repeat N] [WORKLOAD...]`.
 *
 * Each workload has a project of its own in a temporary folder, with its own private
 * broker, and prints a line a metric: our figure, the limit of this machine measured in
 * the same run between our repeats, and their ratio. See README.md for what each
 * measures. */
#include "bench/limits.h"
#include "bench/measure.h"
#include "bench/transfer.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPEATS_MAX = 1000, PROCESS_TASKS = 2000, GRID_SIDE = 100 };

struct bench {
    bool as_json;
    size_t repeats;
    char folder[PATH_MAX]; /* of the project */
};

static const char pipeline_file[] = "- step:\n"
                                    "    name: one\n"
                                    "    image: none\n"
                                    "    command: \"true\"\n"
                                    "- step:\n"
                                    "    name: many\n"
                                    "    image: none\n"
                                    "    command: /bin/true\n"
                                    "    parameters:\n"
                                    "      - name: i\n"
                                    "        type: integer\n"
                                    "- task:\n"
                                    "    name: many\n"
                                    "    step: many\n"
                                    "    type: grid_search\n"
                                    "    parameters:\n"
                                    "      - name: i\n"
                                    "        style: linear\n"
                                    "        rules: { start: 1, end: 2000, step: 1 }\n"
                                    "- pipeline:\n"
                                    "    name: many\n"
                                    "    nodes:\n"
                                    "      - name: many\n"
                                    "        type: task\n"
                                    "        task: many\n"
                                    "    edges: []\n";

static double sluice(const struct bench *bench, const char *const words[])
{
    const char *arguments[8] = { SLUICE_PROGRAM };

    for (size_t i = 0; words[i]; i++)
        arguments[i + 1] = words[i];
    return run_ms(bench->folder, arguments);
}
#define SLUICE(bench, ...) sluice((bench), (const char *const[]){ __VA_ARGS__, NULL })

static void project_clear(const struct bench *bench)
{
    run_ms(bench->folder, (const char *const[]){ "/bin/rm", "-rf", ".sluice", NULL });
}

static void project_open(struct bench *bench)
{
    const char *place = getenv("TMPDIR");
    char path[PATH_MAX + 16];
    FILE *file;

    snprintf(bench->folder, sizeof bench->folder, "%s/sluice-bench-XXXXXX",
             place ? place : "/tmp");
    if (!mkdtemp(bench->folder))
        fail("cannot make %s", bench->folder);
    snprintf(path, sizeof path, "%s/valohai.yaml", bench->folder);
    file = fopen(path, "w");
    if (!file || fputs(pipeline_file, file) < 0 || fclose(file) != 0)
        fail("cannot write %s", path);
}

static void project_close(const struct bench *bench)
{
    run_ms(NULL, (const char *const[]){ "/bin/rm", "-rf", bench->folder, NULL });
}

/* From nothing running, no store, to the run's end; and again with the broker up. */
static void bench_start(const struct bench *bench)
{
    double cold[REPEATS_MAX], warm[REPEATS_MAX], limit[REPEATS_MAX];

    for (size_t i = 0; i < bench->repeats; i++) {
        project_clear(bench);
        cold[i] = SLUICE(bench, "run", "--step", "one");
        limit[i] = limit_spawn_ms() + limit_sync_ms(bench->folder);
        warm[i] = SLUICE(bench, "run", "--step", "one");
        SLUICE(bench, "stop");
    }

    double least = median(limit, bench->repeats);

    metric_print(&(struct metric){ "start", "cold", "ms", median(cold, bench->repeats),
                                   least, 150 },
                 bench->as_json);
    metric_print(&(struct metric){ "start", "warm", "ms", median(warm, bench->repeats),
                                   least, 60 },
                 bench->as_json);
}

static void bench_cli(const struct bench *bench)
{
    static const char *const verbs[][3] = {
        { "ls" },
        { "show", "last" },
        { "status" },
        { "metadata", "last/one" },
    };
    double ours[REPEATS_MAX], limit[REPEATS_MAX];

    SLUICE(bench, "run", "--step", "one");
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        for (size_t i = 0; i < bench->repeats; i++) {
            ours[i] = sluice(bench, verbs[v]);
            limit[i] = limit_spawn_ms();
        }
        metric_print(&(struct metric){ "cli", verbs[v][0], "ms",
                                       median(ours, bench->repeats),
                                       median(limit, bench->repeats), 50 },
                     bench->as_json);
    }
    SLUICE(bench, "stop");
}

/* One sweep of PROCESS_TASKS times /bin/true, with logs and versions, on all slots. */
static void bench_process(const struct bench *bench)
{
    size_t repeats = bench->repeats < 3 ? bench->repeats : 3;
    double ours[REPEATS_MAX], limit[REPEATS_MAX];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    SLUICE(bench, "run", "--step", "one");
    for (size_t i = 0; i < repeats; i++) {
        limit[i] = PROCESS_TASKS
                   / limit_spawn_loop_ms(PROCESS_TASKS, cpus > 0 ? (size_t)cpus : 1)
                   * 1e3;
        ours[i] = PROCESS_TASKS / SLUICE(bench, "run", "many") * 1e3;
    }
    SLUICE(bench, "stop");
    metric_print(&(struct metric){ "process", "tasks", "/s", median(ours, repeats),
                                   median(limit, repeats), 0 },
                 bench->as_json);
}

static void run_transfer(const struct bench *bench)
{
    bench_transfer(bench->folder, bench->repeats, bench->as_json);
}

static void run_files(const struct bench *bench)
{
    bench_files(bench->folder, bench->repeats, bench->as_json);
}

/* A pipeline of GRID_SIDE layers of as many stages, each with an input from the layer
 * before; the stages of a column are equal from the second layer on, so that filling the
 * store takes 2 * GRID_SIDE tasks. */
static void grid_write(const struct bench *bench)
{
    char path[PATH_MAX + 16];
    FILE *file;

    snprintf(path, sizeof path, "%s/valohai.yaml", bench->folder);
    file = fopen(path, "w");
    if (!file)
        fail("cannot write %s", path);
    fputs("- step:\n"
          "    name: cell\n"
          "    image: none\n"
          "    command: echo {parameter-value:i} > $VH_OUTPUTS_DIR/out\n"
          "    parameters: [{name: i, type: integer}]\n"
          "    inputs: [{name: in, optional: true}]\n"
          "- pipeline:\n"
          "    name: grid\n"
          "    reuse-executions: true\n"
          "    nodes:\n",
          file);
    for (int layer = 0; layer < GRID_SIDE; layer++)
        for (int i = 0; i < GRID_SIDE; i++)
            fprintf(file,
                    "      - {name: n%d-%d, type: execution, step: cell, override: "
                    "{parameters: [{name: i, default: %d}]}}\n",
                    layer, i, i);
    fputs("    edges:\n", file);
    for (int layer = 1; layer < GRID_SIDE; layer++)
        for (int i = 0; i < GRID_SIDE; i++)
            fprintf(file, "      - [n%d-%d.output.out, n%d-%d.input.in]\n", layer - 1, i,
                    layer, i);
    if (fclose(file) != 0)
        fail("cannot write %s", path);
}

/* A run of GRID_SIDE * GRID_SIDE stages, of which nothing is left to do. */
static void bench_reuse(const struct bench *bench)
{
    double ours[REPEATS_MAX], limit[REPEATS_MAX];

    grid_write(bench);
    SLUICE(bench, "run", "grid");
    for (size_t i = 0; i < bench->repeats; i++) {
        ours[i] = SLUICE(bench, "run", "grid");
        limit[i] = limit_lookup_ms(bench->folder, (size_t)GRID_SIDE * GRID_SIDE);
    }
    SLUICE(bench, "stop");
    metric_print(&(struct metric){ "reuse", "stages", "ms", median(ours, bench->repeats),
                                   median(limit, bench->repeats), 1000 },
                 bench->as_json);
}

struct workload {
    const char *name;
    void (*run)(const struct bench *bench);
};

static const struct workload workloads[] = {
    { "start", bench_start },     { "cli", bench_cli },   { "process", bench_process },
    { "transfer", run_transfer }, { "files", run_files }, { "reuse", bench_reuse },
};

static void run_workload(struct bench *bench, const struct workload *workload)
{
    project_open(bench);
    workload->run(bench);
    project_close(bench);
}

static void run_named(struct bench *bench, const char *name)
{
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(workloads[i].name, name) == 0) {
            run_workload(bench, &workloads[i]);
            return;
        }
    fail("there is no workload \"%s\"; there are start, cli, process, transfer, files "
         "and reuse",
         name);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                             { "repeat", required_argument, NULL, 'r' },
                                             { NULL, 0, NULL, 0 } };
    struct bench bench = { .repeats = 15 };

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'j')
            bench.as_json = true;
        else if (option == 'r')
            bench.repeats = strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (bench.repeats < 1 || bench.repeats > REPEATS_MAX)
        fail("--repeat takes a number from 1 to %d", REPEATS_MAX);
    for (int i = optind; i < argc; i++)
        run_named(&bench, argv[i]);
    for (size_t i = 0; optind == argc && i < sizeof workloads / sizeof *workloads; i++)
        run_workload(&bench, &workloads[i]);
    return 0;
}
