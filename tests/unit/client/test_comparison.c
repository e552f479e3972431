/* What `sluice compare` does with words, values and rows. */
#include "client/cli/text/cells.h"
#include "client/cli/compare/comparison.h"
#include "client/cli/text/natural.h"
#include "client/cli/compare/run_range.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES = 1 << 20 };

static void assert_range(const char *text, uint64_t first, uint64_t last)
{
    struct run_range range = { 0 };
    struct err err = { .rc = RC_OK };

    assert_true(run_range_read(text, &range, &err));
    assert_int_equal(err.rc, RC_OK);
    assert_int_equal(range.first, first);
    assert_int_equal(range.last, last);
}

static void test_ranges_are_told_from_numbers_and_ids(void **state)
{
    static const char *const none[] = {
        "12",    "last", "",      "-",
        "12-",   "-20",  "1-2-3", "12...20",
        "1 - 2", "a-b",  "..",    "12345678-1234",
        "0x1-2", "1-+2", "2/3-4", "99999999999999999999-1"
    };
    struct run_range range;
    struct err err = { .rc = RC_OK };

    (void)state;
    assert_range("12-20", 12, 20);
    assert_range("12..20", 12, 20);
    assert_range("7-7/train", 7, 7);
    assert_range("12345678..12345679", 12345678, 12345679);
    for (size_t i = 0; i < COUNT_OF(none); i++)
        if (run_range_read(none[i], &range, &err))
            fail_msg("\"%s\" was taken for a range", none[i]);
    assert_true(run_range_read("20-12", &range, &err));
    assert_int_equal(err.rc, RC_INVALID);
    err.rc = RC_OK;
    assert_true(run_range_read("0-3", &range, &err));
    assert_int_equal(err.rc, RC_INVALID);
}

static void test_values_are_in_the_order_that_people_expect(void **state)
{
    const struct value ascending[] = {
        value_float(-1.5), value_bool(false),      value_text("0.25"), value_float(0.5),
        value_int(2),      value_text("10"),       value_text("a2"),   value_text("a10"),
        value_text("b"),   { .kind = VALUE_LIST },
    };
    const struct value nan_value = value_float(NAN), null = value_null();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ascending); i++)
        for (size_t k = 0; k < COUNT_OF(ascending); k++) {
            int order = natural_order(&ascending[i], &ascending[k]);

            if ((order > 0) - (order < 0) != (i > k) - (i < k))
                fail_msg("%zu and %zu: %d", i, k, order);
        }
    assert_true(natural_is_missing(&nan_value));
    assert_true(natural_is_missing(&null));
    assert_false(natural_is_missing(&ascending[0]));
}

static void assert_cell(void (*add)(struct buf *, const char *), const char *text,
                        const char *expected)
{
    scoped_buf buf = { 0 };

    add(&buf, text);
    assert_string_equal(buf_string(&buf), expected);
}

static void test_cells_cannot_break_their_table(void **state)
{
    const struct value infinite = value_float(INFINITY), yes = value_bool(true);
    scoped_buf text = { 0 };

    (void)state;
    assert_cell(cell_csv, "plain text", "plain text");
    assert_cell(cell_csv, "", "");
    assert_cell(cell_csv, "a,b", "\"a,b\"");
    assert_cell(cell_csv, "say \"x\"", "\"say \"\"x\"\"\"");
    assert_cell(cell_csv, "two\r\nlines", "\"two\r\nlines\"");
    assert_cell(cell_markdown, "a|b\nc", "a\\|b c");
    assert_cell(cell_markdown, "<b>`x`*_\\", "\\<b\\>\\`x\\`\\*\\_\\\\");
    cell_text(&text, &infinite);
    cell_text(&text, &yes);
    assert_string_equal(buf_string(&text), "inftrue");
}

struct fixture {
    struct comparison table;
};

/* Rows of one task each: lr, then accuracy; NAN leaves it out. */
static void add_row(struct fixture *self, uint64_t run, double lr, double accuracy)
{
    struct value_entry parameters[] = { { "lr", value_float(lr) },
                                        { "same", value_int(1) },
                                        { "_hidden", value_int((int64_t)run) } };
    struct value_entry metrics[] = { { "accuracy", value_float(accuracy) } };
    const struct value of_parameters = { .kind = VALUE_MAP, .map = { parameters, 3 } };
    const struct value of_metrics = { .kind = VALUE_MAP,
                                      .map = { metrics, isnan(accuracy) ? 0U : 1U } };
    struct comparison_row *row =
        comparison_row(&self->table, &(struct comparison_row){ .run = run,
                                                               .state = "complete",
                                                               .started_us = 1000000,
                                                               .ended_us = 3500000 });

    assert_non_null(row);
    assert_true(comparison_cells(&self->table, row, "train", true, &of_metrics));
    assert_true(comparison_cells(&self->table, row, NULL, false, &of_parameters));
    comparison_row_end(row);
}

static int setup(void **state)
{
    static struct fixture self;

    self.table = (struct comparison){ .arena = arena_create(ARENA_BYTES) };
    *state = &self;
    return self.table.arena ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *self = *state;

    comparison_fini(&self->table);
    arena_destroy(self->table.arena);
    return 0;
}

static void assert_order(struct fixture *self, const char *by, const char *expected)
{
    scoped_buf runs = { 0 };

    assert_true(comparison_sort(&self->table, by, 0));
    for (size_t i = 0; i < self->table.row_count; i++)
        buf_printf(&runs, "%lu", (unsigned long)self->table.rows[i].run);
    assert_string_equal(buf_string(&runs), expected);
}

static void test_rows_without_a_value_are_last_in_both_directions(void **state)
{
    struct fixture *self = *state;

    add_row(self, 1, 0.1, NAN);
    add_row(self, 2, 0.2, 0.5);
    add_row(self, 3, 0.1, 0.9);
    add_row(self, 4, 0.3, 0.5);
    assert_order(self, "accuracy", "2431");
    assert_order(self, "-accuracy", "3241");
    assert_order(self, "-run", "4321");
    assert_order(self, "parameter.lr", "1324");
    assert_order(self, "seconds", "1234");
    assert_false(comparison_sort(&self->table, "nosuch", 0));
}

static void test_columns_are_found_by_name_kind_and_ending(void **state)
{
    struct fixture *self = *state;
    size_t lr, accuracy, column;
    struct value value;

    add_row(self, 1, 0.1, 0.7);
    assert_true(comparison_find(&self->table, "lr", &lr));
    assert_true(comparison_find(&self->table, "parameter.lr", &column));
    assert_int_equal(column, lr);
    assert_false(comparison_find(&self->table, "metadata.lr", &column));
    assert_true(comparison_find(&self->table, "accuracy", &accuracy));
    assert_true(comparison_find(&self->table, "metric.train.accuracy", &column));
    assert_int_equal(column, accuracy);
    assert_false(comparison_find(&self->table, "_hidden", &column));
    assert_true(comparison_named(&self->table, self->table.rows, "seconds", 0, &value));
    assert_true(value.real == 2.5);
    assert_false(comparison_named(&self->table, self->table.rows, "task", 0, &value));
}

static bool is_good(void *context, const struct comparison_row *row)
{
    (void)context;
    return row->run != 2;
}

static void test_only_what_differs_among_the_rows_that_are_left_counts(void **state)
{
    struct fixture *self = *state;
    size_t lr, same;

    add_row(self, 1, 0.1, 0.7);
    assert_true(comparison_find(&self->table, "lr", &lr));
    assert_true(comparison_find(&self->table, "same", &same));
    assert_true(comparison_differs(&self->table, same)); /* of one row all is shown */
    add_row(self, 2, 0.2, 0.7);
    add_row(self, 3, 0.1, 0.7);
    assert_true(comparison_differs(&self->table, lr));
    assert_false(comparison_differs(&self->table, same));
    comparison_keep(&self->table, is_good, NULL);
    assert_int_equal(self->table.row_count, 2);
    assert_false(comparison_differs(&self->table, lr));
}

#define TABLE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_are_told_from_numbers_and_ids),
        cmocka_unit_test(test_values_are_in_the_order_that_people_expect),
        cmocka_unit_test(test_cells_cannot_break_their_table),
        TABLE_TEST(test_rows_without_a_value_are_last_in_both_directions),
        TABLE_TEST(test_columns_are_found_by_name_kind_and_ending),
        TABLE_TEST(test_only_what_differs_among_the_rows_that_are_left_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
