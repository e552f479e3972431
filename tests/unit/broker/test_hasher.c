/* A file is hashed by a thread while it grows: what comes out is what one pass over the
 * whole gives, and a file that does not have its bytes is an error. */
#include "broker/artifacts/hasher.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

enum { PIECE = 1 << 20, PIECES = 20, ODD = 12345 };

static void fill(unsigned char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)((i * 2654435761u + seed) >> 13);
}

/* An open file without a name, of count pieces and ODD bytes. */
static int file_make(unsigned count)
{
    FILE *file = tmpfile();
    unsigned char *piece = malloc(PIECE);

    assert_non_null(file);
    assert_non_null(piece);
    for (unsigned i = 0; i < count; i++) {
        fill(piece, PIECE, i);
        assert_int_equal(fwrite(piece, PIECE, 1, file), 1);
    }
    fill(piece, ODD, count);
    assert_int_equal(fwrite(piece, ODD, 1, file), 1);
    free(piece);
    assert_int_equal(fflush(file), 0);

    int fd = dup(fileno(file));

    fclose(file);
    return fd;
}

static void expect_digest(struct hasher *hasher, int fd)
{
    scoped(digester) digester = NULL;
    struct digest_set whole, set;
    struct err err = { 0 };
    uint64_t size;

    assert_int_equal(digest_file(fd, false, &whole, &size, &err), RC_OK);
    assert_int_equal(hasher_end(hasher, &digester, &err), RC_OK);
    digester_end(digester, &set);
    assert_string_equal(set.sha256, whole.sha256);
}

static void test_a_file_that_grows_is_hashed_as_a_whole(void **state)
{
    FILE *file = tmpfile();
    unsigned char *piece = malloc(PIECE);
    struct hasher *hasher = NULL;
    struct err err = { 0 };
    uint64_t size = 3;

    (void)state;
    assert_non_null(file);
    assert_non_null(piece);

    struct digester *digester = digester_create(false);

    digester_add(digester, "abc", 3);
    assert_int_equal(write(fileno(file), "abc", 3), 3);
    assert_int_equal(hasher_start(fileno(file), 3, 3, digester, -1, &hasher, &err),
                     RC_OK);
    for (unsigned i = 0; i < PIECES; i++) {
        size_t part = i % 3 ? PIECE : ODD;

        fill(piece, part, i);
        assert_int_equal(write(fileno(file), piece, part), part);
        size += part;
        hasher_follow(hasher, size);
        assert_false(hasher_is_behind(hasher));
    }
    expect_digest(hasher, fileno(file));
    free(piece);
    fclose(file);
}

static void test_what_is_there_is_caught_up_with_and_told(void **state)
{
    scoped_fd int fd = file_make(PIECES), wake_fd = eventfd(0, EFD_CLOEXEC);
    struct hasher *hasher = NULL;
    struct err err = { 0 };
    eventfd_t count;

    (void)state;
    assert_int_equal(hasher_start(fd, 0, PIECES * PIECE + ODD, digester_create(false),
                                  wake_fd, &hasher, &err),
                     RC_OK);
    assert_int_equal(eventfd_read(wake_fd, &count), 0); /* waits */
    assert_int_equal(count, 1);
    assert_false(hasher_is_behind(hasher));
    expect_digest(hasher, fd);
}

static void test_a_file_with_too_few_bytes_is_an_error_at_the_end(void **state)
{
    scoped_fd int fd = file_make(1);
    scoped(digester) digester = NULL;
    struct hasher *hasher = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(
        hasher_start(fd, 0, PIECE, digester_create(false), -1, &hasher, &err), RC_OK);
    hasher_follow(hasher, 100 * (uint64_t)PIECE); /* does not wait for what never comes */
    assert_int_equal(hasher_end(hasher, &digester, &err), RC_CORRUPT);
    assert_null(digester);
    assert_non_null(strstr(err.text, "became shorter"));
}

static void test_a_hasher_can_be_dropped_at_any_time(void **state)
{
    scoped_fd int fd = file_make(PIECES);
    struct hasher *hasher = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(
        hasher_start(fd, 0, PIECES * PIECE, digester_create(false), -1, &hasher, &err),
        RC_OK);
    hasher_destroy(hasher);
    hasher_destroy(NULL);
}

static void test_the_digests_of_a_large_file_are_those_of_one_pass(void **state)
{
    static const unsigned counts[] = { 0, FILE_DIGEST_SPLIT / PIECE, PIECES };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        scoped_fd int fd = file_make(counts[i]);
        struct digest_set pass, split;
        struct err err = { 0 };
        uint64_t size = 0, same = 0;

        assert_int_equal(digest_file(fd, true, &pass, &size, &err), RC_OK);
        assert_int_equal(file_digest(fd, true, &split, &same, &err), RC_OK);
        assert_int_equal(same, size);
        assert_string_equal(split.sha256, pass.sha256);
        assert_string_equal(split.md5, pass.md5);
        assert_string_equal(split.sha1, pass.sha1);
        assert_int_equal(file_digest(fd, false, &split, &same, &err), RC_OK);
        assert_string_equal(split.sha256, pass.sha256);
        assert_string_equal(split.md5, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_that_grows_is_hashed_as_a_whole),
        cmocka_unit_test(test_what_is_there_is_caught_up_with_and_told),
        cmocka_unit_test(test_a_file_with_too_few_bytes_is_an_error_at_the_end),
        cmocka_unit_test(test_a_hasher_can_be_dropped_at_any_time),
        cmocka_unit_test(test_the_digests_of_a_large_file_are_those_of_one_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
