/* comparison.h - runs and tasks beside each other: rows with parameters and metrics.
 * Pure.
 *
 * Everything lives in the arena that the comparison was begun with. */
#pragma once

#include "codecs/base/arena.h"
#include "codecs/config/index.h"
#include "codecs/value/value.h"

enum { COMPARISON_ROWS_MAX = 1000000, COMPARISON_COLUMNS_MAX = 10000 };

struct comparison_column {
    const char *name; /* as the step or the task calls it; of a run of several stages
                         "STAGE.NAME" */
    bool is_metric;   /* else it is a parameter */
};

struct comparison_cell {
    size_t column;
    struct value value;
};

struct comparison_row {
    uint64_t run, task;
    bool has_task;
    const char *title, *stage; /* stage NULL: a whole run */
    const char *state;
    int64_t started_us, ended_us;
    struct comparison_cell *cells; /* by column */
    size_t cell_count, cell_capacity;
    size_t order; /* in which it came */
};

struct comparison {
    struct arena *arena;
    struct comparison_column *columns;
    size_t column_count, column_capacity;
    struct comparison_row *rows;
    size_t row_count, row_capacity;
    struct index names; /* of columns, behind 'p' or 'm' */
};

void comparison_fini(struct comparison *self); /* but not the arena */
#define scoped_comparison __attribute__((cleanup(comparison_fini))) struct comparison

/* Adds a row with what is in row but for its cells; the pointer is good until the next
 * one is added. NULL: no memory, or too many. */
struct comparison_row *comparison_row(struct comparison *self,
                                      const struct comparison_row *row);
/* Puts the entries of a map into the row's cells, names behind "prefix." unless prefix is
 * NULL; then comparison_row_end. Names that begin with '_' are passed over. false: no
 * memory, or too many columns. */
NODISCARD bool comparison_cells(struct comparison *self, struct comparison_row *row,
                                const char *prefix, bool is_metric,
                                const struct value *map);
void comparison_row_end(struct comparison_row *row);

/* VALUE_ABSENT when the row has none. */
struct value comparison_value(const struct comparison_row *row, size_t column);
/* A column by name: "metadata.NAME" or "metric.NAME", "parameter.NAME", or NAME, which is
 * rather a metric than a parameter; then the only one that ends with ".NAME". false:
 * there is none, or several. */
bool comparison_find(const struct comparison *self, const char *name, size_t *column);
/* The same, or one of what every row has: run, task, stage, state, seconds (to now_us
 * while it goes on). */
bool comparison_named(const struct comparison *self, const struct comparison_row *row,
                      const char *name, int64_t now_us, struct value *value);

/* Keeps the rows for which keep says true, in their order. */
void comparison_keep(struct comparison *self,
                     bool (*keep)(void *context, const struct comparison_row *row),
                     void *context);
/* By the value of that name, the greatest first if it begins with '-'; rows without a
 * value last, equal ones as they came. false: no row has such a value. */
NODISCARD bool comparison_sort(struct comparison *self, const char *name, int64_t now_us);
/* Whether not all rows have the same there; true of a single row. */
bool comparison_differs(const struct comparison *self, size_t column);
