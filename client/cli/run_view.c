/* run_view.c - see run_view.h. */
#include "client/cli/run_view.h"

#include "client/cli/change.h"
#include "client/cli/text/human.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    BAR_CELLS = 20,
    BAR_CELLS_MIN = 4,
    NAME_COLUMNS_MAX = 30,
    RANKS = 3,
    STATE_COLUMNS = 8
};

static uint64_t done_of(const struct sluice_stage *stage)
{
    return stage->complete + stage->failed + stage->stopped;
}

int64_t stage_left_us(const struct sluice_stage *stage, int64_t now_us)
{
    uint64_t done = done_of(stage);
    int64_t elapsed = now_us - stage->started_us;

    if (!stage->started_us || stage->ended_us || !done || done >= stage->tasks
        || elapsed <= 0)
        return 0;
    return (int64_t)((double)elapsed * (double)(stage->tasks - done) / (double)done);
}

/* 0: at work or waiting for a person, 1: ended, 2: yet to come. */
static unsigned rank_of(const struct sluice_stage *stage)
{
    if (strcmp(stage->state, "waiting") == 0)
        return 2;
    return state_is_final(stage->state) && strcmp(stage->state, "error") != 0 ? 1 : 0;
}

static void pad(struct buf *buf, size_t used, size_t columns)
{
    for (; used < columns; used++)
        buf_byte(buf, ' ');
}

/* As wide as it may be beside the numbers, which say more. */
static void add_bar(struct buf *buf, const struct sluice_stage *stage, size_t columns)
{
    size_t cells = columns > BAR_CELLS ? BAR_CELLS : columns - 1;
    uint64_t filled = stage->tasks ? done_of(stage) * cells / stage->tasks : 0;

    for (uint64_t i = 0; i < cells; i++)
        buf_text(buf, i < filled ? "\u2588" : "\u2591");
    buf_byte(buf, ' ');
}

/* What stands behind the state; without colour, so that it can be cut to the width. */
static void add_numbers(struct buf *buf, const struct sluice_stage *stage, int64_t now_us)
{
    int64_t elapsed = (stage->ended_us ? stage->ended_us : now_us) - stage->started_us;
    int64_t left = stage_left_us(stage, now_us);

    buf_printf(buf, "%" PRIu64 "/%" PRIu64, done_of(stage), stage->tasks);
    if (stage->failed)
        buf_printf(buf, "  %" PRIu64 " failed", stage->failed);
    if (stage->reused)
        buf_printf(buf, "  %" PRIu64 " reused", stage->reused);
    if (stage->tasks > 1 && elapsed > 0 && done_of(stage))
        buf_printf(buf, "  %.1f/s", (double)done_of(stage) * 1e6 / (double)elapsed);
    buf_printf(buf, "  %s", human_duration(elapsed).text);
    if (left)
        buf_printf(buf, "  ~%s left", human_duration(left).text);
}

static void add_stage(struct buf *buf, const struct term *term, uint64_t run,
                      const struct sluice_stage *stage, size_t name_columns,
                      int64_t now_us)
{
    enum style style = style_of_state(stage->state);
    size_t used = 2 + name_columns + 2 + STATE_COLUMNS + 2;
    bool has_bar = stage->started_us && strcmp(stage->state, "approval") != 0;
    scoped_buf numbers = { 0 };

    buf_text(buf, "  ");
    pad(buf, text_fit(buf, stage->name, name_columns), name_columns);
    buf_printf(buf, "  %s", style_on(term, style));
    pad(buf, text_fit(buf, stage->state, STATE_COLUMNS), STATE_COLUMNS);
    buf_printf(buf, "%s  ", style_off(term, style));
    if (strcmp(stage->state, "approval") == 0)
        buf_printf(&numbers, "waits for: sluice approve %" PRIu64 " %s", run,
                   stage->name);
    else if (stage->started_us)
        add_numbers(&numbers, stage, now_us);
    else if (*stage->reason)
        buf_text(&numbers, stage->reason);
    else
        stage_reused(&numbers, stage);

    size_t room = term->width > used ? term->width - used : 0;
    size_t needed = text_columns(buf_string(&numbers));

    if (has_bar && room > needed + BAR_CELLS_MIN)
        add_bar(buf, stage, room - needed);
    if (room > 0)
        text_fit(buf, buf_string(&numbers), room);
    buf_byte(buf, '\n');
}

/* Marks the stages that have room, the important ones first. */
static size_t choose(const struct sluice_view *view, size_t room, bool *is_shown)
{
    size_t shown = 0;

    for (unsigned rank = 0; rank < RANKS; rank++)
        for (size_t i = 0; i < view->stage_count && shown < room; i++)
            if (rank_of(&view->stages[i]) == rank) {
                is_shown[i] = true;
                shown++;
            }
    return shown;
}

void run_view_render(struct buf *buf, const struct term *term,
                     const struct sluice_view *view, int64_t now_us)
{
    const struct sluice_run *run = &view->run;
    size_t room = term->height > 4 ? term->height - 3 : 1, name_columns = 5;
    bool *is_shown = calloc(view->stage_count + 1, sizeof *is_shown);
    size_t shown = is_shown ? choose(view, room, is_shown) : 0;
    scoped_buf heading = { 0 };

    buf_printf(
        &heading, "run %" PRIu64 " %s  %s  %s", run->number, run->title, run->state,
        human_duration((run->ended_us ? run->ended_us : now_us) - run->created_us).text);
    buf_text(buf, style_on(term, STYLE_STRONG));
    text_fit(buf, buf_string(&heading), term->width);
    buf_printf(buf, "%s\n", style_off(term, STYLE_STRONG));
    for (size_t i = 0; shown && i < view->stage_count; i++) {
        size_t columns = is_shown[i] ? text_columns(view->stages[i].name) : 0;

        if (columns > name_columns)
            name_columns = columns < NAME_COLUMNS_MAX ? columns : NAME_COLUMNS_MAX;
    }
    for (size_t i = 0; shown && i < view->stage_count; i++)
        if (is_shown[i])
            add_stage(buf, term, run->number, &view->stages[i], name_columns, now_us);
    if (shown < view->stage_count)
        buf_printf(buf, "  ... and %zu more\n", view->stage_count - shown);
    free(is_shown);
}
