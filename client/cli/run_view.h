/* run_view.h - a run as a block of lines for a terminal. Pure. */
#pragma once

#include "client/cli/text/term.h"
#include "client/lib/sluice.h"

/* Appends a heading and a line per stage: name, state, bar, counts, rate, elapsed and
 * estimated time. At most term->height - 1 lines of at most term->width columns: with
 * more stages, those at work are shown first, and a last line counts the others. */
void run_view_render(struct buf *buf, const struct term *term,
                     const struct sluice_view *view, int64_t now_us);

/* Microseconds until the stage is done at its rate so far; 0 when that is not known. */
int64_t stage_left_us(const struct sluice_stage *stage, int64_t now_us);
