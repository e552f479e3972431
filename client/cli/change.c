/* change.c - see change.h. */
#include "client/cli/change.h"

#include "client/cli/text/human.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_BYTES = 16, PROGRESS_EVERY_US = 1000000, LINE_COLUMNS = 1000 };

struct seen {
    char state[STATE_BYTES];
    bool has_started;
    uint64_t done, failed;
    int64_t progress_us;
};

struct tracker {
    char run_state[STATE_BYTES];
    struct seen *stages;
    size_t stage_count;
};

struct tracker *tracker_create(void)
{
    return calloc(1, sizeof(struct tracker));
}

void tracker_destroy(struct tracker *tracker)
{
    if (!tracker)
        return;
    free(tracker->stages);
    free(tracker);
}

bool state_is_final(const char *state)
{
    static const char *const final[] = { "complete", "error", "stopped", "skipped",
                                         "crashed" };

    for (size_t i = 0; i < COUNT_OF(final); i++)
        if (strcmp(state, final[i]) == 0)
            return true;
    return false;
}

static void keep(char state[STATE_BYTES], const char *text)
{
    snprintf(state, STATE_BYTES, "%s", text);
}

struct telling {
    change_sink *sink;
    void *context;
    int64_t now_us;
    struct change change;
};

static void tell(struct telling *telling, enum change_kind kind, const char *state,
                 int64_t time_us)
{
    telling->change.kind = kind;
    telling->change.state = state;
    telling->change.time_us = time_us ? time_us : telling->now_us;
    telling->sink(telling->context, &telling->change);
}

static void look_at_stage(struct telling *telling, struct seen *seen,
                          const struct sluice_stage *stage)
{
    uint64_t done = stage->complete + stage->failed + stage->stopped;
    bool is_final = state_is_final(stage->state);

    if (stage->started_us && !seen->has_started) {
        seen->has_started = true;
        tell(telling, CHANGE_STAGE, "started", stage->started_us);
        keep(seen->state, "started");
        seen->progress_us = telling->now_us;
    }
    if (stage->failed > seen->failed)
        tell(telling, CHANGE_FAILED, stage->state, telling->now_us);
    seen->failed = stage->failed;
    if (stage->tasks > 1 && done != seen->done && !is_final
        && telling->now_us - seen->progress_us >= PROGRESS_EVERY_US) {
        tell(telling, CHANGE_PROGRESS, stage->state, telling->now_us);
        seen->progress_us = telling->now_us;
        seen->done = done;
    }
    if (strcmp(seen->state, stage->state) != 0) {
        tell(telling, CHANGE_STAGE, stage->state, is_final ? stage->ended_us : 0);
        keep(seen->state, stage->state);
    }
}

bool tracker_update(struct tracker *tracker, const struct sluice_view *view,
                    int64_t now_us, change_sink *sink, void *context)
{
    struct telling telling = {
        .sink = sink, .context = context, .now_us = now_us, .change = { .view = view }
    };
    bool has_ended = view->run.ended_us != 0;

    if (tracker->stage_count != view->stage_count) {
        struct seen *stages = calloc(view->stage_count + 1, sizeof *stages);

        if (!stages)
            return false;
        for (size_t i = 0; i < view->stage_count; i++)
            keep(stages[i].state, "waiting");
        free(tracker->stages);
        tracker->stages = stages;
        tracker->stage_count = view->stage_count;
        tell(&telling, CHANGE_RUN, "started", view->run.created_us);
        keep(tracker->run_state, "started");
    }
    for (size_t i = 0; i < view->stage_count; i++) {
        telling.change.stage = &view->stages[i];
        telling.change.stage_index = i;
        look_at_stage(&telling, &tracker->stages[i], &view->stages[i]);
    }
    telling.change.stage = NULL;
    if (strcmp(tracker->run_state, view->run.state) != 0) {
        tell(&telling, CHANGE_RUN, view->run.state, has_ended ? view->run.ended_us : 0);
        keep(tracker->run_state, view->run.state);
    }
    return true;
}

static void add_state(struct buf *buf, const struct term *term, const char *state)
{
    enum style style = style_of_state(state);

    buf_printf(buf, "%s%s%s", style_on(term, style), state, style_off(term, style));
}

static void add_took(struct buf *buf, int64_t start_us, int64_t end_us)
{
    if (start_us && end_us)
        buf_printf(buf, " in %s", human_duration(end_us - start_us).text);
}

void stage_reused(struct buf *buf, const struct sluice_stage *stage)
{
    if (stage->reused == 0)
        return;
    if (stage->tasks > 1)
        buf_printf(buf, "%" PRIu64 " of %" PRIu64 " reused, the first from ",
                   stage->reused, stage->tasks);
    else
        buf_text(buf, "reused from ");
    text_fit(buf, stage->origin, LINE_COLUMNS);
}

static void stage_words(struct buf *buf, const struct term *term,
                        const struct change *change)
{
    const struct sluice_stage *stage = change->stage;

    if (change->kind != CHANGE_STAGE) {
        buf_printf(buf, "%" PRIu64 " of %" PRIu64 " complete", stage->complete,
                   stage->tasks);
        if (stage->failed)
            buf_printf(buf, ", %" PRIu64 " failed", stage->failed);
        return;
    }
    add_state(buf, term, change->state);
    if (strcmp(change->state, "approval") == 0)
        buf_printf(buf, ": `sluice approve %" PRIu64 " %s` lets it go on",
                   change->view->run.number, stage->name);
    if (strcmp(change->state, "started") == 0 && stage->tasks > 1)
        buf_printf(buf, ", %" PRIu64 " tasks", stage->tasks);
    if (!state_is_final(change->state))
        return;
    add_took(buf, stage->started_us, stage->ended_us);
    if (stage->reused) {
        buf_text(buf, ", ");
        stage_reused(buf, stage);
    }
    if (*stage->reason) {
        buf_text(buf, ": ");
        text_fit(buf, stage->reason, LINE_COLUMNS);
    }
}

/* Each line of the log's end with a bar before it, so that it cannot be taken for ours.
 */
static void add_tail(struct buf *buf, const struct term *term, const char *tail)
{
    while (tail && *tail) {
        size_t size = strcspn(tail, "\n");
        char line[LINE_COLUMNS];

        snprintf(line, sizeof line, "%.*s", (int)size, tail);
        buf_printf(buf, "%s         | ", style_on(term, STYLE_WAITING));
        text_fit(buf, line, LINE_COLUMNS);
        buf_printf(buf, "%s\n", style_off(term, STYLE_WAITING));
        tail += size + (tail[size] == '\n');
    }
}

void change_line(struct buf *buf, const struct term *term, const struct change *change)
{
    const struct sluice_run *run = &change->view->run;

    buf_printf(buf, "%s ", human_clock(change->time_us).text);
    if (change->kind == CHANGE_RUN) {
        buf_printf(buf, "run %" PRIu64 " ", run->number);
        text_fit(buf, run->title, LINE_COLUMNS);
        buf_text(buf, "  ");
        add_state(buf, term, change->state);
        if (state_is_final(change->state))
            add_took(buf, run->created_us, run->ended_us);
        buf_byte(buf, '\n');
    } else if (change->kind == CHANGE_TASK) {
        buf_text(buf, "task ");
        text_fit(buf, change->stage->name, LINE_COLUMNS);
        buf_printf(buf, "/%" PRIu64 "  ", change->task->index);
        add_state(buf, term, change->task->state);
        buf_text(buf, ": ");
        text_fit(buf, change->why, LINE_COLUMNS);
        buf_byte(buf, '\n');
        add_tail(buf, term, change->tail);
    } else {
        buf_text(buf, "stage ");
        text_fit(buf, change->stage->name, LINE_COLUMNS);
        buf_text(buf, "  ");
        stage_words(buf, term, change);
        buf_byte(buf, '\n');
    }
}

void change_json(struct json *json, const struct change *change)
{
    static const char *const kinds[] = { [CHANGE_RUN] = "run",
                                         [CHANGE_STAGE] = "stage",
                                         [CHANGE_PROGRESS] = "progress",
                                         [CHANGE_FAILED] = "progress",
                                         [CHANGE_TASK] = "task" };

    json_open(json, NULL, '{');
    json_text(json, "change", kinds[change->kind]);
    json_time(json, "time", change->time_us);
    json_uint(json, "run", change->view->run.number);
    if (change->stage)
        json_text(json, "stage", change->stage->name);
    if (change->task) {
        json_task(json, "task", change->task);
        json_text(json, "why", change->why);
        json_text(json, "tail", change->tail);
    } else {
        json_text(json, "state", change->state);
    }
    if (change->stage && !change->task) {
        json_uint(json, "tasks", change->stage->tasks);
        json_uint(json, "running", change->stage->running);
        json_uint(json, "complete", change->stage->complete);
        json_uint(json, "failed", change->stage->failed);
        json_text(json, "reason", *change->stage->reason ? change->stage->reason : NULL);
    }
    json_close(json, '}');
}
