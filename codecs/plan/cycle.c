/* cycle.c - finds a cycle by taking away stages without incoming edges until none is
 * left to take; no recursion, so a chain of any length is fine. */
#include "codecs/plan/check.h"

struct graph {
    const struct plan *plan;
    uint32_t *starts;  /* of a stage's part of targets; one more than there are stages */
    uint32_t *targets; /* grouped by source */
    uint32_t *waits;   /* incoming edges whose source has not been taken away */
    uint32_t *queue;
};

static bool graph_build(struct graph *graph, struct arena *arena)
{
    const struct plan *plan = graph->plan;

    graph->starts = arena_array(arena, plan->stage_count + 1, sizeof(uint32_t));
    graph->targets = arena_array(arena, plan->edge_count, sizeof(uint32_t));
    graph->waits = arena_array(arena, plan->stage_count, sizeof(uint32_t));
    graph->queue = arena_array(arena, plan->stage_count, sizeof(uint32_t));
    if (!graph->starts || !graph->targets || !graph->waits || !graph->queue)
        return false;
    for (size_t i = 0; i < plan->edge_count; i++) {
        graph->starts[plan->edges[i].source]++;
        graph->waits[plan->edges[i].target]++;
    }

    uint32_t sum = 0;

    for (size_t i = 0; i <= plan->stage_count; i++) {
        sum += i < plan->stage_count ? graph->starts[i] : 0;
        graph->starts[i] = sum;
    }
    for (size_t i = plan->edge_count; i > 0; i--) {
        const struct plan_edge *edge = &plan->edges[i - 1];

        graph->targets[--graph->starts[edge->source]] = edge->target;
    }
    return true;
}

/* How many stages could be taken away; those left have waits above 0. */
static size_t graph_peel(struct graph *graph)
{
    size_t head = 0, tail = 0;

    for (uint32_t i = 0; i < graph->plan->stage_count; i++)
        if (graph->waits[i] == 0)
            graph->queue[tail++] = i;
    while (head < tail) {
        uint32_t stage = graph->queue[head++];

        for (uint32_t i = graph->starts[stage]; i < graph->starts[stage + 1]; i++)
            if (--graph->waits[graph->targets[i]] == 0)
                graph->queue[tail++] = graph->targets[i];
    }
    return tail;
}

/* Every stage that is left has an edge from another one that is left: going backwards
 * must come round. The steps are written down and turned about. */
static size_t graph_walk_back(struct graph *graph, uint32_t *before, uint32_t *seen,
                              uint32_t *cycle)
{
    const struct plan *plan = graph->plan;
    uint32_t stage = 0;
    size_t count = 0;

    for (size_t i = 0; i < plan->edge_count; i++)
        if (graph->waits[plan->edges[i].source] > 0
            && graph->waits[plan->edges[i].target] > 0)
            before[plan->edges[i].target] = plan->edges[i].source;
    while (graph->waits[stage] == 0)
        stage++;
    for (; !seen[stage]; stage = before[stage])
        seen[stage] = 1;

    uint32_t first = stage;

    do {
        cycle[count++] = stage;
        stage = before[stage];
    } while (stage != first);
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t held = cycle[i];

        cycle[i] = cycle[count - 1 - i];
        cycle[count - 1 - i] = held;
    }
    return count;
}

enum rc plan_cycle_find(const struct plan *plan, struct arena *arena, uint32_t **cycle,
                        size_t *count, struct err *err)
{
    struct graph graph = { .plan = plan };

    if (!graph_build(&graph, arena))
        return err_set(err, RC_NO_MEMORY, "plan: no memory for a graph of %zu stages",
                       plan->stage_count);
    if (graph_peel(&graph) == plan->stage_count) {
        *count = 0;
        return RC_OK;
    }

    uint32_t *before = arena_array(arena, plan->stage_count, sizeof *before);
    uint32_t *seen = arena_array(arena, plan->stage_count, sizeof *seen);

    if (!before || !seen)
        return err_set(err, RC_NO_MEMORY, "plan: no memory for a graph of %zu stages",
                       plan->stage_count);
    *count = graph_walk_back(&graph, before, seen, graph.queue);
    *cycle = graph.queue;
    return RC_OK;
}
