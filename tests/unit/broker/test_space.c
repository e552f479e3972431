/* Which runs a policy lets go, the table of objects, and removal by last use. */
#include "broker/artifacts/objects.h"
#include "broker/space/space_mark.h"
#include "broker/space/space_table.h"
#include "store_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { DAY_US = 1000000 };

static void digest_of(unsigned number, char digest[DIGEST_TEXT_SIZE])
{
    digest_bytes(&number, sizeof number, digest);
}

static void test_the_table_finds_what_was_added_and_nothing_else(void **state)
{
    struct space_table table = { .count = 0 };
    char digest[DIGEST_TEXT_SIZE];

    (void)state;
    digest_of(0, digest);
    assert_null(space_table_find(&table, digest));
    for (unsigned i = 0; i < 20000; i++) {
        digest_of(i, digest);
        assert_true(space_table_add(&table, digest, i, 5));
        assert_true(space_table_add(&table, digest, i, 4));
    }
    assert_int_equal(table.count, 20000);
    for (unsigned i = 0; i < 20000; i++) {
        digest_of(i, digest);
        assert_int_equal(space_table_find(&table, digest)->size, i);
        assert_int_equal(space_table_find(&table, digest)->kept_ns, 5);
    }
    digest_of(20000, digest);
    assert_null(space_table_find(&table, digest));
    assert_null(space_table_find(&table, "sha256:no"));
    assert_null(space_table_find(&table, NULL));
    space_table_fini(&table);
}

static void test_all_policies_have_to_agree_and_none_lets_nothing_go(void **state)
{
    const uint64_t runs[] = { 3, 4 };
    struct space_policy policy = { .now_us = 100 * (int64_t)DAY_US };

    (void)state;
    assert_false(space_policy_drops(&policy, 3, 0, 1000));
    policy.has_age = true;
    policy.older_than_us = 30 * (int64_t)DAY_US;
    assert_true(space_policy_drops(&policy, 3, 70 * (int64_t)DAY_US, 0));
    assert_false(space_policy_drops(&policy, 3, 70 * (int64_t)DAY_US + 1, 0));
    policy.has_last = true;
    policy.keep_last = 2;
    assert_false(space_policy_drops(&policy, 3, 0, 1));
    assert_true(space_policy_drops(&policy, 3, 0, 2));
    policy.has_runs = true;
    policy.runs = runs;
    policy.run_count = 2;
    assert_true(space_policy_drops(&policy, 4, 0, 2));
    assert_false(space_policy_drops(&policy, 5, 0, 2));
}

/* Beside the folder of the fixture. */
static struct objects *open_objects(struct fixture *self)
{
    struct objects *objects;
    struct err err;
    char path[4200];

    snprintf(path, sizeof path, "%s-objects", self->folder);
    expect_ok(objects_open(path, &objects, &err), &err);
    return objects;
}

static void put(struct objects *objects, const char *text, bool is_packed,
                char digest[DIGEST_TEXT_SIZE])
{
    struct err err;

    digest_bytes(text, strlen(text), digest);
    if (is_packed) {
        struct object_small item = { digest, text, strlen(text) };

        expect_ok(objects_add(objects, &item, 1, false, &err), &err);
    } else {
        struct object_writer *writer;

        expect_ok(object_writer_create(objects, &writer, &err), &err);
        expect_ok(object_writer_add(writer, text, strlen(text), &err), &err);
        expect_ok(object_writer_commit(writer, digest, NULL, NULL, &err), &err);
    }
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void test_what_was_stored_or_used_since_is_not_removed(void **state)
{
    struct fixture *self = *state;
    scoped(objects) objects = open_objects(self);
    int64_t hour = 3600 * (int64_t)1000000000;
    bool was_removed = true;
    struct err err;

    for (int is_packed = 0; is_packed < 2; is_packed++) {
        char digest[DIGEST_TEXT_SIZE];

        put(objects, is_packed ? "a" : "b", is_packed, digest);
        expect_ok(
            objects_remove_unused(objects, digest, now_ns() - hour, &was_removed, &err),
            &err);
        assert_false(was_removed);
        assert_true(objects_use(objects, digest, NULL));
        expect_ok(
            objects_remove_unused(objects, digest, now_ns() + hour, &was_removed, &err),
            &err);
        assert_true(was_removed);
        assert_false(objects_use(objects, digest, NULL));
        expect_ok(
            objects_remove_unused(objects, digest, now_ns() + hour, &was_removed, &err),
            &err);
        assert_false(was_removed);
    }
}

static void test_a_use_makes_an_old_file_young(void **state)
{
    struct fixture *self = *state;
    scoped(objects) objects = open_objects(self);
    const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    char digest[DIGEST_TEXT_SIZE], path[4300];
    bool was_removed = true;
    struct err err;

    put(objects, "old", false, digest);
    assert_true(objects_path(objects, digest, path, sizeof path));
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_true(objects_use(objects, digest, NULL));
    expect_ok(objects_remove_unused(objects, digest, now_ns() - (int64_t)60000000000,
                                    &was_removed, &err),
              &err);
    assert_false(was_removed);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    expect_ok(objects_remove_unused(objects, digest, now_ns() - (int64_t)60000000000,
                                    &was_removed, &err),
              &err);
    assert_true(was_removed);
}

static int remove_one(const char *path, const struct stat *info, int kind,
                      struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int teardown(void **state)
{
    const struct fixture *self = *state;
    char path[4200];

    snprintf(path, sizeof path, "%s-objects", self->folder);
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return fixture_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_finds_what_was_added_and_nothing_else),
        cmocka_unit_test(test_all_policies_have_to_agree_and_none_lets_nothing_go),
        TEST(test_what_was_stored_or_used_since_is_not_removed),
        TEST(test_a_use_makes_an_old_file_young),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
