/* term.h - what the terminal can do, colours, and aligned columns. */
#pragma once

#include "client/cli/project/texts.h"
#include "codecs/base/buf.h"

#include <stdio.h>

struct term {
    bool is_terminal,
        has_colour;         /* NO_COLOR (any value but "") and TERM=dumb are obeyed */
    unsigned width, height; /* columns and lines; 80 and 24 when unknown */
};

struct term term_of(FILE *stream);

enum style {
    STYLE_PLAIN,
    STYLE_GOOD,
    STYLE_BAD,
    STYLE_BUSY,
    STYLE_WAITING,
    STYLE_STRONG,
    STYLE_COUNT
};

enum style style_of_state(const char *state);
/* What switches the style on, and back to plain; "" without colour. */
const char *style_on(const struct term *term, enum style style);
const char *style_off(const struct term *term, enum style style);

/* A block of lines that is drawn over and over at the same place. */
struct live {
    unsigned line_count; /* on the screen now */
};
void live_draw(struct live *live, FILE *to, struct buf *lines);
void live_clear(struct live *live, FILE *to); /* takes the block off the screen */
void live_leave(struct live *live);           /* what is there stays there */

/* Aligned columns: add column_count cells a row, then print. */
enum { TABLE_COLUMNS_MAX = 64 };
struct table {
    size_t column_count;
    bool right[TABLE_COLUMNS_MAX]; /* numbers are aligned to the right */
    struct texts cells;
    struct buf styles; /* a byte for each cell */
    bool failed;       /* out of memory: nothing is printed */
};
void table_fini(struct table *table);
#define scoped_table __attribute__((cleanup(table_fini))) struct table
void table_cell(struct table *table, enum style style, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* A cell for each of the names, in the style of a heading. */
void table_heading(struct table *table, const char *const *names);
void table_print(struct table *table, const struct term *term, FILE *to);
