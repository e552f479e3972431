/* The vectors are those of FIPS 180-4, RFC 1321 and RFC 3174. */
#include "codecs/digest/digest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char abc[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char nothing[] =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void test_bytes_in_memory_get_the_standard_digest(void **state)
{
    char text[DIGEST_TEXT_SIZE];

    (void)state;
    digest_bytes("abc", 3, text);
    assert_string_equal(text, abc);
    digest_bytes("", 0, text);
    assert_string_equal(text, nothing);
}

static void test_a_digester_is_ready_again_after_its_end(void **state)
{
    scoped(digester) digester = digester_create(true);
    struct digest_set set;

    (void)state;
    assert_non_null(digester);
    digester_add(digester, "a", 1);
    digester_add(digester, "bc", 2);
    digester_end(digester, &set);
    assert_string_equal(set.sha256, abc);
    assert_string_equal(set.md5, "900150983cd24fb0d6963f7d28e17f72");
    assert_string_equal(set.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    digester_end(digester, &set);
    assert_string_equal(set.sha256, nothing);
    assert_string_equal(set.md5, "d41d8cd98f00b204e9800998ecf8427e");
}

static void test_without_legacy_the_old_hashes_stay_empty(void **state)
{
    scoped(digester) digester = digester_create(false);
    struct digest_set set;

    (void)state;
    digester_add(digester, "abc", 3);
    digester_end(digester, &set);
    assert_string_equal(set.sha256, abc);
    assert_string_equal(set.md5, "");
    assert_string_equal(set.sha1, "");
}

static void test_a_file_is_hashed_from_its_start_wherever_it_stands(void **state)
{
    FILE *file = tmpfile();
    struct digest_set set;
    uint64_t bytes = 7;
    struct err err = { 0 };

    (void)state;
    assert_non_null(file);
    assert_int_equal(write(fileno(file), "abc", 3), 3);
    assert_int_equal(digest_file(fileno(file), true, &set, &bytes, &err), RC_OK);
    assert_int_equal(bytes, 3);
    assert_string_equal(set.sha256, abc);
    assert_string_equal(set.md5, "900150983cd24fb0d6963f7d28e17f72");
    fclose(file);
}

static void test_a_file_that_cannot_be_read_is_an_error(void **state)
{
    struct digest_set set;
    uint64_t bytes = 7;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(digest_file(-1, false, &set, &bytes, &err), RC_IO);
    assert_int_equal(err.sys, EBADF);
    assert_int_equal(bytes, 7);
}

static void test_only_sha256_and_lower_case_hex_is_a_valid_name(void **state)
{
    char text[DIGEST_TEXT_SIZE];

    (void)state;
    assert_true(digest_is_valid(abc, strlen(abc)));
    assert_false(digest_is_valid(abc, strlen(abc) - 1));
    assert_false(digest_is_valid("", 0));
    memcpy(text, abc, sizeof text);
    text[10] = 'A';
    assert_false(digest_is_valid(text, strlen(text)));
    memcpy(text, abc, sizeof text);
    text[0] = 'S';
    assert_false(digest_is_valid(text, strlen(text)));
}

static void test_a_digest_is_the_same_as_text_and_as_bytes(void **state)
{
    char text[DIGEST_TEXT_SIZE], again[DIGEST_TEXT_SIZE];
    uint8_t raw[DIGEST_SIZE];

    (void)state;
    digest_bytes("abc", 3, text);
    digest_raw(text, raw);
    assert_int_equal(raw[0], 0xba);
    assert_int_equal(raw[31], 0xad);
    digest_text(raw, again);
    assert_string_equal(again, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_in_memory_get_the_standard_digest),
        cmocka_unit_test(test_a_digester_is_ready_again_after_its_end),
        cmocka_unit_test(test_without_legacy_the_old_hashes_stay_empty),
        cmocka_unit_test(test_a_file_is_hashed_from_its_start_wherever_it_stands),
        cmocka_unit_test(test_a_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(test_a_digest_is_the_same_as_text_and_as_bytes),
        cmocka_unit_test(test_only_sha256_and_lower_case_hex_is_a_valid_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
