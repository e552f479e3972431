/* verb_plot.c - `sluice plot RUN/STAGE[/N]... METRIC`: series and scatter plots. gnuplot
 * draws; it is given a file in memory, and no shell sees a name. */
#include "client/cli/text/chart.h"
#include "client/cli/compare/compare_rows.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/reference.h"
#include "client/cli/compare/series.h"
#include "client/cli/project/spawn.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DRAWING_MAX = 256 << 20, SCRIPT_MAX = 1 << 30, ROWS_MIN = 10 };

struct plot {
    struct cli cli;
    struct arena *arena;
    const char *x, *svg, *scatter, *metric;
    struct chart chart;
};

static bool number_of(const struct value *value, double *number)
{
    char *end;

    if (!value)
        return false;
    if (value->kind == VALUE_INT)
        *number = (double)value->integer;
    else if (value->kind == VALUE_FLOAT)
        *number = value->real;
    else if (value->kind == VALUE_STRING && value->string.size > 0)
        *number = strtod(value->string.data, &end);
    else
        return false;
    return value->kind != VALUE_STRING || *end == '\0';
}

static int too_many(const struct plot *self)
{
    return cli_fail(&self->cli, EXIT_WRONG,
                    "a picture has at most %d curves and %d points: name fewer tasks, or "
                    "use --scatter",
                    CHART_CURVES_MAX, CHART_POINTS_MAX);
}

/* The metric over the lines that have it, or over another key of the same or an earlier
 * line. */
static int add_series(struct plot *self, const struct target *target, uint64_t task)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    scoped_buf series = { 0 };
    struct chart_curve *curve =
        chart_curve(&self->chart, arena_printf(self->arena, "%" PRIu64 "/%s/%" PRIu64,
                                               target->run, target->stage->name, task));
    struct value entry;
    double x = 0, y;
    bool has_x = !self->x;
    size_t at = 0, line = 0;
    int end;

    if (!curve || !curve->name || !arena)
        return too_many(self);
    end = series_read(&self->cli, target->run, target->stage->name, task, &series);
    while (end == EXIT_GO_ON && series_next(&series, &at, arena, &entry)) {
        if (self->x)
            has_x |= number_of(value_get(&entry, self->x), &x);
        if (!number_of(value_get(&entry, self->metric), &y))
            continue;
        line++;
        if (has_x && !chart_point(curve, self->x ? x : (double)line, y))
            return too_many(self);
    }
    return end;
}

static int add_word(struct plot *self, const char *word)
{
    scoped_target target = { 0 };
    int end = target_open(&self->cli, word, TARGET_STAGE, &target);

    if (end != EXIT_GO_ON)
        return end;

    uint64_t first = target.has_task ? target.task : 0;
    uint64_t last = target.has_task ? first + 1 : target.stage->tasks;

    if (last - first > CHART_CURVES_MAX)
        return too_many(self);
    for (uint64_t task = first; task < last && end == EXIT_GO_ON; task++)
        end = add_series(self, &target, task);
    return end;
}

static int no_column(const struct plot *self, const char *name)
{
    return cli_fail(&self->cli, EXIT_WRONG,
                    "no task has \"%s\" (`sluice compare --all` shows what there is)",
                    name);
}

/* A point for each row that has both. */
static int add_scatter(struct plot *self)
{
    const struct compare_filter all = { 0 };
    scoped_comparison table = { .arena = self->arena };
    struct chart_curve *curve = chart_curve(&self->chart, self->metric);
    size_t x_column, y_column;
    int end = curve ? compare_gather(&self->cli, &all, &table) : too_many(self);

    if (end != EXIT_GO_ON)
        return end;
    if (!comparison_find(&table, self->scatter, &x_column))
        return no_column(self, self->scatter);
    if (!comparison_find(&table, self->metric, &y_column))
        return no_column(self, self->metric);
    for (size_t i = 0; i < table.row_count; i++) {
        struct value of_x = comparison_value(&table.rows[i], x_column);
        struct value of_y = comparison_value(&table.rows[i], y_column);
        double x, y;

        if (number_of(&of_x, &x) && number_of(&of_y, &y) && !chart_point(curve, x, y))
            return too_many(self);
    }
    return EXIT_GO_ON;
}

static void print_json(const struct plot *self)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_text(&json, "x", self->chart.x_name);
    json_text(&json, "y", self->chart.y_name);
    json_open(&json, "curves", '[');
    for (size_t i = 0; i < self->chart.curve_count; i++) {
        const struct chart_curve *curve = &self->chart.curves[i];

        json_open(&json, NULL, '{');
        json_text(&json, "name", curve->name);
        json_open(&json, "points", '[');
        for (size_t k = 0; k < curve->count; k++) {
            struct value x = value_float(curve->points[k].x),
                         y = value_float(curve->points[k].y);

            json_open(&json, NULL, '[');
            json_value(&json, NULL, &x);
            json_value(&json, NULL, &y);
            json_close(&json, ']');
        }
        json_close(&json, ']');
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    json_print(&json, stdout);
}

/* What gnuplot reads: a file that only it and we know. */
static int script_file(const struct plot *self)
{
    scoped_buf script = { 0 };
    int fd = memfd_create("plot", MFD_CLOEXEC);

    buf_init(&script, SCRIPT_MAX);
    chart_script(&script, &self->chart);
    for (size_t at = 0; fd >= 0 && at < script.size;) {
        ssize_t put = write(fd, script.data + at, script.size - at);

        if (put < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        at += put > 0 ? (size_t)put : 0;
    }
    if (fd >= 0 && (!buf_ok(&script) || lseek(fd, 0, SEEK_SET) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int save(const struct plot *self, const struct buf *drawing)
{
    scoped_fd int fd = open(self->svg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    for (size_t at = 0; fd >= 0 && at < drawing->size;) {
        ssize_t put = write(fd, drawing->data + at, drawing->size - at);

        if (put < 0 && errno != EINTR)
            break;
        at += put > 0 ? (size_t)put : 0;
        if (at == drawing->size)
            return EXIT_DONE;
    }
    return cli_fail(&self->cli, EXIT_WRONG, "cannot write %s: %s", self->svg,
                    strerror(errno));
}

/* A curve for each task, and none has more than a point: that is no picture. */
static bool is_of_single_points(const struct chart *chart)
{
    for (size_t i = 0; i < chart->curve_count; i++)
        if (chart->curves[i].count > 1)
            return false;
    return chart->curve_count > 1;
}

static int draw(struct plot *self)
{
    static const char *const argv[] = { "gnuplot", "-d", "-", NULL };
    scoped_fd int script = script_file(self);
    struct spawned spawned;
    scoped_buf drawing = { 0 };
    int exit_code = 1;
    struct err err;

    if (script < 0)
        return cli_fail(&self->cli, EXIT_FAILED, "no memory for the picture");
    if (spawn_start_at(&(struct spawn_place){ .input = script }, argv, &spawned, &err)
        != RC_OK)
        return cli_fail(&self->cli, EXIT_FAILED,
                        "gnuplot draws the pictures, and cannot be started: install it "
                        "(the package gnuplot-nox), or take the points from --json");
    buf_init(&drawing, DRAWING_MAX);
    if (spawn_finish_with(&spawned, &drawing, &exit_code, &err) != RC_OK || exit_code != 0
        || drawing.size == 0)
        return cli_fail(&self->cli, EXIT_FAILED, "gnuplot could not draw this");
    if (self->svg && strcmp(self->svg, "-") != 0)
        return save(self, &drawing);
    if (drawing.data[0] == '\f') /* for a printer: the next page */
        buf_drop(&drawing, 1);
    fwrite(drawing.data, 1, drawing.size, stdout);
    return EXIT_DONE;
}

static int plot(struct plot *self)
{
    struct cli *cli = &self->cli;
    struct term term = term_of(stdout);
    size_t points = 0;
    int end = EXIT_GO_ON;

    self->metric = cli->words[--cli->word_count];
    self->chart.is_scatter = self->scatter != NULL;
    self->chart.is_svg = self->svg != NULL;
    self->chart.x_name = self->scatter ? self->scatter : self->x ? self->x : "line";
    self->chart.y_name = self->metric;
    self->chart.width = term.width;
    self->chart.height = term.height > ROWS_MIN ? term.height - 1 : ROWS_MIN;
    if (self->scatter)
        end = add_scatter(self);
    for (size_t i = 0; i < cli->word_count && end == EXIT_GO_ON && !self->scatter; i++)
        end = add_word(self, cli->words[i]);
    if (end != EXIT_GO_ON)
        return end;
    for (size_t i = 0; i < self->chart.curve_count; i++)
        points += self->chart.curves[i].count;
    if (points == 0)
        return cli_fail(cli, EXIT_WRONG, "no task has numbers of \"%s\" over \"%s\"",
                        self->metric, self->chart.x_name);
    if (cli->json) {
        print_json(self);
        return EXIT_DONE;
    }
    if (!self->scatter && is_of_single_points(&self->chart))
        cli_note(cli,
                 "each of these printed \"%s\" once: --scatter NAME draws it over a "
                 "parameter or metric NAME",
                 self->metric);
    return draw(self);
}

int verb_plot(int argc, char **argv)
{
    struct plot self = { .arena = arena_create(LOAD_ARENA_MAX) };
    const struct option options[] = {
        { "x", 'x', OPTION_TEXT, &self.x },
        { "scatter", 0, OPTION_TEXT, &self.scatter },
        { "svg", 0, OPTION_TEXT, &self.svg },
    };
    int end = cli_begin(&self.cli, argc, argv, options, COUNT_OF(options), 2, SIZE_MAX);

    if (end == EXIT_GO_ON && self.scatter && self.x)
        end = cli_fail(&self.cli, EXIT_WRONG, "give --scatter or --x, not both");
    if (end == EXIT_GO_ON)
        end =
            self.arena ? plot(&self) : cli_fail(&self.cli, EXIT_FAILED, "out of memory");
    chart_fini(&self.chart);
    cli_end(&self.cli);
    arena_destroy(self.arena);
    return end;
}
