/* test_bundle.c - a run as rows, and the manifest of its file. */
#include "codecs/version/bundle.h"
#include "codecs/version/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DIGEST "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const unsigned char key[16] = { 0, 0, 0, 1 };

static size_t add_heads(struct buf *rows)
{
    bundle_row_encode(rows, BUNDLE_HEAD, "", 0, "head", 4);
    bundle_row_encode(rows, BUNDLE_ROW, "", 0, "row", 3);
    bundle_row_encode(rows, BUNDLE_PLAN, "", 0, "plan", 4);
    return 3;
}

static enum rc decode(struct buf *rows, size_t count, struct bundle *bundle)
{
    static struct arena *arena; /* the bundle of the last call stays readable */
    static struct buf whole;
    struct err err;

    arena_destroy(arena);
    arena = arena_create(1 << 20);
    buf_clear(&whole);
    bundle_encode(&whole, rows, count);
    return bundle_decode(arena, whole.data, whole.size, bundle, &err);
}

static void test_rows_are_found_by_table_and_key(void **state)
{
    scoped_buf rows = { 0 };
    struct bundle bundle;
    size_t count = add_heads(&rows);
    unsigned char zeros[4] = { 0 };

    (void)state;
    bundle_row_encode(&rows, BUNDLE_STAGES, zeros, 4, "a", 1);
    bundle_row_encode(&rows, BUNDLE_STAGES, key, 4, "b", 1);
    bundle_row_encode(&rows, BUNDLE_RESULTS, key, 16, "r", 1);
    assert_int_equal(decode(&rows, count + 3, &bundle), RC_OK);
    assert_int_equal(bundle.count, 6);
    assert_int_equal(bundle_find(&bundle, BUNDLE_STAGES, key, 4)->value.data[0], 'b');
    assert_null(bundle_find(&bundle, BUNDLE_TASKS, key, 12));
    assert_non_null(bundle_find(&bundle, BUNDLE_RESULTS, key, 16));
    assert_int_equal(bundle.first[BUNDLE_TABLE_COUNT], 6);
}

static enum rc take_piece(void *context, const void *bytes, size_t size, struct err *err)
{
    (void)err;
    buf_add(context, bytes, size);
    return RC_OK;
}

static enum rc take_nothing(void *context, const void *bytes, size_t size,
                            struct err *err)
{
    (void)context;
    (void)bytes;
    (void)size;
    return err_set(err, RC_FULL, "no room");
}

static void test_rows_in_any_order_are_sorted_in_pieces(void **state)
{
    static char long_value[700000];
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf rows = { 0 }, sorted = { 0 };
    struct bundle bundle;
    struct err err;
    size_t count;

    (void)state;
    for (unsigned i = 3; i > 0; i--) {
        unsigned char at[16] = { 0, 0, 0, (unsigned char)i };

        memset(long_value, (int)i, sizeof long_value);
        bundle_row_encode(&rows, BUNDLE_RESULTS, at, 16, long_value, sizeof long_value);
    }
    count = 3 + add_heads(&rows);
    assert_int_equal(bundle_sort(rows.data, rows.size, count, take_nothing, NULL, &err),
                     RC_FULL);
    assert_int_equal(
        bundle_sort(rows.data, rows.size - 1, count, take_piece, &sorted, &err),
        RC_INVALID);
    assert_int_equal(bundle_sort(rows.data, rows.size, count, take_piece, &sorted, &err),
                     RC_OK);
    assert_int_equal(bundle_decode(arena, sorted.data, sorted.size, &bundle, &err),
                     RC_OK);
    for (unsigned i = 1; i <= 3; i++)
        assert_int_equal(bundle.rows[2 + i].value.data[0], i);
}

static void test_rows_out_of_order_doubled_or_missing_are_refused(void **state)
{
    struct bundle bundle = { .count = 99 };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        scoped_buf rows = { 0 };
        size_t count = i == 0 ? 0 : add_heads(&rows);

        if (i == 1) {
            bundle_row_encode(&rows, BUNDLE_STAGES, key, 4, "a", 1);
            bundle_row_encode(&rows, BUNDLE_STAGES, key, 4, "a", 1);
            count += 2;
        } else if (i == 2) {
            bundle_row_encode(&rows, BUNDLE_TASKS, key, 12, "a", 1);
            bundle_row_encode(&rows, BUNDLE_STAGES, key, 4, "a", 1);
            count += 2;
        } else if (i == 3) {
            bundle_row_encode(&rows, BUNDLE_STAGES, key, 5, "a", 1);
            count += 1;
        }
        assert_int_equal(decode(&rows, count, &bundle), RC_INVALID);
        assert_int_equal(bundle.count, 99);
    }
}

static void test_a_manifest_is_read_back(void **state)
{
    const char *objects[] = { DIGEST, DIGEST };
    struct manifest manifest = { .store = "s",
                                 .id = "i",
                                 .title = "a \"title\"\n",
                                 .state = "complete",
                                 .number = 7,
                                 .records = DIGEST,
                                 .records_size = 12,
                                 .objects = objects,
                                 .object_count = 2 };
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf json = { 0 };
    struct manifest read;
    struct err err;

    (void)state;
    manifest_encode(&json, &manifest);
    assert_int_equal(manifest_decode(arena, (char *)json.data, json.size, &read, &err),
                     RC_OK);
    assert_string_equal(read.title, manifest.title);
    assert_int_equal(read.number, 7);
    assert_int_equal(read.object_count, 2);
    assert_string_equal(read.objects[1], DIGEST);
    assert_int_equal(read.missing_count, 0);
}

static void test_a_manifest_with_anything_wrong_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"sluice_export\": 2}",
        "{\"sluice_export\": 1}",
        "{\"sluice_export\": 1, \"store\": \"s\", \"id\": \"i\", \"title\": \"t\", "
        "\"state\": \"x\", \"records\": \"../evil\", \"number\": 1, \"records_size\": 1, "
        "\"objects\": [], \"missing\": []}",
        "{\"sluice_export\": 1, \"store\": \"s\", \"id\": \"i\", \"title\": \"t\", "
        "\"state\": \"x\", \"records\": \"" DIGEST "\", \"number\": -1, "
        "\"records_size\": 1, \"objects\": [], \"missing\": []}",
        "{\"sluice_export\": 1, \"store\": \"s\", \"id\": \"i\", \"title\": \"t\", "
        "\"state\": \"x\", \"records\": \"" DIGEST "\", \"number\": 1, "
        "\"records_size\": 1, \"objects\": [\"../../etc/passwd\"], \"missing\": []}",
    };
    scoped(arena) arena = arena_create(1 << 20);
    struct manifest read = { .number = 99 };
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (manifest_decode(arena, texts[i], strlen(texts[i]), &read, &err) != RC_INVALID)
            fail_msg("taken: %s", texts[i]);
    assert_int_equal(read.number, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_found_by_table_and_key),
        cmocka_unit_test(test_rows_in_any_order_are_sorted_in_pieces),
        cmocka_unit_test(test_rows_out_of_order_doubled_or_missing_are_refused),
        cmocka_unit_test(test_a_manifest_is_read_back),
        cmocka_unit_test(test_a_manifest_with_anything_wrong_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
