/* verb_compare.c - `sluice compare RUNS...`: parameters and metrics beside each other. */
#include "client/cli/text/cells.h"
#include "client/cli/compare/compare_rows.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/expression/expression.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIXED_COLUMNS = 3,
    TABLE_CELL_COLUMNS = 40,
    NUMBER_COLUMNS = 9, /* a longer one is rounded */
    BETWEEN_COLUMNS = 2,
};

struct compare {
    struct cli cli;
    struct compare_filter filter;
    struct texts where, metrics; /* as they were given */
    const char *sort, *state;
    bool all, csv, markdown;
    uint64_t top; /* rows; 0: all */
    struct arena *arena;
    struct comparison table;
    int64_t now_us; /* the same for all rows */
    size_t *shown;  /* columns, in the order in which they are printed */
    size_t shown_count;
};

struct meeting { /* rows that meet an expression */
    const struct compare *self;
    const struct comparison_row *row;
    const struct expression *expression;
};

static bool find_name(void *context, const char *name, struct value *value)
{
    const struct meeting *meeting = context;

    return comparison_named(&meeting->self->table, meeting->row, name,
                            meeting->self->now_us, value);
}

static bool is_met(void *context, const struct comparison_row *row)
{
    struct meeting *meeting = context;
    const struct expression_names names = { meeting, find_name };

    meeting->row = row;
    return expression_is_met(meeting->expression, &names);
}

/* Whether a list "a,b" has the item. */
static bool list_has(const char *list, const char *item)
{
    size_t size = strlen(item);

    for (const char *at = list; *at; at += *at == ',') {
        size_t here = strcspn(at, ",");

        if (here == size && memcmp(at, item, size) == 0)
            return true;
        at += here;
    }
    return false;
}

static bool has_state(void *context, const struct comparison_row *row)
{
    return list_has(context, row->state);
}

static int filter_rows(struct compare *self)
{
    struct meeting meeting = { .self = self };
    struct err err;

    if (self->state)
        comparison_keep(&self->table, has_state, (void *)(uintptr_t)self->state);
    for (size_t i = 0; i < self->where.count; i++) {
        struct expression *expression;

        if (expression_parse(self->arena, self->where.items[i], &expression, &err)
            != RC_OK)
            return cli_fail(&self->cli, EXIT_WRONG, "--where \"%s\": %s",
                            self->where.items[i], err.text);
        meeting.expression = expression;
        comparison_keep(&self->table, is_met, &meeting);
    }
    return EXIT_GO_ON;
}

/* context: how many more are kept. */
static bool is_among_first(void *context, const struct comparison_row *row)
{
    uint64_t *left = context;

    (void)row;
    return *left > 0 && (*left)-- > 0;
}

static int no_column(struct compare *self, const char *option, const char *name)
{
    scoped_buf list = { 0 };

    for (size_t i = 0; i < self->table.column_count && list.size < ERR_TEXT_MAX / 2; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", self->table.columns[i].name);
    return cli_fail(&self->cli, EXIT_WRONG,
                    "%s: no row has \"%s\", or several columns end so; there are: run, "
                    "task, stage, state, seconds%s%s",
                    option, name, list.size ? ", " : "", buf_string(&list));
}

/* Metrics that were asked for, in that order; "a,b" are two. */
static int show_named(struct compare *self)
{
    for (size_t i = 0; i < self->metrics.count; i++)
        for (char *at = self->metrics.items[i], *name; (name = strsep(&at, ","));) {
            size_t column;

            if (!*name)
                continue;
            if (!comparison_find(&self->table, name, &column))
                return no_column(self, "--metric", name);
            if (self->shown_count < self->table.column_count)
                self->shown[self->shown_count++] = column;
        }
    return EXIT_GO_ON;
}

/* Which columns have a value that stands in a cell in some row that is left. */
static bool *columns_in_use(const struct compare *self)
{
    const struct comparison *table = &self->table;
    bool *in_use = calloc(table->column_count + 1, sizeof *in_use);

    for (size_t i = 0; in_use && i < table->row_count; i++)
        for (size_t k = 0; k < table->rows[i].cell_count; k++) {
            enum value_kind kind = table->rows[i].cells[k].value.kind;

            if (kind != VALUE_LIST && kind != VALUE_MAP)
                in_use[table->rows[i].cells[k].column] = true;
        }
    return in_use;
}

static int choose_columns(struct compare *self)
{
    const struct comparison *table = &self->table;
    bool *in_use = columns_in_use(self);

    self->shown = calloc(table->column_count + 1, sizeof *self->shown);
    if (!self->shown || !in_use) {
        free(in_use);
        return cli_fail(&self->cli, EXIT_FAILED, "out of memory");
    }
    for (int metrics = 0; metrics <= (self->metrics.count == 0); metrics++)
        for (size_t i = 0; i < table->column_count; i++)
            if (in_use[i] && table->columns[i].is_metric == (metrics == 1)
                && (metrics == 1 || self->all || comparison_differs(table, i)))
                self->shown[self->shown_count++] = i;
    free(in_use);
    return show_named(self);
}

/* The name of a column; with its kind where a parameter and a metric have one name. */
static const char *heading_of(const struct compare *self, size_t column)
{
    const struct comparison_column *mine = &self->table.columns[column];

    for (size_t i = 0; i < self->shown_count; i++) {
        const struct comparison_column *other = &self->table.columns[self->shown[i]];

        if (other->is_metric != mine->is_metric && strcmp(other->name, mine->name) == 0) {
            const char *name =
                arena_printf(self->arena, "%s.%s",
                             mine->is_metric ? "metadata" : "parameter", mine->name);

            return name ? name : mine->name;
        }
    }
    return mine->name;
}

static void row_name(struct buf *buf, const struct comparison_row *row)
{
    buf_printf(buf, "%" PRIu64, row->run);
    if (row->has_task)
        buf_printf(buf, "/%s/%" PRIu64, row->stage, row->task);
}

static int64_t took_us(const struct compare *self, const struct comparison_row *row)
{
    int64_t end_us = row->ended_us ? row->ended_us : self->now_us;

    return row->started_us > 0 && end_us > row->started_us ? end_us - row->started_us : 0;
}

/* What stands in the table for people; numbers of many digits are rounded. */
static void shown_text(const struct comparison_row *row, size_t column, struct buf *shown)
{
    struct value value = comparison_value(row, column);
    scoped_buf text = { 0 };

    cell_text(&text, &value);
    if (value.kind == VALUE_FLOAT && text.size > NUMBER_COLUMNS) {
        buf_clear(&text);
        buf_printf(&text, "%.6g", value.real);
    }
    text_fit(shown, buf_string(&text), TABLE_CELL_COLUMNS);
    if (shown->size == 0)
        buf_text(shown, "-");
}

static const char *took_text(const struct compare *self, const struct comparison_row *row,
                             struct human *human)
{
    *human = human_duration(took_us(self, row));
    return row->started_us ? human->text : "-";
}

/* The place that RUN, STATE and TOOK take, with the blanks behind them. */
static size_t fixed_width(const struct compare *self)
{
    size_t widths[] = { strlen("RUN"), strlen("STATE"), strlen("TOOK") };

    for (size_t r = 0; r < self->table.row_count; r++) {
        const struct comparison_row *row = &self->table.rows[r];
        scoped_buf name = { 0 };
        struct human human;

        row_name(&name, row);
        const size_t here[] = { text_columns(buf_string(&name)), strlen(row->state),
                                strlen(took_text(self, row, &human)) };
        for (size_t i = 0; i < FIXED_COLUMNS; i++)
            widths[i] = here[i] > widths[i] ? here[i] : widths[i];
    }
    return widths[0] + widths[1] + widths[2] + FIXED_COLUMNS * BETWEEN_COLUMNS;
}

static size_t column_width(const struct compare *self, size_t column)
{
    size_t width = text_columns(heading_of(self, column)), here;

    for (size_t r = 0; r < self->table.row_count; r++) {
        scoped_buf text = { 0 };

        shown_text(&self->table.rows[r], column, &text);
        here = text_columns(buf_string(&text));
        width = here > width ? here : width;
    }
    return width + BETWEEN_COLUMNS;
}

/* Which columns go first into a table that is too narrow for all. */
enum worth { WORTH_SORTED, WORTH_METRIC, WORTH_PARAMETER, WORTH_SAME, WORTH_COUNT };

static enum worth worth_of(const struct compare *self, size_t column, size_t sorted)
{
    if (column == sorted)
        return WORTH_SORTED;
    if (!comparison_differs(&self->table, column))
        return WORTH_SAME;
    return self->table.columns[column].is_metric ? WORTH_METRIC : WORTH_PARAMETER;
}

/* The columns that the width has room for, in their order. Returns how many. */
static size_t fit_columns(const struct compare *self, size_t width, size_t *columns)
{
    unsigned char *worths = calloc(self->shown_count + 1, 1);
    bool *fits = calloc(self->shown_count + 1, sizeof *fits);
    size_t used = width == SIZE_MAX ? 0 : fixed_width(self), count = 0;
    size_t sorted = SIZE_MAX;

    if (self->sort)
        comparison_find(&self->table, self->sort + (self->sort[0] == '-'), &sorted);
    for (size_t i = 0; worths && i < self->shown_count; i++)
        worths[i] = (unsigned char)worth_of(self, self->shown[i], sorted);
    for (unsigned worth = 0; worths && fits && worth < WORTH_COUNT; worth++)
        for (size_t i = 0; i < self->shown_count && used < width; i++) {
            size_t more = 0;

            if (worths[i] != worth || count == TABLE_COLUMNS_MAX - FIXED_COLUMNS)
                continue;
            if (width != SIZE_MAX)
                more = column_width(self, self->shown[i]);
            if (count > 0 && used + more > width + BETWEEN_COLUMNS)
                continue;
            used += more;
            fits[i] = ++count;
        }
    count = 0;
    for (size_t i = 0; fits && i < self->shown_count; i++)
        if (fits[i])
            columns[count++] = self->shown[i];
    free(worths);
    free(fits);
    return count;
}

static void print_table(const struct compare *self)
{
    size_t columns[TABLE_COLUMNS_MAX];
    struct term term = term_of(stdout);
    size_t count = fit_columns(self, term.is_terminal ? term.width : SIZE_MAX, columns);
    scoped_table table = { .column_count = FIXED_COLUMNS + count };

    table_cell(&table, STYLE_WAITING, "RUN");
    table_cell(&table, STYLE_WAITING, "STATE");
    table_cell(&table, STYLE_WAITING, "TOOK");
    for (size_t i = 0; i < count; i++) {
        table.right[FIXED_COLUMNS + i] = true;
        table_cell(&table, STYLE_WAITING, "%s", heading_of(self, columns[i]));
    }
    for (size_t r = 0; r < self->table.row_count; r++) {
        const struct comparison_row *row = &self->table.rows[r];
        scoped_buf name = { 0 };
        struct human human;

        row_name(&name, row);
        table_cell(&table, STYLE_STRONG, "%s", buf_string(&name));
        table_cell(&table, style_of_state(row->state), "%s", row->state);
        table_cell(&table, STYLE_PLAIN, "%s", took_text(self, row, &human));
        for (size_t i = 0; i < count; i++) {
            scoped_buf text = { 0 };

            shown_text(row, columns[i], &text);
            table_cell(&table, STYLE_PLAIN, "%s", buf_string(&text));
        }
    }
    table_print(&table, &term, stdout);
    if (count < self->shown_count)
        cli_note(&self->cli, "%zu more %s; --csv has all, --metric chooses",
                 self->shown_count - count,
                 self->shown_count - count == 1 ? "column" : "columns");
}

/* One line: what a row is, then its cells; of the heading row is NULL. */
static void add_line(const struct compare *self, const struct comparison_row *row,
                     void (*add)(struct buf *buf, const char *text),
                     const char *const ends[3], struct buf *line)
{
    scoped_buf text = { 0 };

    buf_clear(line);
    buf_text(line, ends[0]);
    for (size_t i = 0; i < FIXED_COLUMNS + self->shown_count; i++) {
        static const char *const fixed[] = { "run", "state", "seconds" };

        buf_clear(&text);
        if (!row)
            buf_text(&text, i < FIXED_COLUMNS
                                ? fixed[i]
                                : heading_of(self, self->shown[i - FIXED_COLUMNS]));
        else if (i == 0)
            row_name(&text, row);
        else if (i == 1)
            buf_text(&text, row->state);
        else if (i == 2 && row->started_us)
            buf_printf(&text, "%.6f", (double)took_us(self, row) / 1e6);
        else if (i >= FIXED_COLUMNS) {
            struct value value = comparison_value(row, self->shown[i - FIXED_COLUMNS]);

            cell_text(&text, &value);
        }
        if (i > 0)
            buf_text(line, ends[1]);
        add(line, buf_string(&text));
    }
    buf_text(line, ends[2]);
}

static void print_csv(const struct compare *self)
{
    static const char *const ends[] = { "", ",", "\r\n" };
    scoped_buf line = { 0 };

    add_line(self, NULL, cell_csv, ends, &line);
    fwrite(line.data, 1, line.size, stdout);
    for (size_t i = 0; i < self->table.row_count; i++) {
        add_line(self, &self->table.rows[i], cell_csv, ends, &line);
        fwrite(line.data, 1, line.size, stdout);
    }
}

static void print_markdown(const struct compare *self)
{
    static const char *const ends[] = { "| ", " | ", " |\n" };
    scoped_buf line = { 0 };

    add_line(self, NULL, cell_markdown, ends, &line);
    buf_text(&line, "|");
    for (size_t i = 0; i < FIXED_COLUMNS + self->shown_count; i++)
        buf_text(&line, i < 2 ? " --- |" : " ---: |");
    buf_byte(&line, '\n');
    fwrite(line.data, 1, line.size, stdout);
    for (size_t i = 0; i < self->table.row_count; i++) {
        add_line(self, &self->table.rows[i], cell_markdown, ends, &line);
        fwrite(line.data, 1, line.size, stdout);
    }
}

static void write_cells(const struct compare *self, struct json *json, const char *key,
                        const struct comparison_row *row, bool is_metric)
{
    json_open(json, key, row ? '{' : '[');
    for (size_t i = 0; i < self->shown_count; i++) {
        const struct comparison_column *column = &self->table.columns[self->shown[i]];

        if (column->is_metric != is_metric)
            continue;
        if (row) {
            struct value value = comparison_value(row, self->shown[i]);

            if (value.kind != VALUE_ABSENT)
                json_value(json, column->name, &value);
        } else {
            json_text(json, NULL, column->name);
        }
    }
    json_close(json, row ? '}' : ']');
}

static int print_json(const struct compare *self)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    write_cells(self, &json, "parameters", NULL, false);
    write_cells(self, &json, "metrics", NULL, true);
    json_open(&json, "rows", '[');
    for (size_t i = 0; i < self->table.row_count; i++) {
        const struct comparison_row *row = &self->table.rows[i];

        json_open(&json, NULL, '{');
        json_uint(&json, "run", row->run);
        json_text(&json, "title", row->title);
        json_text(&json, "stage", row->stage);
        if (row->has_task)
            json_uint(&json, "task", row->task);
        else
            json_text(&json, "task", NULL);
        json_text(&json, "state", row->state);
        json_time(&json, "started", row->started_us);
        json_time(&json, "ended", row->ended_us);
        json_duration(&json, "seconds", row->started_us, row->ended_us);
        write_cells(self, &json, "parameters", row, false);
        write_cells(self, &json, "metrics", row, true);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    if (!buf_ok(&json.buf))
        return cli_fail(&self->cli, EXIT_FAILED,
                        "the table is too large: name fewer runs");
    json_print(&json, stdout);
    return EXIT_DONE;
}

static int compare(struct compare *self)
{
    int end = compare_gather(&self->cli, &self->filter, &self->table);

    self->now_us = now_us();
    if (end == EXIT_GO_ON)
        end = filter_rows(self);
    if (end == EXIT_GO_ON && self->sort
        && !comparison_sort(&self->table, self->sort, self->now_us))
        end = no_column(self, "--sort", self->sort + (self->sort[0] == '-'));
    if (end == EXIT_GO_ON && self->top)
        comparison_keep(&self->table, is_among_first, &(uint64_t){ self->top });
    if (end == EXIT_GO_ON)
        end = choose_columns(self);
    if (end != EXIT_GO_ON)
        return end;
    if (self->cli.json)
        return print_json(self);
    if (self->csv)
        print_csv(self);
    else if (self->markdown)
        print_markdown(self);
    else if (self->table.row_count > 0)
        print_table(self);
    else
        cli_note(&self->cli, "no run or task is such");
    return EXIT_DONE;
}

static int check(const struct compare *self)
{
    const struct compare_filter *filter = &self->filter;

    if (self->cli.word_count == 0 && !filter->pipeline && !filter->step && !filter->last
        && !self->state && self->where.count == 0)
        return cli_fail(&self->cli, EXIT_WRONG, "say which runs; usage: %s",
                        help_usage("compare"));
    if (self->cli.json + self->csv + self->markdown > 1)
        return cli_fail(&self->cli, EXIT_WRONG, "give one of --json, --csv and --md");
    return EXIT_GO_ON;
}

int verb_compare(int argc, char **argv)
{
    struct compare self = { .arena = arena_create(LOAD_ARENA_MAX) };
    const struct option options[] = {
        { "all", 'a', OPTION_FLAG, &self.all },
        { "metric", 'm', OPTION_LIST, &self.metrics },
        { "sort", 's', OPTION_TEXT, &self.sort },
        { "where", 'w', OPTION_LIST, &self.where },
        { "state", 0, OPTION_TEXT, &self.state },
        { "pipeline", 0, OPTION_TEXT, &self.filter.pipeline },
        { "step", 0, OPTION_TEXT, &self.filter.step },
        { "last", 'n', OPTION_NUMBER, &self.filter.last },
        { "top", 't', OPTION_NUMBER, &self.top },
        { "csv", 0, OPTION_FLAG, &self.csv },
        { "md", 0, OPTION_FLAG, &self.markdown },
    };
    int end = cli_begin(&self.cli, argc, argv, options, COUNT_OF(options), 0, SIZE_MAX);

    self.table.arena = self.arena;
    if (end == EXIT_GO_ON)
        end =
            self.arena ? check(&self) : cli_fail(&self.cli, EXIT_FAILED, "out of memory");
    if (end == EXIT_GO_ON)
        end = compare(&self);
    comparison_fini(&self.table);
    free(self.shown);
    texts_fini(&self.where);
    texts_fini(&self.metrics);
    cli_end(&self.cli);
    arena_destroy(self.arena);
    return end;
}
