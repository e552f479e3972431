/* test_append.c - rows are put in the place of their keys, whatever the store guesses
 * about which key is the last: in any order, after removals, after a batch that was
 * given up, and in a store that was opened again. */
#include "store_fixture.h"

#include "broker/store/store_state.h"

enum { ROWS = 3000 };

struct model {
    bool is_there[ROWS + 1];
    uint64_t value[ROWS + 1];
};

static void put(struct fixture *self, struct model *model, uint64_t number,
                uint64_t value)
{
    struct key key = key_run(number);
    struct err err;

    expect_ok(db_put(self->store, TABLE_EVENTS, key.bytes, key.size, &value, sizeof value,
                     &err),
              &err);
    model->is_there[number] = true;
    model->value[number] = value;
}

static void take_out(struct fixture *self, struct model *model, uint64_t number)
{
    struct key key = key_run(number);
    struct err err;

    expect_ok(db_remove(self->store, TABLE_EVENTS, key.bytes, key.size, &err), &err);
    model->is_there[number] = false;
}

/* Every row of the model in its order, and no other. */
static void expect_rows(struct fixture *self, const struct model *model)
{
    struct view view;
    MDB_val found, data;
    struct err err;

    expect_ok(view_begin(self->store, &view, &err), &err);

    enum rc rc = view_seek(&view, TABLE_EVENTS, NULL, 0, &found, &data, &err);

    for (uint64_t number = 1; number <= ROWS; number++) {
        if (!model->is_there[number])
            continue;
        expect_ok(rc, &err);
        assert_int_equal(key_number(found.mv_data, found.mv_size), number);
        assert_int_equal(data.mv_size, sizeof model->value[number]);
        assert_memory_equal(data.mv_data, &model->value[number], data.mv_size);
        rc = view_next(&view, MDB_NEXT, &found, &data, &err);
    }
    assert_int_equal(rc, RC_NOT_FOUND);
    view_end(&view);
}

static void commit(struct fixture *self)
{
    struct err err;

    expect_ok(store_commit(self->store, &err), &err);
}

static void test_rows_in_any_order_stand_in_that_of_their_keys(void **state)
{
    struct fixture *self = *state;
    struct model model = { 0 };

    for (uint64_t i = 0; i < ROWS; i++)
        put(self, &model, i * 1009 % ROWS + 1, i);
    expect_rows(self, &model);
    for (uint64_t i = 1; i <= ROWS; i += 3)
        put(self, &model, i, i + ROWS);
    commit(self);
    expect_rows(self, &model);
}

static void test_a_key_below_removed_ones_is_put_in_its_place(void **state)
{
    struct fixture *self = *state;
    struct model model = { 0 };

    for (uint64_t i = 1; i <= ROWS; i++)
        put(self, &model, i, i);
    for (uint64_t i = ROWS / 2; i <= ROWS; i++)
        take_out(self, &model, i);
    for (uint64_t i = ROWS / 2 + 9; i <= ROWS; i += 10)
        put(self, &model, i, 2 * i);
    commit(self);
    expect_rows(self, &model);
}

static void test_what_a_given_up_batch_had_does_not_count(void **state)
{
    struct fixture *self = *state;
    struct model model = { 0 }, lost = { 0 };

    for (uint64_t i = 1; i <= ROWS / 2; i++)
        put(self, &model, i, i);
    commit(self);
    for (uint64_t i = ROWS / 2; i <= ROWS; i++)
        put(self, &lost, i, 7);
    store_abort(self->store);
    expect_rows(self, &model);
    for (uint64_t i = ROWS / 2; i <= ROWS; i += 2)
        put(self, &model, i, i);
    commit(self);
    expect_rows(self, &model);
}

static void test_a_store_that_is_opened_again_goes_on(void **state)
{
    struct fixture *self = *state;
    struct model model = { 0 };

    for (uint64_t i = 2; i <= ROWS; i += 2)
        put(self, &model, i, i);
    commit(self);
    fixture_reopen(self);
    for (uint64_t i = 1; i <= ROWS; i += 2)
        put(self, &model, i, i);
    commit(self);
    expect_rows(self, &model);
}

static void test_ascending_rows_fill_their_pages(void **state)
{
    struct fixture *self = *state;
    struct model model = { 0 };
    MDB_stat stat;
    struct err err;

    for (uint64_t i = 1; i <= ROWS; i++)
        put(self, &model, i, i);

    struct view view;

    expect_ok(view_begin(self->store, &view, &err), &err);
    assert_int_equal(mdb_stat(view.txn, self->store->tables[TABLE_EVENTS], &stat), 0);
    view_end(&view);
    /* A row takes 26 bytes: its length and flags, key, value, and its place. */
    assert_true(stat.ms_leaf_pages <= (size_t)ROWS * 26 / (stat.ms_psize - 16) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_rows_in_any_order_stand_in_that_of_their_keys, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_key_below_removed_ones_is_put_in_its_place,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_a_given_up_batch_had_does_not_count,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_store_that_is_opened_again_goes_on,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ascending_rows_fill_their_pages,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
