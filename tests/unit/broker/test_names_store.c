/* Datums, aliases, tags and dataset versions in the store, also after it was opened
 * anew. */
#include "broker/store/names.h"
#include "store_fixture.h"

enum { ARENA_MAX = 64 << 20, MANY = 30000 };

static const char digest[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static struct datum datum_named(const char *name, uint64_t run)
{
    struct datum datum = { .digest = digest,
                           .name = name,
                           .md5 = "",
                           .sha1 = "",
                           .size = 3,
                           .run = run,
                           .stage = "s",
                           .created_us = 5,
                           .by = "" };
    char id[UUID_TEXT_SIZE];

    datum_id_derive(digest, name, id);
    assert_true(uuid_read(id, datum.id));
    return datum;
}

static uint64_t put(struct fixture *self, const char *name, uint64_t run)
{
    struct datum datum = datum_named(name, run);
    struct err err;

    expect_ok(store_datum_put(self->store, &datum, NULL, &err), &err);
    return datum.number;
}

static void commit(struct fixture *self)
{
    struct err err;

    expect_ok(store_commit(self->store, &err), &err);
}

static void test_a_datum_is_one_whoever_makes_it(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct datum read;
    uint64_t numbers[4], number = put(self, "größe.txt", 7);
    struct err err;

    assert_int_equal(put(self, "other", 7), number + 1);
    assert_int_equal(put(self, "größe.txt", 8), number);
    commit(self);
    fixture_reopen(self);
    expect_ok(store_datum(self->store, number, arena, &read, &err), &err);
    assert_string_equal(read.name, "größe.txt");
    assert_int_equal(read.run, 7);
    assert_int_equal(read.properties.kind, VALUE_ABSENT);
    expect_ok(store_datum_find(self->store, read.id, &number, &err), &err);
    assert_int_equal(number, 1);
    assert_int_equal(store_datums(self->store, 8, 0, numbers, 4), 1);
    assert_int_equal(numbers[0], 1);
    assert_int_equal(store_datums(self->store, 7, 0, numbers, 4), 2);
    assert_int_equal(store_datums(self->store, 9, 0, numbers, 4), 0);
}

static void test_properties_are_merged_and_the_newer_ones_win(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct value_entry one[] = { { "a", value_int(1) }, { "b", value_int(1) } };
    struct value_entry two[] = { { "b", value_int(2) }, { "c", value_int(2) } };
    struct datum datum = datum_named("f", 1), read;
    struct err err;

    datum.properties = (struct value){ .kind = VALUE_MAP, .map = { one, 2 } };
    expect_ok(store_datum_put(self->store, &datum, NULL, &err), &err);
    datum.properties.map.entries = two;
    expect_ok(store_datum_put(self->store, &datum, NULL, &err), &err);
    expect_ok(store_datum(self->store, datum.number, arena, &read, &err), &err);
    assert_int_equal(read.properties.map.count, 3);
    assert_int_equal(value_get(&read.properties, "a")->integer, 1);
    assert_int_equal(value_get(&read.properties, "b")->integer, 2);
}

static void test_many_datums_are_listed_in_pages_newest_first(void **state)
{
    struct fixture *self = *state;
    uint64_t numbers[1000], before = 0, expected = MANY;
    size_t got;
    char name[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        put(self, name, (uint64_t)(1 + i % 2));
    }
    commit(self);
    while ((got = store_datums(self->store, 0, before, numbers, 1000)) > 0)
        for (size_t i = 0; i < got; i++, expected--) {
            assert_int_equal(numbers[i], expected);
            before = numbers[i];
        }
    assert_int_equal(expected, 0);
    assert_int_equal(store_datums(self->store, 2, 0, numbers, 1000), 1000);
    assert_int_equal(numbers[1], MANY - 2);
}

static void set_alias(struct fixture *self, const char *project, const char *name,
                      const char *target, bool changes)
{
    struct alias alias = { name, target, "me", 9, 0 };
    bool changed = !changes;
    struct err err;

    expect_ok(store_alias_put(self->store, project, &alias, &changed, &err), &err);
    assert_int_equal(changed, changes);
}

static void test_an_alias_moves_and_what_it_was_is_kept(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct alias alias, *list;
    size_t count;
    struct err err;

    set_alias(self, "p", "best", "datum://1", true);
    set_alias(self, "p", "best", "datum://1", false);
    set_alias(self, "p", "best", "datum://2", true);
    set_alias(self, "q", "best", "datum://3", true);
    set_alias(self, "p", "bester", "datum://4", true);
    set_alias(self, "p", "模型", "datum://5", true);
    commit(self);
    expect_ok(store_alias(self->store, "p", "best", arena, &alias, &err), &err);
    assert_string_equal(alias.target, "datum://2");
    set_alias(self, "p", "best", "", true);
    assert_int_equal(store_alias(self->store, "p", "best", arena, &alias, &err),
                     RC_NOT_FOUND);
    expect_ok(store_aliases(self->store, "p", "", arena, 10, &list, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "bester");
    assert_string_equal(list[1].name, "模型");
    expect_ok(store_aliases(self->store, "p", "bester", arena, 10, &list, &count, &err),
              &err);
    assert_int_equal(count, 1);
    set_alias(self, "p", "best", "datum://1", true);
    expect_ok(
        store_alias_history(self->store, "p", "best", arena, 10, &list, &count, &err),
        &err);
    assert_int_equal(count, 4);
    assert_string_equal(list[0].target, "datum://1");
    assert_string_equal(list[1].target, "");
    assert_int_equal(list[3].changes, 1);
}

static void test_tags_are_found_from_both_ends(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(ARENA_MAX);
    const char *const *tags;
    uint64_t numbers[4];
    size_t count;
    bool changed;
    struct err err;

    for (uint64_t i = 1; i <= 3; i++)
        expect_ok(store_tag_put(self->store, TAGGED_DATUM, i, "good", &changed, &err),
                  &err);
    assert_true(changed);
    expect_ok(store_tag_put(self->store, TAGGED_DATUM, 3, "good", &changed, &err), &err);
    assert_false(changed);
    expect_ok(store_tag_put(self->store, TAGGED_DATUM, 3, "goods", &changed, &err), &err);
    expect_ok(store_tag_put(self->store, TAGGED_RUN, 9, "good", &changed, &err), &err);
    assert_int_equal(store_tagged(self->store, TAGGED_DATUM, "good", 0, numbers, 4), 3);
    assert_int_equal(numbers[0], 3);
    assert_int_equal(store_tagged(self->store, TAGGED_RUN, "good", 0, numbers, 4), 1);
    expect_ok(store_tags(self->store, TAGGED_DATUM, 3, arena, &tags, &count, &err), &err);
    assert_int_equal(count, 2);
    expect_ok(store_tag_remove(self->store, TAGGED_DATUM, 3, "good", &changed, &err),
              &err);
    assert_true(changed);
    expect_ok(store_tag_remove(self->store, TAGGED_DATUM, 3, "good", &changed, &err),
              &err);
    assert_false(changed);
    assert_int_equal(store_tagged(self->store, TAGGED_DATUM, "good", 0, numbers, 4), 2);
}

static struct dataset_version version_made(struct fixture *self, const char *name)
{
    struct dataset_version version = {
        .project = "p", .dataset = "d", .version = name, .by = ""
    };
    struct err err;

    expect_ok(store_dataset_put(self->store, &version, &err), &err);
    return version;
}

static void add_file(struct fixture *self, struct dataset_version *version,
                     const char *name, const char *other_digest)
{
    struct datum datum = datum_named(name, 1);
    char id[UUID_TEXT_SIZE];
    bool changed;
    struct err err;

    if (other_digest) {
        datum.digest = other_digest;
        datum_id_derive(other_digest, name, id);
        assert_true(uuid_read(id, datum.id));
    }
    expect_ok(store_datum_put(self->store, &datum, NULL, &err), &err);
    expect_ok(store_dataset_add(self->store, version, &datum, &changed, &err), &err);
    expect_ok(store_dataset_put(self->store, version, &err), &err);
}

static size_t file_count(struct fixture *self, const struct dataset_version *version)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    uint64_t *numbers;
    size_t count;
    struct err err;

    expect_ok(
        store_dataset_files(self->store, version->number, arena, &numbers, &count, &err),
        &err);
    assert_int_equal(count, version->files);
    assert_int_equal(version->bytes, 3 * count);
    return count;
}

static void test_a_version_begins_with_another_and_replaces_what_came_from_it(
    void **state)
{
    struct fixture *self = *state;
    static const char *const exclude[] = { "bad" };
    struct dataset_version one = version_made(self, "v1"), two;
    struct err err;

    add_file(self, &one, "a", NULL);
    add_file(self, &one, "a", NULL);
    add_file(self, &one, "bad", NULL);
    add_file(self, &one, "c", NULL);
    assert_int_equal(file_count(self, &one), 3);
    two = version_made(self, "v2");
    expect_ok(store_dataset_inherit(self->store, &two, one.number, exclude, 1, &err),
              &err);
    assert_int_equal(file_count(self, &two), 2);
    add_file(self, &two, "a", "sha256:2");
    assert_int_equal(file_count(self, &two), 2);
    add_file(self, &two, "a", "sha256:3"); /* both were added: both stay */
    assert_int_equal(file_count(self, &two), 3);
    expect_ok(store_dataset_shed(self->store, &two, &err), &err);
    assert_int_equal(file_count(self, &two), 2);
    assert_int_equal(two.base, 0);
    assert_int_equal(file_count(self, &one), 3);
}

static void test_a_file_of_ones_own_is_not_taken_over_twice(void **state)
{
    struct fixture *self = *state;
    struct dataset_version one = version_made(self, "v1"), two = version_made(self, "v2");
    struct err err;

    add_file(self, &one, "a", NULL);
    add_file(self, &one, "b", NULL);
    add_file(self, &two, "a", "sha256:2");
    expect_ok(store_dataset_inherit(self->store, &two, one.number, NULL, 0, &err), &err);
    assert_int_equal(file_count(self, &two), 2);
}

static void test_versions_are_listed_by_name_and_found_by_number(void **state)
{
    struct fixture *self = *state;
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct dataset_version *list, found;
    size_t count;
    struct err err;

    version_made(self, "v2");
    version_made(self, "v10");
    version_made(self, "größe");
    commit(self);
    fixture_reopen(self);
    expect_ok(
        store_datasets(self->store, "p", "d", "", "", arena, 10, &list, &count, &err),
        &err);
    assert_int_equal(count, 3);
    assert_string_equal(list[0].version, "größe");
    assert_string_equal(list[1].version, "v10");
    assert_int_equal(list[1].number, 2);
    expect_ok(
        store_datasets(self->store, "p", "", "d", "v10", arena, 10, &list, &count, &err),
        &err);
    assert_int_equal(count, 1);
    assert_string_equal(list[0].version, "v2");
    expect_ok(
        store_datasets(self->store, "q", "", "", "", arena, 10, &list, &count, &err),
        &err);
    assert_int_equal(count, 0);
    expect_ok(store_dataset_by_number(self->store, 3, arena, &found, &err), &err);
    assert_string_equal(found.version, "größe");
    assert_string_equal(found.project, "p");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_datum_is_one_whoever_makes_it),
        TEST(test_properties_are_merged_and_the_newer_ones_win),
        TEST(test_many_datums_are_listed_in_pages_newest_first),
        TEST(test_an_alias_moves_and_what_it_was_is_kept),
        TEST(test_tags_are_found_from_both_ends),
        TEST(test_a_version_begins_with_another_and_replaces_what_came_from_it),
        TEST(test_a_file_of_ones_own_is_not_taken_over_twice),
        TEST(test_versions_are_listed_by_name_and_found_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
