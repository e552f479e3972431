/* trace_graph.c - nodes, found by key, and their links. */
#include "client/cli/versions/trace.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4 * TRACE_NODES_MAX, RANGES_MAX = 1000, LIST_FIRST = 8 };

void trace_fini(struct trace *trace)
{
    for (size_t i = 0; i < trace->node_count; i++) {
        free(trace->nodes[i].ranges);
        free(trace->nodes[i].to);
    }
    for (size_t i = 0; i < trace->view_count; i++)
        sluice_view_free(trace->views[i]);
    free(trace->views);
    free(trace->nodes);
    free(trace->slots);
    free(trace->keys);
    arena_destroy(trace->plan_arena);
    arena_destroy(trace->arena);
    *trace = (struct trace){ 0 };
}

int trace_begin(struct trace *trace, struct cli *cli, bool is_down, unsigned depth_max)
{
    *trace = (struct trace){ .cli = cli,
                             .is_down = is_down,
                             .depth_max = depth_max,
                             .arena = arena_create((size_t)1 << 30),
                             .nodes = calloc(TRACE_NODES_MAX, sizeof *trace->nodes),
                             .keys = calloc(TRACE_NODES_MAX, sizeof *trace->keys),
                             .slots = calloc(SLOTS, sizeof *trace->slots) };
    if (trace->arena && trace->nodes && trace->keys && trace->slots)
        return EXIT_GO_ON;
    return cli_fail(cli, EXIT_FAILED, "out of memory");
}

static uint32_t *slot_of(struct trace *trace, const char *key)
{
    uint64_t hash = 14695981039346656037u;

    for (const char *at = key; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    for (size_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
        uint32_t *slot = &trace->slots[i];

        if (*slot == 0 || strcmp(trace->keys[*slot - 1], key) == 0)
            return slot;
    }
}

int64_t trace_node(struct trace *trace, enum trace_kind kind, unsigned depth,
                   const char *key, bool *is_new)
{
    uint32_t *slot = slot_of(trace, key);
    size_t at = trace->node_count;

    *is_new = *slot == 0;
    if (*slot > 0)
        return *slot - 1;
    if (at < TRACE_NODES_MAX)
        trace->keys[at] = arena_text(trace->arena, key);
    if (at == TRACE_NODES_MAX || !trace->keys[at]) {
        trace->is_cut = true;
        return -1;
    }
    trace->nodes[at] = (struct trace_node){ .kind = kind,
                                            .depth = depth,
                                            .name = "",
                                            .last = "",
                                            .digest = "",
                                            .uri = "",
                                            .stage = "",
                                            .title = "",
                                            .commit = "",
                                            .reused = "" };
    trace->node_count++;
    *slot = (uint32_t)trace->node_count;
    return (int64_t)at;
}

/* Room for one more; false: there is no memory. */
static bool has_room(void **items, size_t count, size_t *capacity, size_t size)
{
    size_t wanted = *capacity ? *capacity * 2 : LIST_FIRST;
    void *larger;

    if (count < *capacity)
        return true;
    larger = reallocarray(*items, wanted, size);
    if (!larger)
        return false;
    *items = larger;
    *capacity = wanted;
    return true;
}

void trace_link(struct trace *trace, size_t from, size_t to)
{
    struct trace_node *node = &trace->nodes[from];

    for (size_t i = node->to_count; i > 0; i--)
        if (node->to[i - 1] == to)
            return;
    if (has_room((void **)&node->to, node->to_count, &node->to_capacity,
                 sizeof *node->to))
        node->to[node->to_count++] = (uint32_t)to;
    else
        trace->is_cut = true;
}

/* Adds to the range that it touches, so that a sweep is one, in whatever order its tasks
 * come up. */
void trace_add_tasks(struct trace *trace, size_t at, uint64_t first, uint64_t count)
{
    struct trace_node *node = &trace->nodes[at];
    uint64_t end = first + count;
    size_t kept = 0;

    for (size_t i = 0; i < node->range_count; i++) {
        struct trace_range range = node->ranges[i];

        if (range.first > end || range.first + range.count < first) {
            node->ranges[kept++] = range;
            continue;
        }
        first = range.first < first ? range.first : first;
        end = range.first + range.count > end ? range.first + range.count : end;
    }
    node->range_count = kept;
    if (kept == RANGES_MAX
        || !has_room((void **)&node->ranges, kept, &node->range_capacity,
                     sizeof *node->ranges)) {
        trace->is_cut = true;
        return;
    }
    for (; kept > 0 && node->ranges[kept - 1].first > first; kept--)
        node->ranges[kept] = node->ranges[kept - 1];
    node->ranges[kept] = (struct trace_range){ first, end - first };
    node->range_count++;
}
