/* Who made a file and who used it, in the store. */
#include "broker/store/lineage.h"
#include "store_fixture.h"

#include <string.h>

static const char file_a[] =
    "sha256:aa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char file_b[] =
    "sha256:ab7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char tree[] =
    "sha256:cc7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void make(struct fixture *self, const char *digest, uint64_t run, uint32_t stage,
                 uint64_t index)
{
    struct plan_source output = { .digest = digest };
    struct task_result result = { .outputs = &output, .output_count = 1 };
    struct err err;

    expect_ok(store_lineage_result(self->store, run, stage, index, &result, &err), &err);
}

static void expect_maker(struct fixture *self, const char *digest, uint64_t run,
                         uint64_t maker)
{
    struct lineage_entry entries[4];
    size_t count;
    bool more;
    struct err err;

    expect_ok(store_makers(self->store, digest, run, entries, 4, &count, &more, &err),
              &err);
    assert_int_equal(count, maker ? 1 : 0);
    if (maker)
        assert_int_equal(entries[0].run, maker);
}

static void test_tasks_in_a_row_are_one_entry(void **state)
{
    struct fixture *self = *state;
    struct lineage_entry entries[4];
    size_t count;
    bool more;
    struct err err;

    for (uint64_t i = 0; i < 1000; i++)
        make(self, file_a, 3, 1, i);
    make(self, file_a, 3, 1, 2000);
    make(self, file_a, 3, 2, 0);
    make(self, file_a, 4, 0, 0);
    make(self, file_b, 4, 0, 0);
    expect_ok(store_makers(self->store, file_a, 0, entries, 4, &count, &more, &err),
              &err);
    assert_int_equal(count, 4);
    assert_false(more);
    assert_int_equal(entries[0].count, 1000);
    assert_int_equal(entries[1].index, 2000);
    assert_int_equal(entries[2].stage, 2);
    expect_ok(store_makers(self->store, file_a, 0, entries, 2, &count, &more, &err),
              &err);
    assert_int_equal(count, 2);
    assert_true(more);
}

static void test_of_several_makers_the_run_itself_counts_then_the_one_before(void **state)
{
    struct fixture *self = *state;

    make(self, file_a, 3, 0, 0);
    make(self, file_a, 7, 0, 0);
    make(self, file_b, 5, 0, 0);
    expect_maker(self, file_a, 7, 7);
    expect_maker(self, file_a, 6, 3);
    expect_maker(self, file_a, 100, 7);
    expect_maker(self, file_a, 1, 3);
    expect_maker(self, file_b, 1, 5);
    expect_maker(self, tree, 1, 0);
    expect_maker(self, tree, 0, 0);
}

static void test_a_stage_uses_its_inputs_and_its_code_and_what_it_fetched(void **state)
{
    struct fixture *self = *state;
    struct plan_source sources[] = { { .digest = file_a }, { .uri = "http://a/b" } };
    struct plan_input input = { .name = "data", .sources = sources, .source_count = 2 };
    struct plan_stage stage = { .inputs = &input, .input_count = 1 };
    struct plan_source fetched = { .digest = file_b };
    struct task_result result = { .inputs = &fetched, .input_count = 1 };
    const char *const all[] = { file_a, file_b, tree };
    struct lineage_entry entries[4];
    size_t count;
    bool more;
    struct err err;

    expect_ok(store_lineage_class(self->store, 2, 5, tree, &stage, &err), &err);
    expect_ok(store_lineage_result(self->store, 2, 5, 9, &result, &err), &err);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        expect_ok(store_users(self->store, all[i], entries, 4, &count, &more, &err),
                  &err);
        assert_int_equal(count, 1);
        assert_int_equal(entries[0].run, 2);
        assert_int_equal(entries[0].stage, 5);
        assert_int_equal(entries[0].count, 0);
    }
}

static void test_the_beginning_of_a_digest_names_it_if_no_other_has_it(void **state)
{
    struct fixture *self = *state;
    char found[DIGEST_TEXT_SIZE];
    struct err err;

    for (uint64_t i = 0; i < 100; i++)
        make(self, file_a, 1, 0, i);
    assert_int_equal(store_lineage_find(self->store, "sha256:a", found, &err), RC_OK);
    assert_string_equal(found, file_a);
    make(self, file_b, 1, 0, 0);
    assert_int_equal(store_lineage_find(self->store, "sha256:a", found, &err),
                     RC_CONFLICT);
    assert_int_equal(store_lineage_find(self->store, "sha256:ab7", found, &err), RC_OK);
    assert_string_equal(found, file_b);
    assert_int_equal(store_lineage_find(self->store, "sha256:b", found, &err),
                     RC_NOT_FOUND);
    assert_int_equal(store_lineage_find(self->store, "sha256:", found, &err), RC_INVALID);
    assert_int_equal(store_lineage_find(self->store, "sha256:xx", found, &err),
                     RC_INVALID);
    assert_int_equal(store_lineage_find(self->store, "abc", found, &err), RC_INVALID);
}

/* As an older program leaves it: records without lineage. */
static void put_old_result(struct fixture *self, uint64_t index, uint32_t attempt,
                           const char *digest)
{
    struct plan_source output = { .name = "o", .uri = "", .digest = digest };
    struct task_result result = { .outputs = &output,
                                  .output_count = 1,
                                  .exit_code = 0,
                                  .metadata = { .kind = VALUE_MAP } };
    struct task_row row = { .state = TASK_COMPLETE, .attempts = 2 };
    scoped_buf bytes = { 0 };
    struct err err;

    result_encode(&bytes, &result);
    expect_ok(
        store_result_put(self->store, 1, 0, index, attempt, bytes.data, bytes.size, &err),
        &err);
    expect_ok(store_task_put(self->store, 1, 0, index, &row, &err), &err);
}

static void test_a_store_without_lineage_gets_it_from_its_records(void **state)
{
    struct fixture *self = *state;
    struct lineage_entry entries[4];
    size_t count;
    bool more;
    struct err err;

    for (uint64_t i = 0; i < 2500; i++)
        put_old_result(self, i, 2, file_a);
    put_old_result(self, 7, 1, file_b); /* an attempt that was followed by another */
    expect_ok(store_commit(self->store, &err), &err);
    expect_ok(store_lineage_complete(self->store, &err), &err);
    fixture_reopen(self);
    expect_ok(store_makers(self->store, file_a, 0, entries, 4, &count, &more, &err),
              &err);
    assert_int_equal(count, 1);
    assert_int_equal(entries[0].count, 2500);
    expect_maker(self, file_b, 0, 0);
    put_old_result(self, 8, 2, file_b);
    expect_ok(store_lineage_complete(self->store, &err), &err);
    expect_maker(self, file_b, 0, 0); /* it is read through once only */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tasks_in_a_row_are_one_entry),
        TEST(test_of_several_makers_the_run_itself_counts_then_the_one_before),
        TEST(test_a_stage_uses_its_inputs_and_its_code_and_what_it_fetched),
        TEST(test_the_beginning_of_a_digest_names_it_if_no_other_has_it),
        TEST(test_a_store_without_lineage_gets_it_from_its_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
