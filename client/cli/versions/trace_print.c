/* trace_print.c - a graph as a tree of lines, as JSON and for Graphviz. */
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/versions/trace.h"
#include "codecs/names/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT_MAX = 200, RANGES_SHOWN = 5, COMMIT_SHOWN = 10, NAME_COLUMNS = 200 };

static void add_ranges(struct buf *text, const struct trace_node *node)
{
    if (node->tasks == 1 || node->range_count == 0)
        return;
    if (node->range_count == 1 && node->ranges[0].count == 1) {
        buf_printf(text, "/%" PRIu64, node->ranges[0].first);
        return;
    }
    buf_text(text, "[");
    for (size_t i = 0; i < node->range_count && i < RANGES_SHOWN; i++) {
        const struct trace_range *range = &node->ranges[i];

        buf_printf(text, "%s%" PRIu64, i > 0 ? "," : "", range->first);
        if (range->count > 1)
            buf_printf(text, "..%" PRIu64, range->first + range->count - 1);
    }
    buf_text(text, node->range_count > RANGES_SHOWN ? ",...]" : "]");
}

static void add_commit(struct buf *text, const struct trace_node *node)
{
    if (*node->commit)
        buf_printf(text, ", commit %.*s%s", COMMIT_SHOWN, node->commit,
                   node->is_dirty ? " and changes" : "");
}

static void add_files(struct buf *text, const struct trace_node *node)
{
    if (node->files > 1) {
        buf_printf(text, "%" PRIu64 " files, %s: ", node->files,
                   human_size(node->bytes).text);
        text_fit(text, node->name, NAME_COLUMNS);
        buf_text(text, " to ");
        text_fit(text, node->last, NAME_COLUMNS);
    } else {
        text_fit(text, *node->name ? node->name : node->digest, NAME_COLUMNS);
        if (*node->name)
            buf_printf(text, "  %s", node->digest);
    }
    if ((node->is_first || name_uri_is(node->uri)) && *node->uri
        && strcmp(node->uri, node->name) != 0) {
        buf_text(text, "  from ");
        text_fit(text, node->uri, NAME_COLUMNS);
    }
}

/* What the node is, in one line. */
static void add_label(struct buf *text, const struct trace_node *node)
{
    switch (node->kind) {
    case TRACE_RUN:
        buf_printf(text, "run %" PRIu64 " ", node->run);
        text_fit(text, node->title, NAME_COLUMNS);
        add_commit(text, node);
        break;
    case TRACE_STAGE:
        buf_printf(text, "%" PRIu64 "/", node->run);
        text_fit(text, node->stage, NAME_COLUMNS);
        add_ranges(text, node);
        if (*node->reused)
            buf_printf(text, ", reused from %s", node->reused);
        else
            add_commit(text, node);
        break;
    case TRACE_FILES:
        add_files(text, node);
        break;
    }
}

/* ---- Tree ---- */

struct visit { /* where the walk is: a node, and which of its links comes next */
    uint32_t node;
    size_t next;
};

static void add_indent(struct buf *line, const struct trace *trace,
                       const struct visit *places, size_t depth)
{
    for (size_t i = 0; i < depth && i < INDENT_MAX; i++) {
        bool is_last = places[i].next == trace->nodes[places[i].node].to_count;

        if (i + 1 < depth)
            buf_text(line, is_last ? "   " : "|  ");
        else
            buf_text(line, is_last ? "`- " : "|- ");
    }
}

static void print_line(const struct trace *trace, const struct visit *places,
                       size_t depth, uint32_t at, bool was_shown, FILE *to)
{
    scoped_buf line = { 0 };

    add_indent(&line, trace, places, depth);
    add_label(&line, &trace->nodes[at]);
    if (was_shown && trace->nodes[at].to_count > 0)
        buf_text(&line, "  (see above)");
    fprintf(to, "%s\n", buf_string(&line));
}

void trace_print_tree(const struct trace *trace, FILE *to)
{
    struct visit *places = calloc(trace->node_count + 1, sizeof *places);
    bool *shown = calloc(trace->node_count + 1, sizeof *shown);
    size_t depth = 1;

    if (!places || !shown || trace->node_count == 0) {
        free(places);
        free(shown);
        return;
    }
    print_line(trace, places, 0, 0, false, to);
    shown[0] = true;
    while (depth > 0) {
        struct visit *place = &places[depth - 1];
        const struct trace_node *node = &trace->nodes[place->node];

        if (place->next == node->to_count) {
            depth--;
            continue;
        }

        uint32_t at = node->to[place->next++];

        print_line(trace, places, depth, at, shown[at], to);
        if (!shown[at])
            places[depth++] = (struct visit){ .node = at };
        shown[at] = true;
    }
    free(places);
    free(shown);
    if (trace->is_cut)
        fputs("... there is more than is shown\n", to);
}

/* ---- JSON ---- */

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void json_stage_node(struct json *json, const struct trace_node *node)
{
    json_uint(json, "run", node->run);
    json_text(json, "title", or_null(node->title));
    json_text(json, "commit", or_null(node->commit));
    json_bool(json, "dirty", node->is_dirty);
    if (node->kind != TRACE_STAGE)
        return;
    json_text(json, "stage", node->stage);
    json_text(json, "reused_from", or_null(node->reused));
    json_open(json, "tasks", '[');
    for (size_t i = 0; i < node->range_count; i++) {
        json_open(json, NULL, '[');
        json_uint(json, NULL, node->ranges[i].first);
        json_uint(json, NULL, node->ranges[i].first + node->ranges[i].count - 1);
        json_close(json, ']');
    }
    json_close(json, ']');
}

static void json_node(struct json *json, const struct trace_node *node, size_t id)
{
    static const char *const kinds[] = {
        [TRACE_RUN] = "run", [TRACE_STAGE] = "stage", [TRACE_FILES] = "files"
    };

    json_open(json, NULL, '{');
    json_uint(json, "id", id);
    json_text(json, "kind", kinds[node->kind]);
    if (node->kind == TRACE_FILES) {
        json_uint(json, "files", node->files);
        json_uint(json, "bytes", node->bytes);
        json_text(json, "name", or_null(node->name));
        json_text(json, "digest", or_null(node->digest));
        json_text(json, "uri", or_null(node->uri));
    } else {
        json_stage_node(json, node);
    }
    json_open(json, "to", '[');
    for (size_t i = 0; i < node->to_count; i++)
        json_uint(json, NULL, node->to[i]);
    json_close(json, ']');
    json_close(json, '}');
}

void trace_print_json(const struct trace *trace, FILE *to)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_text(&json, "direction", trace->is_down ? "down" : "up");
    json_bool(&json, "cut", trace->is_cut);
    json_open(&json, "nodes", '[');
    for (size_t i = 0; i < trace->node_count; i++)
        json_node(&json, &trace->nodes[i], i);
    json_close(&json, ']');
    json_close(&json, '}');
    json_print(&json, to);
}

/* ---- Graphviz ---- */

static void print_quoted(const char *text, FILE *to)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

/* Arrows go the way that data went. */
void trace_print_dot(const struct trace *trace, FILE *to)
{
    fputs("digraph trace {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n", to);
    for (size_t i = 0; i < trace->node_count; i++) {
        scoped_buf label = { 0 };

        add_label(&label, &trace->nodes[i]);
        fprintf(to, "  n%zu [shape=%s, label=", i,
                trace->nodes[i].kind == TRACE_FILES ? "note" : "box");
        print_quoted(buf_string(&label), to);
        fputs("];\n", to);
    }
    for (size_t i = 0; i < trace->node_count; i++)
        for (size_t k = 0; k < trace->nodes[i].to_count; k++) {
            size_t other = trace->nodes[i].to[k];

            fprintf(to, "  n%zu -> n%zu;\n", trace->is_down ? i : other,
                    trace->is_down ? other : i);
        }
    fputs("}\n", to);
}
