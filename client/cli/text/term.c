/* term.c - see term.h. */
#include "client/cli/text/term.h"

#include "client/cli/text/human.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, HEIGHT_DEFAULT = 24, CELL_MAX = 2000 };

struct term term_of(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    struct term term = { .width = WIDTH_DEFAULT, .height = HEIGHT_DEFAULT };
    struct winsize size;
    int fd = fileno(stream);

    if (!isatty(fd))
        return term;
    term.is_terminal = kind && strcmp(kind, "dumb") != 0;
    term.has_colour = term.is_terminal && !(no_colour && *no_colour);
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
        term.width = size.ws_col;
        term.height = size.ws_row;
    }
    return term;
}

enum style style_of_state(const char *state)
{
    static const struct {
        const char *state;
        enum style style;
    } styles[] = {
        { "complete", STYLE_GOOD },   { "error", STYLE_BAD },
        { "crashed", STYLE_BAD },     { "stopped", STYLE_BAD },
        { "started", STYLE_BUSY },    { "stopping", STYLE_BUSY },
        { "approval", STYLE_STRONG }, { "queued", STYLE_WAITING },
        { "waiting", STYLE_WAITING }, { "skipped", STYLE_WAITING },
        { "online", STYLE_GOOD },     { "away", STYLE_BAD },
    };

    for (size_t i = 0; i < COUNT_OF(styles); i++)
        if (strcmp(styles[i].state, state) == 0)
            return styles[i].style;
    return STYLE_PLAIN;
}

const char *style_on(const struct term *term, enum style style)
{
    static const char *const codes[STYLE_COUNT] = {
        [STYLE_PLAIN] = "",          [STYLE_GOOD] = "\033[32m",
        [STYLE_BAD] = "\033[31m",    [STYLE_BUSY] = "\033[36m",
        [STYLE_WAITING] = "\033[2m", [STYLE_STRONG] = "\033[1m",
    };

    return term->has_colour ? codes[style] : "";
}

const char *style_off(const struct term *term, enum style style)
{
    return term->has_colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

void live_clear(struct live *live, FILE *to)
{
    if (live->line_count)
        fprintf(to, "\033[%uA\r\033[J", live->line_count);
    live->line_count = 0;
    fflush(to);
}

void live_draw(struct live *live, FILE *to, struct buf *lines)
{
    const char *text = buf_string(lines);
    unsigned count = 0;

    /* One write for all, each line cleared behind its end: no flicker. */
    scoped_buf out = { 0 };

    if (live->line_count)
        buf_printf(&out, "\033[%uA\r", live->line_count);
    for (const char *end; (end = strchr(text, '\n')); text = end + 1, count++) {
        buf_add(&out, text, (size_t)(end - text));
        buf_text(&out, "\033[K\n");
    }
    buf_text(&out, "\033[J");
    fwrite(out.data, 1, out.size, to);
    fflush(to);
    live->line_count = count;
}

void live_leave(struct live *live)
{
    live->line_count = 0;
}

void table_fini(struct table *table)
{
    texts_fini(&table->cells);
    buf_fini(&table->styles);
}

void table_cell(struct table *table, enum style style, const char *format, ...)
{
    char text[CELL_MAX];
    va_list arguments;

    must(table->column_count && table->column_count <= TABLE_COLUMNS_MAX);
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);

    scoped_buf clean = { 0 };

    text_fit(&clean, text, CELL_MAX);
    buf_byte(&table->styles, (unsigned char)style);
    if (!texts_add(&table->cells, buf_string(&clean)))
        table->failed = true;
}

void table_heading(struct table *table, const char *const *names)
{
    for (size_t i = 0; i < table->column_count; i++)
        table_cell(table, STYLE_WAITING, "%s", names[i]);
}

static void print_row(const struct table *table, const size_t *widths, size_t row,
                      const struct term *term, FILE *to)
{
    for (size_t column = 0; column < table->column_count; column++) {
        size_t cell = row * table->column_count + column;
        const char *text = table->cells.items[cell];
        enum style style = (enum style)table->styles.data[cell];
        size_t pad = widths[column] - text_columns(text);
        bool is_last = column + 1 == table->column_count;

        if (table->right[column])
            fprintf(to, "%*s", (int)pad, "");
        fprintf(to, "%s%s%s", style_on(term, style), text, style_off(term, style));
        if (!is_last)
            fprintf(to, "%*s", (int)(table->right[column] ? 0 : pad) + 2, "");
    }
    fputc('\n', to);
}

void table_print(struct table *table, const struct term *term, FILE *to)
{
    size_t widths[TABLE_COLUMNS_MAX] = { 0 };

    if (table->failed || !buf_ok(&table->styles))
        return;
    must(table->cells.count % table->column_count == 0);
    for (size_t cell = 0; cell < table->cells.count; cell++) {
        size_t width = text_columns(table->cells.items[cell]);

        if (width > widths[cell % table->column_count])
            widths[cell % table->column_count] = width;
    }
    for (size_t row = 0; row < table->cells.count / table->column_count; row++)
        print_row(table, widths, row, term, to);
}
