/* The launch file in a directory of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codecs/base/buf.h"
#include "nodes/supervisor/launch.h"

enum { MEMORY_MAX = 64 << 20 };

struct folder {
    char directory[64], path[80];
};

static int setup(void **state)
{
    static struct folder place;

    snprintf(place.directory, sizeof place.directory, "/tmp/sluice-launch-XXXXXX");
    if (!mkdtemp(place.directory))
        return -1;
    snprintf(place.path, sizeof place.path, "%s/launch", place.directory);
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    struct folder *place = *state;

    unlink(place->path);
    return rmdir(place->directory);
}

static const char *const arguments[] = { "python3", "train.py", "", "--note=\n\xff" };
static const char *const variables[] = { "PATH=/bin", "EMPTY=", "A=b=c" };
static const struct launch_bind binds[] = {
    { .source = "/a/inputs", .target = "/valohai/inputs", .readonly = true },
    { .source = "/a/outputs", .target = "/valohai/outputs" },
};

static struct launch sample(void)
{
    return (struct launch){ .arguments = arguments,
                            .argument_count = COUNT_OF(arguments),
                            .variables = variables,
                            .variable_count = COUNT_OF(variables),
                            .working_directory = "/a/repository",
                            .binds = binds,
                            .bind_count = COUNT_OF(binds) };
}

static void test_a_launch_is_read_as_written(void **state)
{
    struct folder *place = *state;
    scoped(arena) arena = arena_create(MEMORY_MAX);
    struct launch launch = sample(), got;

    assert_int_equal(launch_write(place->directory, &launch, NULL), RC_OK);
    assert_int_equal(launch_read(place->directory, arena, &got, NULL), RC_OK);
    assert_int_equal(got.argument_count, launch.argument_count);
    for (size_t i = 0; i < COUNT_OF(arguments); i++)
        assert_string_equal(got.arguments[i], arguments[i]);
    assert_null(got.arguments[got.argument_count]);
    assert_int_equal(got.variable_count, launch.variable_count);
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        assert_string_equal(got.variables[i], variables[i]);
    assert_null(got.variables[got.variable_count]);
    assert_string_equal(got.working_directory, launch.working_directory);
    assert_int_equal(got.bind_count, launch.bind_count);
    for (size_t i = 0; i < COUNT_OF(binds); i++) {
        assert_string_equal(got.binds[i].source, binds[i].source);
        assert_string_equal(got.binds[i].target, binds[i].target);
        assert_int_equal(got.binds[i].readonly, binds[i].readonly);
    }
}

static void test_no_variables_and_no_binds_are_a_launch(void **state)
{
    struct folder *place = *state;
    scoped(arena) arena = arena_create(MEMORY_MAX);
    struct launch launch = sample(), got;

    launch.variable_count = launch.bind_count = 0;
    assert_int_equal(launch_write(place->directory, &launch, NULL), RC_OK);
    assert_int_equal(launch_read(place->directory, arena, &got, NULL), RC_OK);
    assert_int_equal(got.variable_count, 0);
    assert_null(got.variables[0]);
    assert_int_equal(got.bind_count, 0);
}

static size_t file_read(const char *path, unsigned char *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, bytes, size);

    close(fd);
    assert_true(got > 0);
    return (size_t)got;
}

static void file_write(const char *path, const unsigned char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static void test_a_file_that_was_cut_anywhere_is_corrupt(void **state)
{
    struct folder *place = *state;
    struct launch launch = sample(), got = { .bind_count = 77 };
    unsigned char bytes[4096];

    assert_int_equal(launch_write(place->directory, &launch, NULL), RC_OK);

    size_t size = file_read(place->path, bytes, sizeof bytes);

    for (size_t cut = 0; cut < size; cut++) {
        scoped(arena) arena = arena_create(MEMORY_MAX);

        file_write(place->path, bytes, cut);
        assert_int_equal(launch_read(place->directory, arena, &got, NULL), RC_CORRUPT);
    }
    assert_int_equal(got.bind_count, 77);
}

static void test_any_changed_byte_is_read_without_harm(void **state)
{
    struct folder *place = *state;
    struct launch launch = sample();
    unsigned char bytes[4096];

    assert_int_equal(launch_write(place->directory, &launch, NULL), RC_OK);

    size_t size = file_read(place->path, bytes, sizeof bytes);

    for (size_t at = 0; at < size; at++)
        for (int flip = 0; flip < 8; flip++) {
            scoped(arena) arena = arena_create(1 << 20);
            struct launch got;

            bytes[at] ^= (unsigned char)(1 << flip);
            file_write(place->path, bytes, size);
            if (launch_read(place->directory, arena, &got, NULL) == RC_OK)
                assert_non_null(got.arguments[0]);
            bytes[at] ^= (unsigned char)(1 << flip);
        }
}

static void test_a_missing_file_and_directory_are_named(void **state)
{
    struct folder *place = *state;
    scoped(arena) arena = arena_create(MEMORY_MAX);
    struct launch launch = sample(), got;
    struct err err;

    assert_int_equal(launch_read(place->directory, arena, &got, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.text, place->path));
    assert_int_equal(launch_write("/nowhere/at/all", &launch, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

int main(void)
{
#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_a_launch_is_read_as_written),
        PLACE_TEST(test_no_variables_and_no_binds_are_a_launch),
        PLACE_TEST(test_a_file_that_was_cut_anywhere_is_corrupt),
        PLACE_TEST(test_any_changed_byte_is_read_without_harm),
        PLACE_TEST(test_a_missing_file_and_directory_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
