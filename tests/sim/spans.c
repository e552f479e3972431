/* spans.c - the table of spans: what broker/store/blocks.c keeps of tasks without a
 * command while they are handed out. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static void add(struct rows *rows, const struct stored_span *span)
{
    if (span->count == 0)
        return;
    if (rows->span_count == rows->span_capacity) {
        rows->span_capacity = rows->span_capacity ? rows->span_capacity * 2 : 32;
        rows->spans = reallocarray(rows->spans, rows->span_capacity, sizeof *rows->spans);
        must(rows->spans != NULL);
    }
    rows->spans[rows->span_count++] = *span;
}

void span_put(struct rows *rows, const struct put *put)
{
    add(rows, &(struct stored_span){ .run = put->run,
                                     .first = put->index,
                                     .count = put->count,
                                     .token = put->token,
                                     .stage = put->stage,
                                     .node = put->node });
}

/* The tasks of the span from place `from` to before `to`. */
static struct stored_span part(const struct stored_span *span, uint64_t from, uint64_t to)
{
    struct stored_span part = *span;

    part.first += from;
    part.token += from;
    part.count = to - from;
    return part;
}

void span_take(struct rows *rows, const struct put *put)
{
    uint64_t end = put->index + put->count;

    for (size_t i = rows->span_count; i-- > 0;) {
        struct stored_span span = rows->spans[i];
        uint64_t span_end = span.first + span.count;

        if (span.run != put->run || span.stage != put->stage || span.first >= end
            || span_end <= put->index)
            continue;
        memmove(&rows->spans[i], &rows->spans[i + 1],
                (--rows->span_count - i) * sizeof *rows->spans);
        if (span.first < put->index) {
            struct stored_span before = part(&span, 0, put->index - span.first);

            add(rows, &before);
        }
        if (span_end > end) {
            struct stored_span after = part(&span, end - span.first, span.count);

            add(rows, &after);
        }
    }
}

void spans_walk(const struct rows *rows,
                void (*visit)(void *context, const struct attempt_row *row),
                void *context)
{
    for (size_t i = 0; i < rows->span_count; i++) {
        const struct stored_span *span = &rows->spans[i];

        for (uint64_t n = 0; n < span->count; n++)
            visit(context, &(struct attempt_row){ .token = span->token + n,
                                                  .run = span->run,
                                                  .index = span->first + n,
                                                  .stage = span->stage,
                                                  .node = span->node,
                                                  .number = 1 });
    }
}

/* Whether one span, as this turn leaves it, has all of them. */
bool spans_have(const struct sim *sim, const struct change *change)
{
    const struct rows *rows = &sim->rows;
    struct rows now = { .span_count = 0 };
    bool has = false;

    for (size_t i = 0; i < rows->span_count; i++)
        add(&now, &rows->spans[i]);
    for (size_t i = 0; i < rows->put_count; i++)
        if (rows->puts[i].kind == PUT_SPAN)
            span_put(&now, &rows->puts[i]);
        else if (rows->puts[i].kind == PUT_SPAN_TAKE)
            span_take(&now, &rows->puts[i]);
    for (size_t i = 0; i < now.span_count; i++)
        has = has
              || (now.spans[i].run == change->run && now.spans[i].stage == change->stage
                  && now.spans[i].first <= change->index
                  && change->index + change->count
                         <= now.spans[i].first + now.spans[i].count);
    free(now.spans);
    return has;
}

size_t rows_live(const struct rows *rows)
{
    size_t count = rows->attempt_count;

    for (size_t i = 0; i < rows->span_count; i++)
        count += rows->spans[i].count;
    return count;
}
