/* test_secrets.c - values of secrets in the store: kept while the run goes on, then gone.
 */
#include "broker/store/secrets.h"
#include "store_fixture.h"

static struct plan_secret items[] = { { "TOKEN", "a" }, { "PASSWORD", "b" } };

static void put(struct fixture *self, uint64_t run, uint32_t stage, size_t count)
{
    struct plan_secrets secrets = { items, count };
    struct err err;

    expect_ok(store_secrets_put(self->store, run, stage, &secrets, &err), &err);
}

static size_t count_of(struct fixture *self, uint64_t run, uint32_t stage)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct plan_secrets secrets;
    struct err err;

    expect_ok(store_secrets(self->store, run, stage, arena, &secrets, &err), &err);
    for (size_t i = 0; i < secrets.count; i++)
        assert_string_equal(secrets.items[i].value, items[i].value);
    return secrets.count;
}

static void test_the_secrets_of_a_run_go_with_its_end_and_no_others(void **state)
{
    struct fixture *self = *state;
    struct err err;

    put(self, 1, 0, 1);
    put(self, 2, 0, 2);
    put(self, 2, 7, 1);
    put(self, 3, 0, 1);
    expect_ok(store_commit(self->store, &err), &err);
    fixture_reopen(self);
    assert_int_equal(count_of(self, 2, 0), 2);
    assert_int_equal(count_of(self, 2, 1), 0);
    expect_ok(store_secrets_remove(self->store, 2, &err), &err);
    expect_ok(store_secrets_remove(self->store, 9, &err), &err);
    expect_ok(store_commit(self->store, &err), &err);
    assert_int_equal(count_of(self, 1, 0), 1);
    assert_int_equal(count_of(self, 2, 0), 0);
    assert_int_equal(count_of(self, 2, 7), 0);
    assert_int_equal(count_of(self, 3, 0), 1);
}

static void test_the_key_of_masks_stays_with_the_store(void **state)
{
    struct fixture *self = *state;
    uint8_t key[SECRET_KEY_SIZE];
    static const uint8_t zeros[SECRET_KEY_SIZE];

    memcpy(key, store_mask_key(self->store), sizeof key);
    assert_memory_not_equal(key, zeros, sizeof key);
    fixture_reopen(self);
    assert_memory_equal(key, store_mask_key(self->store), sizeof key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_the_secrets_of_a_run_go_with_its_end_and_no_others, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(test_the_key_of_masks_stays_with_the_store,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
