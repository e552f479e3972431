/* work_reuse.c - a run of which nothing is left to do: every stage uses an earlier
 * result. */
#include "bench/limits/limits.h"
#include "bench/project.h"

static const struct metric metrics[] = { { "stages", "ms", AT_MOST, 1000 } };

/* A pipeline of side layers of as many stages, each with an input from the layer before;
 * the stages of a column are equal from the second layer on, so that filling the store
 * takes 2 * side tasks. */
static void grid_write(const struct bench *bench, size_t side)
{
    FILE *file = project_file(bench, "valohai.yaml");

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
    for (size_t layer = 0; layer < side; layer++)
        for (size_t i = 0; i < side; i++)
            fprintf(file,
                    "      - {name: n%zu-%zu, type: execution, step: cell, override: "
                    "{parameters: [{name: i, default: %zu}]}}\n",
                    layer, i, i);
    fputs("    edges:\n", file);
    for (size_t layer = 1; layer < side; layer++)
        for (size_t i = 0; i < side; i++)
            fprintf(file, "      - [n%zu-%zu.output.out, n%zu-%zu.input.in]\n", layer - 1,
                    i, layer, i);
    project_file_close(file);
}

static void run(const struct bench *bench)
{
    size_t repeats = bench_repeats(bench, REPEATS_MAX), side = bench_size(bench, 100, 10);
    double ours[REPEATS_MAX], limit[REPEATS_MAX];

    grid_write(bench, side);
    SLUICE(bench, "run", "grid");
    for (size_t i = 0; i < repeats; i++) {
        ours[i] = SLUICE(bench, "run", "grid");
        limit[i] = limit_lookup_ms(bench->folder, side * side);
    }
    SLUICE(bench, "stop");
    bench_tell_medians(bench, "stages", ours, limit, repeats);
}

const struct workload work_reuse = {
    "reuse", "a pipeline of 10,000 stages that is reused as a whole", METRICS(metrics),
    run
};
