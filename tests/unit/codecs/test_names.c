/* Names of data, and the keys of properties that do something. */
#include "codecs/names/names.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 1 << 20 };

static void test_a_uuid_is_read_as_it_is_written(void **state)
{
    char id[UUID_TEXT_SIZE], again[UUID_TEXT_SIZE];
    uint8_t bytes[UUID_BYTES];

    (void)state;
    datum_id_derive("sha256:00", "a.txt", id);
    assert_true(uuid_read(id, bytes));
    uuid_write(bytes, again);
    assert_string_equal(again, id);
    datum_id_derive("sha256:00", "b.txt", again);
    assert_string_not_equal(again, id);
    assert_false(uuid_read("", bytes));
    assert_false(uuid_read("0123456-0123-8123-8123-0123456789abc", bytes));
    assert_false(uuid_read("01234567-0123-8123-8123-0123456789aX", bytes));
    assert_false(uuid_read("01234567-0123-8123-8123-0123456789ab ", bytes));
    assert_true(uuid_read("01234567-0123-8123-8123-0123456789AB", bytes));
}

static void test_names_are_short_texts_without_slashes_and_controls(void **state)
{
    char longest[NAME_BYTES_MAX + 2];

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[NAME_BYTES_MAX + 1] = '\0';
    assert_false(name_is_valid(longest));
    longest[NAME_BYTES_MAX] = '\0';
    assert_true(name_is_valid(longest));
    assert_true(name_is_valid("größe 2 模型"));
    assert_true(tag_is_valid("team/a"));
    assert_false(name_is_valid("team/a"));
    assert_false(name_is_valid(""));
    assert_false(name_is_valid(" a"));
    assert_false(name_is_valid("a\n"));
    assert_false(name_is_valid("a\tb"));
    assert_false(name_is_valid("\xff"));
    assert_false(name_is_valid("a\xc2\x85z"));
    assert_false(alias_is_valid("01234567-0123-8123-8123-0123456789ab"));
}

static void test_uris_are_told_apart(void **state)
{
    struct name_uri uri = { .name = "kept" };
    struct err err;

    (void)state;
    assert_true(name_uri_is("datum://x") && name_uri_is("DATASET://a/b"));
    assert_false(name_uri_is("data.csv") || name_uri_is("s3://a/b"));
    assert_int_equal(name_uri_read("datum://", &uri, &err), RC_INVALID);
    assert_int_equal(name_uri_read("datum://a/b", &uri, &err), RC_INVALID);
    assert_int_equal(name_uri_read("dataset://a", &uri, &err), RC_INVALID);
    assert_int_equal(name_uri_read("dataset:///v", &uri, &err), RC_INVALID);
    assert_int_equal(name_uri_read("dataset://a/b/c", &uri, &err), RC_INVALID);
    assert_int_equal(name_uri_read("file:a", &uri, &err), RC_INVALID);
    assert_string_equal(uri.name, "kept");
    assert_int_equal(
        name_uri_read("datum://01234567-0123-8123-8123-0123456789ab", &uri, &err), RC_OK);
    assert_int_equal(uri.kind, NAME_ID);
    assert_int_equal(name_uri_read("datum://best", &uri, &err), RC_OK);
    assert_int_equal(uri.kind, NAME_ALIAS);
    assert_string_equal(uri.name, "best");
    assert_int_equal(name_uri_read("dataset://images/v 1", &uri, &err), RC_OK);
    assert_int_equal(uri.kind, NAME_VERSION);
    assert_string_equal(uri.name, "images");
    assert_string_equal(uri.version, "v 1");
}

static size_t lines_of(struct buf *notes)
{
    size_t lines = 0;

    for (const char *at = buf_string(notes); (at = strchr(at, '\n')); at++)
        lines++;
    return lines;
}

static void read_sidecar(struct arena *arena, const char *json, struct sidecar *sidecar,
                         struct buf *notes)
{
    struct value *map = arena_alloc(arena, sizeof *map);
    struct err err;

    assert_non_null(map);
    assert_int_equal(value_from_json(arena, json, strlen(json), map, &err), RC_OK);
    assert_int_equal(
        sidecar_read(arena, "f.txt",
                     &(struct value){ .kind = VALUE_LIST, .list = { map, 1 } }, sidecar,
                     notes, &err),
        RC_OK);
}

static void test_the_keys_of_the_contract_are_read(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped_buf notes = { 0 };
    struct sidecar sidecar;

    (void)state;
    read_sidecar(arena,
                 "{\"valohai.tags\": [\"a\", \"b/c\"], \"valohai.alias\": \"best\","
                 " \"valohai.dataset-versions\": [\"dataset://d/v1\","
                 " {\"uri\": \"dataset://d/v2\", \"from\": \"dataset://e/v0\","
                 "  \"start_fresh\": false, \"exclude\": [\"x.png\"], \"else\": 1},"
                 " {\"uri\": \"dataset://d/v3\", \"from\": \"v2\"}],"
                 " \"valohai.model-versions\": [1], \"free\": {\"k\": null}}",
                 &sidecar, &notes);
    assert_int_equal(lines_of(&notes), 0);
    assert_string_equal(sidecar.alias, "best");
    assert_int_equal(sidecar.tag_count, 2);
    assert_string_equal(sidecar.tags[1], "b/c");
    assert_int_equal(sidecar.version_count, 3);
    assert_false(sidecar.versions[0].has_base);
    assert_string_equal(sidecar.versions[1].base.name, "e");
    assert_string_equal(sidecar.versions[1].exclude->list.items[0].string.data, "x.png");
    assert_string_equal(sidecar.versions[2].base.name, "d");
    assert_string_equal(sidecar.versions[2].base.version, "v2");
}

static void test_each_wrong_entry_is_left_out_with_a_line(void **state)
{
    static const char *const wrong[] = {
        "{\"valohai.tags\": \"a\"}",
        "{\"valohai.tags\": [1]}",
        "{\"valohai.tags\": [\"\"]}",
        "{\"valohai.alias\": 7}",
        "{\"valohai.alias\": \"a/b\"}",
        "{\"valohai.alias\": [\"a\"]}",
        "{\"valohai.alias\": \"a\\u0000b\"}",
        "{\"valohai.dataset-versions\": \"dataset://d/v\"}",
        "{\"valohai.dataset-versions\": [\"d/v\"]}",
        "{\"valohai.dataset-versions\": [\"datum://d\"]}",
        "{\"valohai.dataset-versions\": [3]}",
        "{\"valohai.dataset-versions\": [{\"url\": \"dataset://d/v\"}]}",
        "{\"valohai.dataset-versions\": [{\"uri\": \"dataset://d/v\", \"from\": 1}]}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        scoped(arena) arena = arena_create(ARENA_MAX);
        scoped_buf notes = { 0 };
        struct sidecar sidecar;

        read_sidecar(arena, wrong[i], &sidecar, &notes);
        assert_int_equal(sidecar.tag_count + sidecar.version_count, 0);
        assert_null(sidecar.alias);
        if (lines_of(&notes) != 1 || strncmp(buf_string(&notes), "f.txt: ", 7) != 0)
            fail_msg("%s gives \"%s\"", wrong[i], buf_string(&notes));
    }
}

static void test_what_is_right_beside_what_is_wrong_counts(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped_buf notes = { 0 };
    struct sidecar sidecar;

    (void)state;
    read_sidecar(arena,
                 "{\"valohai.tags\": [1, \"a\"], \"valohai.dataset-versions\":"
                 " [2, {\"uri\": \"dataset://d/v\", \"exclude\": \"x\","
                 " \"start_fresh\": 1}], \"valohai.alias\": null}",
                 &sidecar, &notes);
    assert_int_equal(lines_of(&notes), 4);
    assert_int_equal(sidecar.tag_count, 1);
    assert_int_equal(sidecar.version_count, 1);
    assert_null(sidecar.versions[0].exclude);
    assert_false(sidecar.versions[0].start_fresh);
}

static void test_there_is_an_end_to_what_one_file_may_ask(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped_buf notes = { 0 }, json = { 0 };
    struct sidecar sidecar;

    (void)state;
    buf_text(&json, "{\"valohai.tags\": [\"t\"");
    for (int i = 0; i < 1000; i++)
        buf_printf(&json, ", \"t%d\"", i);
    buf_text(&json, "], \"valohai.dataset-versions\": [\"dataset://d/v\"");
    for (int i = 0; i < 1000; i++)
        buf_printf(&json, ", \"dataset://d/v%d\"", i);
    buf_text(&json, "]}");
    read_sidecar(arena, buf_string(&json), &sidecar, &notes);
    assert_int_equal(sidecar.tag_count, SIDECAR_ENTRIES_MAX);
    assert_int_equal(sidecar.version_count, SIDECAR_ENTRIES_MAX);
    assert_int_equal(lines_of(&notes), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_uuid_is_read_as_it_is_written),
        cmocka_unit_test(test_names_are_short_texts_without_slashes_and_controls),
        cmocka_unit_test(test_uris_are_told_apart),
        cmocka_unit_test(test_the_keys_of_the_contract_are_read),
        cmocka_unit_test(test_each_wrong_entry_is_left_out_with_a_line),
        cmocka_unit_test(test_what_is_right_beside_what_is_wrong_counts),
        cmocka_unit_test(test_there_is_an_end_to_what_one_file_may_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
