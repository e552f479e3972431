/* chart.h - what gnuplot gets: curves of points, as a script with its data in it. Pure.
 *
 * Names come from tasks. They only ever stand in single quotes, in which gnuplot expands
 * nothing, and "enhanced" text is off, so that no character of them means anything. */
#pragma once

#include "codecs/base/arena.h"
#include "codecs/base/buf.h"

enum { CHART_CURVES_MAX = 100, CHART_POINTS_MAX = 10000000 };

struct chart_point {
    double x, y;
};
struct chart_curve {
    const char *name;
    struct chart_point *points; /* owned */
    size_t count, capacity;
};
struct chart {
    const char *x_name, *y_name;
    struct chart_curve *curves; /* owned */
    size_t curve_count;
    bool is_scatter;        /* points, not lines */
    bool is_svg;            /* else drawn with characters */
    unsigned width, height; /* of the terminal */
};
void chart_fini(struct chart *chart); /* but not the names */

/* NULL: no memory, or too many. The pointer is good until the next one is added. */
struct chart_curve *chart_curve(struct chart *chart, const char *name);
/* Points that are not finite are passed over. */
NODISCARD bool chart_point(struct chart_curve *curve, double x, double y);

/* Appends 'text' so that gnuplot takes it as it is: one line, quotes doubled; "]]>",
 * which XML forbids and gnuplot would write, gets a blank. */
void chart_quote(struct buf *buf, const char *text);
void chart_script(struct buf *buf, const struct chart *chart);
