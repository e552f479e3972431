/* comparison.c - see comparison.h. */
#include "client/cli/compare/comparison.h"

#include "client/cli/text/natural.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 4096 };

void comparison_fini(struct comparison *self)
{
    index_fini(&self->names);
    free(self->rows);
    free(self->columns);
}

/* Room for one more; the items may move. */
static void *grow(void *items, size_t count, size_t *capacity, size_t max, size_t size)
{
    size_t wanted = *capacity ? 2 * *capacity : 64;
    void *grown;

    if (count < *capacity)
        return items;
    if (count >= max)
        return NULL;
    grown = reallocarray(items, wanted, size);
    if (grown)
        *capacity = wanted;
    return grown;
}

struct comparison_row *comparison_row(struct comparison *self,
                                      const struct comparison_row *row)
{
    struct comparison_row *rows = grow(self->rows, self->row_count, &self->row_capacity,
                                       COMPARISON_ROWS_MAX, sizeof *rows);
    struct comparison_row *new;

    if (!rows)
        return NULL;
    self->rows = rows;
    new = &rows[self->row_count];
    *new = *row;
    new->cells = NULL;
    new->cell_count = new->cell_capacity = 0;
    new->order = self->row_count++;
    return new;
}

/* The column's number, which is new for a name that is; false: no memory. */
static bool column_of(struct comparison *self, const char *key, size_t *column)
{
    struct comparison_column *columns;
    size_t size = strlen(key);
    const char *kept;

    if (index_find(&self->names, key, size, column))
        return true;
    columns = grow(self->columns, self->column_count, &self->column_capacity,
                   COMPARISON_COLUMNS_MAX, sizeof *columns);
    kept = columns ? arena_text(self->arena, key) : NULL;
    if (columns)
        self->columns = columns;
    if (!kept || index_put(&self->names, kept, size, self->column_count) != RC_OK)
        return false;
    columns[self->column_count] =
        (struct comparison_column){ .name = kept + 1, .is_metric = kept[0] == 'm' };
    *column = self->column_count++;
    return true;
}

static bool add_cell(struct comparison *self, struct comparison_row *row, size_t column,
                     const struct value *value)
{
    if (row->cell_count == row->cell_capacity) {
        size_t capacity = 2 * row->cell_capacity + 8;
        struct comparison_cell *cells = arena_array(self->arena, capacity, sizeof *cells);

        if (!cells)
            return false;
        if (row->cell_count > 0)
            memcpy(cells, row->cells, row->cell_count * sizeof *cells);
        row->cells = cells;
        row->cell_capacity = capacity;
    }
    row->cells[row->cell_count].column = column;
    return value_copy(self->arena, value, &row->cells[row->cell_count++].value) == RC_OK;
}

bool comparison_cells(struct comparison *self, struct comparison_row *row,
                      const char *prefix, bool is_metric, const struct value *map)
{
    scoped_buf key = { 0 };

    buf_init(&key, NAME_MAX_BYTES);
    for (size_t i = 0; map->kind == VALUE_MAP && i < map->map.count; i++) {
        const struct value_entry *entry = &map->map.entries[i];
        size_t column;

        if (entry->key[0] == '_')
            continue;
        buf_clear(&key);
        buf_byte(&key, is_metric ? 'm' : 'p');
        if (prefix)
            buf_printf(&key, "%s.", prefix);
        buf_text(&key, entry->key);
        if (!buf_ok(&key))
            continue; /* no column can be called so */
        if (!column_of(self, buf_string(&key), &column)
            || !add_cell(self, row, column, &entry->value))
            return false;
    }
    return true;
}

static int by_column(const void *a, const void *b)
{
    const struct comparison_cell *x = a, *y = b;

    return (x->column > y->column) - (x->column < y->column);
}

void comparison_row_end(struct comparison_row *row)
{
    if (row->cell_count > 0)
        qsort(row->cells, row->cell_count, sizeof *row->cells, by_column);
}

struct value comparison_value(const struct comparison_row *row, size_t column)
{
    const struct comparison_cell wanted = { .column = column };
    const struct comparison_cell *found =
        row->cell_count
            ? bsearch(&wanted, row->cells, row->cell_count, sizeof wanted, by_column)
            : NULL;

    return found ? found->value : (struct value){ .kind = VALUE_ABSENT };
}

static bool find_exact(const struct comparison *self, char kind, const char *name,
                       size_t *column)
{
    char key[NAME_MAX_BYTES];
    size_t size = strlen(name);

    if (size + 2 > sizeof key)
        return false;
    key[0] = kind;
    memcpy(key + 1, name, size + 1);
    return index_find(&self->names, key, size + 1, column);
}

/* The only one of its kind that ends so. */
static bool find_ending(const struct comparison *self, bool is_metric, const char *name,
                        size_t *column)
{
    size_t found = self->column_count, size = strlen(name);

    for (size_t i = 0; i < self->column_count; i++) {
        const char *here = self->columns[i].name;
        size_t whole = strlen(here);

        if (self->columns[i].is_metric != is_metric || whole <= size
            || here[whole - size - 1] != '.' || strcmp(here + whole - size, name) != 0)
            continue;
        if (found < self->column_count)
            return false;
        found = i;
    }
    if (found < self->column_count)
        *column = found;
    return found < self->column_count;
}

bool comparison_find(const struct comparison *self, const char *name, size_t *column)
{
    static const struct {
        const char *prefix;
        bool is_metric;
    } kinds[] = { { "metadata.", true }, { "metric.", true }, { "parameter.", false } };

    if (find_exact(self, 'm', name, column) || find_exact(self, 'p', name, column))
        return true;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t size = strlen(kinds[i].prefix);

        if (strncmp(name, kinds[i].prefix, size) == 0)
            return find_exact(self, kinds[i].is_metric ? 'm' : 'p', name + size, column)
                   || find_ending(self, kinds[i].is_metric, name + size, column);
    }
    return find_ending(self, true, name, column)
           || find_ending(self, false, name, column);
}

bool comparison_named(const struct comparison *self, const struct comparison_row *row,
                      const char *name, int64_t now_us, struct value *value)
{
    size_t column;

    *value = (struct value){ .kind = VALUE_ABSENT };
    if (comparison_find(self, name, &column))
        *value = comparison_value(row, column);
    else if (strcmp(name, "run") == 0)
        *value = value_int((int64_t)row->run);
    else if (strcmp(name, "task") == 0 && row->has_task)
        *value = value_int((int64_t)row->task);
    else if (strcmp(name, "stage") == 0 && row->stage)
        *value = value_text(row->stage);
    else if (strcmp(name, "state") == 0)
        *value = value_text(row->state);
    else if (strcmp(name, "seconds") == 0 && row->started_us > 0)
        *value = value_float(
            (double)((row->ended_us ? row->ended_us : now_us) - row->started_us) / 1e6);
    return value->kind != VALUE_ABSENT;
}

void comparison_keep(struct comparison *self,
                     bool (*keep)(void *context, const struct comparison_row *row),
                     void *context)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->row_count; i++)
        if (keep(context, &self->rows[i]))
            self->rows[kept++] = self->rows[i];
    self->row_count = kept;
}

struct sorting {
    const struct comparison *self;
    const char *name;
    int64_t now_us;
    bool is_descending;
};

static int by_value(const void *a, const void *b, void *context)
{
    const struct comparison_row *x = a, *y = b;
    const struct sorting *sorting = context;
    struct value of_x, of_y;
    int order = 0;

    comparison_named(sorting->self, x, sorting->name, sorting->now_us, &of_x);
    comparison_named(sorting->self, y, sorting->name, sorting->now_us, &of_y);

    bool no_x = natural_is_missing(&of_x), no_y = natural_is_missing(&of_y);

    if (no_x || no_y)
        order = no_x - no_y;
    else if (sorting->is_descending)
        order = natural_order(&of_y, &of_x);
    else
        order = natural_order(&of_x, &of_y);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

bool comparison_sort(struct comparison *self, const char *name, int64_t now_us)
{
    struct sorting sorting = { self, name + (name[0] == '-'), now_us, name[0] == '-' };
    struct value value;
    bool is_known = self->row_count == 0;

    for (size_t i = 0; i < self->row_count && !is_known; i++)
        is_known = comparison_named(self, &self->rows[i], sorting.name, now_us, &value);
    if (is_known && self->row_count > 1)
        qsort_r(self->rows, self->row_count, sizeof *self->rows, by_value, &sorting);
    return is_known;
}

bool comparison_differs(const struct comparison *self, size_t column)
{
    struct value first;

    if (self->row_count < 2)
        return true;
    first = comparison_value(&self->rows[0], column);
    for (size_t i = 1; i < self->row_count; i++) {
        struct value here = comparison_value(&self->rows[i], column);

        if (!value_equals_loosely(&first, &here))
            return true;
    }
    return false;
}
