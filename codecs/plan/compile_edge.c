/* compile_edge.c - the edges of the file as indexes, and which pairings have a meaning.
 *
 * An edge that brings nothing (its key is unknown, or the request gave the value) still
 * says what comes first: it becomes a dependency. */
#include "codecs/plan/draft.h"

#include <string.h>

enum pairing { PAIR_REFUSED, PAIR_FINE, PAIR_DEPLOYMENT };

static enum pairing pairing_of(enum edge_end source, enum edge_end target)
{
    static const enum pairing pairings[EDGE_END_COUNT][EDGE_END_COUNT] = {
        [EDGE_OUTPUT] = { [EDGE_INPUT] = PAIR_FINE, [EDGE_FILE] = PAIR_DEPLOYMENT },
        [EDGE_INPUT] = { [EDGE_INPUT] = PAIR_FINE },
        [EDGE_PARAMETER] = { [EDGE_PARAMETER] = PAIR_FINE },
        [EDGE_METADATA] = { [EDGE_PARAMETER] = PAIR_FINE },
        [EDGE_VARIABLE] = { [EDGE_VARIABLE] = PAIR_FINE },
        [EDGE_DEPENDENCY] = { [EDGE_DEPENDENCY] = PAIR_FINE },
        [EDGE_DEPLOYMENT] = { [EDGE_PARAMETER] = PAIR_DEPLOYMENT },
    };

    return source < EDGE_END_COUNT && target < EDGE_END_COUNT ? pairings[source][target]
                                                              : PAIR_REFUSED;
}

static enum rc edge_refuse(struct compiler *compiler, const struct config_edge *edge,
                           enum rc rc, const char *why)
{
    return compile_fail(
        compiler, rc, edge->place, "edge %.80s.%.40s.%.80s -> %.80s.%.40s.%.80s: %s",
        edge->source_stage, edge->source_type_text, edge->source_key, edge->target_stage,
        edge->target_type_text, edge->target_key, why);
}

/* What, if anything, hinders the edge from bringing something. */
static const char *edge_hindrance(const struct compiler *compiler,
                                  const struct plan_edge *edge)
{
    const struct plan_stage *source = &compiler->plan->stages[edge->source];
    const struct plan_stage *target = &compiler->plan->stages[edge->target];
    const struct draft *draft = &compiler->drafts[edge->target];
    size_t parameter = edge->target_type == EDGE_PARAMETER
                           ? stage_parameter_find(target, edge->target_key)
                           : SIZE_MAX;
    size_t input = edge->target_type == EDGE_INPUT
                       ? stage_input_find(target, edge->target_key)
                       : SIZE_MAX;

    if (parameter == target->parameter_count)
        return "its target has no such parameter";
    if (input == target->input_count)
        return "its target has no such input";
    if (parameter != SIZE_MAX && draft->is_given[parameter])
        return "a value was given for the parameter";
    if (input != SIZE_MAX && draft->input_is_given[input])
        return "a URI was given for the input";
    if (edge->source_type == EDGE_PARAMETER
        && stage_parameter_find(source, edge->source_key) == source->parameter_count)
        return "its source has no such parameter";
    if (edge->source_type == EDGE_INPUT && source->input_count == 0)
        return "its source has no inputs";
    if (edge->source_type == EDGE_VARIABLE
        && stage_variable_find(source, edge->source_key) == source->variable_count)
        return "its source has no such environment variable";
    return NULL;
}

/* Marks what the edge brings, for the check of required values. */
static void target_mark(struct compiler *compiler, const struct plan_edge *edge)
{
    const struct plan_stage *target = &compiler->plan->stages[edge->target];
    struct draft *draft = &compiler->drafts[edge->target];

    if (edge->target_type == EDGE_PARAMETER)
        draft->is_reached[stage_parameter_find(target, edge->target_key)] = true;
    if (edge->target_type == EDGE_INPUT)
        draft->input_is_reached[stage_input_find(target, edge->target_key)] = true;
    if (edge->target_type == EDGE_VARIABLE) {
        size_t at = stage_variable_find(target, edge->target_key);

        if (at < target->variable_count)
            draft->variable_is_reached[at] = true;
    }
}

static enum rc edge_fill(struct compiler *compiler, const struct config_edge *from,
                         struct plan_edge *to)
{
    size_t count = compiler->plan->stage_count;
    size_t source = compile_stage_find(compiler, from->source_stage);
    size_t target = compile_stage_find(compiler, from->target_stage);
    enum pairing pairing = pairing_of(from->source_type, from->target_type);

    if (source == count)
        return edge_refuse(compiler, from, RC_INVALID, "its source node does not exist");
    if (target == count)
        return edge_refuse(compiler, from, RC_INVALID, "its target node does not exist");
    if (source == target)
        return edge_refuse(compiler, from, RC_INVALID,
                           "a node cannot wait for itself (a cycle of one)");
    if (pairing == PAIR_DEPLOYMENT)
        return edge_refuse(compiler, from, RC_UNSUPPORTED, "deployments are not run yet");
    if (pairing == PAIR_REFUSED)
        return edge_refuse(compiler, from, RC_INVALID,
                           "these two types do not go together; use output or input -> "
                           "input, parameter or metadata -> parameter, "
                           "environment-variable -> environment-variable, or dependency "
                           "-> dependency");
    *to = (struct plan_edge){
        .source = (uint32_t)source,
        .target = (uint32_t)target,
        .source_type = from->source_type,
        .target_type = from->target_type,
        .source_key = from->source_key,
        .target_key = from->target_key,
    };

    const char *hindrance = edge_hindrance(compiler, to);

    if (hindrance) {
        compile_note(compiler,
                     "edge %.80s.%.40s.%.80s -> %.80s.%.40s.%.80s (line %u) brings "
                     "nothing: %s",
                     from->source_stage, from->source_type_text, from->source_key,
                     from->target_stage, from->target_type_text, from->target_key,
                     from->place.line, hindrance);
        to->source_type = to->target_type = EDGE_DEPENDENCY;
    }
    target_mark(compiler, to);
    return RC_OK;
}

enum rc compile_edges(struct compiler *compiler)
{
    const struct config_pipeline *pipeline = compiler->pipeline;
    struct plan *plan = compiler->plan;
    size_t count = pipeline ? pipeline->edge_count : 0;

    if (count > PLAN_EDGES_MAX)
        return compile_fail(compiler, RC_INVALID, pipeline->place,
                            "pipeline '%.80s': %zu edges; %d are possible",
                            pipeline->name, count, PLAN_EDGES_MAX);
    plan->edges = compile_array(compiler, count, sizeof *plan->edges);
    if (!plan->edges)
        return RC_NO_MEMORY;
    plan->edge_count = count;
    for (size_t i = 0; i < count; i++) {
        enum rc rc = edge_fill(compiler, &pipeline->edges[i], &plan->edges[i]);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}
