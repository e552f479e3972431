/* core_world.h - a core with a clock, whose changes a test reads as text.
 *
 * Each move steps the core once and checks its invariants. What it changed must be read
 * with expect before the next move, as a whole: "stage 1/0 started; begun 1/0/3 t4". */
#pragma once

#include "broker/core/core.h"
#include "codecs/base/buf.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORLD_TIMEOUT_US = 10000000 };

struct world {
    struct core *core;
    struct changes changes;
    int64_t now_us;
};

static inline int world_setup(void **state)
{
    struct world *self = calloc(1, sizeof *self);

    assert_non_null(self);
    self->core = core_create(
        &(struct core_options){ .node_timeout_us = WORLD_TIMEOUT_US, .stages_max = 100 });
    assert_non_null(self->core);
    self->now_us = 1000;
    *state = self;
    return 0;
}

static inline int world_teardown(void **state)
{
    struct world *self = *state;
    size_t unread = self->changes.count;

    core_destroy(self->core);
    changes_fini(&self->changes);
    free(self);
    return unread == 0 ? 0 : -1;
}

static inline void say_task(struct buf *out, const struct change *change,
                            const char *what)
{
    buf_printf(out, "%s %lu/%u/%lu t%lu", what, (unsigned long)change->run, change->stage,
               (unsigned long)change->index, (unsigned long)change->token);
}

static inline void say_reason(struct buf *out, const struct change *change)
{
    if (change->reason != REASON_NONE)
        buf_printf(out, " %s", reason_name(change->reason));
}

static inline void say_stage(struct buf *out, const struct change *change,
                             const char *what)
{
    buf_printf(out, "%s %lu/%u", what, (unsigned long)change->run, change->stage);
}

static inline void say_attempt(struct buf *out, const struct change *change)
{
    if (change->kind == CHANGE_ASSIGN) {
        say_stage(out, change, "assign");
        buf_printf(out, " %lu+%lu t%lu n%u #%u", (unsigned long)change->index,
                   (unsigned long)change->count, (unsigned long)change->token,
                   change->node, change->number);
    } else if (change->kind == CHANGE_BLOCK) {
        say_task(out, change, "block");
        buf_printf(out, " +%lu", (unsigned long)change->count);
    } else if (change->kind == CHANGE_BEGUN) {
        say_task(out, change, "begun");
    } else {
        say_task(out, change, change->kind == CHANGE_ENDED ? "ended" : "lost");
        if (change->kind == CHANGE_ENDED || !change->will_retry)
            buf_printf(out, " %s", result_status_name(change->status));
        if (change->will_retry)
            buf_text(out, " retry");
    }
}

static inline void say_node(struct buf *out, const struct change *change)
{
    unsigned long token = (unsigned long)change->token;

    if (change->kind == CHANGE_NODE)
        buf_printf(out, "node %u %s", change->node,
                   node_state_name((enum node_state)change->state));
    else
        buf_printf(out, "%s n%u t%lu%s",
                   change->kind == CHANGE_TAKEN  ? "taken"
                   : change->kind == CHANGE_STOP ? "stop"
                                                 : "drop",
                   change->node, token, change->is_late ? " late" : "");
}

static inline void say(struct buf *out, const struct change *change)
{
    static const char *const whens[] = {
        [WHEN_STARTING] = "starting", [WHEN_COMPLETE] = "complete", [WHEN_ERROR] = "error"
    };
    unsigned long run = (unsigned long)change->run;

    switch (change->kind) {
    case CHANGE_REFUSED:
        buf_printf(out, "refused %s", rc_name(change->rc));
        break;
    case CHANGE_RUN_NEW:
        buf_printf(out, "new %lu", run);
        break;
    case CHANGE_RUN:
        buf_printf(out, "run %lu %s", run, run_state_name((enum run_state)change->state));
        say_reason(out, change);
        break;
    case CHANGE_STAGE:
        say_stage(out, change, "stage");
        buf_printf(out, " %s", stage_state_name((enum stage_state)change->state));
        say_reason(out, change);
        break;
    case CHANGE_RESOLVE:
        say_stage(out, change, "resolve");
        break;
    case CHANGE_REUSED:
        say_stage(out, change, "reused");
        buf_printf(out, " %lu+%lu", (unsigned long)change->index,
                   (unsigned long)change->count);
        break;
    case CHANGE_EVALUATE:
        say_stage(out, change, "evaluate");
        buf_printf(out, " %s", whens[change->when]);
        break;
    case CHANGE_ASSIGN:
    case CHANGE_BEGUN:
    case CHANGE_ENDED:
    case CHANGE_BLOCK:
    case CHANGE_LOST:
        say_attempt(out, change);
        break;
    case CHANGE_TAKEN:
    case CHANGE_STOP:
    case CHANGE_DROP:
    case CHANGE_NODE:
        say_node(out, change);
        break;
    case CHANGE_RUN_ROW:
        buf_printf(out, "run-row %lu", run);
        break;
    case CHANGE_STAGE_ROW:
        say_stage(out, change, "stage-row");
        break;
    case CHANGE_RUN_GONE:
        buf_printf(out, "gone %lu", run);
        break;
    case CHANGE_KIND_COUNT:
        fail_msg("no such change");
    }
}

/* What the last move changed, all of it and in order. */
static inline void expect(struct world *self, const char *expected)
{
    scoped_buf out = { 0 };

    for (size_t i = 0; i < self->changes.count; i++) {
        if (i > 0)
            buf_text(&out, "; ");
        say(&out, &self->changes.items[i]);
    }
    self->changes.count = 0;
    assert_string_equal(buf_string(&out), expected);
}

static inline void move(struct world *self, struct core_input input)
{
    if (self->changes.count > 0)
        expect(self, "nothing was left unread");
    input.now_us = ++self->now_us;
    core_step(self->core, &input, &self->changes);
    core_check(self->core);
}

static inline void submit(struct world *self, const struct stage_shape *shapes,
                          size_t shape_count, const struct core_edge *edges,
                          size_t edge_count)
{
    move(self, (struct core_input){ .kind = INPUT_SUBMIT,
                                    .shapes = shapes,
                                    .shape_count = shape_count,
                                    .edges = edges,
                                    .edge_count = edge_count });
}

static inline void resolved(struct world *self, uint64_t run, uint32_t stage,
                            uint64_t tasks)
{
    move(self, (struct core_input){
                   .kind = INPUT_RESOLVED, .run = run, .stage = stage, .tasks = tasks });
}

static inline void unresolved(struct world *self, uint64_t run, uint32_t stage)
{
    move(self,
         (struct core_input){ .kind = INPUT_UNRESOLVED, .run = run, .stage = stage });
}

static inline void verdict(struct world *self, uint64_t run, uint32_t stage, int then)
{
    unsigned bits = then < 0 ? 0 : 1u << then;

    move(self, (struct core_input){
                   .kind = INPUT_VERDICT, .run = run, .stage = stage, .then = bits });
}

static inline void approve(struct world *self, uint64_t run, uint32_t stage, bool yes)
{
    move(self, (struct core_input){
                   .kind = INPUT_APPROVE, .run = run, .stage = stage, .yes = yes });
}

static inline void cancel(struct world *self, uint64_t run)
{
    move(self, (struct core_input){ .kind = INPUT_CANCEL, .run = run });
}

static inline void tick(struct world *self)
{
    move(self, (struct core_input){ .kind = INPUT_TICK });
}

static inline void join(struct world *self, uint32_t node, uint32_t slots,
                        const uint64_t *tokens, size_t token_count)
{
    move(self, (struct core_input){ .kind = INPUT_JOIN,
                                    .node = node,
                                    .offer = { .cpu_milli = slots * 1000 },
                                    .tokens = tokens,
                                    .token_count = token_count });
}

static inline void leave(struct world *self, uint32_t node)
{
    move(self, (struct core_input){ .kind = INPUT_LEAVE, .node = node });
}

static inline void started(struct world *self, uint32_t node, uint64_t token)
{
    move(self,
         (struct core_input){ .kind = INPUT_STARTED, .node = node, .token = token });
}

static inline void finished(struct world *self, uint32_t node, uint64_t token,
                            enum result_status status, enum cause cause)
{
    move(self, (struct core_input){ .kind = INPUT_FINISHED,
                                    .node = node,
                                    .token = token,
                                    .status = status,
                                    .cause = cause });
}

static inline void completed(struct world *self, uint32_t node, uint64_t token)
{
    finished(self, node, token, RESULT_COMPLETE, CAUSE_EXIT);
}

static inline void failed(struct world *self, uint32_t node, uint64_t token)
{
    finished(self, node, token, RESULT_ERROR, CAUSE_EXIT);
}

/* The end of a batch: rows, then what the core forgets. */
static inline void commit(struct world *self)
{
    if (self->changes.count > 0)
        expect(self, "nothing was left unread");
    core_flush(self->core, &self->changes);
    core_forget(self->core, &self->changes);
    core_check(self->core);
}

/* A run of one stage, resolved to tasks, on node 1 with slots, all assigned from token 1
 * on. */
static inline void one_stage(struct world *self, struct stage_shape shape, uint64_t tasks,
                             uint32_t slots)
{
    join(self, 1, slots, NULL, 0);
    expect(self, "node 1 online");
    submit(self, &shape, 1, NULL, 0);
    expect(self, "new 1; resolve 1/0");
    resolved(self, 1, 0, tasks);
    expect(self, "stage 1/0 queued");
    tick(self);
}
