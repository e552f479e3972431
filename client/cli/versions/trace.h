/* trace.h - where files came from, or what was made of them, as a graph.
 *
 * Its nodes are stages of runs, each once, with those of their tasks that matter, and
 * files; files that lie between the same two stages are one node when they are many. The
 * walk goes by breadth and looks at each node once, so that its cost is that of what
 * there is, however often ways meet. */
#pragma once

#include "client/cli/cli.h"
#include "codecs/base/arena.h"
#include "codecs/plan/plan.h"

#include <stdio.h>

enum {
    TRACE_NODES_MAX = 10000,
    TRACE_DEPTH = 100,
    TRACE_FOLD = 4 /* files in one node */
};

enum trace_kind { TRACE_RUN, TRACE_STAGE, TRACE_FILES };

struct trace_range {
    uint64_t first, count;
};

struct trace_node { /* texts are in the trace's arena, "" if there is none */
    enum trace_kind kind;
    unsigned depth;
    /* files */
    uint64_t files, bytes;
    const char *name, *last; /* of the first and the last file */
    const char *digest;      /* of a single one */
    const char *uri;         /* by which the first was named as an input */
    bool is_first;           /* nothing is known that made it */
    /* stages and runs */
    uint64_t run, tasks; /* tasks: of the whole stage */
    const char *stage, *title, *commit, *reused;
    uint32_t number;
    bool is_dirty;
    struct trace_range *ranges; /* tasks that matter */
    size_t range_count, range_capacity;
    /* up: what it was made of; down: what was made of it */
    uint32_t *to;
    size_t to_count, to_capacity;
};

struct trace {
    struct cli *cli;
    struct arena *arena;
    bool is_down;
    unsigned depth_max;
    struct trace_node *nodes; /* the first is what was asked for */
    size_t node_count;
    bool is_cut;       /* there is more than was looked at */
    uint32_t *slots;   /* nodes by what they stand for: open addressing, 0: free */
    const char **keys; /* of the nodes */
    struct sluice_view **views;
    size_t view_count, view_capacity;
    uint64_t plan_run; /* whose plan was looked at last */
    struct plan *plan; /* in plan_arena; NULL: none yet */
    struct arena *plan_arena;
};

/* NULL-safe; a zeroed struct is fine. */
void trace_fini(struct trace *trace);
#define scoped_trace __attribute__((cleanup(trace_fini))) struct trace
/* EXIT_GO_ON, or the exit code after the fault was said, here and below. */
int trace_begin(struct trace *trace, struct cli *cli, bool is_down, unsigned depth_max);
/* What is asked for; one of these, once. stage NULL: the whole run; has_task: only one.
 */
int trace_file(struct trace *trace, const char *digest, const char *name);
int trace_run(struct trace *trace, uint64_t run, const char *stage, bool has_task,
              uint64_t task);
/* Walks. */
int trace_walk(struct trace *trace);

/* trace_graph.c, for trace.c: the node with that key, made if there is none; -1: there
 * are too many, or no memory. */
int64_t trace_node(struct trace *trace, enum trace_kind kind, unsigned depth,
                   const char *key, bool *is_new);
void trace_link(struct trace *trace, size_t from, size_t to);
void trace_add_tasks(struct trace *trace, size_t node, uint64_t first, uint64_t count);

/* trace_print.c */
void trace_print_tree(const struct trace *trace, FILE *to);
void trace_print_json(const struct trace *trace, FILE *to);
void trace_print_dot(const struct trace *trace, FILE *to);
