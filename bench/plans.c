/* plans.c - see plans.h. */
#include "bench/plans.h"

#include "bench/measure.h"
#include "codecs/plan/plan.h"

#include <stdlib.h>

static struct plan plan_of(const char *title)
{
    return (struct plan){ .project = "bench",
                          .title = title,
                          .is_pipeline = true,
                          .parameters = { .kind = VALUE_MAP } };
}

static void encode(struct buf *buf, const struct plan *plan)
{
    plan_encode(buf, plan);
    if (!buf_ok(buf))
        fail("the plan is too large");
}

/* The numbers from 0 to count - 1. */
static struct value *numbers(uint64_t count)
{
    struct value *values = calloc(count, sizeof *values);

    if (!values)
        fail("no memory for a plan");
    for (uint64_t i = 0; i < count; i++)
        values[i] = value_int((int64_t)i);
    return values;
}

void plan_sweep(struct buf *buf, uint64_t tasks, uint64_t at_once, const char *command)
{
    uint64_t side = 1;

    for (uint64_t i = 2; i * i <= tasks; i++)
        if (tasks % i == 0)
            side = i;

    struct value *outer = numbers(side), *inner = numbers(tasks / side);
    struct plan_parameter parameters[] = {
        { .name = "i", .type = PARAMETER_INTEGER },
        { .name = "k", .type = PARAMETER_INTEGER },
    };
    struct plan_column columns[] = { { 0, outer, side }, { 1, inner, tasks / side } };
    struct plan_stage stage = { .name = "sweep",
                                .kind = STAGE_TASK,
                                .step = "sweep",
                                .commands = &command,
                                .command_count = 1,
                                .parameters = parameters,
                                .parameter_count = 2,
                                .sweep = SWEEP_PRODUCT,
                                .columns = columns,
                                .column_count = 2,
                                .queued_max = at_once };
    struct plan plan = plan_of("sweep");

    plan.stages = &stage;
    plan.stage_count = 1;
    encode(buf, &plan);
    free(outer);
    free(inner);
}

static struct plan_edge *edges_of(const struct plan_link *links, size_t count)
{
    struct plan_edge *edges = calloc(count + 1, sizeof *edges);

    if (!edges)
        fail("no memory for a plan");
    for (size_t i = 0; i < count; i++)
        edges[i] = (struct plan_edge){ .source = links[i].source,
                                       .target = links[i].target,
                                       .source_type = EDGE_DEPENDENCY,
                                       .target_type = EDGE_DEPENDENCY,
                                       .source_key = "",
                                       .target_key = "" };
    return edges;
}

void plan_graph(struct buf *buf, size_t stages, const char *const *commands,
                size_t command_count, const struct plan_link *links, size_t link_count)
{
    struct plan plan = plan_of("graph");
    char(*names)[24] = calloc(stages, sizeof *names);

    plan.stages = calloc(stages, sizeof *plan.stages);
    plan.edges = edges_of(links, link_count);
    if (!names || !plan.stages)
        fail("no memory for a plan");
    for (size_t i = 0; i < stages; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        plan.stages[i] =
            (struct plan_stage){ .name = names[i],
                                 .kind = STAGE_EXECUTION,
                                 .step = names[i],
                                 .commands = &commands[command_count > 1 ? i : 0],
                                 .command_count = 1 };
    }
    plan.stage_count = stages;
    plan.edge_count = link_count;
    encode(buf, &plan);
    free(plan.edges);
    free(plan.stages);
    free(names);
}

void plan_chain(struct buf *buf, size_t stages, const char *command)
{
    struct plan_link *links = calloc(stages, sizeof *links);

    if (!links)
        fail("no memory for a plan");
    for (size_t i = 1; i < stages; i++)
        links[i - 1] = (struct plan_link){ (uint32_t)i - 1, (uint32_t)i };
    plan_graph(buf, stages, &command, 1, links, stages - 1);
    free(links);
}
