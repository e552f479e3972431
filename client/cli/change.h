/* change.h - what is new in a run since one looked last, and how it is told. Pure but for
 * memory.
 *
 * A tracker compares one picture of a run (struct sluice_view) with the next. Pictures
 * may leave states out (a stage that started and ended in between): a start is told
 * anyway. */
#pragma once

#include "client/cli/text/json_out.h"
#include "client/cli/text/term.h"

enum change_kind {
    CHANGE_RUN,      /* the run's state */
    CHANGE_STAGE,    /* a stage's state */
    CHANGE_PROGRESS, /* a sweep's counts */
    CHANGE_FAILED,   /* stage->failed grew: the tasks are to be looked up */
    CHANGE_TASK,     /* a task failed; made from CHANGE_FAILED by who looked it up */
};

struct change {
    enum change_kind kind;
    int64_t time_us;
    const char *state; /* of the run or stage */
    const struct sluice_view *view;
    const struct sluice_stage *stage;
    size_t stage_index;
    const struct sluice_task *task; /* CHANGE_TASK, with why and the log's last lines */
    const char *why, *tail;
};
typedef void change_sink(void *context, const struct change *change);

struct tracker;
struct tracker *tracker_create(void);
void tracker_destroy(struct tracker *tracker);
SCOPED(tracker)
/* Tells everything that is new in view, in the order of the stages, the run last. false
 * when out of memory. */
NODISCARD bool tracker_update(struct tracker *tracker, const struct sluice_view *view,
                              int64_t now_us, change_sink *sink, void *context);

bool state_is_final(const char *state);

/* "12:30:05 stage train  started\n"; a failed task's last lines follow, indented. */
/* "reused from 12/train/0", "3 of 4 reused, ..."; nothing if nothing is reused. */
void stage_reused(struct buf *buf, const struct sluice_stage *stage);
void change_line(struct buf *buf, const struct term *term, const struct change *change);
/* The object of docs/cli-json.md, "Changes". */
void change_json(struct json *json, const struct change *change);
