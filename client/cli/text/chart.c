/* chart.c - see chart.h. */
#include "client/cli/text/chart.h"

#include "client/cli/text/human.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 120 };

void chart_fini(struct chart *chart)
{
    for (size_t i = 0; i < chart->curve_count; i++)
        free(chart->curves[i].points);
    free(chart->curves);
    chart->curves = NULL;
    chart->curve_count = 0;
}

struct chart_curve *chart_curve(struct chart *chart, const char *name)
{
    struct chart_curve *curves;

    if (chart->curve_count >= CHART_CURVES_MAX)
        return NULL;
    curves = reallocarray(chart->curves, chart->curve_count + 1, sizeof *curves);
    if (!curves)
        return NULL;
    chart->curves = curves;
    curves[chart->curve_count] = (struct chart_curve){ .name = name };
    return &curves[chart->curve_count++];
}

bool chart_point(struct chart_curve *curve, double x, double y)
{
    if (!isfinite(x) || !isfinite(y))
        return true;
    if (curve->count == curve->capacity) {
        size_t capacity = curve->capacity ? 2 * curve->capacity : 64;
        struct chart_point *points =
            curve->count < CHART_POINTS_MAX
                ? reallocarray(curve->points, capacity, sizeof *points)
                : NULL;

        if (!points)
            return false;
        curve->points = points;
        curve->capacity = capacity;
    }
    curve->points[curve->count++] = (struct chart_point){ x, y };
    return true;
}

void chart_quote(struct buf *buf, const char *text)
{
    scoped_buf fit = { 0 };

    text_fit(&fit, text, NAME_COLUMNS);
    buf_byte(buf, '\'');
    for (const char *at = buf_string(&fit); *at; at++) {
        if (*at == '\'')
            buf_byte(buf, '\'');
        buf_byte(buf, (unsigned char)*at);
        if (strncmp(at, "]]>", 3) == 0)
            buf_byte(buf, ' ');
    }
    buf_byte(buf, '\'');
}

static void settings(struct buf *buf, const struct chart *chart)
{
    buf_text(buf, "set encoding utf8\n");
    if (chart->is_svg)
        buf_text(buf, "set terminal svg noenhanced size 800,500 background '#ffffff'\n");
    else
        buf_printf(buf, "set terminal dumb noenhanced size %u,%u\n", chart->width,
                   chart->height);
    buf_text(buf, "set datafile separator whitespace\nset xlabel ");
    chart_quote(buf, chart->x_name);
    /* Characters can only stand below each other at that side. */
    buf_text(buf, chart->is_svg ? "\nset ylabel " : "\nset title ");
    chart_quote(buf, chart->y_name);
    buf_text(buf, chart->curve_count > 1 ? "\nset key outside below\n" : "\nunset key\n");
    buf_text(buf, chart->is_svg ? "set grid\n" : "unset grid\n");
    /* A curve whose values are all the same has no range of its own. */
    buf_text(buf, "set offsets graph 0.02, graph 0.02, graph 0.05, graph 0.05\n");
}

void chart_script(struct buf *buf, const struct chart *chart)
{
    const char *before = "plot ";

    settings(buf, chart);
    for (size_t i = 0; i < chart->curve_count; i++) {
        buf_printf(buf, "$c%zu << END\n", i);
        for (size_t k = 0; k < chart->curves[i].count; k++)
            buf_printf(buf, "%.17g %.17g\n", chart->curves[i].points[k].x,
                       chart->curves[i].points[k].y);
        buf_text(buf, "END\n");
    }
    for (size_t i = 0; i < chart->curve_count; i++) {
        const struct chart_curve *curve = &chart->curves[i];
        bool as_points = chart->is_scatter || curve->count == 1;

        if (curve->count == 0)
            continue;
        buf_printf(buf, "%s$c%zu using 1:2 with %s title ", before, i,
                   as_points ? "points" : "lines");
        before = ", ";
        chart_quote(buf, curve->name);
    }
    buf_byte(buf, '\n');
}
